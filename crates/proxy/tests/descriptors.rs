//! What happens when there are as many open files as may be.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod lab;
mod scripted;

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    os::fd::AsFd,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use innkeeper_model::RouterId;
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use scripted::{
    Running,
    guest::{METADATA, body, connect_metadata, get, get_on, wire_router},
};

/// Waiting for what comes at once, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn namespaces_without_a_descriptor_wait_for_one_and_harm_nobody() {
    lab::run_async("namespaces_without_a_descriptor_wait_for_one_and_harm_nobody", async || {
        const MORE: usize = 5;
        let running = Running::start();
        wire_router(&format!("qrouter-{}", RouterId::random()), "guest", "10.0.0.5");
        await_namespaces(&running, 1);
        let mut kept = connect_metadata("guest");
        ask(&mut kept);

        let batch: String =
            (0..MORE).map(|_| format!("netns add qrouter-{}\n", RouterId::random())).collect();
        std::fs::write("/run/batch", batch).unwrap();
        // Started while there are descriptors for its pipe.
        let mut maker = Command::new("sh")
            .args(["-ec", "read go; exec ip -batch /run/batch"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut all = exhaust();
        // One for reading the directory.
        all.pop();
        maker.stdin.take().unwrap().write_all(b"go\n").unwrap();
        lab::wait_for("the troubles", PATIENCE, || running.proxy.status().troubles.len() == MORE);
        for trouble in running.proxy.status().troubles {
            assert!(trouble.error.contains("LimitNOFILE="), "{trouble:?}");
        }
        assert_eq!(running.proxy.status().namespaces, 1);
        ask(&mut kept);

        drop(all);
        await_namespaces(&running, 1 + MORE);
        assert_eq!(running.proxy.status().troubles, []);
        assert!(maker.wait().unwrap().success());
        assert!(body(&get("guest", "/")).contains("10.0.0.5"));
    });
}

#[test]
fn an_idle_connection_gives_its_descriptor_to_a_newcomer() {
    lab::run_async("an_idle_connection_gives_its_descriptor_to_a_newcomer", async || {
        let running = Running::start();
        wire_router(&format!("qrouter-{}", RouterId::random()), "guest", "10.0.0.5");
        await_namespaces(&running, 1);
        let mut idle = connect_metadata("guest");
        ask(&mut idle);

        let (go, gone) = channel::<()>();
        let entered = File::open(Path::new(lab::NETNS_DIR).join("guest")).unwrap();
        let newcomer = thread::spawn(move || {
            move_into_link_name_space(entered.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            gone.recv().unwrap();
            // None is closed, so that there is none for the other end.
            (connect_with_the_last_descriptor(), entered)
        });
        let mut all = exhaust();
        all.pop();
        go.send(()).unwrap();
        let (newcomer, _entered) = newcomer.join().unwrap();
        newcomer.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(body(&get_on(newcomer, "/")).contains("10.0.0.5"));
        drop(all);
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "it was closed");
    });
}

/// Others take it now and then, and give it back.
fn connect_with_the_last_descriptor() -> TcpStream {
    loop {
        match TcpStream::connect(METADATA) {
            Err(error) if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
                thread::yield_now();
            }
            connected => return connected.unwrap(),
        }
    }
}

/// Opens as many files as may be, which are few from then on; none is left that the proxy uses
/// for a moment when it looks at the directory.
fn exhaust() -> Vec<File> {
    const FEW: u64 = 128;
    /// More than two looks.
    const WHILE: Duration = Duration::from_millis(600);
    let start = Instant::now();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(FEW), ..limit }).unwrap();
    let mut all = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => all.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
                if start.elapsed() >= WHILE {
                    return all;
                }
                thread::yield_now();
            }
        }
    }
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
}

fn await_namespaces(running: &Running, count: usize) {
    let what = format!("{count} namespaces");
    lab::wait_for(&what, PATIENCE, || running.proxy.status().namespaces == count);
}
