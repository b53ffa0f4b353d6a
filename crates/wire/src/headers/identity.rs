//! The identity as headers, agent to API, in the contract of Nova 34.0.0 and with an addition of
//! our own that covers what Nova's signature leaves uncovered.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use innkeeper_model::{Identity, InstanceId, OriginScope, PortId, ProjectId};

use super::{
    ADDRESS, FORWARDED_FOR, FOUND_IN, HeaderList, INSTANCE_ID, INSTANCE_ID_SIGNATURE, PORT,
    SIGNATURE, TENANT_ID, id_value, joined, parse_forwarded_address,
};
use crate::{
    Reason,
    signature::{HexSignature, SharedSecret},
};

/// Writes the identity as Neutron's agent does. With `vouch` it adds our own address, port and
/// signature, which only an API of ours understands.
///
/// An identity that was found before is signed so that who does not look whether it still is, or
/// does not know that it was, refuses it: our signature takes the place of that over the instance.
pub fn encode_identity(
    identity: &Identity,
    secret: &SharedSecret,
    vouch: bool,
    fields: &mut HeaderList,
) {
    let instance = id_value(&identity.instance);
    fields.put(TENANT_ID, id_value(&identity.project));
    let found_in = identity.found_in.map(|scope| scope_value(&scope));
    if found_in.is_none() {
        let signature = secret.sign(&[instance.as_bytes()]);
        fields.put(INSTANCE_ID_SIGNATURE, hex_value(&signature));
    }
    fields.put(INSTANCE_ID, instance);
    let Some(address) = identity.address else { return };
    let address = id_value(&address);
    if let Some(port) = identity.vouched_port.filter(|_| vouch) {
        let all = Signed {
            instance: identity.instance,
            project: &identity.project,
            port,
            address: address.as_bytes(),
            found_in: found_in.as_ref().map(HeaderValue::as_bytes),
        };
        let signature = hex_value(&all.signature(secret));
        match found_in {
            None => fields.put(SIGNATURE, signature),
            Some(found_in) => {
                fields.put(FOUND_IN, found_in);
                fields.put(INSTANCE_ID_SIGNATURE, signature);
            }
        }
        fields.put(ADDRESS, address.clone());
        fields.put(PORT, id_value(&port));
    }
    fields.put(FORWARDED_FOR, address);
}

/// Reads and verifies the identity, with Nova's checks in Nova's order: presence of id, signature
/// and tenant, then the signature. A repeated header is one value joined by commas, as Nova's
/// server library has it, so its signature is wrong. An id that is no UUID is an unknown instance.
pub fn decode_identity(fields: &HeaderMap, secret: &SharedSecret) -> Result<Identity, Reason> {
    let instance = joined(fields, &INSTANCE_ID).ok_or(Reason::NoInstanceHeader)?;
    let signature = joined(fields, &INSTANCE_ID_SIGNATURE).ok_or(Reason::NoSignatureHeader)?;
    let tenant = joined(fields, &TENANT_ID).ok_or(Reason::NoTenantHeader)?;
    if let Some(found_in) = joined(fields, &FOUND_IN) {
        let found =
            decode_found_before(fields, secret, [&instance, &signature, &tenant, &found_in]);
        return found.ok_or(Reason::BadSignature);
    }
    if !secret.sign(&[&instance]).matches(&signature) {
        return Err(Reason::BadSignature);
    }
    let instance: InstanceId = parsed(&instance).ok_or(Reason::UnknownInstance)?;
    // What cannot be a project's id is no instance's project.
    let project: ProjectId = parsed(&tenant).ok_or(Reason::TenantMismatch)?;
    match (joined(fields, &ADDRESS), joined(fields, &PORT), joined(fields, &SIGNATURE)) {
        (None, None, None) => {
            let address = joined(fields, &FORWARDED_FOR);
            let address = address.and_then(|address| parsed_address(&address));
            Ok(Identity { instance, project, address, vouched_port: None, found_in: None })
        }
        (Some(address), Some(port), Some(signature)) => {
            let port: PortId = parsed(&port).ok_or(Reason::BadSignature)?;
            let all =
                Signed { instance, project: &project, port, address: &address, found_in: None };
            if !all.signature(secret).matches(&signature) {
                return Err(Reason::BadSignature);
            }
            let address = Some(parsed_address(&address).ok_or(Reason::BadSignature)?);
            Ok(Identity { instance, project, address, vouched_port: Some(port), found_in: None })
        }
        // Part of it was lost on the way or added by somebody else.
        _ => Err(Reason::BadSignature),
    }
}

