//! Networks of all kinds, each with one machine, and what DHCP is to tell it.

use std::net::Ipv4Addr;

use innkeeper_lab::{Guest, LabError, Machine, Process, Recorder, World};

use crate::{
    frames::{Mac, mac},
    tenants::world,
};

/// The network's MTU.
const MTU: u16 = 1450;
/// The name servers of its subnet, in order.
const NAME_SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(192, 0, 2, 54)];

/// A network `lan` of 10.0.0.0/24 with the machine `web1`.
pub(crate) struct Lan {
    pub(crate) world: World,
    pub(crate) machine: Machine,
    pub(crate) expected: Expected,
    _serving: Process,
}

/// What a DHCP server has to say to the machine.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) mac: Mac,
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Ipv4Addr,
    pub(crate) router: Option<Ipv4Addr>,
    pub(crate) name_servers: Vec<Ipv4Addr>,
    pub(crate) host_name: String,
    pub(crate) mtu: u16,
    /// In order.
    pub(crate) routes: Vec<String>,
}

impl Lan {
    /// Behind a router.
    pub(crate) fn routed() -> Result<Self, LabError> {
        Self::new("", &["router create edge --subnet lan"], |_| {
            vec!["169.254.169.254/32 via 10.0.0.1".to_owned(), "0.0.0.0/0 via 10.0.0.1".to_owned()]
        })
    }

    /// Behind a router, which alone can reach 192.168.9.0/24 as well; with a second subnet, which
    /// nobody routes.
    pub(crate) fn routed_with_more() -> Result<Self, LabError> {
        let subnet = "--host-route destination=192.168.9.0/24,gateway=10.0.0.1";
        let further = [SECOND_SUBNET, "router create edge --subnet lan"];
        Self::new(subnet, &further, |_| {
            let routes = [
                "10.1.0.0/24 via 0.0.0.0",
                "192.168.9.0/24 via 10.0.0.1",
                "169.254.169.254/32 via 10.0.0.1",
                "0.0.0.0/0 via 10.0.0.1",
            ];
            routes.map(str::to_owned).to_vec()
        })
    }

    /// Without a router, though with the address of one.
    pub(crate) fn isolated() -> Result<Self, LabError> {
        Self::new("", &[], |server| {
            vec![format!("169.254.169.254/32 via {server}"), "0.0.0.0/0 via 10.0.0.1".to_owned()]
        })
    }

    /// Without a router or its address; with a second subnet, and a route by way of a neighbour.
    pub(crate) fn isolated_with_more() -> Result<Self, LabError> {
        let subnet = "--gateway none --host-route destination=192.168.9.0/24,gateway=10.0.0.9";
        Self::new(subnet, &[SECOND_SUBNET], |server| {
            vec![
                "10.1.0.0/24 via 0.0.0.0".to_owned(),
                "192.168.9.0/24 via 10.0.0.9".to_owned(),
                format!("169.254.169.254/32 via {server}"),
            ]
        })
    }

    fn new(
        subnet: &str,
        further: &[&str],
        routes: impl FnOnce(Ipv4Addr) -> Vec<String>,
    ) -> Result<Self, LabError> {
        let world = world()?;
        let serving = world.serve()?;
        world.program().run(["project", "create", "red", "--id", "red"])?;
        let [first, second] = NAME_SERVERS;
        world.operator("red", "flavor create m1.small --vcpus 1 --ram 512 --disk 1")?;
        world.operator("red", &format!("network create lan --mtu {MTU}"))?;
        world.operator(
            "red",
            &format!(
                "subnet create lan --network lan --cidr 10.0.0.0/24 --dns-nameserver {first} \
                 --dns-nameserver {second} {subnet}"
            ),
        )?;
        for words in further {
            world.operator("red", words)?;
        }
        let machine = world.machine("red", "web1", "lan")?;
        let address = |text: &str| text.parse().expect("an IPv4 address");
        let server = address(&world.dhcp_address(&machine)?);
        let expected = Expected {
            mac: mac(&machine.mac),
            address: address(&machine.address),
            server,
            router: (!subnet.contains("--gateway none")).then_some(Ipv4Addr::new(10, 0, 0, 1)),
            name_servers: NAME_SERVERS.to_vec(),
            host_name: machine.name.clone(),
            mtu: MTU,
            routes: routes(server),
        };
        Ok(Self { world, machine, expected, _serving: serving })
    }

    /// A stand-in for the machine on a pair of virtual cards, which leave sums to be made by
    /// whoever is the receiver: what clients with raw sockets find hard. It has no address yet.
    pub(crate) fn guest(&self) -> Result<(Guest, Recorder), LabError> {
        let bridge = self.machine.bridge();
        innkeeper_lab::await_link(&bridge)?;
        let guest = Guest::on_bridge("web1", &bridge, &self.machine.tap(), &self.machine.mac)?;
        let recorder = Recorder::start(&guest)?;
        Ok((guest, recorder))
    }
}

const SECOND_SUBNET: &str = "subnet create lan2 --network lan --cidr 10.1.0.0/24";
