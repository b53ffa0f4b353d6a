//! Removal of what is ours and no longer wanted.

use crate::{
    HostError, inside,
    link::{Link, LinkKind},
    marks,
    namespace::{Namespace, Namespaces},
    netlink::Netlink,
    nft::MetadataRules,
    plan::Plan,
    report::ReconcileReport,
};

/// Removes namespaces that this role made; from one that it only used, its own links and rules.
/// Returns those that it could not remove.
pub(crate) fn remove_namespaces(
    names: impl IntoIterator<Item = String>,
    plan: &Plan,
    namespaces: &Namespaces,
    rules: &MetadataRules,
    report: &mut ReconcileReport,
) -> Vec<String> {
    let mut left = Vec::new();
    for name in names {
        if plan.namespaces.contains_key(&name) {
            continue;
        }
        if let Err(error) = remove_namespace(&name, namespaces, rules, report) {
            report.failed(&name, &error);
            left.push(name);
        }
    }
    left
}

/// Removes links that are marked as ours and belong to no planned port, then bridges of ours that
/// nothing is plugged into any more.
pub(crate) fn remove_links(plan: &Plan, outside: &Netlink, report: &mut ReconcileReport) {
    let (ports, bridges) = plan.ports_and_bridges();
    let is_stray =
        |link: &Link| marks::port_of(&link.alias).is_some_and(|port| !ports.contains(&port));
    remove_each(outside, report, |_, link| is_stray(link));
    remove_each(outside, report, |links, link| {
        let ours = link.kind == LinkKind::Bridge && link.alias == marks::BRIDGE;
        let in_use = || links.iter().any(|other| other.controller == Some(link.index));
        ours && !bridges.contains(link.name.as_str()) && !in_use()
    });
}

fn remove_each(
    outside: &Netlink,
    report: &mut ReconcileReport,
    unwanted: impl Fn(&[Link], &Link) -> bool,
) {
    let links = match outside.links() {
        Ok(links) => links,
        Err(error) => return report.failed("links", &error),
    };
    for link in links.iter().filter(|link| unwanted(&links, link)) {
        match outside.remove_link(link) {
            Ok(()) => report.changed(&link.name, "removed"),
            Err(error) => report.failed(&link.name, &error),
        }
    }
}

fn remove_namespace(
    name: &str,
    namespaces: &Namespaces,
    rules: &MetadataRules,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    // A plain file is the work of someone who is about to make a namespace, or of nobody.
    let Some(namespace) = namespaces.open(name)? else { return Ok(()) };
    let (made_here, removed) = inside::run(&namespace.file, name, || clear(&namespace, rules))?;
    for item in removed {
        report.changed(name, format!("removed {item}"));
    }
    if made_here {
        namespaces.remove(name)?;
        report.changed(name, "removed");
    }
    Ok(())
}

/// Removes our links and rules; says whether the namespace is ours too.
fn clear(namespace: &Namespace, rules: &MetadataRules) -> Result<(bool, Vec<String>), HostError> {
    let netlink = Netlink::open()?;
    let links = netlink.links()?;
    let made_here = links.iter().any(|link| link.alias == marks::NAMESPACE);
    let mut removed = Vec::new();
    for link in links.iter().filter(|link| marks::port_of(&link.alias).is_some()) {
        netlink.remove_link(link)?;
        removed.push(link.name.clone());
    }
    // The rules of a namespace of ours go with it.
    let used_here = !removed.is_empty();
    let is_router = namespace.name.starts_with("qrouter-");
    if is_router && used_here && !made_here && rules.remove()? {
        removed.push("the metadata rules".to_owned());
    }
    Ok((made_here, removed))
}
