//! What is on a machine's config drive.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use innkeeper_model::PersonalityFile;

use crate::{
    Ec2Version, Entropy, File, GuestTree, OpenStackVersion, SkippedVersion, ec2, injected_network,
    json,
    meta_data::{self, Constant, DeliveredFile, Versioned},
    openstack, random_seed,
    version::LATEST,
};

/// What a config drive has besides the documents of the metadata service.
#[derive(Clone, Copy, Default)]
pub struct DriveContents<'a> {
    /// The administrator's password.
    pub admin_password: Option<&'a str>,
    /// Files to be put into the guest.
    pub personality: &'a [PersonalityFile],
    /// Versions that are left out.
    pub skip_versions: &'a [SkippedVersion],
}

impl fmt::Debug for DriveContents<'_> {
    /// Says what there is, never the password or what is in the files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriveContents")
            .field("has_admin_password", &self.admin_password.is_some())
            .field("personality", &self.personality.len())
            .field("skip_versions", &self.skip_versions)
            .finish()
    }
}

/// Why a machine's record cannot be put on a drive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The contents of a file of the machine's owner cannot be read.
    #[error(
        "the contents of the personality file \"{path}\" are not base64: {reason}; give the \
         instance's personality anew"
    )]
    Personality {
        /// Where in the guest, escaped.
        path: String,
        /// What is wrong.
        reason: base64::DecodeError,
    },
}

impl GuestTree<'_> {
    /// Every file of the machine's config drive with its path, in the order in which Nova writes
    /// them. All random bytes of a drive are the same; equal contents are one [`Bytes`].
    pub fn drive_files(
        &self,
        contents: &DriveContents<'_>,
        entropy: &mut Entropy<'_>,
    ) -> Result<Vec<(String, Bytes)>, DriveError> {
        let mut drive = Drive::new(self);
        let (delivered, delivered_contents) = delivered(self, contents.personality)?;
        let is_skipped = |version| contents.skip_versions.contains(&version);
        for (name, version) in ec2_versions(&is_skipped) {
            drive.add_ec2_version(name, version);
        }
        let password = contents.admin_password.filter(|password| !password.is_empty());
        let constant = Constant::new(self.record, self.settings).on_drive(&delivered, password);
        let constant = json::encode(&constant);
        let random_seed = random_seed::random_seed(entropy);
        let mut previous = None;
        let newest = self.settings.newest_openstack_version;
        for (name, version) in openstack_versions(newest, &is_skipped) {
            let seed = meta_data::has_random_seed(version).then(|| (&*random_seed).into());
            let versioned = Versioned::new(self.record, version, seed);
            let document = match previous {
                Some((older, bytes)) if older == versioned => bytes,
                _ => drive.shared(meta_data::document(&constant, &versioned).into()),
            };
            drive.add_openstack_version(name, version, &document);
            previous = Some((versioned, document));
        }
        drive.add_contents(delivered_contents);
        Ok(drive.files)
    }
}

/// A drive that grows.
struct Drive<'t, 'a> {
    tree: &'t GuestTree<'a>,
    files: Vec<(String, Bytes)>,
    /// Everything different that is on it.
    distinct: Vec<Bytes>,
    /// The last EC2 document and its version.
    ec2: Option<(Ec2Version, Bytes)>,
    user_data: Option<Bytes>,
    /// By name, the documents that are alike at every version.
    alike: Vec<(&'static str, Bytes)>,
}

impl<'t, 'a> Drive<'t, 'a> {
    fn new(tree: &'t GuestTree<'a>) -> Self {
        let user_data = File::user_data(tree.record).map(|file| file.render(&mut no_entropy));
        let distinct = user_data.iter().cloned().collect();
        let alike = user_data.iter().map(|bytes| (openstack::USER_DATA, bytes.clone())).collect();
        let files = Vec::with_capacity(64);
        Self { tree, files, distinct, ec2: None, user_data, alike }
    }

