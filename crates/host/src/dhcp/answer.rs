//! What is answered to a request (RFC 2131 §4.3), from what is true of its port now.
//!
//! There are no leases to remember: the port has its addresses whether anybody asks or not.

use std::net::{IpAddr, Ipv4Addr};

use innkeeper_model::{DhcpBinding, HostedNetwork, HostedSubnet};
use ipnet::IpNet;

use super::{
    DhcpSettings, Request, RequestKind,
    extra::ExtraOptionError,
    offer,
    reply::{Destination, Reply, ReplyKind},
};

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send this.
    Reply(Box<Reply>),
    /// Say nothing; the client found that another machine uses its address.
    Declined(Ipv4Addr),
    /// Say nothing; the client needs its address no longer.
    Released(Ipv4Addr),
    /// Say nothing.
    Silence(Silence),
}

/// Why nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Nothing to offer.
    #[error("its port has no IPv4 address in a subnet with DHCP")]
    NoAddress,
    /// It took the offer of another server.
    #[error("it takes the offer of another server")]
    OtherServer,
    /// A DHCPREQUEST without an address, or a DHCPINFORM without one.
    #[error("it names no address")]
    NamesNone,
    /// A DHCPDECLINE or DHCPRELEASE of an address that is not the port's.
    #[error("the address is not its port's")]
    NotItsAddress,
}

/// An answer, and the extra options that could not be sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What to do.
    pub answer: Answer,
    /// Extra options that were left out, each with its reason.
    pub bad_options: Vec<ExtraOptionError>,
}

/// An address that may be given to a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease<'a> {
    pub(super) address: Ipv4Addr,
    pub(super) subnet: &'a HostedSubnet,
    /// The prefix length of the subnet.
    pub(super) prefix: ipnet::Ipv4Net,
    /// The DHCP port's own address in the subnet: our server identifier.
    pub(super) server: Ipv4Addr,
}

/// Answers a request of the port that `binding` is of, on `network`.
pub fn answer(
    network: &HostedNetwork,
    settings: &DhcpSettings,
    request: &Request,
    binding: &DhcpBinding,
) -> Answered {
    let leases = leases(network, binding);
    let silence = |why| Answered { answer: Answer::Silence(why), bad_options: Vec::new() };
    let Some(first) = leases.first() else { return silence(Silence::NoAddress) };
    let of = |address: Ipv4Addr| leases.iter().find(|lease| lease.address == address);
    let give =
        |kind, lease: &Lease<'_>| offer::reply(kind, network, settings, request, binding, lease);
    match request.kind {
        RequestKind::Discover => {
            let lease = request.requested.and_then(of).unwrap_or(first);
            give(ReplyKind::Offer, lease)
        }
        RequestKind::Request => {
            if request.server.is_some_and(|server| !is_ours(network, server)) {
                return silence(Silence::OtherServer);
            }
            let Some(named) = named(request) else { return silence(Silence::NamesNone) };
            match of(named) {
                Some(lease) => give(ReplyKind::Ack, lease),
                None => Answered {
                    answer: Answer::Reply(Box::new(refusal(request, first.server))),
                    bad_options: Vec::new(),
                },
            }
        }
        RequestKind::Inform if request.ciaddr.is_unspecified() => silence(Silence::NamesNone),
        RequestKind::Inform => give(ReplyKind::AckInform, of(request.ciaddr).unwrap_or(first)),
        RequestKind::Decline | RequestKind::Release => {
            let declined = request.kind == RequestKind::Decline;
            let named = if declined { request.requested } else { Some(request.ciaddr) };
            let answer = match named.filter(|address| of(*address).is_some()) {
                None => Answer::Silence(Silence::NotItsAddress),
                Some(address) if declined => Answer::Declined(address),
                Some(address) => Answer::Released(address),
            };
            Answered { answer, bad_options: Vec::new() }
        }
    }
}

/// The address that a DHCPREQUEST is about (RFC 2131 §4.3.2): option 50 of a client that has none
/// yet (selecting, rebooting), ciaddr of one that has (renewing, rebinding).
fn named(request: &Request) -> Option<Ipv4Addr> {
    let used = Some(request.ciaddr).filter(|address| !address.is_unspecified());
    if request.server.is_some() { request.requested.or(used) } else { used.or(request.requested) }
}

/// The port's addresses that may be given to it, in order.
fn leases<'a>(network: &'a HostedNetwork, binding: &DhcpBinding) -> Vec<Lease<'a>> {
    let lease = |address: &IpAddr| {
        let IpAddr::V4(address) = *address else { return None };
        network.subnets.iter().filter(|subnet| subnet.enable_dhcp).find_map(|subnet| {
            let IpNet::V4(prefix) = subnet.cidr else { return None };
            let server = server_address(network, prefix)?;
            prefix.contains(&address).then_some(Lease { address, subnet, prefix, server })
        })
    };
    binding.addresses.iter().filter_map(lease).collect()
}

fn server_address(network: &HostedNetwork, subnet: ipnet::Ipv4Net) -> Option<Ipv4Addr> {
    own_addresses(network).find(|address| subnet.contains(address))
}

fn is_ours(network: &HostedNetwork, server: Ipv4Addr) -> bool {
    own_addresses(network).any(|address| address == server)
}

fn own_addresses(network: &HostedNetwork) -> impl Iterator<Item = Ipv4Addr> + '_ {
    let addresses = network.dhcp.iter().flat_map(|port| &port.addresses);
    addresses.filter_map(|address| match address {
        IpNet::V4(address) => Some(address.addr()),
        IpNet::V6(_) => None,
    })
}

/// A DHCPNAK: the client has to begin anew.
fn refusal(request: &Request, server: Ipv4Addr) -> Reply {
    Reply {
        kind: ReplyKind::Nak,
        xid: request.xid,
        flags: request.flags,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: Ipv4Addr::UNSPECIFIED,
        mac: request.mac,
        server,
        server_name: Vec::new(),
        boot_file: Vec::new(),
        options: offer::refusal_options(request, server),
        left_out: Vec::new(),
        destination: Destination::BROADCAST,
    }
}
