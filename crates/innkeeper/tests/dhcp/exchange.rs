//! What a client and the server said to each other, and whether that was right.

use std::{net::Ipv4Addr, time::Duration};

use innkeeper_lab::{Guest, LabError, Recorder, wait_until};

use crate::{
    frames::{
        BROADCAST,
        dhcp::{ACK, BROADCAST_FLAG, CLIENT_PORT, DISCOVER, Message, OFFER, REQUEST, SERVER_PORT},
    },
    lan::{Expected, Lan},
    tenants::META_DATA,
};

/// Clients wait up to ten seconds before they begin, and look for others with their address.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Every message so far, in order.
pub(crate) fn messages(recorder: &Recorder) -> Vec<Message> {
    recorder.frames().iter().filter_map(|one| Message::read(&one.frame)).collect()
}

/// Waits for a message.
pub(crate) fn await_message(
    recorder: &Recorder,
    what: &str,
    wanted: impl Fn(&Message) -> bool,
) -> Result<Message, LabError> {
    let read = |frame: &[u8]| Message::read(frame).filter(|message| wanted(message));
    recorder.await_frame(what, PATIENCE, read).map_err(|error| LabError::Failed {
        command: "DHCP".to_owned(),
        message: format!("{error}; there were {:#?}", messages(recorder)),
    })
}

/// Asserts that a client that knew nothing was told everything in four messages.
pub(crate) fn check_discovery(recorder: &Recorder, expected: &Expected) -> Result<(), LabError> {
    let ack = await_message(recorder, "an acknowledgement", |one| one.kind() == Some(ACK))?;
    let all = messages(recorder);
    let of = |kind| {
        let mut found = all.iter().filter(|one| one.kind() == Some(kind) && one.xid == ack.xid);
        found.next_back().unwrap_or_else(|| panic!("no message of type {kind} in {all:#?}"))
    };
    let (discover, offer, request) = (of(DISCOVER), of(OFFER), of(REQUEST));
    assert_eq!(discover.chaddr, expected.mac);
    check_answer(offer, discover, expected);
    check_told(offer, expected);
    assert_eq!(request.addresses(54), Some(vec![expected.server]), "{request:#?}");
    assert_eq!(request.addresses(50), Some(vec![expected.address]), "{request:#?}");
    check_answer(&ack, request, expected);
    check_told(&ack, expected);
    let told = |message: &Message| {
        let options = message.options.iter().filter(|(code, _)| *code != 53);
        options.cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(offer), told(&ack), "offered is one thing, given another");
    Ok(())
}

/// Asserts that an answer goes where RFC 2131 (4.1) sends it, from the server, whole.
pub(crate) fn check_answer(answer: &Message, question: &Message, expected: &Expected) {
    assert_eq!(answer.op, 2, "{answer:#?}");
    assert_eq!(answer.xid, question.xid);
    assert_eq!(answer.chaddr, question.chaddr);
    assert_eq!(answer.flags, question.flags, "the flags are the client's");
    assert_eq!(answer.giaddr, Ipv4Addr::UNSPECIFIED);
    assert_eq!(answer.from, (expected.server, SERVER_PORT));
    assert!(answer.sums, "the datagram's sum is wrong: {answer:#?}");
    let (address, mac) = if question.ciaddr != Ipv4Addr::UNSPECIFIED {
        (question.ciaddr, expected.mac)
    } else if question.flags & BROADCAST_FLAG != 0 {
        (Ipv4Addr::BROADCAST, BROADCAST)
    } else {
        (answer.yiaddr, expected.mac)
    };
    assert_eq!((answer.to, answer.to_mac), ((address, CLIENT_PORT), mac), "{answer:#?}");
}

/// Asserts every field of an offer or an acknowledgement.
pub(crate) fn check_told(answer: &Message, expected: &Expected) {
    assert_eq!(answer.yiaddr, expected.address, "{answer:#?}");
    check_configuration(answer, expected);
    let lease = answer.number(51).unwrap_or_else(|| panic!("no lease time: {answer:#?}"));
    assert!(lease >= 60, "a lease of {lease} s");
    assert_eq!(answer.number(58), Some(lease / 2), "T1 of {lease} s");
    let t2 = u64::from(lease) * 7 / 8;
    assert_eq!(answer.number(59).map(u64::from), Some(t2), "T2 of {lease} s");
}

/// Asserts what is told to clients with and without leases.
pub(crate) fn check_configuration(answer: &Message, expected: &Expected) {
    assert_eq!(answer.addresses(54), Some(vec![expected.server]), "{answer:#?}");
    assert_eq!(answer.addresses(1), Some(vec![Ipv4Addr::new(255, 255, 255, 0)]));
    assert_eq!(answer.addresses(3), expected.router.map(|router| vec![router]), "{answer:#?}");
    assert_eq!(answer.addresses(6).as_ref(), Some(&expected.name_servers), "{answer:#?}");
    assert_eq!(answer.text(12).as_ref(), Some(&expected.host_name), "{answer:#?}");
    assert_eq!(answer.option(26), Some(expected.mtu.to_be_bytes().to_vec()), "{answer:#?}");
    assert_eq!(answer.routes(121).as_ref(), Some(&expected.routes), "{answer:#?}");
    // Microsoft's number of the same, for whoever asks for it.
    assert!(answer.routes(249).is_none_or(|routes| routes == expected.routes), "{answer:#?}");
}

/// Waits until the client has given the machine its address; asserts that it has its routes, and
/// that they lead to its documents.
pub(crate) fn check_applied(guest: &Guest, lan: &Lan) -> Result<(), LabError> {
    check_applied_as(guest, lan, |network| format!("{network} dev eth0"))
}

/// The same, of a client that makes `on_link` of a route to what is on its own link.
pub(crate) fn check_applied_as(
    guest: &Guest,
    lan: &Lan,
    on_link: impl Fn(&str) -> String,
) -> Result<(), LabError> {
    let expected = &lan.expected;
    let address = format!("inet {}/24", expected.address);
    wait_until("the client to apply its address", PATIENCE, || {
        guest.ip("-4 -oneline address show dev eth0").is_ok_and(|all| all.contains(&address))
    })?;
    for route in &expected.routes {
        let (network, via) = route.split_once(" via ").expect("a route");
        let network = network.trim_end_matches("/32").replace("0.0.0.0/0", "default");
        let line = match via {
            "0.0.0.0" => on_link(&network),
            via => format!("{network} via {via} dev eth0"),
        };
        wait_until(&format!("the route {line}"), PATIENCE, || {
            guest.ip("-4 route").is_ok_and(|all| all.lines().any(|one| one.starts_with(&line)))
        })
        .map_err(|error| LabError::Failed {
            command: "the client".to_owned(),
            message: format!("{error}; it has {}", guest.ip("-4 route").unwrap_or_default()),
        })?;
    }
    // A client that asks the moment its network is made is faster than the proxy, which looks for new
    // namespaces four times a second.
    lan.world.await_answer(guest)?;
    let document = guest.get(META_DATA)?.json()?;
    assert_eq!(document["uuid"], lan.machine.id, "{document}");
    Ok(())
}
