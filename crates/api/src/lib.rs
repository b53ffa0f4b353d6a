//! The guest-facing server: identity to document.
//!
//! [`Api`] answers whoever has been identified; [`ApiEdge`] puts it on a TCP port in place of
//! nova-api-metadata, where it first finds out who asks, by [`Identification`].

mod accept;
mod addresses;
mod answer;
mod api;
mod asker;
mod edge;
mod holding;
mod identification;
mod kept_answers;
mod password;
mod sources;

pub use api::Api;
pub use edge::ApiEdge;
pub use identification::Identification;
pub use sources::Sources;
