//! TLS between agent and API, with certificates made for the test.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use innkeeper_model::Identity;
use innkeeper_wire::{
    NextHop, Reason,
    client::{ApiClient, ApiKind, Upstream},
    signature::SharedSecret,
    tls::{CertificateFiles, ClientTls, server_config},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{Echo, PATIENCE, Server, guest_request};
use tokio_rustls::TlsAcceptor;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(dir: &tempfile::TempDir, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = dir.path().join(format!("{name}.pem"));
        fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    fn issue(&self, name: &str) -> CertificateFiles {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let dir = self.file.parent().unwrap();
        let files = CertificateFiles {
            certificate: dir.join(format!("{name}.crt")),
            key: dir.join(format!("{name}.key")),
        };
        fs::write(&files.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

async fn ask(server: &Server, tls: &ClientTls, patience: Duration) -> (StatusCode, Reason) {
    let (host, port) = (server.address.ip().to_string(), server.address.port());
    let upstream = Upstream::tcp(&host, port, Some(tls.load().unwrap())).unwrap();
    let secret = SharedSecret::new("s3cr3t").unwrap();
    let client = ApiClient::new(vec![upstream], ApiKind::Nova, secret);
    let who = Identity {
        instance: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        project: "acme".parse().unwrap(),
        address: None,
        vouched_port: None,
        found_in: None,
    };
    let answer = client.call(guest_request(who, Method::GET, "/a", b"", patience)).await;
    (answer.status, answer.reason)
}

async fn serve(files: &CertificateFiles, client_ca: Option<&PathBuf>) -> Server {
    let config = server_config(files, client_ca.map(PathBuf::as_path)).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    Server::at(address, Arc::new(Echo::default()), Some(TlsAcceptor::from(config)), 8).await
}

const SERVED: (StatusCode, Reason) = (StatusCode::OK, Reason::Served);
const AWAY: (StatusCode, Reason) = (StatusCode::SERVICE_UNAVAILABLE, Reason::ApiAway);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn only_a_known_authority_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (known, other) = (Authority::new(&dir, "known"), Authority::new(&dir, "other"));
    let server = serve(&known.issue("api"), None).await;
    let trusting = |authority: &Authority| ClientTls {
        ca_file: Some(authority.file.clone()),
        ..ClientTls::default()
    };
    assert_eq!(ask(&server, &trusting(&known), PATIENCE).await, SERVED);
    assert_eq!(ask(&server, &trusting(&other), SHORT).await, AWAY);
    assert_eq!(ask(&server, &ClientTls::default(), SHORT).await, AWAY);
    let insecure = ClientTls { insecure: true, ..trusting(&other) };
    assert_eq!(ask(&server, &insecure, PATIENCE).await, SERVED);
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_demanded() {
    let dir = tempfile::tempdir().unwrap();
    let (known, other) = (Authority::new(&dir, "known"), Authority::new(&dir, "other"));
    let server = serve(&known.issue("api"), Some(&known.file)).await;
    let showing = |certificate| ClientTls {
        ca_file: Some(known.file.clone()),
        certificate,
        ..ClientTls::default()
    };
    assert_eq!(ask(&server, &showing(Some(known.issue("agent"))), PATIENCE).await, SERVED);
    assert_eq!(ask(&server, &showing(Some(other.issue("evil"))), SHORT).await, AWAY);
    assert_eq!(ask(&server, &showing(None), SHORT).await, AWAY);
}

#[test]
fn a_bad_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.pem");
    let empty = dir.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    for path in [missing, empty] {
        let tls = ClientTls { ca_file: Some(path.clone()), ..ClientTls::default() };
        let error = tls.load().unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}
