//! Who is answered and who is not, and what of a request matters.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::harness::{SECRET, World, ask, project};
use http::{Method, StatusCode, header};
use innkeeper_model::{
    Identity, InstanceId, NetworkId, NetworkRequest, NewFlavor, NewInstance, NewNetwork,
    NewProject, NewRouter, NewSubnet, OriginScope, PortId, ProjectId, SubnetId,
};
use innkeeper_store::Store;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Now, Reason, RequestId, headers, limits::API_HOLD,
    signature::SharedSecret,
};
use tokio::time::Instant;

/// A machine `web` with one port in 10.0.0.0/24.
pub(crate) struct Web {
    pub(crate) world: World,
    pub(crate) id: InstanceId,
    pub(crate) address: IpAddr,
    port: PortId,
    network: NetworkId,
    subnet: SubnetId,
}

impl Web {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let store = &world.store;
        let (network, subnet) = network(store, "blue").await;
        let flavor = serde_json::json!({"name": "m1", "vcpus": 1, "ram_mib": 512});
        let flavor: NewFlavor = serde_json::from_value(flavor).unwrap();
        let flavor = store.flavor_create(flavor).await.unwrap();
        let draft = NewInstance {
            networks: vec![NetworkRequest::Network(network)],
            ..NewInstance::named("web", project(), flavor.id)
        };
        let id = store.instance_create(draft).await.unwrap().id;
        let record = store.guest_record(id).await.unwrap().unwrap();
        let address = record.network_info[0].subnets()[0].ips[0].address;
        let port = record.network_info[0].id.parse().unwrap();
        Self { world, id, address, port, network, subnet }
    }

    /// Another network of the same range, without machines.
    async fn another_network(&self, name: &str) -> SubnetId {
        network(&self.world.store, name).await.1
    }

    pub(crate) fn identity(&self, address: Option<IpAddr>, vouched: bool) -> Identity {
        let vouched_port = vouched.then_some(self.port);
        Identity { instance: self.id, project: project(), address, vouched_port, found_in: None }
    }

    pub(crate) async fn call(&self, who: Identity, method: Method, target: &str) -> GuestResponse {
        self.call_within(who, method, target, API_HOLD).await
    }

    pub(crate) async fn call_within(
        &self,
        who: Identity,
        method: Method,
        target: &str,
        hold: Duration,
    ) -> GuestResponse {
        let now = self.world.api.call_now(request(who.clone(), method.clone(), target, hold));
        let answer = self.world.api.call(request(who, method, target, hold)).await;
        // Whatever is said at once is what is said otherwise, in every test.
        if let Now::Answered(now) = now {
            assert_eq!((now.status, now.reason), (answer.status, answer.reason), "{target}");
            assert_eq!((&now.headers, now.instance), (&answer.headers, answer.instance));
            assert_eq!(without_seed(&now.body), without_seed(&answer.body), "{target}");
        }
        answer
    }

    pub(crate) fn is_answered_at_once(&self, who: Identity, method: Method, target: &str) -> bool {
        let hold = API_HOLD;
        let now = self.world.api.call_now(request(who.clone(), method.clone(), target, hold));
        match now {
            Now::Answered(answer) => {
                assert_eq!(answer.reports.len(), 1, "the API reports itself");
                true
            }
            Now::Later(given_back) => {
                assert_eq!((given_back.who, given_back.method), (who, method));
                false
            }
        }
    }

    pub(crate) async fn get(&self, who: Identity, target: &str) -> GuestResponse {
        self.call(who, Method::GET, target).await
    }
}

/// A network 10.0.0.0/24.
async fn network(store: &Store, name: &str) -> (NetworkId, SubnetId) {
    let network = serde_json::json!({"project_id": project(), "name": name});
    let network: NewNetwork = serde_json::from_value(network).unwrap();
    let network = store.network_create(network).await.unwrap().id;
    let subnet = serde_json::json!({"network_id": network, "name": name, "cidr": "10.0.0.0/24"});
    let subnet: NewSubnet = serde_json::from_value(subnet).unwrap();
    (network, store.subnet_create(subnet).await.unwrap().id)
}

