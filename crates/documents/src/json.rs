//! JSON as Python writes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Encodes `value` as Python's `json.dumps` does by default: `", "` and `": "` between tokens,
/// ASCII only, no newline. Guests have parsed these bytes for a decade; some compare them.
///
/// The keys of every map in `value` must be text.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, PythonFormatter))
        .expect("writing to memory does not fail, and keys are text");
    bytes
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    /// What serde_json leaves alone: everything but control characters below U+0020, `"` and `\`.
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Without a way out of the loop, so that many bytes are looked at at once.
        let plain = |byte: &u8| (b' '..=b'~').contains(byte);
        if fragment.as_bytes().iter().fold(true, |all, byte| all & plain(byte)) {
            return out.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                let mut buffer = [0; 4];
                out.write_all(character.encode_utf8(&mut buffer).as_bytes())?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_f64<W: Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(python_float(value).as_bytes())
    }
}

/// The shortest digits that read back as `value`, with an exponent where Python's `repr` has one:
/// below 1e-4 and from 1e16 on, signed and of two digits at least.
fn python_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(encode(value)).expect("ASCII")
    }

    #[test]
    fn is_pythons_style() {
        let value = json!({"a": [1, 2.5, null, true], "b": {}, "c": [], "d": {"e": "f"}});
        assert_eq!(
            text(&value),
            r#"{"a": [1, 2.5, null, true], "b": {}, "c": [], "d": {"e": "f"}}"#
        );
        let value = json!("ü\u{7f}\u{1f600}\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1b}");
        assert_eq!(
            text(&value),
            r#""\u00fc\u007f\ud83d\ude00\"\\/\n\r\t\b\f\u0000\u001b""#,
            "as json.dumps prints it"
        );
    }

    #[test]
    fn floats_are_pythons() {
        for (value, shown) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
        ] {
            assert_eq!(python_float(value), shown);
        }
    }

    #[test]
    fn what_an_operator_writes_comes_out_as_from_python() {
        // The right side is what Python 3.11 prints for `json.dumps(json.loads(left))`.
        for (written, shown) in [
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1e16", "1e+16"),
            ("1E2", "100.0"),
            ("123456789012345680.0", "1.2345678901234568e+17"),
            ("0.00001", "1e-05"),
            ("-0.0", "-0.0"),
            (r#"{"b": 1, "a": 2, "b": 3}"#, r#"{"b": 3, "a": 2}"#),
            (
                r#"{"grüße": ["\u00e9", {"\ud83d\ude00": "/"}]}"#,
                r#"{"gr\u00fc\u00dfe": ["\u00e9", {"\ud83d\ude00": "/"}]}"#,
            ),
        ] {
            assert_eq!(text(&serde_json::from_str(written).expect("JSON")), shown, "{written}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..6)
                    .prop_map(|items| items.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_back_and_is_ascii(value in any_json()) {
            let bytes = encode(&value);
            prop_assert!(bytes.is_ascii() && !bytes.contains(&b'\n'));
            let read: Value = serde_json::from_slice(&bytes).expect("JSON");
            prop_assert!(same(&read, &value), "{} became {}", value, read);
        }
    }

    /// Equality, but that a float may read back one last digit off: serde_json parses fast.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a == b || ((a - b) / b).abs() < 1e-14,
                _ => a == b,
            },
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
            }
            _ => a == b,
        }
    }
}
