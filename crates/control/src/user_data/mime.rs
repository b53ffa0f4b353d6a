//! As much of MIME as user data needs: headers, boundaries, transfer encodings.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// One part that holds no others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// In lower case, without parameters; `text/plain` if it says none.
    pub(super) content_type: String,
    /// Its transfer encoding undone; as it stands if that failed.
    pub(super) body: Vec<u8>,
}

/// Parts of parts of parts are read this deep; people use one level.
const DEPTH_MAX: usize = 4;

/// Parts that are looked at.
const PARTS_MAX: usize = 100;

/// The parts of a message in order; what is wrong with it otherwise.
pub(super) fn parts_of(message: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    collect(message, DEPTH_MAX, &mut parts)?;
    Ok(parts)
}

fn collect(message: &str, depth: usize, parts: &mut Vec<Part>) -> Result<(), String> {
    let (headers, body) = headers_and_body(message);
    let field = header(&headers, "content-type").unwrap_or("text/plain");
    let content_type = field.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !content_type.starts_with("multipart/") {
        if parts.len() == PARTS_MAX {
            return Err(format!("it has more than {PARTS_MAX} parts; the others are not checked"));
        }
        let encoding = header(&headers, "content-transfer-encoding").unwrap_or_default();
        parts.push(Part { content_type, body: decoded(encoding, body) });
        return Ok(());
    }
    if depth == 0 {
        return Err(format!("its parts are nested more than {DEPTH_MAX} deep: not checked"));
    }
    let boundary = parameter(field, "boundary").ok_or_else(|| {
        format!("its Content-Type {content_type} has no boundary; add one, as boundary=\"…\"")
    })?;
    let bodies = between(body, &boundary);
    if bodies.is_empty() {
        return Err(format!(
            "no line is --{}, the boundary that its header names, so it has no parts",
            boundary.escape_debug()
        ));
    }
    bodies.iter().try_for_each(|part| collect(part, depth - 1, parts))
}

/// The header fields with folded lines joined, and what follows the first empty line.
fn headers_and_body(message: &str) -> (Vec<(String, String)>, &str) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let text = line.trim_end_matches('\r');
        if text.is_empty() {
            return (headers, after);
        }
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(text.trim());
            }
        } else if let Some((name, value)) = text.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        } else {
            // No header: the body begins without an empty line, as mail readers allow.
            return (headers, rest);
        }
        rest = after;
    }
    (headers, "")
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A parameter of a header, with or without quotes.
fn parameter(field: &str, name: &str) -> Option<String> {
    let pairs = field.split(';').skip(1).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    let value = found.next()?.1.trim().trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

/// What stands between the lines of a boundary.
fn between<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let found = line.trim_end().strip_prefix("--").and_then(|it| it.strip_prefix(boundary));
        if let Some(after @ ("" | "--")) = found {
            if let Some(start) = start {
                parts.push(body.get(start..at).unwrap_or_default());
            }
            start = (after.is_empty()).then_some(at + line.len());
            if start.is_none() {
                return parts;
            }
        }
        at += line.len();
    }
    // Readers take a part without its end as it is.
    parts.extend(start.and_then(|start| body.get(start..)));
    parts
}

/// As mail readers do it: what is no base64 is skipped, and padding may lack.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn decoded(encoding: &str, body: &str) -> Vec<u8> {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let text: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            BASE64.decode(text).unwrap_or_else(|_not_base64| body.as_bytes().to_vec())
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.as_bytes().to_vec(),
    }
}

fn quoted_printable(body: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (byte, after) {
            (b'=', [b'\n', after @ ..] | [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(u8::try_from(high * 16 + low).expect("two digits of 16"));
                    rest = after;
                }
                _ => bytes.push(byte),
            },
            _ => bytes.push(byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(content_type: &str, body: &str) -> Part {
        Part { content_type: content_type.to_owned(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn parts_are_found_and_decoded() {
        let message = "Content-Type: multipart/mixed;\r\n boundary=\"=b\"\r\nMIME-Version: 1.0\r\n\
            \r\npreamble\r\n--=b\r\nContent-Type: Text/Cloud-Config; charset=\"utf-8\"\r\n\r\n\
            a: b\r\n--=b\r\nContent-Type: text/x-shellscript\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nIyEv\r\nYmlu\r\n--=b\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n#=21=\r\nx\r\n--=b--\r\nepilogue";
        assert_eq!(
            parts_of(message).expect("parts"),
            [
                part("text/cloud-config", "a: b\r\n"),
                part("text/x-shellscript", "#!/bin"),
                part("text/plain", "#!x\r\n"),
            ]
        );
    }

    #[test]
    fn what_is_no_multipart_is_one_part() {
        let message = "Content-Type: text/cloud-config\nMIME-Version: 1.0\n\na: b\n";
        assert_eq!(parts_of(message), Ok(vec![part("text/cloud-config", "a: b\n")]));
    }

    #[test]
    fn missing_boundaries_are_told() {
        let refusal = parts_of("Content-Type: multipart/mixed\n\na").expect_err("no boundary");
        assert!(refusal.contains("has no boundary"), "{refusal}");
        let message = "Content-Type: multipart/mixed; boundary=x\n\n--y\n\na";
        assert!(parts_of(message).expect_err("no parts").contains("no line is --x"));
    }

    #[test]
    fn depth_and_number_have_an_end() {
        let header = "Content-Type: multipart/mixed; boundary=x\n\n";
        let many = format!("{header}{}", "--x\n\na\n".repeat(PARTS_MAX + 1));
        assert!(parts_of(&many).expect_err("too many").contains("more than 100 parts"));
        let deep: String = (0..=DEPTH_MAX)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=x{n}\n\n--x{n}\n"))
            .collect();
        assert!(parts_of(&deep).expect_err("too deep").contains("nested more than 4"));
    }
}
