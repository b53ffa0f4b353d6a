//! `.network` and `.netdev` files of systemd-networkd.

use std::{fmt::Write, path::Path};

use super::{
    super::plan::{Automatic6, Device, DeviceKind, Plan, PlannedRoute},
    Rendered,
};

/// How the names of our files begin. The number is before any that a distribution ships, so that
/// ours decide about their interfaces.
pub(super) const NAME_PREFIX: &str = "10-innkeeper-";

const HEAD: &str = "# Written by innkeeper-guest from network_data.json; changes are lost.\n";

pub(super) fn render(plan: &Plan, root: &Path) -> Vec<Rendered> {
    let folder = root.join("etc/systemd/network");
    let mut files = Vec::new();
    for device in &plan.devices {
        let mut add = |extension: &str, content: String| {
            let path = folder.join(format!("{NAME_PREFIX}{}.{extension}", device.name));
            files.push(Rendered { path, content, mode: 0o644 });
        };
        if let Some(content) = netdev(device) {
            add("netdev", content);
        }
        add("network", network(device, plan));
    }
    files
}

/// What makes a bond or VLAN.
fn netdev(device: &Device) -> Option<String> {
    let (kind, mac) = match &device.kind {
        DeviceKind::Present { .. } => return None,
        DeviceKind::Bond { mac, .. } => ("bond", mac),
        DeviceKind::Vlan { mac, .. } => ("vlan", mac),
    };
    let mut text = format!("{HEAD}[NetDev]\nName={}\nKind={kind}\n", device.name);
    if let Some(mac) = mac {
        line(&mut text, "MACAddress", mac);
    }
    match &device.kind {
        DeviceKind::Present { .. } => {}
        DeviceKind::Bond { options, .. } => {
            text.push_str("\n[Bond]\n");
            line(&mut text, "Mode", options.mode);
            line(&mut text, "MIIMonitorSec", format_args!("{}ms", options.mii_monitor));
            if let Some(policy) = options.transmit_hash_policy {
                line(&mut text, "TransmitHashPolicy", policy);
            }
        }
        DeviceKind::Vlan { vlan_id, .. } => {
            text.push_str("\n[VLAN]\n");
            line(&mut text, "Id", vlan_id);
        }
    }
    Some(text)
}

fn network(device: &Device, plan: &Plan) -> String {
    let mut text = format!("{HEAD}[Match]\n");
    match &device.kind {
        // In a bond the address in force is the bond's.
        DeviceKind::Present { mac, bond: Some(_), .. } => {
            line(&mut text, "PermanentMACAddress", mac);
        }
        // A VLAN or bridge of the interface has its address, but another type.
        DeviceKind::Present { mac, bond: None, .. } => {
            line(&mut text, "MACAddress", mac);
            line(&mut text, "Type", "ether");
        }
        DeviceKind::Bond { .. } | DeviceKind::Vlan { .. } => line(&mut text, "Name", &device.name),
    }
    if let Some(mtu) = device.mtu {
        text.push_str("\n[Link]\n");
        line(&mut text, "MTUBytes", mtu);
    }
    text.push_str("\n[Network]\n");
    if let DeviceKind::Present { bond: Some(bond), .. } = &device.kind {
        line(&mut text, "Bond", bond);
        return text;
    }
    for other in &plan.devices {
        if matches!(&other.kind, DeviceKind::Vlan { parent, .. } if *parent == device.name) {
            line(&mut text, "VLAN", &other.name);
        }
    }
    let has_dhcp6 = device.automatic6 == Some(Automatic6::Dhcp);
    let dhcp = match (device.has_dhcp4, has_dhcp6) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    line(&mut text, "DHCP", dhcp);
    // An interface of which the document says nothing about IPv6 keeps the system's default.
    if device.automatic6.is_some() {
        line(&mut text, "IPv6AcceptRA", "yes");
    } else if device.addresses_of(false).next().is_some() {
        line(&mut text, "IPv6AcceptRA", "no");
    }
    for prefix in &device.addresses {
        line(&mut text, "Address", prefix);
    }
    for server in &device.servers {
        line(&mut text, "DNS", server);
    }
    for PlannedRoute { destination, gateway, is_on_link, metric } in &device.routes {
        text.push_str("\n[Route]\n");
        line(&mut text, "Destination", destination);
        line(&mut text, "Gateway", gateway);
        if *is_on_link {
            line(&mut text, "GatewayOnLink", "yes");
        }
        if let Some(metric) = metric {
            line(&mut text, "Metric", metric);
        }
    }
    text
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    writeln!(text, "{key}={value}").expect("a string takes all that is written to it");
}
