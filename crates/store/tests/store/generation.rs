//! The topology's generation grows once with whatever hosts are told, and with nothing else.

use std::pin::Pin;

use innkeeper_model::{
    ExtraDhcpOption, HostRoute, InstanceChange, Network, NetworkChange, NewPort, Port,
    PortAttachment, PortChange, PowerState, RouterChange, RouterId, Subnet, SubnetChange,
};

use crate::{
    import::machine,
    world::{World, address, at, new_network, new_subnet},
};

/// `watched` is on blue; `bare` is an instance without a port, `free` a port without an instance.
struct Scene {
    world: World,
    network: Network,
    subnet: Subnet,
    router: RouterId,
    watched: Port,
    bare: innkeeper_model::InstanceId,
    free: Port,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
        let router = world.router_on("r1", &[]).await;
        let watched = world.instance("watched", &[network.id]).await.id;
        let watched = world.ports_of(watched).await.remove(0);
        let bare = world.instance("bare", &[]).await.id;
        let free = world.port(network.id).await;
        Self { world, network, subnet, router, watched, bare, free }
    }

    async fn generation(&self) -> u64 {
        self.world.store.topology_generation().await.expect("a generation")
    }

    async fn port(&self, id: innkeeper_model::PortId, change: PortChange) {
        self.world.store.port_update(id, change).await.expect("an update");
    }

    async fn instance(&self, of: Option<&Port>, change: InstanceChange) {
        let id = of.map_or(self.bare, |port| port.attachment.instance().expect("an instance"));
        self.world.store.instance_update(id, change).await.expect("an update");
    }

    async fn network(&self, change: NetworkChange) {
        self.world.store.network_update(self.network.id, change).await.expect("an update");
    }

    async fn subnet(&self, change: SubnetChange) {
        self.world.store.subnet_update(self.subnet.id, change).await.expect("an update");
    }
}

type Act = for<'s> fn(&'s Scene) -> Pin<Box<dyn Future<Output = ()> + 's>>;

fn options(value: &str) -> Option<Vec<ExtraDhcpOption>> {
    Some(vec![ExtraDhcpOption { name: "tftp-server".to_owned(), value: value.to_owned() }])
}

fn hostname(name: &str) -> InstanceChange {
    InstanceChange { hostname: Some(name.to_owned()), ..InstanceChange::default() }
}

fn attach(attachment: PortAttachment) -> PortChange {
    PortChange { attachment: Some(attachment), ..PortChange::default() }
}

macro_rules! act {
    (|$scene:ident| $act:expr) => {
        |$scene| {
            Box::pin(async move {
                $act;
            })
        }
    };
}

