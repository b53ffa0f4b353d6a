//! Whatever a machine sends to UDP port 67, and whatever an operator set on its port.
//!
//! The first byte says how many of the others are an extra option, as `name=value`; the rest is the
//! datagram. Datagrams of ours are the seeds: they are made when the program starts, into the
//! directory that `FUZZ_SEEDS` names.

#![no_main]

use std::{env, fs, io, net::Ipv4Addr, path::Path, sync::LazyLock};

use innkeeper_host::dhcp::{
    Answer, DATAGRAM_BYTES_MAX, DhcpSettings, Request, answer, check, frame,
};
use innkeeper_model::{
    DhcpBinding, ExtraDhcpOption, HostRoute, HostedBridge, HostedInterface, HostedNetwork,
    HostedSubnet, MacAddress, MetadataHolder, NetworkId, PortId, SubnetId,
};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes of Ethernet's header, which a datagram does not count.
const ETHERNET_HEADER: usize = 14;

static NETWORK: LazyLock<HostedNetwork> = LazyLock::new(network);

fuzz_target!(
    init: {
        if let Some(seeds) = env::var_os("FUZZ_SEEDS") {
            write_seeds(Path::new(&seeds)).expect("the seeds' directory can be written");
        }
    },
    |bytes: &[u8]| -> Corpus { ask(bytes) }
);

fn ask(bytes: &[u8]) -> Corpus {
    let Some((extra, datagram)) =
        bytes.split_first().and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)))
    else {
        return Corpus::Reject;
    };
    let extra = String::from_utf8_lossy(extra);
    let (name, value) = extra.split_once('=').unwrap_or((&extra, ""));
    let option = ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() };
    let is_good = check(&option).is_ok();
    let Ok(request) = Request::read(datagram) else { return Corpus::Keep };
    let binding = DhcpBinding {
        port_id: PortId::random(),
        addresses: vec![Ipv4Addr::new(10, 0, 0, 5).into()],
        host_name: None,
        extra_options: vec![option],
    };
    let answered = answer(&NETWORK, &DhcpSettings::default(), &request, &binding);
    if let Answer::Reply(reply) = answered.answer {
        let port = NETWORK.dhcp.as_ref().expect("it has a DHCP port");
        let sent = frame(&reply, port.mac_address);
        assert!(sent.len() <= ETHERNET_HEADER + usize::from(DATAGRAM_BYTES_MAX), "{reply:?}");
        assert_eq!((reply.xid, reply.mac), (request.xid, request.mac));
        assert!(is_good || reply.options.iter().all(|(code, _)| *code != 224), "{reply:?}");
        assert!([Ipv4Addr::UNSPECIFIED, [10, 0, 0, 5].into()].contains(&reply.yiaddr));
    }
    Corpus::Keep
}

fn network() -> HostedNetwork {
    let id = NetworkId::random();
    let subnet = HostedSubnet {
        id: SubnetId::random(),
        cidr: "10.0.0.0/24".parse().expect("a range"),
        gateway_ip: Some([10, 0, 0, 1].into()),
        dns_nameservers: vec![[9, 9, 9, 9].into()],
        host_routes: vec![HostRoute {
            destination: "20.0.0.1/24".parse().expect("a range"),
            nexthop: [10, 0, 0, 7].into(),
        }],
        enable_dhcp: true,
        isolated: true,
    };
    let dhcp = HostedInterface {
        port_id: PortId::random(),
        network_id: id,
        mac_address: MacAddress::generated([0, 0, 2]),
        addresses: vec!["10.0.0.2/24".parse().expect("an address")],
        metadata: MetadataHolder::default(),
    };
    HostedNetwork {
        id,
        bridge: HostedBridge { name: "brqfuzz".to_owned(), ours: true },
        mtu: Some(1500),
        dhcp: Some(dhcp),
        subnets: vec![subnet],
        force_metadata: false,
        isolated_metadata: true,
    }
}

fn write_seeds(directory: &Path) -> io::Result<()> {
    let asks: &[(&str, &[u8], &str)] = &[
        ("discover", &[53, 1, 1, 55, 4, 1, 3, 121, 249, 255], "dns-server=10.0.0.53"),
        ("selecting", &[53, 1, 3, 50, 4, 10, 0, 0, 5, 54, 4, 10, 0, 0, 2, 255], "224=01:02:03"),
        ("rebooting", &[53, 1, 3, 50, 4, 10, 0, 0, 9, 61, 2, 1, 2, 255], "domain-search=a.b,c"),
        ("inform", &[53, 1, 8, 57, 2, 5, 220, 255], "121=10.1.0.0/16,10.0.0.9"),
        ("decline", &[53, 1, 4, 50, 4, 10, 0, 0, 5, 255], "T1=2h"),
        ("split", &[53, 1, 1, 55, 1, 1, 55, 1, 3, 80, 1, 1, 12, 1, 0xe4, 255], "mtu=9000"),
    ];
    for (name, options, extra) in asks {
        let mut datagram = [0; 240];
        datagram[..3].copy_from_slice(&[1, 1, 6]);
        datagram[28..34].copy_from_slice(&[0xfa, 0x16, 0x3e, 0, 0, 5]);
        datagram[236..].copy_from_slice(&[99, 130, 83, 99]);
        if *name == "inform" {
            datagram[12..16].copy_from_slice(&[10, 0, 0, 5]);
        }
        assert!(Request::read(&[&datagram, *options].concat()).is_ok(), "the seed {name} is read");
        let length = u8::try_from(extra.len()).expect("a short option");
        let seed = [&[length], extra.as_bytes(), &datagram, options].concat();
        fs::write(directory.join(name), seed)?;
    }
    Ok(())
}
