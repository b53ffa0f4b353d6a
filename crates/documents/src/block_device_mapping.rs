//! EC2's `block-device-mapping`: which device is what.

use std::borrow::Cow;

use innkeeper_model::{BlockDevice, Instance};

/// What a device is, and its name if it is known.
type Entry<'a> = (Cow<'static, str>, Option<&'a str>);

/// The entries of EC2's `block-device-mapping`, in the order in which Nova finds them. A later one
/// takes the place of an earlier one with its key.
pub(crate) fn entries(instance: &Instance) -> Vec<Entry<'_>> {
    let Some(root) = instance.root_device_name.as_deref() else {
        return [("ami", "sda1"), ("ephemeral0", "sda2"), ("root", "/dev/sda1"), ("swap", "sda3")]
            .map(|(key, device)| (key.into(), Some(device)))
            .into();
    };
    let mut entries = Vec::with_capacity(4 + instance.block_devices.len());
    entries.push(("ami".into(), Some(root.strip_prefix("/dev/").unwrap_or(root))));
    entries.push(("root".into(), Some(root)));
    let defaults = [
        ("ephemeral0", &instance.default_ephemeral_device),
        ("swap", &instance.default_swap_device),
    ];
    for (key, device) in defaults {
        let device = device.as_deref().filter(|device| !device.is_empty());
        entries.extend(device.map(|device| (key.into(), Some(device))));
    }
    entries.extend(volumes(&instance.block_devices));
    for (key, device) in swap(instance).into_iter().chain(ephemerals(instance)) {
        match entries.iter_mut().find(|(taken, _)| *taken == key) {
            Some(default) => default.1 = device,
            None => entries.push((key, device)),
        }
    }
    entries
}

/// `ebs0`, `ebs1`, … in the order of their names, the root volume among them.
fn volumes(devices: &[BlockDevice]) -> impl Iterator<Item = Entry<'_>> {
    let mut names: Vec<Option<&str>> = devices
        .iter()
        .filter(|device| is_volume(device))
        .map(|device| device.device_name.as_deref())
        .collect();
    names.sort_unstable();
    names.into_iter().enumerate().map(|(n, name)| (numbered("ebs", n), name))
}

fn ephemerals(instance: &Instance) -> impl Iterator<Item = Entry<'_>> {
    let blanks = blanks(&instance.block_devices).filter(|device| !is_swap(device));
    blanks.enumerate().map(|(n, device)| (numbered("ephemeral", n), device.device_name.as_deref()))
}

/// The last one wins.
fn swap(instance: &Instance) -> Option<Entry<'_>> {
    let swap = blanks(&instance.block_devices).filter(|device| is_swap(device)).last();
    swap.map(|device| ("swap".into(), device.device_name.as_deref()))
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

fn numbered(name: &str, number: usize) -> Cow<'static, str> {
    format!("{name}{number}").into()
}
