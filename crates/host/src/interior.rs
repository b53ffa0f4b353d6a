//! What is inside a namespace: links with their addresses, forwarding, rules.

use std::{collections::BTreeSet, fs::File};

use ipnet::IpNet;
use rtnetlink::LinkUnspec;

use crate::{
    HostError,
    link::Link,
    marks,
    netlink::Netlink,
    nft::MetadataRules,
    plan::{LinkPlan, NamespacePlan, NamespaceRole},
    report::ReconcileReport,
    sysctl, veth,
};

/// Mends the namespace that the calling thread is in; `outside` is the machine's own.
pub(crate) fn mend(
    plan: &NamespacePlan,
    file: &File,
    outside: &Netlink,
    rules: &MetadataRules,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    let inside = Netlink::open()?;
    raise_loopback(&inside, report)?;
    // A guest's router advertisement must not become a route or an address of ours.
    for links in ["default", "all"] {
        sysctl::set(&format!("ipv6/conf/{links}/accept_ra"), "0")?;
    }
    if plan.role == NamespaceRole::Router {
        // The rules come first: a link that is up without them would forward requests.
        if rules.ensure()? {
            report.changed("nftables", "set the metadata rules");
        }
        for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            if sysctl::set(key, "1")? {
                report.changed(key, "set to 1");
            }
        }
    }
    for link in &plan.links {
        let found = veth::ensure_pair(link, file, &inside, outside, report)?;
        mend_link(link, &found, &inside, report)?;
        mend_addresses(link, &found, &inside, report)?;
    }
    remove_unplanned_links(plan, &inside, report)
}

fn raise_loopback(inside: &Netlink, report: &mut ReconcileReport) -> Result<(), HostError> {
    let Some(link) = inside.link("lo")?.filter(|link| !link.up) else { return Ok(()) };
    inside.change("lo", LinkUnspec::new_with_index(link.index).up().build())?;
    report.changed("lo", "brought up");
    Ok(())
}

fn mend_link(
    plan: &LinkPlan,
    link: &Link,
    inside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    let mut change = LinkUnspec::new_with_index(link.index);
    let mut mended = Vec::new();
    if link.mac != plan.mac.bytes() {
        change = change.address(plan.mac.bytes().to_vec());
        mended.push(format!("mac {}", plan.mac));
    }
    if let Some(mtu) = plan.mtu.filter(|mtu| *mtu != link.mtu) {
        change = change.mtu(mtu);
        mended.push(format!("mtu {mtu}"));
    }
    let mark = marks::port(plan.port);
    if link.alias != mark {
        change = change.alias(mark);
        mended.push("marked".to_owned());
    }
    if !link.up {
        change = change.up();
        mended.push("brought up".to_owned());
    }
    if !mended.is_empty() {
        inside.change(&plan.inside, change.build())?;
        report.changed(&plan.inside, mended.join(", "));
    }
    Ok(())
}

fn mend_addresses(
    plan: &LinkPlan,
    link: &Link,
    inside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    for found in inside.addresses(link)? {
        // Link-local ones that nobody planned are the kernel's own.
        let foreign = found.permanent && !is_link_local_v6(found.address);
        if foreign && !plan.addresses.contains(&found.address) {
            inside.remove_address(link, &found)?;
            report.changed(&plan.inside, format!("removed address {}", found.address));
        }
    }
    // Listed again: the kernel removes a range's other addresses with its first.
    let held: BTreeSet<IpNet> =
        inside.addresses(link)?.into_iter().map(|held| held.address).collect();
    for address in plan.addresses.difference(&held) {
        inside.add_address(link, *address)?;
        report.changed(&plan.inside, format!("added address {address}"));
    }
    Ok(())
}

fn is_link_local_v6(address: IpNet) -> bool {
    matches!(address, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

/// A router's link to a subnet that it left.
fn remove_unplanned_links(
    plan: &NamespacePlan,
    inside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    for link in inside.links()? {
        let Some(port) = marks::port_of(&link.alias) else { continue };
        if plan.links.iter().all(|planned| planned.port != port) {
            inside.remove_link(&link)?;
            report.changed(&link.name, "removed");
        }
    }
    Ok(())
}
