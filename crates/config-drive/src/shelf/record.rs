//! What is written beside an image.

use std::path::PathBuf;

use innkeeper_model::{InstanceId, Revision, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::Kept;
use crate::hex;

#[derive(Serialize, Deserialize)]
struct Record {
    instance_id: InstanceId,
    format: String,
    size: u64,
    sha256: String,
    revision: Revision,
    built_at: UnixSeconds,
}

pub(super) fn text(kept: &Kept) -> Vec<u8> {
    let record = Record {
        instance_id: kept.instance_id,
        format: kept.format.as_str().to_owned(),
        size: kept.size,
        sha256: kept.sha256_hex(),
        revision: kept.revision,
        built_at: kept.built_at,
    };
    let mut text = serde_json::to_vec_pretty(&record).expect("plain values are JSON");
    text.push(b'\n');
    text
}

/// `None` if it is not what [`text`] writes.
pub(super) fn read(text: &[u8], path: PathBuf) -> Option<Kept> {
    let record: Record = serde_json::from_slice(text).ok()?;
    Some(Kept {
        instance_id: record.instance_id,
        path,
        format: record.format.parse().ok()?,
        size: record.size,
        sha256: hex::decode(&record.sha256)?,
        revision: record.revision,
        built_at: record.built_at,
    })
}

#[cfg(test)]
mod tests {
    use innkeeper_image::Format;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_back(
            id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            format in prop::sample::select(&Format::ALL[..]),
            size in any::<u64>(),
            sha256 in any::<[u8; 32]>(),
            revision in any::<Revision>(),
            built_at in any::<UnixSeconds>(),
        ) {
            let instance_id = id.parse().expect("an id");
            let path = PathBuf::from("/p");
            let kept = Kept { instance_id, path, format, size, sha256, revision, built_at };
            let text = text(&kept);
            prop_assert_eq!(read(&text, "/p".into()), Some(kept));
        }

        /// As after a crash of a file system that had not written all of it.
        #[test]
        fn a_part_is_none(end in 0..240_usize, zeros in 0..100_usize) {
            let whole = format!(
                r#"{{"instance_id": "2f5687b3-fe6d-5555-8e3c-7e941684b024", "format": "vfat",
                "size": 1, "sha256": "{}", "revision": 1, "built_at": 1}}"#,
                "00".repeat(32)
            );
            let whole = whole.as_bytes();
            prop_assert!(read(whole, "/p".into()).is_some());
            let mut part = whole[..end.min(whole.len() - 1)].to_vec();
            part.resize(part.len() + zeros, 0);
            prop_assert_eq!(read(&part, "/p".into()), None);
        }

        #[test]
        fn other_text_is_none(other in any::<Vec<u8>>()) {
            prop_assert_eq!(read(&other, "/p".into()), None);
        }
    }
}
