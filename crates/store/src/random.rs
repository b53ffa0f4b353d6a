//! Values nobody can guess, from the kernel.

use innkeeper_model::{ImageId, MacAddress};

use crate::{StoreError, tried::Tried};

/// Letters and digits of reservation ids: lower case, as Nova's are.
const ALPHANUMERIC: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// The characters after `r-`.
const RESERVATION_CHARS: usize = 8;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Tried<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(e) => {
            Err(StoreError::unavailable(format!("the kernel gives no random bytes: {e}")).into())
        }
    }
}

/// A random UUID, as text.
pub(crate) fn uuid_text() -> String {
    // Any typed id is a UUID; this one is never used as an image's.
    ImageId::random().to_string()
}

/// A MAC address under OpenStack's prefix.
pub(crate) fn mac_address() -> Tried<MacAddress> {
    bytes().map(MacAddress::generated)
}

/// `r-` and eight lower-case letters or digits.
pub(crate) fn reservation_id() -> Tried<String> {
    let mut id = String::from("r-");
    // Whole multiples of 36 only: a plain remainder would favour the first letters.
    let fair = u8::MAX - u8::MAX % 36;
    while id.len() < 2 + RESERVATION_CHARS {
        let [byte] = bytes()?;
        if byte < fair {
            id.push(char::from(ALPHANUMERIC[usize::from(byte % 36)]));
        }
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservation_ids_have_nova_s_form() {
        for _ in 0..100 {
            let id = reservation_id().expect("random bytes");
            let rest = id.strip_prefix("r-").expect("the prefix");
            assert_eq!(rest.len(), 8, "{id}");
            assert!(rest.bytes().all(|b| ALPHANUMERIC.contains(&b)), "{id}");
        }
    }
}
