use std::{fmt, str::FromStr};

/// A MAC address of six bytes; shown in lower case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// A text is not a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six bytes in hexadecimal, like fa:16:3e:00:00:01")]
pub struct NotAMac;

impl FromStr for Mac {
    type Err = NotAMac;

    /// Colons or hyphens, either case: what Nova's schema allows.
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().ok_or(NotAMac)?;
            // `from_str_radix` alone would take a sign.
            if part.len() != 2 || !part.bytes().all(|c| c.is_ascii_hexdigit()) {
                return Err(NotAMac);
            }
            *byte = u8::from_str_radix(part, 16).or(Err(NotAMac))?;
        }
        if parts.next().is_some() { Err(NotAMac) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_case_and_separator_are_one_address() {
        let mac: Mac = "FA-16-3e-00-0A-01".parse().expect("a MAC");
        assert_eq!(mac, "fa:16:3e:00:0a:01".parse().expect("a MAC"));
        assert_eq!(mac.to_string(), "fa:16:3e:00:0a:01");
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "fa:16:3e:00:0a",
            "fa:16:3e:00:0a:01:02",
            "fa:16:3e:0:0a:01",
            "+a:16:3e:00:0a:01",
            "é:16:3e:00:0a:01",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text}");
        }
    }
}
