//! How what this role made is told from what others made: by the alias of a link.
//!
//! `ip link show` prints aliases, so an operator sees whose link it is.

use innkeeper_model::PortId;

/// Starts every alias that this role sets.
pub const PREFIX: &str = "innkeeper:";
/// The alias of bridges that this role made.
pub const BRIDGE: &str = "innkeeper:bridge";
/// The alias of `lo` in namespaces that this role made.
pub const NAMESPACE: &str = "innkeeper:namespace";
/// Ends the alias of a port inside a namespace while what is plugged into its network's bridge is
/// guarded: no guest there can pass for another, so that neighbour tables can be believed.
const GUARDED: &str = ":guarded";
/// Starts the alias of taps that were made for machines.
const TAP: &str = "innkeeper:tap:";

/// The alias of both ends of a port's veth pair.
pub fn port(id: PortId) -> String {
    format!("{PREFIX}{id}")
}

/// The alias of the end inside the namespace while the network is guarded.
pub fn guarded_port(id: PortId) -> String {
    format!("{PREFIX}{id}{GUARDED}")
}

/// The port whose mark an alias is, guarded or not.
pub fn port_of(alias: &str) -> Option<PortId> {
    let id = alias.strip_prefix(PREFIX)?;
    id.strip_suffix(GUARDED).unwrap_or(id).parse().ok()
}

/// The alias of a tap that a machine is plugged into a port by.
pub fn tap(id: PortId) -> String {
    format!("{TAP}{id}")
}

/// The port whose tap's mark an alias is.
pub fn tap_of(alias: &str) -> Option<PortId> {
    alias.strip_prefix(TAP)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ports_marks_name_ports() {
        let id = PortId::random();
        assert_eq!(port_of(&port(id)), Some(id));
        assert_eq!(port_of(&guarded_port(id)), Some(id));
        for other in [BRIDGE, NAMESPACE, "", "innkeeper:", &id.to_string(), &tap(id)] {
            assert_eq!(port_of(other), None, "{other:?}");
        }
        assert_eq!(tap_of(&tap(id)), Some(id));
        assert_eq!(tap_of(&port(id)), None);
    }
}
