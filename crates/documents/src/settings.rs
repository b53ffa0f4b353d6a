//! What is the same for every machine.

use crate::OpenStackVersion;

/// What an operator sets once for the documents of every machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The domain appended to host names; `None` appends nothing.
    pub dhcp_domain: Option<String>,
    /// The newest OpenStack version served: newer ones are unknown, and `latest` means this one.
    pub newest_openstack_version: OpenStackVersion,
    /// The vendor's own JSON, the same for every machine.
    pub static_vendor_data: serde_json::Value,
    /// Where vendor data comes from, in the order in which `vendor_data2.json` is filled.
    pub vendordata_providers: Vec<VendorDataProvider>,
}

/// A source of vendor data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorDataProvider {
    /// [`Settings::static_vendor_data`].
    StaticJson,
    /// What the operator's services say of each machine: see
    /// [`GuestTree::with_dynamic_vendor_data`](crate::GuestTree::with_dynamic_vendor_data).
    DynamicJson,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dhcp_domain: Some("novalocal".to_owned()),
            newest_openstack_version: OpenStackVersion::V2025_04_04,
            static_vendor_data: serde_json::Value::Object(serde_json::Map::new()),
            vendordata_providers: vec![VendorDataProvider::StaticJson],
        }
    }
}

impl Settings {
    pub(crate) fn uses(&self, provider: VendorDataProvider) -> bool {
        self.vendordata_providers.contains(&provider)
    }

    /// The host name that guests read: the machine's own, and the domain if there is one.
    pub(crate) fn full_hostname(&self, hostname: &str) -> String {
        match self.dhcp_domain.as_deref() {
            Some(domain) if !domain.is_empty() => format!("{hostname}.{domain}"),
            _ => hostname.to_owned(),
        }
    }
}
