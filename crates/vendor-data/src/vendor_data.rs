//! Both kinds of vendor data, as the API's server asks for them.

use std::sync::Arc;

use futures_util::future::join_all;
use innkeeper_model::GuestRecord;
use innkeeper_wire::tls::ClientTls;
use rustls::ClientConfig;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    VendorDataConfig, VendorDataError, question::Question, service::Service,
    static_file::StaticFile,
};

/// The vendor's own data: a file, and services to ask.
#[derive(Debug)]
pub struct VendorData {
    static_file: StaticFile,
    services: Vec<Arc<Service>>,
    failure_fatal: bool,
}

impl VendorData {
    /// Reads the static file and the certificate authorities. Nothing is asked yet: a service need
    /// not be there.
    pub fn open(config: VendorDataConfig) -> Result<Self, VendorDataError> {
        let tls = tls_settings(&config)?;
        let services =
            config.targets.iter().map(|target| Service::new(target, &config, tls.as_ref()));
        Ok(Self {
            services: services.map(Arc::new).collect(),
            failure_fatal: config.failure_fatal,
            static_file: StaticFile::open(config.static_file)?,
        })
    }

    /// What the static file holds; `{}` without one.
    ///
    /// A changed file is noticed within a second or so. While the new one is of no use, the last
    /// good one counts.
    pub fn static_json(&self) -> Arc<Value> {
        self.static_file.json()
    }

    /// What the services say about one machine, by target name, in the configured order.
    ///
    /// Waits no longer than until `deadline`. A service that failed or is late says `{}`, or fails
    /// the whole if failures are fatal.
    ///
    /// Must be called within a tokio runtime.
    pub async fn dynamic_of(
        &self,
        record: &GuestRecord,
        deadline: Instant,
    ) -> Result<Arc<Vec<(String, Value)>>, VendorDataError> {
        if self.services.is_empty() {
            return Ok(Arc::default());
        }
        let question = Question::about(record);
        let asked = self.services.iter().map(|service| service.answer(&question, deadline));
        let outcomes = join_all(asked).await;
        let mut said = Vec::with_capacity(outcomes.len());
        for (service, outcome) in self.services.iter().zip(outcomes) {
            let value = match outcome {
                Ok(value) => Value::clone(&value),
                Err(reason) if self.failure_fatal => {
                    return Err(VendorDataError::Target { target: service.name().into(), reason });
                }
                Err(_already_logged) => Value::Object(Map::new()),
            };
            said.push((service.name().to_owned(), value));
        }
        Ok(Arc::new(said))
    }
}

/// A CA file is read even if nothing needs it yet: an operator learns of a bad one at the start.
fn tls_settings(config: &VendorDataConfig) -> Result<Option<Arc<ClientConfig>>, VendorDataError> {
    let wanted = config.targets.iter().any(|target| target.url().is_tls);
    if config.ca_file.is_none() && !wanted {
        return Ok(None);
    }
    let tls = ClientTls { ca_file: config.ca_file.clone(), ..ClientTls::default() };
    Ok(Some(tls.load()?))
}
