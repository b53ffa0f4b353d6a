//! Methods and session tokens: what the agent decides itself.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use http::{HeaderValue, Method, StatusCode, header};
use innkeeper_agent::Agent;
use innkeeper_model::{NetworkId, Origin, OriginScope};
use innkeeper_network_view::NetworkView;
use innkeeper_wire::{
    GuestRequest, GuestResponse, NextHop, Reason,
    headers::{EC2_TOKEN, EC2_TOKEN_TTL},
};
use tokio::time::Instant;

use crate::world::{NOW, PATIENCE, SECRET, ScriptedApi, World, agent_at, request};

const TOKEN: &str = "/latest/api/token";

fn asking(origin: Origin, method: Method, target: &str) -> GuestRequest<Origin> {
    let mut request = request(origin, method, PATIENCE);
    request.target = target.parse().unwrap();
    request
}

async fn give(agent: &Agent<ScriptedApi>, origin: Origin, ttl: &str) -> GuestResponse {
    let mut put = asking(origin, Method::PUT, TOKEN);
    Arc::make_mut(&mut put.headers).insert(EC2_TOKEN_TTL, ttl.parse().unwrap());
    agent.call(put).await
}

async fn token(agent: &Agent<ScriptedApi>, origin: Origin) -> HeaderValue {
    let answer = give(agent, origin, "60").await;
    assert_eq!(answer.status, StatusCode::OK);
    HeaderValue::from_maybe_shared(answer.body).unwrap()
}

async fn show(
    agent: &Agent<ScriptedApi>,
    origin: Origin,
    tokens: &[&HeaderValue],
) -> GuestResponse {
    let mut get = asking(origin, Method::GET, "/latest/meta-data/");
    for token in tokens {
        Arc::make_mut(&mut get.headers).append(EC2_TOKEN, (*token).clone());
    }
    agent.call(get).await
}

