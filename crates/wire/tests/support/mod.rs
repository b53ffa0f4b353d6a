//! A real server whose handler tells what it was asked, and a bare client.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::panic, reason = "helpers of tests panic as tests do")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_wire::{
    GuestRequest, RequestId, headers,
    server::{Connections, Handler, serve_tcp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// No test step takes longer unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with the body it got; some paths do something else.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) asked: AtomicUsize,
    pub(crate) heads: std::sync::Mutex<Vec<request::Parts>>,
}

impl<P: Send + Sync> Handler<P> for Echo {
    async fn handle(&self, _: &P, head: request::Parts, body: Bytes) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(Full::new(body));
        match head.uri.path() {
            "/panic" => panic!("as asked"),
            "/hang" => std::future::pending().await,
            "/large" => *response.body_mut() = Full::new(Bytes::from(vec![b'x'; 3_000_000])),
            "/busy" => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
            "/length" => drop(response.headers_mut().insert(header::CONTENT_LENGTH, 42.into())),
            "/no-content" => *response.status_mut() = StatusCode::NO_CONTENT,
            "/not-modified" => *response.status_mut() = StatusCode::NOT_MODIFIED,
            "/redirect" => *response.status_mut() = StatusCode::FOUND,
            path => {
                let method = head.method.as_str();
                let value = format!("{method} {path}").parse().unwrap();
                response.headers_mut().insert("x-asked", value);
            }
        }
        // As our own hops answer each other.
        if head.headers.contains_key(headers::REQUEST_ID) && response.status() == StatusCode::OK {
            response.headers_mut().insert(headers::REASON, HeaderValue::from_static("served"));
        }
        self.heads.lock().unwrap().push(head);
        response
    }
}

/// A server that can be stopped and, at the same address, started again.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handler: Arc<Echo>,
    pub(crate) connections: Connections,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), Arc::new(Echo::default()), None, 64).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        handler: Arc<Echo>,
        tls: Option<TlsAcceptor>,
        max: usize,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, stop) = (Connections::new(max), CancellationToken::new());
        let accepting = tokio::spawn(serve_tcp(
            listener,
            tls,
            connections.clone(),
            Arc::clone(&handler),
            stop.clone(),
        ));
        Self { address, handler, connections, stop, accepting }
    }

    /// Stops as a kill would: what is open is cut.
    pub(crate) async fn kill(self) -> (SocketAddr, Arc<Echo>) {
        self.stop.cancel();
        self.accepting.await.unwrap();
        self.connections.drain(Duration::ZERO).await;
        (self.address, self.handler)
    }

    pub(crate) async fn stop(&self) -> bool {
        self.stop.cancel();
        self.connections.drain(PATIENCE).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` and reads until the server closes.
    pub(crate) async fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await
    }

    /// Proves that the listener still serves.
    pub(crate) async fn assert_unharmed(&self) {
        let answer = self.ask(b"GET /still HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.contains("x-asked: GET /still"), "the listener is harmed: {answer:?}");
    }
}

pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

pub(crate) async fn in_time<T>(step: impl Future<Output = T>) -> T {
    timeout(PATIENCE, step).await.expect("a test step hangs")
}

pub(crate) fn guest_request<Who>(
    who: Who,
    method: Method,
    target: &'static str,
    body: &'static [u8],
    patience: Duration,
) -> GuestRequest<Who> {
    GuestRequest {
        who,
        method,
        target: PathAndQuery::from_static(target),
        headers: Arc::default(),
        body: Bytes::from_static(body),
        request_id: RequestId::random(),
        deadline: Instant::now() + patience,
    }
}
