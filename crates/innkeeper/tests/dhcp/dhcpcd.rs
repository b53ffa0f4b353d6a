//! dhcpcd, which also looks whether somebody else has its address, renews, and gives it back.

use std::{fs, path::Path, time::Duration};

use innkeeper_lab::{Guest, LabError, Process, isolated, wait_until, write_to_copy_of};

use crate::{
    exchange::{
        PATIENCE, await_message, check_answer, check_applied, check_applied_as, check_discovery,
        check_told,
    },
    frames::{
        dhcp::{ACK, RELEASE, REQUEST},
        neighbours::arp_claim,
    },
    lan::Lan,
};

#[test]
fn it_is_told_everything_and_nobody_has_its_address() {
    isolated(|| {
        let lan = Lan::routed_with_more()?;
        let (guest, recorder) = lan.guest()?;
        let mut client = start(&lan, &guest)?;
        check_discovery(&recorder, &lan.expected)?;
        // Its version 9 takes what is on its link for a route to one address, whoever tells it.
        check_applied_as(&guest, &lan, |network| {
            let (address, _) = network.split_once('/').expect("a range");
            format!("{address} dev eth0")
        })?;
        // It asked the network for its address before it took it, and was not answered.
        let probed = |frame: &[u8]| arp_claim(frame).filter(|claim| claim.ip.is_unspecified());
        recorder.await_frame("its probe", PATIENCE, probed)?;
        client.terminate(PATIENCE)?;
        Ok(())
    });
}

#[test]
fn it_renews_by_unicast_rebinds_by_broadcast_and_releases() {
    isolated(|| {
        let lan = Lan::isolated()?;
        let (guest, recorder) = lan.guest()?;
        let mut client = start(&lan, &guest)?;
        check_discovery(&recorder, &lan.expected)?;
        check_applied(&guest, &lan)?;
        for (how, is_broadcast) in [("--renew", false), ("--rebind", true)] {
            recorder.clear();
            guest.program().run(["dhcpcd", "-4", how, "eth0"])?;
            let ack = await_message(&recorder, how, |one| one.kind() == Some(ACK))?;
            let request = await_message(&recorder, how, |one| {
                one.kind() == Some(REQUEST) && one.xid == ack.xid
            })?;
            assert_eq!(request.ciaddr, lan.expected.address, "{how}: {request:#?}");
            assert_eq!(request.to.0.is_broadcast(), is_broadcast, "{how}: {request:#?}");
            assert_eq!((request.option(54), request.option(50)), (None, None), "{request:#?}");
            check_answer(&ack, &request, &lan.expected);
            check_told(&ack, &lan.expected);
        }
        recorder.clear();
        guest.program().run(["dhcpcd", "-4", "--release", "eth0"])?;
        await_message(&recorder, "a release", |one| one.kind() == Some(RELEASE))?;
        wait_until("the client to end", PATIENCE, || client.ended().is_some())?;
        // What is given back is still the port's, and nobody else's.
        recorder.clear();
        let mut client = start(&lan, &guest)?;
        check_discovery(&recorder, &lan.expected)?;
        client.terminate(Duration::from_secs(10))?;
        Ok(())
    });
}

fn start(lan: &Lan, guest: &Guest) -> Result<Process, LabError> {
    for directory in ["/etc", "/var/lib/dhcpcd"] {
        write_to_copy_of(Path::new(directory))?;
    }
    // Without a user to be, it is one process, and nothing is left of it when that is killed.
    let users = fs::read_to_string("/etc/passwd")?;
    let others = users.lines().filter(|line| !line.starts_with("dhcpcd:"));
    fs::write("/etc/passwd", others.map(|line| format!("{line}\n")).collect::<String>())?;
    let directory = lan.world.directory();
    let configuration = directory.join("dhcpcd.conf");
    fs::write(&configuration, CONFIGURATION)?;
    let configuration = configuration.display().to_string();
    let words = ["unshare", "--uts", "dhcpcd", "-4", "-B", "-d", "-f", &configuration, "eth0"];
    guest.program().start(words, &directory.join("dhcpcd.log"))
}

/// Debian's, without what needs files of the machine.
const CONFIGURATION: &str = "
clientid
persistent
option classless_static_routes
option domain_name_servers, domain_name, domain_search, host_name
option interface_mtu
require dhcp_server_identifier
noipv4ll
";
