//! Walks both trees of a machine as a guest would, listing by listing.

use std::collections::BTreeMap;

use innkeeper_documents::{Directory, Entry, GuestTree, MediaType};

/// Every file that listings lead to from `/`, `/ec2` and `/openstack`, by its path. Each is
/// rendered, and every JSON document parsed.
///
/// # Panics
/// If a listing names what is not there, but for `absent_though_listed`; or if a document is not
/// what its type says.
pub(crate) fn listed_files(
    tree: &GuestTree<'_>,
    absent_though_listed: Option<&str>,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for start in ["", "/ec2", "/openstack"] {
        let Some(Entry::Directory(directory)) = tree.get(start) else {
            panic!("{start:?} is no directory")
        };
        walk(tree, start, &directory, absent_though_listed, &mut files);
    }
    files
}

fn walk(
    tree: &GuestTree<'_>,
    at: &str,
    directory: &Directory,
    absent_though_listed: Option<&str>,
    files: &mut BTreeMap<String, Vec<u8>>,
) {
    for child in directory.children() {
        let path = format!("{at}/{}", child.segment());
        match tree.get(&path) {
            Some(Entry::Directory(below)) => {
                walk(tree, &path, &below, absent_though_listed, files);
            }
            Some(Entry::File(file)) => {
                let body = file.render(&mut |bytes| bytes.fill(7)).to_vec();
                if file.media_type() == MediaType::Json || path.ends_with(".json") {
                    let parsed = serde_json::from_slice::<serde_json::Value>(&body);
                    assert!(parsed.is_ok(), "{path} is no JSON: {parsed:?}");
                    assert!(body.is_ascii(), "{path} is not ASCII");
                }
                files.insert(path, body);
            }
            None => {
                let allowed = absent_though_listed == Some(child.segment());
                assert!(allowed, "{path} is listed but not there");
            }
        }
    }
}
