//! What a host must know of networks: whose address an origin is, which networks and routers are to
//! be up, what DHCP tells whom, and which ports are plugged in. Either from the store of this
//! process, or over the control API from another.

mod error;
mod found_before;
mod view;

pub use error::{LookupError, ViewUnavailable};
pub use found_before::FoundBefore;
pub use view::NetworkView;
