//! Bridges, one per network.

use crate::{
    HostError, marks,
    netlink::{Link, LinkChange, LinkKind, OUR_GROUP},
    outside::Outside,
    plan::BridgePlan,
    sysctl::Settings,
    work::Work,
};

/// The bridge of this name: ours is made and brought up, an operator's own is used as it is.
/// `None` if it is not there because nothing is changed.
pub(crate) fn ensure(
    outside: &Outside,
    name: &str,
    plan: BridgePlan,
    work: &mut Work,
) -> Result<Option<Link>, HostError> {
    let found = outside.link(name);
    if let Some(found) = &found
        && found.kind != LinkKind::Bridge
    {
        let reason = "is not a Linux bridge";
        return Err(HostError::Conflict { name: name.to_owned(), reason });
    }
    if plan.ours { ensure_ours(outside, name, found, work) } else { check_theirs(name, found) }
}

fn check_theirs(name: &str, found: Option<Link>) -> Result<Option<Link>, HostError> {
    match found {
        None => Err(HostError::NoBridge { name: name.to_owned() }),
        Some(bridge) if !bridge.up => Err(HostError::BridgeDown { name: name.to_owned() }),
        Some(bridge) => Ok(Some(bridge)),
    }
}

fn ensure_ours(
    outside: &Outside,
    name: &str,
    found: Option<Link>,
    work: &mut Work,
) -> Result<Option<Link>, HostError> {
    let Some(bridge) = found else {
        work.change(name, "made bridge", || {
            outside.netlink.add_bridge(name, marks::BRIDGE)?;
            raise(outside, name)
        })?;
        return outside.refresh(name);
    };
    if bridge.alias != marks::BRIDGE {
        if !is_unfinished(&bridge) {
            let reason = "is a bridge of somebody else's";
            return Err(HostError::Conflict { name: name.to_owned(), reason });
        }
        work.change(name, "marked", || {
            outside.netlink.change(&LinkChange::of(&bridge).alias(marks::BRIDGE))
        })?;
    }
    if !bridge.guest_proof {
        let what = "set to learn from no frame that is not guarded, and to pass on all multicasts";
        work.change(name, what, || outside.netlink.guest_proof(&bridge))?;
    }
    if !bridge.up {
        work.change(name, "brought up", || raise(outside, name))?;
        return outside.refresh(name);
    }
    Ok(Some(bridge))
}

/// As a run leaves it that ended between making and marking.
fn is_unfinished(bridge: &Link) -> bool {
    bridge.alias.is_empty() && bridge.group == OUR_GROUP
}

fn raise(outside: &Outside, name: &str) -> Result<(), HostError> {
    keep_host_out(&outside.settings, name)?;
    outside.netlink.change(&LinkChange::named(name).up())
}

/// Keeps this machine from having an address of its own in the tenants' network, by which guests
/// could reach what listens on it.
///
/// `settings` are IPv6's of the namespace that the link is in.
pub(crate) fn keep_host_out(settings: &Settings, link: &str) -> Result<(), HostError> {
    settings.set(&format!("conf/{link}/disable_ipv6"), "1")
}
