//! No guest ever reads another tenant's document, whatever addresses they share and whatever it
//! writes into its request.

mod tenants;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use innkeeper_lab::{LabError, Machine, World, isolated, wait_for};
use tenants::{META_DATA, Plugged, isolated_tenant, plug_in, routed_tenant, world};

#[test]
fn tenants_of_one_range_get_their_own_documents_from_three_processes() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let green = routed_tenant(&world, "green", "10.0.0.0/24")?;
        assert_eq!(red.machine.address, blue.machine.address, "the ranges must overlap");
        assert_eq!(red.machine.address, green.machine.address, "the ranges must overlap");
        for tenant in [&red, &blue, &green] {
            tenant.assert_knows_itself()?;
        }
        Ok(())
    });
}

#[test]
fn tenants_of_one_range_get_their_own_documents_from_one_process() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        for tenant in [&red, &blue] {
            tenant.assert_knows_itself()?;
        }
        Ok(())
    });
}

#[test]
fn one_mac_on_two_networks_is_two_machines() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let mut tenants = Vec::new();
        for project in ["red", "blue"] {
            world.tenant(project, "10.0.0.0/24")?;
            let port = "port create p1 --network lan --mac-address fa:16:3e:00:00:01";
            world.operator(project, port)?;
            let words = "instance create web1 --port p1 --flavor m1.small";
            let machine = world.describe(project, &world.query(project, words)?)?;
            assert_eq!(machine.mac, "fa:16:3e:00:00:01");
            let via = world.dhcp_address(&machine)?;
            tenants.push(plug_in(&world, machine, &via)?);
        }
        for tenant in &tenants {
            tenant.assert_knows_itself()?;
        }
        Ok(())
    });
}

#[test]
fn a_port_without_instance_and_an_unknown_address_are_nobody() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        for tenant in [&red, &blue] {
            unguard(tenant)?;
        }
        world.operator("red", "port create empty --network lan --fixed-ip ip-address=10.0.0.77")?;
        for (tenant, address) in
            [(&red, "10.0.0.77"), (&red, "10.0.0.200"), (&blue, "10.0.0.77"), (&blue, "10.0.0.200")]
        {
            let guest = &tenant.guest;
            guest.remove_address(&format!("{}/24", tenant.machine.address))?;
            guest.add_address(&format!("{address}/24"))?;
            restore_route(&world, tenant)?;
            let reply = guest.get(META_DATA)?;
            assert_eq!(reply.status, 404, "{address} of {} got {}", guest.name(), reply.text());
            assert_names_nobody(&reply.text(), &[&red.machine, &blue.machine]);
            guest.remove_address(&format!("{address}/24"))?;
            guest.add_address(&format!("{}/24", tenant.machine.address))?;
            restore_route(&world, tenant)?;
            tenant.assert_knows_itself()?;
        }
        Ok(())
    });
}

#[test]
fn a_router_that_the_database_does_not_know_serves_nobody() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = routed_tenant(&world, "blue", "10.9.0.0/24")?;
        // A namespace of a router nobody knows, plugged into red's network: what a stale host has.
        let namespace = "qrouter-00000000-0000-4000-8000-00000000dead";
        for words in [
            format!("netns add {namespace}"),
            format!("link add tapstale type veth peer name qr-stale netns {namespace}"),
            format!("link set tapstale master {} up", red.machine.bridge()),
            format!("-n {namespace} address add 10.0.0.99/24 dev qr-stale"),
            format!("-n {namespace} link set qr-stale up"),
            format!("-n {namespace} link set lo up"),
        ] {
            ip(&words)?;
        }
        let target = "10.0.0.99:9697".parse().expect("an address");
        let reply = wait_for("the stale namespace to be served", PATIENCE, || {
            let mut stream = red.guest.connect(target).ok()?;
            let request =
                format!("GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
            innkeeper_lab::read_reply(&mut stream).ok()
        })?;
        assert_eq!(reply.status, 404, "{}", reply.text());
        assert_names_nobody(&reply.text(), &[&red.machine, &blue.machine]);
        Ok(())
    });
}

