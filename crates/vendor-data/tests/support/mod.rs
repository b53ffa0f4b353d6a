//! Machines to ask about, and services on loopback that answer as a test wants.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use innkeeper_model::{Ec2Ids, GuestRecord};
use innkeeper_vendor_data::{Target, VendorData, VendorDataConfig};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

/// Longer than any answer here takes, so that only a fault reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Anything a connection can be.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One request, and the connection it came on.
pub(crate) struct Call {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) asked: Asked,
    pub(crate) stream: Box<dyn Stream>,
}

/// A request as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A service in this process.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Service {
    /// Gives each request to `answer`.
    pub(crate) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::start_with(None, answer).await
    }

    pub(crate) async fn start_with<F, Fut>(tls: Option<TlsAcceptor>, answer: F) -> Self
    where
        F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(take(stream, tls.clone(), Arc::clone(&log), answer.clone()));
            }
        });
        Self { address, asked, task }
    }

    /// Gives the same bytes to everybody.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |call| {
            let answer = Arc::clone(&answer);
            async move { call.reply(&answer).await }
        })
        .await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn target(&self, name: &str) -> Target {
        Target::parse(&format!("{name}@http://{}/ask", self.address)).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call {
    /// Sends `bytes` and closes.
    pub(crate) async fn reply(mut self, bytes: &[u8]) {
        // The client may have left.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.shutdown().await;
    }

    pub(crate) async fn reply_json(self, value: &Value) {
        self.reply(&ok(&value.to_string())).await;
    }
}

/// An answer with status 200 and this body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", body)
}

pub(crate) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn take<F, Fut>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    log: Arc<Mutex<Vec<Asked>>>,
    answer: F,
) where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        // A client that does not trust the server leaves here.
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    while body.len() < length.unwrap_or(0) {
        stream.read_buf(&mut body).await.unwrap();
    }
    let asked = Asked { head, body };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len()
    };
    answer(Call { number, asked, stream }).await;
}

/// Vendor data from `targets`, otherwise as it comes.
pub(crate) fn vendor_data(targets: Vec<Target>) -> VendorData {
    with(targets, |_| ())
}

pub(crate) fn with(targets: Vec<Target>, change: impl FnOnce(&mut VendorDataConfig)) -> VendorData {
    let mut config = VendorDataConfig { targets, ..VendorDataConfig::default() };
    change(&mut config);
    VendorData::open(config).unwrap()
}

/// What is said about `record`, as one object.
pub(crate) async fn said(vendor_data: &VendorData, record: &GuestRecord) -> Value {
    let said = vendor_data.dynamic_of(record, Instant::now() + PATIENCE).await.unwrap();
    Value::Object(said.iter().cloned().collect())
}

/// Machine number `number`, at `revision`.
pub(crate) fn machine(number: u64, revision: u64) -> GuestRecord {
    record(&json!({
        "id": format!("00000000-0000-4000-8000-{number:012}"),
        "project_id": "acme",
        "name": "web",
        "hostname": "web",
        "image_id": null,
        "metadata": {},
        "revision": revision,
    }))
}

/// A machine with these properties and nothing else worth mentioning.
pub(crate) fn record(properties: &Value) -> GuestRecord {
    let mut instance = json!({
        "flavor": {
            "id": "1", "name": "m1", "vcpus": 1, "ram_mib": 1, "disk_gib": 1, "extra_specs": {},
            "created_at": 0,
        },
        "launch_index": 0,
        "reservation_id": "r-00000000",
        "config_drive": false,
        "power_state": "running",
        "created_at": 0,
        "revision": 1,
    });
    instance.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    GuestRecord {
        instance: serde_json::from_value(instance).unwrap(),
        ec2_ids: Ec2Ids::default(),
        display_name: None,
        ec2_key: None,
        boot_roles: "member,reader".to_owned(),
        network_info: Vec::new(),
        security_groups: Vec::new(),
        password: String::new(),
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Lets `time` pass without waiting for it.
pub(crate) async fn skip(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
