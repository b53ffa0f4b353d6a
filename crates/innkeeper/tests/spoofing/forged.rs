//! Frames that no kernel would send: claims to be at a neighbour's address, to be the network's
//! DHCP server, to be its router, and to be somebody who asks for an address.

use std::net::{Ipv4Addr, Ipv6Addr};

use innkeeper_lab::LabError;

use crate::{
    frames::{
        Mac,
        dhcp::{
            ACK, CLIENT_PORT, DECLINE, DISCOVER, Message, OFFER, RELEASE, REQUEST, SERVER_PORT,
        },
        neighbours::{
            Claim, advertisement, arp_claim, arp_reply, arp_request, icmpv6_type,
            router_advertisement, solicitation,
        },
    },
    lan::{Lan, on_both},
    tenants::PATIENCE,
};

/// Often enough to win a race if there is one.
const TIMES: usize = 20;

#[test]
fn arp_for_others_addresses() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        let others = [victim.ipv4, lan.via, Ipv4Addr::new(169, 254, 169, 254)];
        for _ in 0..TIMES {
            for ip in others {
                for (sender, at) in senders(lan) {
                    let claim = Claim { ip, at };
                    liar.tap.send(&arp_reply(sender, claim))?;
                    for wanted in [lan.via, victim.ipv4] {
                        liar.tap.send(&arp_request(sender, claim, wanted))?;
                    }
                }
            }
        }
        lan.settle()?;
        for one in victim.recorder.frames() {
            let forged = |claim: &Claim| claim.at == liar.mac && claim.ip != liar.ipv4;
            let claim = arp_claim(&one.frame).filter(forged);
            assert_eq!(claim, None, "the victim was told by the liar");
        }
        let known = lan.neighbour(&victim.ipv4.to_string())?;
        assert!(!known.contains(&liar.machine.mac), "the holder believes {known}");
        let believed = victim.guest.ip("neighbour show dev eth0")?;
        let of_liar = believed.lines().filter(|line| line.contains(&liar.machine.mac));
        let foreign: Vec<_> =
            of_liar.filter(|line| !line.starts_with(&liar.machine.address)).collect();
        assert!(foreign.is_empty(), "the victim believes {foreign:?}");
        Ok(())
    });
}

#[test]
fn neighbour_discovery_for_others_addresses() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        let metadata = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
        let private = victim.private.expect("the victim has one");
        let others = [victim.ipv6, victim.link_local, private, metadata];
        for _ in 0..TIMES {
            for target in others {
                for (sender, at) in senders(lan) {
                    for from in [liar.link_local, target] {
                        liar.tap.send(&advertisement(sender, from, target, at))?;
                    }
                    // Those who hear it ask, and put the asker into their tables.
                    for wanted in [metadata, victim.link_local] {
                        liar.tap.send(&solicitation(sender, target, wanted, at))?;
                    }
                }
            }
        }
        lan.settle()?;
        for address in others {
            let known = lan.neighbour(&address.to_string())?;
            assert!(!known.contains(&liar.machine.mac), "the holder believes {known}");
        }
        let believed = victim.guest.ip("-6 neighbour show dev eth0")?;
        for line in believed.lines().filter(|line| line.contains(&liar.machine.mac)) {
            let own = [liar.link_local, liar.ipv6].map(|own| own.to_string());
            assert!(own.iter().any(|own| line.starts_with(own)), "the victim believes {line}");
        }
        Ok(())
    });
}

#[test]
fn answers_of_a_dhcp_server() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        for from in [lan.via, liar.ipv4] {
            for kind in [OFFER, ACK] {
                let mut answer = Message::by(victim.mac, kind)
                    .with(54, from.octets())
                    .with(51, 3600_u32.to_be_bytes())
                    .with(3, liar.ipv4.octets());
                (answer.op, answer.from_mac) = (2, liar.mac);
                answer.yiaddr = victim.ipv4;
                answer.from = (from, SERVER_PORT);
                answer.to = (Ipv4Addr::BROADCAST, CLIENT_PORT);
                liar.tap.send(&answer.frame())?;
                (answer.to, answer.to_mac) = ((victim.ipv4, CLIENT_PORT), victim.mac);
                liar.tap.send(&answer.frame())?;
            }
        }
        lan.settle()?;
        let heard = victim.recorder.frames().into_iter().find_map(|one| Message::read(&one.frame));
        assert_eq!(heard, None, "the victim was answered by the liar");
        Ok(())
    });
}

#[test]
fn questions_of_a_neighbour_to_the_dhcp_server() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        let server: Ipv4Addr = offered(lan)?;
        for (kind, from_mac) in [DISCOVER, REQUEST, DECLINE, RELEASE]
            .into_iter()
            .flat_map(|kind| [liar.mac, victim.mac].map(|mac| (kind, mac)))
        {
            let mut question = Message::by(victim.mac, kind)
                .with(50, victim.ipv4.octets())
                .with(54, server.octets());
            (question.from_mac, question.xid, question.flags) = (from_mac, 0xdead, 0x8000);
            liar.tap.send(&question.frame())?;
        }
        // It is answered for itself, after that.
        assert_eq!(offered(lan)?, server);
        for seat in [liar, victim] {
            let frames = seat.recorder.frames();
            let messages = frames.iter().filter_map(|one| Message::read(&one.frame));
            let answered = messages.into_iter().find(|one| one.op == 2 && one.xid == 0xdead);
            assert_eq!(answered, None, "answered, and {} heard it", seat.machine.name);
        }
        Ok(())
    });
}

#[test]
fn advertisements_of_a_router() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        for from in [liar.link_local, victim.link_local] {
            liar.tap.send(&router_advertisement(liar.mac, from))?;
        }
        lan.settle()?;
        let frames = victim.recorder.frames();
        let heard = frames.iter().filter(|one| icmpv6_type(&one.frame) == Some(134)).count();
        assert_eq!(heard, 0, "the victim was told of a router");
        Ok(())
    });
}

/// The server that offers the liar its own address, when it asks for it truly.
fn offered(lan: &Lan) -> Result<Ipv4Addr, LabError> {
    let liar = &lan.liar;
    let discover = Message::by(liar.mac, DISCOVER);
    liar.recorder.clear();
    liar.tap.send(&discover.frame())?;
    let offer = liar.recorder.await_frame("an offer", PATIENCE, |frame| {
        Message::read(frame).filter(|one| one.op == 2 && one.xid == discover.xid)
    })?;
    assert_eq!(offer.yiaddr, liar.ipv4);
    let servers = offer.addresses(54).unwrap_or_default();
    Ok(*servers.first().expect("a server"))
}

/// Who a frame says it is from, and where it says that somebody's address is.
fn senders(lan: &Lan) -> [(Mac, Mac); 3] {
    let (victim, liar) = (lan.victim.mac, lan.liar.mac);
    [(liar, liar), (victim, liar), (liar, victim)]
}
