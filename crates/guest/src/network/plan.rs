use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Interface, Mac, NetworkError, Refusal, apply,
    document::{BondOptions, Document},
    matching,
    name::InterfaceName,
    persist,
    prefix::Prefix,
};

/// What is to be configured on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) devices: Vec<Device>,
    /// Name servers of all networks, as the document orders them.
    pub(super) servers: Vec<IpAddr>,
    pub(super) refusals: Vec<Refusal>,
}

/// One interface and all that is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: InterfaceName,
    pub(super) kind: DeviceKind,
    /// Bytes.
    pub(super) mtu: Option<u32>,
    pub(super) addresses: Vec<Prefix>,
    pub(super) routes: Vec<PlannedRoute>,
    pub(super) servers: Vec<IpAddr>,
    pub(super) has_dhcp4: bool,
    pub(super) automatic6: Option<Automatic6>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeviceKind {
    /// An interface of the machine, possibly of a bond.
    Present { mac: Mac, index: u32, bond: Option<InterfaceName> },
    /// Made of others by the system.
    Bond { mac: Option<Mac>, members: Vec<InterfaceName>, options: BondOptions },
    /// Made of another by the system.
    Vlan { mac: Option<Mac>, parent: InterfaceName, vlan_id: u16 },
}

/// Where an interface gets IPv6 addresses from, if not from the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Automatic6 {
    /// Router advertisements; other settings from DHCPv6 if `dhcp`.
    Slaac { dhcp: bool },
    /// DHCPv6, with the default route from router advertisements.
    Dhcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedRoute {
    pub(super) destination: Prefix,
    pub(super) gateway: IpAddr,
    /// The gateway is in no network of the interface: it is to be believed to be there.
    pub(super) is_on_link: bool,
    /// For a destination that an earlier route has already; else the system's default.
    pub(super) metric: Option<u32>,
}

impl Plan {
    /// Matches the document to the machine's interfaces. A link that cannot be matched is a
    /// refusal and keeps no other from being configured.
    pub fn new(network_data: &Value, interfaces: &[Interface]) -> Result<Self, NetworkError> {
        Ok(matching::plan(&Document::parse(network_data)?, interfaces))
    }

    /// One line for each interface that is configured, then one for each refusal.
    pub fn describe(&self) -> Vec<String> {
        let refused = self.refusals.iter().map(|refusal| format!("refused: {refusal}"));
        self.devices.iter().map(Device::in_words).chain(refused).collect()
    }

    /// Links and networks that are not configured, with the reason.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Configures the running machine by netlink; repeating it changes nothing. Returns what is in
    /// force, and what is left to the system's own programs.
    ///
    /// An error about one interface keeps no other from being configured, see
    /// [`NetworkError::PartlyApplied`]. Bonds and VLANs that are not there are made.
    pub fn apply(&self) -> Result<Vec<String>, NetworkError> {
        self.apply_with(Path::new("/etc/resolv.conf"))
    }

    /// As [`Plan::apply`], with the resolver's file elsewhere.
    pub fn apply_with(&self, resolv_conf: &Path) -> Result<Vec<String>, NetworkError> {
        apply::apply(self, resolv_conf)
    }

    /// Writes the plan for what configures the network of the image under `root` at boot, see
    /// [`Renderer::detect`](super::Renderer::detect). Returns the files that hold it; none if
    /// nothing was found that would read one. Files of earlier plans that hold nothing of this
    /// one are removed; nobody else's file is touched.
    pub fn persist(&self, root: &Path) -> Result<Vec<PathBuf>, NetworkError> {
        persist::persist(self, root)
    }
}

impl Device {
    fn in_words(&self) -> String {
        let mut words = match &self.kind {
            DeviceKind::Present { mac, bond: None, .. } => vec![format!("{} ({mac})", self.name)],
            DeviceKind::Present { mac, bond: Some(bond), .. } => {
                vec![format!("{} ({mac})", self.name), format!("member of {bond}")]
            }
            DeviceKind::Bond { members, options, .. } => {
                let names: Vec<_> = members.iter().map(InterfaceName::as_str).collect();
                vec![format!("{} (bond, {})", self.name, options.mode), names.join(" and ")]
            }
            DeviceKind::Vlan { parent, vlan_id, .. } => {
                vec![format!("{} (VLAN {vlan_id} of {parent})", self.name)]
            }
        };
        words.extend(self.mtu.map(|mtu| format!("MTU {mtu}")));
        words.extend(self.addresses.iter().map(ToString::to_string));
        words.extend(self.left_to_others().map(str::to_owned));
        words.extend(self.routes.iter().map(PlannedRoute::in_words));
        words.extend(self.servers.iter().map(|server| format!("name server {server}")));
        words.join(", ")
    }

    /// What the system's own programs are to get, in words.
    pub(super) fn left_to_others(&self) -> impl Iterator<Item = &'static str> {
        let automatic6 = self.automatic6.map(|automatic6| match automatic6 {
            Automatic6::Slaac { dhcp: false } => "IPv6 by router advertisements",
            Automatic6::Slaac { dhcp: true } => "IPv6 by router advertisements and DHCPv6",
            Automatic6::Dhcp => "IPv6 by DHCPv6",
        });
        self.has_dhcp4.then_some("IPv4 by DHCP").into_iter().chain(automatic6)
    }

    pub(super) fn addresses_of(&self, ipv4: bool) -> impl Iterator<Item = Prefix> {
        self.addresses.iter().copied().filter(move |prefix| prefix.address().is_ipv4() == ipv4)
    }

    pub(super) fn routes_of(&self, ipv4: bool) -> impl Iterator<Item = &PlannedRoute> {
        self.routes.iter().filter(move |route| route.gateway.is_ipv4() == ipv4)
    }

    pub(super) fn servers_of(&self, ipv4: bool) -> impl Iterator<Item = IpAddr> {
        self.servers.iter().copied().filter(move |server| server.is_ipv4() == ipv4)
    }
}

impl PlannedRoute {
    pub(super) fn in_words(&self) -> String {
        if self.destination.is_everything() {
            format!("default by {}", self.gateway)
        } else {
            format!("{} by {}", self.destination, self.gateway)
        }
    }
}
