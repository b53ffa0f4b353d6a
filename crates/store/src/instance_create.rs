//! Making an instance: what it copies, what it allocates.

use innkeeper_model::{
    AttachedKeyPair, BlockDevice, Flavor, Image, Instance, InstanceId, Invalid, NetworkRequest,
    NewInstance, NewPort, PowerState, sanitize_hostname,
};

use crate::{
    attachment,
    change::Change,
    clock, ec2_ids, flavor, image, instance_row, key_pair, network, port,
    port_create::{self, Purpose},
    project, random,
    tried::Tried,
};

/// The revision of an instance that was just made.
const FIRST_REVISION: u64 = 1;

/// Makes the instance and its ports.
pub(crate) fn create(change: &mut Change<'_>, draft: &NewInstance) -> Tried<Instance> {
    project::must_exist(change, &draft.project_id)?;
    let instance = assemble(change, draft)?;
    instance_row::insert(change, &instance)?;
    ec2_ids::give(change, &instance)?;
    for (index, request) in draft.networks.iter().enumerate() {
        plug_in(change, draft, &instance, index, request)?;
    }
    // Its ports have touched it, but nobody has seen it without them.
    change.is_new(instance.id);
    Ok(instance)
}

fn assemble(change: &Change<'_>, draft: &NewInstance) -> Tried<Instance> {
    let id = draft.id.unwrap_or_else(InstanceId::random);
    let image = draft
        .image_id
        .map(|image| image::referenced(change, "image_id", image, &draft.project_id))
        .transpose()?;
    let reservation_id = match &draft.reservation_id {
        Some(given) => given.clone(),
        None => random::reservation_id()?,
    };
    let hostname = draft
        .hostname
        .clone()
        .or_else(|| sanitize_hostname(&draft.name))
        .unwrap_or_else(|| format!("Server-{id}"));
    Ok(Instance {
        id,
        project_id: draft.project_id.clone(),
        user_id: draft.user_id.clone(),
        name: draft.name.clone(),
        hostname,
        flavor: wanted_flavor(change, draft)?,
        image_id: draft.image_id,
        kernel_id: image.as_ref().and_then(|image| image.kernel_id),
        ramdisk_id: image.as_ref().and_then(|image| image.ramdisk_id),
        availability_zone: draft.availability_zone.clone(),
        launch_index: draft.launch_index,
        reservation_id,
        key_pair: wanted_key_pair(change, draft)?,
        user_data: draft.user_data.clone(),
        metadata: draft.metadata.clone(),
        personality: draft.personality.clone(),
        admin_password: draft.admin_password.clone(),
        root_device_name: draft.root_device_name.clone(),
        default_ephemeral_device: device_name(&draft.block_devices, is_ephemeral),
        default_swap_device: device_name(&draft.block_devices, is_swap),
        block_devices: draft.block_devices.clone(),
        devices: draft.devices.clone(),
        numa_cells: draft.numa_cells.clone(),
        config_drive: draft.config_drive || image.as_ref().is_some_and(demands_config_drive),
        power_state: PowerState::Unknown,
        launched_at: None,
        created_at: clock::now(),
        revision: FIRST_REVISION,
    })
}

fn wanted_flavor(change: &Change<'_>, draft: &NewInstance) -> Tried<Flavor> {
    flavor::find(change, &draft.flavor_id)?.ok_or_else(|| {
        let reason = format!("there is no flavor {}: make it first", draft.flavor_id);
        Invalid::new("flavor_id", reason).into()
    })
}

fn wanted_key_pair(change: &Change<'_>, draft: &NewInstance) -> Tried<Option<AttachedKeyPair>> {
    let Some(name) = &draft.key_name else { return Ok(None) };
    let Some(key) = key_pair::find(change, &draft.project_id, name)? else {
        let reason = format!(
            "project {} has no key pair named \"{}\": make it first",
            draft.project_id,
            name.escape_debug()
        );
        return Err(Invalid::new("key_name", reason).into());
    };
    Ok(Some(AttachedKeyPair {
        name: key.name,
        key_pair_type: key.key_pair_type,
        public_key: key.public_key,
    }))
}

fn device_name(devices: &[BlockDevice], wanted: fn(&BlockDevice) -> bool) -> Option<String> {
    devices.iter().find(|device| wanted(device)).and_then(|device| device.device_name.clone())
}

fn is_swap(device: &BlockDevice) -> bool {
    is_blank_local(device) && device.guest_format.as_deref() == Some("swap")
}

fn is_ephemeral(device: &BlockDevice) -> bool {
    is_blank_local(device) && !is_swap(device)
}

fn is_blank_local(device: &BlockDevice) -> bool {
    device.source_type == "blank" && device.destination_type == "local"
}

fn demands_config_drive(image: &Image) -> bool {
    image.properties.get("img_config_drive").is_some_and(|value| value == "mandatory")
}

fn plug_in(
    change: &mut Change<'_>,
    draft: &NewInstance,
    instance: &Instance,
    index: usize,
    request: &NetworkRequest,
) -> Tried<()> {
    let field = format!("networks[{index}]");
    match request {
        NetworkRequest::Network(id) => {
            let network = network::referenced_by(change, &field, *id, &draft.project_id)?;
            let mut port = NewPort::on(draft.project_id.clone(), *id);
            if let Some(groups) = &draft.security_groups {
                port.security_groups.clone_from(groups);
            }
            port_create::create(change, &port, &network, Purpose::MadeFor(instance.id))?;
            Ok(())
        }
        NetworkRequest::Port(id) => {
            let Some(port) = port::find(change, *id)? else {
                return Err(Invalid::new(field, format!("there is no port {id}")).into());
            };
            if port.project_id != draft.project_id {
                let reason = format!(
                    "port {id} belongs to project {}, not to {}",
                    port.project_id, draft.project_id
                );
                return Err(Invalid::new(field, reason).into());
            }
            attachment::attach(change, &port, instance.id, &field)
        }
    }
}
