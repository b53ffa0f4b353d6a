//! The API as it runs, over a database in memory, with machines of the recordings in it; and a
//! client that sends exactly the bytes it is told to.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use base64::Engine as _;
use innkeeper_api::{Api, ApiEdge, Identification, Sources};
use innkeeper_documents::{OpenStackVersion, Settings};
use innkeeper_model::{ImportedInstance, InstanceId, NewProject, ProjectId};
use innkeeper_store::{Store, StoreLocation};
use innkeeper_vendor_data::CurrentSettings;
use innkeeper_wire::{
    Hop,
    limits::CONNECTIONS_MAX,
    metrics::HopMetrics,
    server::{Connections, serve_tcp},
    signature::SharedSecret,
};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// The secret of the recordings.
pub(crate) const SECRET: &str = "peer-secret";
/// The owner of the recorded machines.
pub(crate) const PROJECT: &str = "4dc844abccfc0d132d087c1c7fcec557";
/// 2026-11-23, the day of the recordings.
const RECORDED_ON: i64 = 1_795_392_000;

/// An API with its database.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) api: Arc<Api>,
}

impl World {
    /// With the recorded project, but no machine.
    pub(crate) async fn new() -> Self {
        let store = Store::open(&StoreLocation::Memory).await.unwrap();
        let project =
            NewProject { id: Some(project()), name: "peer".to_owned(), ..NewProject::default() };
        store.project_create(project).await.unwrap();
        let settings = Settings {
            newest_openstack_version: OpenStackVersion::V2020_10_14,
            static_vendor_data: read("minimal/responses.json")["config"]["vendordata_static"]
                .clone(),
            ..Settings::default()
        };

        let metrics = HopMetrics::register(&mut Registry::default(), Hop::Api);
        let sources = Sources::new(|| RECORDED_ON, |bytes| rand::fill(bytes));
        let api = Arc::new(Api::new(
            store.clone(),
            CurrentSettings::fixed(settings).into(),
            sources,
            metrics,
        ));
        Self { store, api }
    }

    /// Takes a recorded machine over.
    pub(crate) async fn import(&self, case: &str) -> InstanceId {
        let imported: ImportedInstance =
            serde_json::from_value(read(&format!("{case}/input.json"))).unwrap();
        self.store.instance_import(&imported).await.unwrap().id
    }

    /// Serves it on a port of its own, for as long as the runtime of the test is there.
    pub(crate) async fn serve(&self) -> SocketAddr {
        self.serve_by(Identification::InstanceId).await
    }

    /// As [`serve`](Self::serve), knowing askers in a way of one's own.
    pub(crate) async fn serve_by(&self, identification: Identification) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let edge =
            ApiEdge::new(Arc::clone(&self.api), SharedSecret::new(SECRET).unwrap(), identification);
        let connections = Connections::new(CONNECTIONS_MAX);
        let stop = CancellationToken::new();
        tokio::spawn(serve_tcp(listener, None, connections, Arc::new(edge), stop));
        address
    }
}

pub(crate) fn project() -> ProjectId {
    PROJECT.parse().unwrap()
}

/// A request and what Nova answered.
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) answer: Answer,
}

/// An answer; status 0 if the server closed the connection instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, sorted.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Without the headers named, and with one text in place of the seed.
    pub(crate) fn comparable(mut self, without: &[&str]) -> Self {
        const BEFORE: &[u8] = b"\"random_seed\": \"";
        const SEED_CHARS: usize = 684;
        self.headers.retain(|(name, _)| !without.contains(&name.as_str()));
        if let Some(at) = self.body.windows(BEFORE.len()).position(|window| window == BEFORE) {
            let seed = at + BEFORE.len()..at + BEFORE.len() + SEED_CHARS;
            assert_eq!(self.body.get(seed.end), Some(&b'"'), "a seed of another length");
            self.body.splice(seed, *b"masked");
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(300).collect()
    }
}

/// The recordings of a file in `tests/conformance`, in order.
pub(crate) fn recordings(file: &str) -> Vec<Recorded> {
    let file = read(file);
    let responses = file["responses"].as_array().unwrap();
    responses
        .iter()
        .map(|response| Recorded {
            name: response["name"].as_str().unwrap_or_default().to_owned(),
            method: text(&response["method"]),
            path: text(&response["path"]),
            headers: pairs(&response["headers"]),
            body: base64(&response["request_body_b64"]),
            answer: Answer {
                status: serde_json::from_value(response["status"].clone()).unwrap(),
                headers: sorted(pairs(&response["response_headers"])),
                body: base64(&response["body_b64"])
                    .unwrap_or_else(|| text(&response["body"]).into_bytes()),
            },
        })
        .collect()
}

/// Sends one request on a connection of its own and reads the answer to its end.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
) -> Answer {
    ask_raw(address, &format!("{method} {path} HTTP/1.1"), headers, None).await
}

/// As [`ask`], with a request line of one's own, and perhaps a body.
pub(crate) async fn ask_raw(
    address: SocketAddr,
    line: &str,
    headers: &[(String, String)],
    body: Option<&[u8]>,
) -> Answer {
    let mut request = format!("{line}\r\nHost: 169.254.169.254\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body.unwrap_or_default()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    });
    Answer { status, headers: sorted(headers.collect()), body: bytes[end + 4..].to_vec() }
}

fn sorted(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let lower = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut headers: Vec<_> = lower.collect();
    headers.sort();
    headers
}

fn read(name: &str) -> Value {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    serde_json::from_str(&fs::read_to_string(directory.join(name)).unwrap()).unwrap()
}

fn base64(value: &Value) -> Option<Vec<u8>> {
    Some(base64::engine::general_purpose::STANDARD.decode(value.as_str()?).unwrap())
}

fn pairs(headers: &Value) -> Vec<(String, String)> {
    let headers = headers.as_array().unwrap();
    headers.iter().map(|header| (text(&header[0]), text(&header[1]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
