//! What no well-behaved client sends, or not on demand: each message made by hand, on the machine's
//! tap.

use std::{net::Ipv4Addr, sync::Arc};

use innkeeper_lab::{Guest, LabError, Program, Recorder, Tap, isolated};

use crate::{
    exchange::{await_message, check_answer, check_configuration, check_told, messages},
    frames::{
        BROADCAST, Mac,
        dhcp::{
            ACK, BROADCAST_FLAG, CLIENT_PORT, DECLINE, DISCOVER, INFORM, Message, NAK, OFFER,
            RELEASE, REQUEST, SERVER_PORT,
        },
    },
    lan::Lan,
};

/// The machine's card, with a kernel behind it that takes no part.
struct Card {
    lan: Lan,
    guest: Guest,
    tap: Arc<Tap>,
    recorder: Recorder,
}

impl Card {
    fn new(lan: Lan) -> Result<Self, LabError> {
        let (guest, tap) = lan.world.behind_tap(&lan.machine)?;
        let recorder = Recorder::start(&guest)?;
        Ok(Self { lan, guest, tap, recorder })
    }

    fn message(&self, kind: u8) -> Message {
        Message::by(self.lan.expected.mac, kind)
    }

    /// Sends a message and waits for its answer. The message before it had been dealt with when this
    /// one was: what is silence until now is silence.
    fn ask(&self, question: &Message) -> Result<Message, LabError> {
        self.tap.send(&question.frame())?;
        await_message(&self.recorder, "an answer", |one| one.op == 2 && one.xid == question.xid)
    }

    /// Sends what is not to be answered.
    fn assert_silence(&self, question: &Message) -> Result<(), LabError> {
        let mut question = question.clone();
        question.xid = 0xdead;
        self.tap.send(&question.frame())?;
        let mut next = self.message(DISCOVER);
        next.xid = 0xbeef;
        let offer = self.ask(&next)?;
        assert_eq!(offer.yiaddr, self.lan.expected.address, "the port's address has changed");
        let all = messages(&self.recorder);
        let answer = all.iter().find(|one| one.op == 2 && one.xid == question.xid);
        assert_eq!(answer, None, "answered though it was {question:#?}");
        self.recorder.clear();
        Ok(())
    }
}

#[test]
fn answers_are_broadcast_to_whom_asks_for_that() {
    isolated(|| {
        let card = Card::new(Lan::isolated()?)?;
        let expected = &card.lan.expected;
        for (number, flags) in [(1, 0), (2, BROADCAST_FLAG)] {
            let mut discover = card.message(DISCOVER);
            (discover.flags, discover.xid) = (flags, number);
            let offer = card.ask(&discover)?;
            assert_eq!(offer.kind(), Some(OFFER));
            check_answer(&offer, &discover, expected);
            check_told(&offer, expected);
            let mut request = card
                .message(REQUEST)
                .with(54, expected.server.octets())
                .with(50, expected.address.octets());
            (request.flags, request.xid) = (flags, number + 10);
            let ack = card.ask(&request)?;
            assert_eq!(ack.kind(), Some(ACK));
            check_answer(&ack, &request, expected);
            check_told(&ack, expected);
        }
        Ok(())
    });
}

#[test]
fn routes_are_told_to_clients_that_ask_for_other_options() {
    isolated(|| {
        let card = Card::new(Lan::isolated_with_more()?)?;
        let routes = Some(&card.lan.expected.routes);
        let mut discover = card.message(DISCOVER).with(55, [1, 3, 6]);
        assert_eq!(card.ask(&discover)?.routes(121).as_ref(), routes);
        // Windows asks for its own number.
        discover = card.message(DISCOVER).with(55, [1, 3, 6, 249]);
        discover.xid += 1;
        assert_eq!(card.ask(&discover)?.routes(249).as_ref(), routes);
        Ok(())
    });
}

