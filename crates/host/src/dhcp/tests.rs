//! What is answered, by the tables of RFC 2131 and by what no client may bring about.

use std::net::Ipv4Addr;

use dhcproto::{
    Decodable, Decoder,
    v4::{DhcpOption, Message, MessageType, OptionCode},
};
use innkeeper_model::{DhcpBinding, ExtraDhcpOption, HostRoute, HostedNetwork};
use proptest::prelude::*;

use super::{
    Answer, DATAGRAM_BYTES_MAX, DhcpSettings, Reply, ReplyKind, Request, Silence, answer, frame,
    reply::HEADER_BYTES,
    testing::{MAC, binding, datagram, network, subnet},
};

/// A client that cannot receive unicast.
const BROADCAST_FLAG: [u8; 2] = [0x80, 0];

fn blue() -> HostedNetwork {
    let mut blue = subnet("10.0.0.0/24", Some("10.0.0.1"));
    blue.dns_nameservers = vec!["9.9.9.9".parse().unwrap(), "1.1.1.1".parse().unwrap()];
    network(vec![blue])
}

/// Options in bytes, and the fields `flags` and `ciaddr`.
fn request(options: &[&[u8]], flags: [u8; 2], ciaddr: [u8; 4]) -> Request {
    let mut bytes = datagram(&options.concat());
    bytes[10..12].copy_from_slice(&flags);
    bytes[12..16].copy_from_slice(&ciaddr);
    Request::read(&bytes).expect("a request")
}

fn answered(network: &HostedNetwork, request: &Request, binding: &DhcpBinding) -> Answer {
    answer(network, &DhcpSettings::default(), request, binding).answer
}

