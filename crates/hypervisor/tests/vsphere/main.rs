//! The VMware adapter against VMware's own simulator of the vSphere API, over TLS.

mod simulator;

use innkeeper_hypervisor::vsphere::{Login, Machine, VSphere, VSphereError};
use innkeeper_model::{InstanceId, Secret};

use simulator::Simulator;

const MACHINE: &str = "/DC0/vm/DC0_H0_VM0";
const ISO: &[u8] = b"what is uploaded need not be an image";

fn login(simulator: &Simulator) -> Login {
    Login {
        server: format!("https://{}", simulator.address()),
        user: "user".to_owned(),
        password: Secret::new("pass"),
        authorities: None,
        insecure: true,
    }
}

fn instance() -> InstanceId {
    "6e5b3ff2-0b6c-4d5e-9a6e-0d5a0c3c1b11".parse().expect("an id")
}

#[test]
fn a_drive_is_uploaded_and_put_into_the_machine_once() {
    let simulator = Simulator::start();
    let machine = Machine::InventoryPath(MACHINE.to_owned());
    let attach = |datastore| {
        let mut session = VSphere::log_in(&login(&simulator)).expect("logged in");
        let attached = session.attach(instance(), &machine, datastore, ISO).expect("attached");
        session.log_out().expect("logged out");
        attached
    };
    let first = attach(None);
    assert_eq!(first.file, format!("[LocalDS_0] {}/configdrive.iso", instance()));
    assert!(first.reconfigured, "there was no drive before");
    assert_eq!(simulator.file("LocalDS_0", &first.file), ISO, "what the datastore has");

    let again = attach(Some("LocalDS_0"));
    assert_eq!((again.file, again.reconfigured), (first.file.clone(), false), "nothing to do");
    assert_eq!(simulator.cdroms_with(MACHINE, &first.file), 1, "as the server tells");
}

#[test]
fn a_machine_is_found_by_its_uuid() {
    let simulator = Simulator::start();
    let uuid = simulator.uuid_of(MACHINE).parse().expect("a UUID");
    let mut session = VSphere::log_in(&login(&simulator)).expect("logged in");
    let attached = session.attach(uuid, &Machine::OfInstance, None, ISO).expect("attached");
    assert_eq!(simulator.cdroms_with(MACHINE, &attached.file), 1);

    let refused = session.attach(instance(), &Machine::OfInstance, None, ISO);
    let error = refused.expect_err("nobody's UUID");
    assert!(matches!(error, VSphereError::NoMachine { .. }), "{error}");
}

#[test]
fn what_the_server_refuses_is_said() {
    let simulator = Simulator::start();
    let wrong = Login { user: String::new(), password: Secret::new(""), ..login(&simulator) };
    let error = VSphere::log_in(&wrong).expect_err("no such user").to_string();
    assert!(error.contains("InvalidLogin") && error.contains("--vsphere-user"), "{error}");

    let mut session = VSphere::log_in(&login(&simulator)).expect("logged in");
    let machine = Machine::InventoryPath(MACHINE.to_owned());
    let error = session.attach(instance(), &machine, Some("nowhere"), ISO);
    let error = error.expect_err("no such datastore").to_string();
    assert!(error.contains("nowhere") || error.contains("InvalidDatastore"), "{error}");
}

#[test]
fn certificates_are_checked() {
    let simulator = Simulator::start();
    let strict = Login { insecure: false, ..login(&simulator) };
    let error = VSphere::log_in(&strict).expect_err("nobody knows it").to_string();
    assert!(error.contains("--vsphere-ca"), "{error}");

    let known = Login { authorities: Some(simulator.authority()), ..strict.clone() };
    VSphere::log_in(&known).expect("by its own authority").log_out().expect("logged out");

    let no_pem = Login { authorities: Some("/etc/hostname".into()), ..strict };
    let error = VSphere::log_in(&no_pem).expect_err("no certificate").to_string();
    assert!(error.contains("/etc/hostname") && error.contains("PEM"), "{error}");
}
