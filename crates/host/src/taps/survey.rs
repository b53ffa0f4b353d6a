//! Which links are plugged into bridges, as far as machines may be behind them.

use std::collections::BTreeMap;

use innkeeper_model::{NetworkId, PortId, Topology};

use crate::{marks, netlink::Link, outside::Outside};

/// What a tap's name begins with, as Neutron and libvirt's users name them.
const TAP: &str = "tap";
/// How many characters of a port's id are in its tap's name.
const ID_CHARS: usize = 11;

/// The bridges of networks.
#[derive(Debug, Clone, Default)]
pub(super) struct Bridges {
    pub(super) of_network: BTreeMap<NetworkId, String>,
    /// The numbers that the kernel gives those that are there.
    pub(super) numbers: BTreeMap<String, u32>,
    /// Those that Innkeeper makes, with the one network that each is of.
    pub(super) ours: BTreeMap<String, NetworkId>,
}

/// A link that a machine may be plugged in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenTap {
    pub(super) link: Link,
    /// The bridge of ours that it is plugged into.
    pub(super) bridge: Option<String>,
    /// The beginning of the id of the port that it is named after.
    pub(super) port_prefix: String,
    /// The port that it was made for here.
    pub(super) made_for: Option<PortId>,
}

/// What is plugged in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) taps: Vec<SeenTap>,
    /// Links on bridges of ours that are neither taps of machines nor ours, with their bridges.
    pub(super) strangers: Vec<(String, String)>,
}

impl Bridges {
    pub(super) fn of(topology: &Topology, outside: &Outside) -> Self {
        let mut bridges = Self::default();
        for network in &topology.networks {
            bridges.of_network.insert(network.id, network.bridge.name.clone());
            if let Some(link) = outside.link(&network.bridge.name) {
                bridges.numbers.insert(link.name, link.index);
            }
            if network.bridge.ours {
                bridges.ours.entry(network.bridge.name.clone()).or_insert(network.id);
            }
        }
        bridges
    }
}

impl Survey {
    pub(super) fn of(outside: &Outside, bridges: &Bridges) -> Self {
        let links = outside.links();
        let ours: BTreeMap<u32, &str> = links
            .iter()
            .filter(|link| link.alias == marks::BRIDGE && bridges.ours.contains_key(&link.name))
            .map(|link| (link.index, link.name.as_str()))
            .collect();
        let mut survey = Self::default();
        for link in &links {
            let bridge =
                link.controller.and_then(|index| ours.get(&index)).map(ToString::to_string);
            let made_for = marks::tap_of(&link.alias);
            let is_own_port = marks::port_of(&link.alias).is_some();
            if is_own_port || (bridge.is_none() && made_for.is_none()) {
                continue;
            }
            match (port_prefix(&link.name), bridge) {
                (Some(prefix), bridge) => survey.taps.push(SeenTap {
                    link: link.clone(),
                    bridge,
                    port_prefix: prefix.to_owned(),
                    made_for,
                }),
                (None, Some(bridge)) => survey.strangers.push((link.name.clone(), bridge)),
                (None, None) => {}
            }
        }
        survey
    }

    /// The beginnings of ports' ids to ask for.
    pub(super) fn prefixes(&self) -> Vec<String> {
        self.taps.iter().map(|tap| tap.port_prefix.clone()).collect()
    }
}

/// The beginning of a port's id that a tap is named after.
fn port_prefix(name: &str) -> Option<&str> {
    let prefix = name.strip_prefix(TAP).filter(|prefix| prefix.len() == ID_CHARS)?;
    let looks_like_an_id = prefix.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    });
    looks_like_an_id.then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_made_of_ids_are_taps_of_ports() {
        assert_eq!(port_prefix("tap04f10770-39"), Some("04f10770-39"));
        for other in [
            "tap0",
            "tap04f10770-3",
            "tap04f10770-398",
            "vnet0",
            "tap04f1077039a",
            "tapX4f10770-39",
            "",
        ] {
            assert_eq!(port_prefix(other), None, "{other:?}");
        }
    }
}
