//! Who asks where no agent says so: load balancers and bare addresses.

use std::net::SocketAddr;

use http::header;
use innkeeper_api::Identification;
use innkeeper_model::{NetworkId, NetworkRequest, NewFlavor, NewInstance, NewNetwork, NewSubnet};
use innkeeper_wire::signature::SharedSecret;

use crate::{
    harness::{Answer, SECRET, World, ask, project},
    identity::Web,
};

const INSTANCE_ID: &str = "/latest/meta-data/instance-id";

async fn get(address: SocketAddr, headers: &[(&str, &str)]) -> Answer {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ask(address, "GET", INSTANCE_ID, &headers).await
}

async fn through(address: SocketAddr, provider: &str, forwarded_for: &str) -> Answer {
    let secret = SharedSecret::new(SECRET).unwrap();
    let signature = secret.sign(&[provider.as_bytes()]);
    let headers = [
        ("X-Metadata-Provider", provider),
        ("X-Metadata-Provider-Signature", signature.as_str()),
        ("X-Forwarded-For", forwarded_for),
    ];
    get(address, &headers).await
}

/// Another machine with 10.0.0.0/24, on a network of its own, with the same first address.
async fn twin(world: &World) -> NetworkId {
    let store = &world.store;
    let network = serde_json::json!({"project_id": project(), "name": "red"});
    let network: NewNetwork = serde_json::from_value(network).unwrap();
    let network = store.network_create(network).await.unwrap();
    let subnet =
        serde_json::json!({"network_id": network.id, "name": "red", "cidr": "10.0.0.0/24"});
    let subnet: NewSubnet = serde_json::from_value(subnet).unwrap();
    store.subnet_create(subnet).await.unwrap();
    let flavor = serde_json::json!({"name": "m2", "vcpus": 1, "ram_mib": 512});
    let flavor: NewFlavor = serde_json::from_value(flavor).unwrap();
    let flavor = store.flavor_create(flavor).await.unwrap();
    let draft = NewInstance {
        networks: vec![NetworkRequest::Network(network.id)],
        ..NewInstance::named("twin", project(), flavor.id)
    };
    store.instance_create(draft).await.unwrap();
    network.id
}

async fn network_of(web: &Web) -> NetworkId {
    let record = web.world.store.guest_record(web.id).await.unwrap().unwrap();
    record.network_info[0].network.as_ref().unwrap().id.parse().unwrap()
}

#[tokio::test]
async fn a_load_balancer_speaks_for_its_own_networks() {
    let web = Web::new().await;
    let own = web.address.to_string();
    let address = web.world.serve().await;
    let store = &web.world.store;
    let missing = through(address, "lb", &own).await;
    assert_eq!(
        (missing.status, missing.text().as_str()),
        (400, "400 Bad Request\n\nCould not find any subnets for provider lb\n\n   ")
    );
    store.metadata_provider_add("lb", network_of(&web).await).await.unwrap();
    let found = through(address, "lb", &own).await;
    assert_eq!(found.status, 200);
    let listed = through(address, "lb", &format!("{own},192.0.2.1")).await;
    assert_eq!(listed, found, "the first address counts");
    let red = twin(&web.world).await;
    assert_eq!(through(address, "lb", &own).await, found, "other networks are not its own");
    store.metadata_provider_add("lb", red).await.unwrap();
    let several = through(address, "lb", &own).await;
    let text = format!("Expected a single port matching provider lb and IP {own}. Found 2.");
    assert_eq!(several.status, 400);
    assert!(several.text().contains(&text), "{}", several.text());
    for nobody in ["10.0.0.250", "", "::", "0.0.0.0", "nonsense", "10.0.0.1/24"] {
        let none = through(address, "lb", nobody).await;
        let text = format!("matching provider lb and IP {nobody}. Found 0.");
        assert_eq!(none.status, 400, "{nobody}");
        assert!(none.text().contains(&text), "{}", none.text());
    }
    let unheard_of = through(address, "other", "nonsense").await;
    assert!(unheard_of.text().contains("any subnets for provider other"), "{}", unheard_of.text());
}

