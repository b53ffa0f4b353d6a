//! What holds for the documents of any machine.

#![allow(clippy::panic, reason = "helpers of tests panic as tests do")]

mod any_record;
mod drive;
mod network_data_schema;
mod walk;

use std::collections::BTreeSet;

use any_record::any_record;
use innkeeper_documents::{
    CivilDate, Ec2Version, Entry, GuestTree, OpenStackVersion, Settings, VendorDataProvider,
};
use innkeeper_model::GuestRecord;
use proptest::prelude::*;
use walk::listed_files;

/// 2026-11-23: every version has come.
const TODAY: i64 = 1_795_392_000;

/// What is in every text of one machine, and of another.
const ONE: &str = "qzONEzq";
const OTHER: &str = "qzOTHERzq";

/// Names that mean something below `/openstack/<version>`, and the one beside the versions.
const OPENSTACK_NAMES: [&str; 8] = [
    "meta_data.json",
    "user_data",
    "password",
    "vendor_data.json",
    "network_data.json",
    "vendor_data2.json",
    "version",
    "content",
];

/// Names that mean something below `/<version>/meta-data`, and what may lie below them.
const EC2_NAMES: [&str; 30] = [
    "ami-id",
    "ami-launch-index",
    "ami-manifest-path",
    "ancestor-ami-ids",
    "block-device-mapping/ami",
    "block-device-mapping/root",
    "block-device-mapping/swap",
    "block-device-mapping/ebs0",
    "block-device-mapping/ebs1",
    "block-device-mapping/ephemeral0",
    "block-device-mapping/ephemeral1",
    "hostname",
    "instance-action",
    "instance-id",
    "instance-type",
    "kernel-id",
    "local-hostname",
    "local-ipv4",
    "mpi",
    "placement/availability-zone",
    "product-codes",
    "public-hostname",
    "public-ipv4",
    "public-keys/0/openssh-key",
    "public-keys/0/_name",
    "public-keys/1/openssh-key",
    "ramdisk-id",
    "reservation-id",
    "security-groups",
    "_name",
];

fn tree<'a>(record: &'a GuestRecord, settings: &'a Settings) -> GuestTree<'a> {
    GuestTree::new(record, settings, CivilDate::from_unix(TODAY))
}

/// Every path that could be a file's.
fn conceivable_paths() -> Vec<String> {
    let mut paths = vec!["/openstack/content/0000".to_owned(), "/openstack/content/0001".into()];
    let versions = OpenStackVersion::ALL.iter().map(|version| version.as_str()).chain(["latest"]);
    for version in versions {
        paths.extend(OPENSTACK_NAMES.map(|name| format!("/openstack/{version}/{name}")));
    }
    for version in Ec2Version::ALL.iter().map(|version| version.as_str()).chain(["latest"]) {
        for root in ["", "/ec2"] {
            paths.push(format!("{root}/{version}/user-data"));
            paths.extend(EC2_NAMES.map(|name| format!("{root}/{version}/meta-data/{name}")));
        }
    }
    paths
}

/// Files that are there and that no listing names, as in Nova.
fn is_a_known_accident(path: &str) -> bool {
    let before_it_was_listed = ["2012-08-10", "2013-04-04", "2013-10-17"]
        .iter()
        .any(|version| *path == format!("/openstack/{version}/network_data.json"));
    before_it_was_listed
        || path.ends_with("/meta-data/public-keys/0/_name")
        || path == "/openstack/content/0000"
}

fn providers() -> impl Strategy<Value = Vec<VendorDataProvider>> {
    use VendorDataProvider::{DynamicJson, StaticJson};
    prop::sample::subsequence(vec![StaticJson, DynamicJson], 0..=2).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn listings_name_exactly_what_is_there(record in any_record(ONE), providers in providers()) {
        let settings = Settings { vendordata_providers: providers, ..Settings::default() };
        let has_static = settings.vendordata_providers.contains(&VendorDataProvider::StaticJson);
        let tree = tree(&record, &settings);
        let absent = (!has_static).then_some("vendor_data.json");
        let listed: BTreeSet<String> = listed_files(&tree, absent).into_keys().collect();
        for path in conceivable_paths() {
            if let Some(Entry::File(_)) = tree.get(&path) {
                let expected = listed.contains(&path) != is_a_known_accident(&path);
                prop_assert!(expected, "{} is there and not listed", path);
            }
        }
    }

    #[test]
    fn drives_say_what_is_served(record in any_record(ONE), providers in providers()) {
        let settings = Settings { vendordata_providers: providers, ..Settings::default() };
        drive::check(&tree(&record, &settings));
    }

    #[test]
    fn no_document_has_anything_of_another_machine(
        one in any_record(ONE),
        other in any_record(OTHER),
    ) {
        let settings = Settings::default();
        for (record, own, foreign) in [(&one, ONE, OTHER), (&other, OTHER, ONE)] {
            let mut is_marked = false;
            for (path, body) in listed_files(&tree(record, &settings), None) {
                let has = |marker: &str| body.windows(marker.len()).any(|w| w == marker.as_bytes());
                prop_assert!(!has(foreign), "{} has the other's", path);
                is_marked |= has(own);
            }
            prop_assert!(is_marked, "the marker is in no document: nothing was proved");
        }
    }

    #[test]
    fn network_data_follows_the_schema(record in any_record(ONE)) {
        let settings = Settings::default();
        let Some(Entry::File(file)) = tree(&record, &settings).get("/openstack/latest/network_data.json")
        else { panic!("no network_data.json") };
        network_data_schema::check(&file.render(&mut |_| {}));
    }
}
