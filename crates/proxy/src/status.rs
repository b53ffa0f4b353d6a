use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Registry,
};

use crate::ListenError;

/// How the proxy role fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyStatus {
    /// Namespaces that are listened in.
    pub namespaces: usize,
    /// Connections of guests that are open.
    pub connections: usize,
    /// Namespaces that should be listened in and are not; each is tried again every second.
    pub troubles: Vec<Trouble>,
}

/// A namespace that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its name; `netns_dir` if it is the directory of namespaces.
    pub namespace: String,
    /// Why, and what to do.
    pub error: String,
}

/// The troubles of now. Each is logged once, and once more when it is over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<BTreeMap<String, String>>>);

impl Troubles {
    pub(crate) fn report(&self, namespace: &str, error: &ListenError) {
        let error = error.to_string();
        let mut troubles = self.lock();
        if troubles.get(namespace) != Some(&error) {
            tracing::warn!(namespace, %error, "namespace not served; tried again every second");
            troubles.insert(namespace.to_owned(), error);
        }
    }

    pub(crate) fn clear(&self, namespace: &str) {
        if self.lock().remove(namespace).is_some() {
            tracing::info!(namespace, "the trouble is over");
        }
    }

    pub(crate) fn all(&self) -> Vec<Trouble> {
        let trouble = |(namespace, error): (&String, &String)| Trouble {
            namespace: namespace.clone(),
            error: error.clone(),
        };
        self.lock().iter().map(trouble).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Registers `innkeeper_proxy_namespaces` and `innkeeper_proxy_namespaces_not_served`.
pub(crate) fn register(
    registry: &mut Registry,
    namespaces: &Arc<AtomicUsize>,
    troubles: &Troubles,
) {
    let gauges = NamespaceGauges { namespaces: Arc::clone(namespaces), troubles: troubles.clone() };
    registry
        .sub_registry_with_prefix("innkeeper")
        .sub_registry_with_prefix("proxy")
        .register_collector(Box::new(gauges));
}

#[derive(Debug)]
struct NamespaceGauges {
    namespaces: Arc<AtomicUsize>,
    troubles: Troubles,
}

impl Collector for NamespaceGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let served = self.namespaces.load(Ordering::Relaxed);
        let not_served = self.troubles.count();
        for (name, help, value) in [
            ("namespaces", "Namespaces that are listened in", served),
            ("namespaces_not_served", "Namespaces that should be and are not", not_served),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
