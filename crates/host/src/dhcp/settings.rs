//! What an operator sets for all networks.

/// What every lease has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpSettings {
    /// How long an address may be used without asking again, in seconds; [`Self::INFINITE`] for
    /// ever.
    pub lease_seconds: u32,
    /// Option 15, the domain of host names; none is sent otherwise.
    pub domain: Option<String>,
}

impl DhcpSettings {
    /// A lease without end (RFC 2131 §3.3).
    pub const INFINITE: u32 = u32::MAX;
}

impl Default for DhcpSettings {
    /// A day, as Neutron's `dhcp_lease_duration`, and no domain.
    fn default() -> Self {
        Self { lease_seconds: 86_400, domain: None }
    }
}
