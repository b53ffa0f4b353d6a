//! An agent that is not in the process that has the database: whom it finds by asking, and whom it
//! takes for who was there before.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, Method, StatusCode};
use innkeeper_agent::Agent;
use innkeeper_control_api::{Client, ControlAddress};
use innkeeper_model::{Origin, OriginScope};
use innkeeper_network_view::NetworkView;
use innkeeper_store::Store;
use innkeeper_wire::{
    NextHop, Reason,
    headers::{EC2_TOKEN, EC2_TOKEN_TTL},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use crate::world::{NOW, PATIENCE, SECRET, ScriptedApi, World, agent, agent_at, request};

/// An agent that looks up at another process, which answers from the world's store.
struct Apart {
    world: World,
    agent: Agent<ScriptedApi>,
    lookups: Arc<AtomicUsize>,
    directory: tempfile::TempDir,
}

impl Apart {
    async fn new() -> Self {
        let world = World::new().await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let lookups = serve_lookups(path.clone(), world.store.clone());
        let view = NetworkView::Control(Client::new(ControlAddress::Unix(path)));
        let agent = agent_at(view, &world.api, SECRET, || NOW).trusting_next_to_look();
        Self { world, agent, lookups, directory }
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    async fn get(&self, origin: &Origin) -> innkeeper_wire::GuestResponse {
        self.agent.call(request(origin.clone(), Method::GET, PATIENCE)).await
    }

    /// Where the API was told that each asker had been found before.
    fn told(&self) -> Vec<Option<OriginScope>> {
        self.world.asked().iter().map(|asked| asked.who.found_in).collect()
    }
}

/// As a control API does it, one lookup per connection; counts them.
fn serve_lookups(path: PathBuf, store: Store) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(path).unwrap();
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            let origin: Origin = loop {
                let mut bytes = [0; 1024];
                let length = stream.read(&mut bytes).await.unwrap();
                read.extend_from_slice(&bytes[..length]);
                let text = String::from_utf8_lossy(&read);
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                if let Ok(origin) = serde_json::from_str(body) {
                    break origin;
                }
            };
            count.fetch_add(1, Ordering::SeqCst);
            let (status, body) = match store.port_owner(&origin).await.unwrap() {
                Ok(owner) => ("200 OK", serde_json::to_value(owner).unwrap()),
                Err(refusal) => (
                    "404 Not Found",
                    serde_json::json!({"error":
                        {"code": "lookup-refused", "message": "nobody", "refusal": refusal}}),
                ),
            };
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    lookups
}

#[tokio::test]
async fn who_reads_again_is_not_looked_up_again() {
    let apart = Apart::new().await;
    let web = apart.world.machine("web", "10.0.0.9").await;
    let (router, network) = (apart.world.on_router("10.0.0.9"), apart.world.on_network("10.0.0.9"));
    for (origin, lookups) in [(&router, 1), (&router, 1), (&network, 2), (&router, 2)] {
        let answer = apart.get(origin).await;
        assert_eq!((&answer.body, answer.instance), (&web.to_string().into(), Some(web)));
        assert_eq!(apart.lookups(), lookups, "{origin}");
    }
    let before = Some(router.scope);
    assert_eq!(apart.told(), [None, before, None, before], "the API looks where nobody did");
    let asked = apart.world.asked();
    assert_eq!(asked[1].who.vouched_port, asked[0].who.vouched_port);
    assert_eq!(asked[1].who.address, asked[0].who.address);
}

#[tokio::test]
async fn whatever_is_not_a_mere_read_is_looked_up() {
    let apart = Apart::new().await;
    apart.world.machine("web", "10.0.0.9").await;
    let origin = apart.world.on_router("10.0.0.9");
    apart.get(&origin).await;
    let asking = |method, target: &str| {
        let mut asking = request(origin.clone(), method, PATIENCE);
        asking.target = target.parse().unwrap();
        asking
    };
    let mut requests = vec![
        asking(Method::POST, "/openstack/latest/password"),
        asking(Method::GET, "/openstack/latest/password"),
        asking(Method::PUT, "/latest/api/token"),
        asking(Method::HEAD, "/openstack"),
    ];
    for name in [EC2_TOKEN, EC2_TOKEN_TTL] {
        let mut showing = asking(Method::GET, "/openstack");
        showing.headers = Arc::new(HeaderMap::from_iter([(name, "60".parse().unwrap())]));
        requests.push(showing);
    }
    for (number, request) in requests.into_iter().enumerate() {
        let what = format!("{} {}", request.method, request.target);
        apart.agent.call(request).await;
        assert_eq!(apart.lookups(), number + 2, "{what}");
    }
    assert!(apart.told().iter().all(Option::is_none));
    apart.world.api.at_once.store(true, Ordering::SeqCst);
    assert!(!apart.agent.may_answer_now(), "another process is asked");
}

#[tokio::test]
async fn who_is_no_longer_there_is_looked_up_and_the_new_one_is_answered() {
    for reason in [Reason::StaleAddress, Reason::UnknownInstance, Reason::TenantMismatch] {
        let apart = Apart::new().await;
        let old = apart.world.machine("old", "10.0.0.9").await;
        let origin = apart.world.on_router("10.0.0.9");
        apart.get(&origin).await;
        apart.world.store.instance_delete(old).await.unwrap();
        let port = apart.world.asked()[0].who.vouched_port.unwrap();
        apart.world.store.port_delete(port).await.unwrap();
        let new = apart.world.machine("new", "10.0.0.9").await;
        apart.world.api.refuses_who_was_found_before(reason);
        let answer = apart.get(&origin).await;
        assert_eq!((answer.status, answer.instance), (StatusCode::OK, Some(new)), "{reason:?}");
        assert_eq!(answer.body, new.to_string());
        assert_eq!(apart.lookups(), 2);
        assert_eq!(apart.told(), [None, Some(origin.scope), None]);
        apart.get(&origin).await;
        assert_eq!(apart.told()[3], Some(origin.scope), "the new one is remembered in its turn");
    }
}

#[tokio::test]
async fn whoever_does_not_know_what_was_asked_is_not_asked_so_again_soon() {
    for (reason, says_nothing_of_itself) in [
        // Nova, or an older Innkeeper.
        (Reason::BadSignature, true),
        (Reason::BadSignature, false),
        // Something on the way takes headers off, or answers itself.
        (Reason::NoSuchPath, true),
        (Reason::Served, true),
    ] {
        let apart = Apart::new().await;
        let web = apart.world.machine("web", "10.0.0.9").await;
        let origin = apart.world.on_router("10.0.0.9");
        apart.get(&origin).await;
        let api = &apart.world.api;
        api.says_nothing_of_itself.store(says_nothing_of_itself, Ordering::SeqCst);
        api.refuses_who_was_found_before(reason);
        for lookups in 2..=4 {
            let answer = apart.get(&origin).await;
            let answered = (answer.reason, answer.instance);
            assert_eq!(answered, (Reason::Served, Some(web)), "{reason:?}");
            assert_eq!(apart.lookups(), lookups, "{reason:?}");
        }
        assert_eq!(apart.told(), [None, Some(origin.scope), None, None, None], "{reason:?}");
    }
}

/// A guest can have its own request refused on the way; that must not slow down the others.
#[tokio::test]
async fn a_request_that_somebody_on_the_way_refuses_stops_nobody_else() {
    let apart = Apart::new().await;
    apart.world.machine("web", "10.0.0.9").await;
    apart.world.machine("other", "10.0.0.10").await;
    let (origin, other) = (apart.world.on_router("10.0.0.9"), apart.world.on_router("10.0.0.10"));
    apart.get(&origin).await;
    apart.get(&other).await;
    let api = &apart.world.api;
    api.says_nothing_of_itself.store(true, Ordering::SeqCst);
    api.refuses_who_was_found_before(Reason::BadRequest);
    apart.get(&origin).await;
    api.refuses_nobody();
    apart.get(&other).await;
    assert_eq!(apart.told()[2..], [Some(origin.scope), None, Some(other.scope)]);
}

#[tokio::test]
async fn what_our_own_api_says_of_anything_else_is_final() {
    for (reason, says_nothing_of_itself) in [
        (Reason::NoSuchPath, false),
        (Reason::StoreAway, false),
        // What the client says when nobody answers in time.
        (Reason::ApiAway, true),
    ] {
        let apart = Apart::new().await;
        apart.world.machine("web", "10.0.0.9").await;
        let origin = apart.world.on_router("10.0.0.9");
        apart.get(&origin).await;
        let api = &apart.world.api;
        api.says_nothing_of_itself.store(says_nothing_of_itself, Ordering::SeqCst);
        api.refuses_who_was_found_before(reason);
        let answer = apart.get(&origin).await;
        assert_eq!((answer.reason, answer.status), (reason, reason.status()));
        assert_eq!(answer.instance, None, "the API did not say that it is still the same");
        assert_eq!(apart.lookups(), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn the_root_which_the_api_gives_to_everybody_is_not_given_to_nobody() {
    let apart = Apart::new().await;
    let web = apart.world.machine("web", "10.0.0.9").await;
    let origin = apart.world.on_router("10.0.0.9");
    apart.get(&origin).await;
    apart.world.store.instance_delete(web).await.unwrap();
    for root in ["/", "//", "/x/..", "/%2e"] {
        let mut asking = request(origin.clone(), Method::GET, PATIENCE);
        asking.target = root.parse().unwrap();
        let answer = apart.agent.call(asking).await;
        assert_eq!(answer.reason, Reason::NoInstance, "{root}");
    }
    assert_eq!(apart.told(), [None]);
}

#[tokio::test]
async fn a_stale_guess_takes_no_try_away_from_a_lookup() {
    let apart = Apart::new().await;
    let web = apart.world.machine("web", "10.0.0.9").await;
    let origin = apart.world.on_router("10.0.0.9");
    apart.get(&origin).await;
    // The guess, and the first of the two lookups that everybody has.
    apart.world.api.stale.store(2, Ordering::SeqCst);
    let answer = apart.get(&origin).await;
    assert_eq!((answer.reason, answer.instance), (Reason::Served, Some(web)));
    assert_eq!(apart.told(), [None, Some(origin.scope), None, None]);
}

#[tokio::test]
async fn who_is_gone_is_forgotten() {
    let apart = Apart::new().await;
    let web = apart.world.machine("web", "10.0.0.9").await;
    let origin = apart.world.on_router("10.0.0.9");
    apart.get(&origin).await;
    apart.world.store.instance_delete(web).await.unwrap();
    apart.world.api.refuses_who_was_found_before(Reason::StaleAddress);
    for _ in 0..2 {
        let answer = apart.get(&origin).await;
        assert_eq!((answer.status, answer.reason), (StatusCode::NOT_FOUND, Reason::NoInstance));
        assert_eq!(answer.body, "Instance was not found.\n");
    }
    assert_eq!(apart.told(), [None, Some(origin.scope)], "the API was asked for nobody");
}

#[tokio::test]
async fn an_api_of_another_make_is_never_asked_for_who_was_there_before() {
    let apart = Apart::new().await;
    apart.world.machine("web", "10.0.0.9").await;
    let path = apart.directory.path().join("control.sock");
    let view = NetworkView::Control(Client::new(ControlAddress::Unix(path)));
    let agent = agent(view, &apart.world.api);
    for lookups in 1..=3 {
        agent.call(request(apart.world.on_router("10.0.0.9"), Method::GET, PATIENCE)).await;
        assert_eq!(apart.lookups(), lookups);
    }
    assert!(apart.told().iter().all(Option::is_none));
}
