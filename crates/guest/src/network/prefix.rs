use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// An address with the length of its network's prefix, like `10.0.0.5/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Text that is neither a mask nor a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAMask;

/// A netmask as a document writes it: `255.255.255.0`, `ffff:ffff::`, or the length as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mask {
    V4(u8),
    V6(u8),
    Length(u8),
}

impl Prefix {
    /// `None` if no address of the family has so long a prefix.
    pub(super) fn new(address: IpAddr, length: u8) -> Option<Self> {
        (length <= bits(address)).then_some(Self { address, length })
    }

    /// `None` if the mask is the other family's.
    pub(super) fn with_mask(address: IpAddr, mask: Mask) -> Option<Self> {
        match (address, mask) {
            (IpAddr::V4(_), Mask::V4(length) | Mask::Length(length))
            | (IpAddr::V6(_), Mask::V6(length) | Mask::Length(length)) => {
                Self::new(address, length)
            }
            _ => None,
        }
    }

    pub(super) fn address(self) -> IpAddr {
        self.address
    }

    pub(super) fn length(self) -> u8 {
        self.length
    }

    /// Without the bits behind the prefix.
    pub(super) fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                Ipv4Addr::from_bits(address.to_bits() & mask_v4(self.length)).into()
            }
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & mask_v6(self.length)).into()
            }
        };
        Self { address, length: self.length }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self { address, length: self.length }.network() == self.network()
    }

    /// Its mask as IPv4 has it, or the length of IPv6, which has no masks.
    pub(super) fn mask(self) -> String {
        match self.address {
            IpAddr::V4(_) => Ipv4Addr::from_bits(mask_v4(self.length)).to_string(),
            IpAddr::V6(_) => self.length.to_string(),
        }
    }

    /// Where packets to all go, unless the network is too small to have that, or IPv6.
    pub(super) fn broadcast(self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(address) if self.length < 31 => {
                Some(Ipv4Addr::from_bits(address.to_bits() | !mask_v4(self.length)))
            }
            _ => None,
        }
    }

    /// Whether it is everything: as a destination, the default route.
    pub(super) fn is_everything(self) -> bool {
        self.length == 0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Mask {
    type Err = NotAMask;

    fn from_str(text: &str) -> Result<Self, NotAMask> {
        if let Ok(length) = text.parse() {
            return Ok(Self::Length(length));
        }
        match text.parse().or(Err(NotAMask))? {
            IpAddr::V4(mask) => {
                let length = mask.to_bits().leading_ones();
                let length = u8::try_from(length).or(Err(NotAMask))?;
                if mask.to_bits() == mask_v4(length) { Ok(Self::V4(length)) } else { Err(NotAMask) }
            }
            IpAddr::V6(mask) => {
                let length = mask.to_bits().leading_ones();
                let length = u8::try_from(length).or(Err(NotAMask))?;
                if mask.to_bits() == mask_v6(length) { Ok(Self::V6(length)) } else { Err(NotAMask) }
            }
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0)
}

fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(address: &str, mask: &str) -> Option<String> {
        let mask = mask.parse().ok()?;
        Prefix::with_mask(address.parse().ok()?, mask).map(|prefix| prefix.to_string())
    }

    #[test]
    fn masks_become_lengths() {
        assert_eq!(prefix("10.0.0.5", "255.255.240.0").as_deref(), Some("10.0.0.5/20"));
        assert_eq!(prefix("0.0.0.0", "0.0.0.0").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(
            prefix("2001:db8::5", "ffff:ffff:ffff:ffff::").as_deref(),
            Some("2001:db8::5/64")
        );
        assert_eq!(prefix("::", "::").as_deref(), Some("::/0"));
        assert_eq!(prefix("2001:db8::5", "64").as_deref(), Some("2001:db8::5/64"));
    }

    #[test]
    fn masks_with_holes_or_of_the_other_family_are_none() {
        for (address, mask) in [
            ("10.0.0.5", "255.0.255.0"),
            ("10.0.0.5", "ffff::"),
            ("::1", "255.0.0.0"),
            ("10.0.0.5", "33"),
            ("10.0.0.5", "-1"),
        ] {
            assert_eq!(prefix(address, mask), None, "{address} {mask}");
        }
    }

    #[test]
    fn a_network_holds_its_addresses() {
        let prefix = Prefix::new("10.0.3.5".parse().expect("address"), 22).expect("prefix");
        assert_eq!(prefix.network().to_string(), "10.0.0.0/22");
        assert!(prefix.contains("10.0.2.200".parse().expect("address")));
        assert!(!prefix.contains("10.0.4.1".parse().expect("address")));
        assert!(!prefix.contains("::1".parse().expect("address")));
    }
}
