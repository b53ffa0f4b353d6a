//! What happens when roles crash, namespaces vanish and a thousand guests come at once.

mod tenants;

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use innkeeper_lab::{LabError, isolated, read_reply, wait_until};
use rustix::process::{Resource, getrlimit, setrlimit};
use tenants::{META_DATA, Plugged, isolated_tenant, recorder::Recorder, routed_tenant, world};

/// The one path that takes a POST.
const PASSWORD: &str = "/openstack/latest/password";

#[test]
fn a_body_in_many_segments_arrives_whole_at_an_api_of_another_make() {
    isolated(|| {
        let world = world()?
            .with("INNKEEPER_AGENT_API", "http://127.0.0.1:8774")
            .with("INNKEEPER_AGENT_API_KIND", "nova");
        let recorder = Recorder::start("127.0.0.1:8774")?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        recorder.take();

        let body: Vec<u8> = (0..100 * 1024_u32).map(|n| n.to_le_bytes()[0] ^ 0xa5).collect();
        let head = format!(
            "POST /openstack/latest/password?a=%2F HTTP/1.1\r\nHost: x\r\nX-Odd: 1\r\n\
             X-Tenant-ID: blue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = red.guest.connect_metadata()?;
        stream.set_nodelay(true)?;
        stream.write_all(head.as_bytes())?;
        for segment in body.chunks(1_000) {
            stream.write_all(segment)?;
            thread::sleep(Duration::from_micros(200));
        }
        let reply = read_reply(&mut stream)?;
        assert_eq!((reply.status, reply.text().as_str()), (200, "fine\n"));

        let requests = recorder.take();
        let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
        assert_eq!(request.line, "POST /openstack/latest/password?a=%2F HTTP/1.1");
        assert!(request.body == body, "{} of {} bytes, or others", request.body.len(), body.len());
        assert_eq!(request.values("x-instance-id"), [red.machine.id.as_str()]);
        assert_eq!(request.values("x-tenant-id"), ["red"]);
        assert_eq!(request.values("x-forwarded-for"), [red.machine.address.as_str()]);
        assert_eq!(request.values("x-instance-id-signature").len(), 1);
        let names: BTreeSet<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        let neutron_s = BTreeSet::from([
            "accept",
            "accept-encoding",
            "connection",
            "content-length",
            "host",
            "user-agent",
            "x-forwarded-for",
            "x-instance-id",
            "x-instance-id-signature",
            "x-tenant-id",
        ]);
        assert!(names.is_subset(&neutron_s), "more than Neutron's agent sends: {names:?}");
        Ok(())
    });
}

#[test]
fn a_thousand_guests_at_once_are_all_answered() {
    isolated(|| {
        // Each connection needs a descriptor here, and up to two in the program under test.
        let limit = getrlimit(Resource::Nofile);
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        setrlimit(Resource::Nofile, raised).map_err(std::io::Error::from)?;
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        red.assert_knows_itself()?;

        let mut connections = Vec::new();
        for _ in 0..1_000 {
            connections.push(red.guest.connect_metadata()?);
        }
        let request = format!("GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for connection in &mut connections {
            connection.write_all(request.as_bytes())?;
        }
        for (number, connection) in connections.iter_mut().enumerate() {
            let reply = read_reply(connection)?;
            assert_eq!(reply.status, 200, "connection {number}: {}", reply.text());
            assert_eq!(reply.json()?["uuid"], red.machine.id, "connection {number}");
        }
        Ok(())
    });
}

#[test]
fn crashes_of_agent_and_api_under_load_are_delays_and_no_errors() {
    isolated(|| {
        let world = world()?;
        let roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let load = Tally::default();
        let mut successors = Vec::new();
        thread::scope(|scope| -> Result<(), LabError> {
            for plugged in [&red, &red, &blue, &blue] {
                scope.spawn(|| load.ask_on(plugged));
            }
            let crashes = || -> Result<(), LabError> {
                load.await_more(100)?;
                roles.agent.kill()?;
                thread::sleep(Duration::from_secs(1));
                successors.push(world.start("agent")?);
                load.await_more(100)?;
                roles.api.kill()?;
                thread::sleep(Duration::from_secs(2));
                successors.push(world.start("api")?);
                load.await_more(100)
            };
            let outcome = crashes();
            load.stop.store(true, Ordering::Relaxed);
            outcome
        })?;
        let (answered, failed, slowest) = load.sum();
        assert_eq!(failed, Vec::<String>::new(), "of {answered} requests; {}", roles.proxy.log());
        assert!(slowest > Duration::from_millis(500), "nobody noticed a crash: {slowest:?}");
        assert!(slowest < Duration::from_secs(8), "the slowest answer took {slowest:?}");
        Ok(())
    });
}

#[test]
fn with_the_api_away_for_good_a_guest_is_told_when_to_come_back() {
    isolated(|| {
        let world = world()?.with("INNKEEPER_AGENT_API", "http://127.0.0.1:1");
        let _roles = world.roles()?;
        world.tenant("red", "10.0.0.0/24")?;
        world.operator("red", "router create edge --subnet lan")?;
        let machine = world.machine("red", "web1", "lan")?;
        let guest = world.plug_in(&machine, "10.0.0.1")?;
        wait_until("the proxy to listen", Duration::from_secs(10), || {
            guest.connect_metadata().is_ok()
        })?;
        let started = Instant::now();
        let reply = guest.get(META_DATA)?;
        let took = started.elapsed();
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.header("retry-after").is_some(), "{:?}", reply.headers);
        assert!(took > Duration::from_secs(5), "not held: {took:?}");
        assert!(took < Duration::from_millis(8_500), "held too long: {took:?}");
        Ok(())
    });
}

