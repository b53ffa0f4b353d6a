//! The host role following a topology that changes, is wrong, and cannot be had.

#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;
mod topology;

use std::{future::Future, time::Duration};

use innkeeper_host::{Host, HostConfig};
use innkeeper_model::{Topology, TopologyGeneration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use topology::{Names, hosted_network, hosted_router};

const PATIENCE: Duration = Duration::from_secs(5);

type Source = watch::Receiver<Result<Topology, String>>;

/// What a network view does: answers at once if it has something newer, else waits.
fn newer(
    source: Source,
) -> impl Fn(Option<TopologyGeneration>, Duration) -> Box<dyn Answer> + Send + Sync {
    move |after, wait| {
        let mut source = source.clone();
        Box::new(Box::pin(async move {
            let is_news = |found: &Result<Topology, String>| {
                found.as_ref().map_or(true, |found| Some(found.generation) != after)
            };
            let _ = tokio::time::timeout(wait, source.wait_for(is_news)).await;
            source.borrow().clone()
        }))
    }
}

trait Answer: Future<Output = Result<Topology, String>> + Send + Unpin {}
impl<T: Future<Output = Result<Topology, String>> + Send + Unpin> Answer for T {}

#[test]
fn a_changing_topology_is_followed() {
    lab::run_async("a_changing_topology_is_followed", async || {
        let (send, source) = watch::channel(Err("the store is away".to_owned()));
        let host = Host::new(HostConfig::default());
        let stop = CancellationToken::new();
        let (following, until) = (host.clone(), stop.clone());
        let task = tokio::spawn(async move { following.follow(newer(source), until).await });
        lab::wait_for("the error", PATIENCE, || host.status().view_error.is_some());

        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let router = hosted_router(&[("brblue", "10.0.0.1/24")]);
        let (qdhcp, qrouter) =
            (Names::of_network(&network).namespace, Names::of_router(&router).namespace);
        let both = Topology { generation: 1, networks: vec![network], routers: vec![router] };
        send.send(Ok(both.clone())).unwrap();
        lab::wait_for("both namespaces", PATIENCE, || host.status().namespaces == 2);
        assert_eq!(host.status().view_error, None);

        // Away for a while: nothing is taken down.
        send.send(Err("the store is away".to_owned())).unwrap();
        lab::wait_for("the error", PATIENCE, || host.status().view_error.is_some());
        assert_eq!(lab::ip("netns list").lines().count(), 2);

        let one = Topology { generation: 2, routers: Vec::new(), ..both.clone() };
        send.send(Ok(one)).unwrap();
        lab::wait_for("the router to go", PATIENCE, || {
            let left = lab::ip("netns list");
            left.contains(&qdhcp) && !left.contains(&qrouter)
        });

        // In the way, then out of it: no event tells, only the next try.
        let blocked = hosted_network("brtaken", "10.0.9.2/24", true);
        lab::ip("link add brtaken type veth peer name other");
        let more = Topology { generation: 3, networks: vec![blocked], routers: Vec::new() };
        send.send(Ok(more)).unwrap();
        lab::wait_for("the failure", PATIENCE, || host.status().failures.len() == 1);
        lab::ip("link del brtaken");
        lab::wait_for("the failure to end", PATIENCE, || host.status().failures.is_empty());
        assert_eq!((host.status().generation, host.status().namespaces), (Some(3), 1));

        stop.cancel();
        task.await.unwrap();
        assert_eq!(lab::ip("netns list").lines().count(), 1, "stopping took things down");
    });
}
