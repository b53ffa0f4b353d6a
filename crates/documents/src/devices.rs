//! `devices` of `meta_data.json`: what has a role, and where it is found.

use innkeeper_model::{Device, DeviceBus, DeviceKind};
use serde::Serialize;

use crate::OpenStackVersion;

/// What documents call a bus or an address that nobody knows.
const NONE: &str = "none";

/// A device as guests are told of it; the order of the fields is the order of the keys.
#[derive(PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum ShownDevice<'a> {
    Nic {
        #[serde(skip_serializing_if = "Option::is_none")]
        vlan: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vf_trusted: Option<bool>,
        r#type: &'static str,
        mac: &'a str,
        #[serde(flatten)]
        place: Place<'a>,
    },
    Disk {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<Option<&'a str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<Option<&'a str>>,
        #[serde(flatten)]
        place: Place<'a>,
    },
    Share {
        r#type: &'static str,
        share_id: &'a str,
        tag: &'a str,
        #[serde(flatten)]
        place: Place<'a>,
    },
}

#[derive(PartialEq, Eq, Serialize)]
pub(crate) struct Place<'a> {
    bus: &'static str,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a [String]>,
}

/// The devices that `version` shows, in order.
pub(crate) fn shown(devices: &[Device], version: OpenStackVersion) -> Vec<ShownDevice<'_>> {
    devices.iter().filter_map(|device| show(device, version)).collect()
}

fn show(device: &Device, version: OpenStackVersion) -> Option<ShownDevice<'_>> {
    let place = place(device);
    match &device.kind {
        DeviceKind::Nic { mac, vlan, vf_trusted } => {
            let vlan = vlan.filter(|_| version >= OpenStackVersion::V2017_02_22);
            let vf_trusted =
                (version >= OpenStackVersion::V2018_08_27).then(|| vf_trusted.unwrap_or(false));
            // Versions that have nothing to say of an untagged interface leave it out.
            let worth_showing = place.tags.is_some() || vlan.is_some() || vf_trusted.is_some();
            worth_showing.then_some(ShownDevice::Nic {
                vlan,
                vf_trusted,
                r#type: "nic",
                mac,
                place,
            })
        }
        DeviceKind::Disk { serial, path } => Some(ShownDevice::Disk {
            r#type: "disk",
            serial: serial.as_ref().map(Option::as_deref),
            path: path.as_ref().map(Option::as_deref),
            place,
        }),
        DeviceKind::Share { share_id, tag } => (version >= OpenStackVersion::V2025_04_04)
            .then_some(ShownDevice::Share { r#type: "share", share_id, tag, place }),
    }
}

fn place(device: &Device) -> Place<'_> {
    Place {
        bus: device.bus.map_or(NONE, DeviceBus::as_str),
        // An address is a place on a bus: without the one there is not the other.
        address: device.bus.and(device.address.as_deref()).unwrap_or(NONE),
        tags: device.tags.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_json(device: &str, version: &str) -> String {
        let device: Device = serde_json::from_str(device).expect("a device");
        let version = OpenStackVersion::named(version).expect("a version");
        let encoded = crate::encode_json(&shown(&[device], version));
        String::from_utf8(encoded).expect("ASCII")
    }

    #[test]
    fn an_untagged_interface_appears_once_there_is_something_to_say() {
        let nic = r#"{"type": "nic", "mac": "fa:16:3e:00:00:01", "bus": "pci", "vlan": 7}"#;
        assert_eq!(shown_json(nic, "2016-06-30"), "[]");
        assert_eq!(
            shown_json(nic, "2017-02-22"),
            r#"[{"vlan": 7, "type": "nic", "mac": "fa:16:3e:00:00:01", "bus": "pci", "address": "none"}]"#
        );
        assert!(shown_json(nic, "2018-08-27").starts_with(r#"[{"vlan": 7, "vf_trusted": false, "#));
    }

    #[test]
    fn a_share_appears_with_epoxy() {
        let share = r#"{"type": "share", "share_id": "s", "tag": "data"}"#;
        assert_eq!(shown_json(share, "2020-10-14"), "[]");
        assert_eq!(
            shown_json(share, "2025-04-04"),
            r#"[{"type": "share", "share_id": "s", "tag": "data", "bus": "none", "address": "none"}]"#
        );
    }

    #[test]
    fn an_address_without_a_bus_is_no_place() {
        let disk = r#"{"type": "disk", "path": null, "address": "0:1"}"#;
        let shown = r#"[{"type": "disk", "path": null, "bus": "none", "address": "none"}]"#;
        assert_eq!(shown_json(disk, "2020-10-14"), shown);
    }

    #[test]
    fn a_null_serial_is_shown_as_null() {
        let disk = r#"{"type": "disk", "serial": null, "bus": "ide", "address": "0:1"}"#;
        let shown = r#"[{"type": "disk", "serial": null, "bus": "ide", "address": "0:1"}]"#;
        assert_eq!(shown_json(disk, "2020-10-14"), shown);
    }
}
