//! Listeners in namespaces: who asks from where.
//!
//! One process serves every namespace of a machine. A listening socket belongs to the namespace of
//! the thread that made it, so one thread goes in, makes it and comes back; all else is ordinary.
//! What a guest's request may say of itself is dropped here, and what its namespace and its
//! connection say of it takes that place.
//!
//! A namespace that loses its name is let go at once, connections and all: it lives in the kernel
//! for as long as one socket of ours does.

mod accept;
mod config;
mod connection;
mod crowd;
mod gate;
mod handler;
mod listen;
mod name;
mod opener;
mod proxy;
mod status;
mod watcher;

pub use config::ProxyConfig;
pub use listen::ListenError;
pub use proxy::Proxy;
pub use status::{ProxyStatus, Trouble};
