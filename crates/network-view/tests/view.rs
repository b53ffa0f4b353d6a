//! The view from a store and from a control API answer alike.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

use std::time::Duration;

use innkeeper_control_api::{Client, ControlAddress};
use innkeeper_model::{
    DhcpBinding, LookupRefusal, MacAddress, NetworkId, NewRouter, Origin, OriginScope, PluggedPort,
    PortOwner,
};
use innkeeper_network_view::{LookupError, NetworkView};
use innkeeper_store::{Store, StoreLocation};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    time::Instant,
};

fn origin() -> Origin {
    let network = OriginScope::Network(NetworkId::random());
    Origin::new(network, "10.0.0.9".parse().unwrap())
}

fn mac() -> MacAddress {
    "fa:16:3e:00:00:01".parse().unwrap()
}

async fn store() -> Store {
    Store::open(&StoreLocation::Memory).await.unwrap()
}

fn router() -> NewRouter {
    NewRouter { id: None, project_id: "default".parse().unwrap(), name: "r1".to_owned() }
}

/// A view over a socket that gives one answer to everything.
fn answering(answer: &str) -> (tempfile::TempDir, NetworkView) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = answer.to_owned();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let view = NetworkView::Control(Client::new(ControlAddress::Unix(path)));
    (dir, view)
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_refusal_is_an_answer_wherever_it_comes_from() {
    let refused = Err(LookupError::Refused(LookupRefusal::UnknownScope));
    assert_eq!(NetworkView::Store(store().await).lookup(&origin()).await, refused);
    let body = r#"{"error":{"code":"lookup-refused","message":"x","refusal":"unknown-scope"}}"#;
    let (_dir, view) = answering(&http("404 Not Found", body));
    assert_eq!(view.lookup(&origin()).await, refused);
}

#[tokio::test]
async fn an_owner_is_read_from_a_control_api() {
    let owner = PortOwner {
        port: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        instance: "00000000-0000-4000-8000-000000000002".parse().unwrap(),
        project: "acme".parse().unwrap(),
    };
    let body = format!(
        r#"{{"port":"{}","instance":"{}","project":"{}"}}"#,
        owner.port, owner.instance, owner.project
    );
    let (_dir, view) = answering(&http("200 OK", &body));
    assert_eq!(view.lookup(&origin()).await, Ok(owner));
}

#[tokio::test]
async fn a_binding_is_read_from_a_control_api_or_is_not_there() {
    let binding = DhcpBinding {
        port_id: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        addresses: vec!["10.0.0.9".parse().unwrap(), "2001:db8::9".parse().unwrap()],
        host_name: Some("web1".to_owned()),
        extra_options: Vec::new(),
    };
    let network = NetworkId::random();
    let (_dir, view) = answering(&http("200 OK", &serde_json::to_string(&binding).unwrap()));
    assert_eq!(view.dhcp_binding(network, mac()).await, Ok(Some(binding)));
    let body = r#"{"error":{"code":"not-found","message":"there is no port"}}"#;
    let (_dir, view) = answering(&http("404 Not Found", body));
    assert_eq!(view.dhcp_binding(network, mac()).await, Ok(None));
    // What an older Innkeeper says: nothing of the port.
    let body = r#"{"error":{"code":"no-such-path","message":"there is no such path"}}"#;
    let (_dir, view) = answering(&http("404 Not Found", body));
    view.dhcp_binding(network, mac()).await.unwrap_err();
}

#[tokio::test]
async fn plugged_ports_are_read_from_a_control_api() {
    let port = PluggedPort {
        id: "0a1b2c3d-4e5f-4000-8000-000000000001".parse().unwrap(),
        network_id: NetworkId::random(),
        mac_address: mac(),
        addresses: vec!["10.0.0.9".parse().unwrap()],
    };
    let ports = vec![port];
    let (_dir, view) = answering(&http("200 OK", &serde_json::to_string(&ports).unwrap()));
    assert_eq!(view.plugged_ports(vec!["0a1b2c3d-4e".to_owned()]).await, Ok(ports));
    assert_eq!(view.plugged_ports(Vec::new()).await, Ok(Vec::new()), "nothing to ask");
}

#[tokio::test]
async fn whatever_else_goes_wrong_is_unavailable_and_never_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let missing = ControlAddress::Unix(dir.path().join("control.sock"));
    let away = NetworkView::Control(Client::new(missing));
    let (_busy_dir, busy) = answering(&http(
        "503 Service Unavailable",
        r#"{"error":{"code":"unavailable","message":"the store is away"}}"#,
    ));
    let (_odd_dir, odd) = answering(&http("404 Not Found", "<html>"));
    let (_forbidden_dir, forbidden) =
        answering(&http("403 Forbidden", r#"{"error":{"code":"wrong-scope","message":"no"}}"#));
    for view in [away, busy, odd, forbidden] {
        let error = view.lookup(&origin()).await.unwrap_err();
        assert!(matches!(error, LookupError::Unavailable(_)), "{error:?}");
        view.topology(None, Duration::ZERO).await.unwrap_err();
        view.dhcp_binding(NetworkId::random(), mac()).await.unwrap_err();
        view.plugged_ports(vec!["0a1b2c3d-4e".to_owned()]).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_topology_is_waited_for_and_no_longer_than_told() {
    let store = store().await;
    let view = NetworkView::Store(store.clone());
    let first = view.topology(None, Duration::from_secs(30)).await.unwrap();
    let wait = Duration::from_millis(300);
    let begun = Instant::now();
    assert_eq!(view.topology(Some(first.generation), wait).await.unwrap(), first);
    assert!(begun.elapsed() >= wait);
    let begun = Instant::now();
    let (newer, made) = tokio::join!(
        view.topology(Some(first.generation), Duration::from_secs(30)),
        store.router_create(router()),
    );
    let newer = newer.unwrap();
    assert_ne!(newer.generation, first.generation);
    assert_eq!(newer.routers[0].id, made.unwrap().id);
    assert!(begun.elapsed() < Duration::from_secs(5));
}
