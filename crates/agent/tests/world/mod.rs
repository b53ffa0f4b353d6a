//! A store with a network and a router, and an API whose answers are scripted.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, uri::PathAndQuery};
use innkeeper_agent::{Agent, SessionTokens};
use innkeeper_model::{
    FixedIpRequest, Identity, InstanceId, NetworkId, NetworkRequest, NewFlavor, NewInstance,
    NewNetwork, NewPort, NewRouter, NewSubnet, Origin, OriginScope, Port, ProjectId, RouterId,
    UnixSeconds,
};
use innkeeper_network_view::NetworkView;
use innkeeper_store::{Store, StoreLocation};
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Now, Reason, RequestId, metrics::HopMetrics,
    session_token::SessionTokenKey, signature::SharedSecret,
};
use prometheus_client::registry::Registry;
use tokio::time::Instant;

/// No test step takes longer unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);

/// The secret of the agents.
pub(crate) const SECRET: &str = "s3cr3t";
/// When the tests happen.
pub(crate) const NOW: UnixSeconds = 1_795_392_000;

/// Answers with the instance's id, but first as often as told that the address is stale.
#[derive(Debug, Default)]
pub(crate) struct ScriptedApi {
    pub(crate) stale: AtomicUsize,
    /// Whether it also answers at once.
    pub(crate) at_once: AtomicBool,
    pub(crate) asked: Mutex<Vec<GuestRequest<Identity>>>,
    /// Why it refuses who was found before.
    refuses_before: Mutex<Option<Reason>>,
    /// Whether it then does so as an API of another make, or behind something that takes its
    /// headers off.
    pub(crate) says_nothing_of_itself: AtomicBool,
}

impl ScriptedApi {
    /// From now on.
    pub(crate) fn refuses_who_was_found_before(&self, reason: Reason) {
        *self.refuses_before.lock().unwrap() = Some(reason);
    }

    /// From now on.
    pub(crate) fn refuses_nobody(&self) {
        *self.refuses_before.lock().unwrap() = None;
    }
}

impl NextHop<Identity> for ScriptedApi {
    async fn call(&self, request: GuestRequest<Identity>) -> GuestResponse {
        let text = HeaderValue::from_static("text/plain");
        let instance = request.who.instance;
        let body = Bytes::from(instance.to_string());
        let refused = *self.refuses_before.lock().unwrap();
        let refused = refused.filter(|_| request.who.found_in.is_some());
        self.asked.lock().unwrap().push(request);
        if let Some(reason) = refused {
            let refusal = GuestResponse::refusal(reason, "It is another machine's.\n");
            return match self.says_nothing_of_itself.load(Ordering::SeqCst) {
                true => refusal,
                false => refusal.reported(Hop::Api, Duration::from_micros(1)),
            };
        }
        let stale =
            self.stale.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let response = if stale.is_ok() {
            GuestResponse::refusal(Reason::StaleAddress, "The address is another machine's.\n")
        } else {
            let mut response = GuestResponse::new(StatusCode::OK, text, body, Reason::Served);
            response.instance = Some(instance);
            response
        };
        response.reported(Hop::Api, Duration::from_micros(1))
    }

    fn may_answer_now(&self) -> bool {
        self.at_once.load(Ordering::SeqCst)
    }

    fn call_now(&self, request: GuestRequest<Identity>) -> Now<Identity> {
        if !self.at_once.load(Ordering::SeqCst) {
            return Now::Later(request);
        }
        let text = HeaderValue::from_static("text/plain");
        let body = Bytes::from(request.who.instance.to_string());
        self.asked.lock().unwrap().push(request);
        let response = GuestResponse::new(StatusCode::OK, text, body, Reason::Served);
        Now::Answered(response.reported(Hop::Api, Duration::from_micros(1)))
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) api: Arc<ScriptedApi>,
    pub(crate) agent: Arc<Agent<ScriptedApi>>,
    pub(crate) network: NetworkId,
    pub(crate) router: RouterId,
    project: ProjectId,
}

