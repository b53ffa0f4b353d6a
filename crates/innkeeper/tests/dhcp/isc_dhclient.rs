//! ISC's dhclient with Debian's configuration and scripts.

use std::{fs, path::Path};

use innkeeper_lab::{Guest, LabError, Process, isolated, write_to_copy_of};

use crate::{
    exchange::{await_message, check_answer, check_applied, check_discovery, messages},
    frames::{
        BROADCAST,
        dhcp::{ACK, CLIENT_PORT, NAK, REQUEST},
    },
    lan::Lan,
};

#[test]
fn it_is_told_everything_behind_a_router() {
    isolated(|| told_everything(&Lan::routed()?));
}

#[test]
fn it_is_told_everything_behind_a_router_with_a_second_subnet_and_host_routes() {
    isolated(|| told_everything(&Lan::routed_with_more()?));
}

#[test]
fn it_is_told_everything_without_a_router() {
    isolated(|| told_everything(&Lan::isolated()?));
}

#[test]
fn it_is_told_everything_without_a_router_with_a_second_subnet_and_host_routes() {
    isolated(|| told_everything(&Lan::isolated_with_more()?));
}

#[test]
fn with_the_lease_of_another_network_it_is_refused_and_begins_anew() {
    isolated(|| {
        let lan = Lan::routed()?;
        let (guest, recorder) = lan.guest()?;
        let client = start(&lan, &guest, OTHER_LEASE)?;
        let nak = await_message(&recorder, "a refusal", |one| one.kind() == Some(NAK))?;
        let all = messages(&recorder);
        let request = all.iter().find(|one| one.kind() == Some(REQUEST)).expect("a request");
        assert_eq!(request.option(54), None, "it does not reboot: {request:#?}");
        assert_eq!(request.addresses(50), Some(vec!["10.0.0.99".parse().expect("an address")]));
        assert_eq!((nak.to.1, nak.to_mac), (CLIENT_PORT, BROADCAST), "{nak:#?}");
        assert!(nak.to.0.is_broadcast(), "{nak:#?}");
        assert!(nak.yiaddr.is_unspecified() && nak.ciaddr.is_unspecified(), "{nak:#?}");
        assert_eq!(nak.addresses(54), Some(vec![lan.expected.server]), "{nak:#?}");
        let codes: Vec<_> = nak.options.iter().map(|(code, _)| *code).collect();
        assert!(codes.iter().all(|code| [53, 54, 56, 61].contains(code)), "{nak:#?}");
        check_applied(&guest, &lan)?;
        drop(client);
        check_discovery(&recorder, &lan.expected)
    });
}

#[test]
fn with_its_own_lease_it_is_acknowledged_at_once() {
    isolated(|| {
        let lan = Lan::routed()?;
        let (guest, recorder) = lan.guest()?;
        let own = OTHER_LEASE.replace("10.0.0.99", &lan.machine.address);
        let _client = start(&lan, &guest, &own)?;
        let ack = await_message(&recorder, "an acknowledgement", |one| one.kind() == Some(ACK))?;
        let all = messages(&recorder);
        let request = all.iter().find(|one| one.kind() == Some(REQUEST)).expect("a request");
        assert_eq!(all.len(), 2, "more than two messages: {all:#?}");
        check_answer(&ack, request, &lan.expected);
        crate::exchange::check_told(&ack, &lan.expected);
        check_applied(&guest, &lan)
    });
}

fn told_everything(lan: &Lan) -> Result<(), LabError> {
    let (guest, recorder) = lan.guest()?;
    let client = start(lan, &guest, "")?;
    check_discovery(&recorder, &lan.expected)?;
    check_applied(&guest, lan)?;
    let process = client.id().to_string();
    let host_name =
        innkeeper_lab::Program::new("nsenter").run(["--target", &process, "--uts", "hostname"])?;
    assert_eq!(host_name.trim(), lan.expected.host_name);
    let resolvers = fs::read_to_string("/etc/resolv.conf")?;
    for server in &lan.expected.name_servers {
        assert!(resolvers.contains(&format!("nameserver {server}")), "{resolvers}");
    }
    Ok(())
}

/// Starts it in the guest, with a host name of its own, and the leases that it remembers.
fn start(lan: &Lan, guest: &Guest, leases: &str) -> Result<Process, LabError> {
    write_to_copy_of(Path::new("/etc"))?;
    let directory = lan.world.directory();
    let file = |name: &str| directory.join(name).display().to_string();
    let (remembered, process) = (file("leases"), file("dhclient.pid"));
    fs::write(&remembered, leases)?;
    let script = "hostname localhost && exec dhclient -d -v -lf \"$0\" -pf \"$1\" eth0";
    let words = ["unshare", "--uts", "sh", "-c", script, &remembered, &process];
    guest.program().start(words, &directory.join("dhclient.log"))
}

/// A lease that has long to go, of an address that is another's.
const OTHER_LEASE: &str = r#"
lease {
  interface "eth0";
  fixed-address 10.0.0.99;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 1000000000;
  option dhcp-message-type 5;
  option dhcp-server-identifier 10.0.0.2;
  renew 1 2046/01/01 00:00:00;
  rebind 1 2046/01/01 00:00:00;
  expire 1 2046/01/01 00:00:00;
}
"#;
