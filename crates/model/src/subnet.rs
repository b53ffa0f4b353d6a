use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Invalid, NetworkId, ProjectId, SubnetId, UnixSeconds, limits, network::yes, text};

/// How IPv6 addresses are given out (Neutron's words; documents carry them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ipv6Mode {
    /// Stateless address autoconfiguration.
    Slaac,
    /// DHCPv6 gives addresses.
    Dhcpv6Stateful,
    /// Autoconfiguration; DHCPv6 gives the rest.
    Dhcpv6Stateless,
}

impl Ipv6Mode {
    /// Neutron's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slaac => "slaac",
            Self::Dhcpv6Stateful => "dhcpv6-stateful",
            Self::Dhcpv6Stateless => "dhcpv6-stateless",
        }
    }
}

/// A route that guests of a subnet are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HostRoute {
    /// Where to.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub destination: IpNet,
    /// Via which address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub nexthop: IpAddr,
}

/// An address range of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The network it belongs to.
    pub network_id: NetworkId,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
    /// The range, host bits clear.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cidr: IpNet,
    /// The way out; a router takes this address when it is attached.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gateway_ip: Option<IpAddr>,
    /// Name servers, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes, in order.
    pub host_routes: Vec<HostRoute>,
    /// Whether addresses are given out by DHCP.
    pub enable_dhcp: bool,
    /// How IPv6 guests get their addresses; IPv6 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address_mode: Option<Ipv6Mode>,
    /// What router advertisements say; IPv6 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A subnet to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSubnet {
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SubnetId>,
    /// The network it belongs to.
    pub network_id: NetworkId,
    /// Unique within its project.
    pub name: String,
    /// The range, host bits clear, for example `10.0.0.0/24`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cidr: IpNet,
    /// The gateway; the first address of the range unless [`NewSubnet::no_gateway`] is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gateway_ip: Option<IpAddr>,
    /// This subnet has no gateway.
    #[serde(default)]
    pub no_gateway: bool,
    /// Name servers, in order.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes, in order.
    #[serde(default)]
    pub host_routes: Vec<HostRoute>,
    /// Whether addresses are given out by DHCP.
    #[serde(default = "yes")]
    pub enable_dhcp: bool,
    /// IPv6 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address_mode: Option<Ipv6Mode>,
    /// IPv6 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_ra_mode: Option<Ipv6Mode>,
}

impl NewSubnet {
    /// Refuses what breaks a rule on its own. Overlaps with other subnets are the store's to find.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        check_cidr(&self.cidr)?;
        if self.no_gateway && self.gateway_ip.is_some() {
            return Err(Invalid::new(
                "gateway_ip",
                "cannot go with no_gateway: give one of the two",
            ));
        }
        check_gateway(&self.cidr, self.gateway_ip)?;
        check_dns(&self.dns_nameservers)?;
        check_host_routes(&self.cidr, &self.host_routes)?;
        self.check_ipv6_modes()
    }

    fn check_ipv6_modes(&self) -> Result<(), Invalid> {
        let (addresses, announced) = (self.ipv6_address_mode, self.ipv6_ra_mode);
        let modes = [("ipv6_address_mode", addresses), ("ipv6_ra_mode", announced)];
        let given = modes.iter().find(|(_, mode)| mode.is_some());
        if let (Some((field, _)), true) = (given, self.cidr.addr().is_ipv4()) {
            return Err(Invalid::new(*field, "is for IPv6 subnets only"));
        }
        // A guest would do as it is told and never get the address that its port has.
        if addresses.is_some() && announced.is_some() && addresses != announced {
            let reason = "is not the same as ipv6_address_mode: give both alike, or only one";
            return Err(Invalid::new("ipv6_ra_mode", reason));
        }
        Ok(())
    }

    /// The gateway the subnet will have: as given, none, or the first address of the range.
    pub fn effective_gateway(&self) -> Option<IpAddr> {
        match (self.gateway_ip, self.no_gateway) {
            (Some(gateway), _) => Some(gateway),
            (None, true) => None,
            (None, false) => self.cidr.hosts().find(|host| *host != self.cidr.network()),
        }
    }
}

/// What to change of a subnet; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SubnetChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces all name servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub dns_nameservers: Option<Vec<IpAddr>>,
    /// Replaces all further routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_routes: Option<Vec<HostRoute>>,
    /// Whether addresses are given out by DHCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_dhcp: Option<bool>,
}

impl SubnetChange {
    /// Refuses what breaks a rule on its own or against the range it is for.
    pub fn validate(&self, cidr: &IpNet) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        check_dns(self.dns_nameservers.as_deref().unwrap_or_default())?;
        check_host_routes(cidr, self.host_routes.as_deref().unwrap_or_default())
    }
}