#[tokio::test]
async fn a_load_balancers_claim_goes_before_an_instance_id() {
    let web = Web::new().await;
    let address = web.world.serve().await;
    let id = web.id.to_string();
    let signature = SharedSecret::new(SECRET).unwrap().sign(&[id.as_bytes()]);
    let project = project();
    let signed = [
        ("X-Instance-ID", id.as_str()),
        ("X-Tenant-ID", project.as_str()),
        ("X-Instance-ID-Signature", signature.as_str()),
    ];
    assert_eq!(get(address, &signed).await.status, 200);
    let mut both = signed.to_vec();
    both.push(("X-Metadata-Provider", ""));
    assert_eq!(get(address, &both).await.status, 200, "an empty name names nobody");
    both.push(("X-Metadata-Provider", "lb"));
    both.push(("X-Forwarded-For", "10.0.0.9"));
    assert_eq!(get(address, &both).await.status, 403);
}

#[tokio::test]
async fn what_somebody_sent_comes_back_as_text() {
    let web = Web::new().await;
    let address = web.world.serve().await;
    web.world.store.metadata_provider_add("lb", network_of(&web).await).await.unwrap();
    let secret = SharedSecret::new(SECRET).unwrap();
    let signature = secret.sign(&[b"lb"]);
    let headers = [
        ("X-Metadata-Provider", "lb"),
        ("X-Metadata-Provider-Signature", signature.as_str()),
        ("X-Forwarded-For", "<script>alert(1)</script>"),
        (header::ACCEPT.as_str(), "text/html"),
    ];
    let answer = get(address, &headers).await;
    assert!(answer.text().contains("IP &lt;script&gt;alert(1)&lt;/script&gt;. Found 0."));
}

#[tokio::test]
async fn an_address_is_believed_only_where_that_is_configured() {
    let web = Web::new().await;
    let own = web.address.to_string();
    let peer = Identification::Address { trust_forwarded_for: false };
    let peer = web.world.serve_by(peer).await;
    let forwarded = Identification::Address { trust_forwarded_for: true };
    let forwarded = web.world.serve_by(forwarded).await;
    assert_eq!(get(forwarded, &[("X-Forwarded-For", &own)]).await.status, 200);
    assert_eq!(get(peer, &[("X-Forwarded-For", &own)]).await.status, 404, "anybody can write it");
    for nobody in ["", "nonsense", "10.0.0.250", "0.0.0.0", &format!("{own}, 10.9.9.9")] {
        let answer = get(forwarded, &[("X-Forwarded-For", nobody)]).await;
        assert_eq!(answer.status, 404, "{nobody}");
    }
    assert_eq!(get(forwarded, &[]).await.status, 404, "nobody asks from this machine");
    // Nothing else says who asks.
    let secret = SharedSecret::new(SECRET).unwrap();
    let (id, project) = (web.id.to_string(), project());
    let signature = secret.sign(&[id.as_bytes()]);
    let signed = [
        ("X-Instance-ID", id.as_str()),
        ("X-Tenant-ID", project.as_str()),
        ("X-Instance-ID-Signature", signature.as_str()),
        ("X-Metadata-Provider", "lb"),
    ];
    assert_eq!(get(peer, &signed).await.status, 404);
}

#[tokio::test]
async fn an_address_of_several_machines_is_nobodys() {
    let web = Web::new().await;
    let own = web.address.to_string();
    let forwarded = Identification::Address { trust_forwarded_for: true };
    let address = web.world.serve_by(forwarded).await;
    assert_eq!(get(address, &[("X-Forwarded-For", &own)]).await.status, 200);
    twin(&web.world).await;
    let answer = get(address, &[("X-Forwarded-For", &own)]).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("The resource could not be found."), "{}", answer.text());
}
