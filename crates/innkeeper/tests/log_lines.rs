//! Lines of the log: each request has its own, whole, soon, and before the process ends.

mod tenants;

use std::{fs, io::Write, thread, time::Duration};

use innkeeper_lab::{Guest, LabError, isolated, read_reply, wait_until};
use tenants::{routed_tenant, world};

/// What is asked once, while nobody else asks.
const ALONE: &str = "/latest/meta-data/instance-id";
/// What many ask at once.
const TOGETHER: &str = "/latest/meta-data/hostname";
/// Clients that ask at once, and how often each.
const CLIENTS: usize = 8;
const REQUESTS: usize = 250;
/// A thread that waits has written its lines before: this is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn every_request_has_a_line_when_the_process_has_ended() {
    isolated(|| {
        let world = world()?.with("INNKEEPER_LOG_FORMAT", "json");
        let mut serve = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        world.await_answer(&red.guest)?;
        let log = world.directory().join("serve.log");
        // Each kind of request has a path of its own: lines of others may still be on their way.
        let lines = |path: &str| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            log.lines().filter(|line| line.contains(&format!("\"path\":\"{path}\""))).count()
        };

        red.guest.get(ALONE)?;
        wait_until("the line of a single request", SOON, || lines(ALONE) == 1)?;

        thread::scope(|scope| -> Result<(), LabError> {
            let ask = |number| {
                if number % 2 == 0 { ask_anew(&red.guest) } else { ask_on_one(&red.guest) }
            };
            let clients: Vec<_> =
                (0..CLIENTS).map(|number| scope.spawn(move || ask(number))).collect();
            clients.into_iter().try_for_each(|client| client.join().expect("a client panicked"))
        })?;
        serve.terminate(Duration::from_secs(15))?;
        assert_eq!(lines(TOGETHER), CLIENTS * REQUESTS, "lines of requests are missing");
        for line in fs::read_to_string(&log)?.lines() {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
            assert!(parsed.is_ok_and(|line| line.is_object()), "no whole line: {line:?}");
        }
        Ok(())
    });
}

/// On a connection for each request.
fn ask_anew(guest: &Guest) -> Result<(), LabError> {
    for _ in 0..REQUESTS {
        let status = guest.get(TOGETHER)?.status;
        assert_eq!(status, 200, "the guest was refused");
    }
    Ok(())
}

/// All on one connection.
fn ask_on_one(guest: &Guest) -> Result<(), LabError> {
    let mut connection = guest.connect_metadata()?;
    for _ in 0..REQUESTS {
        let request = format!("GET {TOGETHER} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let status = read_reply(&mut connection)?.status;
        assert_eq!(status, 200, "the guest was refused");
    }
    Ok(())
}
