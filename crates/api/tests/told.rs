//! What an operator is told of a request: one line, and counters.
//!
//! A program of its own: whether a line is written at all is decided once for all threads of a
//! process, so other tests beside it would make that a matter of luck.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::HeaderMap;
use innkeeper_api::{Api, ApiEdge, Identification, Sources};
use innkeeper_documents::Settings;
use innkeeper_model::{Identity, InstanceId};
use innkeeper_store::{Store, StoreLocation};
use innkeeper_vendor_data::CurrentSettings;
use innkeeper_wire::{
    Hop, headers,
    metrics::HopMetrics,
    server::{Connections, serve_tcp},
    signature::SharedSecret,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn each_request_is_one_line_and_is_counted() {
    let lines = Lines::default();
    tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone()).init();
    let (address, registry) = serve().await;
    let id = InstanceId::random();
    let signed = signed(id);
    for (path, fields) in
        [("/", &HeaderMap::new()), ("/latest", &HeaderMap::new()), ("/x", &signed)]
    {
        ask(address, path, fields).await;
    }
    let written = lines.taken();
    let guest: Vec<&str> = written.lines().filter(|line| line.contains(" guest: ")).collect();
    assert_eq!(guest.len(), 3, "{written}");
    assert!(guest[1].contains("status=400 reason=\"no-instance-header\""), "{}", guest[1]);
    assert!(guest[2].contains("status=404 reason=\"unknown-instance\""), "{}", guest[2]);
    assert!(guest[2].contains(&format!("instance={id}")), "{}", guest[2]);
    assert!(guest[2].contains("path=/x source=127.0.0.1:"), "{}", guest[2]);
    let signature = signed[headers::INSTANCE_ID_SIGNATURE].to_str().unwrap();
    assert!(!written.contains(signature), "a signature is in the log");
    let mut metrics = String::new();
    encode(&mut metrics, &registry).unwrap();
    for line in [
        "innkeeper_api_requests_total{reason=\"served\"} 1",
        "innkeeper_api_requests_total{reason=\"no-instance-header\"} 1",
        "innkeeper_api_requests_total{reason=\"unknown-instance\"} 1",
        "innkeeper_api_requests_in_flight 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
}

async fn serve() -> (SocketAddr, Registry) {
    let store = Store::open(&StoreLocation::Memory).await.unwrap();
    let mut registry = Registry::default();
    let metrics = HopMetrics::register(&mut registry, Hop::Api);
    let api = Arc::new(Api::new(
        store,
        CurrentSettings::fixed(Settings::default()).into(),
        Sources::system(),
        metrics,
    ));
    let edge = Arc::new(ApiEdge::new(api, secret(), Identification::InstanceId));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve_tcp(listener, None, Connections::new(8), edge, stop));
    (address, registry)
}

fn secret() -> SharedSecret {
    SharedSecret::new("a secret").unwrap()
}

fn signed(instance: InstanceId) -> HeaderMap {
    let project = "acme".parse().unwrap();
    let who = Identity { instance, project, address: None, vouched_port: None, found_in: None };
    let mut list = headers::HeaderList::default();
    headers::encode_identity(&who, &secret(), false, &mut list);
    list.to_map()
}

/// Asks, and waits for the end of the answer: its line is written before.
async fn ask(address: SocketAddr, path: &str, fields: &HeaderMap) {
    let mut request =
        format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n").into_bytes();
    for (name, value) in fields {
        request.extend_from_slice(
            &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat(),
        );
    }
    request.extend_from_slice(b"\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn taken(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
