//! The origin as headers, proxy to agent: exactly one id and exactly one address.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use innkeeper_model::{Origin, OriginScope};

use super::{
    FORWARDED_FOR, HeaderList, NEUTRON_NETWORK_ID, NEUTRON_ROUTER_ID, OVN_NETWORK_ID, id_value,
    single,
};
use crate::Reason;

/// Writes the origin as Neutron's proxies do.
pub fn encode_origin(origin: &Origin, fields: &mut HeaderList) {
    fields.remove_all(&[NEUTRON_NETWORK_ID, NEUTRON_ROUTER_ID, OVN_NETWORK_ID]);
    match origin.scope {
        OriginScope::Router(id) => fields.put(NEUTRON_ROUTER_ID, id_value(&id)),
        OriginScope::Network(id) => fields.put(NEUTRON_NETWORK_ID, id_value(&id)),
        OriginScope::OvnNetwork(id) => fields.put(OVN_NETWORK_ID, id_value(&id)),
    }
    fields.put(FORWARDED_FOR, id_value(&origin.address));
}

/// Reads the origin. A second id or a second address, however it is spelt, means that somebody
/// behind the proxy had a say in it: refused, never guessed at.
pub fn decode_origin(fields: &HeaderMap) -> Result<Origin, Reason> {
    let scope = decode_scope(fields)?;
    let address = single(fields, &FORWARDED_FOR)
        .and_then(|value| value.to_str().ok())
        .and_then(parse_forwarded_address)
        .ok_or(Reason::BadForwardedFor)?;
    Ok(Origin::new(scope, address))
}

/// One address as X-Forwarded-For carries it: an IPv4-mapped address stands for its IPv4 address,
/// the zone of a link-local one (`fe80::1%eth0`) says nothing outside its host.
pub fn parse_forwarded_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let address: IpAddr = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => IpAddr::V6(address.parse().ok()?),
        Some(_) => return None,
        None => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

fn decode_scope(fields: &HeaderMap) -> Result<OriginScope, Reason> {
    let mut found = [NEUTRON_NETWORK_ID, NEUTRON_ROUTER_ID, OVN_NETWORK_ID]
        .into_iter()
        .flat_map(|name| fields.get_all(&name).iter().map(move |value| (name.clone(), value)));
    let (name, value) = found.next().ok_or(Reason::NoScopeHeader)?;
    if found.next().is_some() || is_list(value) {
        return Err(Reason::SeveralScopeHeaders);
    }
    let text = value.to_str().ok().ok_or(Reason::BadScopeHeader)?.trim_matches([' ', '\t']);
    let scope = if name == NEUTRON_ROUTER_ID {
        text.parse().map(OriginScope::Router)
    } else if name == OVN_NETWORK_ID {
        text.parse().map(OriginScope::OvnNetwork)
    } else {
        text.parse().map(OriginScope::Network)
    };
    scope.ok().ok_or(Reason::BadScopeHeader)
}

fn is_list(value: &HeaderValue) -> bool {
    value.as_bytes().contains(&b',')
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use innkeeper_model::{NetworkId, RouterId};
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in pairs {
            fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    #[test]
    fn each_proxy_is_understood() {
        for (name, scope) in [
            ("x-neutron-network-id", OriginScope::Network(ID.parse().unwrap())),
            ("x-ovn-network-id", OriginScope::OvnNetwork(ID.parse().unwrap())),
            ("x-neutron-router-id", OriginScope::Router(ID.parse().unwrap())),
        ] {
            let origin = decode_origin(&fields(&[(name, ID), ("x-forwarded-for", "10.0.0.5")]));
            assert_eq!(origin, Ok(Origin { scope, address: "10.0.0.5".parse().unwrap() }));
        }
    }

    #[test]
    fn a_second_id_is_refused_in_every_spelling() {
        let list = format!("{ID}, {ID}");
        let for_one = ("x-forwarded-for", "10.0.0.5");
        for pairs in [
            &[("x-neutron-network-id", ID), ("x-neutron-router-id", ID), for_one][..],
            &[("x-neutron-network-id", ID), ("x-ovn-network-id", ID), for_one],
            &[("x-neutron-router-id", ID), ("x-neutron-router-id", ID), for_one],
            &[("x-ovn-network-id", list.as_str()), for_one],
        ] {
            assert_eq!(
                decode_origin(&fields(pairs)),
                Err(Reason::SeveralScopeHeaders),
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let cases = [
            (&[][..], Reason::NoScopeHeader),
            (&[("x-forwarded-for", "10.0.0.5")], Reason::NoScopeHeader),
            (&[("x-neutron-router-id", "r1")], Reason::BadScopeHeader),
            (&[("x-neutron-router-id", "")], Reason::BadScopeHeader),
            (&[("x-neutron-router-id", ID)], Reason::BadForwardedFor),
            (
                &[
                    ("x-neutron-router-id", ID),
                    ("x-forwarded-for", "10.0.0.1"),
                    ("x-forwarded-for", "10.0.0.2"),
                ],
                Reason::BadForwardedFor,
            ),
            (
                &[("x-neutron-router-id", ID), ("x-forwarded-for", "10.0.0.1, 10.0.0.2")],
                Reason::BadForwardedFor,
            ),
        ];
        for (pairs, reason) in cases {
            assert_eq!(decode_origin(&fields(pairs)), Err(reason), "{pairs:?}");
        }
    }

    #[test]
    fn addresses_have_one_form() {
        for (text, address) in [
            ("::ffff:10.0.0.5", Some("10.0.0.5")),
            ("fe80::1%eth0", Some("fe80::1")),
            (" 10.0.0.5 ", Some("10.0.0.5")),
            ("fe80::1%", None),
            ("10.0.0.5%eth0", None),
            ("[fe80::1]", None),
            ("10.0.0.5:80", None),
            ("010.0.0.5", None),
            ("10.5", None),
            ("", None),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(parse_forwarded_address(text), address, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(kind in 0..3, id: u128, address: IpAddr) {
            let uuid = uuid::Uuid::from_u128(id);
            let scope = match kind {
                0 => OriginScope::Router(RouterId::new(uuid)),
                1 => OriginScope::Network(NetworkId::new(uuid)),
                _ => OriginScope::OvnNetwork(NetworkId::new(uuid)),
            };
            let origin = Origin::new(scope, address);
            let mut list = HeaderList::default();
            encode_origin(&origin, &mut list);
            prop_assert_eq!(decode_origin(&list.to_map()), Ok(origin));
        }

        #[test]
        fn anything_at_all_is_answered(
            values in proptest::collection::vec((0_usize..4, "\\PC{0,60}"), 0..5)
        ) {
            let names = [NEUTRON_NETWORK_ID, NEUTRON_ROUTER_ID, OVN_NETWORK_ID, FORWARDED_FOR];
            let mut fields = HeaderMap::new();
            for (name, value) in values {
                if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                    fields.append(names[name].clone(), value);
                }
            }
            let _ = decode_origin(&fields);
        }
    }
}
