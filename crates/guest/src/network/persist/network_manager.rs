//! Connection files ("keyfiles") of NetworkManager.

use std::{fmt::Write, path::Path};

use super::{
    super::plan::{Device, DeviceKind, Plan},
    Rendered,
};

/// How the names of our files begin.
pub(super) const NAME_PREFIX: &str = "innkeeper-";

const HEAD: &str = "# Written by innkeeper-guest from network_data.json; changes are lost.\n";

/// More than the 0 of a connection that NetworkManager makes up or an image brings along.
const PRIORITY: u32 = 100;

pub(super) fn render(plan: &Plan, root: &Path) -> Vec<Rendered> {
    let folder = root.join("etc/NetworkManager/system-connections");
    let file = |device: &Device| Rendered {
        path: folder.join(format!("{NAME_PREFIX}{}.nmconnection", device.name)),
        content: connection(device),
        // NetworkManager reads no file that others can.
        mode: 0o600,
    };
    plan.devices.iter().map(file).collect()
}

fn connection(device: &Device) -> String {
    let mut text = format!("{HEAD}[connection]\nid={NAME_PREFIX}{}\n", device.name);
    match &device.kind {
        DeviceKind::Present { mac, bond, .. } => {
            line(&mut text, "type", "ethernet");
            line(&mut text, "autoconnect-priority", PRIORITY);
            if let Some(bond) = bond {
                line(&mut text, "master", bond);
                line(&mut text, "slave-type", "bond");
            }
            text.push_str("\n[ethernet]\n");
            line(&mut text, "mac-address", mac);
        }
        DeviceKind::Bond { mac, options, .. } => {
            line(&mut text, "type", "bond");
            line(&mut text, "interface-name", &device.name);
            line(&mut text, "autoconnect-priority", PRIORITY);
            text.push_str("\n[bond]\n");
            line(&mut text, "mode", options.mode);
            line(&mut text, "miimon", options.mii_monitor);
            if let Some(policy) = options.transmit_hash_policy {
                line(&mut text, "xmit_hash_policy", policy);
            }
            text.push_str("\n[ethernet]\n");
            if let Some(mac) = mac {
                line(&mut text, "cloned-mac-address", mac);
            }
        }
        DeviceKind::Vlan { mac, parent, vlan_id } => {
            line(&mut text, "type", "vlan");
            line(&mut text, "interface-name", &device.name);
            line(&mut text, "autoconnect-priority", PRIORITY);
            text.push_str("\n[vlan]\n");
            line(&mut text, "id", vlan_id);
            line(&mut text, "parent", parent);
            text.push_str("\n[ethernet]\n");
            if let Some(mac) = mac {
                line(&mut text, "cloned-mac-address", mac);
            }
        }
    }
    if let Some(mtu) = device.mtu {
        line(&mut text, "mtu", mtu);
    }
    // A bond's member has no addresses, and no section about them.
    if !matches!(device.kind, DeviceKind::Present { bond: Some(_), .. }) {
        addressing(&mut text, device, true);
        addressing(&mut text, device, false);
    }
    text
}

fn addressing(text: &mut String, device: &Device, ipv4: bool) {
    let is_automatic = if ipv4 { device.has_dhcp4 } else { device.automatic6.is_some() };
    let has_addresses = device.addresses_of(ipv4).next().is_some();
    let method = match (is_automatic, has_addresses, ipv4) {
        (true, ..) => "auto",
        (false, true, _) => "manual",
        (false, false, true) => "disabled",
        // As for IPv6 in general: what routers advertise, if they do.
        (false, false, false) => "auto",
    };
    text.push_str(if ipv4 { "\n[ipv4]\n" } else { "\n[ipv6]\n" });
    line(text, "method", method);
    for (number, prefix) in (1..).zip(device.addresses_of(ipv4)) {
        let number: usize = number;
        line(text, &format!("address{number}"), prefix);
    }
    if method == "disabled" {
        return;
    }
    let servers: String = device.servers_of(ipv4).map(|server| format!("{server};")).collect();
    if !servers.is_empty() {
        line(text, "dns", servers);
    }
    for (number, route) in (1..).zip(device.routes_of(ipv4)) {
        let number: usize = number;
        let metric = route.metric.map(|metric| format!(",{metric}")).unwrap_or_default();
        let value = format_args!("{},{}{metric}", route.destination, route.gateway);
        line(text, &format!("route{number}"), value);
        if route.is_on_link {
            line(text, &format!("route{number}_options"), "onlink=true");
        }
    }
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    writeln!(text, "{key}={value}").expect("a string takes all that is written to it");
}
