//! Removal of what is ours and no longer wanted.

use crate::{
    HostError, inside, marks,
    namespace::{Namespace, Namespaces},
    netlink::{Link, LinkKind, Netlink},
    outside::Outside,
    plan::Plan,
    work::Work,
};

/// Removes namespaces that this role made. Returns those that it could not remove.
pub(crate) fn remove_namespaces(
    names: impl IntoIterator<Item = String>,
    plan: &Plan,
    namespaces: &Namespaces,
    work: &mut Work,
) -> Vec<String> {
    let mut left = Vec::new();
    for name in names {
        if plan.namespaces.contains_key(&name) {
            continue;
        }
        if let Err(error) = remove_namespace(&name, namespaces, work) {
            work.report.failed(&name, &error);
            left.push(name);
        }
    }
    left
}

/// Removes links that are marked as ours and belong to no planned port, then bridges of ours that
/// nothing is plugged into any more; whatever is plugged in, if `all` is to go.
pub(crate) fn remove_links(plan: &Plan, outside: &Outside, all: bool, work: &mut Work) {
    let ports = plan.ports();
    let is_stray =
        |link: &Link| marks::port_of(&link.alias).is_some_and(|port| !ports.contains(&port));
    remove_each(outside, work, |_, link| is_stray(link));
    let is_planned = |name: &str| plan.bridges.get(name).is_some_and(|bridge| bridge.ours);
    remove_each(outside, work, |links, link| {
        let ours = link.kind == LinkKind::Bridge && link.alias == marks::BRIDGE;
        // What is going to be removed does not count where nothing is changed.
        let counts = |other: &&Link| other.controller == Some(link.index) && !is_stray(other);
        ours && !is_planned(&link.name) && (all || links.iter().find(counts).is_none())
    });
}

fn remove_each(outside: &Outside, work: &mut Work, unwanted: impl Fn(&[Link], &Link) -> bool) {
    let links = outside.links();
    let doomed: Vec<&Link> = links.iter().filter(|link| unwanted(&links, link)).collect();
    if work.mends() && doomed.len() > 1 {
        // What this leaves behind is removed below, where it is said why that fails.
        let _ = outside.remove_at_once(&doomed);
    }
    for link in doomed {
        let remove = || if outside.has(link) { outside.remove(link) } else { Ok(()) };
        if let Err(error) = work.change(&link.name, "removed", remove) {
            work.report.failed(&link.name, &error);
        }
    }
}

fn remove_namespace(name: &str, namespaces: &Namespaces, work: &mut Work) -> Result<(), HostError> {
    // A plain file is the work of someone who is about to make a namespace, or of nobody.
    let Some(namespace) = namespaces.open(name)? else { return Ok(()) };
    if !inside::run(&namespace.file, name, || is_ours(&namespace))? {
        return Ok(());
    }
    work.change(name, "removed", || {
        inside::run(&namespace.file, name, remove_own_links)?;
        namespaces.remove(name)
    })
}

/// Whether the namespace that the calling thread is in was made by this role.
fn is_ours(namespace: &Namespace) -> Result<bool, HostError> {
    let lo = Netlink::open()?.link("lo")?;
    let lo = lo.ok_or_else(|| HostError::Conflict {
        name: namespace.name.clone(),
        reason: "has no loopback interface",
    })?;
    Ok(lo.alias == marks::NAMESPACE)
}

/// So that they are gone from their bridges at once, whoever still holds the namespace.
fn remove_own_links() -> Result<(), HostError> {
    let netlink = Netlink::open()?;
    let links = netlink.links()?;
    let ours = links.iter().filter(|link| marks::port_of(&link.alias).is_some());
    ours.into_iter().try_for_each(|link| netlink.remove_link(link))
}
