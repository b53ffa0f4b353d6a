//! The rules that keep a guest from passing for another: on a bridge of ours, what comes from a
//! tap has the MAC address and the addresses of its port.
//!
//! Link-local IPv6 addresses are made by guests themselves. One that is not made of a MAC address
//! belongs to whoever spoke for it first, so that the neighbour tables of the network name its
//! owner (as in RFC 6620); all others are known. Neighbour discovery is let through only in the
//! plain form that every system uses, in which nothing can be said of another's MAC address.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
};

use innkeeper_model::MacAddress;

use super::{
    TABLE,
    kernel::{Family, Rules},
    program::Nft,
    table::Table,
};
use crate::HostError;

/// A tap, and what may come from it: nothing, if no port is known for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GuardedTap {
    pub(crate) mac: Option<MacAddress>,
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// A number of the network that it is plugged into, the same for all of that network's taps.
    pub(crate) network: u32,
}

impl GuardedTap {
    /// Nothing may come from it.
    pub(crate) fn closed() -> Self {
        Self::default()
    }
}

/// The guard's table and the program that sets it.
#[derive(Debug)]
pub(crate) struct Guard {
    table: Table,
    nft: Nft,
}

/// The sets that taps have elements in, by name.
type Elements = BTreeMap<&'static str, BTreeSet<Element>>;

/// An element of a set or a map: as nft reads it, by how the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    key: Vec<u8>,
    text: String,
}

const SETS: [&str; 6] = ["taps", "networks", "macs", "hardware", "addresses4", "addresses6"];

impl Guard {
    pub(crate) fn new(nft: Nft) -> Self {
        Self { table: Table::new(Family::Bridge, BODY.to_owned(), nft.clone()), nft }
    }

