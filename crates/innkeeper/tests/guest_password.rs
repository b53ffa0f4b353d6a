//! The administrator's password from the guest that posts it to the operator who reads it.

mod installation;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use innkeeper_wire::signature::SharedSecret;
use installation::{Installation, Running, stderr, stdout};
use rustix::process::Signal;

const PASSWORD: &str = "Adm1n-päss!\n";

/// A file among the throwaway keys.
fn key(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn start(here: &Installation) -> Running {
    here.start("api", &["--api-listen", "127.0.0.1:0"])
}

/// An installation with the instance web1, made with the throwaway key pair.
fn with_instance() -> (Installation, Running) {
    let here = Installation::new();
    let api = start(&here);
    here.done(&format!("keypair create mykey --public-key {}", key("public.ssh")));
    here.done("flavor create f --vcpus 1 --ram 1");
    here.done("network create blue --subnet 10.0.0.0/24");
    here.done("instance create web1 --flavor f --network blue --key-name mykey");
    (here, api)
}

/// Posts as a Neutron agent passes it on; the answer's status.
fn post(here: &Installation, api: &Running, password: &str) -> u16 {
    let instance = here.json("instance show web1");
    let (id, project) = (&instance["id"], &instance["project_id"]);
    let (id, project) = (id.as_str().expect("an id"), project.as_str().expect("an id"));
    let secret = SharedSecret::new(&here.read("shared_secret")).expect("a secret");
    let signature = secret.sign(&[id.as_bytes()]);
    let log = api.log();
    let (_, address) = log.split_once("listening=http://").expect("it says where agents ask");
    let address = address.split([',', ' ', '\n']).next().expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "POST /openstack/latest/password HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         X-Forwarded-For: 10.0.0.3\r\nX-Instance-ID: {id}\r\nX-Tenant-ID: {project}\r\n\
         X-Instance-ID-Signature: {}\r\nContent-Length: {}\r\n\r\n{password}",
        signature.as_str(),
        password.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[test]
fn what_a_guest_posts_once_its_owner_decrypts() {
    let (here, mut api) = with_instance();
    let decrypt = format!("instance password web1 --private-key {}", key("openssh.key"));
    let (code, error) = here.refused(&decrypt);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("has posted no password yet: wait"), "{error}");

    let posted = fs::read_to_string(key("password.base64")).expect("it is there");
    assert_eq!(post(&here, &api, &posted), 200);
    api.stop(Signal::TERM);
    api = start(&here);
    assert_eq!(post(&here, &api, "another"), 409, "kept over a restart");

    for file in ["pkcs1.pem", "pkcs8.pem", "openssh.key"] {
        let words = format!("instance password web1 --private-key {}", key(file));
        assert_eq!(here.done(&words), PASSWORD, "{file}");
        assert_eq!(here.json(&words)["password"], PASSWORD.trim_end(), "{file}");
    }
    let output = here.run(&["instance", "password", "web1"]);
    assert_eq!(stdout(&output).trim_end(), posted.trim_end(), "as it was posted");
    assert!(stderr(&output).contains("--private-key FILE"), "{}", stderr(&output));
    assert_eq!(here.json("instance password web1")["encrypted_password"], posted);

    here.done("instance password web1 --clear");
    let (_, error) = here.refused(&decrypt);
    assert!(error.contains("no password yet"), "{error}");
    assert_eq!(post(&here, &api, "in the clear"), 200, "may post again");
    let (code, error) = here.refused(&decrypt);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("is no base64"), "{error}");
}

#[test]
fn keys_that_cannot_decrypt_are_told_apart() {
    let (here, _api) = with_instance();
    for (file, words) in [
        ("ed25519.key", "only RSA keys can decrypt"),
        ("protected.key", "ssh-keygen -p"),
        ("public.ssh", "it is a public key"),
        ("README.md", "it is no private key"),
        ("missing", "cannot read "),
    ] {
        let line = format!("instance password web1 --private-key {}", key(file));
        let (code, error) = here.refused(&line);
        assert_eq!((code, error.lines().count()), (1, 1), "{file}: {error}");
        assert!(error.contains(words), "{file}: {error}");
    }
}