#[test]
fn wrong_addresses_are_refused_and_other_servers_clients_left_alone() {
    isolated(|| {
        let card = Card::new(Lan::routed()?)?;
        let expected = &card.lan.expected;
        let wrong = Ipv4Addr::new(10, 0, 0, 99).octets();
        let elsewhere = Ipv4Addr::new(192, 0, 2, 99).octets();
        let selecting = || card.message(REQUEST).with(54, expected.server.octets());
        let cases = [
            ("selecting", selecting().with(50, wrong)),
            ("rebooting", card.message(REQUEST).with(50, wrong)),
            ("rebooting on another network", card.message(REQUEST).with(50, elsewhere)),
        ];
        for (number, (what, mut request)) in (100..).zip(cases) {
            request.xid = number;
            let nak = card.ask(&request)?;
            assert_eq!(nak.kind(), Some(NAK), "{what}: {nak:#?}");
            // Its address may be wrong, so it can be reached by nobody's.
            assert_eq!((nak.to, nak.to_mac), ((Ipv4Addr::BROADCAST, CLIENT_PORT), BROADCAST));
            assert!(nak.yiaddr.is_unspecified(), "{what}: {nak:#?}");
            assert_eq!(nak.addresses(54), Some(vec![expected.server]), "{what}");
        }
        let chosen = card.message(REQUEST).with(54, [10, 0, 0, 200]);
        card.assert_silence(&chosen.with(50, expected.address.octets()))
    });
}

#[test]
fn renewing_and_rebinding_and_informing_are_answered_to_the_client_s_address() {
    isolated(|| {
        let card = Card::new(Lan::isolated()?)?;
        let expected = &card.lan.expected;
        let server_mac = card.ask(&card.message(DISCOVER))?.from_mac;
        // Its kernel says where its address is, if somebody asks.
        card.guest.add_address(&format!("{}/24", expected.address))?;
        for (number, to, kind) in [
            (1, Some(server_mac), REQUEST),
            (2, None, REQUEST),
            (3, Some(server_mac), INFORM),
            (4, None, INFORM),
        ] {
            let question = from_address(&card, kind, number, to);
            let ack = card.ask(&question)?;
            assert_eq!(ack.kind(), Some(ACK), "{question:#?}");
            check_answer(&ack, &question, expected);
            assert_eq!(ack.ciaddr, expected.address, "{ack:#?}");
            if kind == REQUEST {
                check_told(&ack, expected);
                continue;
            }
            check_configuration(&ack, expected);
            assert!(ack.yiaddr.is_unspecified(), "{ack:#?}");
            for code in [51, 58, 59] {
                assert_eq!(ack.option(code), None, "a lease for whom needs none: {ack:#?}");
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_declined_or_released_stays_the_port_s() {
    isolated(|| {
        let card = Card::new(Lan::isolated()?)?;
        let expected = &card.lan.expected;
        let server = expected.server.octets();
        let decline = card.message(DECLINE).with(54, server).with(50, expected.address.octets());
        card.assert_silence(&decline)?;
        let server_mac = card.ask(&card.message(DISCOVER))?.from_mac;
        let release = from_address(&card, RELEASE, 7, Some(server_mac)).with(54, server);
        card.assert_silence(&release)
    });
}

#[test]
fn a_card_that_is_nobody_s_is_not_answered() {
    isolated(|| {
        let card = Card::new(Lan::isolated()?)?;
        // Plugged in by somebody else, under a name that is no port's.
        let stray = Tap::open("stray")?;
        let bridge = card.lan.machine.bridge();
        let ip = |words: String| Program::new("ip").run(words.split_whitespace());
        ip(format!("link set stray master {bridge} up"))?;
        let mut discover = Message::by([0x02, 0, 0, 0, 0, 0x99], DISCOVER);
        (discover.xid, discover.flags) = (0xdead, BROADCAST_FLAG);
        stray.send(&discover.frame())?;
        let mut next = card.message(DISCOVER);
        next.xid = 0xbeef;
        card.ask(&next)?;
        // An answer to the stray would have been heard by all.
        let all = messages(&card.recorder);
        assert!(all.iter().all(|one| one.op != 2 || one.xid != discover.xid), "{all:#?}");
        Ok(())
    });
}

/// A message of a client that has its address: to one server, or to all.
fn from_address(card: &Card, kind: u8, xid: u32, to: Option<Mac>) -> Message {
    let expected = &card.lan.expected;
    let mut message = card.message(kind);
    message.xid = xid;
    message.ciaddr = expected.address;
    message.from = (expected.address, CLIENT_PORT);
    if let Some(mac) = to {
        message.to_mac = mac;
        message.to = (expected.server, SERVER_PORT);
    }
    message
}
