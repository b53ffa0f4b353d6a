//! All that one guest's documents are made of, as of one moment.

use innkeeper_model::{AttachedKeyPair, Ec2Key, GuestRecord, InstanceId};

use crate::{Store, StoreError, ec2_ids, guest_password, instance_row, network_info};

impl Store {
    /// The record of one instance; `None` if there is no such instance.
    pub async fn guest_record(&self, id: InstanceId) -> Result<Option<GuestRecord>, StoreError> {
        self.read(move |connection| {
            let Some(instance) = instance_row::find(connection, id)? else { return Ok(None) };
            let network = network_info::of(connection, id)?;
            Ok(Some(GuestRecord {
                ec2_ids: ec2_ids::of(connection, &instance)?,
                network_info: network.vifs,
                security_groups: network.security_groups,
                display_name: Some(instance.name.clone()),
                ec2_key: instance.key_pair.as_ref().map(ec2_key),
                boot_roles: String::new(),
                password: guest_password::fetch(connection, id)?,
                instance,
            }))
        })
        .await
    }
}

fn ec2_key(pair: &AttachedKeyPair) -> Ec2Key {
    Ec2Key { name: pair.name.clone(), public_key: Some(pair.public_key.clone()) }
}
