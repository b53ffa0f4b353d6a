//! The DHCP server as a part of the host role.

use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;

use crate::{
    HostError,
    dhcp::{DhcpServer, DhcpSettings, DhcpTarget},
    host::lock,
    report::Failure,
    source::NetworkSource,
    work::Work,
};

/// The server while the role follows a topology, and nothing otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Dhcp {
    settings: Option<DhcpSettings>,
    server: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Off,
    /// Why there is none.
    Failed(String),
    On(Arc<DhcpServer>),
}

impl Dhcp {
    /// `None` for one that never answers.
    pub(crate) fn new(settings: Option<DhcpSettings>) -> Self {
        Self { settings, server: Arc::default() }
    }

    /// Answers from now on what `source` says of ports, on the current runtime.
    pub(crate) fn start<S: NetworkSource>(&self, source: &S) {
        let Some(settings) = self.settings.clone() else { return };
        let source = source.clone();
        let server = DhcpServer::new(
            settings,
            Arc::new(move |network, mac| {
                let source = source.clone();
                Box::pin(async move {
                    source.dhcp_binding(network, mac).await.map_err(|error| error.to_string())
                })
            }),
            Handle::current(),
        );
        *lock(&self.server) = match server {
            Ok(server) => State::On(Arc::new(server)),
            Err(error) => State::Failed(error.to_string()),
        };
    }

    /// Answers in these namespaces and no others.
    pub(crate) fn serve(&self, targets: Vec<DhcpTarget>, work: &mut Work) {
        let server = match &*lock(&self.server) {
            State::Off => return,
            State::Failed(error) => {
                let error = error.clone();
                work.report.failures.push(Failure { item: "dhcp".to_owned(), error });
                return;
            }
            State::On(server) => Arc::clone(server),
        };
        for (namespace, error) in server.update(targets) {
            work.report.failed(&namespace, &HostError::from(error));
        }
    }

    /// In how many networks it answers, and what an operator should know.
    pub(crate) fn status(&self) -> (usize, Vec<Failure>) {
        let State::On(server) = &*lock(&self.server) else { return (0, Vec::new()) };
        let status = server.status();
        let remark = |trouble: &crate::dhcp::DhcpTrouble| Failure {
            item: trouble.network.map_or_else(|| "dhcp".to_owned(), |id| format!("qdhcp-{id}")),
            error: match trouble.mac {
                Some(mac) => format!("{mac}: {}", trouble.text),
                None => trouble.text.clone(),
            },
        };
        (status.networks.len(), status.troubles.iter().map(remark).collect())
    }

    /// Answers no more.
    pub(crate) async fn stop(&self) {
        let state = std::mem::take(&mut *lock(&self.server));
        if let State::On(server) = state {
            server.stop().await;
        }
    }
}
