//! The reply that gives a port its address, with its options.

use std::net::{IpAddr, Ipv4Addr};

use innkeeper_model::{DhcpBinding, HostedNetwork};

use super::{
    DhcpSettings, Request,
    answer::{Answer, Answered, Lease},
    code,
    extra::{self, Extra, ExtraOptionError},
    reply::{
        BOOT_FILE_BYTES_MAX, Destination, Reply, ReplyKind, SERVER_NAME_BYTES_MAX, datagram_bytes,
    },
    routes,
};

/// Bytes of a datagram, with its headers, that every client takes (RFC 2131 §2).
pub const DATAGRAM_BYTES_MIN: u16 = 576;
/// Bytes of the longest datagram that is sent to a client that takes more: what fits any Ethernet.
pub const DATAGRAM_BYTES_MAX: u16 = 1500;

/// Sent whether the client asked for them or not. Of these, `KEPT` are never left out.
const UNASKED: &[u8] = &[
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::LEASE_TIME,
    code::SUBNET_MASK,
    code::RENEWAL,
    code::REBINDING,
    code::ROUTER,
    code::MTU,
    code::CLASSLESS_ROUTES,
    code::CLIENT_ID,
];

/// Never left out, however short the client wants it: without them there is no lease, or no way.
const KEPT: &[u8] = &[
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::LEASE_TIME,
    code::SUBNET_MASK,
    code::CLASSLESS_ROUTES,
];

/// Left out first if a reply is too long, in this order: copies, then comfort. Extra options stand
/// between the two, see [`shorten`].
const COPIES: &[u8] = &[code::MICROSOFT_CLASSLESS_ROUTES, code::DOMAIN_SEARCH];
const COMFORT: &[u8] = &[
    code::DOMAIN_NAME,
    code::HOST_NAME,
    code::DNS_SERVERS,
    code::MTU,
    code::CLIENT_ID,
    code::REBINDING,
    code::RENEWAL,
    code::ROUTER,
];

/// Options in the making.
struct Options {
    all: Vec<(u8, Vec<u8>)>,
    /// Which of them an operator set.
    extra: Vec<u8>,
    next_server: Option<Ipv4Addr>,
    bad: Vec<ExtraOptionError>,
}

/// The reply to `request` that gives the port `lease`, or only tells of it.
pub(super) fn reply(
    kind: ReplyKind,
    network: &HostedNetwork,
    settings: &DhcpSettings,
    request: &Request,
    binding: &DhcpBinding,
    lease: &Lease<'_>,
) -> Answered {
    let mut options =
        Options { all: Vec::new(), extra: Vec::new(), next_server: None, bad: Vec::new() };
    options.add_ours(kind, network, settings, request, binding, lease);
    options.add_extra(binding, lease.server);
    if kind == ReplyKind::AckInform {
        options.all.retain(|(code, _)| {
            !matches!(*code, code::LEASE_TIME | code::RENEWAL | code::REBINDING)
        });
    }
    // What Windows asks for is what everybody else is told, whoever composed that.
    let routes = options.value(code::CLASSLESS_ROUTES).map(<[u8]>::to_vec);
    if let (Some(routes), None) = (routes, options.value(code::MICROSOFT_CLASSLESS_ROUTES)) {
        options.all.push((code::MICROSOFT_CLASSLESS_ROUTES, routes));
    }
    let field = |code, max| {
        options.value(code).filter(|value| value.len() <= max).unwrap_or_default().to_vec()
    };
    let boot_file = field(code::BOOT_FILE, BOOT_FILE_BYTES_MAX);
    // As dnsmasq: a client that asks for the option reads it there.
    let asks = request.wanted.as_ref().is_some_and(|wanted| wanted.contains(&code::TFTP_SERVER));
    let server_name =
        if asks { Vec::new() } else { field(code::TFTP_SERVER, SERVER_NAME_BYTES_MAX) };
    options.all.retain(|(code, _)| UNASKED.contains(code) || request.wants(*code));
    let left_out = shorten(&mut options, limit(network, request));
    let gives = kind != ReplyKind::AckInform;
    let reply = Reply {
        kind,
        xid: request.xid,
        flags: request.flags,
        ciaddr: if kind == ReplyKind::Offer { Ipv4Addr::UNSPECIFIED } else { request.ciaddr },
        yiaddr: if gives { lease.address } else { Ipv4Addr::UNSPECIFIED },
        siaddr: options.next_server.unwrap_or(Ipv4Addr::UNSPECIFIED),
        mac: request.mac,
        server: lease.server,
        server_name,
        boot_file,
        options: options.all,
        left_out,
        destination: destination(request, lease),
    };
    Answered { answer: Answer::Reply(Box::new(reply)), bad_options: options.bad }
}

/// The options of a DHCPNAK (RFC 2131 table 3).
pub(super) fn refusal_options(request: &Request, server: Ipv4Addr) -> Vec<(u8, Vec<u8>)> {
    let mut options = vec![
        (code::MESSAGE_TYPE, vec![ReplyKind::Nak.number()]),
        (code::SERVER_ID, server.octets().to_vec()),
        (code::MESSAGE, b"not an address of this port".to_vec()),
    ];
    options.extend(client_id(request));
    options
}

impl Options {
    fn value(&self, code: u8) -> Option<&[u8]> {
        self.all.iter().find(|(own, _)| *own == code).map(|(_, value)| value.as_slice())
    }

    /// An option without a value is none.
    fn set(&mut self, code: u8, value: Vec<u8>) {
        self.all.retain(|(own, _)| *own != code);
        if !value.is_empty() {
            self.all.push((code, value));
        }
    }

