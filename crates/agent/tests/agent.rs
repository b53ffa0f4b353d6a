//! The agent with a real store: who is answered, who is not, and how long either takes.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod found_before;
mod tokens;
mod world;

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use http::{HeaderMap, Method, StatusCode, header, uri::PathAndQuery};
use innkeeper_agent::AgentEdge;
use innkeeper_control_api::{Client, ControlAddress};
use innkeeper_model::{NetworkId, Origin, OriginScope, RouterId};
use innkeeper_network_view::NetworkView;
use innkeeper_wire::{
    GuestRequest, Hop, NextHop, Now, Reason,
    client::AgentClient,
    headers::{EC2_TOKEN, EC2_TOKEN_TTL},
    limits::UNKNOWN_PORT_HOLD,
    server::{Connections, serve_unix},
    unix_socket::{PeerPolicy, bind_unix},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use world::{PATIENCE, World, agent, request};

#[tokio::test]
async fn a_machine_is_known_by_network_and_by_router() {
    let world = World::new().await;
    let web = world.machine("web", "10.0.0.9").await;
    for origin in [world.on_network("10.0.0.9"), world.on_router("::ffff:10.0.0.9")] {
        let answer = world.get(origin).await;
        assert_eq!(answer.body, web.to_string());
        assert_eq!(answer.instance, Some(web));
        let hops: Vec<_> = answer.reports.iter().map(|report| report.hop).collect();
        assert_eq!(hops, [Hop::Api, Hop::Agent]);
    }
    for asked in world.asked() {
        assert_eq!(asked.who.address, Some("10.0.0.9".parse().unwrap()));
        assert!(asked.who.vouched_port.is_some());
        assert_eq!(asked.who.project.as_str(), "default");
    }
}

#[tokio::test]
async fn who_is_known_and_only_reads_is_answered_at_once() {
    let world = World::new().await;
    let web = world.machine("web", "10.0.0.9").await;
    let origin = world.on_router("10.0.0.9");
    let asking = |method, target: &'static str| {
        let mut asking = request(origin.clone(), method, PATIENCE);
        asking.target = PathAndQuery::from_static(target);
        asking
    };
    let at_once = |asking: GuestRequest<Origin>| match world.agent.call_now(asking) {
        Now::Answered(answer) => Some(answer),
        Now::Later(given_back) => {
            assert_eq!(given_back.who, origin);
            None
        }
    };
    assert!(!world.agent.may_answer_now(), "the API never does");
    world.api.at_once.store(true, Ordering::SeqCst);
    assert!(world.agent.may_answer_now());
    assert!(at_once(asking(Method::GET, "/")).is_none(), "nobody knows yet whose address it is");
    let waited_for = world.get(origin.clone()).await;
    let answer = at_once(asking(Method::GET, "/")).unwrap();
    assert_eq!((&answer.body, answer.instance), (&waited_for.body, Some(web)));
    let hops: Vec<_> = answer.reports.iter().map(|report| report.hop).collect();
    assert_eq!(hops, [Hop::Api, Hop::Agent]);
    let asked = world.asked();
    assert_eq!(asked[0].who, asked[1].who, "the API is told the same of who asks");

    for (method, target) in [
        (Method::POST, "/"),
        (Method::HEAD, "/"),
        (Method::PUT, "/latest/api/token"),
        (Method::GET, "/latest/api/token"),
        (Method::GET, "/openstack/latest/password"),
        (Method::GET, "/openstack/latest/passwor%64"),
    ] {
        assert!(at_once(asking(method, target)).is_none(), "{target}");
    }
    for name in [EC2_TOKEN, EC2_TOKEN_TTL] {
        let mut showing = asking(Method::GET, "/");
        showing.headers = Arc::new(HeaderMap::from_iter([(name, "60".parse().unwrap())]));
        assert!(at_once(showing).is_none(), "a token is looked at");
    }
    world.store.instance_delete(web).await.unwrap();
    assert!(at_once(asking(Method::GET, "/")).is_none(), "the machine is gone");
    assert_eq!(world.asked().len(), 2, "the API was asked for what is not answered at once");
}

#[tokio::test]
async fn whoever_is_not_known_gets_the_same_404() {
    let world = World::new().await;
    world.machine("web", "10.0.0.9").await;
    world.port("10.0.0.10").await;
    let elsewhere = |scope| Origin::new(scope, "10.0.0.9".parse().unwrap());
    let router_with_a_networks_id = RouterId::new(world.network.uuid());
    for (origin, reason) in [
        (world.on_network("10.0.0.10"), Reason::NoInstance),
        (world.on_router("10.0.0.77"), Reason::NoPort),
        (elsewhere(OriginScope::Router(RouterId::random())), Reason::UnknownScope),
        (elsewhere(OriginScope::Network(NetworkId::random())), Reason::UnknownScope),
        (elsewhere(OriginScope::Router(router_with_a_networks_id)), Reason::UnknownScope),
    ] {
        let begun = Instant::now();
        let answer = world.get(origin).await;
        assert_eq!((answer.status, answer.reason), (StatusCode::NOT_FOUND, reason));
        assert_eq!(answer.body, "Instance was not found.\n");
        let held = begun.elapsed() >= UNKNOWN_PORT_HOLD;
        assert_eq!(held, reason != Reason::NoInstance, "{reason:?} took {:?}", begun.elapsed());
    }
    assert!(world.asked().is_empty(), "the API was asked for somebody unknown");
}

