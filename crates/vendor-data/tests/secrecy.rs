//! TLS, and what must not be seen.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use innkeeper_vendor_data::{Target, VendorData, VendorDataConfig};
use innkeeper_wire::tls::{CertificateFiles, server_config};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use support::{Service, answer, machine, ok, said, vendor_data, with};
use tokio_rustls::TlsAcceptor;

/// An authority's certificate file.
fn authority(dir: &tempfile::TempDir, name: &str) -> (PathBuf, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let file = dir.path().join(format!("{name}.pem"));
    fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    (file, Issuer::new(params, key))
}

async fn tls_service(dir: &tempfile::TempDir, issuer: &Issuer<'static, KeyPair>) -> Service {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = CertificateFiles {
        certificate: dir.path().join("service.crt"),
        key: dir.path().join("service.key"),
    };
    fs::write(&files.certificate, params.signed_by(&key, issuer).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    let acceptor = TlsAcceptor::from(server_config(&files, None).unwrap());
    Service::start_with(Some(acceptor), |call| async move { call.reply(&ok("1")).await }).await
}

#[tokio::test]
async fn only_a_known_authority_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (known, issuer) = authority(&dir, "known");
    let (other, _) = authority(&dir, "other");
    let service = tls_service(&dir, &issuer).await;
    let port = service.address.port();
    for (ca_file, host, expected) in [
        (Some(known.clone()), "127.0.0.1", json!({"a": 1})),
        (Some(other), "127.0.0.1", json!({"a": {}})),
        (None, "127.0.0.1", json!({"a": {}})),
        // The certificate is for the address only.
        (Some(known), "localhost", json!({"a": {}})),
    ] {
        let target = Target::parse(&format!("a@https://{host}:{port}/")).unwrap();
        let vendor_data = with(vec![target], |config| config.ca_file = ca_file);
        assert_eq!(said(&vendor_data, &machine(1, 1)).await, expected, "at {host}");
    }
    assert_eq!(service.times(), 1, "a machine's data went to a server that nobody vouches for");
}

#[test]
fn bad_files_are_named_at_the_start() {
    let missing = PathBuf::from("/nonexistent/file");
    for config in [
        VendorDataConfig { ca_file: Some(missing.clone()), ..VendorDataConfig::default() },
        VendorDataConfig { static_file: Some(missing), ..VendorDataConfig::default() },
    ] {
        let refused = VendorData::open(config).expect_err("there is no such file").to_string();
        assert!(refused.contains("/nonexistent/file"), "{refused}");
    }
}

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn logs_name_the_target_and_show_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    for bytes in
        [ok("{\"hunter2\""), answer("503 Service Unavailable", "hunter2"), b"hunter2".to_vec()]
    {
        let service = Service::saying(bytes).await;
        let url = format!("site@http://hunter2:hunter2@{}/p?key=hunter2", service.address);
        let vendor_data = vendor_data(vec![Target::parse(&url).unwrap()]);
        for number in 1..6 {
            said(&vendor_data, &machine(number, 1)).await;
        }
        assert!(!format!("{vendor_data:?}").contains("hunter2"));
    }
    let text = log.text();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("a vendor data service failed") && text.contains("site"), "{text}");
    let opened = text.matches("counts as away").count();
    assert_eq!(opened, 2, "once for each service that was away: {text}");
}