    fn add_ec2_version(&mut self, name: &str, version: Ec2Version) {
        if let Some(user_data) = self.user_data.clone() {
            self.files.push((format!("ec2/{name}/user-data"), user_data));
        }
        let previous = self.ec2.take();
        let alike = previous.filter(|(older, _)| ec2::MetaData::is_alike(*older, version));
        let meta_data = match alike {
            Some((_, bytes)) => bytes,
            None => self.shared(json::encode(&ec2::MetaData::new(self.tree, version)).into()),
        };
        self.ec2 = Some((version, meta_data.clone()));
        self.files.push((format!("ec2/{name}/meta-data.json"), meta_data));
    }

    fn add_openstack_version(&mut self, name: &str, version: OpenStackVersion, meta_data: &Bytes) {
        for (document, file) in openstack::on_drive(self.tree, version) {
            let known = self.alike.iter().find(|(known, _)| *known == document);
            let bytes = match known {
                Some((_, bytes)) => bytes.clone(),
                None if file.is_meta_data() => meta_data.clone(),
                None => {
                    let bytes = self.shared(file.render(&mut no_entropy));
                    self.alike.push((document, bytes.clone()));
                    bytes
                }
            };
            self.files.push((format!("openstack/{name}/{document}"), bytes));
        }
    }

    fn add_contents(&mut self, contents: Vec<Bytes>) {
        for (number, bytes) in contents.into_iter().enumerate() {
            let bytes = self.shared(bytes);
            self.files.push((format!("openstack/content/{number:04}"), bytes));
        }
    }

    /// What is on the drive already in place of `bytes`, if it is the same.
    fn shared(&mut self, bytes: Bytes) -> Bytes {
        if let Some(known) = self.distinct.iter().find(|known| **known == bytes) {
            return known.clone();
        }
        self.distinct.push(bytes.clone());
        bytes
    }
}

/// Which EC2 directories there are, and what they mean.
fn ec2_versions(
    is_skipped: &impl Fn(SkippedVersion) -> bool,
) -> impl Iterator<Item = (&'static str, Ec2Version)> {
    let named =
        Ec2Version::ALL.iter().filter(|version| !is_skipped(SkippedVersion::Ec2(**version)));
    let latest = (!is_skipped(SkippedVersion::Ec2Latest)).then_some((LATEST, ec2::NEWEST));
    named.map(|version| (version.as_str(), *version)).chain(latest)
}

/// Which OpenStack directories there are, and what they mean. Versions of days to come are among
/// them: the guest may read the drive when they have come.
fn openstack_versions(
    newest: OpenStackVersion,
    is_skipped: &impl Fn(SkippedVersion) -> bool,
) -> impl Iterator<Item = (&'static str, OpenStackVersion)> {
    let known = OpenStackVersion::ALL.iter().filter(move |version| **version <= newest);
    let named = known.filter(|version| !is_skipped(SkippedVersion::OpenStack(**version)));
    named.map(|version| (version.as_str(), *version)).chain([(LATEST, newest)])
}

/// The files of the machine's owner as `meta_data.json` has them, and everything below `content`:
/// the injected network first, if there is any.
fn delivered<'p>(
    tree: &GuestTree<'_>,
    personality: &'p [PersonalityFile],
) -> Result<(Vec<DeliveredFile<'p>>, Vec<Bytes>), DriveError> {
    let network = injected_network::file(&tree.record.network_info);
    let mut contents: Vec<Bytes> = network.into_iter().map(Bytes::from).collect();
    let mut delivered = Vec::with_capacity(personality.len());
    for file in personality {
        let bytes = STANDARD.decode(&file.contents).map_err(|reason| DriveError::Personality {
            path: file.path.escape_debug().to_string(),
            reason,
        })?;
        let content_path = format!("/content/{:04}", contents.len());
        delivered.push(DeliveredFile { path: &file.path, content_path });
        contents.push(bytes.into());
    }
    Ok((delivered, contents))
}