fn check_cidr(cidr: &IpNet) -> Result<(), Invalid> {
    let refuse = |reason: String| Err(Invalid::new("cidr", reason));
    if cidr.addr() != cidr.network() {
        return refuse(format!("{cidr} has host bits set; did you mean {}?", cidr.trunc()));
    }
    let address = cidr.network();
    if address.is_multicast() || address.is_loopback() || cidr.prefix_len() == 0 {
        return refuse(format!("{cidr} is not a range for machines"));
    }
    // The metadata address would be a neighbour's, not ours.
    let metadata: IpAddr = std::net::Ipv4Addr::new(169, 254, 169, 254).into();
    if cidr.contains(&metadata) {
        return refuse(format!("{cidr} contains 169.254.169.254, the metadata address"));
    }
    if cidr.prefix_len() > cidr.max_prefix_len() - 2 {
        return refuse(format!("{cidr} has no room for a gateway and a machine"));
    }
    Ok(())
}

fn check_gateway(cidr: &IpNet, gateway: Option<IpAddr>) -> Result<(), Invalid> {
    let Some(gateway) = gateway else { return Ok(()) };
    let usable = cidr.contains(&gateway)
        && gateway != cidr.network()
        && (gateway.is_ipv6() || gateway != cidr.broadcast());
    if !usable {
        let reason = format!("{gateway} is not a host address of {cidr}");
        return Err(Invalid::new("gateway_ip", reason));
    }
    Ok(())
}

fn check_dns(servers: &[IpAddr]) -> Result<(), Invalid> {
    if servers.len() > limits::DNS_SERVERS_MAX {
        let reason = format!(
            "{} name servers; at most {} are allowed",
            servers.len(),
            limits::DNS_SERVERS_MAX
        );
        return Err(Invalid::new("dns_nameservers", reason));
    }
    Ok(())
}

fn check_host_routes(cidr: &IpNet, routes: &[HostRoute]) -> Result<(), Invalid> {
    if routes.len() > limits::HOST_ROUTES_MAX {
        let reason =
            format!("{} routes; at most {} are allowed", routes.len(), limits::HOST_ROUTES_MAX);
        return Err(Invalid::new("host_routes", reason));
    }
    for route in routes {
        let one_family = route.destination.addr().is_ipv4() == route.nexthop.is_ipv4()
            && route.nexthop.is_ipv4() == cidr.addr().is_ipv4();
        if !one_family {
            let reason = format!(
                "{} via {} mixes address families with {cidr}",
                route.destination, route.nexthop
            );
            return Err(Invalid::new("host_routes", reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(cidr: &str) -> NewSubnet {
        NewSubnet {
            id: None,
            network_id: NetworkId::random(),
            name: "blue".to_owned(),
            cidr: cidr.parse().expect("an address range"),
            gateway_ip: None,
            no_gateway: false,
            dns_nameservers: Vec::new(),
            host_routes: Vec::new(),
            enable_dhcp: true,
            ipv6_address_mode: None,
            ipv6_ra_mode: None,
        }
    }

    #[test]
    fn the_first_address_is_the_gateway() {
        for (cidr, gateway) in [("10.0.0.0/24", "10.0.0.1"), ("2001:db8::/64", "2001:db8::1")] {
            let subnet = subnet(cidr);
            subnet.validate().expect("a good subnet");
            assert_eq!(subnet.effective_gateway().map(|g| g.to_string()).as_deref(), Some(gateway));
        }
    }

    #[test]
    fn bad_ranges_are_refused_by_name() {
        for (cidr, words) in [
            ("10.0.0.1/24", "did you mean 10.0.0.0/24"),
            ("169.254.0.0/16", "metadata address"),
            ("10.0.0.0/31", "no room"),
            ("224.0.0.0/8", "not a range for machines"),
            ("0.0.0.0/0", "not a range for machines"),
        ] {
            let refused = subnet(cidr).validate().expect_err(cidr).to_string();
            assert!(refused.starts_with("cidr: ") && refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_gateway_is_a_host_of_the_range() {
        for bad in ["10.0.1.1", "10.0.0.0", "10.0.0.255", "2001:db8::1"] {
            let mut subnet = subnet("10.0.0.0/24");
            subnet.gateway_ip = bad.parse().ok();
            assert!(subnet.validate().is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn ipv6_modes_are_for_ipv6_and_alike() {
        use Ipv6Mode::{Dhcpv6Stateful, Slaac};
        for (cidr, addresses, announced, refused) in [
            ("2001:db8::/64", Some(Slaac), Some(Slaac), None),
            ("2001:db8::/64", Some(Slaac), None, None),
            ("2001:db8::/64", None, Some(Slaac), None),
            ("2001:db8::/64", Some(Slaac), Some(Dhcpv6Stateful), Some("ipv6_ra_mode")),
            ("10.0.0.0/24", Some(Slaac), None, Some("ipv6_address_mode")),
            ("10.0.0.0/24", None, Some(Slaac), Some("ipv6_ra_mode")),
        ] {
            let (ipv6_address_mode, ipv6_ra_mode) = (addresses, announced);
            let subnet = NewSubnet { ipv6_address_mode, ipv6_ra_mode, ..subnet(cidr) };
            let field = subnet.validate().err().map(|invalid| invalid.field);
            assert_eq!(field.as_deref(), refused, "{cidr} {addresses:?} {announced:?}");
        }
    }
}
