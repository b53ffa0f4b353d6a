//! The network as `network_data.json` says: matched to the machine's interfaces by MAC address,
//! applied now by netlink, and written down for whatever configures the image's network at boot.

mod apply;
mod document;
mod error;
mod file;
mod interface;
mod limits;
mod mac;
mod made;
mod matching;
mod name;
mod netlink;
mod node;
mod persist;
mod plan;
mod prefix;
mod resolver;

pub use error::{NetworkError, Refusal};
pub use interface::{Interface, interfaces, set_up_link_local};
pub use mac::{Mac, NotAMac};
pub use persist::Renderer;
pub use plan::Plan;
