use serde::{Deserialize, Serialize};

use crate::{Invalid, NetworkId, ProjectId, UnixSeconds, limits, text};

/// A tenant network: one broadcast domain, whose addresses mean nothing outside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Network {
    /// What the DHCP namespace is named after (`qdhcp-<id>`).
    pub id: NetworkId,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project; guests see it as the network's label.
    pub name: String,
    /// The largest packet, in bytes; `None` leaves it to the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The bridge that its ports are plugged into; `None` lets the host make `brq<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// Serve metadata from the DHCP namespace even where a router could.
    pub force_metadata: bool,
    /// Serve metadata from the DHCP namespace on subnets that no router serves.
    pub isolated_metadata: bool,
    /// When it was made.
    pub created_at: UnixSeconds,
}

impl Network {
    /// The bridge of this network's ports on every host: the operator's, or `brq` and the first
    /// eleven characters of the id, as Neutron's Linux bridge agent names it.
    pub fn bridge_name(&self) -> String {
        self.bridge.clone().unwrap_or_else(|| {
            let id: String = self.id.to_string().chars().take(11).collect();
            format!("brq{id}")
        })
    }
}

/// A network to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewNetwork {
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<NetworkId>,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
    /// The largest packet, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// An existing bridge to plug ports into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// See [`Network::force_metadata`].
    #[serde(default)]
    pub force_metadata: bool,
    /// See [`Network::isolated_metadata`].
    #[serde(default = "yes")]
    pub isolated_metadata: bool,
}

impl NewNetwork {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        check_mtu(self.mtu)?;
        self.bridge.as_deref().map_or(Ok(()), check_bridge)
    }
}

/// What to change of a network; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NetworkChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new MTU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// See [`Network::force_metadata`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_metadata: Option<bool>,
    /// See [`Network::isolated_metadata`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolated_metadata: Option<bool>,
}

impl NetworkChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        check_mtu(self.mtu)
    }
}

pub(crate) const fn yes() -> bool {
    true
}

fn check_mtu(mtu: Option<u32>) -> Result<(), Invalid> {
    match mtu {
        Some(mtu) if !(limits::MTU_MIN..=limits::MTU_MAX).contains(&mtu) => {
            let reason =
                format!("{mtu} is not between {} and {}", limits::MTU_MIN, limits::MTU_MAX);
            Err(Invalid::new("mtu", reason))
        }
        _ => Ok(()),
    }
}

/// A name Linux takes for an interface, and a shell takes without quotes.
fn check_bridge(bridge: &str) -> Result<(), Invalid> {
    text::check_text("bridge", bridge, limits::INTERFACE_NAME_CHARS_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !bridge.chars().all(allowed) || bridge == "." || bridge == ".." {
        let reason =
            format!("\"{bridge}\" is not an interface name: letters, digits, '-', '_', '.'");
        return Err(Invalid::new("bridge", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_are_named_as_neutron_names_them() {
        let mut network = Network {
            id: "0a1b2c3d-4e5f-4000-8000-000000000001".parse().expect("an id"),
            project_id: "p".parse().expect("an id"),
            name: "blue".to_owned(),
            mtu: None,
            bridge: None,
            force_metadata: false,
            isolated_metadata: true,
            created_at: 0,
        };
        assert_eq!(network.bridge_name(), "brq0a1b2c3d-4e");
        network.bridge = Some("virbr0".to_owned());
        assert_eq!(network.bridge_name(), "virbr0");
    }
}
