use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use innkeeper_model::{Origin, OriginScope};
use innkeeper_wire::{
    Hop, NextHop,
    limits::DRAIN,
    metrics::{HopMetrics, register_connections},
    server::Connections,
};
use prometheus_client::registry::Registry;
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ListenError, ProxyConfig, ProxyStatus, accept,
    crowd::Crowd,
    gate::Gate,
    handler::GuestHandler,
    identify::Identifier,
    listen::ListenAddress,
    listener::Listener,
    namespace::Namespace,
    service::{self, Service},
    status::{self, Troubles},
    watcher::{Event, Hurry, Watcher},
};

/// The proxy role: serves guests in every namespace that has a name, and asks the next hop.
#[derive(Debug)]
pub struct Proxy<N> {
    config: ProxyConfig,
    service: Arc<Service<N>>,
    namespaces: Arc<AtomicUsize>,
    troubles: Troubles,
    hurry: Arc<Hurry>,
}

impl<N: NextHop<Origin>> Proxy<N> {
    /// A proxy role that serves nobody yet. Its metrics go into `registry`.
    pub fn new(config: ProxyConfig, next: Arc<N>, registry: &mut Registry) -> Self {
        let connections = Connections::new(config.connections_max);
        let (namespaces, troubles) = (Arc::new(AtomicUsize::new(0)), Troubles::default());
        let metrics = HopMetrics::register(registry, Hop::Proxy);
        register_connections(registry, Hop::Proxy, connections.clone());
        status::register(registry, &namespaces, &troubles);
        let handler = Arc::new(GuestHandler::new(next, metrics));
        let service = Arc::new(Service {
            connections,
            crowd: Crowd::default(),
            handler,
            identifier: Identifier::default(),
            misdirected: service::register(registry),
        });
        Self { config, service, namespaces, troubles, hurry: Arc::default() }
    }

    /// Serves until `stop` is cancelled, then finishes what guests have begun to ask, up to the
    /// time that a role has for that. Once.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), ListenError> {
        let (events, received) = unbounded_channel();
        let troubles = self.troubles.clone();
        let watcher = Watcher::new(&self.config, events, troubles, Handle::current());
        let (watched, hurry) = (stop.clone(), Arc::clone(&self.hurry));
        let watching = thread::Builder::new()
            .name("proxy-watch".to_owned())
            .spawn(move || watcher.run(&watched, &hurry))
            .map_err(ListenError::Thread)?;
        let listeners = TaskTracker::new();
        self.follow(received, &listeners, &stop).await;
        if !stop.is_cancelled() {
            return Err(ListenError::Watcher);
        }
        watching.thread().unpark();
        listeners.close();
        listeners.wait().await;
        self.service.connections.drain(DRAIN).await;
        Ok(())
    }

    /// Looks for namespaces at once: call it when one was made.
    pub fn look_now(&self) {
        self.hurry.ask();
    }

    /// How the role fares.
    pub fn status(&self) -> ProxyStatus {
        ProxyStatus {
            namespaces: self.namespaces.load(Ordering::Relaxed),
            connections: self.service.connections.open(),
            troubles: self.troubles.all(),
        }
    }

    async fn follow(
        &self,
        mut events: UnboundedReceiver<Event>,
        listeners: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let mut gates: HashMap<String, Gate> = HashMap::new();
        while let Some(Some(event)) = stop.run_until_cancelled(events.recv()).await {
            match event {
                Event::Serve { name, scope, address, namespace, listener } => {
                    let gate = self.gate(scope, address, namespace);
                    self.serve(listener, gate.clone(), listeners, stop);
                    tracing::info!(namespace = %name, "namespace served");
                    gates.insert(name, gate);
                }
                Event::Abandon { name } => {
                    if let Some(gate) = gates.remove(&name) {
                        gate.abandoned.cancel();
                        tracing::info!(namespace = %name, "namespace let go");
                    }
                }
            }
            self.namespaces.store(gates.len(), Ordering::Relaxed);
        }
    }

    fn gate(&self, scope: OriginScope, address: ListenAddress, namespace: Namespace) -> Gate {
        Gate::new((scope, address), namespace, self.config.connections_max)
    }

    fn serve(
        &self,
        listener: Listener,
        gate: Gate,
        listeners: &TaskTracker,
        stop: &CancellationToken,
    ) {
        listeners.spawn(accept::serve(listener, gate, Arc::clone(&self.service), stop.clone()));
    }
}
