//! What the operator sets.

use std::{path::PathBuf, time::Duration};

use crate::Target;

/// How long a connection to a service may take to be made, TLS included: Nova's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a service may take from the request to the last byte of its answer: Nova's default.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for all requests of one boot, short enough that a service's change soon arrives.
const CACHE_SECONDS: u64 = 60;
/// Machines that boot within one lifetime of an answer: more than a site starts in a minute.
const CACHE_ENTRIES: usize = 4_096;

/// Where vendor data comes from, and how patiently.
#[derive(Debug, Clone)]
pub struct VendorDataConfig {
    /// The JSON file that every machine gets (`vendordata_jsonfile_path`); without, `{}`.
    pub static_file: Option<PathBuf>,
    /// The services to ask (`vendordata_dynamic_targets`), in the order of their answers.
    pub targets: Vec<Target>,
    /// The PEM file with the authorities that services' certificates are checked against
    /// (`vendordata_dynamic_ssl_certfile`); without, the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long a service may take from the request to the last byte of its answer.
    pub read_timeout: Duration,
    /// Whether a service's failure fails the document (`vendordata_dynamic_failure_fatal`).
    pub failure_fatal: bool,
    /// Seconds for which an answer is kept; 0 keeps none.
    pub cache_seconds: u64,
    /// Answers that are kept per service; the least recently used makes room.
    pub cache_entries: usize,
}

impl Default for VendorDataConfig {
    fn default() -> Self {
        Self {
            static_file: None,
            targets: Vec::new(),
            ca_file: None,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: READ_TIMEOUT,
            failure_fatal: false,
            cache_seconds: CACHE_SECONDS,
            cache_entries: CACHE_ENTRIES,
        }
    }
}
