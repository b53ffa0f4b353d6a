//! Which addresses are a machine's own.

use std::net::IpAddr;

use innkeeper_model::{GuestRecord, MacAddress, PortId, Vif};

/// Whether what the hop before vouches for is still so: `port` is the machine's and has `address`.
/// Nothing is asked of who vouches for nothing.
pub(crate) fn still_hold(address: IpAddr, port: Option<PortId>, record: &GuestRecord) -> bool {
    let Some(port) = port else { return true };
    let port = port.to_string();
    record.network_info.iter().any(|vif| vif.id == port && has(vif, address.to_canonical()))
}

/// An address is one of the interface's fixed ones, or the link-local one that the interface makes
/// from its MAC address.
fn has(vif: &Vif, address: IpAddr) -> bool {
    let mut ips = vif.subnets().iter().flat_map(|subnet| &subnet.ips);
    ips.any(|ip| ip.address.to_canonical() == address)
        || vif
            .address
            .parse::<MacAddress>()
            .is_ok_and(|mac| IpAddr::V6(mac.link_local()) == address)
}