/// Random bytes are new each time.
fn without_seed(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    match text.split_once("\"random_seed\": \"") {
        Some((before, behind)) => {
            let (seed, behind) = behind.split_once('"').unwrap();
            format!("{before}{}{behind}", seed.len())
        }
        None => text,
    }
}

/// A request without headers or body.
pub(crate) fn request(
    who: Identity,
    method: Method,
    target: &str,
    hold: Duration,
) -> GuestRequest<Identity> {
    GuestRequest {
        who,
        method,
        target: target.parse().unwrap(),
        headers: Arc::default(),
        body: bytes::Bytes::new(),
        request_id: RequestId::random(),
        deadline: Instant::now() + hold,
    }
}

const INSTANCE_ID: &str = "/latest/meta-data/instance-id";

#[tokio::test]
async fn a_machine_reads_its_own() {
    let web = Web::new().await;
    let response =
        web.get(web.identity(Some(web.address), true), "/openstack/latest/meta_data.json").await;
    assert_eq!(response.status, StatusCode::OK);
    let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(document["uuid"], web.id.to_string());
    assert_eq!(document["hostname"], "web.novalocal");
    assert_eq!((response.reason, response.instance), (Reason::Served, Some(web.id)));
    assert_eq!(response.reports.len(), 1);
    assert_eq!(response.reports[0].hop, Hop::Api);
}

#[tokio::test]
async fn another_projects_machine_is_not_found() {
    let web = Web::new().await;
    let other = NewProject { name: "other".to_owned(), ..NewProject::default() };
    let other = web.world.store.project_create(other).await.unwrap();
    for project in [other.id, "unheard-of".parse::<ProjectId>().unwrap()] {
        let who = Identity { project, ..web.identity(Some(web.address), true) };
        for target in ["/", INSTANCE_ID, "/openstack", "/nope"] {
            let response = web.get(who.clone(), target).await;
            assert_eq!(response.status, StatusCode::NOT_FOUND, "{target}");
            assert_eq!(response.reason, Reason::TenantMismatch, "{target}");
            assert_eq!(response.body, "404 Not Found\n\nThe resource could not be found.\n\n   ");
        }
    }
}

#[tokio::test]
async fn an_unknown_or_deleted_machine_is_not_found() {
    let web = Web::new().await;
    let stranger = Identity { instance: InstanceId::random(), ..web.identity(None, false) };
    assert_eq!(web.get(stranger, INSTANCE_ID).await.reason, Reason::UnknownInstance);
    assert_eq!(web.get(web.identity(None, false), INSTANCE_ID).await.reason, Reason::Served);
    web.world.store.instance_delete(web.id).await.unwrap();
    let response = web.get(web.identity(None, false), INSTANCE_ID).await;
    assert_eq!(response.reason, Reason::UnknownInstance, "read anew for every request");
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_a_vouched_address_must_be_the_machines() {
    let web = Web::new().await;
    let record = web.world.store.guest_record(web.id).await.unwrap().unwrap();
    let mac: innkeeper_model::MacAddress = record.network_info[0].address.parse().unwrap();
    let mapped = match web.address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(_) => panic!("an IPv4 subnet"),
    };
    for own in [web.address, mapped, mac.link_local().into()] {
        let response = web.get(web.identity(Some(own), true), INSTANCE_ID).await;
        assert_eq!(response.reason, Reason::Served, "{own}");
    }
    for foreign in ["10.0.0.77", "fe80::1", "::", "10.0.0.0"] {
        let foreign = Some(foreign.parse().unwrap());
        let response = web.get(web.identity(foreign, true), INSTANCE_ID).await;
        assert_eq!(response.reason, Reason::StaleAddress, "{foreign:?}");
        assert_eq!(response.status, StatusCode::NOT_FOUND);
        let unvouched = web.get(web.identity(foreign, false), INSTANCE_ID).await;
        assert_eq!(unvouched.reason, Reason::Served, "Neutron's agent vouches for nothing");
    }
    // The machine has the address, but on another port than the one the agent found it on.
    let elsewhere =
        Identity { vouched_port: Some(PortId::random()), ..web.identity(Some(web.address), true) };
    assert_eq!(web.get(elsewhere, INSTANCE_ID).await.reason, Reason::StaleAddress);
}

/// As a router's namespace knows it, and where the agent found it before.
fn found_before(web: &Web, scope: OriginScope) -> Identity {
    Identity { found_in: Some(scope), ..web.identity(Some(web.address), true) }
}

