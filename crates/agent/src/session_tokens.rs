//! Session tokens as guests get and show them.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use innkeeper_model::{InstanceId, UnixSeconds};
use innkeeper_wire::{
    GuestResponse, Reason,
    headers::{EC2_TOKEN, EC2_TOKEN_TTL},
    session_token::{NONCE_BYTES, SessionTokenError, SessionTokenKey, TTL_SECONDS_MAX},
};

/// Gives tokens and checks them. A token is never asked for: who shows none is served.
#[derive(Clone)]
pub struct SessionTokens {
    key: SessionTokenKey,
    now: Arc<Clock>,
    entropy: Arc<Entropy>,
}

type Clock = dyn Fn() -> UnixSeconds + Send + Sync;
type Entropy = dyn Fn(&mut [u8]) + Send + Sync;

impl SessionTokens {
    /// Tokens under `key`, by the system's clock and with the kernel's random bytes.
    pub fn system(key: SessionTokenKey) -> Self {
        Self::new(key, system_now, |bytes| {
            getrandom::fill(bytes).expect("a running kernel gives random bytes");
        })
    }

    /// Tokens by a clock and with an origin of random bytes of one's own.
    pub fn new(
        key: SessionTokenKey,
        now: impl Fn() -> UnixSeconds + Send + Sync + 'static,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        Self { key, now: Arc::new(now), entropy: Arc::new(entropy) }
    }

    /// The answer to a machine that asks for a token.
    pub(crate) fn give(&self, instance: InstanceId, headers: &HeaderMap) -> GuestResponse {
        let Some((seconds, value)) = lifetime(headers) else {
            let text = "X-aws-ec2-metadata-token-ttl-seconds must be a number from 1 to 21600.\n";
            return GuestResponse::refusal(Reason::BadTokenTtl, text);
        };
        let mut nonce = [0; NONCE_BYTES];
        (self.entropy)(&mut nonce);
        let token = self.key.mint(instance, (self.now)().saturating_add(seconds.into()), nonce);
        let text = HeaderValue::from_static("text/plain");
        let mut response =
            GuestResponse::new(StatusCode::OK, text, Bytes::from(token), Reason::Served);
        response.headers.insert(EC2_TOKEN_TTL, value);
        response
    }

    /// The refusal of a machine that shows a token which is not good for it.
    pub(crate) fn refusal(
        &self,
        instance: InstanceId,
        headers: &HeaderMap,
    ) -> Option<GuestResponse> {
        // Cheaper than a look-up where there are few.
        if !headers.keys().any(|name| *name == EC2_TOKEN) {
            return None;
        }
        let error = match single(headers, &EC2_TOKEN) {
            Some(token) => self.key.verify(token.as_bytes(), instance, (self.now)()).err()?,
            None => SessionTokenError::Malformed,
        };
        tracing::debug!(%instance, %error, "a session token is refused");
        let text = "The session token is not valid: ask for another one.\n";
        Some(GuestResponse::refusal(Reason::BadToken, text))
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Seconds from 1 to [`TTL_SECONDS_MAX`], in digits alone, and how they are written.
fn lifetime(headers: &HeaderMap) -> Option<(u32, HeaderValue)> {
    let text = single(headers, &EC2_TOKEN_TTL)?.to_str().ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = text.parse().ok().filter(|seconds| (1..=TTL_SECONDS_MAX).contains(seconds))?;
    Some((seconds, HeaderValue::from(seconds)))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// A clock before 1970 counts as 1970.
fn system_now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn lifetimes_are_one_second_to_six_hours() {
        for (values, seconds) in [
            (&[&b"1"[..]][..], Some(1)),
            (&[b"21600"], Some(21_600)),
            (&[b"00060"], Some(60)),
            (&[], None),
            (&[b""], None),
            (&[b"0"], None),
            (&[b"21601"], None),
            (&[b"-1"], None),
            (&[b"+1"], None),
            (&[b"1.5"], None),
            (&[b"60s"], None),
            (&[b"99999999999999999999"], None),
            (&[b"60", b"60"], None),
            (&[b"6\xff"], None),
        ] {
            let found = lifetime(&headers(&EC2_TOKEN_TTL, values)).map(|(seconds, _)| seconds);
            assert_eq!(found, seconds, "{values:?}");
        }
    }
}