    /// Whether exactly these taps are guarded.
    pub(crate) fn is_set(
        &self,
        rules: &mut Rules,
        taps: &BTreeMap<String, GuardedTap>,
    ) -> Result<bool, HostError> {
        if self.table.is_set(rules)? != Some(true) {
            return Ok(false);
        }
        let wanted = elements(taps);
        for set in SETS {
            let keys = wanted[set].iter().map(|element| &element.key);
            if !rules.elements(Family::Bridge, TABLE, set)?.iter().eq(keys) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Guards these taps and no others, in one step. What guests have claimed is kept.
    pub(crate) fn set(
        &self,
        rules: &mut Rules,
        taps: &BTreeMap<String, GuardedTap>,
    ) -> Result<(), HostError> {
        let name = self.table.name();
        let whole = self.table.is_set(rules)? != Some(true);
        let mut commands = if whole { self.table.replacement() } else { String::new() };
        for (set, elements) in elements(taps) {
            if !whole {
                let kind = if set == "networks" { "map" } else { "set" };
                let _ = writeln!(commands, "flush {kind} {name} {set}");
            }
            if elements.is_empty() {
                continue;
            }
            let list: Vec<_> = elements.into_iter().map(|element| element.text).collect();
            let _ = writeln!(commands, "add element {name} {set} {{ {} }}", list.join(", "));
        }
        self.nft.run(&commands, "guard taps")
    }

    /// The taps that are guarded, if by these rules.
    pub(crate) fn taps(&self, rules: &mut Rules) -> Result<Option<BTreeSet<String>>, HostError> {
        if self.table.is_set(rules)? != Some(true) {
            return Ok(None);
        }
        let names = rules.elements(Family::Bridge, TABLE, "taps")?;
        let name = |key: Vec<u8>| String::from_utf8_lossy(&key).trim_end_matches('\0').to_owned();
        Ok(Some(names.into_iter().map(name).collect()))
    }

    /// Lets nothing come from these taps besides, of which nothing is let through yet.
    pub(crate) fn close(&self, rules: &mut Rules, taps: &[&str]) -> Result<(), HostError> {
        let name = self.table.name();
        let whole = self.table.is_set(rules)? != Some(true);
        let mut commands = if whole { self.table.replacement() } else { String::new() };
        let list: Vec<_> = taps.iter().map(|tap| format!("\"{tap}\"")).collect();
        let _ = writeln!(commands, "add element {name} taps {{ {} }}", list.join(", "));
        self.nft.run(&commands, "close taps")
    }

    /// Whether a table of ours is there.
    pub(crate) fn is_there(&self, rules: &mut Rules) -> Result<bool, HostError> {
        Ok(self.table.is_set(rules)?.is_some())
    }

    /// Guards nothing any more.
    pub(crate) fn remove(&self) -> Result<(), HostError> {
        self.table.remove()
    }
}

fn elements(taps: &BTreeMap<String, GuardedTap>) -> Elements {
    let mut elements: Elements = SETS.into_iter().map(|set| (set, BTreeSet::new())).collect();
    let mut add = |set: &'static str, name: &str, value: &[u8], text: Option<String>| {
        let mut key = name.as_bytes().to_vec();
        key.resize(INTERFACE_NAME_BYTES, 0);
        key.extend(value);
        key.resize(key.len().next_multiple_of(REGISTER_BYTES), 0);
        let text = match text {
            None => format!("\"{name}\""),
            Some(value) if set == "networks" => format!("\"{name}\" : {value}"),
            Some(value) => format!("\"{name}\" . {value}"),
        };
        elements.entry(set).or_default().insert(Element { key, text });
    };
    for (name, tap) in taps {
        add("taps", name, &[], None);
        let Some(mac) = tap.mac else { continue };
        let network = tap.network;
        add("networks", name, &network.to_ne_bytes(), Some(network.to_string()));
        add("macs", name, &mac.bytes(), Some(mac.to_string()));
        add("hardware", name, &mac.bytes(), Some(hexadecimal(&mac.bytes())));
        let own = IpAddr::V6(mac.link_local());
        for address in tap.addresses.iter().chain([&own]) {
            match address {
                IpAddr::V4(v4) => add("addresses4", name, &v4.octets(), Some(v4.to_string())),
                IpAddr::V6(v6) => {
                    add("addresses6", name, &v6.octets(), Some(hexadecimal(&v6.octets())));
                }
            }
        }
    }
    elements
}

/// IFNAMSIZ.
const INTERFACE_NAME_BYTES: usize = 16;
/// The parts of a key begin at multiples of this.
const REGISTER_BYTES: usize = 4;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What matches is let through and all else is dropped, never the other way round: a rule that looks
/// behind a packet's end matches nothing, so that a packet cut in pieces would pass a rule that drops.
/// `meta l4proto != 255` is true where the kernel found its way through the packet's headers.
///
/// `@th` and `@nh` are what nft calls the bytes of the transport's and the network's header:
/// `@th,288,48` is chaddr of DHCP; `@nh,64,128` the source of IPv6; `@th,64,128` the target of
/// neighbour discovery, behind which its options are.
///
/// A claim is good on one network: the mark says which, as there is no other register for it. It
/// is cleared again for whoever else goes by marks.
const BODY: &str = r#"
    set taps { type ifname; }
    map networks { type ifname : mark; }
    set macs { type ifname . ether_addr; }
    set hardware { typeof iifname . @th,288,48; }
    set addresses4 { type ifname . ipv4_addr; }
    set addresses6 { typeof iifname . @nh,64,128; }
    set claimed { typeof meta mark . @nh,64,128; size 65535; flags dynamic,timeout; timeout 1d; }
    set owners { typeof meta mark . ether saddr . @nh,64,128; size 65535; flags dynamic,timeout; timeout 1d; }
    set claimers { typeof meta mark . ether saddr; size 65535; flags dynamic,timeout; timeout 1d; }

