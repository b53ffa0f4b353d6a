//! The guest-facing server: identity to document.
//!
//! [`Api`] answers whoever has been identified; [`ApiEdge`] puts it on a TCP port in place of
//! nova-api-metadata, where the identity comes in signed headers.

mod accept;
mod addresses;
mod answer;
mod api;
mod edge;
mod sources;

pub use api::Api;
pub use edge::ApiEdge;
pub use sources::Sources;
