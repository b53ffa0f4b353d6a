//! Listening on a Unix socket whose path others may tamper with, and knowing who connects.

mod accounts;
mod bind;
mod peer;

pub use accounts::{AccountError, Accounts};
pub use bind::{UnixSocketError, bind_unix};
pub use peer::{PeerPolicy, UnixPeer};