    chain prerouting {
        type filter hook prerouting priority dstnat; policy accept;
        iifname != @taps accept
        iifname . ether saddr != @macs drop
        ether type arp goto from_arp
        ether type ip meta l4proto != 255 goto from_ip
        ether type ip6 meta l4proto != 255 goto from_ip6
        drop
    }
    chain input {
        type filter hook input priority filter; policy accept;
        iifname @taps drop
    }
    chain from_arp {
        iifname . arp saddr ether @macs arp saddr ip 0.0.0.0 accept
        iifname . arp saddr ether @macs iifname . arp saddr ip @addresses4 accept
        drop
    }
    chain from_ip {
        udp sport 67 drop
        udp dport 68 drop
        udp dport 67 goto asks_for_address
        iifname . ip saddr @addresses4 accept
        drop
    }
    chain asks_for_address {
        ip frag-off & 0x3fff != 0 drop
        iifname . @th,288,48 @hardware ip saddr 0.0.0.0 udp sport 68 accept
        iifname . @th,288,48 @hardware iifname . ip saddr @addresses4 accept
        drop
    }
    chain from_ip6 {
        icmpv6 type { nd-router-advert, nd-redirect } drop
        udp sport 547 drop
        udp dport 546 drop
        icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 nexthdr != icmpv6 drop
        ip6 saddr :: icmpv6 type { mld-listener-report, mld2-listener-report, nd-router-solicit } accept
        ip6 saddr :: icmpv6 type nd-neighbor-solicit jump target
        ip6 saddr :: icmpv6 type nd-neighbor-solicit accept
        ip6 saddr :: drop
        icmpv6 type nd-router-solicit jump solicits_routers
        icmpv6 type nd-neighbor-solicit jump solicits
        icmpv6 type nd-neighbor-advert jump advertises
        iifname . @nh,64,128 @addresses6 accept
        @nh,64,64 != 0xfe80000000000000 drop
        @nh,152,16 0xfffe drop
        @nh,128,64 0x00000000a9fea9fe drop
        meta mark set iifname map @networks
        meta mark . ether saddr . @nh,64,128 @owners update @owners { meta mark . ether saddr . @nh,64,128 } update @claimed { meta mark . @nh,64,128 } meta mark set 0 accept
        meta mark . @nh,64,128 @claimed drop
        add @claimers { meta mark . ether saddr limit rate over 6/hour burst 32 packets } drop
        add @claimed { meta mark . @nh,64,128 } add @owners { meta mark . ether saddr . @nh,64,128 } meta mark set 0 accept
        drop
    }
    chain solicits_routers {
        ip6 length 8 return
        ip6 length 16 @th,64,16 0x0101 iifname . @th,80,48 @hardware return
        drop
    }
    chain solicits {
        ip6 length 24 return
        ip6 length 32 @th,192,16 0x0101 iifname . @th,208,48 @hardware return
        drop
    }
    chain advertises {
        ip6 length 24 goto target
        ip6 length 32 @th,192,16 0x0201 iifname . @th,208,48 @hardware goto target
        drop
    }
    chain target {
        iifname . @th,64,128 @addresses6 return
        @th,64,64 != 0xfe80000000000000 drop
        @th,152,16 0xfffe drop
        @th,128,64 0x00000000a9fea9fe drop
        meta mark set iifname map @networks
        meta mark . ether saddr . @th,64,128 @owners meta mark set 0 return
        meta mark . @th,64,128 @claimed drop
        add @claimers { meta mark . ether saddr limit rate over 6/hour burst 32 packets } drop
        add @claimed { meta mark . @th,64,128 } add @owners { meta mark . ether saddr . @th,64,128 } meta mark set 0 return
        drop
    }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_as_the_kernel_keeps_them() {
        let tap = GuardedTap {
            mac: Some(MacAddress::generated([1, 2, 3])),
            addresses: BTreeSet::from(["10.0.0.3".parse().unwrap()]),
            network: 7,
        };
        let taps = BTreeMap::from([("tap0".to_owned(), tap)]);
        let elements = elements(&taps);
        let only = |set: &str| {
            assert_eq!(elements[set].len(), 1, "{set}");
            elements[set].first().unwrap().clone()
        };
        let mut name = b"tap0".to_vec();
        name.resize(16, 0);
        assert_eq!(only("taps").key, name);
        assert_eq!(only("taps").text, "\"tap0\"");
        assert_eq!(only("networks").key, [name.as_slice(), &7_u32.to_ne_bytes()].concat());
        assert_eq!(only("networks").text, "\"tap0\" : 7");
        let mac = [name.as_slice(), &[0xfa, 0x16, 0x3e, 1, 2, 3, 0, 0]].concat();
        assert_eq!(only("macs").key, mac);
        assert_eq!(only("macs").text, "\"tap0\" . fa:16:3e:01:02:03");
        assert_eq!(only("addresses4").key, [name.as_slice(), &[10, 0, 0, 3]].concat());
        let own = "\"tap0\" . 0xfe80000000000000f8163efffe010203";
        assert_eq!(only("addresses6").text, own);
    }

    #[test]
    fn nothing_comes_from_a_tap_without_a_port() {
        let elements = elements(&BTreeMap::from([("tap0".to_owned(), GuardedTap::closed())]));
        let counts: Vec<_> = SETS.map(|set| elements[set].len()).into();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0]);
    }
}
