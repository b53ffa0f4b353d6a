//! What the operator's file and services say.

use std::{fs, time::Duration};

use http::{Method, StatusCode};
use innkeeper_api::{Api, Sources};
use innkeeper_documents::{Settings, VendorDataProvider};
use innkeeper_vendor_data::{CurrentSettings, Target, VendorData, VendorDataConfig};
use innkeeper_wire::{GuestResponse, Hop, NextHop, Reason, limits::API_HOLD, metrics::HopMetrics};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use crate::identity::{Web, request};

const STATIC: &str = "/openstack/latest/vendor_data.json";
const DYNAMIC: &str = "/openstack/latest/vendor_data2.json";

/// Nobody listens there.
const DEAD: &str = "dead@http://127.0.0.1:1/";

fn api(web: &Web, config: VendorDataConfig) -> Api {
    use VendorDataProvider::{DynamicJson, StaticJson};
    let settings =
        Settings { vendordata_providers: vec![StaticJson, DynamicJson], ..Settings::default() };
    let metrics = HopMetrics::register(&mut Registry::default(), Hop::Api);
    let vendor_data = VendorData::open(config).unwrap();
    let settings = CurrentSettings::fixed(settings).with_vendor_data(vendor_data);
    Api::new(web.world.store.clone(), settings.into(), Sources::system(), metrics)
}

async fn get(web: &Web, api: &Api, target: &str) -> GuestResponse {
    api.call(request(web.identity(None, false), Method::GET, target, API_HOLD)).await
}

/// A service that says `body` to whoever asks, and counts.
async fn service(body: &'static str) -> (Target, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("site@http://{}/data", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4_096]).await;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (Target::parse(&target).unwrap(), asked)
}

#[tokio::test]
async fn the_services_are_asked_for_the_one_document_that_shows_them() {
    let web = Web::new().await;
    let (target, asked) = service(r#"{"rack": "b7"}"#).await;
    let api = api(&web, VendorDataConfig { targets: vec![target], ..VendorDataConfig::default() });
    for path in [STATIC, "/openstack/latest", "/openstack/latest/meta_data.json", "/latest"] {
        assert_eq!(get(&web, &api, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    let answer = get(&web, &api, DYNAMIC).await;
    assert_eq!(answer.body, r#"{"static": {}, "site": {"rack": "b7"}}"#);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dead_service_costs_its_part_or_the_document_as_configured() {
    let web = Web::new().await;
    let config = |failure_fatal| VendorDataConfig {
        targets: vec![Target::parse(DEAD).unwrap()],
        failure_fatal,
        ..VendorDataConfig::default()
    };
    let answer = get(&web, &api(&web, config(false)), DYNAMIC).await;
    assert_eq!((answer.status, answer.reason), (StatusCode::OK, Reason::Served));
    assert_eq!(answer.body, r#"{"static": {}, "dead": {}}"#);
    let fatal = api(&web, config(true));
    let answer = get(&web, &fatal, DYNAMIC).await;
    let failed = (StatusCode::INTERNAL_SERVER_ERROR, Reason::VendorDataFailed);
    assert_eq!((answer.status, answer.reason), failed);
    assert_eq!(
        answer.body,
        "500 Internal Server Error\n\nAn unknown error has occurred. Please try your request \
         again.\n\n   "
    );
    assert_eq!(get(&web, &fatal, STATIC).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_changed_file_is_served_without_a_restart() {
    let web = Web::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vendor.json");
    fs::write(&file, r#"{"cloud": "old"}"#).unwrap();
    let config =
        VendorDataConfig { static_file: Some(file.clone()), ..VendorDataConfig::default() };
    let api = api(&web, config);
    assert_eq!(get(&web, &api, STATIC).await.body, r#"{"cloud": "old"}"#);
    fs::write(&file, r#"{"cloud": "brand new"}"#).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while get(&web, &api, STATIC).await.body != r#"{"cloud": "brand new"}"# {
        assert!(Instant::now() < until, "the old file is served for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(get(&web, &api, DYNAMIC).await.body, r#"{"static": {"cloud": "brand new"}}"#);
}
