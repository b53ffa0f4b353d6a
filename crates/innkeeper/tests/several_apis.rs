//! Several API processes over one database: which of them answers must not be felt.

mod tenants;

use std::{
    fs, io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use innkeeper_lab::{Guest, LabError, Process, Program, World, isolated};
use tenants::{META_DATA, PATIENCE, routed_tenant, world};

const WRITES: u64 = 100;
/// Clients of the guest that read all the while.
const READERS: usize = 4;
/// How many answers each of the two must have given, or nothing is proven.
const ANSWERS_OF_EACH: usize = 200;

#[test]
fn two_apis_in_turn_never_answer_what_is_older_than_an_answer_before() {
    isolated(|| {
        let world = world()?.with("INNKEEPER_AGENT_API", "http://127.0.0.1:8770");
        let _balancer = balancer(&world)?;
        let _roles = world.roles()?;
        let second = world
            .clone()
            .with("INNKEEPER_API_LISTEN", "127.0.0.1:8776")
            .with("INNKEEPER_CONTROL_SOCKET", "/run/innkeeper/second.sock");
        let log = world.directory().join("second-api.log");
        let mut api = second.program().start(["api"], &log)?;
        innkeeper_lab::wait_until("the second API to answer", PATIENCE, || {
            !api.is_running() || second.program().run(["project", "list"]).is_ok()
        })?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        write(&world, 0)?;

        let seen = Seen::default();
        thread::scope(|scope| -> Result<(), LabError> {
            for _ in 0..READERS {
                scope.spawn(|| seen.read_on(&red.guest));
            }
            let written = (1..=WRITES).try_for_each(|number| {
                write(if number % 2 == 0 { &world } else { &second }, number)?;
                seen.at_least(number);
                Ok(())
            });
            seen.stop.store(true, Ordering::Relaxed);
            written
        })?;

        let wrong = seen.wrong.into_inner().unwrap_or_default();
        assert_eq!(wrong, Vec::<String>::new(), "wrong answers while {WRITES} writes went on");
        for name in ["api.log", "second-api.log"] {
            let log = fs::read_to_string(world.directory().join(name))?;
            let answers = log.lines().filter(|line| line.contains("\"served\"")).count();
            assert!(answers >= ANSWERS_OF_EACH, "{name} tells of {answers} answers only");
        }
        Ok(())
    });
}

/// What guests have been answered, and operators been told is done.
#[derive(Default)]
struct Seen {
    newest: AtomicU64,
    stop: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

impl Seen {
    fn at_least(&self, number: u64) {
        self.newest.fetch_max(number, Ordering::SeqCst);
    }

    fn read_on(&self, guest: &Guest) {
        while !self.stop.load(Ordering::Relaxed) {
            let before = self.newest.load(Ordering::SeqCst);
            match read(guest) {
                Ok(number) if number >= before => self.at_least(number),
                Ok(number) => self.is_wrong(format!("{number} after {before}")),
                Err(error) => self.is_wrong(error.to_string()),
            }
        }
    }

    fn is_wrong(&self, what: String) {
        self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(what);
    }
}

fn read(guest: &Guest) -> Result<u64, LabError> {
    let reply = guest.get(META_DATA)?;
    let document = reply.json()?;
    let number = document["meta"]["number"].as_str().and_then(|number| number.parse().ok());
    number.ok_or_else(|| io_error(io::Error::other(format!("{}: {}", reply.status, reply.text()))))
}

fn write(world: &World, number: u64) -> Result<(), LabError> {
    world.operator("red", &format!("instance set web1 --property number={number}")).map(drop)
}

/// haproxy that gives each request to the next API.
fn balancer(world: &World) -> Result<Process, LabError> {
    let configuration = world.directory().join("balancer.conf");
    let text = "global\n  maxconn 1024\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
         listen api\n  bind 127.0.0.1:8770\n  balance roundrobin\n  \
         server first 127.0.0.1:8775\n  server second 127.0.0.1:8776\n";
    fs::write(&configuration, text)?;
    let words = ["-db", "-f", &configuration.to_string_lossy()].map(str::to_owned);
    Program::new("haproxy").start(words, &world.directory().join("balancer.log"))
}

fn io_error(error: io::Error) -> LabError {
    error.into()
}
