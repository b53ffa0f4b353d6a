//! What the name of a namespace says of it.

use innkeeper_model::OriginScope;

use crate::listen::ListenAddress;

/// The scope that a namespace of this name stands for, and where to listen in it, which is
/// `router_address` if it is a router's; `None` if it is none of ours.
pub(crate) fn read(
    name: &str,
    router_address: ListenAddress,
) -> Option<(OriginScope, ListenAddress)> {
    if let Some(router) = name.strip_prefix("qrouter-") {
        let scope = OriginScope::Router(router.parse().ok()?);
        return Some((scope, router_address));
    }
    let scope = match name.strip_prefix("ovnmeta-") {
        Some(network) => OriginScope::OvnNetwork(network.parse().ok()?),
        None => OriginScope::Network(name.strip_prefix("qdhcp-")?.parse().ok()?),
    };
    Some((scope, ListenAddress::Metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn names_of_neutron_are_known_and_no_others() {
        let router = OriginScope::Router(ID.parse().unwrap());
        let network = OriginScope::Network(ID.parse().unwrap());
        let redirected = ListenAddress::Wildcard(9697);
        let read = |prefix: &str| read(&format!("{prefix}{ID}"), redirected);
        assert_eq!(read("qrouter-"), Some((router, redirected)));
        assert_eq!(read("qdhcp-"), Some((network, ListenAddress::Metadata)));
        let ovn = OriginScope::OvnNetwork(ID.parse().unwrap());
        assert_eq!(read("ovnmeta-"), Some((ovn, ListenAddress::Metadata)));
        for other in ["", "snat-", "qrouter", "qrouter-x", "Qdhcp-", "qdhcp-qdhcp-"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
