//! Whatever a guest sends, it gets a clear refusal or a clean close, and the next guest its own
//! document. All of it over the whole path: a guest's namespace, a router's, the program.

mod tenants;

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use innkeeper_lab::{LabError, Process, isolated, read_reply, wait_until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenants::{META_DATA, Plugged, isolated_tenant, plug_in, routed_tenant, world};

/// How long a refusal may take: nothing here has to be waited for.
/// The one path that takes a POST.
const PASSWORD: &str = "/openstack/latest/password";

const PROMPT: Duration = Duration::from_secs(4);
/// Memory that no crowd of these sizes may take: far below what they could make a server hold that
/// reads without limits.
const GROWTH_MAX_KIB: u64 = 48 * 1024;

#[test]
fn what_is_no_request_is_refused_and_the_connection_closed() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let long_line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
        let cases: [(&str, &[u8], &[u16]); 16] = [
            ("bytes of another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[400]),
            ("high bytes", b"\xff\xfe\xfd\xfc\r\n\r\n", &[400]),
            ("NULs", b"\0\0\0\0\r\n\r\n", &[400]),
            ("a NUL in the path", b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", &[400]),
            ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", &[400]),
            ("no version", b"GET /\r\n\r\n", &[400]),
            ("HTTP/0.9 by name", b"GET / HTTP/0.9\r\n\r\n", &[400, 505]),
            ("no path", b"GET HTTP/1.1\r\n\r\n", &[400]),
            ("only a colon", b"GET / HTTP/1.1\r\n:\r\n\r\n", &[400]),
            ("no colon", b"GET / HTTP/1.1\r\nHost\r\n\r\n", &[400]),
            ("a bare CR", b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", &[400]),
            (
                "two lengths",
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                &[400],
            ),
            ("a signed length", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &[400]),
            ("a length of letters", b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", &[400]),
            (
                "a coding that is not ours",
                b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
                &[400, 501],
            ),
            ("a line of 200 kB", long_line.as_bytes(), &[400, 414, 431]),
        ];
        for (what, bytes, statuses) in cases {
            let replies = red.talk(bytes, Ending::ClosedByServer)?;
            let [reply] = replies.as_slice() else { panic!("{what}: {} replies", replies.len()) };
            assert!(statuses.contains(&reply.status), "{what} was answered {}", reply.status);
            assert!(!reply.names(&red), "{what} got a document");
            red.assert_knows_itself()?;
        }
        let http2 = red.talk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Ending::ClosedByServer)?;
        assert!(
            http2.is_empty(),
            "HTTP/2 is not spoken, and nothing said is what its clients know"
        );
        red.assert_knows_itself()
    });
}

#[test]
fn what_is_odd_but_legal_is_answered() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let close = "Connection: close\r\n";
        let cases = [
            ("bare LF", format!("GET {META_DATA} HTTP/1.1\nHost: x\nConnection: close\n\n")),
            ("no Host", format!("GET {META_DATA} HTTP/1.1\r\n{close}\r\n")),
            ("HTTP/1.0", format!("GET {META_DATA} HTTP/1.0\r\n\r\n")),
            (
                "an empty line first",
                format!("\r\nGET {META_DATA} HTTP/1.1\r\nHost: x\r\n{close}\r\n"),
            ),
            (
                "an absolute target",
                format!("GET http://evil{META_DATA} HTTP/1.1\r\nHost: x\r\n{close}\r\n"),
            ),
            ("another's Host", format!("GET {META_DATA} HTTP/1.1\r\nHost: evil\r\n{close}\r\n")),
        ];
        for (what, request) in cases {
            let replies = red.talk(request.as_bytes(), Ending::ClosedByServer)?;
            let [reply] = replies.as_slice() else { panic!("{what}: {} replies", replies.len()) };
            assert_eq!(reply.status, 200, "{what}");
            assert!(reply.names(&red), "{what} did not get its own document");
        }
        for (what, request) in [
            ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            ("CONNECT", "CONNECT evil:80 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
            (
                "CONNECT to a path",
                "CONNECT /openstack HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            ),
        ] {
            let replies = red.talk(request.as_bytes(), Ending::ClosedByServer)?;
            assert_eq!(statuses(&replies), [400], "{what}");
        }
        red.assert_knows_itself()
    });
}