#[tokio::test]
async fn who_was_found_before_must_still_be_found_there() {
    let web = Web::new().await;
    let store = &web.world.store;
    let (network, subnet) = (web.network, web.subnet);
    let router = NewRouter { id: None, project_id: project(), name: "edge".to_owned() };
    let router = store.router_create(router).await.unwrap().id;
    store.router_add_subnet(router, subnet).await.unwrap();
    let (by_router, by_network) = (OriginScope::Router(router), OriginScope::Network(network));
    for scope in [by_router, by_network, OriginScope::OvnNetwork(network)] {
        let who = found_before(&web, scope);
        for at_once in [false, true] {
            let known = web.is_answered_at_once(who.clone(), Method::GET, INSTANCE_ID);
            assert_eq!(known, at_once, "{scope}");
            let answer = web.get(who.clone(), INSTANCE_ID).await;
            assert_eq!((answer.reason, answer.instance), (Reason::Served, Some(web.id)), "{scope}");
        }
    }
    let refused = async |who: Identity, what: &str| {
        let answer = web.get(who, INSTANCE_ID).await;
        assert_eq!(answer.reason, Reason::StaleAddress, "{what}");
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
        assert_eq!(answer.instance, None, "{what}: nobody was answered");
    };
    let right = found_before(&web, by_router);
    let other = "00000000-0000-4000-8000-000000000002";
    for (who, what) in [
        (found_before(&web, OriginScope::Router(other.parse().unwrap())), "another router"),
        (found_before(&web, OriginScope::Network(other.parse().unwrap())), "another network"),
        (Identity { address: None, ..right.clone() }, "no address"),
        (Identity { address: Some([10, 0, 0, 77].into()), ..right.clone() }, "another address"),
        (Identity { vouched_port: None, ..right.clone() }, "no port"),
        (Identity { vouched_port: Some(PortId::random()), ..right.clone() }, "another port"),
        (Identity { instance: InstanceId::random(), ..right.clone() }, "another machine"),
        (Identity { project: "other".parse().unwrap(), ..right.clone() }, "another project"),
    ] {
        refused(who, what).await;
    }

    // The machine keeps port and address; but behind the router there is another network by now.
    store.router_remove_subnet(router, subnet).await.unwrap();
    refused(right.clone(), "a router without networks").await;
    let green = web.another_network("green").await;
    store.router_add_subnet(router, green).await.unwrap();
    refused(right, "a router with another network").await;
    let served = web.get(found_before(&web, by_network), INSTANCE_ID).await;
    assert_eq!(served.reason, Reason::Served, "the network is what it was");
}

#[tokio::test]
async fn who_has_read_before_is_answered_at_once_with_what_belongs_to_it() {
    const META_DATA: &str = "/openstack/latest/meta_data.json";
    let web = Web::new().await;
    let own = web.identity(Some(web.address), true);
    let now = |who: &Identity, method, target| web.is_answered_at_once(who.clone(), method, target);
    assert!(!now(&own, Method::GET, META_DATA), "nobody has read it yet");
    web.get(own.clone(), META_DATA).await;
    web.get(own.clone(), INSTANCE_ID).await;
    assert!(now(&own, Method::GET, META_DATA));
    // What is read of the database is the same for all documents, in whatever spelling.
    for target in [
        "/openstack",
        "/openstack/latest/network_data.json",
        "/openstack/latest/../latest/meta_data.json",
        "/openstack/latest/meta%5fdata.json",
        "/latest/meta-data/hostname",
        "/openstack/latest/password",
    ] {
        assert!(now(&own, Method::GET, target), "{target}");
    }
    for (method, target) in [
        (Method::GET, "/openstack/latest/user_data"),
        (Method::GET, "/openstack/latest/%ff"),
        (Method::HEAD, META_DATA),
        (Method::POST, META_DATA),
        (Method::OPTIONS, META_DATA),
    ] {
        assert!(!now(&own, method, target), "{target}");
    }
    let other_project = Identity { project: "other".parse().unwrap(), ..own.clone() };
    let other_port = Identity { vouched_port: Some(PortId::random()), ..own.clone() };
    let other_machine = Identity { instance: InstanceId::random(), ..own.clone() };
    let stale = web.identity(Some("10.0.0.77".parse().unwrap()), true);
    for who in [other_project, other_port, other_machine, stale] {
        assert!(!now(&who, Method::GET, META_DATA), "{who:?}");
    }
    web.world.store.instance_delete(web.id).await.unwrap();
    assert!(!now(&own, Method::GET, META_DATA), "it is gone");
}

