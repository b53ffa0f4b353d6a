//! A service's address, and what of it may be shown.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri, header::InvalidHeaderValue};
use percent_encoding::percent_decode_str;
use rustls_pki_types::ServerName;

/// An `http` or `https` URL.
///
/// It shows without user, password and query: those may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl {
    pub(crate) is_tls: bool,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, as they are asked for.
    pub(crate) path: Uri,
    /// The value of the Host header.
    pub(crate) authority: HeaderValue,
    /// The value of the Authorization header, from the URL's user and password.
    pub(crate) authorization: Option<HeaderValue>,
}

impl ServiceUrl {
    /// Reads `text`; an error says what is wrong without repeating any of it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let url: Uri = text.parse().ok().ok_or("is not a URL")?;
        let is_tls = match url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("does not begin with http:// or https://"),
        };
        let authority = url.authority().ok_or("names no host")?;
        let (user, place) = match authority.as_str().rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority.as_str()),
        };
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if ServerName::try_from(host).is_err() {
            return Err("names no valid host");
        }
        let has_port = place.strip_prefix(authority.host()).is_some_and(|rest| !rest.is_empty());
        let port = match (authority.port_u16(), has_port) {
            (Some(port), _) => port,
            (None, true) => return Err("has a port that is no number from 0 to 65535"),
            (None, false) => default_port(is_tls),
        };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port,
            path: url
                .path_and_query()
                .map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone())),
            authority: HeaderValue::try_from(place).ok().ok_or("names no valid host")?,
            authorization: user
                .map(basic)
                .transpose()
                .ok()
                .ok_or("has a user or password that cannot be sent")?,
        })
    }
}

/// Without what may be secret.
impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_tls { "https://" } else { "http://" })?;
        if self.authorization.is_some() {
            f.write_str("***@")?;
        }
        f.write_str(self.authority.to_str().unwrap_or("?"))?;
        f.write_str(self.path.path())?;
        if self.path.query().is_some() { f.write_str("?***") } else { Ok(()) }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

/// RFC 7617. A user without a password has an empty one.
fn basic(user: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_parts() {
        let url = ServiceUrl::parse("http://vendor.example/data?site=a").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.is_tls), ("vendor.example", 80, false));
        assert_eq!(url.path, "/data?site=a");
        assert_eq!(url.authority, "vendor.example");
        let url = ServiceUrl::parse("https://[2001:db8::1]:8443").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.is_tls), ("2001:db8::1", 8443, true));
        assert_eq!(
            (url.path.to_string().as_str(), url.authority.to_str().ok()),
            ("/", Some("[2001:db8::1]:8443"))
        );
    }

    #[test]
    fn never_shows_what_may_be_secret() {
        let url =
            ServiceUrl::parse("https://me:hunter%402@v.example:1/p?key=hunter3").expect("a URL");
        let shown = format!("{url} {url:?}");
        assert!(!shown.contains("hunter") && !shown.contains("me"), "{shown}");
        assert_eq!(url.to_string(), "https://***@v.example:1/p?***");
        let sent = url.authorization.expect("credentials");
        assert_eq!(
            sent.to_str().ok(),
            Some(format!("Basic {}", STANDARD.encode("me:hunter@2")).as_str())
        );
        assert_eq!(format!("{sent:?}"), "Sensitive");
    }

    #[test]
    fn refuses_what_cannot_be_asked() {
        for bad in
            ["", "/path", "vendor.example", "ftp://v/", "http://", "http://v:99999/", "http://a b/"]
        {
            assert!(ServiceUrl::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
