//! The links of this machine's own namespace, listed once and kept right by who changes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    HostError,
    netlink::{Link, Netlink},
    sysctl::{Protocol, Settings},
};

/// The machine's links as they were at the beginning of a pass, and what the pass made of them: a
/// question for each link would be tens of thousands in a pass over thousands of networks.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) netlink: Netlink,
    /// Of IPv6.
    pub(crate) settings: Settings,
    links: Mutex<BTreeMap<String, Link>>,
}

impl Outside {
    /// Lists the links of the calling thread's namespace.
    pub(crate) fn open() -> Result<Self, HostError> {
        let netlink = Netlink::open()?;
        let links = netlink.links()?.into_iter().map(|link| (link.name.clone(), link)).collect();
        let settings = Settings::open(Protocol::Ipv6)?;
        Ok(Self { netlink, settings, links: Mutex::new(links) })
    }

    /// The link of this name.
    pub(crate) fn link(&self, name: &str) -> Option<Link> {
        self.lock().get(name).cloned()
    }

    /// Whether this very link is there.
    pub(crate) fn has(&self, link: &Link) -> bool {
        self.lock().get(&link.name).is_some_and(|now| now.index == link.index)
    }

    /// Every link.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.lock().values().cloned().collect()
    }

    /// Looks at a link again that was just changed or made.
    pub(crate) fn refresh(&self, name: &str) -> Result<Option<Link>, HostError> {
        let found = self.netlink.link(name)?;
        match &found {
            Some(link) => drop(self.lock().insert(name.to_owned(), link.clone())),
            None => drop(self.lock().remove(name)),
        }
        Ok(found)
    }

    /// Removes a link.
    pub(crate) fn remove(&self, link: &Link) -> Result<(), HostError> {
        self.netlink.remove_link(link)?;
        self.lock().remove(&link.name);
        Ok(())
    }

    /// Removes links at once, as far as that goes: those that are still there can be removed one by
    /// one.
    pub(crate) fn remove_at_once(&self, links: &[&Link]) -> Result<(), HostError> {
        self.netlink.remove_links(links)?;
        let left: BTreeSet<u32> =
            self.netlink.links()?.into_iter().map(|link| link.index).collect();
        self.lock().retain(|_, link| left.contains(&link.index));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
