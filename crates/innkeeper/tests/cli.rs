//! The command line: help, configuration, `init`, and roles as processes.

mod installation;

use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixDatagram};

use installation::{Installation, stderr, stdout};
use rustix::process::Signal;

#[test]
fn help_teaches_the_first_steps() {
    let here = Installation::empty();
    let help = stdout(&here.run(&["--help"]));
    for line in ["innkeeper init", "innkeeper serve", "innkeeper instance metadata web1"] {
        assert!(help.contains(line), "no {line:?} in\n{help}");
    }
    assert!(stdout(&here.run(&["--version"])).starts_with("innkeeper "));
    let flags = stdout(&here.run(&["api", "--help"]));
    assert!(flags.contains("--api-listen") && flags.contains("INNKEEPER_API_LISTEN"), "{flags}");
    assert_eq!(here.refused("serv").0, 2);
}

#[test]
fn the_example_is_a_valid_configuration() {
    let here = Installation::empty();
    let example = stdout(&here.run(&["config", "example"]));
    fs::write(here.path("innkeeper.toml"), &example).unwrap();
    let report = here.done("config check");
    assert!(report.contains("listen = \"127.0.0.1:8775\"\n"), "{report}");
}

#[test]
fn config_check_shows_values_with_their_source() {
    let here = Installation::empty();
    let file = here.path("innkeeper.toml");
    fs::write(&file, "[api]\ndhcp_domain = \"cloud.example\"\n").unwrap();
    let mut command = here.command(&["config", "check"]);
    let report = stdout(&command.env("INNKEEPER_LOG_LEVEL", "debug").output().unwrap());
    let from_file = format!("dhcp_domain = \"cloud.example\"  # {}:2", file.display());
    assert!(report.contains(&from_file), "{report}");
    assert!(report.contains("level = \"debug\"  # environment variable INNKEEPER_LOG_LEVEL"));
}

