//! Each visible change raises exactly the instances whose documents show it.

use std::pin::Pin;

use innkeeper_model::{
    FloatingIpChange, HostRoute, InstanceChange, NetworkChange, NewFloatingIp, NewPort, Port,
    PortAttachment, PortChange, PowerState, Subnet, SubnetChange,
};

use crate::world::{World, address, at, new_subnet};

/// `watched` and `neighbour` are on blue, `stranger` on green.
struct Scene {
    world: World,
    blue: Subnet,
    green: Subnet,
    watched: Port,
}

type Act = for<'s> fn(&'s Scene) -> Pin<Box<dyn Future<Output = ()> + 's>>;

/// Which instances an act must raise.
const WATCHED: [bool; 3] = [true, false, false];
const BLUE: [bool; 3] = [true, true, false];
const NONE: [bool; 3] = [false, false, false];

#[tokio::test]
async fn each_visible_change_raises_exactly_the_affected_instances() {
    for (name, raised, act) in ACTS {
        let world = World::new().await;
        let (blue_network, blue) = world.network_with("blue", "10.0.0.0/24").await;
        let (green_network, green) = world.network_with("green", "10.0.0.0/24").await;
        let instances = [
            world.instance("watched", &[blue_network.id]).await.id,
            world.instance("neighbour", &[blue_network.id]).await.id,
            world.instance("stranger", &[green_network.id]).await.id,
        ];
        let watched = world.ports_of(instances[0]).await.remove(0);
        let scene = Scene { world, blue, green, watched };
        act(&scene).await;
        for (instance, raised) in instances.into_iter().zip(*raised) {
            let revision = scene.world.revision(instance).await;
            assert_eq!(revision, 1 + u64::from(raised), "{name}: {instance:?} of {instances:?}");
        }
    }
}

const ACTS: &[(&str, [bool; 3], Act)] = &[
    ("metadata", WATCHED, |s| {
        Box::pin(s.instance(|c| {
            c.set_metadata.insert("role".to_owned(), "web".to_owned());
        }))
    }),
    ("no metadata", NONE, |s| Box::pin(s.instance(|c| c.unset_metadata.push("role".to_owned())))),
    ("name", WATCHED, |s| Box::pin(s.instance(|c| c.name = Some("new".to_owned())))),
    ("same name", NONE, |s| Box::pin(s.instance(|c| c.name = Some("watched".to_owned())))),
    ("host name", WATCHED, |s| Box::pin(s.instance(|c| c.hostname = Some("new".to_owned())))),
    ("zone", WATCHED, |s| Box::pin(s.instance(|c| c.availability_zone = Some("n".to_owned())))),
    ("launch", NONE, |s| Box::pin(s.instance(|c| c.power_state = Some(PowerState::Running)))),
    ("password", WATCHED, |s| {
        Box::pin(async {
            let id = s.watched_id();
            s.world.store.guest_password_set(id, "x".to_owned()).await.expect("a password");
        })
    }),
    ("security groups", WATCHED, |s| {
        Box::pin(s.port(|c| c.security_groups = Some(vec!["web".to_owned()])))
    }),
    ("port name", NONE, |s| Box::pin(s.port(|c| c.name = Some("eth0".to_owned())))),
    ("address", WATCHED, |s| Box::pin(s.port(|c| c.fixed_ips = Some(vec![at("10.0.0.99")])))),
    ("same address", NONE, |s| Box::pin(s.port(|c| c.fixed_ips = Some(vec![at("10.0.0.3")])))),
    ("detach", WATCHED, |s| Box::pin(s.port(|c| c.attachment = Some(PortAttachment::None)))),
    ("port deletion", WATCHED, |s| {
        Box::pin(async {
            s.world.store.port_delete(s.watched.id).await.expect("a deletion");
        })
    }),
    ("attach", WATCHED, |s| {
        Box::pin(async {
            let port = s.world.port(s.green.network_id).await;
            let attachment = Some(PortAttachment::Instance(s.watched_id()));
            let change = PortChange { attachment, ..PortChange::default() };
            s.world.store.port_update(port.id, change).await.expect("an attachment");
        })
    }),
    ("a free port", NONE, |s| {
        Box::pin(async {
            s.world.port(s.blue.network_id).await;
        })
    }),
    ("network name", BLUE, |s| Box::pin(s.network(|c| c.name = Some("azure".to_owned())))),
    ("same network name", NONE, |s| Box::pin(s.network(|c| c.name = Some("blue".to_owned())))),
    ("MTU", BLUE, |s| Box::pin(s.network(|c| c.mtu = Some(1400)))),
    ("forced metadata", NONE, |s| Box::pin(s.network(|c| c.force_metadata = Some(true)))),
    ("name servers", BLUE, |s| {
        Box::pin(s.subnet(|c| c.dns_nameservers = Some(vec![address("192.0.2.53")])))
    }),
    ("routes", BLUE, |s| {
        let route = HostRoute {
            destination: "10.9.0.0/16".parse().expect("a range"),
            nexthop: address("10.0.0.9"),
        };
        Box::pin(s.subnet(|c| c.host_routes = Some(vec![route])))
    }),
    ("DHCP off", BLUE, |s| Box::pin(s.subnet(|c| c.enable_dhcp = Some(false)))),
    ("subnet name", NONE, |s| Box::pin(s.subnet(|c| c.name = Some("s".to_owned())))),
    ("another subnet", NONE, |s| {
        Box::pin(async {
            let draft = new_subnet(s.blue.network_id, "10.7.0.0/24");
            s.world.store.subnet_create(draft).await.expect("a subnet");
        })
    }),
    ("router", NONE, |s| {
        Box::pin(async {
            s.world.router_on("r1", &[&s.blue]).await;
        })
    }),
    ("floating IP", WATCHED, |s| {
        Box::pin(async {
            s.floating_ip(true).await;
        })
    }),
    ("idle floating IP", NONE, |s| {
        Box::pin(async {
            s.floating_ip(false).await;
        })
    }),
];

