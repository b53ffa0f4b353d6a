//! Stanzas of ifupdown's `interfaces` file.
//!
//! Bonds, VLANs and further addresses are made with `ip`, which every image with ifupdown has: the
//! options for them need packages (`ifenslave`, `vlan`) that an image may lack.

use std::fmt::{Arguments, Write};

use super::super::{
    name::InterfaceName,
    plan::{Automatic6, Device, DeviceKind, Plan, PlannedRoute},
};

/// Our file in a folder that is read as a whole; `source-directory` takes no name with a dot.
pub(super) const FILE_NAME: &str = "50-innkeeper";

const HEAD: &str = "# Written by innkeeper-guest from network_data.json; changes are lost.\n";

/// The stanzas, none if there is nothing to configure. `is_free` tells of an interface, family and
/// method whether they are ours to configure: what the administrator did stays as it is.
pub(super) fn render(
    plan: &Plan,
    mut is_free: impl FnMut(&InterfaceName, &str, &str) -> bool,
) -> Option<String> {
    let mut text = String::new();
    // The plan has what others are made of in front, and that is the order of bringing them up.
    for device in &plan.devices {
        if matches!(device.kind, DeviceKind::Present { bond: Some(_), .. }) {
            continue;
        }
        let mut stanzas = Vec::new();
        for family in ["inet", "inet6"] {
            stanzas.extend(method(device, family).map(|method| (family, method)));
        }
        if stanzas.is_empty() {
            stanzas.push(("inet", "manual"));
        }
        stanzas.retain(|(family, method)| is_free(&device.name, family, method));
        if stanzas.is_empty() {
            continue;
        }
        write_to(&mut text, format_args!("\nauto {}\n", device.name));
        let (first, last) = (stanzas.first().copied(), stanzas.last().copied());
        for one in stanzas {
            write_to(&mut text, format_args!("iface {} {} {}\n", device.name, one.0, one.1));
            if Some(one) == first {
                before(&mut text, device);
            }
            stanza(&mut text, device, one.0, one.1);
            if Some(one) == last && !matches!(device.kind, DeviceKind::Present { .. }) {
                option(&mut text, format_args!("post-down ip link delete dev {}", device.name));
            }
        }
    }
    (!text.is_empty()).then(|| format!("{HEAD}{}", text.trim_start_matches('\n')))
}

/// How the family is configured; `None` if the document has nothing of it.
fn method(device: &Device, family: &str) -> Option<&'static str> {
    let is_static = device.addresses_of(family == "inet").next().is_some();
    if family == "inet" {
        return if device.has_dhcp4 { Some("dhcp") } else { is_static.then_some("static") };
    }
    match device.automatic6 {
        Some(Automatic6::Slaac { .. }) => Some("auto"),
        Some(Automatic6::Dhcp) => Some("dhcp"),
        None => is_static.then_some("static"),
    }
}

/// Options of the first stanza of an interface.
fn before(text: &mut String, device: &Device) {
    made_of_others(device, &mut |line| option(text, line));
    if let Some(mtu) = device.mtu {
        option(text, format_args!("pre-up ip link set dev {} mtu {mtu}", device.name));
    }
}

fn stanza(text: &mut String, device: &Device, family: &str, method: &str) {
    let ipv4 = family == "inet";
    let version = if ipv4 { "-4" } else { "-6" };
    let name = &device.name;
    let mut option = |line: Arguments<'_>| option(text, line);
    let mut addresses = device.addresses_of(ipv4);
    match method {
        "static" => {
            // ifupdown fails on an address that is there already, as it is after `Plan::apply`.
            option(format_args!("pre-up ip {version} address flush dev {name} scope global"));
            if let Some(address) = addresses.next() {
                // busybox's ifup understands no prefix behind the address, and for IPv4 no length.
                option(format_args!("address {}", address.address()));
                option(format_args!("netmask {}", address.mask()));
            }
            if !ipv4 {
                option(format_args!("accept_ra 0"));
            }
        }
        "auto" if device.automatic6 == Some(Automatic6::Slaac { dhcp: true }) => {
            option(format_args!("dhcp 1"));
        }
        "dhcp" if !ipv4 => option(format_args!("accept_ra 1")),
        "manual" => option(format_args!("up ip link set dev {name} up")),
        _ => {}
    }
    // `gateway` is for one route and for a static interface.
    let is_plain = |route: &&PlannedRoute| {
        method == "static"
            && route.destination.is_everything()
            && !route.is_on_link
            && route.metric.is_none()
    };
    let plain = device.routes_of(ipv4).find(is_plain);
    if let Some(route) = plain {
        option(format_args!("gateway {}", route.gateway));
    }
    let servers: Vec<_> = device.servers_of(ipv4).map(|server| server.to_string()).collect();
    if !servers.is_empty() {
        option(format_args!("dns-nameservers {}", servers.join(" ")));
    }
    for address in addresses {
        option(format_args!("post-up ip {version} address replace {address} dev {name}"));
    }
    for route in device.routes_of(ipv4).filter(|route| plain != Some(route)) {
        let PlannedRoute { destination, gateway, is_on_link, metric } = route;
        let metric = metric.map(|metric| format!(" metric {metric}")).unwrap_or_default();
        let on_link = if *is_on_link { " onlink" } else { "" };
        option(format_args!(
            "post-up ip {version} route replace {destination} via {gateway} dev {name}{on_link}{metric}"
        ));
    }
}

/// Makes a bond or VLAN, unless it is there.
fn made_of_others(device: &Device, option: &mut impl FnMut(Arguments<'_>)) {
    let name = &device.name;
    let mac = match &device.kind {
        DeviceKind::Present { .. } => return,
        DeviceKind::Bond { mac, members, options } => {
            let policy = options
                .transmit_hash_policy
                .map(|policy| format!(" xmit_hash_policy {policy}"))
                .unwrap_or_default();
            let (mode, miimon) = (options.mode, options.mii_monitor);
            // The kernel's module makes an empty bond0 of its own when it is loaded, which the
            // first `ip link add` does: that one is given its settings.
            let settings = format!("dev {name} type bond mode {mode} miimon {miimon}{policy}");
            option(format_args!(
                "pre-up grep -qs . /sys/class/net/{name}/bonding/slaves || \
                 ip link add {settings} || ip link set {settings}"
            ));
            for member in members {
                // One that is a member already is not brought up again by being made one.
                option(format_args!("pre-up ip link set dev {member} nomaster"));
                option(format_args!("pre-up ip link set dev {member} down"));
                option(format_args!("pre-up ip link set dev {member} master {name}"));
            }
            mac
        }
        DeviceKind::Vlan { mac, parent, vlan_id } => {
            option(format_args!(
                "pre-up test -e /sys/class/net/{name} || \
                 ip link add link {parent} name {name} type vlan id {vlan_id}"
            ));
            mac
        }
    };
    if let Some(mac) = mac {
        option(format_args!("pre-up ip link set dev {name} address {mac}"));
    }
}

fn option(text: &mut String, line: Arguments<'_>) {
    write_to(text, format_args!("    {line}\n"));
}

fn write_to(text: &mut String, what: Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written to it");
}