/// Only `meta_data.json` shows random bytes.
fn no_entropy(buffer: &mut [u8]) {
    buffer.fill(0);
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{GuestRecord, ImportedInstance};
    use serde_json::{Value, json};

    use super::*;
    use crate::{CivilDate, Settings};

    fn record() -> GuestRecord {
        let input = include_str!("../../../tests/conformance/full/input.json");
        let input: ImportedInstance = serde_json::from_str(input).expect("a machine");
        input.record().expect("a record")
    }

    fn files(settings: &Settings, contents: &DriveContents<'_>) -> Vec<(String, Bytes)> {
        let record = record();
        let tree = GuestTree::new(&record, settings, CivilDate::from_unix(0));
        let mut next = 0;
        let mut entropy = |buffer: &mut [u8]| {
            next += 1;
            buffer.fill(next);
        };
        tree.drive_files(contents, &mut entropy).expect("a drive")
    }

    fn paths(files: &[(String, Bytes)]) -> Vec<&str> {
        files.iter().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn a_drive_has_one_seed() {
        let files = files(&Settings::default(), &DriveContents::default());
        let seed = |(path, bytes): &(String, Bytes)| {
            let document: Value = serde_json::from_slice(bytes).expect("JSON");
            path.ends_with("meta_data.json").then(|| document["random_seed"].clone())
        };
        let documents = files.iter().filter(|(path, _)| path.ends_with(".json"));
        let seeds: Vec<Value> = documents.filter_map(seed).collect();
        assert_eq!((seeds.len(), &seeds[0]), (11, &Value::Null), "2012-08-10 has none");
        assert!(seeds[1].is_string() && seeds[1..].iter().all(|seed| *seed == seeds[1]));
    }

    #[test]
    fn versions_of_both_trees_can_be_left_out() {
        let skip = ["1.0", "latest", "2017-02-22", "2025-04-04"];
        let skip = skip.map(|name| name.parse().expect("a version"));
        let contents = DriveContents { skip_versions: &skip, ..DriveContents::default() };
        let files = files(&Settings::default(), &contents);
        let directories = paths(&files).into_iter().filter_map(|path| {
            path.strip_suffix("/meta-data.json").or_else(|| path.strip_suffix("/meta_data.json"))
        });
        assert_eq!(
            directories.collect::<Vec<_>>().join(" "),
            "ec2/2007-01-19 ec2/2007-03-01 ec2/2007-08-29 ec2/2007-10-10 ec2/2007-12-15 \
             ec2/2008-02-01 ec2/2008-09-01 ec2/2009-04-04 openstack/2012-08-10 \
             openstack/2013-04-04 openstack/2013-10-17 openstack/2015-10-15 openstack/2016-06-30 \
             openstack/2016-10-06 openstack/2018-08-27 openstack/2020-10-14 openstack/latest"
        );
    }

    #[test]
    fn a_vendor_without_json_is_no_reason_to_fail() {
        let settings = Settings { vendordata_providers: Vec::new(), ..Settings::default() };
        let files = files(&settings, &DriveContents::default());
        assert!(!paths(&files).iter().any(|path| path.ends_with("vendor_data.json")));
        let vendor_data2 =
            files.iter().find(|(path, _)| path == "openstack/latest/vendor_data2.json");
        assert_eq!(vendor_data2.expect("there").1, "{}");
    }

    #[test]
    fn a_password_is_shown_if_there_is_one() {
        let shown = |admin_password: Option<&str>| {
            let contents = DriveContents { admin_password, ..DriveContents::default() };
            let files = files(&Settings::default(), &contents);
            let (_, latest) =
                files.iter().find(|(path, _)| path == "openstack/latest/meta_data.json")?;
            let document: Value = serde_json::from_slice(latest).expect("JSON");
            document.get("admin_pass").cloned()
        };
        assert_eq!(shown(Some("grüße")), Some(json!("grüße")));
        assert_eq!((shown(Some("")), shown(None)), (None, None));
    }

    #[test]
    fn contents_that_are_no_base64_are_named_and_not_shown() {
        let file = PersonalityFile { path: "/a\n".to_owned(), contents: "s3cr3t!".to_owned() };
        let admin_password = Some("S3cr3t pass");
        let contents =
            DriveContents { admin_password, personality: &[file], ..DriveContents::default() };
        let shown = format!("{contents:?}");
        assert!(!shown.to_lowercase().contains("s3cr3t"), "{shown}");
        let (record, settings) = (record(), Settings::default());
        let tree = GuestTree::new(&record, &settings, CivilDate::from_unix(0));
        let refused = tree.drive_files(&contents, &mut no_entropy).expect_err("no base64");
        let refused = refused.to_string();
        assert!(refused.contains(r#""/a\n" are not base64"#), "{refused}");
        assert!(!refused.contains("s3cr3t"), "{refused}");
    }
}