impl World {
    /// The network is 10.0.0.0/24, behind the router.
    pub(crate) async fn new() -> Self {
        let store = Store::open(&StoreLocation::Memory).await.unwrap();
        let project: ProjectId = "default".parse().unwrap();
        let flavor = NewFlavor {
            id: Some("m1".parse().unwrap()),
            name: "m1".to_owned(),
            vcpus: 1,
            ram_mib: 512,
            disk_gib: 1,
            extra_specs: innkeeper_model::Properties::default(),
        };
        store.flavor_create(flavor).await.unwrap();
        let network = NewNetwork {
            id: None,
            project_id: project.clone(),
            name: "blue".to_owned(),
            mtu: None,
            bridge: None,
            force_metadata: false,
            isolated_metadata: true,
        };
        let network = store.network_create(network).await.unwrap().id;
        let subnet = NewSubnet {
            id: None,
            network_id: network,
            name: "blue".to_owned(),
            cidr: "10.0.0.0/24".parse().unwrap(),
            gateway_ip: None,
            no_gateway: false,
            dns_nameservers: Vec::new(),
            host_routes: Vec::new(),
            enable_dhcp: true,
            ipv6_address_mode: None,
            ipv6_ra_mode: None,
        };
        let subnet = store.subnet_create(subnet).await.unwrap().id;
        let router = NewRouter { id: None, project_id: project.clone(), name: "r1".to_owned() };
        let router = store.router_create(router).await.unwrap().id;
        store.router_add_subnet(router, subnet).await.unwrap();
        let api = Arc::new(ScriptedApi::default());
        let agent = agent(NetworkView::Store(store.clone()), &api);
        Self { store, api, agent, network, router, project }
    }

    pub(crate) async fn port(&self, address: &str) -> Port {
        let mut draft = NewPort::on(self.project.clone(), self.network);
        let ip_address = Some(address.parse().unwrap());
        draft.fixed_ips = Some(vec![FixedIpRequest { subnet_id: None, ip_address }]);
        self.store.port_create(draft).await.unwrap()
    }

    /// A machine with this address on the network.
    pub(crate) async fn machine(&self, name: &str, address: &str) -> InstanceId {
        let port = self.port(address).await;
        let flavor = "m1".parse().unwrap();
        let mut draft = NewInstance::named(name, self.project.clone(), flavor);
        draft.networks = vec![NetworkRequest::Port(port.id)];
        self.store.instance_create(draft).await.unwrap().id
    }

    pub(crate) fn on_network(&self, address: &str) -> Origin {
        Origin::new(OriginScope::Network(self.network), ip(address))
    }

    pub(crate) fn on_router(&self, address: &str) -> Origin {
        Origin::new(OriginScope::Router(self.router), ip(address))
    }

    pub(crate) async fn get(&self, origin: Origin) -> GuestResponse {
        self.agent.call(request(origin, Method::GET, PATIENCE)).await
    }

    pub(crate) fn asked(&self) -> Vec<GuestRequest<Identity>> {
        self.api.asked.lock().unwrap().clone()
    }
}

pub(crate) fn agent(view: NetworkView, api: &Arc<ScriptedApi>) -> Arc<Agent<ScriptedApi>> {
    Arc::new(agent_at(view, api, SECRET, || NOW))
}

/// An agent with a secret and a clock of its own.
pub(crate) fn agent_at(
    view: NetworkView,
    api: &Arc<ScriptedApi>,
    secret: &str,
    now: impl Fn() -> UnixSeconds + Send + Sync + 'static,
) -> Agent<ScriptedApi> {
    let key = SessionTokenKey::derived_from(&SharedSecret::new(secret).unwrap());
    let tokens =
        SessionTokens::new(key, now, |bytes| getrandom::fill(bytes).expect("random bytes"));
    let metrics = HopMetrics::register(&mut Registry::default(), Hop::Agent);
    Agent::new(view, Arc::clone(api), tokens, metrics)
}

pub(crate) fn request(origin: Origin, method: Method, patience: Duration) -> GuestRequest<Origin> {
    GuestRequest {
        who: origin,
        method,
        target: PathAndQuery::from_static("/openstack"),
        headers: Arc::default(),
        body: Bytes::new(),
        request_id: RequestId::random(),
        deadline: Instant::now() + patience,
    }
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}
