//! The network configuration that Nova puts into machines of networks marked `injected`: a Debian
//! `interfaces` file, served as `content/0000` and named by `network_config`.

use std::{fmt::Write as _, net::IpAddr};

use innkeeper_model::{Vif, VifSubnet};
use ipnet::{IpNet, Ipv4Net};

use crate::network_data::first_subnet;

/// The file's name below `content`. Files of the machine's owner are numbered after it.
pub(crate) const CONTENT_ID: &str = "0000";

/// What the file begins with, as Nova's own template does.
const HEADER: &str = "\
# Injected by Nova on instance boot
#
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

# The loopback network interface
auto lo
iface lo inet loopback
";

/// Whether there is one.
pub(crate) fn has_file(vifs: &[Vif]) -> bool {
    vifs.iter().any(is_injected)
}

/// The file; `None` if no interface is to be configured by it.
pub(crate) fn file(vifs: &[Vif]) -> Option<String> {
    let numbered = vifs.iter().filter(|vif| !vif.subnets().is_empty()).enumerate();
    let stanzas: Vec<String> = numbered
        .filter(|(_, vif)| is_injected(vif))
        .map(|(number, vif)| stanza(&format!("eth{number}"), vif))
        .collect();
    (!stanzas.is_empty()).then(|| format!("{HEADER}{}", stanzas.concat()))
}

/// An interface that learns its address from a DHCP server is left to it.
fn is_injected(vif: &Vif) -> bool {
    let asks_dhcp =
        |subnet: Option<&VifSubnet>| subnet.is_some_and(|subnet| subnet.meta.dhcp_server.is_some());
    !vif.subnets().is_empty()
        && vif.network.as_ref().is_some_and(|network| network.meta.injected)
        && !asks_dhcp(first_subnet(vif, true))
        && !asks_dhcp(first_subnet(vif, false))
}

fn stanza(name: &str, vif: &Vif) -> String {
    let mut stanza = format!("\nauto {name}\n");
    for (family, subnet) in [("inet", first_subnet(vif, true)), ("inet6", first_subnet(vif, false))]
    {
        let Some((subnet, cidr)) = subnet.and_then(|subnet| Some((subnet, subnet.cidr?))) else {
            continue;
        };
        let Some(ip) = subnet.ips.first() else { continue };
        line(&mut stanza, format_args!("iface {name} {family} static"));
        line(&mut stanza, format_args!("    hwaddress ether {}", vif.address));
        line(&mut stanza, format_args!("    address {}", ip.address));
        match cidr {
            IpNet::V4(v4) => {
                line(&mut stanza, format_args!("    netmask {}", v4.netmask()));
                line(&mut stanza, format_args!("    broadcast {}", broadcast(v4)));
            }
            IpNet::V6(v6) => line(&mut stanza, format_args!("    netmask {}", v6.prefix_len())),
        }
        if let Some(gateway) = &subnet.gateway {
            line(&mut stanza, format_args!("    gateway {}", gateway.address));
        }
        let servers: Vec<String> = subnet.dns.iter().map(|server| text(server.address)).collect();
        if !servers.is_empty() {
            line(&mut stanza, format_args!("    dns-nameservers {}", servers.join(" ")));
        }
    }
    stanza
}

/// Nova prints what its library has for a range of one or two addresses: nothing, by name.
fn broadcast(range: Ipv4Net) -> String {
    if range.prefix_len() >= 31 {
        return "None".to_owned();
    }
    range.broadcast().to_string()
}

fn text(address: IpAddr) -> String {
    address.to_string()
}

fn line(to: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(to, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vif(json: &str) -> Vif {
        serde_json::from_str(json).expect("an interface")
    }

    fn static_v4(injected: bool, meta: &str) -> Vif {
        vif(&format!(
            r#"{{"id": "v", "address": "fa:16:3e:00:00:01", "network": {{"id": "n",
               "meta": {{"injected": {injected}}}, "subnets": [{{"cidr": "10.0.0.0/24",
               "ips": [{{"address": "10.0.0.5"}}], "meta": {meta}}}]}}}}"#
        ))
    }

    #[test]
    fn only_static_interfaces_of_injected_networks_are_configured() {
        assert_eq!(file(&[]), None);
        assert_eq!(file(&[static_v4(false, "{}")]), None);
        assert_eq!(file(&[static_v4(true, r#"{"dhcp_server": "10.0.0.2"}"#)]), None);
        // The flag alone, which is all that OVN sets, counts as static: as in Nova.
        assert!(file(&[static_v4(true, r#"{"enable_dhcp": true}"#)]).is_some());
    }

    #[test]
    fn interfaces_that_are_not_injected_are_counted() {
        let bare = vif(r#"{"id": "b", "address": "fa:16:3e:00:00:02", "network": null}"#);
        let file = file(&[bare, static_v4(false, "{}"), static_v4(true, "{}")]);
        let file = file.expect("one is injected");
        assert!(file.ends_with(
            "\nauto eth1\niface eth1 inet static\n    hwaddress ether fa:16:3e:00:00:01\n    \
             address 10.0.0.5\n    netmask 255.255.255.0\n    broadcast 10.0.0.255\n"
        ));
        assert!(!file.contains("eth0"), "{file}");
    }

    fn injected(subnets: &str) -> String {
        let vif = vif(&format!(
            r#"{{"id": "v", "address": "fa:16:3e:00:00:01", "network": {{"id": "n",
               "meta": {{"injected": true}}, "subnets": {subnets}}}}}"#
        ));
        file(&[vif]).map_or_else(String::new, |file| file.replace(HEADER, ""))
    }

    #[test]
    fn ipv6_alone_has_a_prefix_length_and_no_broadcast() {
        let file = injected(
            r#"[{"cidr": "2001:db8::/64", "ips": [{"address": "2001:db8::5"}],
                 "gateway": {"address": "fe80::1"},
                 "dns": [{"address": "2620:fe::fe"}, {"address": "2620:fe::9"}]}]"#,
        );
        assert_eq!(
            file,
            "\nauto eth0\niface eth0 inet6 static\n    hwaddress ether fa:16:3e:00:00:01\n    \
             address 2001:db8::5\n    netmask 64\n    gateway fe80::1\n    \
             dns-nameservers 2620:fe::fe 2620:fe::9\n"
        );
    }

    #[test]
    fn an_interface_without_an_address_is_named_only() {
        assert_eq!(injected(r#"[{"cidr": "10.0.0.0/24"}]"#), "\nauto eth0\n");
    }

    #[test]
    fn a_dhcp_server_of_either_family_leaves_the_interface_out() {
        let file = injected(
            r#"[{"cidr": "10.0.0.0/24", "ips": [{"address": "10.0.0.5"}]},
                {"cidr": "2001:db8::/64", "meta": {"dhcp_server": "2001:db8::2"}}]"#,
        );
        assert_eq!(file, "");
    }

    #[test]
    fn two_addresses_leave_none_for_a_broadcast() {
        let file = injected(r#"[{"cidr": "10.0.0.4/31", "ips": [{"address": "10.0.0.5"}]}]"#);
        assert!(file.ends_with("netmask 255.255.255.254\n    broadcast None\n"), "{file}");
    }
}
