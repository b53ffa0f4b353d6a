//! The DHCPv4 server of every network that has DHCP, in this process.
//!
//! It remembers nothing: whose MAC address asks is looked up each time, and a port has its
//! addresses whether anybody asks or not. [`answer`] is the whole of what is said, without any I/O;
//! [`DhcpServer`] receives in the networks' namespaces and sends from the host's own.
//!
//! What operators can see of it is in docs/dhcp.md.

mod answer;
mod code;
mod error;
mod extra;
mod frame;
mod lookup;
mod names;
mod offer;
mod packet;
mod reply;
mod request;
mod routes;
mod served;
mod server;
mod settings;
mod socket;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod troubles;
mod value;

pub use answer::{Answer, Answered, Silence, answer};
pub use error::DhcpError;
pub use extra::{ExtraOptionError, check};
pub use frame::{CLIENT_PORT, SERVER_PORT, frame};
pub use lookup::{DhcpLookup, DhcpLookupFuture};
pub use offer::{DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MIN};
pub use reply::{Destination, Reply, ReplyKind};
pub use request::{NotARequest, REQUEST_BYTES_MAX, Request, RequestKind};
pub use server::{DhcpServer, DhcpStatus, DhcpTarget};
pub use settings::DhcpSettings;
pub use troubles::DhcpTrouble;
