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

/// The alias of both ends of a port's veth pair.
pub fn port(id: PortId) -> String {
    format!("{PREFIX}{id}")
}

/// The port whose mark an alias is.
pub fn port_of(alias: &str) -> Option<PortId> {
    alias.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ports_marks_name_ports() {
        let id = PortId::random();
        assert_eq!(port_of(&port(id)), Some(id));
        for other in [BRIDGE, NAMESPACE, "", "innkeeper:", &id.to_string()] {
            assert_eq!(port_of(other), None, "{other:?}");
        }
    }
}
