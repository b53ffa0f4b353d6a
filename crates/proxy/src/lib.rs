//! Listeners in namespaces: who asks from where.
//!
//! One process serves every namespace of a machine. A listening socket belongs to the namespace of
//! the thread that made it, so one thread goes in, makes it and comes back; all else is ordinary.
//! What a guest's request may say of itself is dropped here, and what its namespace and its
//! connection say of it takes that place.
//!
//! Where the service's own addresses are asked, one socket listens at all addresses and each
//! connection says which it came to: one descriptor serves both families, and neither waits for
//! an address of the other.
//!
//! A namespace that loses its name is let go at once, connections and all: it lives in the kernel
//! for as long as one socket of ours does.

mod accept;
mod accepted;
mod config;
mod connection;
mod crowd;
mod error;
mod gate;
mod handler;
mod identify;
mod listen;
mod listener;
mod name;
mod namespace;
mod neighbour;
mod opener;
mod proxy;
mod service;
mod status;
mod visit;
mod watcher;

pub use config::ProxyConfig;
pub use error::ListenError;
pub use proxy::Proxy;
pub use status::{ProxyStatus, Trouble};