#[test]
fn mistakes_in_the_configuration_exit_with_2() {
    let here = Installation::empty();
    fs::write(here.path("innkeeper.toml"), "[api]\nlisen = \"127.0.0.1:1\"\n").unwrap();
    for words in ["config check", "api", "serve"] {
        let (code, error) = here.refused(words);
        assert_eq!(code, 2, "{error}");
        assert!(
            error.ends_with("innkeeper.toml:2: unknown key api.lisen; did you mean api.listen?\n"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    fs::write(here.path("innkeeper.toml"), "").unwrap();
    let mut command = here.command(&["api"]);
    let output = command.env("INNKEEPER_API_LISTN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean INNKEEPER_API_LISTEN?"), "{}", stderr(&output));
}

#[test]
fn init_makes_everything_once() {
    let here = Installation::new();
    let directory = here.path("").to_str().unwrap().to_owned();
    for name in ["shared_secret", "admin.token", "agent.token", "innkeeper.db"] {
        assert_eq!(here.mode(name), 0o600, "{name}");
    }
    let secret = here.read("shared_secret");
    assert_eq!(secret.trim_end().len(), 64, "32 bytes in hexadecimal");
    let before =
        ["shared_secret", "admin.token", "agent.token", "innkeeper.toml"].map(|n| here.read(n));

    fs::remove_file(here.path("agent.token")).unwrap();
    let output = here.run(&["init", "--dir", &directory]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stdout(&output);
    assert!(told.contains("kept") && told.contains("made"), "{told}");
    assert!(told.contains("innkeeper serve"), "it says what to do next: {told}");
    assert_eq!(here.read("shared_secret"), before[0]);
    assert_eq!(here.read("admin.token"), before[1]);
    assert_ne!(here.read("agent.token"), before[2]);
    assert_eq!(here.read("innkeeper.toml"), before[3]);
    for secret in &before[..3] {
        assert!(!told.contains(secret.trim_end()), "a secret was printed: {told}");
    }
}

#[test]
fn init_revokes_tokens_when_told_to() {
    let here = Installation::new();
    let address = "127.0.0.1:0";
    let api = here.start("api", &["--api-listen", address, "--control-listen", address]);
    let url = api.control_url();
    let list = ["project", "list", "--control-url", &url, "--control-token-file"];
    let with = |file: &str| here.run(&[&list[..], &[here.path(file).to_str().unwrap()]].concat());
    fs::copy(here.path("admin.token"), here.path("seen.token")).unwrap();
    assert!(with("seen.token").status.success());

    let directory = here.path("").to_str().unwrap().to_owned();
    let output = here.run(&["init", "--dir", &directory, "--revoke-tokens"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("revoked 2 tokens"), "{}", stdout(&output));
    let refused = with("seen.token");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is not known"), "{}", stderr(&refused));
    assert!(with("admin.token").status.success(), "the new one opens");
}

#[test]
fn init_says_when_a_token_is_of_another_database() {
    let here = Installation::new();
    fs::remove_file(here.path("innkeeper.db")).unwrap();
    for rest in ["innkeeper.db-wal", "innkeeper.db-shm"] {
        let _ = fs::remove_file(here.path(rest));
    }
    let output = here.run(&["init", "--dir", here.path("").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("remove the file and run innkeeper init again"));
}

#[test]
fn a_secret_that_is_none_stops_the_role_with_advice() {
    let here = Installation::new();
    let file = here.path("shared_secret");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, error) = here.refused("api --api-listen 127.0.0.1:0");
    assert_eq!(code, 1);
    assert!(error.contains("chmod o="), "{error}");
    fs::remove_file(&file).unwrap();
    for words in ["api --api-listen 127.0.0.1:0", "agent"] {
        let (code, error) = here.refused(words);
        assert_eq!(code, 1);
        assert!(error.contains("innkeeper init"), "{words}: {error}");
        assert_eq!(error.lines().count(), 1, "{words}: {error}");
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let here = Installation::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, error) = here.refused(&format!("api --api-listen {address}"));
    assert_eq!(code, 1);
    assert!(error.contains(&format!("cannot listen on {address} (api.listen)")), "{error}");
    assert!(error.contains("ss -ltnp"), "{error}");
}

#[test]
fn roles_drain_and_exit_0_when_told_to_stop() {
    let here = Installation::new();
    let mut api = here.start("api", &["--api-listen", "127.0.0.1:0"]);
    let mut agent = here.start("agent", &["--log-format", "json"]);
    assert_eq!(agent.stop(Signal::TERM).code(), Some(0), "{}", agent.log());
    assert_eq!(api.stop(Signal::INT).code(), Some(0), "{}", api.log());
    for line in agent.log().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is JSON");
    }
}

#[test]
fn secrets_are_in_no_log_and_no_process_list() {
    let here = Installation::new();
    let mut api = here.start("api", &["--api-listen", "127.0.0.1:0", "--log-level", "trace"]);
    let mut agent = here.start("agent", &["--log-level", "trace"]);
    here.done("project list");
    let visible = api.visible() + &agent.visible();
    api.stop(Signal::TERM);
    agent.stop(Signal::TERM);
    for name in ["shared_secret", "admin.token", "agent.token"] {
        let secret = here.read(name);
        for place in [&visible, &api.log(), &agent.log()] {
            assert!(!place.contains(secret.trim_end()), "{name} can be seen");
        }
    }
}

#[test]
fn the_service_manager_is_told_when_a_role_is_ready() {
    let here = Installation::new();
    let manager = UnixDatagram::bind(here.path("notify")).unwrap();
    let mut command = here.command(&["api", "--api-listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", here.path("notify")).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    manager.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut datagram = [0; 64];
    let received = manager.recv(&mut datagram);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&datagram[..received.unwrap()], b"READY=1");
}

#[test]
fn health_and_metrics_are_served_where_configured() {
    let here = Installation::new();
    let flags = ["--api-listen", "127.0.0.1:0", "--api-metrics-listen", "127.0.0.1:0"];
    let api = here.start("api", &flags);
    let log = api.log();
    let (_, rest) = log.split_once("/metrics").map(|(a, b)| (b, a)).expect("it says where");
    let (_, address) = rest.rsplit_once("http://").expect("a URL");
    assert!(get(address, "/healthz").ends_with("ok\n"), "{}", get(address, "/healthz"));
    assert!(get(address, "/metrics").contains("innkeeper_api_requests_total"));
    // Nonsense never becomes a request, and is counted all the same.
    let (_, agents) = log.split_once("listening=http://").expect("it says where agents ask");
    let agents = agents.split(',').next().expect("an address");
    let mut stream = std::net::TcpStream::connect(agents).expect("it listens");
    std::io::Write::write_all(&mut stream, b"no such thing\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let refused = "innkeeper_api_requests_total{reason=\"bad-request\"} 1";
    innkeeper_lab::wait_until(
        "the refusal to be counted",
        std::time::Duration::from_secs(5),
        || get(address, "/metrics").contains(refused),
    )
    .expect("it is counted");
}

#[test]
fn completions_and_man_pages_cover_every_command() {
    let here = Installation::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&here.run(&["completions", shell]));
        assert!(script.contains("keypair") && script.contains("serve"), "{shell}");
    }
    assert!(stdout(&here.run(&["man"])).contains(".TH innkeeper"));
    let pages = here.path("man");
    assert!(here.run(&["man", pages.to_str().unwrap()]).status.success());
    for page in ["innkeeper.1", "innkeeper-serve.1", "innkeeper-instance-metadata.1"] {
        assert!(pages.join(page).exists(), "no {page}");
    }
}

fn get(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}
