//! Vendor data as it is configured.

use innkeeper_documents::VendorDataProvider;
use innkeeper_vendor_data::{VendorData, VendorDataConfig, parse_targets};

use crate::config::ApiSection;

/// Reads the file and sets the services up; says what of the configuration will have no effect.
pub(super) fn open(keys: &ApiSection) -> anyhow::Result<VendorData> {
    let (targets, warnings) = parse_targets(keys.vendordata_dynamic_targets.as_slice());
    for warning in warnings {
        tracing::warn!("api.vendordata_dynamic_targets: {warning}");
    }
    for warning in idle(keys, targets.is_empty()) {
        tracing::warn!("{warning}");
    }
    Ok(VendorData::open(VendorDataConfig {
        static_file: keys.vendordata_jsonfile_path.clone(),
        targets,
        ca_file: keys.vendordata_dynamic_ssl_certfile.clone(),
        connect_timeout: keys.vendordata_dynamic_connect_timeout.duration(),
        read_timeout: keys.vendordata_dynamic_read_timeout.duration(),
        failure_fatal: keys.vendordata_dynamic_failure_fatal,
        cache_seconds: keys.vendordata_dynamic_cache_seconds.number(),
        ..VendorDataConfig::default()
    })?)
}

/// What is set but not used.
fn idle(keys: &ApiSection, no_targets: bool) -> Vec<&'static str> {
    let uses = |provider| keys.vendordata_providers.contains(&provider);
    let dynamic = uses(VendorDataProvider::DynamicJson);
    let mut warnings = Vec::new();
    if !no_targets && !dynamic {
        warnings.push(
            "api.vendordata_dynamic_targets are not asked: add \"DynamicJSON\" to \
             api.vendordata_providers",
        );
    }
    if no_targets && dynamic {
        warnings.push(
            "api.vendordata_providers has \"DynamicJSON\", but there is nobody to ask: set \
             api.vendordata_dynamic_targets",
        );
    }
    if keys.vendordata_jsonfile_path.is_some() && !uses(VendorDataProvider::StaticJson) {
        warnings.push(
            "api.vendordata_jsonfile_path is not served: add \"StaticJSON\" to \
             api.vendordata_providers",
        );
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Given, keys};

    #[test]
    fn what_has_no_effect_is_said() {
        for (flags, said) in [
            (&[][..], &[][..]),
            (&[("api-vendordata-providers", "StaticJSON,DynamicJSON")], &["nobody to ask"]),
            (&[("api-vendordata-dynamic-targets", "a@http://a/")], &["are not asked"]),
            (
                &[
                    ("api-vendordata-providers", "DynamicJSON"),
                    ("api-vendordata-dynamic-targets", "a@http://a/"),
                    ("api-vendordata-jsonfile-path", "/x"),
                ],
                &["is not served"],
            ),
        ] {
            let flags = flags.iter().map(|(flag, text)| {
                let key = keys().find(|key| key.flag() == *flag).expect("a flag of the table");
                (key, (*text).to_owned())
            });
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("innkeeper.toml");
            std::fs::write(&file, "").unwrap();
            let given = Given { file: Some(file), flags: flags.collect(), ..Given::default() };
            let api = given.load().unwrap().0.api;
            let warnings = idle(&api, api.vendordata_dynamic_targets.as_slice().is_empty());
            assert_eq!(warnings.len(), said.len(), "{warnings:?}");
            for (warning, part) in warnings.iter().zip(said) {
                assert!(warning.contains(part), "{warning}");
            }
        }
    }
}
