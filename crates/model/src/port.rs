use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    ExtraDhcpOption, InstanceId, Invalid, MacAddress, NetworkId, PortId, ProjectId, RouterId,
    SubnetId, UnixSeconds, extra_dhcp_option, limits, text,
};

/// A point at which something is plugged into a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Port {
    /// Its id; interfaces are named after its first eleven characters.
    pub id: PortId,
    /// The owner.
    pub project_id: ProjectId,
    /// The network it is a point of.
    pub network_id: NetworkId,
    /// For people; may be empty.
    pub name: String,
    /// Unique within its network, and only there.
    pub mac_address: MacAddress,
    /// Its addresses, in order; each unique within its network.
    pub fixed_ips: Vec<FixedIp>,
    /// Names of the security groups it is in, in order.
    pub security_groups: Vec<String>,
    /// What is plugged in.
    pub attachment: PortAttachment,
    /// The role tag that the guest finds on the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// DHCP options for whoever is plugged in here, beside those of its network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_dhcp_opts: Vec<ExtraDhcpOption>,
    /// When it was made.
    pub created_at: UnixSeconds,
}

impl Port {
    /// A Linux interface name: `prefix` and the beginning of the id, 14 characters at most, as
    /// Neutron names `tap…`, `qr-…` and `ns-…` devices.
    pub fn interface_name(id: PortId, prefix: &str) -> String {
        format!("{prefix}{id}").chars().take(14).collect()
    }
}

/// One address of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedIp {
    /// The subnet it was taken from.
    pub subnet_id: SubnetId,
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub ip_address: IpAddr,
}

/// What is plugged into a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", content = "id", rename_all = "lowercase")]
pub enum PortAttachment {
    /// Nothing yet: whoever asks from here is nobody.
    #[default]
    None,
    /// A machine.
    Instance(InstanceId),
    /// A router's interface.
    Router(RouterId),
    /// The network's DHCP server.
    Dhcp,
}

impl PortAttachment {
    /// The machine, if it is one.
    pub const fn instance(self) -> Option<InstanceId> {
        match self {
            Self::Instance(id) => Some(id),
            Self::None | Self::Router(_) | Self::Dhcp => None,
        }
    }
}

/// An address wanted for a port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FixedIpRequest {
    /// From this subnet; any that contains the address, or any at all, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<SubnetId>,
    /// This address; the lowest free one otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ip_address: Option<IpAddr>,
}

/// A port to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPort {
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PortId>,
    /// The owner.
    pub project_id: ProjectId,
    /// The network.
    pub network_id: NetworkId,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// A MAC address; one under `fa:16:3e` is made otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<MacAddress>,
    /// Addresses; one from the first subnet of each family otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_ips: Option<Vec<FixedIpRequest>>,
    /// Names of security groups; `default` otherwise.
    #[serde(default = "default_security_groups")]
    pub security_groups: Vec<String>,
    /// The role tag of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// DHCP options for whoever is plugged in here, beside those of its network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_dhcp_opts: Vec<ExtraDhcpOption>,
}

fn default_security_groups() -> Vec<String> {
    vec!["default".to_owned()]
}

impl NewPort {
    /// A port with every default, for `project_id` on `network_id`.
    pub fn on(project_id: ProjectId, network_id: NetworkId) -> Self {
        Self {
            id: None,
            project_id,
            network_id,
            name: String::new(),
            mac_address: None,
            fixed_ips: None,
            security_groups: default_security_groups(),
            tag: None,
            extra_dhcp_opts: Vec::new(),
        }
    }

    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_optional_text("name", &self.name, limits::NAME_CHARS_MAX)?;
        check_fixed_ips(self.fixed_ips.as_deref())?;
        check_security_groups(&self.security_groups)?;
        extra_dhcp_option::check(&self.extra_dhcp_opts)?;
        self.tag.as_deref().map_or(Ok(()), |tag| check_tag("tag", tag))
    }
}

/// What to change of a port; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PortChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces all addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_ips: Option<Vec<FixedIpRequest>>,
    /// Replaces all security groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<String>>,
    /// Replaces all extra DHCP options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_dhcp_opts: Option<Vec<ExtraDhcpOption>>,
    /// Plugs a machine in, or (`{"type":"none"}`) takes it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<PortAttachment>,
}

impl PortChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        let name = self.name.as_deref().unwrap_or_default();
        text::check_optional_text("name", name, limits::NAME_CHARS_MAX)?;
        check_fixed_ips(self.fixed_ips.as_deref())?;
        extra_dhcp_option::check(self.extra_dhcp_opts.as_deref().unwrap_or_default())?;
        check_security_groups(self.security_groups.as_deref().unwrap_or_default())
    }
}

fn check_fixed_ips(requests: Option<&[FixedIpRequest]>) -> Result<(), Invalid> {
    let count = requests.map_or(0, <[_]>::len);
    if count > limits::FIXED_IPS_PER_PORT_MAX {
        let reason =
            format!("{count} addresses; at most {} are allowed", limits::FIXED_IPS_PER_PORT_MAX);
        return Err(Invalid::new("fixed_ips", reason));
    }
    Ok(())
}

fn check_security_groups(groups: &[String]) -> Result<(), Invalid> {
    if groups.len() > limits::SECURITY_GROUPS_MAX {
        let reason =
            format!("{} groups; at most {} are allowed", groups.len(), limits::SECURITY_GROUPS_MAX);
        return Err(Invalid::new("security_groups", reason));
    }
    for group in groups {
        text::check_text("security_groups", group, limits::NAME_CHARS_MAX)?;
    }
    Ok(())
}

/// The compute API's rule for device tags: short, without comma and slash.
pub(crate) fn check_tag(field: &str, tag: &str) -> Result<(), Invalid> {
    text::check_text(field, tag, limits::DEVICE_TAG_CHARS_MAX)?;
    if tag.contains([',', '/']) {
        return Err(Invalid::new(field, format!("\"{tag}\" must not contain ',' or '/'")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_named_as_neutron_names_them() {
        let id = "04f10770-398d-5249-a408-aedd22a88bba".parse().expect("an id");
        assert_eq!(Port::interface_name(id, "tap"), "tap04f10770-39");
        assert_eq!(Port::interface_name(id, "qr-"), "qr-04f10770-39");
    }

    #[test]
    fn an_attachment_reads_as_it_is_written() {
        for (attachment, json) in [
            (PortAttachment::None, r#"{"type":"none"}"#.to_owned()),
            (PortAttachment::Dhcp, r#"{"type":"dhcp"}"#.to_owned()),
        ] {
            assert_eq!(serde_json::to_string(&attachment).expect("json"), json);
            let read: PortAttachment = serde_json::from_str(&json).expect("an attachment");
            assert_eq!(read, attachment);
        }
        let id = InstanceId::random();
        let json = serde_json::to_string(&PortAttachment::Instance(id)).expect("json");
        assert_eq!(json, format!(r#"{{"type":"instance","id":"{id}"}}"#));
    }

    #[test]
    fn limits_are_kept() {
        let mut port = NewPort::on("p".parse().expect("an id"), NetworkId::random());
        port.validate().expect("a good port");
        port.tag = Some("a,b".to_owned());
        assert!(port.validate().expect_err("a comma").to_string().starts_with("tag: "));
        port.tag = None;
        port.fixed_ips = Some(vec![FixedIpRequest::default(); limits::FIXED_IPS_PER_PORT_MAX + 1]);
        assert!(port.validate().expect_err("too many").to_string().starts_with("fixed_ips: "));
    }
}