#[test]
fn heads_over_16_kib_and_bodies_over_1_mib_are_refused() {
    isolated(|| {
        let world = world()?;
        let serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let before = Usage::of(&serve)?;

        let head = |bytes: usize| {
            let start = format!("GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
            let padding = bytes - start.len() - "X-Padding: \r\n\r\n".len();
            format!("{start}X-Padding: {}\r\n\r\n", "a".repeat(padding))
        };
        let replies = red.talk(head(15 * 1024).as_bytes(), Ending::ClosedByServer)?;
        assert_eq!(statuses(&replies), [200], "15 KiB");
        for bytes in [17 * 1024, 64 * 1024, 1024 * 1024] {
            let replies = red.talk(head(bytes).as_bytes(), Ending::ClosedByServer)?;
            let refused = matches!(statuses(&replies).as_slice(), [400 | 431]);
            assert!(refused, "a head of {bytes} bytes: {:?}", statuses(&replies));
            red.assert_knows_itself()?;
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000));
        let replies = red.talk(many.as_bytes(), Ending::ClosedByServer)?;
        assert!(matches!(statuses(&replies).as_slice(), [400 | 431]), "1,000 headers");

        let mut declared =
            b"POST /openstack HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n".to_vec();
        declared.resize(declared.len() + 2 * 1024 * 1024, b'a');
        let mut chunked =
            b"POST /openstack HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..32 {
            chunked.extend_from_slice(b"10000\r\n");
            chunked.resize(chunked.len() + 0x10000, b'a');
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let unsent = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n";
        for (what, request) in
            [("declared", &declared[..]), ("chunked", &chunked), ("declared and not sent", unsent)]
        {
            let replies = red.talk(request, Ending::ClosedByServer)?;
            assert_eq!(statuses(&replies), [413], "{what}");
            red.assert_knows_itself()?;
        }
        before.assert_not_outgrown_by(&serve, 0)
    });
}

#[test]
fn bodies_in_chunks_and_requests_in_a_row_are_answered_in_order() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;

        let chunked = format!(
            "POST {PASSWORD} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;note=x\r\nabc\r\n5\r\ndefgh\r\n0\r\nX-Instance-ID: evil\r\n\r\n\
             GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        );
        let replies = red.talk(chunked.as_bytes(), Ending::ClosedByServer)?;
        assert_eq!(statuses(&replies), [200, 200], "a chunked body and what follows it");
        let broken = format!(
            "POST {META_DATA} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        );
        assert_eq!(statuses(&red.talk(broken.as_bytes(), Ending::ClosedByServer)?), [400]);

        let paths = ["/", META_DATA, "/latest/meta-data/hostname", "/openstack", "/none"];
        let mut row = String::new();
        for number in 0..50 {
            let last = if number == 49 { "Connection: close\r\n" } else { "" };
            row +=
                &format!("GET {} HTTP/1.1\r\nHost: x\r\n{last}\r\n", paths[number % paths.len()]);
        }
        let replies = red.talk(row.as_bytes(), Ending::ClosedByServer)?;
        assert_eq!(replies.len(), 50);
        for (number, reply) in replies.iter().enumerate() {
            let alone = red.guest.get(paths[number % paths.len()])?;
            assert_eq!(reply.status, alone.status, "request {number}");
            // Nova puts random bytes into this one document.
            let same = paths[number % paths.len()] == META_DATA || reply.body == alone.body;
            assert!(same, "request {number} got another's answer");
            assert_eq!(number % paths.len() == 1, reply.names(&red), "request {number}");
        }
        red.assert_knows_itself()
    });
}

