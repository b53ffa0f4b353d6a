//! Bridges, one per network.

use rtnetlink::LinkUnspec;

use crate::{
    HostError,
    link::{Link, LinkKind},
    marks,
    netlink::Netlink,
    report::ReconcileReport,
    sysctl,
};

/// The bridge of this name, made and brought up if it is not there; an operator's own is used as
/// it is.
pub(crate) fn ensure(
    netlink: &Netlink,
    name: &str,
    report: &mut ReconcileReport,
) -> Result<Link, HostError> {
    let bridge = match netlink.link(name)? {
        Some(link) => link,
        None => make(netlink, name, report)?,
    };
    if bridge.kind != LinkKind::Bridge {
        let reason = "is not a Linux bridge";
        return Err(HostError::Conflict { name: name.to_owned(), reason });
    }
    if bridge.up {
        return Ok(bridge);
    }
    if bridge.alias != marks::BRIDGE {
        return Err(HostError::BridgeDown { name: name.to_owned() });
    }
    keep_host_out(name)?;
    netlink.change(name, LinkUnspec::new_with_index(bridge.index).up().build())?;
    report.changed(name, "brought up");
    Ok(bridge)
}

fn make(netlink: &Netlink, name: &str, report: &mut ReconcileReport) -> Result<Link, HostError> {
    netlink.add_bridge(name)?;
    report.changed(name, "made bridge");
    let gone = || HostError::Conflict { name: name.to_owned(), reason: "comes and goes" };
    let bridge = netlink.link(name)?.ok_or_else(gone)?;
    let mark = LinkUnspec::new_with_index(bridge.index).alias(marks::BRIDGE).build();
    netlink.change(name, mark)?;
    Ok(Link { alias: marks::BRIDGE.to_owned(), ..bridge })
}

/// Keeps this machine from having an address of its own in the tenants' network, by which guests
/// could reach what listens on it.
pub(crate) fn keep_host_out(link: &str) -> Result<bool, HostError> {
    sysctl::set(&format!("ipv6/conf/{link}/disable_ipv6"), "1")
}
