//! The vendor's own data for guests: one JSON file that is the same for all of them
//! (`StaticJSON`), and services that are asked for each machine (`DynamicJSON`).
//!
//! A service that fails costs its part of the document and nothing else, unless the operator
//! declared failures fatal. Answers are shared and kept for a short while, so that a guest cannot
//! make this process send requests at will.

mod answers;
mod breaker;
mod config;
mod current_settings;
mod error;
mod exchange;
mod question;
mod service;
mod static_file;
mod target;
mod url;
mod vendor_data;

pub use config::VendorDataConfig;
pub use current_settings::{Answers, CurrentSettings};
pub use error::VendorDataError;
pub use target::{Target, parse_targets};
pub use vendor_data::VendorData;
