//! A victim and a liar on one network, each behind its tap.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use innkeeper_lab::{
    Guest, LabError, METADATA, Machine, Process, Program, Recorder, Tap, World, isolated,
    wait_until,
};

use crate::{
    frames::{
        Mac, link_local, mac,
        neighbours::{Claim, arp_claim, arp_reply},
    },
    tenants::{META_DATA, PATIENCE, world},
};

/// How long a liar waits for an answer that is not to come.
pub(crate) const IN_VAIN: Duration = Duration::from_millis(1_500);

/// A link-local address of the victim's that nobody can work out from its MAC address.
const PRIVATE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5ec2, 0xe700, 0x1234, 0x0001);

/// A network with two machines.
pub(crate) struct Lan {
    pub(crate) victim: Seat,
    pub(crate) liar: Seat,
    /// Who has the metadata address, or the way to it.
    pub(crate) via: Ipv4Addr,
    /// The namespace of that.
    pub(crate) namespace: String,
}

/// A machine behind its tap.
pub(crate) struct Seat {
    pub(crate) machine: Machine,
    pub(crate) guest: Guest,
    pub(crate) tap: Arc<Tap>,
    pub(crate) recorder: Recorder,
    pub(crate) mac: Mac,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
    /// The address made of its MAC address.
    pub(crate) link_local: Ipv6Addr,
    /// Another link-local address, made of a secret; the victim's alone.
    pub(crate) private: Option<Ipv6Addr>,
}

/// Runs `lie` on a network behind a router and on one without, both in one lab. Meanwhile and
/// afterwards both machines of both networks are served, each its own document.
pub(crate) fn on_both(lie: impl Fn(&Lan) -> Result<(), LabError>) {
    isolated(|| {
        let world = world()?;
        let _serving: Process = world.serve()?;
        let lans = [Lan::routed(&world)?, Lan::isolated(&world)?];
        assert_eq!(lans[0].victim.ipv4, lans[1].victim.ipv4, "the ranges must overlap");
        for lan in &lans {
            let stop = AtomicBool::new(false);
            thread::scope(|scope| -> Result<(), LabError> {
                let polling = scope.spawn(|| -> Result<(), LabError> {
                    while !stop.load(Ordering::Relaxed) {
                        for one in &lans {
                            one.victim.assert_served()?;
                        }
                    }
                    Ok(())
                });
                let outcome = {
                    let _until_lied = StopOnDrop(&stop);
                    lie(lan)
                };
                let polled = polling.join().expect("the victim is served its own document");
                outcome.and(polled)
            })?;
            lan.victim.assert_served()?;
            lan.liar.assert_served()?;
        }
        Ok(())
    });
}

/// Stops others even if what comes before panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Lan {
    fn routed(world: &World) -> Result<Self, LabError> {
        networks(world, "red")?;
        world.operator("red", "router create edge --subnet lan --subnet lan6")?;
        let router = world.query("red", "router show edge")?;
        let router = router["id"].as_str().expect("an id").to_owned();
        Self::with_machines(world, "red", Some("10.0.0.1"), |_| format!("qrouter-{router}"))
    }

    fn isolated(world: &World) -> Result<Self, LabError> {
        networks(world, "blue")?;
        Self::with_machines(world, "blue", None, |machine| format!("qdhcp-{}", machine.network))
    }

    fn with_machines(
        world: &World,
        project: &str,
        via: Option<&str>,
        namespace: impl FnOnce(&Machine) -> String,
    ) -> Result<Self, LabError> {
        let victim = world.machine(project, "victim", "lan")?;
        let liar = world.machine(project, "liar", "lan")?;
        let via = via.map_or_else(|| world.dhcp_address(&victim), |via| Ok(via.to_owned()))?;
        let namespace = namespace(&victim);
        let victim = Seat::take(world, victim, &via)?;
        let private = format!("address add {PRIVATE}/64 dev eth0");
        victim.guest.ip(&private)?;
        let victim = Seat { private: Some(PRIVATE), ..victim };
        let liar = Seat::take(world, liar, &via)?;
        for seat in [&victim, &liar] {
            world.await_answer(&seat.guest)?;
            seat.await_ipv6()?;
        }
        Ok(Self { via: via.parse().expect("an address"), victim, liar, namespace })
    }

    /// Waits until everything that the liar has sent before has arrived, or never will.
    pub(crate) fn settle(&self) -> Result<(), LabError> {
        let truth = Claim { ip: self.liar.ipv4, at: self.liar.mac };
        self.liar.tap.send(&arp_reply(self.liar.mac, truth))?;
        self.victim.recorder.await_frame("what the liar says truly", PATIENCE, |frame| {
            (arp_claim(frame) == Some(truth)).then_some(())
        })
    }

    /// What the holder of the metadata address has in its table of neighbours for an address.
    pub(crate) fn neighbour(&self, address: &str) -> Result<String, LabError> {
        let words = format!("-n {} neighbour show {address}", self.namespace);
        Program::new("ip").run(words.split_whitespace())
    }
}