#[test]
fn what_a_guest_writes_is_never_believed() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let victim = &blue.machine;
        let spoofs = [
            ("X-Neutron-Network-ID", victim.network.as_str()),
            ("X-OVN-Network-ID", victim.network.as_str()),
            ("X-Neutron-Router-ID", "00000000-0000-4000-8000-00000000dead"),
            ("X-Forwarded-For", "10.0.0.99"),
            ("Forwarded", "for=10.0.0.99"),
            ("X-Real-IP", "10.0.0.99"),
            ("X-Instance-ID", victim.id.as_str()),
            ("X-Tenant-ID", victim.project.as_str()),
            ("X-Instance-ID-Signature", "00"),
            ("X-Metadata-Provider", victim.network.as_str()),
            ("X-Metadata-Provider-Signature", "00"),
            ("X-Innkeeper-Address", victim.address.as_str()),
            ("X-Innkeeper-Port", victim.port.as_str()),
            ("X-Innkeeper-Signature", "00"),
            ("X-Innkeeper-Request-Id", "req-00000000-0000-4000-8000-000000000000"),
        ];
        for (name, value) in spoofs {
            for headers in spellings(name, value) {
                let reply = red.guest.get_with(META_DATA, &headers)?;
                if reply.status == 400 {
                    // Malformed HTTP is refused outright: nobody's document was sent.
                    assert_names_nobody(&reply.text(), &[&red.machine, victim]);
                    continue;
                }
                assert_eq!(reply.status, 200, "{headers:?} got {}", reply.text());
                let document = reply.json()?;
                assert_eq!(document["uuid"], red.machine.id, "{headers:?} was believed");
                let leaked = reply.headers.iter().find(|(n, _)| n.starts_with("x-innkeeper"));
                assert_eq!(leaked, None, "an inner header reached the guest for {headers:?}");
            }
            let trailer = format!(
                "GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTrailer: {name}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n0\r\n{name}: {value}\r\n\r\n"
            );
            let reply = red.guest.exchange(trailer.as_bytes())?;
            assert_eq!(reply.status, 200, "{name} as a trailer: {}", reply.text());
            assert_eq!(reply.json()?["uuid"], red.machine.id, "{name} as a trailer was believed");
        }
        Ok(())
    });
}

/// A header in every spelling that some server somewhere has taken for it.
fn spellings(name: &str, value: &str) -> Vec<String> {
    let underscored = name.replace('-', "_");
    vec![
        format!("{name}: {value}\r\n"),
        format!("{}: {value}\r\n", name.to_ascii_lowercase()),
        format!("{}: {value}\r\n", name.to_ascii_uppercase()),
        format!("{underscored}: {value}\r\n"),
        format!("HTTP_{}: {value}\r\n", underscored.to_ascii_uppercase()),
        format!("{name}: {value}\r\n{name}: {value}\r\n"),
        format!("{name}: {value},{value}\r\n"),
        format!("X-Folded: a\r\n {name}: {value}\r\n"),
        format!("{name}:\r\n {value}\r\n"),
        format!("{name} : {value}\r\n"),
        format!("Connection: {name}\r\n{name}: {value}\r\n"),
    ]
}

#[test]
fn an_address_that_moves_takes_its_document_along_at_once() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let first = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let second = world.machine("red", "web2", "lan")?;
        let (shared, spare) = ("10.0.0.50", ["10.0.0.51", "10.0.0.52"]);
        let guest = &first.guest;
        unguard(&first)?;
        guest.remove_address(&format!("{}/24", first.machine.address))?;
        guest.add_address(&format!("{shared}/24"))?;
        restore_route(&world, &first)?;

        let move_to = |machine: &Machine, address: &str| {
            let words = format!("port set {} --fixed-ip ip-address={address}", machine.port);
            world.operator("red", &words).map(|_| ())
        };
        move_to(&first.machine, shared)?;
        move_to(&second, spare[1])?;
        let stop = AtomicBool::new(false);
        let answers = Mutex::new(Vec::new());
        // (holder, since, until): who had the address, from the order to take it to the receipt.
        let mut terms: Vec<(String, Instant, Option<Instant>)> =
            vec![(first.machine.id.clone(), Instant::now(), None)];
        thread::scope(|scope| -> Result<(), LabError> {
            for _ in 0..4 {
                scope.spawn(|| ask_on(&first, &stop, &answers));
            }
            for round in 0..10 {
                let (from, to) = if round % 2 == 0 {
                    (&first.machine, &second)
                } else {
                    (&second, &first.machine)
                };
                let moved = move_to(from, spare[round % 2]).and_then(|()| {
                    if let Some(term) = terms.last_mut() {
                        term.2 = Some(Instant::now());
                    }
                    terms.push((to.id.clone(), Instant::now(), None));
                    move_to(to, shared)
                });
                if moved.is_err() {
                    stop.store(true, Ordering::Relaxed);
                    return moved;
                }
                thread::sleep(Duration::from_millis(150));
            }
            stop.store(true, Ordering::Relaxed);
            Ok(())
        })?;

        let answers = answers.into_inner().expect("no asking thread panicked");
        let foreign = answers.iter().filter(|answer| !answer.is_rightful(&terms)).count();
        assert!(answers.len() > 100, "only {} answers: no load to speak of", answers.len());
        assert_eq!(foreign, 0, "of {} answers some were the other machine's", answers.len());
        Ok(())
    });
}