#[test]
fn expectations_and_half_closed_connections_are_answered() {
    isolated(|| {
        let world = world()?;
        let serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;

        let mut stream = red.guest.connect_metadata()?;
        let expecting = format!(
            "POST {PASSWORD} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 5\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(expecting.as_bytes())?;
        let mut interim = [0; 25];
        stream.read_exact(&mut interim)?;
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hello")?;
        assert_eq!(read_reply(&mut stream)?.status, 200);
        let too_much = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n";
        let replies = red.talk(too_much, Ending::ClosedByServer)?;
        assert_eq!(statuses(&replies), [413], "what is too much is not asked for");

        let request = format!("GET {META_DATA} HTTP/1.1\r\nHost: x\r\n\r\n");
        let replies = red.talk(request.as_bytes(), Ending::HalfClosed)?;
        assert_eq!(statuses(&replies), [200], "a half-closed connection");
        assert!(replies[0].names(&red));
        for cut in
            ["", "GET", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"]
        {
            let replies = red.talk(cut.as_bytes(), Ending::HalfClosed)?;
            assert!(statuses(&replies).iter().all(|status| *status == 400), "{cut:?}");
        }

        let before = Usage::of(&serve)?;
        for number in 0..100_usize {
            let mut stream = red.guest.connect_metadata()?;
            let cut = if number % 2 == 0 { request.len() } else { number.min(request.len()) };
            stream.write_all(&request.as_bytes()[..cut])?;
            socket_reset(stream)?;
        }
        red.assert_knows_itself()?;
        before.await_back(&serve)
    });
}

#[test]
fn slow_and_idle_guests_take_no_one_elses_turn() {
    isolated(|| {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
            .map_err(std::io::Error::from)?;
        let world = world()?;
        let serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let before = Usage::of(&serve)?;

        let mut idle = Vec::new();
        for _ in 0..300 {
            idle.push(red.guest.connect_metadata()?);
        }
        let mut slow = Vec::new();
        for number in 0..100 {
            let mut stream = red.guest.connect_metadata()?;
            let start: &[u8] = if number % 2 == 0 {
                b"GET / HTTP/1.1\r\nX-Slow: "
            } else {
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
            };
            stream.write_all(start)?;
            slow.push(stream);
        }
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            for stream in &mut slow {
                stream.write_all(b"a")?;
            }
            for tenant in [&red, &blue] {
                let asked = Instant::now();
                tenant.assert_knows_itself()?;
                let took = asked.elapsed();
                assert!(took < Duration::from_secs(2), "{} waited {took:?}", tenant.guest.name());
            }
        }
        before.assert_not_outgrown_by(&serve, idle.len() + slow.len())?;
        drop((idle, slow));
        before.await_back(&serve)?;
        red.assert_knows_itself()
    });
}

#[test]
fn odd_methods_do_not_put_the_hops_out_of_step() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        for method in ["HEAD", "OPTIONS", "TRACE", "head", "PURGE", "PRI", "GET"] {
            for extra in
                ["", "Upgrade: websocket\r\nConnection: upgrade\r\n", "Content-Length: 3\r\n"]
            {
                let body = if extra.starts_with("Content-Length") { "abc" } else { "" };
                let request =
                    format!("{method} {META_DATA} HTTP/1.1\r\nHost: x\r\n{extra}\r\n{body}");
                // On one connection, so that the hops behind see them on kept ones.
                let last =
                    format!("GET {META_DATA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                let mut stream = red.guest.connect_metadata()?;
                stream.write_all(request.repeat(3).as_bytes())?;
                stream.write_all(last.as_bytes())?;
                let mut all = Vec::new();
                stream.read_to_end(&mut all)?;
                assert!(all.starts_with(b"HTTP/1.1 "), "{method} {extra:?}");
                assert!(!contains(&all, &blue.machine.id), "{method} {extra:?} got blue's");
                blue.assert_knows_itself()?;
                red.assert_knows_itself()?;
            }
        }
        Ok(())
    });
}

#[test]
fn who_takes_every_connection_of_a_network_does_not_keep_its_neighbours_waiting() {
    isolated(|| {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
            .map_err(std::io::Error::from)?;
        let world = world()?;
        let _serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let neighbour = plug_in(&world, world.machine("red", "web2", "lan")?, "10.0.0.1")?;
        // More than one network may have at once.
        let taken: Result<Vec<_>, _> = (0..1_100).map(|_| red.guest.connect_metadata()).collect();
        let taken = taken?;
        let asked = Instant::now();
        neighbour.assert_knows_itself()?;
        let took = asked.elapsed();
        assert!(took < PROMPT, "the neighbour of {} idle connections waited {took:?}", taken.len());
        Ok(())
    });
}

