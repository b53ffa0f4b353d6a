//! Agent and API as processes that know each other by certificates.

mod tenants;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use innkeeper_lab::isolated;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tenants::{META_DATA, routed_tenant, world};

/// How long a process may take to end.
/// The one path that takes a POST.
const PASSWORD: &str = "/openstack/latest/password";

const PROMPT: Duration = Duration::from_secs(15);

#[test]
fn agent_and_api_talk_tls_with_certificates_of_one_authority_only() {
    isolated(|| {
        let world = world()?;
        let ours = Authority::new(world.directory(), "ours");
        let others = Authority::new(world.directory(), "others");
        let (api, agent) = (ours.issue("api"), ours.issue("agent"));
        let world = world
            .with("INNKEEPER_API_TLS_CERTIFICATE", &api.0)
            .with("INNKEEPER_API_TLS_PRIVATE_KEY", &api.1)
            .with("INNKEEPER_API_TLS_CLIENT_CA", &ours.file)
            .with("INNKEEPER_AGENT_API", "https://127.0.0.1:8775")
            .with("INNKEEPER_AGENT_CLIENT_CERTIFICATE", &agent.0)
            .with("INNKEEPER_AGENT_CLIENT_PRIVATE_KEY", &agent.1);
        let trusting = world.clone().with("INNKEEPER_AGENT_CA", &ours.file);
        let mut roles = trusting.roles()?;
        let red = routed_tenant(&trusting, "red", "10.0.0.0/24")?;
        red.assert_knows_itself()?;

        roles.agent.terminate(PROMPT)?;
        let mut misled = world.with("INNKEEPER_AGENT_CA", &others.file).start("agent")?;
        let asked = Instant::now();
        let reply = red.guest.get(META_DATA)?;
        let held = asked.elapsed();
        assert_eq!(reply.status, 503, "an API of another authority was believed");
        assert!(reply.header("retry-after").is_some(), "{:?}", reply.headers);
        assert!(held > Duration::from_secs(5), "not held: {held:?}");
        misled.terminate(PROMPT)?;

        let stranger = others.issue("stranger");
        let stranger = trusting
            .clone()
            .with("INNKEEPER_AGENT_CLIENT_CERTIFICATE", &stranger.0)
            .with("INNKEEPER_AGENT_CLIENT_PRIVATE_KEY", &stranger.1);
        let mut stranger = stranger.start("agent")?;
        // A POST, which is not tried again once it may have been sent.
        let post = format!("POST {PASSWORD} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        let reply = red.guest.exchange(post.as_bytes())?;
        assert_eq!(reply.status, 503, "an agent of another authority was let in");
        stranger.terminate(PROMPT)?;

        let _again = trusting.start("agent")?;
        red.assert_knows_itself()
    });
}

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
    file: String,
}

impl Authority {
    fn new(directory: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let file = write(directory, &format!("{name}.pem"), &certificate);
        Self { issuer: Issuer::new(params, key), directory: directory.to_owned(), file }
    }

    /// The files of a certificate for this machine and of its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let certificate = write(&self.directory, &format!("{name}.crt"), &certificate);
        (certificate, write(&self.directory, &format!("{name}.key"), &key.serialize_pem()))
    }
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("the lab's directory can be written");
    path.to_string_lossy().into_owned()
}