#[tokio::test]
async fn a_port_that_comes_late_is_waited_for() {
    let world = World::new().await;
    let origin = world.on_router("10.0.0.9");
    let (answer, web) = tokio::join!(world.get(origin), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.machine("web", "10.0.0.9").await
    });
    assert_eq!((answer.status, answer.body), (StatusCode::OK, web.to_string().into()));
}

#[tokio::test]
async fn a_flood_of_unknown_askers_is_not_held() {
    let world = Arc::new(World::new().await);
    let begun = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for host in 50..250_u32 {
        let world = Arc::clone(&world);
        asking.spawn(async move {
            let answer = world.get(world.on_network(&format!("10.0.0.{host}"))).await;
            (answer.status, begun.elapsed() >= UNKNOWN_PORT_HOLD)
        });
    }
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::NOT_FOUND));
    let held = answers.iter().filter(|(_, held)| *held).count();
    assert!((1..=32).contains(&held), "{held} were held");
}

#[tokio::test]
async fn a_stale_address_is_looked_up_again_once() {
    for (stale, reason, asked) in [(1, Reason::Served, 2), (9, Reason::StaleAddress, 2)] {
        let world = World::new().await;
        world.machine("web", "10.0.0.9").await;
        world.api.stale.store(stale, Ordering::SeqCst);
        let mut post = request(world.on_network("10.0.0.9"), Method::POST, PATIENCE);
        post.target = "/openstack/latest/password".parse().unwrap();
        let answer = world.agent.call(post).await;
        assert_eq!((answer.reason, answer.status), (reason, reason.status()));
        assert_eq!(world.asked().len(), asked);
        if reason == Reason::StaleAddress {
            assert_eq!(answer.body, "Instance was not found.\n");
            assert_eq!(answer.instance, None);
        }
    }
}

#[tokio::test]
async fn a_view_that_is_away_is_a_503_at_the_deadline() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let address = ControlAddress::Unix(dir.path().join("control.sock"));
    let agent = agent(NetworkView::Control(Client::new(address)), &world.api);
    let patience = Duration::from_millis(400);
    let begun = Instant::now();
    let answer = agent.call(request(world.on_network("10.0.0.9"), Method::GET, patience)).await;
    let away = (StatusCode::SERVICE_UNAVAILABLE, Reason::NetworkViewAway);
    assert_eq!((answer.status, answer.reason), away);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert!(begun.elapsed() >= patience, "given up early");
    assert!(world.asked().is_empty());
}

/// The agent on a socket, as a process of its own has it.
async fn serve(world: &World) -> (tempfile::TempDir, std::path::PathBuf, CancellationToken) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    let stop = CancellationToken::new();
    tokio::spawn(serve_unix(
        bind_unix(&path, None).unwrap(),
        PeerPolicy::own(),
        Connections::new(8),
        Arc::new(AgentEdge::new(Arc::clone(&world.agent))),
        stop.clone(),
    ));
    (dir, path, stop)
}

#[tokio::test]
async fn our_proxy_gets_the_trail_over_the_socket() {
    let world = World::new().await;
    let web = world.machine("web", "10.0.0.9").await;
    let (_dir, path, stop) = serve(&world).await;
    let client = AgentClient::new(path);
    let mut request = request(world.on_router("10.0.0.9"), Method::GET, PATIENCE);
    let agent = (header::USER_AGENT, "cloud-init".parse().unwrap());
    request.headers = Arc::new(HeaderMap::from_iter([agent]));
    let id = request.request_id;
    let answer = client.call(request).await;
    assert_eq!((answer.body, answer.reason), (web.to_string().into(), Reason::Served));
    assert_eq!(answer.instance, Some(web));
    let hops: Vec<_> = answer.reports.iter().map(|report| report.hop).collect();
    assert_eq!(hops, [Hop::Api, Hop::Agent]);
    let asked = world.asked();
    assert_eq!(asked[0].request_id, id);
    assert_eq!(asked[0].headers[header::USER_AGENT], "cloud-init");
    stop.cancel();
}

#[tokio::test]
async fn another_proxy_is_answered_without_trail_and_refused_clearly() {
    let world = World::new().await;
    let web = world.machine("web", "10.0.0.9").await;
    let (_dir, path, stop) = serve(&world).await;
    let (network, router) = (world.network, world.router);
    let for_web = "X-Forwarded-For: 10.0.0.9\r\n";
    let of_network = format!("X-Neutron-Network-ID: {network}\r\n");
    let of_router = format!("X-Neutron-Router-ID: {router}\r\n");
    for (fields, status, body) in [
        (format!("{of_network}{for_web}X-Instance-ID: evil\r\n"), 200, web.to_string().as_str()),
        (format!("X-OVN-Network-ID: {network}\r\n{for_web}"), 200, web.to_string().as_str()),
        (for_web.to_owned(), 404, "Neither a network nor a router is named.\n"),
        (
            format!("{of_network}{of_router}{for_web}"),
            400,
            "More than one network or router is named.\n",
        ),
        (
            format!("{of_network}{for_web}{for_web}"),
            400,
            "X-Forwarded-For is not exactly one address.\n",
        ),
    ] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let head = format!("GET /openstack HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{fields}: {answer}");
        assert!(!answer.to_lowercase().contains("x-innkeeper"), "{answer}");
    }
    stop.cancel();
}
