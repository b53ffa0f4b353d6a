//! Where the metadata service may be.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::Path,
};

use crate::network::Interface;

/// The address of the service in every cloud that has one.
const IPV4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Its address where there is no IPv4, on the interface's own link.
const IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

/// The port of HTTP.
const PORT: u16 = 80;

/// One address of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    /// The interface of a link-local address, for people.
    interface: Option<String>,
}

/// Not the address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{url}\" cannot be the metadata service: {reason}; write it like http://169.254.169.254, \
     http://10.0.0.1:8775 or http://[fe80::a9fe:a9fe%eth0]"
)]
pub(crate) struct EndpointError {
    url: String,
    reason: &'static str,
}

impl Endpoint {
    /// Where the service is by convention: over IPv4, then over IPv6 on each interface.
    pub(crate) fn conventional(interfaces: &[Interface]) -> Vec<Self> {
        let ipv4 = Self { address: SocketAddr::from((IPV4, PORT)), interface: None };
        let ipv6 = interfaces.iter().map(|interface| Self {
            address: SocketAddrV6::new(IPV6, PORT, 0, interface.index).into(),
            interface: Some(interface.name.clone()),
        });
        std::iter::once(ipv4).chain(ipv6).collect()
    }

    /// The service at a URL that somebody wrote. No names: nothing is asked that resolves them.
    pub(crate) fn parse(url: &str) -> Result<Self, EndpointError> {
        let error = |reason| EndpointError { url: url.escape_debug().to_string(), reason };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(error("this program speaks no TLS")),
            _ => return Err(error("it does not begin with http://")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(error("it has more than an address and a port"));
        }
        let not_an_address = || error("its host is not an IP address");
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(not_an_address)?,
            None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => PORT,
            Some(port) => port.parse().ok().ok_or_else(|| error("its port is not a number"))?,
            None => return Err(error("there is something behind its address")),
        };
        let (ip, interface) = host.split_once('%').map_or((host, None), |(ip, i)| (ip, Some(i)));
        let ip: IpAddr = ip.parse().ok().ok_or_else(not_an_address)?;
        let address = match (ip, interface) {
            (IpAddr::V6(ip), Some(name)) => {
                let scope = scope_of(name).ok_or_else(|| error("there is no such interface"))?;
                SocketAddrV6::new(ip, port, 0, scope).into()
            }
            (ip, None) => SocketAddr::new(ip, port),
            (IpAddr::V4(_), Some(_)) => return Err(not_an_address()),
        };
        Ok(Self { address, interface: interface.map(str::to_owned) })
    }

    /// What is connected to.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `Host` header's value. The interface is nobody else's business (RFC 6874).
    pub(crate) fn host(&self) -> String {
        let port = self.address.port();
        let host = match self.address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        if port == PORT { host } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.host())?;
        self.interface.iter().try_for_each(|name| write!(f, " on {name}"))
    }
}

/// The number of an interface.
fn scope_of(name: &str) -> Option<u32> {
    if name.is_empty() || name.contains('/') || name == ".." {
        return None;
    }
    let index = Path::new("/sys/class/net").join(name).join("ifindex");
    fs::read_to_string(index).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_as_urls() {
        for (url, host) in [
            ("http://169.254.169.254", "169.254.169.254"),
            ("http://127.0.0.1:8775/", "127.0.0.1:8775"),
            ("http://[::1]:80", "[::1]"),
            ("http://[fe80::a9fe:a9fe%lo]", "[fe80::a9fe:a9fe]"),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().host(), host);
        }
        let scoped = Endpoint::parse("http://[fe80::a9fe:a9fe%lo]").unwrap();
        assert!(matches!(scoped.address(), SocketAddr::V6(v6) if v6.scope_id() == 1));
        assert_eq!(scoped.to_string(), "http://[fe80::a9fe:a9fe] on lo");
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (url, reason) in [
            ("169.254.169.254", "does not begin"),
            ("https://1.2.3.4", "no TLS"),
            ("http://metadata", "not an IP address"),
            ("http://1.2.3.4/openstack", "more than"),
            ("http://1.2.3.4:http", "not a number"),
            ("http://[::1", "not an IP address"),
            ("http://[::1]x", "behind"),
            ("http://[fe80::1%no-such-interface]", "no such interface"),
            ("http://1.2.3.4%lo", "not an IP address"),
        ] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(url in "(http://)?[\\[\\]a-f0-9:.%/@é]{0,20}") {
            let _ = Endpoint::parse(&url);
        }
    }
}
