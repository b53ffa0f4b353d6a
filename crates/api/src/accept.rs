//! In which form an error is sent: Nova asks its library (WebOb) which of HTML and JSON the client
//! prefers, and sends plain text to those who want neither.

use http::{HeaderMap, header};

/// The form of an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorForm {
    Plain,
    Html,
    Json,
}

impl ErrorForm {
    /// What the request's Accept headers ask for. HTML goes before JSON where both are as welcome;
    /// a header that breaks the grammar of RFC 9110 §12.5.1 accepts everything.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let values: Vec<_> = headers.get_all(header::ACCEPT).iter().collect();
        let mut ranges = Vec::new();
        for value in values {
            let Some(more) = value.to_str().ok().and_then(media_ranges) else { return Self::Html };
            ranges.extend(more);
        }
        let html = quality(&ranges, "text", "html");
        let json = quality(&ranges, "application", "json");
        match (html, json) {
            (0, 0) => Self::Plain,
            (html, json) if html >= json => Self::Html,
            _ => Self::Json,
        }
    }
}

/// One element of Accept, in lower case.
struct MediaRange {
    kind: String,
    subtype: String,
    has_parameters: bool,
    /// In thousandths.
    quality: u16,
}

/// `None` if any element is malformed. Empty elements are allowed.
fn media_ranges(value: &str) -> Option<Vec<MediaRange>> {
    split_unquoted(value, ',')
        .into_iter()
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
        .map(media_range)
        .collect()
}

fn media_range(element: &str) -> Option<MediaRange> {
    let mut parts =
        split_unquoted(element, ';').into_iter().map(|part| part.trim_matches([' ', '\t']));
    let (kind, subtype) = parts.next()?.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    let (mut has_parameters, mut quality) = (false, None);
    for part in parts {
        let (name, value) = part.split_once('=')?;
        if !is_token(name) {
            return None;
        }
        match quality {
            None if name.eq_ignore_ascii_case("q") => quality = Some(thousandths(value)?),
            None => has_parameters = true,
            // Extensions, behind the quality.
            Some(_) => {}
        }
    }
    Some(MediaRange {
        kind: kind.to_ascii_lowercase(),
        subtype: subtype.to_ascii_lowercase(),
        has_parameters,
        quality: quality.unwrap_or(1_000),
    })
}

/// How welcome a type is: what the most specific range that covers it says; 0 if none does.
fn quality(ranges: &[MediaRange], kind: &str, subtype: &str) -> u16 {
    let covering = ranges.iter().filter_map(|range| {
        let specificity = match (range.kind.as_str(), range.subtype.as_str()) {
            ("*", "*") => 0,
            (k, "*") if k == kind => 1,
            (k, s) if k == kind && s == subtype => 2,
            _ => return None,
        };
        // What is offered has no parameters, so a range with some does not cover it.
        (!range.has_parameters).then_some((specificity, range.quality))
    });
    covering.max().map_or(0, |(_, quality)| quality)
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1_000),
        _ => None,
    }
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let splits = character == separator && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn wanted(values: &[&str]) -> ErrorForm {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        ErrorForm::wanted(&headers)
    }

    #[test]
    fn the_form_follows_accept() {
        for (values, form) in [
            (&[][..], ErrorForm::Plain),
            (&[""], ErrorForm::Plain),
            (&["text/plain"], ErrorForm::Plain),
            (&["image/png"], ErrorForm::Plain),
            (&["*/*"], ErrorForm::Html),
            (&["text/*"], ErrorForm::Html),
            (&["TEXT/html"], ErrorForm::Html),
            (&["text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"], ErrorForm::Html),
            (&["application/json"], ErrorForm::Json),
            (&["application/*"], ErrorForm::Json),
            (&["application/json;q=0.5, text/html;q=0.4"], ErrorForm::Json),
            (&["application/json, */*;q=0.1"], ErrorForm::Json),
            (&["text/html;q=0, */*"], ErrorForm::Json),
            (&["*/*;q=0"], ErrorForm::Plain),
            (&["text/html;level=1"], ErrorForm::Plain),
            (&["image/png", "application/json"], ErrorForm::Json),
            (&["nonsense"], ErrorForm::Html),
            (&["text/html;q=2"], ErrorForm::Html),
            (&["application/json;x=\",\";q=1, text/plain"], ErrorForm::Plain),
        ] {
            assert_eq!(wanted(values), form, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn any_accept_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                ErrorForm::wanted(&HeaderMap::from_iter([(header::ACCEPT, value)]));
            }
        }

        #[test]
        fn any_list_is_answered(value in "([a-z*/;=q.0-9\", \\\\]){0,80}") {
            wanted(&[&value]);
        }
    }
}
