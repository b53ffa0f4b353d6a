//! The headers of the request path: their names, which of a guest's may travel inward, and the
//! codecs of everything that hops tell each other.

mod answer;
mod hops;
mod identity;
mod list;
mod origin;
mod provider;

use std::{borrow::Cow, fmt::Display, io::Write as _};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{RequestId, hop::HEADERS_ROOM};

pub(crate) use answer::AnswerHeaders;
pub use hops::encode_hops;
pub use identity::{decode_identity, encode_identity};
pub use list::HeaderList;
pub use origin::{decode_origin, encode_origin, parse_forwarded_address};
pub use provider::{ProviderClaim, decode_forwarded_for, decode_provider};

/// The network in whose namespace a request was caught (Neutron's DHCP agent).
pub const NEUTRON_NETWORK_ID: HeaderName = HeaderName::from_static("x-neutron-network-id");
/// The router in whose namespace a request was caught (Neutron's L3 agent).
pub const NEUTRON_ROUTER_ID: HeaderName = HeaderName::from_static("x-neutron-router-id");
/// The network in whose namespace a request was caught (OVN).
pub const OVN_NETWORK_ID: HeaderName = HeaderName::from_static("x-ovn-network-id");
/// The address a guest asked from.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The machine that asks.
pub const INSTANCE_ID: HeaderName = HeaderName::from_static("x-instance-id");
/// The owner of the port the machine asked through.
pub const TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
/// The signature of [`INSTANCE_ID`].
pub const INSTANCE_ID_SIGNATURE: HeaderName = HeaderName::from_static("x-instance-id-signature");

/// The load balancer that the request came through, in provider mode.
pub const METADATA_PROVIDER: HeaderName = HeaderName::from_static("x-metadata-provider");
/// The signature of [`METADATA_PROVIDER`].
pub const METADATA_PROVIDER_SIGNATURE: HeaderName =
    HeaderName::from_static("x-metadata-provider-signature");

/// A session token a guest presents (EC2's name for it).
pub const EC2_TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// How many seconds a session token is to live, and lives.
pub const EC2_TOKEN_TTL: HeaderName =
    HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

/// Names a request in every hop's log. Between our own hops only.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-innkeeper-request-id");
/// The address our agent vouches for. Between our own hops only.
pub const ADDRESS: HeaderName = HeaderName::from_static("x-innkeeper-address");
/// The port our agent found that address on. Between our own hops only.
pub const PORT: HeaderName = HeaderName::from_static("x-innkeeper-port");
/// Where our agent found that port by that address before. Between our own hops only.
pub const FOUND_IN: HeaderName = HeaderName::from_static("x-innkeeper-found-in");
/// Signs instance, project, address and port together. Between our own hops only.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-innkeeper-signature");
/// The reports of the hops behind, in an answer. Between our own hops only.
pub const HOPS: HeaderName = HeaderName::from_static("x-innkeeper-hops");
/// Why an answer is what it is. Between our own hops only.
pub const REASON: HeaderName = HeaderName::from_static("x-innkeeper-reason");
/// The machine that was answered, for logs. Between our own hops only.
pub const INSTANCE: HeaderName = HeaderName::from_static("x-innkeeper-instance");

/// The headers of a guest that travel inward; all others end at the first hop. None says who asks.
pub static GUEST_HEADERS: [HeaderName; 6] = [
    // How errors are rendered.
    header::ACCEPT,
    // What a posted password is.
    header::CONTENT_TYPE,
    // For logs: which client, which version.
    header::USER_AGENT,
    // Asks only for what has changed.
    header::IF_NONE_MATCH,
    // Session tokens.
    EC2_TOKEN,
    EC2_TOKEN_TTL,
];

/// Bytes that nearly all ids and addresses have room in.
const ID_BYTES: usize = 64;

/// What our own hops send each other most, and http has no name for.
static HOP_HEADERS: [HeaderName; 10] = [
    REQUEST_ID,
    FORWARDED_FOR,
    NEUTRON_ROUTER_ID,
    NEUTRON_NETWORK_ID,
    INSTANCE_ID,
    INSTANCE_ID_SIGNATURE,
    TENANT_ID,
    ADDRESS,
    PORT,
    FOUND_IN,
];

/// The name that a request has in `text`. To make one anew of those that come with every request
/// between our own hops takes room for each.
pub(crate) fn name_of(text: &str) -> Option<HeaderName> {
    let known = text.starts_with("x-").then(|| HOP_HEADERS.iter().find(|name| *name == text));
    known.flatten().cloned().or_else(|| HeaderName::from_bytes(text.as_bytes()).ok())
}

