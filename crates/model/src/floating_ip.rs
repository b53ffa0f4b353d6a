use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{FloatingIpId, Invalid, PortId, ProjectId, UnixSeconds};

/// An outside address that leads to a fixed IP. Innkeeper tells guests of it; it does no NAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FloatingIp {
    /// Its id.
    pub id: FloatingIpId,
    /// The owner.
    pub project_id: ProjectId,
    /// The outside address, unique.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub floating_ip_address: Ipv4Addr,
    /// The port it leads to.
    #[serde(default)]
    pub port_id: Option<PortId>,
    /// Which of the port's addresses it leads to.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub fixed_ip_address: Option<Ipv4Addr>,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A floating IP to be made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFloatingIp {
    /// The owner.
    pub project_id: ProjectId,
    /// The outside address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub floating_ip_address: Ipv4Addr,
    /// The port it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// Which of the port's addresses; its first IPv4 address otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub fixed_ip_address: Option<Ipv4Addr>,
}

impl NewFloatingIp {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        let address = self.floating_ip_address;
        if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
            let reason = format!("{address} is not an address of a machine");
            return Err(Invalid::new("floating_ip_address", reason));
        }
        if self.fixed_ip_address.is_some() && self.port_id.is_none() {
            return Err(Invalid::new("fixed_ip_address", "needs port_id: the port it belongs to"));
        }
        Ok(())
    }
}

/// Where a floating IP shall lead from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FloatingIpChange {
    /// The port; `null` takes it off.
    pub port_id: Option<PortId>,
    /// Which of the port's addresses; its first IPv4 address otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub fixed_ip_address: Option<Ipv4Addr>,
}
