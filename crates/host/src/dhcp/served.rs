//! One network: its requests come in, and each is answered by a task of its own.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use innkeeper_model::{HostedNetwork, MacAddress};
use rustix::io::Errno;
use tokio::{
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{
    Answer, Answered, DhcpSettings, Reply, ReplyKind, Request, answer, frame,
    lookup::Ports,
    packet::PacketSocket,
    socket::receive,
    troubles::{Sort, Subject, Troubles},
};

/// Requests of one network under way at once. What comes meanwhile waits in the socket, and what
/// has no room there is lost: a network full of noise delays its own guests only.
const NETWORK_REQUESTS_MAX: usize = 8;
/// How long to wait after the kernel could not give a datagram: it may say so without end.
const RECEIVE_PAUSE: Duration = Duration::from_secs(1);

/// What all networks share.
pub(super) struct Shared {
    pub(super) settings: DhcpSettings,
    pub(super) ports: Ports,
    pub(super) outlet: PacketSocket,
    pub(super) troubles: Troubles,
}

/// A network as it is now.
#[derive(Debug)]
pub(super) struct Current(Mutex<Arc<HostedNetwork>>);

impl Current {
    pub(super) fn new(network: Arc<HostedNetwork>) -> Self {
        Self(Mutex::new(network))
    }

    pub(super) fn get(&self) -> Arc<HostedNetwork> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, network: Arc<HostedNetwork>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = network;
    }
}

/// Receives until `stop`, and closes the socket then.
pub(super) async fn serve(
    shared: Arc<Shared>,
    network: Arc<Current>,
    socket: UdpSocket,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(NETWORK_REQUESTS_MAX));
    let receiving = async {
        // A closed semaphore would end it; nobody closes this one.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            let datagram = next(&shared, &network, &socket).await;
            let (shared, network) = (Arc::clone(&shared), network.get());
            match Request::read(&datagram) {
                Ok(request) => {
                    let stop = stop.clone();
                    let handled = handle(shared, network, request, place);
                    tokio::spawn(async move { stop.run_until_cancelled(handled).await });
                }
                Err(why) => debug!(network = %network.id, "DHCP: datagram ignored: {why}"),
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = receiving => {}
    }
}

async fn next(shared: &Shared, network: &Current, socket: &UdpSocket) -> Vec<u8> {
    loop {
        let received = match socket.readable().await {
            Ok(()) => receive(socket),
            Err(error) => Err(error),
        };
        match received {
            Ok(datagram) => return datagram,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                let subject = Subject { network: Some(network.get().id), mac: None };
                let text = format!("cannot receive requests: {error}");
                shared.troubles.report(subject, Sort::Receive, &text);
                sleep(RECEIVE_PAUSE).await;
            }
        }
    }
}

async fn handle(
    shared: Arc<Shared>,
    network: Arc<HostedNetwork>,
    request: Request,
    _place: OwnedSemaphorePermit,
) {
    let subject = Subject { network: Some(network.id), mac: Some(request.mac) };
    let found = match shared.ports.find(network.id, request.mac).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            debug!(network = %network.id, mac = %request.mac, "DHCP: no port has this address");
            return;
        }
        Err(why) => {
            let text = format_args!("requests are not answered: ports cannot be looked up: {why}");
            shared.troubles.report(Subject { network: None, mac: None }, Sort::Lookup, &text);
            return;
        }
    };
    if let Some(why) = &found.stale {
        let text = format_args!("answered from memory: ports cannot be looked up: {why}");
        shared.troubles.report(Subject { network: None, mac: None }, Sort::Lookup, &text);
    }
    let Answered { answer, bad_options } =
        answer(&network, &shared.settings, &request, &found.binding);
    for error in bad_options {
        let text = format_args!("option of port {} left out: {error}", found.binding.port_id);
        shared.troubles.report(subject, Sort::Option(error.to_string()), &text);
    }
    match answer {
        // What was true before may say yes to a guest, but must not take its address away.
        Answer::Reply(reply) if reply.kind == ReplyKind::Nak && found.stale.is_some() => {
            debug!(network = %network.id, mac = %request.mac, "DHCP: not refused from memory");
        }
        Answer::Reply(reply) => send(&shared, &network, subject, &reply),
        Answer::Declined(address) => {
            let text = format_args!(
                "the guest found that another machine uses its address {address}; find that machine"
            );
            shared.troubles.report(subject, Sort::Declined, &text);
        }
        Answer::Released(address) => {
            info!(network = %network.id, mac = %request.mac, %address, "DHCPRELEASE");
        }
        Answer::Silence(why) => {
            debug!(network = %network.id, mac = %request.mac, "DHCP: not answered: {why}");
        }
    }
}

fn send(shared: &Shared, network: &HostedNetwork, subject: Subject, reply: &Reply) {
    // A network without a DHCP port has no address to answer from, so there is no reply either.
    let Some(port) = &network.dhcp else { return };
    if !reply.left_out.is_empty() {
        let text = format_args!(
            "the reply is longer than the client takes: without options {:?}; set fewer",
            reply.left_out
        );
        shared.troubles.report(subject, Sort::Shortened, &text);
    }
    let bridge = &network.bridge.name;
    if let Err(error) = shared.outlet.send(bridge, &frame(reply, port.mac_address)) {
        let text = format_args!("cannot send out of {bridge}: {error}{}", hint(error));
        shared.troubles.report(Subject { mac: None, ..subject }, Sort::Send, &text);
        return;
    }
    said(network, reply);
}

fn said(network: &HostedNetwork, reply: &Reply) {
    let (network, mac): (_, MacAddress) = (network.id, reply.mac);
    let address = if reply.yiaddr.is_unspecified() { reply.ciaddr } else { reply.yiaddr };
    let message = reply.kind.as_str();
    match reply.kind {
        ReplyKind::Offer => debug!(%network, %mac, %address, "{message}"),
        ReplyKind::Nak => info!(%network, %mac, "{message}"),
        ReplyKind::Ack | ReplyKind::AckInform => info!(%network, %mac, %address, "{message}"),
    }
}

const fn hint(error: Errno) -> &'static str {
    match error {
        Errno::NETDOWN => " (the bridge is down: ip link set it up)",
        Errno::MSGSIZE => " (the bridge's MTU is smaller than the network's)",
        Errno::NODEV | Errno::NXIO => " (there is no such bridge yet)",
        _ => "",
    }
}
