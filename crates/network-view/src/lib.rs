//! What a host must know of networks: whose address an origin is, and which networks and routers
//! are to be up. Either from the store of this process, or over the control API from another.

mod error;
mod view;

pub use error::{LookupError, ViewUnavailable};
pub use view::NetworkView;
