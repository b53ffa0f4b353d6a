use innkeeper_model::{MetadataProvider, NetworkId};
use innkeeper_store::ProviderLookup;

use crate::{
    import::{Interface, PORT_1, PORT_2, machine},
    world::{World, address, refusal},
};

const PROVIDER: &str = "nsx-1";

async fn ask(world: &World, from: &str) -> ProviderLookup {
    world.store.metadata_provider_owner(PROVIDER, address(from)).await.expect("a read")
}

#[tokio::test]
async fn a_provider_finds_machines_on_its_networks_only() {
    let world = World::new().await;
    assert_eq!(ask(&world, "10.0.0.3").await, ProviderLookup::NoNetworks);
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, _) = world.network_with("green", "10.0.0.0/24").await;
    let own = world.instance("web1", &[blue.id]).await.id;
    world.instance("web2", &[green.id]).await;
    let foreign = NetworkId::random();
    let mac = "fa:16:3e:00:00:01";
    let on = |port, network| Interface { port, network, mac, addresses: &["10.0.0.9"] };
    let imported = machine(1, &[on(PORT_1, foreign)]);
    let imported = world.store.instance_import(&imported).await.expect("imported").id;
    let elsewhere = machine(2, &[on(PORT_2, NetworkId::random())]);
    world.store.instance_import(&elsewhere).await.expect("imported");

    for network in [blue.id, foreign] {
        for _again in 0..2 {
            world.store.metadata_provider_add(PROVIDER, network).await.expect("added");
        }
    }
    for (from, instance) in [("10.0.0.3", own), ("10.0.0.9", imported)] {
        let ProviderLookup::Owner(owner) = ask(&world, from).await else {
            panic!("{from} is a machine's");
        };
        assert_eq!(owner.instance, instance, "{from}");
    }
    assert_eq!(ask(&world, "10.0.0.77").await, ProviderLookup::Ports(0));
    world.store.metadata_provider_add(PROVIDER, green.id).await.expect("added");
    assert_eq!(ask(&world, "10.0.0.3").await, ProviderLookup::Ports(2));
    // Its DHCP port has an address, but no guest.
    world.store.metadata_provider_remove(PROVIDER, green.id).await.expect("removed");
    let dhcp = world.dhcp_port(blue.id).await.expect("a DHCP port").fixed_ips[0].ip_address;
    assert_eq!(ask(&world, &dhcp.to_string()).await, ProviderLookup::Ports(0));
}

#[tokio::test]
async fn providers_are_listed_with_their_networks() {
    let world = World::new().await;
    let mut networks = [NetworkId::random(), NetworkId::random()];
    networks.sort();
    for (provider, network) in [("b", networks[0]), ("a", networks[1]), ("a", networks[0])] {
        world.store.metadata_provider_add(provider, network).await.expect("added");
    }
    let listed = world.store.metadata_provider_list().await.expect("listed");
    let expected = |provider: &str, network_ids: &[NetworkId]| MetadataProvider {
        provider: provider.to_owned(),
        network_ids: network_ids.to_vec(),
    };
    assert_eq!(listed, [expected("a", &networks), expected("b", &networks[..1])]);
    world.store.metadata_provider_remove("b", networks[0]).await.expect("removed");
    let refused = refusal(world.store.metadata_provider_remove("b", networks[0]).await);
    assert!(refused.starts_with("there is no metadata provider b of network "), "{refused}");
    let refused = refusal(world.store.metadata_provider_add("a b", networks[0]).await);
    assert!(refused.starts_with("provider: "), "{refused}");
}
