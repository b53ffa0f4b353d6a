//! What neighbours tell each other: ARP, neighbour discovery, router advertisements.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{ARP, BROADCAST, IPV6, Mac, ethernet, icmpv6};

/// Every IPv6 node.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Where they are on Ethernet.
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];

/// What ARP says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// This address ...
    pub(crate) ip: Ipv4Addr,
    /// ... is at this one.
    pub(crate) at: Mac,
}

/// "`claim` is so", to everybody, unasked.
pub(crate) fn arp_reply(sender: Mac, claim: Claim) -> Vec<u8> {
    arp(BROADCAST, sender, 2, claim, (claim.ip, BROADCAST))
}

/// "Who has `wanted`? Tell `claim`", from which those who hear it learn of the claim.
pub(crate) fn arp_request(sender: Mac, claim: Claim, wanted: Ipv4Addr) -> Vec<u8> {
    arp(BROADCAST, sender, 1, claim, (wanted, [0; 6]))
}

fn arp(to: Mac, sender: Mac, operation: u16, claim: Claim, target: (Ipv4Addr, Mac)) -> Vec<u8> {
    let mut message = vec![0, 1, 0x08, 0, 6, 4];
    message.extend(operation.to_be_bytes());
    message.extend(claim.at);
    message.extend(claim.ip.octets());
    message.extend(target.1);
    message.extend(target.0.octets());
    ethernet(to, sender, ARP, &message)
}

/// "`target` is at `at`", to everybody, unasked, overriding what they knew.
pub(crate) fn advertisement(sender: Mac, from: Ipv6Addr, target: Ipv6Addr, at: Mac) -> Vec<u8> {
    // Override, and an option of the target's link-layer address.
    let mut message = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    message.extend(target.octets());
    message.extend([2, 1]);
    message.extend(at);
    ethernet(ALL_NODES_MAC, sender, IPV6, &icmpv6(from, ALL_NODES, &message))
}

/// "Who has `target`? I am `from`, at `at`", from which those who hear it learn of the asker.
pub(crate) fn solicitation(sender: Mac, from: Ipv6Addr, target: Ipv6Addr, at: Mac) -> Vec<u8> {
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([1, 1]);
    message.extend(at);
    let (group, group_mac) = solicited(target);
    ethernet(group_mac, sender, IPV6, &icmpv6(from, group, &message))
}

/// "Does anybody have `target`? I am about to take it": duplicate-address detection.
pub(crate) fn probe(sender: Mac, target: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    let (group, group_mac) = solicited(target);
    ethernet(group_mac, sender, IPV6, &icmpv6(Ipv6Addr::UNSPECIFIED, group, &message))
}

/// "I am your router, for half an hour."
pub(crate) fn router_advertisement(sender: Mac, from: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0];
    message.extend(1800_u16.to_be_bytes());
    message.extend([0; 8]);
    message.extend([1, 1]);
    message.extend(sender);
    ethernet(ALL_NODES_MAC, sender, IPV6, &icmpv6(from, ALL_NODES, &message))
}

/// The group of those who might have an address, and where it is on Ethernet.
fn solicited(target: Ipv6Addr) -> (Ipv6Addr, Mac) {
    let [.., a, b, c] = target.octets();
    let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c];
    (Ipv6Addr::from(group), [0x33, 0x33, 0xff, a, b, c])
}

/// What a frame claims by ARP, if it is of ARP.
pub(crate) fn arp_claim(frame: &[u8]) -> Option<Claim> {
    let message = frame.get(14..42).filter(|_| frame[12..14] == ARP.to_be_bytes())?;
    let at: Mac = message[8..14].try_into().ok()?;
    let ip: [u8; 4] = message[14..18].try_into().ok()?;
    Some(Claim { ip: ip.into(), at })
}

/// The ICMPv6 type and the target or nothing, of a frame that is ICMPv6.
pub(crate) fn icmpv6_type(frame: &[u8]) -> Option<u8> {
    let is_icmpv6 = frame.get(12..14)? == IPV6.to_be_bytes() && frame.get(20) == Some(&58);
    frame.get(54).copied().filter(|_| is_icmpv6)
}
