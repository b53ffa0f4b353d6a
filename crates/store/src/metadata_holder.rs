//! Which port of a network holds the metadata addresses.

use std::collections::HashMap;

use innkeeper_model::{HostedInterface, HostedNetwork, MetadataHolder, RouterId};

/// Appoints the holders: of each network and family at most one, since a second one would fail its
/// duplicate-address check, or answer the guests' ARP beside the first.
///
/// `router_ports` are all routers' ports, oldest first.
pub(crate) fn appoint(
    networks: &mut [HostedNetwork],
    router_ports: &mut [(RouterId, HostedInterface)],
) {
    let mut left_to_routers = HashMap::new();
    for network in networks {
        let ipv6 = network.subnets.iter().any(|subnet| subnet.cidr.addr().is_ipv6());
        let all = MetadataHolder { ipv4: true, ipv6 };
        let by_dhcp = dhcp_serves(network);
        match &mut network.dhcp {
            Some(dhcp) if by_dhcp => dhcp.metadata = all,
            _ => {
                left_to_routers.insert(network.id, all);
            }
        }
    }
    for (_, port) in router_ports {
        let Some(left) = left_to_routers.get_mut(&port.network_id) else { continue };
        let has_ipv4 = port.addresses.iter().any(|address| address.addr().is_ipv4());
        port.metadata = MetadataHolder { ipv4: left.ipv4 && has_ipv4, ipv6: left.ipv6 };
        left.ipv4 &= !has_ipv4;
        left.ipv6 = false;
    }
}

/// Whether the DHCP port, if there is one, serves its network's metadata: guests of an isolated
/// subnet reach nobody else.
fn dhcp_serves(network: &HostedNetwork) -> bool {
    let isolated = || network.subnets.iter().any(|subnet| subnet.enable_dhcp && subnet.isolated);
    network.force_metadata || (network.isolated_metadata && isolated())
}
