//! The pair of links that plugs a namespace into a bridge.

use std::{fs::File, os::fd::AsFd};

use crate::{
    HostError, bridge, marks,
    netlink::{Link, LinkChange, LinkKind, Netlink, NewVeth},
    outside::Outside,
    plan::LinkPlan,
    work::Work,
};

/// The end inside of a pair whose other end is the plan's: one that is there, or a new one.
/// `None` if it is not there because nothing is changed.
///
/// `inside` and `near` are a conversation about the inner namespace and its link of that name,
/// `file` is that namespace's.
pub(crate) fn ensure_pair(
    plan: &LinkPlan,
    file: &File,
    (inside, near): (&Netlink, Option<Link>),
    outside: &Outside,
    work: &mut Work,
) -> Result<Option<Link>, HostError> {
    let far = outside.link(&plan.outside);
    if let (Some(near), Some(far)) = (&near, &far)
        && are_pair(near, far)
    {
        check_port(far, plan)?;
        return Ok(Some(near.clone()));
    }
    if let Some(far) = far {
        check_port(&far, plan)?;
        if far.alias != marks::port(plan.port) {
            let reason = "is not a link of ours";
            return Err(HostError::Conflict { name: plan.outside.clone(), reason });
        }
        work.change(&plan.outside, "removed half a pair", || outside.remove(&far))?;
    }
    if let Some(near) = near {
        if near.kind != LinkKind::Veth {
            let reason = "is not a veth link";
            return Err(HostError::Conflict { name: plan.inside.clone(), reason });
        }
        work.change(&plan.inside, "removed half a pair", || inside.remove_link(&near))?;
    }
    work.change(&plan.inside, format!("made, with {} outside", plan.outside), || {
        outside.netlink.add_veth(&NewVeth {
            outside: &plan.outside,
            inside: &plan.inside,
            inside_mac: plan.mac,
            mtu: plan.mtu,
            alias: marks::port(plan.port),
            namespace: file.as_fd(),
        })?;
        outside.refresh(&plan.outside).map(drop)
    })?;
    match inside.link(&plan.inside)? {
        None if work.mends() => {
            Err(HostError::Conflict { name: plan.inside.clone(), reason: "comes and goes" })
        }
        found => Ok(found),
    }
}

/// Plugs the outer end into its bridge and brings it up.
pub(crate) fn plug_in(
    plan: &LinkPlan,
    bridge: Option<&Link>,
    outside: &Outside,
    work: &mut Work,
) -> Result<(), HostError> {
    let name = plan.outside.as_str();
    let (Some(bridge), Some(link)) = (bridge, outside.link(name)) else {
        // Neither is there only where nothing is changed.
        return work.change(name, format!("plugged into {}", plan.bridge), || Ok(()));
    };
    let mut change = LinkChange::of(&link);
    let mut mended = Vec::new();
    if link.controller != Some(bridge.index) {
        change = change.controller(bridge.index);
        mended.push(format!("plugged into {}", bridge.name));
    }
    if let Some(mtu) = plan.mtu.filter(|mtu| *mtu != link.mtu) {
        change = change.mtu(mtu);
        mended.push(format!("mtu {mtu}"));
    }
    let mark = marks::port(plan.port);
    if link.alias != mark {
        change = change.alias(&mark);
        mended.push("marked".to_owned());
    }
    if !link.up {
        change = change.up();
        mended.push("brought up".to_owned());
    }
    if mended.is_empty() {
        return Ok(());
    }
    work.change(name, mended.join(", "), || {
        bridge::keep_host_out(&outside.settings, name)?;
        outside.netlink.change(&change)?;
        outside.refresh(name).map(drop)
    })
}

fn are_pair(near: &Link, far: &Link) -> bool {
    let both_veth = near.kind == LinkKind::Veth && far.kind == LinkKind::Veth;
    both_veth && near.peer == Some(far.index) && far.peer == Some(near.index)
}

fn check_port(far: &Link, plan: &LinkPlan) -> Result<(), HostError> {
    let other = marks::port_of(&far.alias).or_else(|| marks::tap_of(&far.alias));
    match other.filter(|port| *port != plan.port) {
        Some(other) => {
            let name = plan.outside.clone();
            Err(HostError::SharedName { name, other: other.to_string() })
        }
        None => Ok(()),
    }
}