const SHOWN: &[(&str, Act)] = &[
    ("a network", act!(|s| s.world.network("green").await)),
    ("its MTU", act!(|s| s.network(NetworkChange { mtu: Some(1400), ..Default::default() }).await)),
    (
        "its force_metadata",
        act!(|s| s
            .network(NetworkChange { force_metadata: Some(true), ..Default::default() })
            .await),
    ),
    (
        "its isolated_metadata",
        act!(|s| {
            let isolated_metadata = Some(false);
            s.network(NetworkChange { isolated_metadata, ..Default::default() }).await;
        }),
    ),
    (
        "a network's end",
        act!(|s| {
            s.world.store.port_delete(s.free.id).await.expect("deleted");
            s.world.store.port_delete(s.watched.id).await.expect("deleted");
            let before = s.generation().await;
            s.world.store.network_delete(s.network.id).await.expect("deleted");
            assert_eq!(s.generation().await, before + 1);
        }),
    ),
    ("a subnet", act!(|s| s.world.subnet(s.network.id, "10.0.1.0/24").await)),
    (
        "a subnet without DHCP",
        act!(|s| {
            let mut draft = new_subnet(s.network.id, "10.0.1.0/24");
            draft.enable_dhcp = false;
            s.world.store.subnet_create(draft).await.expect("a subnet");
        }),
    ),
    (
        "a subnet's end",
        act!(|s| {
            let mut draft = new_subnet(s.network.id, "10.0.1.0/24");
            draft.enable_dhcp = false;
            let subnet = s.world.store.subnet_create(draft).await.expect("a subnet");
            let before = s.generation().await;
            s.world.store.subnet_delete(subnet.id).await.expect("deleted");
            assert_eq!(s.generation().await, before + 1);
        }),
    ),
    (
        "name servers",
        act!(|s| {
            let dns_nameservers = Some(vec![address("10.0.0.53")]);
            s.subnet(SubnetChange { dns_nameservers, ..Default::default() }).await;
        }),
    ),
    (
        "host routes",
        act!(|s| {
            let destination = "192.0.2.0/24".parse().expect("a range");
            let host_routes = Some(vec![HostRoute { destination, nexthop: address("10.0.0.9") }]);
            s.subnet(SubnetChange { host_routes, ..Default::default() }).await;
        }),
    ),
    (
        "DHCP off",
        act!(|s| s.subnet(SubnetChange { enable_dhcp: Some(false), ..Default::default() }).await),
    ),
    ("a router", act!(|s| s.world.router_on("r2", &[]).await)),
    ("a router's end", act!(|s| s.world.store.router_delete(s.router).await.expect("deleted"))),
    (
        "a router's subnet",
        act!(|s| s.world.store.router_add_subnet(s.router, s.subnet.id).await.expect("added")),
    ),
    (
        "a router's subnet, no more",
        act!(|s| {
            s.world.store.router_add_subnet(s.router, s.subnet.id).await.expect("added");
            let before = s.generation().await;
            s.world.store.router_remove_subnet(s.router, s.subnet.id).await.expect("removed");
            assert_eq!(s.generation().await, before + 1);
        }),
    ),
    ("a port", act!(|s| s.world.port(s.network.id).await)),
    (
        "a port without addresses",
        act!(|s| {
            let mut draft = NewPort::on(s.world.project.clone(), s.network.id);
            draft.fixed_ips = Some(Vec::new());
            s.world.store.port_create(draft).await.expect("a port");
        }),
    ),
    ("a port's end", act!(|s| s.world.store.port_delete(s.free.id).await.expect("deleted"))),
    (
        "a port's addresses",
        act!(|s| {
            let fixed_ips = Some(vec![at("10.0.0.99")]);
            s.port(s.free.id, PortChange { fixed_ips, ..Default::default() }).await;
        }),
    ),
    (
        "a port's options",
        act!(|s| {
            let extra_dhcp_opts = options("10.0.0.9");
            s.port(s.free.id, PortChange { extra_dhcp_opts, ..Default::default() }).await;
        }),
    ),
    ("an attachment", act!(|s| s.port(s.free.id, attach(PortAttachment::Instance(s.bare))).await)),
    ("a detachment", act!(|s| s.port(s.watched.id, attach(PortAttachment::None)).await)),
    ("an instance with a port", act!(|s| s.world.instance("new", &[s.network.id]).await)),
    (
        "its end",
        act!(|s| {
            let id = s.watched.attachment.instance().expect("an instance");
            s.world.store.instance_delete(id).await.expect("deleted");
        }),
    ),
    ("its host name", act!(|s| s.instance(Some(&s.watched), hostname("new")).await)),
];