impl Scene {
    fn watched_id(&self) -> innkeeper_model::InstanceId {
        self.watched.attachment.instance().expect("an instance")
    }

    async fn instance(&self, set: impl FnOnce(&mut InstanceChange)) {
        let mut change = InstanceChange::default();
        set(&mut change);
        let id = self.watched_id();
        let told = self.world.store.instance_update(id, change).await.expect("an update");
        let kept = self.world.store.instance_fetch(id).await.expect("the instance");
        assert_eq!(told, kept, "the answer is what is kept, its revision too");
    }

    async fn port(&self, set: impl FnOnce(&mut PortChange)) {
        let mut change = PortChange::default();
        set(&mut change);
        self.world.store.port_update(self.watched.id, change).await.expect("an update");
    }

    async fn network(&self, set: impl FnOnce(&mut NetworkChange)) {
        let mut change = NetworkChange::default();
        set(&mut change);
        let id = self.blue.network_id;
        self.world.store.network_update(id, change).await.expect("an update");
    }

    async fn subnet(&self, set: impl FnOnce(&mut SubnetChange)) {
        let mut change = SubnetChange::default();
        set(&mut change);
        self.world.store.subnet_update(self.blue.id, change).await.expect("an update");
    }

    async fn floating_ip(&self, leads_here: bool) -> innkeeper_model::FloatingIp {
        let draft = NewFloatingIp {
            project_id: self.world.project.clone(),
            floating_ip_address: "192.0.2.1".parse().expect("an address"),
            port_id: leads_here.then_some(self.watched.id),
            fixed_ip_address: None,
        };
        self.world.store.floating_ip_create(draft).await.expect("a floating IP")
    }
}

#[tokio::test]
async fn a_floating_ip_that_moves_raises_both_ends() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let [one, two] = [
        world.instance("one", &[network.id]).await.id,
        world.instance("two", &[network.id]).await.id,
    ];
    let [first, second] =
        [&world.ports_of(one).await[0], &world.ports_of(two).await[0]].map(|port| port.id);
    let draft = NewFloatingIp {
        project_id: world.project.clone(),
        floating_ip_address: "192.0.2.1".parse().expect("an address"),
        port_id: Some(first),
        fixed_ip_address: None,
    };
    let floating = world.store.floating_ip_create(draft).await.expect("a floating IP").id;
    let lead = async |port_id| {
        let change = FloatingIpChange { port_id, fixed_ip_address: None };
        world.store.floating_ip_update(floating, change).await.expect("an update");
        (world.revision(one).await, world.revision(two).await)
    };
    assert_eq!(lead(Some(second)).await, (3, 2));
    assert_eq!(lead(Some(second)).await, (3, 2), "no change");
    assert_eq!(lead(None).await, (3, 3));
}

#[tokio::test]
async fn a_refused_change_raises_nothing() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let one = world.instance("one", &[network.id]).await.id;
    let port = world.ports_of(one).await.remove(0);
    let change = PortChange {
        security_groups: Some(vec!["web".to_owned()]),
        fixed_ips: Some(vec![at("10.0.0.1")]),
        ..PortChange::default()
    };
    world.store.port_update(port.id, change).await.expect_err("the gateway");
    assert_eq!(world.store.port_fetch(port.id).await.expect("the port"), port);
    assert_eq!(world.revision(one).await, 1);
    let mut draft = NewPort::on(world.project.clone(), network.id);
    draft.mac_address = Some(port.mac_address);
    world.store.port_create(draft).await.expect_err("taken");
    assert_eq!(world.revision(one).await, 1);
}
