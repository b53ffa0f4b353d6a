//! What a service is told about a machine.

use bytes::Bytes;
use innkeeper_documents::encode_json;
use innkeeper_model::{GuestRecord, InstanceId, ProjectId, Properties, Revision, UserData};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The body of the request, and by what its answer is kept.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) key: QuestionKey,
    pub(crate) body: Bytes,
}

/// Two machines never share one. The digest tells apart even two machines that had one id and one
/// revision after another, such as one that was deleted and made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct QuestionKey {
    instance: InstanceId,
    revision: Revision,
    digest: [u8; 32],
}

impl Question {
    /// What is asked about the machine of `record`. Its administrator password is never told.
    pub(crate) fn about(record: &GuestRecord) -> Self {
        let instance = &record.instance;
        // As Python writes it: services may compare bytes, or sign them.
        let body = encode_json(&Told {
            project_id: &instance.project_id,
            instance_id: instance.id,
            image_id: instance.image_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            user_data: instance.user_data.as_ref(),
            hostname: &instance.hostname,
            metadata: &instance.metadata,
            boot_roles: &record.boot_roles,
        });
        let key = QuestionKey {
            instance: instance.id,
            revision: instance.revision,
            digest: Sha256::digest(&body).into(),
        };
        Self { key, body: body.into() }
    }
}

/// In Nova's order.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    project_id: &'a ProjectId,
    instance_id: InstanceId,
    /// Empty for a machine that was not made from an image.
    image_id: String,
    /// Still base64.
    user_data: Option<&'a UserData>,
    hostname: &'a str,
    metadata: &'a Properties,
    boot_roles: &'a str,
}

#[cfg(test)]
mod tests {
    use innkeeper_model::Properties;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_owners_write_is_told_unchanged_and_in_ascii(
            metadata in prop::collection::vec((".*", ".*"), 0..6),
            hostname in ".*",
        ) {
            let metadata: Properties = metadata.into_iter().collect();
            let body = encode_json(&Told {
                project_id: &"acme".parse().expect("a project"),
                instance_id: InstanceId::random(),
                image_id: String::new(),
                user_data: None,
                hostname: &hostname,
                metadata: &metadata,
                boot_roles: "",
            });
            prop_assert!(body.is_ascii() && !body.contains(&b'\n'));
            let read: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            prop_assert_eq!(&read["hostname"], &hostname);
            prop_assert_eq!(&read["metadata"], &serde_json::to_value(&metadata).expect("JSON"));
        }
    }
}
