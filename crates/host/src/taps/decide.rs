//! What may come from each tap, and what is to be done about it. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use innkeeper_model::PluggedPort;

use super::survey::{Bridges, SeenTap, Survey};
use crate::{nftables::GuardedTap, report::Failure};

/// What is to be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// What may come from which tap.
    pub(super) guard: BTreeMap<String, GuardedTap>,
    /// Bridges on which no guest can pass for another.
    pub(super) guarded_bridges: BTreeSet<String>,
    /// Taps made here that are to be on this bridge.
    pub(super) plugged: Vec<(SeenTap, String)>,
    /// Taps made here for ports that are gone.
    pub(super) unwanted: Vec<SeenTap>,
    /// What an operator should know.
    pub(super) remarks: Vec<Failure>,
}

/// `ports` are those of the survey's prefixes; `None` if nobody could be asked: then what was let
/// through `before` still is, and nothing else.
pub(super) fn decide(
    survey: &Survey,
    bridges: &Bridges,
    ports: Option<&[PluggedPort]>,
    before: &BTreeMap<String, GuardedTap>,
) -> Decision {
    let mut decision =
        Decision { guarded_bridges: bridges.ours.keys().cloned().collect(), ..Decision::default() };
    for (link, bridge) in &survey.strangers {
        decision.guarded_bridges.remove(bridge);
        let error = format!(
            "it is plugged into {bridge} and is no port's tap, so that nothing keeps what comes \
             from it from passing for a guest of the network: unplug it (ip link set {link} \
             nomaster), or know what it is"
        );
        decision.remarks.push(Failure { item: link.clone(), error });
    }
    let Some(ports) = ports else {
        keep_before(survey, before, &mut decision);
        return decision;
    };
    let mut by_prefix: HashMap<&str, Vec<&PluggedPort>> = HashMap::new();
    for port in ports {
        let id = port.id.to_string();
        let tap = survey.taps.iter().find(|tap| id.starts_with(&tap.port_prefix));
        if let Some(tap) = tap {
            by_prefix.entry(&tap.port_prefix).or_default().push(port);
        }
    }
    for tap in &survey.taps {
        let found = by_prefix.get(tap.port_prefix.as_str()).map_or(&[][..], Vec::as_slice);
        decide_tap(tap, found, bridges, &mut decision);
    }
    decision
}

fn keep_before(survey: &Survey, before: &BTreeMap<String, GuardedTap>, decision: &mut Decision) {
    for tap in survey.taps.iter().filter(|tap| tap.bridge.is_some()) {
        let guarded = before.get(&tap.link.name).cloned().unwrap_or_else(GuardedTap::closed);
        decision.guard.insert(tap.link.name.clone(), guarded);
    }
}

fn decide_tap(tap: &SeenTap, found: &[&PluggedPort], bridges: &Bridges, decision: &mut Decision) {
    let name = &tap.link.name;
    let mut remark = |error: String| {
        decision.remarks.push(Failure { item: name.clone(), error });
    };
    let port = match found {
        [port] if tap.made_for.is_none_or(|id| id == port.id) => Some(*port),
        [_, _, ..] => {
            remark(format!(
                "several ports' ids begin with {}: nothing is let through; delete all but one",
                tap.port_prefix
            ));
            None
        }
        _ if tap.made_for.is_some() => {
            decision.unwanted.push(tap.clone());
            None
        }
        _ => {
            remark("there is no port that it could be named after: nothing is let through".into());
            None
        }
    };
    if let Some(bridge) = &tap.bridge {
        let here = bridges.ours.get(bridge);
        let at_home = port.filter(|port| here == Some(&port.network_id));
        if let (Some(port), None) = (port, at_home)
            && tap.made_for.is_none()
        {
            let error = format!(
                "it is plugged into {bridge}, but port {} is on network {}: nothing is let through",
                port.id, port.network_id
            );
            decision.remarks.push(Failure { item: name.clone(), error });
        }
        let guarded = at_home.map(|port| open(port, bridge, bridges));
        decision.guard.insert(name.clone(), guarded.unwrap_or_default());
    }
    if let (Some(port), true) = (port, tap.made_for.is_some())
        && let Some(bridge) = bridges.of_network.get(&port.network_id)
    {
        // Guarded before it is plugged in.
        if bridges.ours.contains_key(bridge) {
            let opened = open(port, bridge, bridges);
            decision.guard.entry(name.clone()).or_insert(opened);
        }
        decision.plugged.push((tap.clone(), bridge.clone()));
    }
}

