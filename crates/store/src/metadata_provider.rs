//! Metadata providers: outside network services that speak for the guests of some networks.

use std::net::IpAddr;

use innkeeper_model::{MetadataProvider, NetworkId, PortOwner};
use rusqlite::params;

use crate::{
    Store, StoreError,
    column::{Address, Text},
    lookup::{query, single},
};

/// What an address is to a metadata provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderLookup {
    /// No network is this provider's.
    NoNetworks,
    /// So many ports of its networks have the address, and it is not one of a machine: none, more
    /// than one, or 0 for one into which no machine is plugged.
    Ports(usize),
    /// Exactly one port has it, and this is its machine.
    Owner(PortOwner),
}

impl Store {
    /// All providers with their networks, by name.
    pub async fn metadata_provider_list(&self) -> Result<Vec<MetadataProvider>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT provider, network_id FROM provider_networks ORDER BY provider, network_id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Text<NetworkId>>(1)?.0))
            })?;
            let mut providers: Vec<MetadataProvider> = Vec::new();
            for row in rows {
                let (provider, network) = row?;
                match providers.last_mut() {
                    Some(last) if last.provider == provider => last.network_ids.push(network),
                    _ => {
                        providers.push(MetadataProvider { provider, network_ids: vec![network] });
                    }
                }
            }
            Ok(providers)
        })
        .await
    }

    /// Lets a provider speak for the guests of a network, which need not be one of ours. Doing it
    /// again changes nothing.
    pub async fn metadata_provider_add(
        &self,
        provider: &str,
        network: NetworkId,
    ) -> Result<(), StoreError> {
        MetadataProvider::check_name(provider)?;
        let provider = provider.to_owned();
        self.write(move |change| {
            change.execute(
                "INSERT OR IGNORE INTO provider_networks (provider, network_id) VALUES (?1, ?2)",
                params![provider, Text(network)],
            )?;
            Ok(())
        })
        .await
    }

    /// No longer lets a provider speak for a network.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it did not.
    pub async fn metadata_provider_remove(
        &self,
        provider: &str,
        network: NetworkId,
    ) -> Result<(), StoreError> {
        let provider = provider.to_owned();
        self.write(move |change| {
            let removed = change.execute(
                "DELETE FROM provider_networks WHERE provider = ?1 AND network_id = ?2",
                params![provider, Text(network)],
            )?;
            if removed == 0 {
                let id = format!("{} of network {network}", provider.escape_debug());
                return Err(StoreError::not_found("metadata provider", &id).into());
            }
            Ok(())
        })
        .await
    }

    /// The machine that has `address` on one of a provider's networks.
    pub async fn metadata_provider_owner(
        &self,
        provider: &str,
        address: IpAddr,
    ) -> Result<ProviderLookup, StoreError> {
        let (provider, address) = (provider.to_owned(), address.to_canonical());
        self.read(move |connection| {
            let known = connection
                .prepare_cached("SELECT 1 FROM provider_networks WHERE provider = ?1 LIMIT 1")?
                .exists([&provider])?;
            if !known {
                return Ok(ProviderLookup::NoNetworks);
            }
            let found = query(
                connection,
                "SELECT p.id, p.instance_id, p.project_id
                 FROM provider_networks n
                 JOIN fixed_ips f ON f.network_id = n.network_id AND f.address = ?2
                 JOIN ports p ON p.id = f.port_id
                 WHERE n.provider = ?1
                 UNION
                 SELECT a.port_id, a.instance_id, i.project_id
                 FROM provider_networks n
                 JOIN imported_addresses a ON a.network_id = n.network_id AND a.address = ?2
                 JOIN instances i ON i.id = a.instance_id
                 WHERE n.provider = ?1",
                params![provider, Address(address)],
            )?;
            let count = found.len();
            Ok(match single(found) {
                Ok(owner) => ProviderLookup::Owner(owner),
                Err(_) if count == 1 => ProviderLookup::Ports(0),
                Err(_) => ProviderLookup::Ports(count),
            })
        })
        .await
    }
}
