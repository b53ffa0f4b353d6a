//! A write transaction that knows whose documents it changed.

use std::{collections::BTreeSet, ops::Deref};

use innkeeper_model::{InstanceId, NetworkId, PortId, SubnetId};
use rusqlite::{Connection, ToSql, Transaction};

use crate::{column::Text, tried::Tried};

/// A write transaction. Whoever changes something visible says so here; the revisions of the
/// instances, and the topology's generation, grow once, at the commit.
pub(crate) struct Change<'c> {
    transaction: Transaction<'c>,
    instances: BTreeSet<InstanceId>,
    topology: bool,
}

impl Deref for Change<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.transaction
    }
}

impl<'c> Change<'c> {
    pub(crate) const fn new(transaction: Transaction<'c>) -> Self {
        Self { transaction, instances: BTreeSet::new(), topology: false }
    }

    /// What this instance's documents show has changed.
    pub(crate) fn touch_instance(&mut self, id: InstanceId) {
        self.instances.insert(id);
    }

    /// This instance was made in this transaction: its first revision includes all of it.
    pub(crate) fn is_new(&mut self, id: InstanceId) {
        self.instances.remove(&id);
    }

    /// What a port shows has changed: call it while its instance is still plugged in.
    pub(crate) fn touch_port(&mut self, id: PortId) -> Tried<()> {
        self.touch_found(
            "SELECT instance_id FROM ports WHERE id = ?1 AND instance_id NOT NULL",
            Text(id),
        )
    }

    /// What the documents of every instance on a network show has changed.
    pub(crate) fn touch_network(&mut self, id: NetworkId) -> Tried<()> {
        let sql = "SELECT DISTINCT instance_id FROM ports
                   WHERE network_id = ?1 AND instance_id NOT NULL";
        self.touch_found(sql, Text(id))
    }

    /// What the documents of every instance with an address of a subnet show has changed.
    pub(crate) fn touch_subnet(&mut self, id: SubnetId) -> Tried<()> {
        let sql = "SELECT DISTINCT p.instance_id FROM fixed_ips f JOIN ports p ON p.id = f.port_id
                   WHERE f.subnet_id = ?1 AND p.instance_id NOT NULL";
        self.touch_found(sql, Text(id))
    }

    /// What the topology shows has changed, or what hosts are told of a port.
    pub(crate) const fn touch_topology(&mut self) {
        self.topology = true;
    }

    /// What DHCP tells this instance is its name has changed.
    pub(crate) fn touch_host_name(&mut self, id: InstanceId) -> Tried<()> {
        let sql = "SELECT 1 FROM ports WHERE instance_id = ?1";
        self.topology |= self.transaction.prepare_cached(sql)?.exists([Text(id)])?;
        Ok(())
    }

    /// Raises what was touched and commits.
    pub(crate) fn commit(self) -> Tried<()> {
        {
            let mut raise = self
                .transaction
                .prepare_cached("UPDATE instances SET revision = revision + 1 WHERE id = ?1")?;
            for id in &self.instances {
                raise.execute([Text(id)])?;
            }
        }
        if self.topology {
            self.transaction.execute("UPDATE topology SET generation = generation + 1", [])?;
        }
        Ok(self.transaction.commit()?)
    }

    fn touch_found(&mut self, sql: &str, key: impl ToSql) -> Tried<()> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        for id in statement.query_map([key], |row| row.get::<_, Text<InstanceId>>(0))? {
            self.instances.insert(id?.0);
        }
        Ok(())
    }
}
