//! Whatever is made and deleted in whatever order, addresses stay unique and inside their subnet.

use std::collections::HashSet;

use innkeeper_model::{NewPort, Port};
use proptest::prelude::*;

use crate::world::{World, at};

#[derive(Debug, Clone)]
enum Step {
    /// Any address.
    Any,
    /// This host of the range.
    Named(u8),
    /// The port at this place among those that exist.
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Any),
        2 => (0..16_u8).prop_map(Step::Named),
        3 => (0..16_usize).prop_map(Step::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn addresses_stay_unique_and_inside(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(play(steps));
    }
}

/// A /28: .0 is the network, .1 the gateway, .2 the DHCP server, .15 the broadcast address.
async fn play(steps: Vec<Step>) {
    let world = World::new().await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/28").await;
    let mut ports: Vec<Port> = Vec::new();
    for step in steps {
        let free = (3..15_u8).find(|host| !ports.iter().any(|port| host_of(port) == *host));
        match step {
            Step::Any => {
                let draft = NewPort::on(world.project.clone(), network.id);
                match (world.store.port_create(draft).await, free) {
                    (Ok(port), Some(free)) => {
                        assert_eq!(host_of(&port), free, "the lowest free one");
                        ports.push(port);
                    }
                    (Err(_), None) => {}
                    (result, free) => panic!("{result:?} although {free:?} was free"),
                }
            }
            Step::Named(host) => {
                let good = (3..15).contains(&host) && !ports.iter().any(|p| host_of(p) == host);
                let made = world.port_with(network.id, &format!("10.0.0.{host}")).await;
                assert_eq!(made.is_ok(), good, "{made:?}");
                ports.extend(made);
            }
            Step::Delete(place) if !ports.is_empty() => {
                let port = ports.remove(place % ports.len());
                world.store.port_delete(port.id).await.expect("a deletion");
            }
            Step::Delete(_) => {}
        }
    }
    let kept = world.store.port_list(None).await.expect("ports");
    let addresses: Vec<_> =
        kept.iter().flat_map(|port| &port.fixed_ips).map(|fixed| fixed.ip_address).collect();
    let distinct: HashSet<_> = addresses.iter().collect();
    assert_eq!(distinct.len(), addresses.len(), "{addresses:?}");
    assert_eq!(addresses.len(), ports.len() + 1, "each has one, and the DHCP server");
    assert!(addresses.iter().all(|address| subnet.cidr.contains(address)), "{addresses:?}");
    // The request that names an address in canonical form and the one that does not are one.
    let mut draft = NewPort::on(world.project.clone(), network.id);
    draft.fixed_ips = Some(vec![at("::ffff:10.0.0.2")]);
    world.store.port_create(draft).await.expect_err("the DHCP server's");
}

fn host_of(port: &Port) -> u8 {
    match port.fixed_ips[0].ip_address {
        std::net::IpAddr::V4(v4) => v4.octets()[3],
        std::net::IpAddr::V6(v6) => panic!("{v6}"),
    }
}