#[tokio::test]
async fn every_read_has_a_seed_of_its_own() {
    let web = Web::new().await;
    let mut seeds = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let response = web.get(web.identity(None, false), "/openstack/latest/meta_data.json").await;
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        seeds.insert(document["random_seed"].as_str().unwrap().to_owned());
    }
    assert_eq!(seeds.len(), 8);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let web = Web::new().await;
    let get = web.get(web.identity(None, false), INSTANCE_ID).await;
    let head = web.call(web.identity(None, false), Method::HEAD, INSTANCE_ID).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers[header::CONTENT_LENGTH], get.body.len().to_string());
    let missing = web.call(web.identity(None, false), Method::HEAD, "/nope").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.headers[header::CONTENT_LENGTH], "0");
    assert_eq!(missing.headers[header::CONTENT_TYPE], "text/html; charset=UTF-8");
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for_and_then_named() {
    let web = Web::new().await;
    web.world.store.close().await;
    let (begun, hold) = (Instant::now(), Duration::from_millis(200));
    let who = web.identity(None, false);
    let response = web.call_within(who, Method::GET, INSTANCE_ID, hold).await;
    assert_eq!(response.reason, Reason::StoreAway);
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers[header::RETRY_AFTER], "1");
    assert!(begun.elapsed() <= hold * 10, "held for {:?}", begun.elapsed());
}

#[tokio::test]
async fn hostile_paths_are_not_found() {
    let web = Web::new().await;
    for target in [
        "/latest/meta-data/%ff",
        "/latest/meta-data/%00",
        "/latest/meta-data/%",
        "/latest/meta-data/%2",
        "/openstack/latest/meta_data.json%2f..%2f..%2f..%2fetc%2fpasswd",
        "/openstack/%2e%2e/%2e%2e/etc/passwd",
        "/latest/meta-data/hostname/x/y/z",
        "/latest/user-data/0",
    ] {
        let response = web.get(web.identity(None, false), target).await;
        assert_eq!(response.reason, Reason::NoSuchPath, "{target}");
    }
    let deep = format!("/{}", "latest/../".repeat(1_500));
    assert_eq!(web.get(web.identity(None, false), &deep).await.reason, Reason::Served);
}

/// What only our own agent sends: the trail comes back to it, and to nobody else.
#[tokio::test]
async fn the_trail_is_for_our_own_hops() {
    let web = Web::new().await;
    let address = web.world.serve().await;
    let secret = SharedSecret::new(SECRET).unwrap();
    let sent = |vouch: bool, asked_from: IpAddr, named: bool| {
        let mut list = headers::HeaderList::default();
        headers::encode_identity(&web.identity(Some(asked_from), true), &secret, vouch, &mut list);
        if named {
            headers::encode_request_id(RequestId::random(), &mut list);
        }
        let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        list.to_map().iter().map(pair).collect::<Vec<_>>()
    };
    let own = ask(address, "GET", INSTANCE_ID, &sent(true, web.address, true)).await;
    assert_eq!(own.status, 200);
    assert_eq!(own.header("x-innkeeper-reason"), Some("served"));
    assert_eq!(own.header("x-innkeeper-instance"), Some(web.id.to_string().as_str()));
    assert!(own.header("x-innkeeper-hops").unwrap().starts_with("api;took="));
    let foreign: IpAddr = "10.0.0.99".parse().unwrap();
    let stale = ask(address, "GET", INSTANCE_ID, &sent(true, foreign, true)).await;
    assert_eq!((stale.status, stale.header("x-innkeeper-reason")), (404, Some("stale-address")));
    let neutron = ask(address, "GET", INSTANCE_ID, &sent(false, foreign, false)).await;
    assert_eq!(neutron.status, 200, "an address nobody vouches for is not looked at");
    assert!(neutron.headers.iter().all(|(name, _)| !name.contains("innkeeper")), "{neutron:?}");
}
