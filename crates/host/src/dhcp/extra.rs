//! Options that an operator set on a port, read as dnsmasq would read them.

use std::net::Ipv4Addr;

use innkeeper_model::ExtraDhcpOption;

use super::{
    code,
    names::{self, Form},
    value::{self, Value},
};

/// Bytes of one option's value: what one option of a message can hold. Longer ones could be split
/// (RFC 3396), but clients that join them again are rare.
const VALUE_BYTES_MAX: usize = 255;

/// What an extra option comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extra {
    /// An option instead of ours.
    Option {
        /// Its number.
        code: u8,
        /// What it says.
        value: Value,
    },
    /// No such option.
    Without {
        /// Its number.
        code: u8,
    },
    /// Where the next stage of a network boot is: the field `siaddr`.
    NextServer(Ipv4Addr),
}

/// Why an extra option cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtraOptionError {
    /// No such name or number.
    #[error(
        "\"{}\" is no DHCP option: give a number from 1 to 254, or a name that \
         `dnsmasq --help dhcp` lists",
        .0.escape_debug()
    )]
    Unknown(String),
    /// It belongs to the exchange itself.
    #[error("{name} belongs to the exchange itself and cannot be set: {instead}")]
    Refused {
        /// As it was given.
        name: String,
        /// What would be right.
        instead: &'static str,
    },
    /// The value does not fit the option.
    #[error("\"{}\" is no value of {name}: {wanted}", value.escape_debug())]
    Value {
        /// The option's name as it was given.
        name: String,
        /// The value as it was given.
        value: String,
        /// What would be right.
        wanted: &'static str,
    },
}

/// Whether the option can be sent; if not, what would be right.
pub fn check(option: &ExtraDhcpOption) -> Result<(), ExtraOptionError> {
    read(option).map(|_| ())
}

/// Reads an option's name and value.
pub(super) fn read(option: &ExtraDhcpOption) -> Result<Extra, ExtraOptionError> {
    let name = option.name.as_str();
    let bad_value = |wanted| ExtraOptionError::Value {
        name: name.to_owned(),
        value: option.value.clone(),
        wanted,
    };
    if names::NEXT_SERVER_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        let address = option.value.parse();
        return address.map(Extra::NextServer).map_err(|_none| bad_value("give one IPv4 address"));
    }
    let (code, form) =
        names::find(name).ok_or_else(|| ExtraOptionError::Unknown(name.to_owned()))?;
    if let Some(instead) = refusal(code) {
        return Err(ExtraOptionError::Refused { name: name.to_owned(), instead });
    }
    if option.value.is_empty() {
        return Ok(Extra::Without { code });
    }
    let value = value::read(code, form, &option.value).map_err(bad_value)?;
    check_length(code, form, &value).map_err(bad_value)?;
    Ok(Extra::Option { code, value })
}

fn check_length(code: u8, form: Form, value: &Value) -> Result<(), &'static str> {
    let length = value.length();
    if length == 0 || length > VALUE_BYTES_MAX {
        return Err("it must come to 1 to 255 bytes");
    }
    let single = matches!(code, code::SUBNET_MASK | code::BROADCAST);
    if form == Form::Addresses && single && length != 4 {
        return Err("give one IPv4 address");
    }
    Ok(())
}

