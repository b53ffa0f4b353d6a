//! `meta_data.json`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use innkeeper_model::{AttachedKeyPair, GuestRecord, NumaCell, Properties, Vif};
use serde::Serialize;

use crate::{
    OpenStackVersion, Settings,
    devices::{self, ShownDevice},
    injected_network, json,
};

/// What `meta_data.json` has at every version; the order of the fields is the order of the keys.
#[derive(Serialize)]
pub(crate) struct Constant<'a> {
    uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Properties>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [DeliveredFile<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_config: Option<NetworkConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_keys: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<[Key<'a>; 1]>,
    hostname: String,
    name: Option<&'a str>,
    launch_index: u32,
    availability_zone: Option<&'a str>,
}

/// What comes behind it from one version or another on.
#[derive(PartialEq, Eq, Serialize)]
pub(crate) struct Versioned<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<ShownDevice<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedicated_cpus: Option<BTreeSet<u32>>,
}

/// A file of the machine's owner, and where on the drive it is.
#[derive(Serialize)]
pub(crate) struct DeliveredFile<'a> {
    pub(crate) path: &'a str,
    pub(crate) content_path: String,
}

/// Refers to the injected network file.
#[derive(Serialize)]
struct NetworkConfig {
    name: &'static str,
    content_path: String,
}

#[derive(Serialize)]
struct Key<'a> {
    name: &'a str,
    r#type: &'static str,
    data: &'a str,
}

impl<'a> Constant<'a> {
    pub(crate) fn new(record: &'a GuestRecord, settings: &Settings) -> Self {
        let instance = &record.instance;
        let key_pair = instance.key_pair.as_ref();
        Self {
            uuid: instance.id.to_string(),
            meta: (!instance.metadata.is_empty()).then_some(&instance.metadata),
            files: &[],
            admin_pass: None,
            network_config: network_config(&record.network_info),
            public_keys: key_pair.map(|pair| [(pair.name.as_str(), &*pair.public_key)].into()),
            keys: key_pair.map(|pair| [key(pair)]),
            hostname: settings.full_hostname(&instance.hostname),
            name: record.display_name.as_deref(),
            launch_index: instance.launch_index,
            availability_zone: instance.availability_zone.as_deref(),
        }
    }

    /// With what only a drive shows.
    pub(crate) const fn on_drive(
        mut self,
        files: &'a [DeliveredFile<'a>],
        admin_pass: Option<&'a str>,
    ) -> Self {
        self.files = files;
        self.admin_pass = admin_pass;
        self
    }
}

impl<'a> Versioned<'a> {
    /// `random_seed` is shown by the versions that [have one](has_random_seed).
    pub(crate) fn new(
        record: &'a GuestRecord,
        version: OpenStackVersion,
        random_seed: Option<Cow<'a, str>>,
    ) -> Self {
        use OpenStackVersion::{V2015_10_15, V2016_06_30, V2020_10_14};
        let instance = &record.instance;
        Self {
            random_seed,
            project_id: (version >= V2015_10_15).then(|| instance.project_id.as_str()),
            devices: (version >= V2016_06_30).then(|| devices::shown(&instance.devices, version)),
            dedicated_cpus: (version >= V2020_10_14).then(|| dedicated_cpus(&instance.numa_cells)),
        }
    }
}

/// The document: one object of both parts, the first of them encoded already.
pub(crate) fn document(constant: &[u8], versioned: &Versioned<'_>) -> Vec<u8> {
    let versioned = json::encode(versioned);
    if versioned == b"{}" {
        return constant.to_vec();
    }
    let (before, after) = (constant.strip_suffix(b"}"), versioned.strip_prefix(b"{"));
    [before.unwrap_or_default(), b", ", after.unwrap_or_default()].concat()
}

/// The document of a version that [shows random bytes](has_random_seed), as far as to where they are
/// shown, and what is behind. They come first in the second part.
pub(crate) fn around_seed(
    constant: &[u8],
    record: &GuestRecord,
    version: OpenStackVersion,
) -> (Vec<u8>, Vec<u8>) {
    let without = document(constant, &Versioned::new(record, version, Some("".into())));
    let opening = br#", "random_seed": ""#;
    let (before, behind) = without.split_at(constant.len().saturating_sub(1) + opening.len());
    debug_assert!(before.ends_with(opening), "the random bytes come first in the second part");
    (before.to_vec(), behind.to_vec())
}

/// Whether the document of `version` shows random bytes.
pub(crate) fn has_random_seed(version: OpenStackVersion) -> bool {
    version >= OpenStackVersion::V2013_04_04
}

fn network_config(vifs: &[Vif]) -> Option<NetworkConfig> {
    let content_path = || format!("/content/{}", injected_network::CONTENT_ID);
    injected_network::has_file(vifs)
        .then(|| NetworkConfig { name: "network_config", content_path: content_path() })
}

fn key(pair: &AttachedKeyPair) -> Key<'_> {
    Key { name: &pair.name, r#type: pair.key_pair_type.as_str(), data: &pair.public_key }
}

fn dedicated_cpus(cells: &[NumaCell]) -> BTreeSet<u32> {
    cells.iter().flat_map(|cell| cell.pcpuset.iter().copied()).collect()
}
