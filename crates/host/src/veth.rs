//! The pair of links that plugs a namespace into a bridge.

use std::{fs::File, os::fd::AsFd};

use rtnetlink::LinkUnspec;

use crate::{
    HostError, bridge,
    link::{Link, LinkKind},
    marks,
    netlink::{Netlink, NewVeth},
    plan::LinkPlan,
    report::ReconcileReport,
};

/// The end inside of a pair whose other end is the plan's: one that is there, or a new one.
///
/// `inside` and `outside` are conversations about the two namespaces, `file` is the inner one's.
pub(crate) fn ensure_pair(
    plan: &LinkPlan,
    file: &File,
    inside: &Netlink,
    outside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<Link, HostError> {
    let near = inside.link(&plan.inside)?;
    let far = outside.link(&plan.outside)?;
    if let (Some(near), Some(far)) = (&near, &far)
        && are_pair(near, far)
    {
        check_port(far, plan)?;
        return Ok(near.clone());
    }
    if let Some(far) = far {
        check_port(&far, plan)?;
        if far.alias != marks::port(plan.port) {
            let reason = "is not a link of ours";
            return Err(HostError::Conflict { name: plan.outside.clone(), reason });
        }
        outside.remove_link(&far)?;
        report.changed(&plan.outside, "removed half a pair");
    }
    if let Some(near) = near {
        if near.kind != LinkKind::Veth {
            let reason = "is not a veth link";
            return Err(HostError::Conflict { name: plan.inside.clone(), reason });
        }
        inside.remove_link(&near)?;
        report.changed(&plan.inside, "removed half a pair");
    }
    make_pair(plan, file, inside, outside, report)
}

/// Plugs the outer end into its bridge and brings it up.
pub(crate) fn plug_in(
    plan: &LinkPlan,
    bridge: &Link,
    outside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<(), HostError> {
    let name = plan.outside.as_str();
    let gone = || HostError::Conflict { name: name.to_owned(), reason: "comes and goes" };
    let link = outside.link(name)?.ok_or_else(gone)?;
    bridge::keep_host_out(name)?;
    let mut change = LinkUnspec::new_with_index(link.index);
    let mut mended = Vec::new();
    if link.controller != Some(bridge.index) {
        change = change.controller(bridge.index);
        mended.push(format!("plugged into {}", bridge.name));
    }
    if let Some(mtu) = plan.mtu.filter(|mtu| *mtu != link.mtu) {
        change = change.mtu(mtu);
        mended.push(format!("mtu {mtu}"));
    }
    if !link.up {
        change = change.up();
        mended.push("brought up".to_owned());
    }
    let mark = marks::port(plan.port);
    if link.alias != mark {
        change = change.alias(mark);
        mended.push("marked".to_owned());
    }
    if !mended.is_empty() {
        outside.change(name, change.build())?;
        report.changed(name, mended.join(", "));
    }
    Ok(())
}

fn make_pair(
    plan: &LinkPlan,
    file: &File,
    inside: &Netlink,
    outside: &Netlink,
    report: &mut ReconcileReport,
) -> Result<Link, HostError> {
    outside.add_veth(&NewVeth {
        outside: &plan.outside,
        inside: &plan.inside,
        inside_mac: plan.mac,
        namespace: file.as_fd(),
    })?;
    report.changed(&plan.inside, format!("made, with {} outside", plan.outside));
    let gone = |name: &str| HostError::Conflict { name: name.to_owned(), reason: "comes and goes" };
    let far = outside.link(&plan.outside)?.ok_or_else(|| gone(&plan.outside))?;
    let mark = LinkUnspec::new_with_index(far.index).alias(marks::port(plan.port)).build();
    outside.change(&plan.outside, mark)?;
    inside.link(&plan.inside)?.ok_or_else(|| gone(&plan.inside))
}

fn are_pair(near: &Link, far: &Link) -> bool {
    let both_veth = near.kind == LinkKind::Veth && far.kind == LinkKind::Veth;
    both_veth && near.peer == Some(far.index) && far.peer == Some(near.index)
}

fn check_port(far: &Link, plan: &LinkPlan) -> Result<(), HostError> {
    match marks::port_of(&far.alias).filter(|port| *port != plan.port) {
        Some(other) => {
            let name = plan.outside.clone();
            Err(HostError::SharedName { name, other: other.to_string() })
        }
        None => Ok(()),
    }
}
