//! The database: migrations, domain operations, revisions.
//!
//! A [`Store`] is opened once and cloned freely. Its methods speak of projects, networks, ports and
//! instances; no SQL or driver type leaves this crate, so that another database can stand behind
//! the same methods.
//!
//! Rules that hold at every commit:
//! * what must be unique is unique by a constraint, never by looking first;
//! * an instance's revision grows in the transaction that changes anything its documents show;
//! * the topology's generation grows in the transaction that changes anything a
//!   [`Topology`](innkeeper_model::Topology), a [`DhcpBinding`](innkeeper_model::DhcpBinding) or a
//!   [`PluggedPort`](innkeeper_model::PluggedPort) shows;
//! * an acknowledged write is on the disk.
//!
//! What guests ask for is kept in memory, and used again only where it is certain that it is what
//! the database says now: see `kept` and `moment`.

mod addresses;
mod attachment;
mod bounded;
mod change;
mod clock;
mod column;
mod config_drive;
mod connection;
mod dhcp_binding;
mod dhcp_port;
mod ec2_ids;
mod error;
mod flavor;
mod floating_ip;
mod guest_password;
mod guest_record;
mod image;
mod import;
mod instance;
mod instance_create;
mod instance_row;
mod kept;
mod key_pair;
mod lookup;
mod metadata_holder;
mod metadata_provider;
mod migration;
mod moment;
mod network;
mod network_info;
mod plugged_ports;
mod port;
mod port_create;
mod project;
mod random;
mod router;
mod router_subnet;
mod store;
mod subnet;
mod token;
mod topology;
mod tried;
mod worker;

pub use bounded::Bounded;
pub use error::StoreError;
pub use kept::KeptRecord;
pub use metadata_provider::ProviderLookup;
pub use store::{CACHE_BYTES_DEFAULT, Store, StoreLocation};
