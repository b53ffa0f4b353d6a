//! HTTPS to a vSphere server.

use std::{fs, path::Path, sync::Arc, time::Duration};

use ureq::{
    Agent,
    http::Response,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{
    Login, VSphereError,
    soap::{Answer, Reference, envelope},
};

/// How long one exchange may take. A large drive on a slow datastore takes its time.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of an answer: a machine's devices are some tens of KiB.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The cookie that stands for the session.
const SESSION_COOKIE: &str = "vmware_soap_session";

/// A connection to one server, and its session once there is one.
pub(super) struct Transport {
    agent: Agent,
    server: String,
    session: Option<String>,
}

impl Transport {
    /// Nothing is connected yet.
    pub(super) fn new(login: &Login) -> Result<Self, VSphereError> {
        let server = login.server.trim_end_matches('/').trim_end_matches("/sdk").to_owned();
        let host = server.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', '@']) {
            // Somebody may have written a password in front of the host.
            let shown = login.server.rsplit('@').next().unwrap_or_default();
            return Err(VSphereError::Server(shown.escape_debug().to_string()));
        }
        let mut tls = TlsConfig::builder().disable_verification(login.insecure);
        if let Some(path) = &login.authorities {
            tls = tls.root_certs(authorities(path)?);
        }
        let config = Agent::config_builder()
            .timeout_global(Some(EXCHANGE_TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(tls.build());
        Ok(Self { agent: config.build().into(), server, session: None })
    }

    /// Calls `method` on `object`; `read` takes what it needs of the answer.
    pub(super) fn call<T>(
        &mut self,
        doing: &'static str,
        (method, object): (&str, &Reference),
        arguments: &str,
        read: impl FnOnce(&Answer<'_>) -> Result<T, VSphereError>,
    ) -> Result<T, VSphereError> {
        let mut request = self
            .agent
            .post(format!("{}/sdk", self.server))
            .header("SOAPAction", "urn:vim25/6.0")
            .content_type("text/xml; charset=\"utf-8\"");
        if let Some(session) = &self.session {
            request = request.header("Cookie", session);
        }
        let sent = request.send(envelope(method, object, arguments));
        let mut response = sent.map_err(|error| self.unreachable(doing, &error))?;
        if let Some(session) = session_of(&response) {
            self.session = Some(session);
        }
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| self.unreachable(doing, &error))?;
        read(&Answer::read(&body, doing)?)
    }

    /// Puts a file on a datastore through the server's file interface, replacing one that is there.
    pub(super) fn upload(
        &self,
        file: &DatastoreFile<'_>,
        contents: &[u8],
    ) -> Result<(), VSphereError> {
        let request = self
            .agent
            .put(format!("{}/folder/{}", self.server, file.path))
            .query("dcPath", file.datacenter)
            .query("dsName", file.datastore)
            .content_type("application/octet-stream");
        let request = match &self.session {
            Some(session) => request.header("Cookie", session),
            None => request,
        };
        let response = request.send(contents);
        let response = response.map_err(|error| self.unreachable("upload the drive", &error))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(VSphereError::Upload { path: file.to_string(), status }),
        }
    }

    fn unreachable(&self, doing: &'static str, error: &ureq::Error) -> VSphereError {
        let mut reason = error.to_string();
        if reason.contains("CaUsedAsEndEntity") {
            reason =
                "its certificate is its own authority, which is not taken for a server's, also \
                      if it is known: have one made by an authority"
                    .to_owned();
        }
        VSphereError::Unreachable { doing, server: self.server.clone(), reason }
    }
}

/// A file on a datastore.
pub(super) struct DatastoreFile<'a> {
    /// The inventory path of the datacenter, without the slash in front.
    pub(super) datacenter: &'a str,
    pub(super) datastore: &'a str,
    /// Relative; made of characters that need no encoding.
    pub(super) path: &'a str,
}

impl std::fmt::Display for DatastoreFile<'_> {
    /// As vSphere names it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}", self.datastore, self.path)
    }
}

fn session_of<B>(response: &Response<B>) -> Option<String> {
    let cookies = response.headers().get_all("set-cookie").iter();
    let mut pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.find(|pair| pair.trim_start().starts_with(SESSION_COOKIE)).map(str::to_owned)
}

fn authorities(path: &Path) -> Result<RootCerts, VSphereError> {
    let fail = |reason: String| VSphereError::Authorities { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item.map_err(|error| fail(error.to_string()))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => continue,
        }
    }
    if certificates.is_empty() {
        return Err(fail("it has no certificate in PEM form".to_owned()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}
