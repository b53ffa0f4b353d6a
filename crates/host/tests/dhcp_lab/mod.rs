//! A network with its bridge and DHCP namespace, and a client on a raw socket.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::{
    fs, io::Read, net::Ipv4Addr, os::unix::fs::MetadataExt, path::PathBuf, sync::Arc,
    time::Duration,
};

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use innkeeper_host::dhcp::DhcpTarget;
use innkeeper_model::{
    HostedBridge, HostedInterface, HostedNetwork, HostedSubnet, MacAddress, MetadataHolder,
    NetworkId, PortId, SubnetId,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::lab;

/// How long an answer may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it must be quiet to be silence.
const SILENCE: Duration = Duration::from_secs(1);
/// The type of an Ethernet frame that holds anything (linux/if_ether.h).
const ETH_P_ALL: u16 = 3;

/// An isolated network 10.0.0.0/24, whose DHCP port is 10.0.0.2.
pub(crate) struct Blue {
    pub(crate) network: HostedNetwork,
    pub(crate) namespace: String,
    short: String,
}

impl Blue {
    /// Brings it up in this lab.
    pub(crate) fn new(name: &str) -> Self {
        let (network, namespace) = Self::described(name);
        let blue = Self { network, namespace, short: name.to_owned() };
        lab::ip(&format!("link add {} type bridge", blue.bridge()));
        lab::ip(&format!("link set {} up", blue.bridge()));
        blue.make_namespace();
        blue
    }

    /// What a topology says of it, and its namespace's name.
    pub(crate) fn described(name: &str) -> (HostedNetwork, String) {
        let id = NetworkId::random();
        let dhcp = HostedInterface {
            port_id: PortId::random(),
            network_id: id,
            mac_address: MacAddress::generated([0, 0, 2]),
            addresses: vec!["10.0.0.2/24".parse().unwrap()],
            metadata: MetadataHolder { ipv4: true, ipv6: false },
        };
        let subnet = HostedSubnet {
            id: SubnetId::random(),
            cidr: "10.0.0.0/24".parse().unwrap(),
            gateway_ip: Some([10, 0, 0, 1].into()),
            dns_nameservers: vec![[9, 9, 9, 9].into()],
            host_routes: Vec::new(),
            enable_dhcp: true,
            isolated: true,
        };
        let network = HostedNetwork {
            id,
            bridge: HostedBridge { name: format!("br{name}"), ours: true },
            mtu: Some(1450),
            dhcp: Some(dhcp),
            subnets: vec![subnet],
            force_metadata: false,
            isolated_metadata: true,
        };
        (network, format!("qdhcp-{id}"))
    }

    pub(crate) fn make_namespace(&self) {
        let (namespace, short) = (&self.namespace, &self.short);
        let mac = self.network.dhcp.as_ref().unwrap().mac_address;
        lab::ip(&format!("netns add {namespace}"));
        let bridge = self.bridge();
        lab::ip(&format!(
            "link add tap{short} master {bridge} type veth peer name ns0 address {mac} netns {namespace}"
        ));
        lab::ip(&format!("link set tap{short} up"));
        lab::ip_in(namespace, "link set ns0 up");
        lab::ip_in(namespace, "addr add 10.0.0.2/24 dev ns0");
    }

    pub(crate) fn remove_namespace(&self) {
        lab::ip(&format!("netns delete {}", self.namespace));
        lab::ip(&format!("link delete tap{}", self.short));
    }

    pub(crate) fn target(&self) -> DhcpTarget {
        let path = PathBuf::from(lab::NETNS_DIR).join(&self.namespace);
        let metadata = fs::metadata(&path).unwrap();
        DhcpTarget {
            network: Arc::new(self.network.clone()),
            namespace: self.namespace.clone(),
            path,
            id: (metadata.dev(), metadata.ino()),
        }
    }

    /// A namespace with a link on the bridge, without an address.
    pub(crate) fn plug_in(&self, guest: &str, mac: MacAddress) {
        lab::ip(&format!("netns add {guest}"));
        lab::ip(&format!(
            "link add tap{guest} master {} type veth peer name eth0 address {mac} netns {guest}",
            self.bridge()
        ));
        lab::ip(&format!("link set tap{guest} up"));
        lab::ip_in(guest, "link set eth0 up");
    }

    fn bridge(&self) -> &str {
        &self.network.bridge.name
    }
}

/// The bytes of options, with their end.
pub(crate) fn options(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], &[255]].concat()
}

