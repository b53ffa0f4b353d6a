//! The addresses of a link.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::{
    HostError,
    interior::is_link_local_v6,
    netlink::{Link, LinkAddress, Netlink},
    plan::LinkPlan,
    work::Work,
};

/// Gives a link the addresses of its plan and no others. `held` are those of the namespace.
///
/// What IPv6 refuses is told and does not keep IPv4 from being served.
pub(crate) fn mend(
    plan: &LinkPlan,
    link: &Link,
    (inside, held): (&Netlink, &[LinkAddress]),
    work: &mut Work,
) -> Result<(), HostError> {
    let own = |held: &[LinkAddress]| -> Vec<LinkAddress> {
        held.iter().filter(|address| address.link == link.index).cloned().collect()
    };
    let mut held = own(held);
    let mut removed = false;
    for found in &held {
        // Link-local ones that nobody planned are the kernel's own.
        let foreign = found.permanent && !is_link_local_v6(found.address);
        if foreign && !plan.addresses.contains(&found.address) {
            let what = format!("removed address {}", found.address);
            work.change(&plan.inside, what, || inside.remove_address(link, found))?;
            removed = true;
        }
    }
    if removed {
        // The kernel removes a range's other addresses with its first.
        held = own(&inside.addresses()?);
    }
    for duplicate in held.iter().filter(|held| held.duplicate) {
        retry_duplicate(plan, link, duplicate, inside, work);
    }
    let held: BTreeSet<IpNet> = held.into_iter().map(|held| held.address).collect();
    for address in plan.addresses.difference(&held) {
        let what = format!("added address {address}");
        let added = work.change(&plan.inside, what, || inside.add_address(link, *address));
        match added {
            Err(error) if address.addr().is_ipv6() => work.report.failed(&plan.inside, &error),
            added => added?,
        }
    }
    Ok(())
}

/// An address that another machine has: said, and tried again by adding it anew, upon which the
/// kernel asks for it anew.
fn retry_duplicate(
    plan: &LinkPlan,
    link: &Link,
    duplicate: &LinkAddress,
    inside: &Netlink,
    work: &mut Work,
) {
    let address = duplicate.address;
    if !plan.addresses.contains(&address) {
        return;
    }
    let error = HostError::DuplicateAddress { address, bridge: plan.bridge.clone() };
    work.report.failed(&plan.inside, &error);
    if work.mends() {
        let again =
            inside.remove_address(link, duplicate).and_then(|()| inside.add_address(link, address));
        if let Err(error) = again {
            work.report.failed(&plan.inside, &error);
        }
    }
}