impl Seat {
    fn take(world: &World, machine: Machine, via: &str) -> Result<Self, LabError> {
        let (guest, tap) = world.behind_tap(&machine)?;
        let recorder = Recorder::start(&guest)?;
        let [ipv6] = machine.more_addresses.as_slice() else {
            panic!("not one address of each family: {machine:?}")
        };
        guest.add_address(&format!("{}/24", machine.address))?;
        guest.ip(&format!("address add {ipv6}/64 dev eth0"))?;
        guest.ip(&format!("route add {} via {via}", METADATA.ip()))?;
        let mac = mac(&machine.mac);
        Ok(Self {
            ipv4: machine.address.parse().expect("an IPv4 address"),
            ipv6: ipv6.parse().expect("an IPv6 address"),
            link_local: link_local(mac),
            private: None,
            mac,
            machine,
            guest,
            tap,
            recorder,
        })
    }

    fn await_ipv6(&self) -> Result<(), LabError> {
        let metadata = self.guest.metadata_by_ipv6()?;
        wait_until("the IPv6 metadata address to answer", PATIENCE, || {
            self.guest.get_from(metadata, "/", IN_VAIN).is_ok()
        })
    }

    /// Asserts that it is served its own document, over both families.
    pub(crate) fn assert_served(&self) -> Result<(), LabError> {
        for from in [METADATA, self.guest.metadata_by_ipv6()?] {
            let reply = self.guest.get_from(from, META_DATA, PATIENCE)?;
            assert_eq!(reply.status, 200, "{} by {from}: {}", self.machine.name, reply.text());
            let document = reply.json()?;
            assert_eq!(document["uuid"], self.machine.id, "{} by {from}", self.machine.name);
        }
        Ok(())
    }

    /// Asserts that it gets no answer, as it is now, in the time of [`IN_VAIN`].
    pub(crate) fn assert_not_answered(&self, why: &str) -> Result<(), LabError> {
        self.assert_not_answered_from(METADATA, why)
    }

    /// The same, by IPv6.
    pub(crate) fn assert_not_answered_by_ipv6(&self, why: &str) -> Result<(), LabError> {
        self.assert_not_answered_from(self.guest.metadata_by_ipv6()?, why)
    }

    fn assert_not_answered_from(
        &self,
        from: std::net::SocketAddr,
        why: &str,
    ) -> Result<(), LabError> {
        if let Ok(reply) = self.guest.get_from(from, META_DATA, IN_VAIN) {
            panic!("answered {why}: {} {}", reply.status, reply.text());
        }
        Ok(())
    }
}

/// One network of both families.
fn networks(world: &World, project: &str) -> Result<(), LabError> {
    world.tenant(project, "10.0.0.0/24")?;
    let subnet = "subnet create lan6 --network lan --cidr fd00:1::/64 --ipv6-address-mode slaac";
    world.operator(project, subnet).map(|_| ())
}