    fn add_ours(
        &mut self,
        kind: ReplyKind,
        network: &HostedNetwork,
        settings: &DhcpSettings,
        request: &Request,
        binding: &DhcpBinding,
        lease: &Lease<'_>,
    ) {
        self.set(code::MESSAGE_TYPE, vec![kind.number()]);
        self.set(code::SERVER_ID, lease.server.octets().to_vec());
        self.set_times(settings.lease_seconds);
        self.set(code::SUBNET_MASK, lease.prefix.netmask().octets().to_vec());
        let gateway = routes::gateway(lease.subnet);
        self.set(code::ROUTER, gateway.map(|via| via.octets().to_vec()).unwrap_or_default());
        self.set(code::DNS_SERVERS, name_servers(&lease.subnet.dns_nameservers));
        let named = binding.host_name.clone();
        let named = named.unwrap_or_else(|| format!("host-{}", lease.address).replace('.', "-"));
        self.set(code::HOST_NAME, named.into_bytes());
        self.set(code::DOMAIN_NAME, settings.domain.clone().unwrap_or_default().into_bytes());
        let mtu = network.mtu.and_then(|mtu| u16::try_from(mtu).ok());
        self.set(code::MTU, mtu.map(|mtu| mtu.to_be_bytes().to_vec()).unwrap_or_default());
        let routes = routes::compose(network, lease.subnet, lease.server);
        self.set(code::CLASSLESS_ROUTES, routes::encode(&routes));
        self.all.extend(client_id(request));
    }

    /// Lease time, and when to renew and to rebind (RFC 2131 §4.4.5); never, if it has no end.
    fn set_times(&mut self, lease: u32) {
        self.set(code::LEASE_TIME, lease.to_be_bytes().to_vec());
        if lease != DhcpSettings::INFINITE {
            let rebinding = lease - lease.div_ceil(8);
            self.set(code::RENEWAL, (lease / 2).to_be_bytes().to_vec());
            self.set(code::REBINDING, rebinding.to_be_bytes().to_vec());
        }
    }

    fn add_extra(&mut self, binding: &DhcpBinding, server: Ipv4Addr) {
        let mut set = Vec::new();
        for option in &binding.extra_options {
            match extra::read(option) {
                Ok(Extra::NextServer(address)) => self.next_server = Some(address),
                Ok(Extra::Without { code }) => set.push((code, Vec::new())),
                Ok(Extra::Option { code, value }) => set.push((code, value.bytes(server))),
                Err(error) => self.bad.push(error),
            }
        }
        // The lease time first: the other two follow from it unless they are set as well.
        let lease = set.iter().find(|(code, _)| *code == code::LEASE_TIME);
        if let Some(lease) = lease.and_then(|(_, value)| <[u8; 4]>::try_from(&value[..]).ok()) {
            self.all.retain(|(code, _)| !matches!(*code, code::RENEWAL | code::REBINDING));
            self.set_times(u32::from_be_bytes(lease));
        }
        for (code, value) in set {
            // Without a lease time or a mask there is no lease.
            let takes_away_needed =
                value.is_empty() && matches!(code, code::LEASE_TIME | code::SUBNET_MASK);
            if !takes_away_needed {
                self.extra.push(code);
                self.set(code, value);
            }
        }
    }
}

/// RFC 6842: a client's identifier is sent back.
fn client_id(request: &Request) -> Option<(u8, Vec<u8>)> {
    let id = request.client_id.clone().filter(|id| (1..=255).contains(&id.len()))?;
    Some((code::CLIENT_ID, id))
}

/// The subnet's name servers; 0.0.0.0 among them means that guests are told of none.
fn name_servers(servers: &[IpAddr]) -> Vec<u8> {
    if servers.iter().any(|server| server.is_unspecified()) {
        return Vec::new();
    }
    let octets = |server: &IpAddr| match server {
        IpAddr::V4(server) => Some(server.octets()),
        IpAddr::V6(_) => None,
    };
    servers.iter().filter_map(octets).flatten().collect()
}

/// Bytes that the datagram may have.
fn limit(network: &HostedNetwork, request: &Request) -> usize {
    let link = network.mtu.and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(DATAGRAM_BYTES_MAX);
    let client = request.max_message.unwrap_or(DATAGRAM_BYTES_MIN).max(DATAGRAM_BYTES_MIN);
    usize::from(client.min(link).min(DATAGRAM_BYTES_MAX))
}

/// Leaves options out until the datagram has at most `limit` bytes; says which.
fn shorten(options: &mut Options, limit: usize) -> Vec<u8> {
    let extra = options.extra.iter().rev().copied();
    let order = COPIES.iter().copied().chain(extra).chain(COMFORT.iter().copied());
    let order: Vec<u8> = order.filter(|code| !KEPT.contains(code)).collect();
    let mut left_out = Vec::new();
    for code in order {
        if datagram_bytes(&options.all) <= limit {
            break;
        }
        if options.value(code).is_some() {
            options.all.retain(|(own, _)| *own != code);
            left_out.push(code);
        }
    }
    left_out
}

/// RFC 2131 §4.1. There is no relay agent here.
fn destination(request: &Request, lease: &Lease<'_>) -> Destination {
    let mac = request.mac.bytes();
    if !request.ciaddr.is_unspecified() {
        Destination { mac, address: request.ciaddr }
    } else if request.wants_broadcast() {
        Destination::BROADCAST
    } else {
        Destination { mac, address: lease.address }
    }
}