/// What comes from a port may come.
fn open(port: &PluggedPort, bridge: &str, bridges: &Bridges) -> GuardedTap {
    GuardedTap {
        mac: Some(port.mac_address),
        addresses: port.addresses.iter().copied().collect(),
        network: bridges.numbers.get(bridge).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{MacAddress, NetworkId, PortId};

    use super::*;
    use crate::netlink::Link;

    struct Case {
        bridges: Bridges,
        port: PluggedPort,
        tap: SeenTap,
    }

    fn case() -> Case {
        let network_id = NetworkId::random();
        let port = PluggedPort {
            id: PortId::random(),
            network_id,
            mac_address: MacAddress::generated([1, 2, 3]),
            addresses: vec!["10.0.0.3".parse().unwrap()],
        };
        let prefix: String = port.id.to_string().chars().take(11).collect();
        let tap = SeenTap {
            link: Link { name: format!("tap{prefix}"), ..Link::default() },
            bridge: Some("brq0".to_owned()),
            port_prefix: prefix,
            made_for: None,
        };
        let bridges = Bridges {
            of_network: BTreeMap::from([(network_id, "brq0".to_owned())]),
            numbers: BTreeMap::from([("brq0".to_owned(), 7)]),
            ours: BTreeMap::from([("brq0".to_owned(), network_id)]),
        };
        Case { bridges, port, tap }
    }

    fn decided(case: &Case, ports: Option<&[PluggedPort]>) -> Decision {
        let survey = Survey { taps: vec![case.tap.clone()], strangers: Vec::new() };
        decide(&survey, &case.bridges, ports, &BTreeMap::new())
    }

    #[test]
    fn a_ports_own_addresses_come_from_its_tap() {
        let case = case();
        let decision = decided(&case, Some(std::slice::from_ref(&case.port)));
        let guarded = &decision.guard[&case.tap.link.name];
        assert_eq!(guarded.mac, Some(case.port.mac_address));
        assert!(guarded.addresses.contains(&case.port.addresses[0]));
        assert!(decision.guarded_bridges.contains("brq0"));
        assert_eq!(decision.remarks, []);
    }

    #[test]
    fn nothing_comes_from_a_tap_whose_port_is_not_known_or_elsewhere() {
        let case = case();
        let mut elsewhere = case.port.clone();
        elsewhere.network_id = NetworkId::random();
        let mut twin = case.port.clone();
        twin.addresses.clear();
        for (what, ports) in [
            ("unknown", Some(vec![])),
            ("elsewhere", Some(vec![elsewhere])),
            ("two of that name", Some(vec![case.port.clone(), twin])),
            ("nobody to ask", None),
        ] {
            let decision = decided(&case, ports.as_deref());
            assert_eq!(decision.guard[&case.tap.link.name].mac, None, "{what}");
        }
    }

    #[test]
    fn what_was_known_holds_while_nobody_can_be_asked() {
        let case = case();
        let survey = Survey { taps: vec![case.tap.clone()], strangers: Vec::new() };
        let known = decided(&case, Some(std::slice::from_ref(&case.port))).guard;
        assert_eq!(decide(&survey, &case.bridges, None, &known).guard, known);
    }

    #[test]
    fn a_stranger_on_the_bridge_takes_the_trust_away() {
        let case = case();
        let survey =
            Survey { taps: Vec::new(), strangers: vec![("eth9".to_owned(), "brq0".to_owned())] };
        let decision = decide(&survey, &case.bridges, Some(&[]), &BTreeMap::new());
        assert!(decision.guarded_bridges.is_empty());
        assert_eq!(decision.remarks[0].item, "eth9");
    }

    #[test]
    fn a_tap_made_here_is_guarded_before_it_is_plugged_in_and_goes_with_its_port() {
        let mut case = case();
        case.tap.bridge = None;
        case.tap.made_for = Some(case.port.id);
        let decision = decided(&case, Some(std::slice::from_ref(&case.port)));
        assert!(decision.guard.contains_key(&case.tap.link.name));
        assert_eq!(decision.plugged, [(case.tap.clone(), "brq0".to_owned())]);
        assert_eq!(decided(&case, Some(&[])).unwanted, [case.tap.clone()]);
        assert!(decided(&case, None).unwanted.is_empty(), "nobody said that the port is gone");
    }
}
