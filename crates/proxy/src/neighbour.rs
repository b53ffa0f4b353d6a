//! What the kernel knows of a guest that is on a link of the calling thread's namespace.

use std::{io, net::Ipv6Addr};

use innkeeper_model::{MacAddress, PortId};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    link::{LinkAttribute, LinkExtentMask, LinkMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Begins the aliases of links that the host role made.
const MARK_PREFIX: &str = "innkeeper:";
/// Ends the alias of a link whose network lets no machine send in another's name.
const GUARDED_SUFFIX: &str = ":guarded";
/// Bytes of one answer; the kernel writes at most 32 KiB at a time.
const ANSWER_BYTES: usize = 32 * 1024;

/// The MAC address that `address` has on link `index`, if the rules of that link's network see to
/// it that nobody else can have said so.
pub(crate) fn guarded_mac(index: u32, address: Ipv6Addr) -> io::Result<Option<MacAddress>> {
    let kernel = Kernel::ask()?;
    if !kernel.is_guarded(index)? {
        return Ok(None);
    }
    kernel.mac(index, address)
}

#[derive(Debug)]
struct Kernel(Socket);

impl Kernel {
    fn ask() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // The answer is there when the question has been sent: there is nothing to wait for.
        socket.set_non_blocking(true)?;
        Ok(Self(socket))
    }

    fn is_guarded(&self, index: u32) -> io::Result<bool> {
        let mut question = LinkMessage::default();
        question.header.index = index;
        // Without this the answer holds the link's counters as well.
        question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        match self.answer(RouteNetlinkMessage::GetLink(question))? {
            RouteNetlinkMessage::NewLink(link) if link.header.index == index => {
                Ok(link.attributes.iter().any(|attribute| {
                    matches!(attribute, LinkAttribute::IfAlias(alias) if is_guard(alias))
                }))
            }
            _ => Err(unexpected()),
        }
    }

    fn mac(&self, index: u32, address: Ipv6Addr) -> io::Result<Option<MacAddress>> {
        let mut question = NeighbourMessage::default();
        question.header.family = AddressFamily::Inet6;
        question.header.ifindex = index;
        question.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)));
        match self.answer(RouteNetlinkMessage::GetNeighbour(question)) {
            Ok(RouteNetlinkMessage::NewNeighbour(entry)) => Ok(mac_of(&entry, index, address)),
            Ok(_) => Err(unexpected()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The one message that answers a question for one thing.
    fn answer(&self, question: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(question));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        let mut bytes = Vec::with_capacity(ANSWER_BYTES);
        self.0.recv(&mut bytes, 0)?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes);
        match answer.map_err(io::Error::other)?.payload {
            NetlinkPayload::InnerMessage(answer) => Ok(answer),
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(unexpected()),
        }
    }
}

/// Whether an alias is `innkeeper:<port id>:guarded`.
fn is_guard(alias: &str) -> bool {
    let port = alias.strip_prefix(MARK_PREFIX).and_then(|rest| rest.strip_suffix(GUARDED_SUFFIX));
    port.is_some_and(|port| port.parse::<PortId>().is_ok())
}

/// What an entry says of `address` on link `index`, if the kernel still goes by it.
fn mac_of(entry: &NeighbourMessage, index: u32, address: Ipv6Addr) -> Option<MacAddress> {
    let is_valid = matches!(
        entry.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
    );
    let destination = NeighbourAttribute::Destination(NeighbourAddress::Inet6(address));
    if !is_valid || entry.header.ifindex != index || !entry.attributes.contains(&destination) {
        return None;
    }
    entry.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => {
            bytes.as_slice().try_into().ok().and_then(MacAddress::new)
        }
        _ => None,
    })
}

fn unexpected() -> io::Error {
    io::Error::other("the kernel answered something else than was asked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_roles_mark_is_a_guard() {
        let port = PortId::random();
        assert!(is_guard(&format!("innkeeper:{port}:guarded")));
        for alias in [
            String::new(),
            format!("innkeeper:{port}"),
            format!("innkeeper:{port}:guarded:"),
            format!("innkeeper:{port}:unguarded"),
            "innkeeper::guarded".to_owned(),
            "innkeeper:guarded".to_owned(),
            format!("{port}:guarded"),
        ] {
            assert!(!is_guard(&alias), "{alias}");
        }
    }

    #[test]
    fn only_entries_that_the_kernel_goes_by_name_a_machine() {
        let address: Ipv6Addr = "fe80::1234:5678:9abc:def0".parse().unwrap();
        let entry = |state, mac: &[u8]| {
            let mut entry = NeighbourMessage::default();
            entry.header.ifindex = 7;
            entry.header.state = state;
            entry.attributes = vec![
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)),
                NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
            ];
            entry
        };
        let mac = [0xfa, 0x16, 0x3e, 0, 0, 0x65];
        let known = entry(NeighbourState::Stale, &mac);
        assert_eq!(mac_of(&known, 7, address), MacAddress::new(mac));
        assert_eq!(mac_of(&known, 8, address), None, "another link's");
        assert_eq!(mac_of(&known, 7, Ipv6Addr::LOCALHOST), None, "another address's");
        use NeighbourState::{Failed, Incomplete, Noarp, None as NoState, Other, Reachable};
        for state in [Failed, Incomplete, Noarp, NoState, Other(0x300)] {
            assert_eq!(mac_of(&entry(state, &mac), 7, address), None, "{state:?}");
        }
        for bytes in [&[][..], &[0xfa; 5], &[0xff; 6], &[0; 6], &[2; 20]] {
            assert_eq!(mac_of(&entry(Reachable, bytes), 7, address), None, "{bytes:?}");
        }
    }
}
