use std::{fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A unicast Ethernet address, shown as `fa:16:3e:01:02:03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The prefix under which OpenStack, and so Innkeeper, makes addresses.
    pub const OPENSTACK_PREFIX: [u8; 3] = [0xfa, 0x16, 0x3e];

    /// The address with these bytes; `None` if it is zero or a group address.
    pub fn new(bytes: [u8; 6]) -> Option<Self> {
        let unicast = bytes[0] & 1 == 0 && bytes != [0; 6];
        unicast.then_some(Self(bytes))
    }

    /// The address under OpenStack's prefix with these last three bytes.
    pub const fn generated(suffix: [u8; 3]) -> Self {
        let [a, b, c] = Self::OPENSTACK_PREFIX;
        Self([a, b, c, suffix[0], suffix[1], suffix[2]])
    }

    /// The six bytes, in transmission order.
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// The IPv6 link-local address made from this address (EUI-64, RFC 4291 appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f))
    }

    /// The address from which a link-local IPv6 address was made.
    ///
    /// `None` unless `address` is link-local and carries the `ff:fe` of EUI-64: Neutron skips that
    /// check and so finds a machine for addresses that no machine made.
    pub fn from_link_local(address: Ipv6Addr) -> Option<Self> {
        let octets = address.octets();
        let link_local = octets.starts_with(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
        let [.., a, b, c, 0xff, 0xfe, d, e, f] = octets else { return None };
        if link_local { Self::new([a ^ 2, b, c, d, e, f]) } else { None }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parse(text).and_then(Self::new).ok_or_else(|| {
            let reason = format!(
                "\"{}\" is not a unicast MAC address such as fa:16:3e:01:02:03",
                text.escape_debug()
            );
            Invalid::new("mac", reason)
        })
    }
}

fn parse(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut bytes {
        let part = parts.next()?;
        if part.len() != 2 || !part.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

impl TryFrom<String> for MacAddress {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_separators_and_shows_colons() {
        for text in ["fa:16:3e:00:00:65", "FA-16-3E-00-00-65"] {
            let mac: MacAddress = text.parse().expect("a MAC address");
            assert_eq!(mac.to_string(), "fa:16:3e:00:00:65");
        }
    }

    #[test]
    fn refuses_what_is_no_unicast_address() {
        for bad in [
            "",
            "fa:16:3e:00:00",
            "fa:16:3e:00:00:65:01",
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "fa:16:3e:0:0:65",
            "+a:16:3e:00:00:65",
        ] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn link_local_and_back() {
        let mac: MacAddress = "fa:16:3e:00:00:65".parse().expect("a MAC address");
        let address: Ipv6Addr = "fe80::f816:3eff:fe00:65".parse().expect("an address");
        assert_eq!(mac.link_local(), address);
        assert_eq!(MacAddress::from_link_local(address), Some(mac));
        for stable_privacy in ["fe80::1234:5678:9abc:def0", "2001:db8::f816:3eff:fe00:65"] {
            let address = stable_privacy.parse().expect("an address");
            assert_eq!(MacAddress::from_link_local(address), None, "{stable_privacy}");
        }
    }
}