#[test]
fn serve_opens_no_socket_but_its_listeners() {
    isolated(|| {
        let world = world()?;
        let serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        for tenant in [&red, &blue] {
            tenant.assert_knows_itself()?;
        }
        for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
            let text = fs::read_to_string(format!("/proc/{}/net/{table}", serve.id()))?;
            let sockets: Vec<_> = text.lines().skip(1).collect();
            assert!(sockets.is_empty(), "{table} sockets outside the namespaces: {sockets:?}");
        }
        let unix = fs::read_to_string(format!("/proc/{}/net/unix", serve.id()))?;
        let ours = socket_inodes(serve.id())?;
        let mut named: Vec<_> = unix
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|columns| columns.get(6).is_some_and(|inode| ours.contains(*inode)))
            .filter_map(|columns| columns.get(7).map(|path| (*path).to_owned()))
            .collect();
        named.sort();
        // The second has no use but that a second process cannot have it too.
        assert_eq!(named, ["/run/innkeeper/control.sock", "@innkeeper-host"]);
        Ok(())
    });
}

#[test]
fn sigterm_lets_what_has_begun_finish() {
    isolated(|| {
        let world = world()?;
        let mut serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        red.assert_knows_itself()?;
        // A request that is half sent when the signal comes is answered all the same.
        let mut stream = red.guest.connect_metadata()?;
        let head = format!(
            "POST {PASSWORD} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab"
        );
        stream.write_all(head.as_bytes())?;
        thread::sleep(Duration::from_millis(300));
        let status = thread::scope(|scope| {
            let ended = scope.spawn(|| serve.terminate(Duration::from_secs(15)));
            thread::sleep(Duration::from_millis(300));
            stream.write_all(b"cd")?;
            let reply = read_reply(&mut stream)?;
            assert_eq!(reply.status, 200, "{}", reply.text());
            ended.join().expect("no panic")
        })?;
        assert!(status.success(), "ended with {status}");
        Ok(())
    });
}

fn socket_inodes(process: u32) -> Result<BTreeSet<String>, LabError> {
    let mut inodes = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(inode.map(str::to_owned));
    }
    Ok(inodes)
}

/// What became of the requests of several asking threads.
#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    answers: Mutex<(usize, Vec<String>, Duration)>,
}

impl Tally {
    fn ask_on(&self, plugged: &Plugged) {
        while !self.stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            let failure = match plugged.guest.get(META_DATA) {
                Ok(reply) if reply.status == 200 => None,
                Ok(reply) => Some(format!("{} {}", reply.status, reply.text())),
                Err(error) => Some(error.to_string()),
            };
            let mut answers = self.answers.lock().expect("no asking thread panicked");
            answers.0 += 1;
            answers.1.extend(failure);
            answers.2 = answers.2.max(started.elapsed());
        }
    }

    fn await_more(&self, count: usize) -> Result<(), LabError> {
        let enough = self.sum().0 + count;
        wait_until("more answers", Duration::from_secs(20), || self.sum().0 >= enough)
    }

    fn sum(&self) -> (usize, Vec<String>, Duration) {
        self.answers.lock().expect("no asking thread panicked").clone()
    }
}
