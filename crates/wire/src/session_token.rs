//! Session tokens: what a guest that asks as EC2's version 2 does is given, and shows with every
//! request after that.
//!
//! A token says when it ends and is signed for one machine; nothing is kept. Whoever has the shared
//! secret can check it, so that a token of one agent is good at every other.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use innkeeper_model::{InstanceId, UnixSeconds};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::signature::SharedSecret;

/// The longest a token lives: EC2's six hours.
pub const TTL_SECONDS_MAX: u32 = 21_600;
/// Random bytes in a token, so that no two are the same.
pub const NONCE_BYTES: usize = 16;

/// Of the layout: version, end, nonce, signature.
const VERSION: u8 = 1;
const END_AT: usize = 1;
const NONCE_AT: usize = END_AT + 8;
const SIGNATURE_AT: usize = NONCE_AT + NONCE_BYTES;
const BYTES: usize = SIGNATURE_AT + 32;
/// Characters of a token: whatever has another length is none, and is not decoded.
const CHARACTERS: usize = BYTES.div_ceil(3) * 4;

/// Keeps the key from being that of any other purpose.
const KEY_LABEL: &[u8] = b"innkeeper-session-token-key-1\n";

/// The key of session tokens. It is derived from the shared secret and never shown.
#[derive(Clone)]
pub struct SessionTokenKey {
    keyed: Hmac<Sha256>,
}

/// Why a text is no token of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionTokenError {
    /// It has not the form of a token.
    #[error("the session token is malformed")]
    Malformed,
    /// It was made with another secret, for another machine, or was changed.
    #[error("the session token is not this machine's")]
    WrongSignature,
    /// Its time is over.
    #[error("the session token has expired")]
    Expired,
}

impl SessionTokenKey {
    /// The key that everybody with `secret` has.
    pub fn derived_from(secret: &SharedSecret) -> Self {
        Self::new(&secret.derive(KEY_LABEL))
    }

    /// A key of one's own, where no agent but this one will see its tokens.
    pub fn of_random_bytes(bytes: [u8; 32]) -> Self {
        Self::new(&bytes)
    }

    /// A token of `instance` that is good before `end`. `nonce` must be random.
    pub fn mint(&self, instance: InstanceId, end: UnixSeconds, nonce: [u8; NONCE_BYTES]) -> String {
        let mut token = Vec::with_capacity(BYTES);
        token.push(VERSION);
        token.extend_from_slice(&end.to_be_bytes());
        token.extend_from_slice(&nonce);
        let signature = self.sign(instance, &token);
        token.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Whether `presented` is a token of `instance` that is good at `now`.
    pub fn verify(
        &self,
        presented: &[u8],
        instance: InstanceId,
        now: UnixSeconds,
    ) -> Result<(), SessionTokenError> {
        if presented.len() != CHARACTERS {
            return Err(SessionTokenError::Malformed);
        }
        let token = URL_SAFE_NO_PAD.decode(presented).ok().ok_or(SessionTokenError::Malformed)?;
        let (claim, signature) =
            token.split_at_checked(SIGNATURE_AT).ok_or(SessionTokenError::Malformed)?;
        if claim.first() != Some(&VERSION) {
            return Err(SessionTokenError::Malformed);
        }
        // Before the end is looked at: nothing is learnt of a token that is not one's own.
        if !bool::from(self.sign(instance, claim).ct_eq(signature)) {
            return Err(SessionTokenError::WrongSignature);
        }
        let end = claim.get(END_AT..NONCE_AT).and_then(|bytes| bytes.try_into().ok());
        let end = UnixSeconds::from_be_bytes(end.ok_or(SessionTokenError::Malformed)?);
        if now < end { Ok(()) } else { Err(SessionTokenError::Expired) }
    }

    fn new(key: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    fn sign(&self, instance: InstanceId, claim: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(instance.uuid().as_bytes());
        mac.update(claim);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SessionTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokenKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: UnixSeconds = 1_795_392_000;

    fn key(secret: &str) -> SessionTokenKey {
        SessionTokenKey::derived_from(&SharedSecret::new(secret).unwrap())
    }

    #[test]
    fn a_token_is_good_for_its_machine_until_its_end_wherever_the_secret_is_known() {
        let (web, db) = (InstanceId::random(), InstanceId::random());
        let token = key("s3cr3t").mint(web, END, [7; NONCE_BYTES]);
        assert_eq!(token.len(), CHARACTERS);
        let verify = |secret, instance, now| key(secret).verify(token.as_bytes(), instance, now);
        assert_eq!(verify("s3cr3t", web, END - 1), Ok(()));
        assert_eq!(verify("s3cr3t", web, END), Err(SessionTokenError::Expired));
        assert_eq!(verify("s3cr3t", db, END - 1), Err(SessionTokenError::WrongSignature));
        assert_eq!(verify("s3cr3t", db, END), Err(SessionTokenError::WrongSignature));
        assert_eq!(verify("other", web, END - 1), Err(SessionTokenError::WrongSignature));
    }

    #[test]
    fn the_key_is_neither_shown_nor_the_secret_itself() {
        assert_eq!(format!("{:?}", key("hunter2")), "SessionTokenKey([secret])");
        let web = InstanceId::random();
        let token = key("hunter2").mint(web, END, [0; NONCE_BYTES]);
        let plain = SessionTokenKey::new(b"hunter2");
        let refused = plain.verify(token.as_bytes(), web, END - 1);
        assert_eq!(refused, Err(SessionTokenError::WrongSignature));
    }

    proptest! {
        #[test]
        fn what_is_minted_is_verified(id: u128, end: UnixSeconds, nonce: [u8; NONCE_BYTES], now: UnixSeconds) {
            let instance = InstanceId::new(uuid::Uuid::from_u128(id));
            let token = key("s").mint(instance, end, nonce);
            let verified = key("s").verify(token.as_bytes(), instance, now);
            prop_assert_eq!(verified.is_ok(), now < end);
        }

        #[test]
        fn no_changed_token_is_taken(id: u128, at in 0..CHARACTERS, by in 1_u8..=255) {
            let instance = InstanceId::new(uuid::Uuid::from_u128(id));
            let mut token = key("s").mint(instance, END, [1; NONCE_BYTES]).into_bytes();
            token[at] = token[at].wrapping_add(by);
            prop_assert!(key("s").verify(&token, instance, END - 1).is_err());
        }

        #[test]
        fn anything_at_all_is_answered(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            text in "[A-Za-z0-9_-]{74,78}",
        ) {
            let instance = InstanceId::new(uuid::Uuid::nil());
            prop_assert!(key("s").verify(&bytes, instance, 0).is_err());
            prop_assert!(key("s").verify(text.as_bytes(), instance, 0).is_err());
        }
    }
}
