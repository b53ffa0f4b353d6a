//! Which addresses are a machine's own.

use std::net::IpAddr;

use innkeeper_model::{GuestRecord, MacAddress};

/// Whether the machine may ask from `address`: it is one of its fixed addresses, or the link-local
/// one that an interface makes from its MAC address.
pub(crate) fn belongs_to(address: IpAddr, record: &GuestRecord) -> bool {
    let address = address.to_canonical();
    record.network_info.iter().any(|vif| {
        let mut ips = vif.network.subnets.iter().flat_map(|subnet| &subnet.ips);
        ips.any(|ip| ip.address.to_canonical() == address)
            || vif
                .address
                .parse::<MacAddress>()
                .is_ok_and(|mac| IpAddr::V6(mac.link_local()) == address)
    })
}
