//! EC2's `block-device-mapping`: which device is what.

use std::borrow::Cow;

use innkeeper_model::{BlockDevice, Instance};

/// What a leaf shows where a name should be and none is known.
const NONE: &str = "None";

/// The entries of EC2's `block-device-mapping`, sorted by key.
pub(crate) fn entries(instance: &Instance) -> Vec<(Cow<'static, str>, Cow<'_, str>)> {
    let Some(root) = instance.root_device_name.as_deref() else {
        return [("ami", "sda1"), ("ephemeral0", "sda2"), ("root", "/dev/sda1"), ("swap", "sda3")]
            .map(|(key, device)| (key.into(), device.into()))
            .into();
    };
    let mut entries = vec![
        ("ami".into(), root.strip_prefix("/dev/").unwrap_or(root).into()),
        ("root".into(), root.into()),
    ];
    entries.extend(volumes(&instance.block_devices));
    entries.extend(ephemerals(instance));
    entries.extend(swap(instance).map(|device| ("swap".into(), device.into())));
    entries.sort_unstable();
    entries
}

/// `ebs0`, `ebs1`, … in the order of their names, the root volume among them.
fn volumes(devices: &[BlockDevice]) -> impl Iterator<Item = (Cow<'static, str>, Cow<'_, str>)> {
    let mut names: Vec<Option<&str>> = devices
        .iter()
        .filter(|device| is_volume(device))
        .map(|device| device.device_name.as_deref())
        .collect();
    names.sort_unstable();
    let numbered = names.into_iter().enumerate();
    numbered.map(|(n, name)| (format!("ebs{n}").into(), name.unwrap_or(NONE).into()))
}

fn ephemerals(instance: &Instance) -> Vec<(Cow<'static, str>, Cow<'_, str>)> {
    let mut names: Vec<&str> = blanks(&instance.block_devices)
        .filter(|device| !is_swap(device))
        .map(|device| device.device_name.as_deref().unwrap_or(NONE))
        .collect();
    if names.is_empty() {
        names.extend(instance.default_ephemeral_device.as_deref().filter(|name| !name.is_empty()));
    }
    let numbered = names.into_iter().enumerate();
    numbered.map(|(n, name)| (format!("ephemeral{n}").into(), name.into())).collect()
}

/// The last one wins; without any, the machine's default.
fn swap(instance: &Instance) -> Option<&str> {
    let default = instance.default_swap_device.as_deref().filter(|name| !name.is_empty());
    blanks(&instance.block_devices)
        .filter(|device| is_swap(device))
        .last()
        .map_or(default, |device| Some(device.device_name.as_deref().unwrap_or(NONE)))
}

fn blanks(devices: &[BlockDevice]) -> impl Iterator<Item = &BlockDevice> {
    devices.iter().filter(|device| !is_volume(device) && device.source_type == "blank")
}

fn is_volume(device: &BlockDevice) -> bool {
    device.destination_type == "volume"
}

fn is_swap(device: &BlockDevice) -> bool {
    device.guest_format.as_deref() == Some("swap")
}
