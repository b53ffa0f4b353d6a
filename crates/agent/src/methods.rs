//! Which methods a path has. The API behind answers every other one as if it were GET, and one of
//! another make may do anything at all: so they end here, whoever asks.

use http::{HeaderValue, Method, header, uri::PathAndQuery};
use innkeeper_model::path;
use innkeeper_wire::{GuestResponse, Reason};
use percent_encoding::percent_decode_str;

/// A path, as far as its methods are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// What is only read.
    Document,
    /// `/openstack/<version>/password`: posted once. Whether the version has it, the API knows.
    Password,
    /// `/latest/api/token`: made with PUT.
    Token,
}

impl Resource {
    /// What a target names, whatever its spelling.
    pub(crate) fn of(target: &PathAndQuery) -> Self {
        let path = target.path();
        // As nearly all are: without %, a name is in the path as it is.
        if !path.contains('%') && !path.contains("password") && !path.contains("token") {
            return Self::Document;
        }
        let Ok(path) = percent_decode_str(path).decode_utf8() else {
            return Self::Document;
        };
        match path::segments(&path).as_slice() {
            ["openstack", _, "password"] => Self::Password,
            ["latest", "api", "token"] => Self::Token,
            _ => Self::Document,
        }
    }

    /// The refusal of a method that it does not have.
    pub(crate) fn refusal(self, method: &Method) -> Option<GuestResponse> {
        let (other, allowed) = match self {
            Self::Document => (None, "GET, HEAD"),
            Self::Password => (Some(Method::POST), "GET, HEAD, POST"),
            Self::Token => (Some(Method::PUT), "GET, HEAD, PUT"),
        };
        if *method == Method::GET || *method == Method::HEAD || other.as_ref() == Some(method) {
            return None;
        }
        let text = "This method is not allowed here.\n";
        let mut refusal = GuestResponse::refusal(Reason::MethodNotAllowed, text);
        refusal.headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        Some(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_make_no_difference() {
        for (target, resource) in [
            ("/openstack/latest/password", Resource::Password),
            ("/openstack//2013-04-04/./password/?x=y", Resource::Password),
            ("/%6fpenstack/no-such/x/../passwor%64", Resource::Password),
            ("/openstack/latest%2fpassword", Resource::Password),
            ("/latest/api/token", Resource::Token),
            ("//latest/api//token/", Resource::Token),
            ("/latest/api/%74oken?x", Resource::Token),
            ("/", Resource::Document),
            ("/openstack/password", Resource::Document),
            ("/openstack/latest/password/x", Resource::Document),
            ("/openstack/latest/PASSWORD", Resource::Document),
            ("/2009-04-04/api/token", Resource::Document),
            ("/latest/api/token?/../token", Resource::Token),
            ("/latest/api/token%00", Resource::Document),
            ("/openstack/%ff/password", Resource::Document),
        ] {
            assert_eq!(Resource::of(&target.parse().unwrap()), resource, "{target}");
        }
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        for (resource, own, allowed) in [
            (Resource::Document, None, "GET, HEAD"),
            (Resource::Password, Some(Method::POST), "GET, HEAD, POST"),
            (Resource::Token, Some(Method::PUT), "GET, HEAD, PUT"),
        ] {
            for method in [Method::GET, Method::HEAD].iter().chain(&own) {
                assert!(resource.refusal(method).is_none(), "{method} on {resource:?}");
            }
            let others = [
                Method::POST,
                Method::PUT,
                Method::DELETE,
                Method::PATCH,
                Method::OPTIONS,
                Method::TRACE,
                Method::from_bytes(b"get").unwrap(),
            ];
            for method in others.iter().filter(|method| Some(*method) != own.as_ref()) {
                let refusal = resource.refusal(method).unwrap();
                assert_eq!(refusal.status, http::StatusCode::METHOD_NOT_ALLOWED);
                assert_eq!(refusal.headers[header::ALLOW], allowed, "{method} on {resource:?}");
            }
        }
    }
}
