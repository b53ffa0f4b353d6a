//! The password hash of `crypt(3)` that begins with `$6$`, as "Unix crypt using SHA-256 and
//! SHA-512" (version 0.6) describes it, with the number of rounds that needs not be written.

use sha2::{Digest as _, Sha512};

/// Random bytes for a salt; as many as the hash takes characters of it.
pub(crate) const SALT_BYTES: usize = 16;

/// The number of rounds where none is written.
const ROUNDS: usize = 5000;

/// The 64 digits.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Bytes of a SHA-512 hash.
const HASH_BYTES: usize = 64;

/// A salt out of random bytes.
pub(crate) fn salt_from(random: [u8; SALT_BYTES]) -> String {
    random.iter().map(|byte| digit(u32::from(*byte))).collect()
}

/// Hashes `password`, which has no NUL, with a `salt` of at most 16 digits.
pub(crate) fn sha512_crypt(password: &[u8], salt: &str) -> String {
    let p = repeated(&of_repeated(password, password.len()), password.len());
    let mut hash = first_hash(password, salt.as_bytes());
    let salt_times = 16 + usize::from(hash[0]);
    let s = repeated(&of_repeated(salt.as_bytes(), salt_times), salt.len());
    for round in 0..ROUNDS {
        let mut next = Sha512::new();
        let is_odd = round % 2 == 1;
        next.update(if is_odd { &p[..] } else { &hash[..] });
        if round % 3 != 0 {
            next.update(&s);
        }
        if round % 7 != 0 {
            next.update(&p);
        }
        next.update(if is_odd { &hash[..] } else { &p[..] });
        hash = next.finalize().into();
    }
    format!("$6${salt}${}", digits(&hash))
}

fn first_hash(password: &[u8], salt: &[u8]) -> [u8; HASH_BYTES] {
    let mut alternate = Sha512::new();
    alternate.update(password);
    alternate.update(salt);
    alternate.update(password);
    let alternate: [u8; HASH_BYTES] = alternate.finalize().into();
    let mut first = Sha512::new();
    first.update(password);
    first.update(salt);
    first.update(repeated(&alternate, password.len()));
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits % 2 == 1 { &alternate[..] } else { password });
        bits /= 2;
    }
    first.finalize().into()
}

/// The hash of `bytes`, `times` times.
fn of_repeated(bytes: &[u8], times: usize) -> [u8; HASH_BYTES] {
    let mut hash = Sha512::new();
    for _ in 0..times {
        hash.update(bytes);
    }
    hash.finalize().into()
}

/// `bytes` again and again, up to `len`.
fn repeated(bytes: &[u8], len: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(len).collect()
}

/// The hash in digits: groups of three bytes that are a third of the hash apart, the order within
/// the group turning from one to the next.
fn digits(hash: &[u8; HASH_BYTES]) -> String {
    let mut text = String::with_capacity(86);
    let third = (HASH_BYTES - 1) / 3;
    for at in 0..third {
        let group = [hash[at], hash[at + third], hash[at + 2 * third]];
        let [high, middle, low] = match at % 3 {
            0 => group,
            1 => [group[1], group[2], group[0]],
            _ => [group[2], group[0], group[1]],
        };
        push(&mut text, u32::from_be_bytes([0, high, middle, low]), 4);
    }
    push(&mut text, u32::from(hash[HASH_BYTES - 1]), 2);
    text
}

fn push(text: &mut String, mut value: u32, count: usize) {
    for _ in 0..count {
        text.push(digit(value));
        value >>= 6;
    }
}

/// The digit of the lowest six bits.
fn digit(value: u32) -> char {
    char::from(DIGITS[(value & 63) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first from the description's own list, the others made with `openssl passwd -6` and
    /// `crypt(3)`, which agree.
    #[test]
    fn hashes_are_those_of_others() {
        let x = |count: usize| "x".repeat(count);
        let abc = "abcdefghijklmnop";
        for (salt, password, digits) in [
            (
                "saltstring",
                "Hello world!".to_owned(),
                "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            ),
            (
                "saltstring",
                "a".to_owned(),
                "MO53nAXQUKXVLlsbiXyPgMsR6q10N7eF7sPvanwdXnEeCj5kE3eYaRvFv0wVW1UZ4SnNTzc1v4OCOq1ASDQZY0",
            ),
            (
                "./09AZaz",
                "g\u{e4}ste".to_owned(),
                "1I3eIA/NCY2rEKiOyfxjUObjPB9X7k1juA57dcUOfB0M/2YVV6p2d5j.31PcmG0Q.4DkC6jSmr65u7oKny3CS/",
            ),
            (
                abc,
                x(63),
                "E/9FxEJJQpMQN29nbwKcZe/.0op2KmiU2LRen7uBH2Oby84ZH8WsVtt.GIgAYytgK3g8Uzpqq8BsBWebdaIHD0",
            ),
            (
                abc,
                x(64),
                "HllZQEL3y/1eVnXmyWIVQOduC5KVxWvlySsZtD4PMLSK7UcBe.gu/jam1u25YUvnJf.I5PHFJpToI3cwZx.m/.",
            ),
            (
                abc,
                x(65),
                "Scd3eB8NWB3tz5S.gVBCwFetPxu6e5MQnW.dvLwfCZhkzAPPbpHC4IGVJkX2rYZkLmMEf09uXDpywDco90eeX/",
            ),
            (
                abc,
                x(130),
                "0RaDDxnDIdW3wUVFxZEKWndsiMV.U4ZJ0Bm1qKE0tJMr9x4SJYz.3PVJGJ52jrjaGNKV1.cVYMNOo14Wfasjt/",
            ),
        ] {
            assert_eq!(
                sha512_crypt(password.as_bytes(), salt),
                format!("$6${salt}${digits}"),
                "{password}"
            );
        }
    }

    #[test]
    fn salts_are_digits_of_all_random_bytes() {
        let mut random = [0; SALT_BYTES];
        let all_zero = salt_from(random);
        assert_eq!(all_zero, ".".repeat(16));
        for at in 0..SALT_BYTES {
            random[at] = 255;
            let salt = salt_from(random);
            assert_eq!(salt.matches('z').count(), at + 1, "byte {at} is not in {salt}");
        }
    }
}