/// The agent remembers whom it found behind the router; the machine it found keeps port and address.
#[test]
fn behind_a_router_with_another_network_the_other_machine_is_answered_from_the_first_request() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let first = routed_tenant(&world, "red", "10.0.0.0/24")?;
        for _ in 0..2 {
            first.assert_knows_itself()?;
        }
        world.operator("red", "network create other --subnet 10.0.0.0/24")?;
        let second = world.machine("red", "web2", "other")?;
        assert_eq!(first.machine.address, second.address, "the ranges must overlap");
        world.operator("red", "router remove-subnet edge lan")?;
        world.operator("red", "router add-subnet edge other")?;
        let guest = world.plug_in(&second, "10.0.0.1")?;
        let second = Plugged { machine: second, guest };
        let answered = wait_for("an answer", PATIENCE, || {
            second.guest.get(META_DATA).ok().filter(|reply| reply.status == 200)
        })?;
        assert_eq!(answered.json()?["uuid"], second.machine.id, "the first answer is another's");
        second.assert_knows_itself()?;
        Ok(())
    });
}

struct Answer {
    asked: Instant,
    answered: Instant,
    uuid: String,
}

impl Answer {
    /// Whether some term of this machine overlaps the time from question to answer.
    fn is_rightful(&self, terms: &[(String, Instant, Option<Instant>)]) -> bool {
        terms.iter().any(|(id, since, until)| {
            *id == self.uuid
                && *since <= self.answered
                && until.is_none_or(|until| until >= self.asked)
        })
    }
}

fn ask_on(plugged: &Plugged, stop: &AtomicBool, answers: &Mutex<Vec<Answer>>) {
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let Ok(reply) = plugged.guest.get(META_DATA) else { continue };
        let answered = Instant::now();
        if reply.status != 200 {
            continue;
        }
        let uuid = reply.json().ok().and_then(|d| d["uuid"].as_str().map(str::to_owned));
        let uuid = uuid.expect("a 200 is a document");
        answers.lock().expect("no asking thread panicked").push(Answer { asked, answered, uuid });
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a guest speak as anybody: by another name its interface is no port's tap to Innkeeper. What
/// is told of addresses here must be true without a guard as well.
fn unguard(tenant: &Plugged) -> Result<(), LabError> {
    let (tap, name) = (tenant.machine.tap(), format!("any-{}", tenant.machine.project));
    ip(&format!("link set dev {tap} down"))?;
    ip(&format!("link set dev {tap} name {name}"))?;
    ip(&format!("link set dev {name} up"))
}

/// Removing an address takes its routes along.
fn restore_route(world: &World, tenant: &Plugged) -> Result<(), LabError> {
    let routed = tenant.machine.project != "blue";
    let via = if routed { "10.0.0.1".to_owned() } else { world.dhcp_address(&tenant.machine)? };
    let guest = tenant.guest.name();
    ip(&format!("-n guest-{guest} route replace 169.254.169.254 via {via}"))
}

fn assert_names_nobody(text: &str, machines: &[&Machine]) {
    for machine in machines {
        let named = text.contains(&machine.id) || text.contains(&machine.project);
        assert!(!named, "a refusal names {}: {text}", machine.id);
    }
}

fn ip(words: &str) -> Result<(), LabError> {
    innkeeper_lab::Program::new("ip").run(words.split_whitespace()).map(|_| ())
}
