//! A table that is to be in a namespace.

use std::sync::{Mutex, PoisonError};

use super::{
    TABLE,
    kernel::{Family, Rules, TableDump},
    program::Nft,
};
use crate::{HostError, inside, unshare::unshare_network};

/// A table of ours: what is in it, and what the kernel makes of that.
#[derive(Debug)]
pub(crate) struct Table {
    family: Family,
    /// Everything between the braces.
    body: String,
    nft: Nft,
    /// How this kernel lists the table after this nft has set it.
    listed: Mutex<Option<TableDump>>,
}

impl Table {
    pub(super) fn new(family: Family, body: String, nft: Nft) -> Self {
        Self { family, body, nft, listed: Mutex::new(None) }
    }

    /// Whether exactly this table is in the namespace of `rules`; `None` if none of ours is.
    pub(crate) fn is_set(&self, rules: &mut Rules) -> Result<Option<bool>, HostError> {
        let Some(found) = rules.table(self.family, TABLE)? else { return Ok(None) };
        Ok(Some(found == self.as_listed()?))
    }

    /// Puts the table into the calling thread's namespace, in place of any other of ours.
    pub(crate) fn set(&self) -> Result<(), HostError> {
        self.nft.run(&self.replacement(), "set the rules")
    }

    /// Takes our table away from the calling thread's namespace.
    pub(crate) fn remove(&self) -> Result<(), HostError> {
        let name = self.name();
        self.nft.run(&format!("add table {name}\ndelete table {name}\n"), "remove the rules")
    }

    /// The commands that put the table in place of any other of ours.
    pub(super) fn replacement(&self) -> String {
        let name = self.name();
        // Adding first lets the removal succeed whether or not the table was there.
        format!("add table {name}\ndelete table {name}\ntable {name} {{\n{}}}\n", self.body)
    }

    pub(super) fn name(&self) -> String {
        let family = match self.family {
            Family::Inet => "inet",
            Family::Bridge => "bridge",
        };
        format!("{family} {TABLE}")
    }

    /// The table as listed in a namespace that is made for this and has nothing else in it.
    fn as_listed(&self) -> Result<TableDump, HostError> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*listed {
            return Ok(listed.clone());
        }
        let reference = inside::on_thread(|| {
            unshare_network().map_err(|error| HostError::system("make a namespace", error))?;
            self.set()?;
            Rules::open()?.table(self.family, TABLE)
        })?;
        let reference = reference.ok_or_else(|| HostError::Nft {
            doing: "set the rules",
            answer: "it said it did, and they are not there".to_owned(),
        })?;
        Ok(listed.insert(reference).clone())
    }
}
