//! The operator's REST API as both of its ends see it: which operations there are, what they take
//! and answer, the OpenAPI document that says so, and a client.
//!
//! The table in [`routes`] is the one place that knows paths; server, client and document are all
//! made from it.

mod client;
mod config_drive;
mod connection;
mod error;
mod hosts;
mod openapi;
mod resource;
pub mod routes;
mod written;

pub use client::{Client, ControlAddress, GuestAnswer, ListFilter};
pub use config_drive::{ConfigDrive, KeepConfigDrive};
pub use error::{ControlError, ErrorBody, ErrorCode, ErrorDetail};
pub use hosts::{DhcpClient, PortPrefixes};
pub use openapi::openapi_document;
pub use resource::{Changeable, KeyPairId, Resource, RouterInterface};
pub use routes::{Access, Answer, Endpoint, Operation};
pub use written::{GuestPassword, Written};

/// The longest that [`Client::topology`] may ask the server to wait. Below the idle timeouts of
/// common middleboxes.
pub const TOPOLOGY_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// On answers that a guest was (or would be) given, and on no other: the reason code. It tells a
/// guest's own 404 from the control API's.
pub const GUEST_REASON_HEADER: &str = "x-innkeeper-guest-reason";
