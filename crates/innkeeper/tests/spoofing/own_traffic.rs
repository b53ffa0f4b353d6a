//! What a machine says truly passes: it is no use to be safe from whom nobody can hear.

use std::net::Ipv6Addr;

use innkeeper_lab::wait_until;

use crate::{
    frames::neighbours::{
        Claim, advertisement, arp_claim, arp_request, icmpv6_type, probe, solicitation,
    },
    lan::on_both,
    tenants::PATIENCE,
};

#[test]
fn arp_and_neighbour_discovery_and_probes_for_duplicates_pass() {
    on_both(|lan| {
        let (victim, liar) = (&lan.victim, &lan.liar);
        let claim = Claim { ip: liar.ipv4, at: liar.mac };
        // Of an address that it is about to take, it knows nothing but that it has none.
        let nobody = Claim { ip: std::net::Ipv4Addr::UNSPECIFIED, at: liar.mac };
        for (what, claim) in [("an ARP request", claim), ("an ARP probe", nobody)] {
            liar.tap.send(&arp_request(liar.mac, claim, victim.ipv4))?;
            victim.recorder.await_frame(what, PATIENCE, |frame| {
                (arp_claim(frame) == Some(claim)).then_some(())
            })?;
        }
        for (what, frame) in [
            ("a probe for duplicates", probe(liar.mac, liar.ipv6)),
            ("a probe of its link-local address", probe(liar.mac, liar.link_local)),
            (
                "a solicitation",
                solicitation(liar.mac, liar.link_local, victim.link_local, liar.mac),
            ),
            ("an advertisement", advertisement(liar.mac, liar.link_local, liar.ipv6, liar.mac)),
        ] {
            liar.tap.send(&frame)?;
            let heard = |one: &[u8]| (one == frame).then_some(());
            victim.recorder.await_frame(what, PATIENCE, heard)?;
            assert!(icmpv6_type(&frame).is_some());
        }
        Ok(())
    });
}

#[test]
fn an_address_made_of_a_secret_is_taken_and_served() {
    on_both(|lan| {
        let private = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x1234, 0x5678, 0x9abc, 0xdef0);
        let guest = &lan.liar.guest;
        guest.ip(&format!("address add {private}/64 dev eth0"))?;
        wait_until("nobody else to have it", PATIENCE, || {
            guest.ip("-6 address show dev eth0 tentative").is_ok_and(|all| all.trim().is_empty())
        })?;
        let route = format!("-6 route replace fe80::a9fe:a9fe dev eth0 src {private}");
        guest.ip(&route)?;
        lan.liar.assert_served()?;
        guest.ip("-6 route del fe80::a9fe:a9fe dev eth0")?;
        guest.ip(&format!("address del {private}/64 dev eth0")).map(|_| ())
    });
}

#[test]
fn an_address_made_of_a_secret_may_be_another_s_on_another_network() {
    on_both(|lan| {
        // The victims of both networks have the same one.
        let (victim, guest) = (&lan.victim, &lan.victim.guest);
        let private = victim.private.expect("the victim has one");
        wait_until("nobody else to have it", PATIENCE, || {
            guest.ip("-6 address show dev eth0 tentative").is_ok_and(|all| all.trim().is_empty())
        })?;
        guest.ip(&format!("-6 route replace fe80::a9fe:a9fe dev eth0 src {private}"))?;
        victim.assert_served()?;
        guest.ip("-6 route del fe80::a9fe:a9fe dev eth0").map(|_| ())
    });
}
