//! What is inside a namespace: links with their addresses, forwarding, rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
};

use innkeeper_model::PortId;
use ipnet::IpNet;

use crate::{
    HostError, addresses, marks,
    netlink::{Link, LinkChange, Netlink},
    nftables::{Rules, Table},
    outside::Outside,
    plan::{LinkPlan, NamespacePlan, NamespaceRole},
    sysctl::{Protocol, Settings},
    veth,
    work::Work,
};

/// What a namespace is mended with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tools<'a> {
    /// The namespace's name.
    pub(crate) name: &'a str,
    /// The machine's own links.
    pub(crate) outside: &'a Outside,
    /// A router's rules.
    pub(crate) rules: &'a Table,
    /// The generation of this namespace's rules that was found right.
    pub(crate) rules_seen: Option<u32>,
    /// Whether settings under /proc/sys are looked at.
    pub(crate) settings: bool,
    /// Bridges on which no guest can pass for another.
    pub(crate) guarded: &'a BTreeSet<String>,
}

/// Mends the namespace that the calling thread is in. Returns the generation of its rules, if they
/// are as they should be.
pub(crate) fn mend(
    plan: &NamespacePlan,
    file: &File,
    tools: Tools<'_>,
    work: &mut Work,
) -> Result<Option<u32>, HostError> {
    let inside = Netlink::open()?;
    let mut links: BTreeMap<String, Link> =
        inside.links()?.into_iter().map(|link| (link.name.clone(), link)).collect();
    let lo = links.get("lo");
    if lo.is_none_or(|lo| lo.alias != marks::NAMESPACE) {
        return Err(HostError::ForeignNamespace { name: tools.name.to_owned() });
    }
    if lo.is_some_and(|link| !link.up) {
        work.change("lo", "brought up", || inside.change(&LinkChange::named("lo").up()))?;
    }
    // A guest's router advertisement must not become a route or an address of ours.
    if tools.settings {
        let keys = [("conf/default/accept_ra", "0"), ("conf/all/accept_ra", "0")];
        set(Protocol::Ipv6, &keys, work)?;
    }
    let rules = match plan.role {
        NamespaceRole::Router => Some(prepare_router(tools, work)?),
        NamespaceRole::Network(_) => None,
    };
    let held = inside.addresses()?;
    for link in &plan.links {
        let near = links.remove(&link.inside);
        let is_new = near.is_none();
        let found = veth::ensure_pair(link, file, (&inside, near), tools.outside, work)?;
        let Some(found) = found else {
            // Not made, since nothing is changed: all of it is to be done.
            for address in &link.addresses {
                work.change(&link.inside, format!("added address {address}"), || Ok(()))?;
            }
            continue;
        };
        mend_link(link, &found, &inside, tools.guarded, work)?;
        let held = if is_new { inside.addresses()? } else { held.clone() };
        addresses::mend(link, &found, (&inside, &held), work)?;
    }
    remove_unplanned(plan, &links, &inside, work)?;
    Ok(rules.flatten())
}

/// The rules come first: a link that is up without them would forward requests.
fn prepare_router(tools: Tools<'_>, work: &mut Work) -> Result<Option<u32>, HostError> {
    let mut rules = Rules::open()?;
    let generation = rules.generation()?;
    if tools.rules_seen != Some(generation) && tools.rules.is_set(&mut rules)? != Some(true) {
        work.change("nftables", "set the metadata rules", || tools.rules.set())?;
    }
    if tools.settings {
        // Only the port that holds an address may answer for it.
        set(Protocol::Ipv4, &[("ip_forward", "1"), ("conf/all/arp_ignore", "1")], work)?;
        set(Protocol::Ipv6, &[("conf/all/forwarding", "1")], work)?;
    }
    work.mends().then(|| rules.generation()).transpose()
}

fn set(protocol: Protocol, keys: &[(&str, &str)], work: &mut Work) -> Result<(), HostError> {
    let settings = Settings::open(protocol)?;
    for (key, value) in keys {
        if settings.differs(key, value)? {
            let item = format!("{}/{key}", protocol.name());
            work.change(&item, format!("set to {value}"), || settings.set(key, value))?;
        }
    }
    Ok(())
}

fn mend_link(
    plan: &LinkPlan,
    link: &Link,
    inside: &Netlink,
    guarded: &BTreeSet<String>,
    work: &mut Work,
) -> Result<(), HostError> {
    let mut change = LinkChange::of(link);
    let mut mended = Vec::new();
    if link.mac != plan.mac.bytes() {
        change = change.mac(plan.mac.bytes());
        mended.push(format!("mac {}", plan.mac));
    }
    if let Some(mtu) = plan.mtu.filter(|mtu| *mtu != link.mtu) {
        change = change.mtu(mtu);
        mended.push(format!("mtu {mtu}"));
    }
    let is_guarded = guarded.contains(&plan.bridge);
    let mark = if is_guarded { marks::guarded_port } else { marks::port }(plan.port);
    if link.alias != mark {
        change = change.alias(&mark);
        mended.push(if is_guarded { "marked as guarded" } else { "marked" }.to_owned());
    }
    if !link.up {
        change = change.up();
        mended.push("brought up".to_owned());
    }
    if mended.is_empty() {
        return Ok(());
    }
    work.change(&plan.inside, mended.join(", "), || inside.change(&change))
}

/// A router's link to a subnet that it left.
fn remove_unplanned(
    plan: &NamespacePlan,
    others: &BTreeMap<String, Link>,
    inside: &Netlink,
    work: &mut Work,
) -> Result<(), HostError> {
    let planned: BTreeSet<PortId> = plan.links.iter().map(|link| link.port).collect();
    for link in others.values() {
        if marks::port_of(&link.alias).is_some_and(|port| !planned.contains(&port)) {
            work.change(&link.name, "removed", || inside.remove_link(link))?;
        }
    }
    Ok(())
}

/// Addresses that somebody else may have, whom the kernel asks before it uses them.
pub(crate) fn is_link_local_v6(address: IpNet) -> bool {
    matches!(address, IpNet::V6(net) if net.addr().is_unicast_link_local())
}
