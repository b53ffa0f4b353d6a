//! The headers of provider mode: a load balancer says which it is and for which address it asks, in
//! the contract of Nova 34.0.0.

use http::HeaderMap;

use super::{FORWARDED_FOR, METADATA_PROVIDER, METADATA_PROVIDER_SIGNATURE, joined};
use crate::{Reason, signature::SharedSecret};

/// What a load balancer claims, once its signature was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderClaim {
    /// Its id.
    pub provider: String,
    /// The address it was asked from, as it wrote it: the text before the first comma. The
    /// signature does not cover it.
    pub address: String,
}

/// Reads and verifies the claim, with Nova's checks in Nova's order; `None` where no provider is
/// named, which an empty name does not do.
pub fn decode_provider(
    fields: &HeaderMap,
    secret: &SharedSecret,
) -> Result<Option<ProviderClaim>, Reason> {
    let Some(provider) = joined(fields, &METADATA_PROVIDER).filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let forwarded_for = decode_forwarded_for(fields).ok_or(Reason::NoForwardedFor)?;
    let signature = joined(fields, &METADATA_PROVIDER_SIGNATURE).unwrap_or_default();
    if !secret.sign(&[&provider]).matches(&signature) {
        return Err(Reason::BadSignature);
    }
    // No provider's name is anything but text.
    let provider = String::from_utf8(provider.into_owned()).ok().ok_or(Reason::BadSignature)?;
    let address = forwarded_for.split(',').next().unwrap_or_default().to_owned();
    Ok(Some(ProviderClaim { provider, address }))
}

/// The whole value of X-Forwarded-For, if there is one.
pub fn decode_forwarded_for(fields: &HeaderMap) -> Option<String> {
    let value = joined(fields, &FORWARDED_FOR)?;
    Some(String::from_utf8_lossy(&value).into_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn secret() -> SharedSecret {
        SharedSecret::new("peer-secret").unwrap()
    }

    fn fields(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in pairs {
            fields.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    #[test]
    fn checks_come_in_novas_order() {
        let signature = "f598454ea1909b6bbfb66b9d43a74c6838a98c6a21de92a3b53ab60d32be9a97";
        let named = (METADATA_PROVIDER, "provider-1");
        let signed = (METADATA_PROVIDER_SIGNATURE, signature);
        let asked_from = (FORWARDED_FOR, "10.1.0.5, 10.0.0.1");
        let decode = |pairs: &[_]| decode_provider(&fields(pairs), &secret());
        assert_eq!(decode(&[signed.clone(), asked_from.clone()]), Ok(None));
        assert_eq!(decode(&[(METADATA_PROVIDER, ""), asked_from.clone()]), Ok(None));
        assert_eq!(decode(std::slice::from_ref(&named)), Err(Reason::NoForwardedFor));
        assert_eq!(decode(&[named.clone(), asked_from.clone()]), Err(Reason::BadSignature));
        let other = (METADATA_PROVIDER, "provider-2");
        assert_eq!(decode(&[other, signed.clone(), asked_from.clone()]), Err(Reason::BadSignature));
        let twice = [named.clone(), named.clone(), signed.clone(), asked_from.clone()];
        assert_eq!(decode(&twice), Err(Reason::BadSignature));
        let claim = decode(&[named, signed, asked_from]).unwrap().unwrap();
        assert_eq!((claim.provider.as_str(), claim.address.as_str()), ("provider-1", "10.1.0.5"));
    }

    proptest! {
        #[test]
        fn nobody_claims_anything_without_the_secret(
            values in proptest::collection::vec(
                (0_usize..3, proptest::collection::vec(any::<u8>(), 0..80)), 0..6)
        ) {
            let names = [METADATA_PROVIDER, METADATA_PROVIDER_SIGNATURE, FORWARDED_FOR];
            let mut fields = HeaderMap::new();
            for (name, value) in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    fields.append(names[name].clone(), value);
                }
            }
            let claimed = decode_provider(&fields, &secret());
            prop_assert!(!matches!(claimed, Ok(Some(_))), "{:?}", claimed);
        }
    }
}