#[tokio::test]
async fn methods_that_a_path_has_not_are_refused_before_anybody_is_looked_up() {
    let world = World::new().await;
    let nobody = Origin::new(OriginScope::Network(NetworkId::random()), [10, 0, 0, 9].into());
    let begun = Instant::now();
    for (method, target, allowed) in [
        (Method::POST, "/", "GET, HEAD"),
        (Method::DELETE, "/openstack/latest/meta_data.json", "GET, HEAD"),
        (Method::OPTIONS, "/latest/meta-data/", "GET, HEAD"),
        (Method::PUT, "/openstack/latest/password", "GET, HEAD, POST"),
        (Method::DELETE, "/openstack//latest/passwor%64", "GET, HEAD, POST"),
        (Method::POST, "/latest/api/token", "GET, HEAD, PUT"),
    ] {
        let answer = world.agent.call(asking(nobody.clone(), method.clone(), target)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {target}");
        assert_eq!(answer.reason, Reason::MethodNotAllowed, "{method} {target}");
        assert_eq!(answer.headers[header::ALLOW], allowed, "{method} {target}");
    }
    assert!(begun.elapsed() < innkeeper_wire::limits::UNKNOWN_PORT_HOLD, "it looked somebody up");
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn methods_that_a_path_has_reach_the_api() {
    let world = World::new().await;
    world.machine("web", "10.0.0.9").await;
    for (method, target) in [
        (Method::HEAD, "/openstack/latest/password"),
        (Method::POST, "/openstack/latest/password"),
        (Method::POST, "/openstack/no-such-version/password"),
        (Method::GET, TOKEN),
        (Method::HEAD, TOKEN),
    ] {
        let asked = asking(world.on_router("10.0.0.9"), method.clone(), target);
        assert_eq!(world.agent.call(asked).await.reason, Reason::Served, "{method} {target}");
        let asked = world.asked().pop().unwrap();
        assert_eq!((asked.method, asked.target.as_str()), (method, target));
    }
}

#[tokio::test]
async fn a_token_is_given_for_a_lifetime() {
    let world = World::new().await;
    let web = world.machine("web", "10.0.0.9").await;
    let origin = || world.on_network("10.0.0.9");
    for ttl in ["1", "21600"] {
        let answer = give(&world.agent, origin(), ttl).await;
        assert_eq!((answer.status, answer.instance), (StatusCode::OK, Some(web)));
        assert_eq!(answer.headers[EC2_TOKEN_TTL], ttl);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain");
    }
    let without = world.agent.call(asking(origin(), Method::PUT, TOKEN)).await;
    assert_eq!((without.status, without.reason), (StatusCode::BAD_REQUEST, Reason::BadTokenTtl));
    for ttl in ["0", "21601", "-5", "soon"] {
        let answer = give(&world.agent, origin(), ttl).await;
        assert_eq!((answer.status, answer.reason), (StatusCode::BAD_REQUEST, Reason::BadTokenTtl));
    }
    let first = token(&world.agent, origin()).await;
    assert_ne!(first, token(&world.agent, origin()).await, "no two tokens are the same");
    let spelt = asking(origin(), Method::PUT, "//latest/./api/%74oken/?x=y");
    assert_eq!(world.agent.call(spelt).await.reason, Reason::BadTokenTtl);
    assert!(world.asked().is_empty(), "tokens are no business of the API's");
}

#[tokio::test]
async fn nobody_is_given_a_token_who_is_not_known() {
    let world = World::new().await;
    world.port("10.0.0.10").await;
    let answer = give(&world.agent, world.on_network("10.0.0.10"), "60").await;
    assert_eq!((answer.status, answer.reason), (StatusCode::NOT_FOUND, Reason::NoInstance));
}

#[tokio::test]
async fn a_token_is_good_for_its_machine_and_no_other() {
    let world = World::new().await;
    world.machine("web", "10.0.0.9").await;
    world.machine("db", "10.0.0.10").await;
    let (web, db) = (world.on_network("10.0.0.9"), world.on_router("10.0.0.10"));
    let token = token(&world.agent, web.clone()).await;
    assert_eq!(show(&world.agent, web.clone(), &[&token]).await.status, StatusCode::OK);
    assert_eq!(show(&world.agent, web.clone(), &[]).await.status, StatusCode::OK);
    for asked in world.asked() {
        assert!(!asked.headers.contains_key(EC2_TOKEN), "the token was sent on");
    }
    let asked = world.asked().len();
    let nonsense = [HeaderValue::from_static(""), HeaderValue::from_bytes(b"\xff").unwrap()];
    for (origin, shown) in [
        (db, &[&token][..]),
        (web.clone(), &[&token, &token]),
        (web.clone(), &[&nonsense[0]]),
        (web.clone(), &[&nonsense[1]]),
    ] {
        let answer = show(&world.agent, origin, shown).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{shown:?}");
        assert_eq!(answer.reason, Reason::BadToken, "{shown:?}");
    }
    assert_eq!(world.asked().len(), asked, "the API was asked with a bad token");
    // Who has a bad token may ask for a good one.
    let mut put = asking(web, Method::PUT, TOKEN);
    Arc::make_mut(&mut put.headers).insert(EC2_TOKEN, nonsense[0].clone());
    Arc::make_mut(&mut put.headers).insert(EC2_TOKEN_TTL, HeaderValue::from_static("60"));
    assert_eq!(world.agent.call(put).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime() {
    let world = World::new().await;
    world.machine("web", "10.0.0.9").await;
    let web = || world.on_network("10.0.0.9");
    let clock = Arc::new(AtomicI64::new(NOW));
    let read = Arc::clone(&clock);
    let view = NetworkView::Store(world.store.clone());
    let agent = agent_at(view, &world.api, SECRET, move || read.load(Ordering::SeqCst));
    let token = token(&agent, web()).await;
    clock.store(NOW + 59, Ordering::SeqCst);
    assert_eq!(show(&agent, web(), &[&token]).await.status, StatusCode::OK);
    clock.store(NOW + 60, Ordering::SeqCst);
    assert_eq!(show(&agent, web(), &[&token]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_agents_of_other_hosts_take_it_if_they_share_the_secret() {
    let world = World::new().await;
    world.machine("web", "10.0.0.9").await;
    let token = token(&world.agent, world.on_network("10.0.0.9")).await;
    for (secret, status) in [(SECRET, StatusCode::OK), ("another", StatusCode::UNAUTHORIZED)] {
        let view = NetworkView::Store(world.store.clone());
        let other = agent_at(view, &world.api, secret, || NOW);
        assert_eq!(show(&other, world.on_network("10.0.0.9"), &[&token]).await.status, status);
    }
}

#[tokio::test]
async fn a_token_does_not_follow_an_address_to_another_machine() {
    let world = World::new().await;
    let old = world.machine("old", "10.0.0.9").await;
    let origin = || world.on_network("10.0.0.9");
    let token = token(&world.agent, origin()).await;
    world.store.instance_delete(old).await.unwrap();
    for port in world.store.port_list(None).await.unwrap() {
        let has_it = port.fixed_ips.iter().any(|ip| ip.ip_address == origin().address);
        if has_it {
            world.store.port_delete(port.id).await.unwrap();
        }
    }
    world.machine("new", "10.0.0.9").await;
    assert_eq!(show(&world.agent, origin(), &[&token]).await.reason, Reason::BadToken);
    assert_eq!(show(&world.agent, origin(), &[]).await.reason, Reason::Served);
}
