//! Which addresses are a machine's own.

use std::net::IpAddr;

use innkeeper_model::{GuestRecord, MacAddress, PortId, Vif};

/// Whether what the hop before vouches for is still so: `port` is the machine's and has `address`.
/// Nothing is asked of who vouches for nothing.
pub(crate) fn still_hold(address: IpAddr, port: Option<PortId>, record: &GuestRecord) -> bool {
    let Some(port) = port else { return true };
    // An imported interface's id is spelt as Nova spelt it.
    let is_it = |vif: &Vif| vif.id.parse() == Ok(port);
    record.network_info.iter().any(|vif| is_it(vif) && has(vif, address.to_canonical()))
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

#[cfg(test)]
mod tests {
    use innkeeper_model::ImportedInstance;

    use super::*;

    #[test]
    fn an_imported_port_is_known_however_its_id_is_spelt() {
        let id = "ABCDEF00-0000-4000-8000-000000000001";
        let network =
            serde_json::json!({"id": id, "subnets": [{"ips": [{"address": "10.0.0.5"}]}]});
        let imported = serde_json::json!({
            "uuid": id, "project_id": "acme", "hostname": "web", "launch_index": 0,
            "flavor": {"name": "m1"},
            "network_info": [{"id": id, "address": "fa:16:3e:00:00:01", "network": network}],
        });
        let imported: ImportedInstance = serde_json::from_value(imported).unwrap();
        let (record, port) = (imported.record().unwrap(), id.parse().ok());
        assert!(still_hold([10, 0, 0, 5].into(), port, &record));
        assert!(!still_hold([10, 0, 0, 6].into(), port, &record));
        let other = Some(PortId::random());
        assert!(!still_hold([10, 0, 0, 5].into(), other, &record));
    }
}
