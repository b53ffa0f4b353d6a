//! The OpenStack tree: documents by version.

use crate::{
    Child, Directory, Entry, File, GuestTree, OpenStackVersion, Settings, injected_network,
    version::LATEST,
};

/// A document of a version: since when it is listed, and since when it is served.
struct Document {
    name: &'static str,
    listed_since: OpenStackVersion,
    served_since: OpenStackVersion,
    /// Whether the listing has it though there is nothing to serve.
    listed_if_absent: bool,
    file: for<'t, 'a> fn(&'t GuestTree<'a>, OpenStackVersion) -> Option<File<'a>>,
}

/// What the EC2 documents have too, by another name.
pub(crate) const USER_DATA: &str = "user_data";

/// Every document, in the order of listings.
const DOCUMENTS: &[Document] = &[
    Document {
        name: "meta_data.json",
        listed_since: OpenStackVersion::V2012_08_10,
        served_since: OpenStackVersion::V2012_08_10,
        listed_if_absent: false,
        file: |tree, version| Some(File::meta_data(tree.record, tree.settings, version)),
    },
    Document {
        name: USER_DATA,
        listed_since: OpenStackVersion::V2012_08_10,
        served_since: OpenStackVersion::V2012_08_10,
        listed_if_absent: false,
        file: |tree, _| File::user_data(tree.record),
    },
    Document {
        name: "password",
        listed_since: OpenStackVersion::V2013_04_04,
        served_since: OpenStackVersion::V2013_04_04,
        listed_if_absent: false,
        file: |tree, _| Some(File::password(tree.record)),
    },
    Document {
        name: "vendor_data.json",
        listed_since: OpenStackVersion::V2013_10_17,
        served_since: OpenStackVersion::V2013_10_17,
        // Nova lists it by version alone.
        listed_if_absent: true,
        file: |tree, _| File::vendor_data(tree.settings),
    },
    Document {
        name: "network_data.json",
        listed_since: OpenStackVersion::V2015_10_15,
        // Nova forgot to ask for the version, and guests have come to rely on it.
        served_since: OpenStackVersion::V2012_08_10,
        listed_if_absent: false,
        file: |tree, _| Some(File::network_data(tree.record, tree.settings)),
    },
    Document {
        name: "vendor_data2.json",
        listed_since: OpenStackVersion::V2016_10_06,
        served_since: OpenStackVersion::V2016_10_06,
        listed_if_absent: false,
        file: |tree, _| Some(File::vendor_data2(tree)),
    },
];

/// Beside the versions, and not listed: files that `meta_data.json` refers to.
const CONTENT: &str = "content";

/// A name of Nova's router inside that became visible: another name of the version's listing.
const LISTING_ALIAS: &str = "version";

pub(crate) fn get<'a>(tree: &GuestTree<'a>, segments: &[&str]) -> Option<Entry<'a>> {
    let [version, rest @ ..] = segments else { return Some(Entry::Directory(versions(tree))) };
    if *version == CONTENT {
        return match rest {
            [injected_network::CONTENT_ID] => {
                File::injected_network(&tree.record.network_info).map(Entry::File)
            }
            _ => None,
        };
    }
    let version = version_named(version, tree.settings)?;
    match rest {
        [] | [LISTING_ALIAS] => Some(Entry::Directory(documents(tree, version))),
        [name] => {
            let document = DOCUMENTS.iter().find(|document| document.name == *name)?;
            if version < document.served_since {
                return None;
            }
            (document.file)(tree, version).map(Entry::File)
        }
        _ => None,
    }
}

/// The documents that a drive has of a version, with their names. What the service only listed, or
/// served before it was listed, is not among them.
pub(crate) fn on_drive<'t, 'a>(
    tree: &'t GuestTree<'a>,
    version: OpenStackVersion,
) -> impl Iterator<Item = (&'static str, File<'a>)> + use<'t, 'a> {
    DOCUMENTS
        .iter()
        .filter(move |document| document.listed_since <= version)
        .filter_map(move |document| Some((document.name, (document.file)(tree, version)?)))
        .filter(|(_, file)| !file.is_password())
}

/// Versions of days to come are hidden, though they are served.
fn versions(tree: &GuestTree<'_>) -> Directory {
    let known = OpenStackVersion::ALL.iter().filter(|version| {
        **version <= tree.settings.newest_openstack_version && version.date() <= tree.today
    });
    let names = known.map(|version| version.as_str()).chain([LATEST]);
    Directory::new(names.map(Child::plain).collect())
}

fn documents(tree: &GuestTree<'_>, version: OpenStackVersion) -> Directory {
    let listed = DOCUMENTS.iter().filter(|document| document.listed_since <= version);
    let present = listed
        .filter(|document| document.listed_if_absent || (document.file)(tree, version).is_some());
    Directory::new(present.map(|document| Child::plain(document.name)).collect())
}

fn version_named(name: &str, settings: &Settings) -> Option<OpenStackVersion> {
    let newest = settings.newest_openstack_version;
    match name {
        LATEST => Some(newest),
        name => OpenStackVersion::named(name).filter(|version| *version <= newest),
    }
}
