//! Settings, with the vendor's data as it is now.

use std::sync::{Arc, Mutex, PoisonError};

use innkeeper_documents::Settings;
use innkeeper_model::GuestRecord;
use serde_json::Value;
use tokio::time::Instant;

use crate::{VendorData, VendorDataError};

/// What each service says of a machine, by its name.
pub type Answers = Arc<Vec<(String, Value)>>;

/// What is the same for every machine, but may change while a role runs. The metadata service and
/// the config drives of one process share it, so that they agree.
#[derive(Debug)]
pub struct CurrentSettings {
    vendor_data: Option<VendorData>,
    latest: Mutex<Latest>,
}

#[derive(Debug)]
struct Latest {
    /// What the vendor's file held when the settings were made.
    vendor_json: Option<Arc<Value>>,
    settings: Arc<Settings>,
}

impl CurrentSettings {
    /// The settings as they are, with no vendor data but their own.
    pub fn fixed(settings: Settings) -> Self {
        let latest = Latest { vendor_json: None, settings: Arc::new(settings) };
        Self { vendor_data: None, latest: Mutex::new(latest) }
    }

    /// The same settings with the vendor's data in place of their own.
    #[must_use]
    pub fn with_vendor_data(self, vendor_data: VendorData) -> Self {
        Self { vendor_data: Some(vendor_data), ..self }
    }

    /// The settings with what the vendor's file holds now.
    pub fn now(&self) -> Arc<Settings> {
        let now = self.vendor_data.as_ref().map(VendorData::static_json);
        // Nothing in here can be left half done by a panic.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(json) = now
            && latest.vendor_json.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &json))
        {
            let mut settings = Settings::clone(&latest.settings);
            settings.static_vendor_data = Value::clone(&json);
            *latest = Latest { vendor_json: Some(json), settings: Arc::new(settings) };
        }
        Arc::clone(&latest.settings)
    }

    /// What the vendor's services say of the machine of `record`, by `deadline`.
    pub async fn answers_about(
        &self,
        record: &GuestRecord,
        deadline: Instant,
    ) -> Result<Answers, VendorDataError> {
        let Some(vendor_data) = &self.vendor_data else { return Ok(Answers::default()) };
        vendor_data.dynamic_of(record, deadline).await
    }
}
