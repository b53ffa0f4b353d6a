//! The value of an extra option: from an operator's words to bytes.

use std::net::Ipv4Addr;

use super::{code, names::Form};

/// A value that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Addresses; 0.0.0.0 among them is the server's own.
    Addresses(Vec<Ipv4Addr>),
    /// Anything else.
    Bytes(Vec<u8>),
}

type Read<T> = Result<T, &'static str>;

const ADDRESSES: &str = "give IPv4 addresses, separated by commas";
const NUMBER: &str = "give a number that fits the option";
const SECONDS: &str = "give seconds, or a number with m, h, d or w, or infinite";
const DOMAINS: &str = "give domain names, separated by commas";
const LOOKS_LIKE_ADDRESS: &str = "it looks like an IPv4 address or ADDRESS/BITS, and is none; text must not consist of digits \
     and dots alone";

impl Value {
    /// Bytes of the value.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Addresses(addresses) => addresses.len() * 4,
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The value as `server` sends it.
    pub(super) fn bytes(&self, server: Ipv4Addr) -> Vec<u8> {
        match self {
            Self::Addresses(addresses) => {
                let own = |a: &Ipv4Addr| if a.is_unspecified() { server } else { *a };
                addresses.iter().flat_map(|address| own(address).octets()).collect()
            }
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// Reads the value of an option of this form; otherwise says what would be right.
pub(super) fn read(code: u8, form: Form, value: &str) -> Read<Value> {
    if value.chars().any(char::is_control) {
        return Err("it has control characters; remove them");
    }
    match form {
        Form::Addresses => addresses(value).ok_or(ADDRESSES),
        Form::Text => Ok(Value::Bytes(value.as_bytes().to_vec())),
        Form::Domains => domains(value).map(Value::Bytes),
        Form::Number(size) => number(value, size).map(Value::Bytes),
        Form::Seconds => seconds(value).map(Value::Bytes),
        Form::Guess => guess(code, value),
    }
}

/// dnsmasq's guess: hexadecimal with colons, then a number, then addresses, then text.
fn guess(code: u8, value: &str) -> Read<Value> {
    if let Some(bytes) = hexadecimal(value) {
        return Ok(Value::Bytes(bytes));
    }
    if let Some(bytes) = sized_number(value) {
        return Ok(Value::Bytes(bytes));
    }
    if looks_like_address(value) {
        return address_list(code, value);
    }
    if code == code::SIP_SERVERS {
        // RFC 3361: the first byte says whether names or addresses follow.
        return domains(value).map(|names| Value::Bytes([&[0], &names[..]].concat()));
    }
    Ok(Value::Bytes(value.as_bytes().to_vec()))
}

fn hexadecimal(value: &str) -> Option<Vec<u8>> {
    let is_byte = |part: &str| {
        (1..=2).contains(&part.len()) && part.chars().all(|digit| digit.is_ascii_hexdigit())
    };
    let is_one = value.contains(':') && value.split(':').all(is_byte);
    let byte = |part| u8::from_str_radix(part, 16).ok();
    if is_one { value.split(':').map(byte).collect() } else { None }
}

/// A number in as many bytes as it needs, or as its last letter says: b, s or i.
fn sized_number(value: &str) -> Option<Vec<u8>> {
    let sizes = [('b', 1), ('s', 2), ('i', 4)];
    let suffix =
        sizes.iter().find_map(|(letter, size)| Some((value.strip_suffix(*letter)?, *size)));
    let (digits, size) = suffix.unwrap_or((value, 0));
    let number: i64 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    let size = match (size, number) {
        (0, 0..=0xff) => 1,
        (0, 0x100..=0xffff) => 2,
        (0, _) => 4,
        (given, _) => given,
    };
    sized(number, size)
}

fn number(value: &str, size: u8) -> Read<Vec<u8>> {
    let number = value.parse().map_err(|_none| NUMBER)?;
    sized(number, size).ok_or(NUMBER)
}

fn sized(number: i64, size: u8) -> Option<Vec<u8>> {
    let bits = u32::from(size) * 8;
    let fits = (-(1_i64 << (bits - 1))..1_i64 << bits).contains(&number);
    fits.then(|| number.to_be_bytes().into_iter().skip(8 - usize::from(size)).collect())
}

fn seconds(value: &str) -> Read<Vec<u8>> {
    if value == "infinite" {
        return Ok(u32::MAX.to_be_bytes().to_vec());
    }
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let suffix =
        units.iter().find_map(|(letter, unit)| Some((value.strip_suffix(*letter)?, *unit)));
    let (digits, unit) = suffix.unwrap_or((value, 1));
    let seconds = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    seconds.map(|seconds| seconds.to_be_bytes().to_vec()).ok_or(SECONDS)
}

fn looks_like_address(value: &str) -> bool {
    let is_of_one = |c: char| c.is_ascii_digit() || ['.', '/'].contains(&c);
    value.starts_with(|first: char| first.is_ascii_digit())
        && parts(value).all(|part| part.chars().all(is_of_one))
}

fn addresses(value: &str) -> Option<Value> {
    let addresses: Result<_, _> = parts(value).map(str::parse).collect();
    addresses.ok().map(Value::Addresses)
}

/// What stands between commas, without the blanks around it.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

/// Addresses; one with a prefix length is written as option 121 writes a destination.
fn address_list(code: u8, value: &str) -> Read<Value> {
    if code != code::SIP_SERVERS && !value.contains('/') {
        return addresses(value).ok_or(LOOKS_LIKE_ADDRESS);
    }
    let mut bytes = Vec::new();
    if code == code::SIP_SERVERS {
        bytes.push(1);
    }
    for part in parts(value) {
        let (address, prefix) = part.split_once('/').map_or((part, None), |(a, p)| (a, Some(p)));
        let address: Ipv4Addr = address.parse().map_err(|_none| LOOKS_LIKE_ADDRESS)?;
        match prefix {
            None => bytes.extend(address.octets()),
            Some(prefix) => {
                let prefix = prefix.parse().map_err(|_none| LOOKS_LIKE_ADDRESS)?;
                let net = ipnet::Ipv4Net::new(address, prefix);
                bytes.extend(super::routes::destination(net.map_err(|_none| LOOKS_LIKE_ADDRESS)?));
            }
        }
    }
    Ok(Value::Bytes(bytes))
}

/// Domain names one after the other, without compression.
fn domains(value: &str) -> Read<Vec<u8>> {
    /// Bytes of a name (RFC 1035 §2.3.4), less its first length and its end.
    const NAME_BYTES_MAX: usize = 253;
    let mut bytes = Vec::new();
    for name in parts(value) {
        let name = name.trim_end_matches('.');
        if name.len() > NAME_BYTES_MAX {
            return Err(DOMAINS);
        }
        for label in name.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
            bytes.push(length.ok_or(DOMAINS)?);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
    }
    Ok(bytes)
}