/// A client that sees frames as they are.
pub(crate) struct RawClient {
    sends: Socket,
    receives: Socket,
    mac: MacAddress,
}

/// A frame from UDP port 67 to 68.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) destination: [u8; 6],
    pub(crate) source: [u8; 6],
    frame: Vec<u8>,
}

impl RawClient {
    pub(crate) fn new(namespace: &str, mac: MacAddress) -> Self {
        lab::inside(namespace, || {
            let receives =
                Socket::new(Domain::PACKET, Type::RAW, Some(i32::from(ETH_P_ALL.to_be()).into()))
                    .unwrap();
            // Frames cannot be sent without an address of the interface, but IP packets can: a
            // socket of its own, bound to the link, with the headers of a client without address.
            let sends = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
            sends.set_header_included_v4(true).unwrap();
            sends.bind_device(Some(b"eth0")).unwrap();
            sends.set_broadcast(true).unwrap();
            Self { sends, receives, mac }
        })
    }

    /// Asks with this hardware address from now on.
    pub(crate) fn become_another(&mut self, mac: MacAddress) {
        self.mac = mac;
    }

    /// Sends a request, and gives the answer to it.
    pub(crate) fn ask(&mut self, options: &[u8], broadcast: bool) -> Option<Heard> {
        self.say(options, broadcast);
        self.hears()
    }

    /// Sends a request; whether there is no answer to it.
    pub(crate) fn asks_in_vain(&mut self, options: &[u8]) -> bool {
        self.say(options, false);
        self.hears_nothing()
    }

    /// Sends a request from 0.0.0.0 to everybody.
    pub(crate) fn say(&self, options: &[u8], broadcast: bool) {
        let mut message = vec![0; 240];
        message[..4].copy_from_slice(&[1, 1, 6, 0]);
        message[10] = if broadcast { 0x80 } else { 0 };
        message[28..34].copy_from_slice(&self.mac.bytes());
        message[236..].copy_from_slice(&[99, 130, 83, 99]);
        message.extend(options);
        let builder = PacketBuilder::ipv4([0; 4], [255; 4], 64).udp(68, 67);
        let mut packet = Vec::new();
        builder.write_to_vec(&mut packet, &message).unwrap();
        let to = std::net::SocketAddrV4::new(Ipv4Addr::BROADCAST, 0);
        self.sends.send_to(&packet, &to.into()).unwrap();
    }

    /// The next frame from a DHCP server.
    pub(crate) fn hears(&mut self) -> Option<Heard> {
        self.hears_within(PATIENCE)
    }

    /// Whether no DHCP server sends anything here.
    pub(crate) fn hears_nothing(&mut self) -> bool {
        self.hears_within(SILENCE).is_none()
    }

    fn hears_within(&mut self, patience: Duration) -> Option<Heard> {
        self.receives.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = vec![0; 2048];
        while let Ok(length) = self.receives.read(&mut buffer) {
            let frame = buffer[..length].to_vec();
            let is_reply = SlicedPacket::from_ethernet(&frame).is_ok_and(|packet| {
                matches!(packet.transport, Some(TransportSlice::Udp(udp))
                    if (udp.source_port(), udp.destination_port()) == (67, 68))
            });
            if is_reply {
                let destination = frame[..6].try_into().unwrap();
                let source = frame[6..12].try_into().unwrap();
                return Some(Heard { destination, source, frame });
            }
        }
        None
    }
}

impl Heard {
    /// The value of option 53, which is the first one.
    pub(crate) fn message_type(&self) -> Option<u8> {
        match self.frame.get(14 + 20 + 8 + 240..)? {
            [53, 1, kind, ..] => Some(*kind),
            _ => None,
        }
    }

    /// Whether IPv4's and UDP's checksums are right as they are on the wire.
    pub(crate) fn checksum_is_right(&self) -> bool {
        let packet = SlicedPacket::from_ethernet(&self.frame).unwrap();
        let (Some(etherparse::NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) =
            (&packet.net, &packet.transport)
        else {
            return false;
        };
        let (ip, udp) = (ip.header().to_header(), udp);
        let payload = udp.payload();
        ip.header_checksum == ip.calc_header_checksum()
            && udp.to_header().calc_checksum_ipv4(&ip, payload) == Ok(udp.checksum())
    }
}