const NOT_SHOWN: &[(&str, Act)] = &[
    ("a network's name", act!(|s| s.network(named("azure")).await)),
    ("its MTU again", act!(|s| s.network(NetworkChange::default()).await)),
    (
        "a subnet's name",
        act!(|s| {
            let name = Some("azure".to_owned());
            s.subnet(SubnetChange { name, ..Default::default() }).await;
        }),
    ),
    (
        "a router's name",
        act!(|s| {
            let change = RouterChange { name: Some("r9".to_owned()) };
            s.world.store.router_update(s.router, change).await.expect("an update");
        }),
    ),
    (
        "a port's name and groups",
        act!(|s| {
            let (name, security_groups) = (Some("p".to_owned()), Some(vec!["web".to_owned()]));
            s.port(s.free.id, PortChange { name, security_groups, ..Default::default() }).await;
        }),
    ),
    (
        "the same addresses and options",
        act!(|s| {
            let fixed_ips = Some(vec![at(&s.free.fixed_ips[0].ip_address.to_string())]);
            let extra_dhcp_opts = Some(Vec::new());
            s.port(s.free.id, PortChange { fixed_ips, extra_dhcp_opts, ..Default::default() })
                .await;
        }),
    ),
    ("the same attachment", act!(|s| s.port(s.watched.id, attach(s.watched.attachment)).await)),
    ("an instance without a port", act!(|s| s.world.instance("new", &[]).await)),
    ("its host name", act!(|s| s.instance(None, hostname("new")).await)),
    ("its end", act!(|s| s.world.store.instance_delete(s.bare).await.expect("deleted"))),
    (
        "a host name's domain",
        act!(|s| s.instance(Some(&s.watched), hostname("watched.example.org")).await),
    ),
    (
        "a launch",
        act!(|s| {
            let power_state = Some(PowerState::Running);
            let change = InstanceChange { power_state, ..InstanceChange::default() };
            s.instance(Some(&s.watched), change).await;
        }),
    ),
    (
        "an import",
        act!(|s| s.world.store.instance_import(&machine(7, &[])).await.expect("imported")),
    ),
];

fn named(name: &str) -> NetworkChange {
    NetworkChange { name: Some(name.to_owned()), ..NetworkChange::default() }
}

#[tokio::test]
async fn it_grows_once_with_whatever_hosts_are_told() {
    for (name, act) in SHOWN {
        let scene = Scene::new().await;
        let topology = scene.world.store.topology().await.expect("a topology");
        let before = scene.generation().await;
        assert_eq!(topology.generation, before);
        act(&scene).await;
        let grown = scene.generation().await - before;
        // Those that check it themselves had something to prepare.
        let by_itself = ["a network's end", "a subnet's end", "a router's subnet, no more"];
        assert!(grown == 1 || (by_itself.contains(name) && grown > 1), "{name}: {grown}");
    }
}

#[tokio::test]
async fn it_does_not_grow_with_what_no_host_is_told() {
    for (name, act) in NOT_SHOWN {
        let scene = Scene::new().await;
        let before = scene.generation().await;
        act(&scene).await;
        assert_eq!(scene.generation().await, before, "{name}");
    }
}

#[tokio::test]
async fn an_imported_host_name_is_told_where_a_port_of_ours_is_plugged_in() {
    let world = World::new().await;
    let imported = machine(7, &[]);
    let id = world.store.instance_import(&imported).await.expect("imported").id;
    let project = crate::world::id("nova-project");
    let blue = world.store.network_create(new_network(&project, "blue")).await.expect("a network");
    let port = world.store.port_create(NewPort::on(project, blue.id)).await.expect("a port");
    world.store.port_update(port.id, attach(PortAttachment::Instance(id))).await.expect("attached");
    let before = world.store.topology_generation().await.expect("a generation");
    world.store.instance_import(&imported).await.expect("imported again");
    assert_eq!(world.store.topology_generation().await.expect("one"), before, "the same name");
    let mut renamed = serde_json::to_value(&imported).expect("JSON");
    renamed["hostname"] = "other".into();
    let renamed = serde_json::from_value(renamed).expect("an object");
    world.store.instance_import(&renamed).await.expect("imported again");
    assert_eq!(world.store.topology_generation().await.expect("one"), before + 1, "a new name");
    let binding = world.store.dhcp_binding(blue.id, port.mac_address).await.expect("a read");
    assert_eq!(binding.expect("a binding").host_name.as_deref(), Some("other"));
}