/// An identity that was found before, if all of it is there and signed.
fn decode_found_before(
    fields: &HeaderMap,
    secret: &SharedSecret,
    [instance, signature, tenant, found_in]: [&[u8]; 4],
) -> Option<Identity> {
    let (instance, project): (InstanceId, ProjectId) = (parsed(instance)?, parsed(tenant)?);
    let (address, port) = (joined(fields, &ADDRESS)?, parsed(&joined(fields, &PORT)?)?);
    let found_in = Some(found_in);
    let all = Signed { instance, project: &project, port, address: &address, found_in };
    if !all.signature(secret).matches(signature) || fields.contains_key(SIGNATURE) {
        return None;
    }
    let (address, found_in) = (Some(parsed_address(&address)?), Some(parsed_scope(found_in?)?));
    Some(Identity { instance, project, address, vouched_port: Some(port), found_in })
}

/// What our own signature covers.
struct Signed<'a> {
    instance: InstanceId,
    project: &'a ProjectId,
    port: PortId,
    address: &'a [u8],
    found_in: Option<&'a [u8]>,
}

impl Signed<'_> {
    /// The first part keeps this signature from ever being that of an instance id alone, or that of
    /// an identity that was found elsewhere.
    fn signature(&self, secret: &SharedSecret) -> HexSignature {
        let (instance, port) = (self.instance.to_string(), self.port.to_string());
        let (kind, found_in): (&[u8], &[&[u8]]) = match self.found_in {
            None => (b"innkeeper-identity-1\n", &[]),
            Some(scope) => (b"innkeeper-identity-2\n", &[b"\n", scope]),
        };
        let project = self.project.as_str().as_bytes();
        let always = [
            kind,
            instance.as_bytes(),
            b"\n",
            project,
            b"\n",
            port.as_bytes(),
            b"\n",
            self.address,
        ];
        secret.sign(&[&always, found_in].concat())
    }
}

fn scope_value(scope: &OriginScope) -> HeaderValue {
    let text = match scope {
        OriginScope::Router(id) => format!("router {id}"),
        OriginScope::Network(id) => format!("network {id}"),
        OriginScope::OvnNetwork(id) => format!("ovn-network {id}"),
    };
    HeaderValue::try_from(text).expect("ids are visible ASCII")
}

fn parsed_scope(text: &[u8]) -> Option<OriginScope> {
    let (kind, id) = str::from_utf8(text).ok()?.split_once(' ')?;
    match kind {
        "router" => id.parse().map(OriginScope::Router).ok(),
        "network" => id.parse().map(OriginScope::Network).ok(),
        "ovn-network" => id.parse().map(OriginScope::OvnNetwork).ok(),
        _ => None,
    }
}

fn hex_value(signature: &HexSignature) -> HeaderValue {
    HeaderValue::from_str(signature.as_str()).expect("hex digits are visible ASCII")
}

fn parsed_address(bytes: &[u8]) -> Option<IpAddr> {
    str::from_utf8(bytes).ok().and_then(parse_forwarded_address)
}

