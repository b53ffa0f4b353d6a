//! With a neighbour's address, or card, or both: whatever it asks then, nobody answers.

use innkeeper_lab::LabError;

use crate::lan::{Lan, on_both};

#[test]
fn with_a_neighbour_s_ipv4_address() {
    on_both(|lan| {
        let victim = lan.victim.ipv4;
        let guest = &lan.liar.guest;
        guest.add_address(&format!("{victim}/32"))?;
        guest.ip(&format!("route replace 169.254.169.254 via {} src {victim}", lan.via))?;
        lan.liar.assert_not_answered("with the neighbour's address")?;
        guest.ip(&format!("route replace 169.254.169.254 via {}", lan.via))?;
        guest.remove_address(&format!("{victim}/32"))
    });
}

#[test]
fn with_a_neighbour_s_ipv6_addresses() {
    on_both(|lan| {
        let guest = &lan.liar.guest;
        let private = lan.victim.private.expect("the victim has one");
        for victim in [lan.victim.ipv6, lan.victim.link_local, private] {
            // Its kernel would otherwise find out that somebody has it.
            guest.ip(&format!("address add {victim}/128 dev eth0 nodad"))?;
            guest.ip(&format!("-6 route replace fe80::a9fe:a9fe dev eth0 src {victim}"))?;
            lan.liar.assert_not_answered_by_ipv6(&format!("with {victim}"))?;
            guest.ip("-6 route del fe80::a9fe:a9fe dev eth0")?;
            guest.ip(&format!("address del {victim}/128 dev eth0"))?;
        }
        Ok(())
    });
}

#[test]
fn with_a_neighbour_s_card() {
    on_both(|lan| {
        with_card(lan, |lan| {
            lan.liar.assert_not_answered("with the neighbour's MAC address")?;
            lan.liar.assert_not_answered_by_ipv6("with the neighbour's MAC address")
        })
    });
}

#[test]
fn with_a_neighbour_s_card_and_addresses() {
    on_both(|lan| {
        let (victim, guest) = (&lan.victim, &lan.liar.guest);
        guest.add_address(&format!("{}/32", victim.ipv4))?;
        guest.ip(&format!("route replace 169.254.169.254 via {} src {}", lan.via, victim.ipv4))?;
        guest.ip(&format!("address add {}/128 dev eth0 nodad", victim.link_local))?;
        let route = format!("fe80::a9fe:a9fe dev eth0 src {}", victim.link_local);
        guest.ip(&format!("-6 route replace {route}"))?;
        with_card(lan, |lan| {
            lan.liar.assert_not_answered("as the neighbour in all")?;
            lan.liar.assert_not_answered_by_ipv6("as the neighbour in all")
        })?;
        guest.ip("-6 route del fe80::a9fe:a9fe dev eth0")?;
        guest.ip(&format!("address del {}/128 dev eth0", victim.link_local))?;
        guest.ip(&format!("route replace 169.254.169.254 via {}", lan.via))?;
        guest.remove_address(&format!("{}/32", victim.ipv4))
    });
}

/// With the victim's MAC address on the liar's card.
fn with_card(lan: &Lan, lie: impl FnOnce(&Lan) -> Result<(), LabError>) -> Result<(), LabError> {
    let guest = &lan.liar.guest;
    guest.ip(&format!("link set eth0 address {}", lan.victim.machine.mac))?;
    lie(lan)?;
    guest.ip(&format!("link set eth0 address {}", lan.liar.machine.mac)).map(|_| ())
}
