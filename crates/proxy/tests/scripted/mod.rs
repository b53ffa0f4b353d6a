//! A next hop that remembers what it was asked and answers who asked.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic and print as tests do"
)]

pub(crate) mod guest;
pub(crate) mod lan;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use innkeeper_model::Origin;
use innkeeper_proxy::{Proxy, ProxyConfig};
use innkeeper_wire::{GuestRequest, GuestResponse, Hop, NextHop, Reason};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Bytes of an answer that no socket takes at once.
pub(crate) const LARGE: usize = 15 * 1024 * 1024;

/// Answers `router <id> <address> <body length>`; `/slow` takes a second, `/hang` for ever; `/large`
/// answers zeros.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) seen: Mutex<Vec<GuestRequest<Origin>>>,
}

impl NextHop<Origin> for Scripted {
    async fn call(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let path = request.target.path().to_owned();
        let text = format!("{} {}", said(&request.who), request.body.len());
        let body =
            if path == "/large" { Bytes::from(vec![b'0'; LARGE]) } else { Bytes::from(text) };
        self.seen.lock().unwrap().push(request);
        match path.as_str() {
            "/slow" => tokio::time::sleep(Duration::from_secs(1)).await,
            "/hang" => std::future::pending().await,
            _ => {}
        }
        let plain = HeaderValue::from_static("text/plain");
        GuestResponse::new(StatusCode::OK, plain, body, Reason::Served)
            .reported(Hop::Agent, Duration::from_micros(1))
    }
}

/// An origin in one line.
pub(crate) fn said(origin: &Origin) -> String {
    origin.to_string()
}

/// A proxy that runs in front of a scripted next hop.
pub(crate) struct Running {
    pub(crate) proxy: Arc<Proxy<Scripted>>,
    pub(crate) next: Arc<Scripted>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    registry: Registry,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::start_with(ProxyConfig::default())
    }

    pub(crate) fn start_with(config: ProxyConfig) -> Self {
        let (next, stop) = (Arc::new(Scripted::default()), CancellationToken::new());
        let mut registry = Registry::default();
        let proxy = Arc::new(Proxy::new(config, Arc::clone(&next), &mut registry));
        let (running, until) = (Arc::clone(&proxy), stop.clone());
        let task = tokio::spawn(async move { running.run(until).await.unwrap() });
        Self { proxy, next, stop, task, registry }
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }

    /// Whether the metrics have this line.
    pub(crate) fn counts(&self, line: &str) -> bool {
        self.metrics().lines().any(|found| found == line)
    }
}