/// What of a guest's headers travels inward.
pub fn guest_headers(fields: &HeaderMap) -> HeaderMap {
    let mut inward = HeaderMap::with_capacity(HEADERS_ROOM);
    for (name, value) in inward_of(fields) {
        inward.append(name.clone(), value.clone());
    }
    inward
}

/// The same as a list, which has room for so many in all.
pub(crate) fn guest_header_list(fields: &HeaderMap, room: usize) -> HeaderList {
    let mut inward = HeaderList::with_capacity(room);
    for (name, value) in inward_of(fields) {
        inward.append(name.clone(), value.clone());
    }
    inward
}

fn inward_of(fields: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    // Each look-up of a name takes more than comparing it with all of the few there are.
    fields.iter().filter(|(name, _)| GUEST_HEADERS.contains(name))
}

/// The request id that one of our own hops sent along.
pub fn decode_request_id(fields: &HeaderMap) -> Option<RequestId> {
    single(fields, &REQUEST_ID)?.to_str().ok()?.parse().ok()
}

/// Sends the request id along.
pub fn encode_request_id(id: RequestId, fields: &mut HeaderList) {
    fields.put(REQUEST_ID, id_value(&id));
}

/// An id or an address as a header value.
pub(crate) fn id_value(id: &impl Display) -> HeaderValue {
    let mut buffer = [0; ID_BYTES];
    let mut free = &mut buffer[..];
    // Mostly it fits: a text on the heap would grow piece by piece, and be copied then.
    let value = match write!(free, "{id}") {
        Ok(()) => {
            let length = ID_BYTES - free.len();
            HeaderValue::from_bytes(buffer.get(..length).unwrap_or_default())
        }
        Err(_full) => HeaderValue::from_str(&id.to_string()),
    };
    value.expect("ids are visible ASCII")
}

/// The value of a header that occurs exactly once.
fn single<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = fields.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// All values of a header as one, joined by commas as Nova's server library does; an empty value is
/// a value.
fn joined<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut values = fields.get_all(name).iter();
    let mut all = Cow::Borrowed(values.next()?.as_bytes());
    for value in values {
        let all = all.to_mut();
        all.push(b',');
        all.extend_from_slice(value.as_bytes());
    }
    Some(all)
}

/// Removes what has one of `names`. Mostly nothing has.
pub fn remove(fields: &mut HeaderMap, names: &[HeaderName]) {
    if fields.keys().any(|name| names.contains(name)) {
        for name in names {
            fields.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_travels_inward() {
        let mut fields = HeaderMap::new();
        for name in [
            "x-instance-id",
            "x-tenant-id",
            "x-instance-id-signature",
            "x-forwarded-for",
            "x-neutron-network-id",
            "x-neutron-router-id",
            "x-ovn-network-id",
            "x_instance_id",
            "x_neutron_router_id",
            "x-metadata-provider",
            "forwarded",
            "x-innkeeper-address",
            "x-innkeeper-port",
            "x-innkeeper-found-in",
            "x-innkeeper-signature",
            "x-innkeeper-request-id",
            "host",
            "cookie",
            "connection",
            "transfer-encoding",
        ] {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        assert!(guest_headers(&fields).is_empty());
        fields.append(header::ACCEPT, HeaderValue::from_static("text/html"));
        fields.append(header::ACCEPT, HeaderValue::from_static("text/plain"));
        fields.insert(EC2_TOKEN, HeaderValue::from_static("t"));
        let inward = guest_headers(&fields);
        assert_eq!(inward.get_all(header::ACCEPT).iter().count(), 2);
        assert_eq!(inward.len(), 3);
    }

    #[test]
    fn a_name_is_the_same_however_it_is_made() {
        for text in [
            "x-instance-id",
            "X-Instance-ID",
            "x-Instance-Id",
            "x-innkeeper-found-in",
            "X-INNKEEPER-PORT",
            "x-somebody-elses",
            "Host",
            "x-",
            "",
            "x instance id",
        ] {
            assert_eq!(name_of(text), HeaderName::from_bytes(text.as_bytes()).ok(), "{text:?}");
        }
    }

    #[test]
    fn an_id_of_any_length_is_carried_whole() {
        for length in [1, ID_BYTES - 1, ID_BYTES, ID_BYTES + 1, 255] {
            let id = "a".repeat(length);
            assert_eq!(id_value(&id), id);
        }
    }

    #[test]
    fn a_request_id_comes_once_or_not_at_all() {
        let id = RequestId::random();
        let mut list = HeaderList::default();
        encode_request_id(id, &mut list);
        let mut fields = list.to_map();
        assert_eq!(decode_request_id(&fields), Some(id));
        fields.append(REQUEST_ID, id_value(&id));
        assert_eq!(decode_request_id(&fields), None);
    }
}