#[test]
fn with_few_descriptors_one_tenant_does_not_take_them_all() {
    isolated(|| {
        let world = world()?;
        // As a system with a tight limit starts it.
        let few = Rlimit { current: Some(300), maximum: Some(300) };
        setrlimit(Resource::Nofile, few).map_err(std::io::Error::from)?;
        let serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let taken: Result<Vec<_>, _> = (0..280).map(|_| red.guest.connect_metadata()).collect();
        let taken = taken?;
        let asked = Instant::now();
        blue.assert_knows_itself()?;
        let took = asked.elapsed();
        assert!(took < PROMPT, "with {} connections of red's, blue waited {took:?}", taken.len());
        assert!(serve.log().contains("limit of open files"), "the operator is not told");
        Ok(())
    });
}

/// How a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The server closes after its answers.
    ClosedByServer,
    /// The guest says at once that it will send no more.
    HalfClosed,
}

/// One answer of several on a connection.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn names(&self, tenant: &Plugged) -> bool {
        contains(&self.body, &tenant.machine.id)
    }
}

trait Talk {
    /// Sends `bytes` on a connection of its own and reads all answers up to a clean close.
    fn talk(&self, bytes: &[u8], ending: Ending) -> Result<Vec<Answer>, LabError>;
}

impl Talk for Plugged {
    fn talk(&self, bytes: &[u8], ending: Ending) -> Result<Vec<Answer>, LabError> {
        let mut stream = self.guest.connect_metadata()?;
        stream.set_read_timeout(Some(PROMPT))?;
        let mut sending = stream.try_clone()?;
        let mut all = Vec::new();
        thread::scope(|scope| -> Result<(), LabError> {
            // The server may refuse and close before all is sent.
            scope.spawn(move || {
                let _ = sending.write_all(bytes);
                if ending == Ending::HalfClosed {
                    let _ = sending.shutdown(Shutdown::Write);
                }
            });
            let begun = Instant::now();
            let read = stream.read_to_end(&mut all);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
            let took = begun.elapsed();
            assert!(read.is_ok(), "{shown:?}: {read:?} after {} bytes and {took:?}", all.len());
            Ok(())
        })?;
        Ok(answers(&all))
    }
}

/// Takes apart what came on one connection.
fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |length| length.trim().parse().expect("a length"));
        let (body, rest) = bytes[end + 4..].split_at(length);
        found.push(Answer { status, body: body.to_vec() });
        bytes = rest;
    }
    found
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Closes with a reset, as a guest that crashes does.
fn socket_reset(stream: TcpStream) -> Result<(), LabError> {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))
        .map_err(std::io::Error::from)?;
    drop(stream);
    Ok(())
}

/// What a process takes.
#[derive(Debug)]
struct Usage {
    descriptors: usize,
    memory_kib: u64,
}

impl Usage {
    fn of(process: &Process) -> Result<Self, LabError> {
        let directory = format!("/proc/{}", process.id());
        let status = fs::read_to_string(format!("{directory}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Self {
            descriptors: fs::read_dir(format!("{directory}/fd"))?.count(),
            memory_kib: kib.expect("the kernel tells a process's memory"),
        })
    }

    /// One descriptor per guest, a few for the program's own affairs, and bounded memory.
    fn assert_not_outgrown_by(&self, process: &Process, guests: usize) -> Result<(), LabError> {
        let now = Self::of(process)?;
        let more = now.descriptors.saturating_sub(self.descriptors);
        assert!(more <= guests + 20, "{more} more descriptors for {guests} guests");
        let grown = now.memory_kib.saturating_sub(self.memory_kib);
        assert!(grown < GROWTH_MAX_KIB, "memory grew by {grown} KiB");
        Ok(())
    }

    /// Waits until the guests that left are forgotten.
    fn await_back(&self, process: &Process) -> Result<(), LabError> {
        wait_until("the descriptors of guests that left to be closed", PROMPT, || {
            Self::of(process).is_ok_and(|now| now.descriptors <= self.descriptors + 5)
        })?;
        self.assert_not_outgrown_by(process, 0)
    }
}
