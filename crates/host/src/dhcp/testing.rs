//! Networks, ports and datagrams for tests of this module.

use innkeeper_model::{
    DhcpBinding, HostedBridge, HostedInterface, HostedNetwork, HostedSubnet, MacAddress,
    MetadataHolder, NetworkId, PortId, SubnetId,
};
use ipnet::IpNet;

/// The MAC address of every request.
pub(crate) const MAC: MacAddress = MacAddress::generated([0, 0, 5]);

/// A subnet with DHCP.
pub(crate) fn subnet(cidr: &str, gateway: Option<&str>) -> HostedSubnet {
    HostedSubnet {
        id: SubnetId::random(),
        cidr: cidr.parse().unwrap(),
        gateway_ip: gateway.map(|gateway| gateway.parse().unwrap()),
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
        enable_dhcp: true,
        isolated: false,
    }
}

/// A network whose DHCP port has the second address of each of its IPv4 subnets.
pub(crate) fn network(subnets: Vec<HostedSubnet>) -> HostedNetwork {
    let id = NetworkId::random();
    let second = |subnet: &HostedSubnet| match subnet.cidr {
        IpNet::V4(cidr) => {
            let address = u32::from(cidr.network()) + 2;
            Some(IpNet::new(std::net::Ipv4Addr::from(address).into(), cidr.prefix_len()).unwrap())
        }
        IpNet::V6(_) => None,
    };
    let dhcp = HostedInterface {
        port_id: PortId::random(),
        network_id: id,
        mac_address: MacAddress::generated([0, 0, 2]),
        addresses: subnets.iter().filter_map(second).collect(),
        metadata: MetadataHolder::default(),
    };
    HostedNetwork {
        id,
        bridge: HostedBridge { name: "brqtest".to_owned(), ours: true },
        mtu: Some(1450),
        dhcp: Some(dhcp),
        subnets,
        force_metadata: false,
        isolated_metadata: true,
    }
}

/// A port with these addresses.
pub(crate) fn binding(addresses: &[&str]) -> DhcpBinding {
    DhcpBinding {
        port_id: PortId::random(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        host_name: None,
        extra_options: Vec::new(),
    }
}

/// A request of [`MAC`] with these options.
pub(crate) fn datagram(options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..8].copy_from_slice(&[1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    bytes[28..34].copy_from_slice(&MAC.bytes());
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend(options);
    bytes
}
