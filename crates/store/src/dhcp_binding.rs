//! Who asks for an address, as DHCP knows it: by network and MAC address.

use innkeeper_model::{DhcpBinding, MacAddress, NetworkId, PortId};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    Store, StoreError, addresses,
    column::{Json, Text},
    tried::Tried,
};

impl Store {
    /// What DHCP has to tell whoever has this MAC address on this network: a port's, with or
    /// without a machine, but never a router's or the DHCP server's own.
    pub async fn dhcp_binding(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> Result<Option<DhcpBinding>, StoreError> {
        self.read(move |connection| find(connection, network, mac)).await
    }
}

/// The first label of a host name: a client puts its domain behind it by itself.
pub(crate) fn first_label(hostname: &str) -> &str {
    hostname.split('.').next().unwrap_or_default()
}

fn find(
    connection: &Connection,
    network: NetworkId,
    mac: MacAddress,
) -> Tried<Option<DhcpBinding>> {
    let found = connection
        .prepare_cached(
            "SELECT p.id, p.extra_dhcp_opts, i.hostname
             FROM ports p LEFT JOIN instances i ON i.id = p.instance_id
             WHERE p.network_id = ?1 AND p.mac = ?2
             AND p.router_id IS NULL AND p.dhcp_network_id IS NULL",
        )?
        .query_row(params![Text(network), Text(mac)], |row| {
            let hostname: Option<String> = row.get(2)?;
            Ok(DhcpBinding {
                port_id: row.get::<_, Text<PortId>>(0)?.0,
                addresses: Vec::new(),
                host_name: hostname.as_deref().map(first_label).map(str::to_owned),
                extra_options: row.get::<_, Json<_>>(1)?.0,
            })
        })
        .optional()?;
    let Some(mut binding) = found else { return Ok(None) };
    let fixed_ips = addresses::of_port(connection, binding.port_id)?;
    binding.addresses = fixed_ips.into_iter().map(|fixed| fixed.ip_address).collect();
    Ok(Some(binding))
}
