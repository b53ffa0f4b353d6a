//! The operator's view of one process: `/healthz` and `/metrics`.

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use http_body_util::Full;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::server::{Connections, Handler, serve_tcp};

/// Connections served at once: a few scrapers and load balancers, and someone who looks.
const OPS_CONNECTIONS_MAX: usize = 64;

/// What a process tells its operator.
pub struct Ops {
    registry: Registry,
    health: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Ops {
    /// The metrics of `registry`, and health as `health` sees it: nothing, or what is wrong. It is
    /// asked on every look and must answer at once.
    pub fn new(
        registry: Registry,
        health: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { registry, health: Box::new(health) }
    }

    /// Serves until `stop` is cancelled.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let connections = Connections::new(OPS_CONNECTIONS_MAX);
        serve_tcp(listener, None, connections, Arc::new(self), stop).await;
    }

    fn answer(&self, head: &request::Parts) -> (StatusCode, &'static str, String) {
        const TEXT: &str = "text/plain; charset=UTF-8";
        if head.method != Method::GET && head.method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "Only GET and HEAD.\n".to_owned());
        }
        match head.uri.path() {
            "/healthz" => match (self.health)() {
                Ok(()) => (StatusCode::OK, TEXT, "ok\n".to_owned()),
                Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{wrong}\n")),
            },
            "/metrics" => {
                let mut text = String::new();
                match encode(&mut text, &self.registry) {
                    Ok(()) => (StatusCode::OK, METRICS_TYPE, text),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
                }
            }
            _ => (StatusCode::NOT_FOUND, TEXT, "There are /healthz and /metrics.\n".to_owned()),
        }
    }
}

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Handler<SocketAddr> for Ops {
    async fn handle(
        &self,
        _peer: &SocketAddr,
        head: request::Parts,
        _body: Bytes,
    ) -> Response<Full<Bytes>> {
        let (status, content_type, text) = self.answer(&head);
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").finish_non_exhaustive()
    }
}
