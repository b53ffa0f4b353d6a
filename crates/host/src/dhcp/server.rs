//! The server of all networks: which are served, and what is wrong with any.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use innkeeper_model::{HostedNetwork, NetworkId};
use tokio::{net::UdpSocket, runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    DhcpError, DhcpLookup, DhcpSettings, DhcpTrouble,
    lookup::Ports,
    packet::PacketSocket,
    served::{Current, Shared, serve},
    socket::{Opened, Place, open_all},
    troubles::Troubles,
};

/// For sockets that are being closed to be closed, before others are made in the same namespaces.
/// They are closed as soon as the runtime gets to it.
const CLOSING: Duration = Duration::from_millis(500);

/// A network to serve.
#[derive(Debug, Clone)]
pub struct DhcpTarget {
    /// The network, as it is now.
    pub network: Arc<HostedNetwork>,
    /// Its namespace's name, for messages.
    pub namespace: String,
    /// Its namespace's file.
    pub path: PathBuf,
    /// Device and inode of the namespace.
    pub id: (u64, u64),
}

/// What is served, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpStatus {
    /// Networks whose requests are received, in order.
    pub networks: Vec<NetworkId>,
    /// What went wrong within the last hour.
    pub troubles: Vec<DhcpTrouble>,
}

/// The DHCPv4 server; it stops when it is dropped.
pub struct DhcpServer {
    shared: Arc<Shared>,
    runtime: Handle,
    stop: CancellationToken,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    served: HashMap<NetworkId, Served>,
    closing: Vec<JoinHandle<()>>,
}

struct Served {
    network: Arc<Current>,
    namespace: (u64, u64),
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl DhcpServer {
    /// A server of no network yet, whose tasks run on `runtime`, which has I/O and time.
    ///
    /// It sends from the calling thread's network namespace, where the bridges are.
    pub fn new(
        settings: DhcpSettings,
        lookup: DhcpLookup,
        runtime: Handle,
    ) -> Result<Self, DhcpError> {
        let outlet = PacketSocket::open()?;
        let (ports, troubles) = (Ports::new(lookup), Troubles::default());
        let shared = Arc::new(Shared { settings, ports, outlet, troubles });
        let (stop, inner) = (CancellationToken::new(), Mutex::default());
        Ok(Self { shared, runtime, stop, inner })
    }

    /// Serves these networks and no others; says which cannot be, by namespace. The others are
    /// served all the same, and those that were and are stay undisturbed.
    ///
    /// It waits for no guest and no lookup, but makes system calls: tens of microseconds for each
    /// network that is new.
    pub fn update(&self, targets: Vec<DhcpTarget>) -> Vec<(String, DhcpError)> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failures = Vec::new();
        let mut new = Vec::new();
        let mut wanted = HashSet::new();
        for target in targets {
            let id = target.network.id;
            if target.network.dhcp.is_none() {
                failures.push((target.namespace, DhcpError::NoPort(id.to_string())));
                continue;
            }
            wanted.insert(id);
            match inner.served.get(&id) {
                Some(served) if served.namespace == target.id && !served.task.is_finished() => {
                    served.network.set(target.network);
                }
                _ => new.push(target),
            }
        }
        let renewed: HashSet<NetworkId> = new.iter().map(|target| target.network.id).collect();
        inner.close(|id| !wanted.contains(&id) || renewed.contains(&id));
        self.shared.ports.retain(|id| wanted.contains(&id));
        self.shared.troubles.retain(|id| wanted.contains(&id));
        if !new.is_empty() {
            inner.await_closed();
        }
        let place = |target: &DhcpTarget| Place {
            name: target.namespace.clone(),
            path: target.path.clone(),
        };
        let places: Vec<Place> = new.iter().map(place).collect();
        for (target, opened) in new.into_iter().zip(open_all(&places)) {
            let (id, name) = (target.network.id, target.namespace);
            match opened.and_then(|opened| self.start(&name, target.network, opened)) {
                Ok(served) => {
                    inner.served.insert(id, served);
                }
                Err(error) => failures.push((name, error)),
            }
        }
        failures
    }

    /// What is served, and what is wrong.
    pub fn status(&self) -> DhcpStatus {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let is_running =
            |(id, served): (&NetworkId, &Served)| (!served.task.is_finished()).then_some(*id);
        let mut networks: Vec<NetworkId> = inner.served.iter().filter_map(is_running).collect();
        networks.sort_unstable();
        DhcpStatus { networks, troubles: self.shared.troubles.all() }
    }

    /// Serves nobody any more, and waits until every socket is closed.
    pub async fn stop(&self) {
        let closing = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.close(|_| true);
            std::mem::take(&mut inner.closing)
        };
        for task in closing {
            // One that panicked has closed its socket as well.
            let _ = task.await;
        }
    }

    fn start(
        &self,
        name: &str,
        network: Arc<HostedNetwork>,
        opened: Opened,
    ) -> Result<Served, DhcpError> {
        let Opened { socket, namespace } = opened;
        let network = Arc::new(Current::new(network));
        let stop = self.stop.child_token();
        let _inside = self.runtime.enter();
        let socket = UdpSocket::from_std(socket).map_err(|error| {
            DhcpError::system(format_args!("watch the DHCP socket of namespace {name}"), error)
        })?;
        let (shared, current) = (Arc::clone(&self.shared), Arc::clone(&network));
        let task = self.runtime.spawn(serve(shared, current, socket, stop.clone()));
        Ok(Served { network, namespace, stop, task })
    }
}

impl Inner {
    /// Begins to close those that are to be.
    fn close(&mut self, is_over: impl Fn(NetworkId) -> bool) {
        self.closing.retain(|task| !task.is_finished());
        for (_, served) in self.served.extract_if(|id, _| is_over(*id)) {
            served.stop.cancel();
            self.closing.push(served.task);
        }
    }

    fn await_closed(&self) {
        let until = Instant::now() + CLOSING;
        while self.closing.iter().any(|task| !task.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for DhcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DhcpServer").field("status", &self.status()).finish_non_exhaustive()
    }
}
