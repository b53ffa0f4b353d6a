//! What crosses a process boundary on a guest request's way, and the two values that cross every
//! hop boundary, in one process or between several: the request and the response.
//!
//! Inside a process a request carries its [`Origin`](innkeeper_model::Origin) or
//! [`Identity`](innkeeper_model::Identity) as a typed value. Headers and signatures are made and
//! read only here.

pub mod access_log;
pub mod client;
pub mod headers;
pub mod hop;
pub mod limits;
pub mod metrics;
pub mod ops;
pub mod reason;
pub mod request_id;
pub mod server;
pub mod session_token;
pub mod signature;
pub mod target;
pub mod tls;
pub mod unix_socket;

pub use hop::{GuestRequest, GuestResponse, Hop, HopReport, NextHop, Now};
pub use reason::Reason;
pub use request_id::RequestId;
