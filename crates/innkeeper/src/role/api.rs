//! The role `api`: identity to document, and the operator's control API.

use std::{net::SocketAddr, sync::Arc};

use innkeeper_api::{Api, ApiEdge, Identification, Sources};
use innkeeper_documents::Settings;
use innkeeper_store::Store;
use innkeeper_vendor_data::CurrentSettings;
use innkeeper_wire::{
    Hop,
    limits::{CONNECTIONS_MAX, DRAIN},
    metrics::{HopMetrics, register_connections},
    server::{Connections, serve_tcp},
    signature::SharedSecret,
    tls::{CertificateFiles, server_config},
};
use prometheus_client::registry::Registry;
use tokio_rustls::TlsAcceptor;

use super::{
    Tasks, control, listen,
    metrics::{self, Health},
    vendor_data,
};
use crate::{
    config::{Config, IdentificationMode, Name},
    secret_file,
};

/// The database and who answers from it.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) store: Store,
    pub(super) api: Arc<Api>,
    pub(super) settings: Arc<CurrentSettings>,
}

impl Backend {
    /// Opens the database; it is closed when every task has ended.
    pub(super) async fn open(
        config: &Config,
        registry: &mut Registry,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        // What is rendered takes about as much as what it is rendered from.
        let cache_bytes = config.api.cache_mib.bytes() / 2;
        let store = Store::open_with_cache(&config.store.path, cache_bytes).await?;
        let closing = store.clone();
        tasks.finally(async move { closing.close().await });
        let settings = Settings {
            dhcp_domain: config.api.dhcp_domain.as_ref().map(Name::as_str).map(str::to_owned),
            newest_openstack_version: config.api.newest_openstack_version,
            vendordata_providers: config.api.vendordata_providers.clone(),
            ..Settings::default()
        };
        let metrics = HopMetrics::register(registry, Hop::Api);
        let settings = CurrentSettings::fixed(settings);
        let settings = Arc::new(settings.with_vendor_data(vendor_data::open(&config.api)?));
        let api = Api::new(store.clone(), Arc::clone(&settings), Sources::system(), metrics)
            .with_cache(cache_bytes);
        Ok(Self { store, api: Arc::new(api), settings })
    }
}

/// Starts the role in a process of its own.
pub(super) async fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let secret = shared_secret(config)?;
    let backend = Backend::open(config, &mut registry, tasks).await?;
    listen_for_agents(
        (config.api.listen, "api.listen"),
        config,
        secret,
        &backend,
        &mut registry,
        tasks,
    )?;
    control::start(config, &backend, tasks)?;
    let health = Health::of_store(backend.store, tasks);
    metrics::serve(config.api.metrics_listen, "api.metrics_listen", registry, health, tasks)
}

/// Answers agents of other processes at an address, the value of the key beside it.
pub(super) fn listen_for_agents(
    (address, key): (SocketAddr, &str),
    config: &Config,
    secret: SharedSecret,
    backend: &Backend,
    registry: &mut Registry,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let tls = acceptor(config)?;
    let listener = listen::tcp(address, key)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tasks.listens(format!("{scheme}://{}", listener.local_addr()?));
    let connections = Connections::new(CONNECTIONS_MAX);
    register_connections(registry, Hop::Api, connections.clone());
    let edge = Arc::new(ApiEdge::new(Arc::clone(&backend.api), secret, identification(config)));
    let stop = tasks.stop();
    tasks.spawn("the metadata listener", async move {
        serve_tcp(listener, tls, connections.clone(), edge, stop).await;
        connections.drain(DRAIN).await;
        Ok(())
    });
    Ok(())
}

fn identification(config: &Config) -> Identification {
    match config.api.identification {
        IdentificationMode::InstanceId => Identification::InstanceId,
        IdentificationMode::Address => {
            let trust_forwarded_for = config.api.trust_forwarded_for;
            if trust_forwarded_for {
                tracing::warn!(
                    "api.trust_forwarded_for is set: whoever reaches the API can pass for every \
                     machine; let only the proxy in front reach it"
                );
            }
            Identification::Address { trust_forwarded_for }
        }
    }
}

/// The secret that agents sign with.
pub(super) fn shared_secret(config: &Config) -> anyhow::Result<SharedSecret> {
    let text = secret_file::shared_secret(config.secrets.shared_secret_file.path())?;
    Ok(SharedSecret::new(text.expose())?)
}

fn acceptor(config: &Config) -> anyhow::Result<Option<TlsAcceptor>> {
    let api = &config.api;
    let (Some(certificate), Some(key)) = (&api.tls_certificate, &api.tls_private_key) else {
        return Ok(None);
    };
    let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
    let tls = server_config(&files, api.tls_client_ca.as_deref())?;
    Ok(Some(TlsAcceptor::from(tls)))
}