/// What to do instead of setting an option that must stay ours.
const fn refusal(code: u8) -> Option<&'static str> {
    Some(match code {
        0 | 255 => "it marks the end of options; for siaddr use server-ip-address",
        code::REQUESTED_ADDRESS | code::PARAMETER_REQUEST_LIST | code::MAX_MESSAGE_SIZE => {
            "only clients send it; remove it"
        }
        code::CLIENT_ID => "only clients send it, and ports are found by MAC address; remove it",
        code::OVERLOAD | code::MESSAGE_TYPE | code::SERVER_ID => {
            "its value follows from the exchange; remove it"
        }
        code::RELAY_AGENT => "only relay agents send it; remove it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pair(name: &str, value: &str) -> Result<Extra, ExtraOptionError> {
        read(&ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() })
    }

    fn bytes(name: &str, value: &str) -> Vec<u8> {
        let server = Ipv4Addr::new(10, 0, 0, 2);
        match read_pair(name, value).unwrap_or_else(|error| panic!("{error}")) {
            Extra::Option { value, .. } => value.bytes(server),
            other => panic!("{name} {value}: {other:?}"),
        }
    }

    /// As dnsmasq 2.90 was seen to send them, but for `2001:db8::1`, which it takes for hexadecimal.
    #[test]
    fn values_are_read_as_dnsmasq_reads_them() {
        for (name, value, expected) in [
            ("ntp-server", "10.0.0.1,10.0.0.3", &[10, 0, 0, 1, 10, 0, 0, 3][..]),
            ("router", "10.0.0.1, 10.0.0.3", &[10, 0, 0, 1, 10, 0, 0, 3]),
            ("42", "0.0.0.0", &[10, 0, 0, 2]),
            ("bootfile-name", "1", b"1"),
            ("67", "/pxe/a.0", b"/pxe/a.0"),
            ("mtu", "1400", &[5, 120]),
            ("tcp-ttl", "64", &[64]),
            ("time-offset", "-3600", &[0xff, 0xff, 0xf1, 0xf0]),
            ("T1", "2h", &[0, 0, 0x1c, 0x20]),
            ("lease-time", "infinite", &[0xff; 4]),
            ("224", "7", &[7]),
            ("224", "700", &[2, 188]),
            ("224", "70000", &[0, 1, 17, 112]),
            ("224", "7s", &[0, 7]),
            ("224", "7i", &[0, 0, 0, 7]),
            ("224", "01:02:fF", &[1, 2, 255]),
            ("224", "10.0.0.1", &[10, 0, 0, 1]),
            ("224", "10.0.0.1, 10.0.0.2 ", &[10, 0, 0, 1, 10, 0, 0, 2]),
            ("224", "-5", &[0xff, 0xff, 0xff, 0xfb]),
            ("224", "a:b", &[10, 11]),
            ("224", "ab", b"ab"),
            ("224", "+5", b"+5"),
            ("224", "1.2.3.4/24", &[24, 1, 2, 3]),
            ("224", "some text, and more", b"some text, and more"),
            ("224", "2001:db8::1", b"2001:db8::1"),
            ("150", "10.0.0.9", &[10, 0, 0, 9]),
            ("domain-search", "a.example,b", b"\x01a\x07example\x00\x01b\x00"),
            ("sip-server", "10.0.0.1", &[1, 10, 0, 0, 1]),
            ("sip-server", "sip.a", b"\x00\x03sip\x01a\x00"),
            ("121", "10.1.0.0/16,10.0.0.1", &[16, 10, 1, 10, 0, 0, 1]),
            ("249", "0.0.0.0/0,10.0.0.1", &[0, 10, 0, 0, 1]),
        ] {
            assert_eq!(bytes(name, value), expected, "{name} {value}");
        }
    }

    #[test]
    fn an_empty_value_takes_the_option_away() {
        assert_eq!(read_pair("router", ""), Ok(Extra::Without { code: 3 }));
    }

    #[test]
    fn the_next_server_is_no_option() {
        let server = Extra::NextServer(Ipv4Addr::new(10, 0, 0, 9));
        assert_eq!(read_pair("server-ip-address", "10.0.0.9"), Ok(server.clone()));
        assert_eq!(read_pair("next-server", "10.0.0.9"), Ok(server));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_what_would_be_right() {
        let long = "x".repeat(256);
        for (name, value, words) in [
            ("routers", "10.0.0.1", "dnsmasq --help dhcp"),
            ("256", "1", "1 to 254"),
            ("0", "1", "marks the end"),
            ("255", "1", "server-ip-address"),
            ("54", "10.0.0.1", "follows from the exchange"),
            ("client-id", "01:02", "remove it"),
            ("router", "10.0.0", "IPv4 addresses"),
            ("router", "fe80::1", "IPv4 addresses"),
            ("netmask", "255.0.0.0,255.0.0.0", "one IPv4 address"),
            ("mtu", "65536", "number"),
            ("mtu", "large", "number"),
            ("T1", "soon", "seconds"),
            ("224", "1.2", "IPv4 address"),
            ("224", "1,2", "IPv4 address"),
            ("224", &long, "255 bytes"),
            ("224", "a\nb", "control characters"),
            ("domain-search", "a..b", "domain names"),
            ("121", "10.0.0.0/33,10.0.0.1", "IPv4 address"),
            ("next-server", "boot", "one IPv4 address"),
        ] {
            let refused = read_pair(name, value).expect_err(value).to_string();
            assert!(refused.contains(words), "{name} {value}: {refused}");
        }
    }
}