fn parsed<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use innkeeper_model::{NetworkId, RouterId};
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    fn secret() -> SharedSecret {
        SharedSecret::new("s3cr3t").unwrap()
    }

    fn identity(vouched: bool) -> Identity {
        Identity {
            instance: ID.parse().unwrap(),
            project: "acme".parse().unwrap(),
            address: Some("10.0.0.5".parse().unwrap()),
            vouched_port: vouched.then(|| ID.parse().unwrap()),
            found_in: None,
        }
    }

    fn found_before() -> Identity {
        Identity { found_in: Some(OriginScope::Router(ID.parse().unwrap())), ..identity(true) }
    }

    fn encoded(identity: &Identity, vouch: bool) -> HeaderMap {
        let mut list = HeaderList::default();
        encode_identity(identity, &secret(), vouch, &mut list);
        list.to_map()
    }

    fn nova_fields() -> HeaderMap {
        encoded(&identity(true), false)
    }

    fn set(fields: &mut HeaderMap, name: HeaderName, value: &[u8]) {
        fields.insert(name, HeaderValue::from_bytes(value).unwrap());
    }

    #[test]
    fn to_another_api_goes_what_neutron_sends_and_no_more() {
        let fields = nova_fields();
        let mut names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["x-forwarded-for", "x-instance-id", "x-instance-id-signature", "x-tenant-id"]
        );
        assert_eq!(decode_identity(&fields, &secret()), Ok(identity(false)));
    }

    #[test]
    fn refusals_come_in_novas_order() {
        let mut fields = HeaderMap::new();
        let refusal = |fields: &HeaderMap| decode_identity(fields, &secret()).unwrap_err();
        assert_eq!(refusal(&fields), Reason::NoInstanceHeader);
        set(&mut fields, INSTANCE_ID, b"");
        assert_eq!(refusal(&fields), Reason::NoSignatureHeader, "an empty id is present");
        set(&mut fields, INSTANCE_ID_SIGNATURE, b"");
        assert_eq!(refusal(&fields), Reason::NoTenantHeader);
        set(&mut fields, TENANT_ID, b"");
        assert_eq!(refusal(&fields), Reason::BadSignature);
        let good = secret().sign(&[b""]);
        set(&mut fields, INSTANCE_ID_SIGNATURE, good.as_str().as_bytes());
        assert_eq!(refusal(&fields), Reason::UnknownInstance);
        let mut fields = nova_fields();
        set(&mut fields, TENANT_ID, b"");
        assert_eq!(refusal(&fields), Reason::TenantMismatch);
    }

    #[test]
    fn only_the_exact_signature_passes() {
        let good = secret().sign(&[ID.as_bytes()]).as_str().to_owned();
        for bad in [
            good.to_uppercase().into_bytes(),
            good.as_bytes()[..63].to_vec(),
            [good.as_bytes(), b"0"].concat(),
            b"\xff\xfe".to_vec(),
            secret().sign(&[b"other"]).as_str().as_bytes().to_vec(),
        ] {
            let mut fields = nova_fields();
            set(&mut fields, INSTANCE_ID_SIGNATURE, &bad);
            assert_eq!(decode_identity(&fields, &secret()), Err(Reason::BadSignature), "{bad:?}");
        }
        let mut twice = nova_fields();
        twice.append(INSTANCE_ID, HeaderValue::from_static(ID));
        assert_eq!(decode_identity(&twice, &secret()), Err(Reason::BadSignature));
        let other = SharedSecret::new("other").unwrap();
        assert_eq!(decode_identity(&nova_fields(), &other), Err(Reason::BadSignature));
    }

    #[test]
    fn a_vouched_address_project_or_instance_cannot_be_exchanged() {
        let fields = encoded(&identity(true), true);
        assert_eq!(decode_identity(&fields, &secret()), Ok(identity(true)));
        let other = "00000000-0000-4000-8000-000000000002";
        for (name, value) in
            [(ADDRESS, "10.0.0.6"), (PORT, other), (TENANT_ID, "evil"), (SIGNATURE, "")]
        {
            let mut fields = fields.clone();
            set(&mut fields, name.clone(), value.as_bytes());
            assert_eq!(decode_identity(&fields, &secret()), Err(Reason::BadSignature), "{name}");
        }
        for name in [ADDRESS, PORT, SIGNATURE] {
            let mut fields = fields.clone();
            fields.remove(&name);
            assert_eq!(decode_identity(&fields, &secret()), Err(Reason::BadSignature), "{name}");
        }
    }

    #[test]
    fn where_it_was_found_can_neither_be_exchanged_nor_left_out_nor_added() {
        let mut fields = encoded(&found_before(), true);
        assert_eq!(decode_identity(&fields, &secret()), Ok(found_before()));
        let refused = Err(Reason::BadSignature);
        for other in [
            "router 00000000-0000-4000-8000-000000000002".to_owned(),
            format!("network {ID}"),
            format!("ovn-network {ID}"),
            format!("Router {ID}"),
            format!("router  {ID}"),
            String::new(),
        ] {
            let mut fields = fields.clone();
            set(&mut fields, FOUND_IN, other.as_bytes());
            assert_eq!(decode_identity(&fields, &secret()), refused, "{other}");
        }
        let mut twice = fields.clone();
        twice.append(FOUND_IN, fields[FOUND_IN].clone());
        assert_eq!(decode_identity(&twice, &secret()), refused);
        let found_in = fields.remove(FOUND_IN).unwrap();
        assert_eq!(decode_identity(&fields, &secret()), refused, "left out");
        let vouched = encoded(&identity(true), true);
        for mut fields in [vouched.clone(), nova_fields()] {
            fields.insert(FOUND_IN, found_in.clone());
            assert_eq!(decode_identity(&fields, &secret()), refused, "added");
        }
        let mut signed_twice = encoded(&found_before(), true);
        signed_twice.insert(SIGNATURE, vouched[SIGNATURE].clone());
        assert_eq!(decode_identity(&signed_twice, &secret()), refused, "signed otherwise too");
    }

    #[test]
    fn who_does_not_know_that_it_was_found_before_refuses_it() {
        let mut fields = encoded(&found_before(), true);
        let novas = secret().sign(&[ID.as_bytes()]);
        assert!(!novas.matches(fields[INSTANCE_ID_SIGNATURE].as_bytes()), "Nova would believe it");
        for name in [ADDRESS, PORT, FOUND_IN] {
            fields.remove(name);
        }
        assert!(!fields.keys().any(|name| name.as_str().starts_with("x-innkeeper")));
        assert_eq!(decode_identity(&fields, &secret()), Err(Reason::BadSignature));
    }

    #[test]
    fn an_address_is_optional_and_a_list_is_none() {
        for value in ["10.0.0.5, 10.0.0.6", "web1"] {
            let mut fields = nova_fields();
            set(&mut fields, FORWARDED_FOR, value.as_bytes());
            assert_eq!(decode_identity(&fields, &secret()).unwrap().address, None, "{value}");
        }
        let mut fields = nova_fields();
        fields.remove(FORWARDED_FOR);
        assert_eq!(decode_identity(&fields, &secret()).unwrap().address, None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            id: u128,
            project in "[A-Za-z0-9_.-]{1,64}",
            address: Option<IpAddr>,
            vouch: bool,
            found_in in proptest::option::of(0_u8..3),
        ) {
            let vouch = vouch && address.is_some();
            let scope = |kind| {
                let id = uuid::Uuid::from_u128(id.rotate_left(64));
                match kind {
                    0 => OriginScope::Router(RouterId::new(id)),
                    1 => OriginScope::Network(NetworkId::new(id)),
                    _ => OriginScope::OvnNetwork(NetworkId::new(id)),
                }
            };
            let identity = Identity {
                instance: InstanceId::new(uuid::Uuid::from_u128(id)),
                project: project.parse().unwrap(),
                address: address.map(|address| address.to_canonical()),
                vouched_port: vouch.then(|| PortId::new(uuid::Uuid::from_u128(!id))),
                found_in: found_in.filter(|_| vouch).map(scope),
            };
            let fields = encoded(&identity, vouch);
            prop_assert_eq!(decode_identity(&fields, &secret()), Ok(identity));
        }

        #[test]
        fn anything_at_all_is_answered(
            values in proptest::collection::vec(
                (0_usize..8, proptest::collection::vec(any::<u8>(), 0..80)), 0..8)
        ) {
            let names = [
                INSTANCE_ID, INSTANCE_ID_SIGNATURE, TENANT_ID, FORWARDED_FOR, ADDRESS, PORT,
                SIGNATURE, FOUND_IN,
            ];
            let mut fields = HeaderMap::new();
            for (name, value) in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    fields.append(names[name].clone(), value);
                }
            }
            prop_assert!(decode_identity(&fields, &secret()).is_err());
        }
    }
}
