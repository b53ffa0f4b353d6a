//! The metadata service, asked over HTTP.

mod endpoint;
mod http;
mod response;
mod session;

pub(crate) use endpoint::{Endpoint, EndpointError};
pub(crate) use session::{Service, ServiceError};