fn reply(network: &HostedNetwork, request: &Request, binding: &DhcpBinding) -> Reply {
    match answered(network, request, binding) {
        Answer::Reply(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

fn decoded(reply: &Reply) -> Message {
    Message::decode(&mut Decoder::new(&reply.encode())).expect("what we encode can be read")
}

fn value(reply: &Reply, code: u8) -> Option<&[u8]> {
    reply.options.iter().find(|(own, _)| *own == code).map(|(_, value)| value.as_slice())
}

const DISCOVER: &[u8] = &[53, 1, 1];
const REQUEST: &[u8] = &[53, 1, 3];
const DECLINE: &[u8] = &[53, 1, 4];
const RELEASE: &[u8] = &[53, 1, 7];
const INFORM: &[u8] = &[53, 1, 8];
const OURS: &[u8] = &[54, 4, 10, 0, 0, 2];
const NONE: [u8; 4] = [0; 4];

const fn wants(last: u8) -> [u8; 6] {
    [50, 4, 10, 0, 0, last]
}

#[test]
fn an_offer_has_all_that_a_client_needs() {
    let settings = DhcpSettings { domain: Some("cloud.example".to_owned()), lease_seconds: 1000 };
    let request = request(&[DISCOVER, &[61, 2, 7, 7]], [0; 2], NONE);
    let answer = answer(&blue(), &settings, &request, &binding(&["10.0.0.5"])).answer;
    let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
    let message = decoded(&reply);
    assert_eq!((message.xid(), message.yiaddr().to_string().as_str()), (0xdead_beef, "10.0.0.5"));
    assert_eq!(
        (message.ciaddr(), message.siaddr()),
        (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED)
    );
    assert_eq!(message.chaddr(), MAC.bytes());
    let ip = |last| Ipv4Addr::new(10, 0, 0, last);
    let routes =
        vec![("169.254.169.254/32".parse().unwrap(), ip(1)), ("0.0.0.0/0".parse().unwrap(), ip(1))];
    for expected in [
        DhcpOption::MessageType(MessageType::Offer),
        DhcpOption::ServerIdentifier(ip(2)),
        DhcpOption::AddressLeaseTime(1000),
        DhcpOption::Renewal(500),
        DhcpOption::Rebinding(875),
        DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        DhcpOption::Router(vec![ip(1)]),
        DhcpOption::DomainNameServer(vec![[9, 9, 9, 9].into(), [1, 1, 1, 1].into()]),
        DhcpOption::Hostname("host-10-0-0-5".to_owned()),
        DhcpOption::DomainName("cloud.example".to_owned()),
        DhcpOption::InterfaceMtu(1450),
        DhcpOption::ClientIdentifier(vec![7, 7]),
        DhcpOption::ClasslessStaticRoute(routes),
    ] {
        let code = OptionCode::from(&expected);
        assert_eq!(message.opts().get(code), Some(&expected));
    }
    assert_eq!(value(&reply, 249), value(&reply, 121));
    assert!(reply.encode().len() >= 300, "BOOTP's shortest");
}

/// RFC 2131 §4.3.2 and table 4.
#[test]
fn a_request_is_answered_by_the_state_of_its_client() {
    let (network, binding) = (blue(), binding(&["10.0.0.5"]));
    let other_server: &[u8] = &[54, 4, 10, 0, 0, 3];
    let (own, foreign) = ([10, 0, 0, 5], [10, 0, 0, 6]);
    for (state, options, ciaddr, expected) in [
        ("selecting", vec![OURS, &wants(5)], NONE, Some(ReplyKind::Ack)),
        ("selecting another address", vec![OURS, &wants(6)], NONE, Some(ReplyKind::Nak)),
        ("selecting another server", vec![other_server, &wants(5)], NONE, None),
        ("rebooting", vec![&wants(5)[..]], NONE, Some(ReplyKind::Ack)),
        ("rebooting elsewhere", vec![&wants(6)[..]], NONE, Some(ReplyKind::Nak)),
        ("renewing or rebinding", vec![], own, Some(ReplyKind::Ack)),
        ("renewing what it lost", vec![], foreign, Some(ReplyKind::Nak)),
        ("naming nothing", vec![], NONE, None),
        ("naming nothing of ours", vec![OURS], NONE, None),
    ] {
        let request = request(&[&[REQUEST], &options[..]].concat(), [0; 2], ciaddr);
        match answered(&network, &request, &binding) {
            Answer::Reply(reply) => {
                assert_eq!(Some(reply.kind), expected, "{state}");
                let given = if reply.kind == ReplyKind::Nak { NONE } else { own };
                assert_eq!(reply.yiaddr.octets(), given, "{state}");
                if reply.kind == ReplyKind::Nak {
                    let sent: Vec<u8> = reply.options.iter().map(|(code, _)| *code).collect();
                    assert_eq!(sent, [53, 54, 56], "{state}");
                }
            }
            other => assert_eq!(expected, None, "{state}: {other:?}"),
        }
    }
}

/// RFC 2131 §4.1.
#[test]
fn a_reply_goes_where_its_client_can_receive_it() {
    let (network, binding) = (blue(), binding(&["10.0.0.5"]));
    let unicast = (MAC.bytes(), Ipv4Addr::new(10, 0, 0, 5));
    let everybody = ([0xff; 6], Ipv4Addr::BROADCAST);
    let own = [10, 0, 0, 5];
    for (options, flags, ciaddr, expected) in [
        (vec![DISCOVER], [0; 2], NONE, unicast),
        (vec![DISCOVER], BROADCAST_FLAG, NONE, everybody),
        (vec![REQUEST, OURS, &wants(5)], [0; 2], NONE, unicast),
        (vec![REQUEST, OURS, &wants(5)], BROADCAST_FLAG, NONE, everybody),
        (vec![REQUEST], [0; 2], own, unicast),
        (vec![REQUEST], BROADCAST_FLAG, own, unicast),
        (vec![INFORM], BROADCAST_FLAG, own, unicast),
        (vec![REQUEST, &wants(6)], [0; 2], NONE, everybody),
        (vec![REQUEST], [0; 2], [10, 0, 0, 6], everybody),
    ] {
        let reply = reply(&network, &request(&options, flags, ciaddr), &binding);
        let to = (reply.destination.mac, reply.destination.address);
        assert_eq!(to, expected, "{options:?} {flags:?} {ciaddr:?}");
        let sent = frame(&reply, network.dhcp.as_ref().unwrap().mac_address);
        assert_eq!(sent[..6], expected.0);
        assert_eq!(sent[30..34], expected.1.octets());
        assert_eq!(sent[26..30], [10, 0, 0, 2]);
        assert_eq!(sum(&sent[14..34]), 0xffff, "the checksum of IPv4");
        let length = u32::try_from(sent.len() - 34).unwrap();
        let pseudo = [&sent[26..34], &17_u32.to_be_bytes(), &length.to_be_bytes()].concat();
        assert_eq!(sum(&[&pseudo, &sent[34..]].concat()), 0xffff, "the checksum of UDP");
        assert_eq!(sent[34..38], [0, 67, 0, 68]);
    }
}

/// The sum that checksums are made of (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

#[test]
fn a_discover_gets_the_address_it_asks_for_if_it_is_the_ports() {
    let mut green = subnet("10.0.1.0/24", Some("10.0.1.1"));
    green.enable_dhcp = false;
    let network = network(vec![subnet("10.0.0.0/24", Some("10.0.0.1")), green]);
    let binding = binding(&["2001:db8::5", "10.0.1.5", "10.0.0.5", "10.0.0.6"]);
    for (asked, given) in [(5, 5), (6, 6), (7, 5)] {
        let reply = reply(&network, &request(&[DISCOVER, &wants(asked)], [0; 2], NONE), &binding);
        assert_eq!(reply.yiaddr, Ipv4Addr::new(10, 0, 0, given), "10.0.0.{asked}");
    }
    let nothing = super::testing::binding(&["10.0.1.5"]);
    let discover = request(&[DISCOVER], [0; 2], NONE);
    assert_eq!(answered(&network, &discover, &nothing), Answer::Silence(Silence::NoAddress));
}

#[test]
fn inform_tells_and_gives_nothing() {
    let (network, binding) = (blue(), binding(&["10.0.0.5"]));
    let reply = reply(&network, &request(&[INFORM], [0; 2], [10, 0, 0, 5]), &binding);
    assert_eq!((reply.kind, reply.yiaddr), (ReplyKind::AckInform, Ipv4Addr::UNSPECIFIED));
    assert_eq!(value(&reply, 53), Some(&[5][..]));
    for code in [51, 58, 59] {
        assert_eq!(value(&reply, code), None, "option {code}");
    }
    assert!(value(&reply, 121).is_some() && value(&reply, 6).is_some());
    let nameless = request(&[INFORM], [0; 2], NONE);
    assert_eq!(answered(&network, &nameless, &binding), Answer::Silence(Silence::NamesNone));
}

#[test]
fn decline_and_release_are_heard_of_the_ports_own_addresses_only() {
    let (network, binding) = (blue(), binding(&["10.0.0.5"]));
    let own = Ipv4Addr::new(10, 0, 0, 5);
    let decline = |last| request(&[DECLINE, OURS, &wants(last)], [0; 2], NONE);
    let release = |last| request(&[RELEASE, OURS], [0; 2], [10, 0, 0, last]);
    let not_its = Answer::Silence(Silence::NotItsAddress);
    assert_eq!(answered(&network, &decline(5), &binding), Answer::Declined(own));
    assert_eq!(answered(&network, &decline(6), &binding), not_its);
    assert_eq!(answered(&network, &release(5), &binding), Answer::Released(own));
    assert_eq!(answered(&network, &release(6), &binding), not_its);
}

#[test]
fn options_are_those_asked_for_and_those_needed() {
    let codes = |wanted: &[u8]| {
        let list = [&[55, u8::try_from(wanted.len()).unwrap()], wanted].concat();
        let reply =
            reply(&blue(), &request(&[DISCOVER, &list], [0; 2], NONE), &binding(&["10.0.0.5"]));
        let mut codes: Vec<u8> = reply.options.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes
    };
    let needed = [1, 3, 26, 51, 53, 54, 58, 59, 121];
    assert_eq!(codes(&[77]), needed, "121 even to clients that did not ask for it");
    assert_eq!(codes(&[249]), [&needed[..], &[249]].concat());
    assert_eq!(codes(&[6, 12, 15]), [1, 3, 6, 12, 26, 51, 53, 54, 58, 59, 121]);
}

#[test]
fn a_name_server_0_0_0_0_means_none_at_all() {
    let mut network = blue();
    network.subnets[0].dns_nameservers.push("0.0.0.0".parse().unwrap());
    let reply = reply(&network, &request(&[DISCOVER], [0; 2], NONE), &binding(&["10.0.0.5"]));
    assert_eq!(value(&reply, 6), None);
}

#[test]
fn a_lease_without_end_is_never_renewed() {
    let settings = DhcpSettings { lease_seconds: DhcpSettings::INFINITE, domain: None };
    let discover = request(&[DISCOVER], [0; 2], NONE);
    let answer = answer(&blue(), &settings, &discover, &binding(&["10.0.0.5"])).answer;
    let Answer::Reply(reply) = answer else { panic!("{answer:?}") };
    assert_eq!(value(&reply, 51), Some(&[0xff; 4][..]));
    assert_eq!((value(&reply, 58), value(&reply, 59)), (None, None));
}

fn extra(options: &[(&str, &str)]) -> DhcpBinding {
    let option = |(name, value): &(&str, &str)| ExtraDhcpOption {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let mut binding = binding(&["10.0.0.5"]);
    binding.extra_options = options.iter().map(option).collect();
    binding
}

#[test]
fn extra_options_stand_instead_of_ours() {
    let binding = extra(&[
        ("router", ""),
        ("6", "10.0.0.53"),
        ("classless-static-route", "0.0.0.0/0,10.0.0.9"),
        ("lease-time", "80"),
        ("domain-search", "a.b"),
        ("server-ip-address", "10.0.0.8"),
        ("bootfile-name", "pxelinux.0"),
        ("tftp-server", "boot.example"),
        ("54", "10.0.0.9"),
    ]);
    let discover = request(&[DISCOVER], [0; 2], NONE);
    let whole = answer(&blue(), &DhcpSettings::default(), &discover, &binding);
    assert_eq!(whole.bad_options.len(), 1, "{:?}", whole.bad_options);
    let Answer::Reply(reply) = whole.answer else { panic!("{:?}", whole.answer) };
    for (code, expected) in [
        (3, None),
        (6, Some(&[10, 0, 0, 53][..])),
        (121, Some(&[0, 10, 0, 0, 9])),
        (249, Some(&[0, 10, 0, 0, 9])),
        (51, Some(&[0, 0, 0, 80])),
        (58, Some(&[0, 0, 0, 40])),
        (59, Some(&[0, 0, 0, 70])),
        (119, Some(b"\x01a\x01b\x00")),
        (67, Some(b"pxelinux.0")),
        (66, Some(b"boot.example")),
        (54, Some(&[10, 0, 0, 2])),
    ] {
        assert_eq!(value(&reply, code), expected, "option {code}");
    }
    let message = decoded(&reply);
    assert_eq!(message.siaddr(), Ipv4Addr::new(10, 0, 0, 8));
    assert_eq!(message.fname(), Some(&b"pxelinux.0\0"[..]));
    assert_eq!(message.sname(), Some(&b"boot.example\0"[..]));
}

#[test]
fn what_does_not_fit_is_left_out_from_the_least_needed_on() {
    let long = "x".repeat(150);
    let binding = extra(&[("224", &long), ("225", &long), ("domain-search", "a.b")]);
    let discover = request(&[DISCOVER], [0; 2], NONE);
    let short = reply(&blue(), &discover, &binding);
    assert_eq!(short.left_out, [249, 119, 225]);
    assert!(value(&short, 224).is_some());
    assert!(short.encode().len() + HEADER_BYTES <= 576);
    let discover = request(&[DISCOVER, &[57, 2, 5, 220]], [0; 2], NONE);
    let long = reply(&blue(), &discover, &binding);
    assert_eq!(long.left_out, [0_u8; 0]);
    let discover = request(&[DISCOVER, &[57, 2, 0, 64]], [0; 2], NONE);
    assert_eq!(reply(&blue(), &discover, &binding).left_out, short.left_out, "576 at least");
}

/// As many routes as there can be: the message is what every client must take, or a little more.
#[test]
fn the_most_routes_still_fit_an_ethernet_frame() {
    let mut subnets = vec![subnet("10.0.0.0/24", Some("10.0.0.1"))];
    subnets[0].host_routes = vec![
        HostRoute {
            destination: "192.0.2.1/32".parse().unwrap(),
            nexthop: "10.0.0.7".parse().unwrap()
        };
        innkeeper_model::limits::HOST_ROUTES_MAX
    ];
    subnets.extend((0..200).map(|i| subnet(&format!("10.1.{i}.0/25"), None)));
    let mut network = network(subnets);
    network.mtu = Some(1500);
    let reply = reply(&network, &request(&[DISCOVER], [0; 2], NONE), &binding(&["10.0.0.5"]));
    let routes = value(&reply, 121).unwrap();
    assert!(routes.ends_with(&[32, 169, 254, 169, 254, 10, 0, 0, 1, 0, 10, 0, 0, 1]));
    assert!(routes.len() > 255, "split as RFC 3396 says");
    assert!(reply.encode().len() + HEADER_BYTES <= usize::from(DATAGRAM_BYTES_MAX));
    let message = decoded(&reply);
    let Some(DhcpOption::ClasslessStaticRoute(read)) =
        message.opts().get(OptionCode::ClasslessStaticRoute)
    else {
        panic!("{message}")
    };
    assert_eq!(read.len(), 64 + 20 + 2);
}

proptest! {
    #[test]
    fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
        let _ = Request::read(&bytes);
    }

    #[test]
    fn no_option_panics_and_every_reply_is_whole(
        kind in 1_u8..9,
        options in proptest::collection::vec(any::<u8>(), 0..300),
        flags: [u8; 2],
        used: bool,
        max in any::<u16>(),
        extras in proptest::collection::vec(("[0-9]{1,3}|[a-z-]{2,12}", "\\PC{0,60}"), 0..6),
    ) {
        let start = [53, 1, kind, 57, 2, max.to_be_bytes()[0], max.to_be_bytes()[1]];
        let mut bytes = datagram(&[&start[..], &options].concat());
        bytes[10..12].copy_from_slice(&flags);
        if used {
            bytes[12..16].copy_from_slice(&[10, 0, 0, 5]);
        }
        let pairs: Vec<_> = extras.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Ok(request) = Request::read(&bytes)
            && let Answer::Reply(reply) = answered(&blue(), &request, &extra(&pairs))
        {
            check_whole(&request, &reply);
        }
    }
}

fn check_whole(request: &Request, reply: &Reply) {
    let bytes = reply.encode();
    let limit = request.max_message.unwrap_or(576).clamp(576, 1450);
    let mut codes: Vec<u8> = reply.options.iter().map(|(code, _)| *code).collect();
    let is_minimal = codes.iter().all(|code| [53, 54, 56, 51, 1, 121, 61].contains(code));
    assert!(bytes.len() + HEADER_BYTES <= usize::from(limit) || is_minimal, "{reply:?}");
    let message = dhcproto::v4::borrowed::Message::new(&bytes).unwrap();
    assert_eq!((message.xid(), message.chaddr()), (request.xid, &MAC.bytes()[..]));
    assert_eq!((message.yiaddr(), message.ciaddr()), (reply.yiaddr, reply.ciaddr));
    assert_eq!((message.siaddr(), message.fname()), (reply.siaddr, &reply.boot_file[..]));
    let found: Vec<(u8, Vec<u8>)> =
        message.opts().map(|option| (option.code().into(), option.data().to_vec())).collect();
    assert_eq!(found, reply.options);
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), reply.options.len(), "no option twice");
}
