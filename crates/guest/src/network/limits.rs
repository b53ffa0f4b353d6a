//! How much of a document is believed. A document comes from outside the machine, and a machine
//! that runs out of memory or of time at boot is lost to its owner.

/// Links of one document: four times what a machine has PCI slots for.
pub(super) const LINKS: usize = 128;
/// Networks of one document: a few addresses for each link.
pub(super) const NETWORKS: usize = 512;
/// Routes of one network; Neutron's own limit is 20 unless an operator raised it.
pub(super) const ROUTES: usize = 256;
/// Servers in one list; resolvers use three.
pub(super) const SERVICES: usize = 64;
/// Members of one bond.
pub(super) const BOND_MEMBERS: usize = 32;
/// Characters of an id; Nova's are at most a UUID's 36.
pub(super) const ID_CHARS: usize = 128;
/// Bytes of an interface's name, which the kernel keeps in 16 with a zero at the end.
pub(super) const INTERFACE_NAME_BYTES: usize = 15;
/// Least and greatest MTU in bytes: the least that IPv4 allows (RFC 791), and what Nova's schema
/// allows at most.
pub(super) const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;
/// VLAN ids that 802.1Q leaves to use: 0 means no VLAN and 4095 is reserved.
pub(super) const VLAN_IDS: std::ops::RangeInclusive<u16> = 1..=4094;
/// Milliseconds between looks at a bond's members; a day is more than anybody means.
pub(super) const MII_MONITOR_MILLISECONDS: std::ops::RangeInclusive<u32> = 0..=86_400_000;
/// Servers in `resolv.conf`: the C library reads no more (MAXNS).
pub(super) const RESOLV_CONF_SERVERS: usize = 3;
