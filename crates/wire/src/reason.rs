//! Reason codes.

use http::StatusCode;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident;)+) => {
        /// Why a request was answered as it was: a stable code for logs, metrics and `doctor`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, for metrics and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The reason with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }

            /// The status of an answer that has no other.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }
        }
    };
}

reasons! {
    /// The document, listing or value that was asked for.
    Served = "served", OK;
    /// The instance has no such path.
    NoSuchPath = "no-such-path", NOT_FOUND;
    /// The request breaks HTTP or the rules of this service.
    BadRequest = "bad-request", BAD_REQUEST;
    /// The body is larger than any request of this service.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE;
    /// The method is one that this path never has.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED;
    /// The rest of the request did not come in time.
    SlowRequest = "slow-request", REQUEST_TIMEOUT;
    /// Neither a router nor a network header: the proxy in front is not one.
    NoScopeHeader = "no-scope-header", NOT_FOUND;
    /// More than one of the router and network headers: somebody tries something.
    SeveralScopeHeaders = "several-scope-headers", BAD_REQUEST;
    /// The router or network header is not a UUID.
    BadScopeHeader = "bad-scope-header", BAD_REQUEST;
    /// X-Forwarded-For is absent or not one address.
    BadForwardedFor = "bad-forwarded-for", BAD_REQUEST;
    /// No such router or network, or a router without networks.
    UnknownScope = "unknown-scope", NOT_FOUND;
    /// No port has that address there.
    NoPort = "no-port", NOT_FOUND;
    /// Several ports have that address there.
    SeveralPorts = "several-ports", NOT_FOUND;
    /// A port has the address, but no machine is plugged in.
    NoInstance = "no-instance", NOT_FOUND;
    /// The address is no longer the machine's: look it up again.
    StaleAddress = "stale-address", NOT_FOUND;
    /// The session token is not one that this machine was given, or has expired.
    BadToken = "bad-token", UNAUTHORIZED;
    /// A session token was asked for without a lifetime from 1 to 21,600 seconds.
    BadTokenTtl = "bad-token-ttl", BAD_REQUEST;
    /// A password is there already; it is kept until the operator clears it.
    PasswordSet = "password-set", CONFLICT;
    /// The password is longer than any that is kept.
    PasswordTooLarge = "password-too-large", BAD_REQUEST;
    /// X-Forwarded-For is absent, in provider mode.
    NoForwardedFor = "no-forwarded-for", BAD_REQUEST;
    /// The provider has no networks.
    NoProviderNetworks = "no-provider-networks", BAD_REQUEST;
    /// Not exactly one machine in the provider's networks has the address.
    NotOnePort = "not-one-port", BAD_REQUEST;
    /// X-Instance-ID is absent.
    NoInstanceHeader = "no-instance-header", BAD_REQUEST;
    /// X-Instance-ID-Signature is absent.
    NoSignatureHeader = "no-signature-header", BAD_REQUEST;
    /// X-Tenant-ID is absent.
    NoTenantHeader = "no-tenant-header", BAD_REQUEST;
    /// The signature is not the secret's: agent and API disagree on the secret.
    BadSignature = "bad-signature", FORBIDDEN;
    /// No such instance.
    UnknownInstance = "unknown-instance", NOT_FOUND;
    /// The instance is another project's.
    TenantMismatch = "tenant-mismatch", NOT_FOUND;
    /// The agent could not be reached while the request was held.
    AgentAway = "agent-away", SERVICE_UNAVAILABLE;
    /// The API could not be reached while the request was held.
    ApiAway = "api-away", SERVICE_UNAVAILABLE;
    /// The network view could not be asked while the request was held.
    NetworkViewAway = "network-view-away", SERVICE_UNAVAILABLE;
    /// The database could not be read while the request was held.
    StoreAway = "store-away", SERVICE_UNAVAILABLE;
    /// The vendor's data could not be had, and the operator wants no answer without it.
    VendorDataFailed = "vendor-data-failed", INTERNAL_SERVER_ERROR;
    /// More requests at once than this role takes.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE;
    /// The next hop answered something that is no answer.
    BadUpstream = "bad-upstream", BAD_GATEWAY;
    /// A defect of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::from_code("no-such-code"), None);
    }
}
