//! Whether two answers are the same, and where they are not.

use std::borrow::Cow;

use crate::{exchange::Answer, recording::Exchange};

/// The member of `meta_data.json` that is fresh each time.
const SEED: &[u8] = b"\"random_seed\": \"";
/// 512 bytes in base64.
const SEED_CHARS: usize = 684;
/// How much is shown before the first byte that differs, and from it on.
const SHOWN_BEFORE: usize = 60;
const SHOWN_AFTER: usize = 140;

/// What is not the same in two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) nova: String,
    pub(crate) ours: String,
}

/// Compares our answer with Nova's: status, Content-Type, body, and Content-Length if it was
/// recorded.
pub(crate) fn difference(exchange: &Exchange, ours: &Answer) -> Option<Difference> {
    if exchange.status != ours.status {
        return Some(Difference {
            what: "the status".to_owned(),
            nova: format!("{} {}", exchange.status, shown(exchange.response_body(), 0)),
            ours: format!("{} {}", ours.status, shown(&ours.body, 0)),
        });
    }
    for name in ["Content-Type", "Content-Length"] {
        let (theirs, its) = (exchange.response_header(name), ours.header(name));
        let is_recorded = name != "Content-Length" || theirs.is_some();
        if is_recorded && theirs != its {
            let said = |value: Option<&str>| value.unwrap_or("none").to_owned();
            return Some(Difference { what: name.to_owned(), nova: said(theirs), ours: said(its) });
        }
    }
    let (theirs, its) = (masked(exchange.response_body()), masked(&ours.body));
    if theirs == its {
        return None;
    }
    let at = theirs.iter().zip(its.iter()).take_while(|(a, b)| a == b).count();
    Some(Difference {
        what: format!("the body, from byte {at} of {}", theirs.len()),
        nova: shown(&theirs, at),
        ours: shown(&its, at),
    })
}

/// Puts one text in place of a seed of the right form.
fn masked(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(before) = body.windows(SEED.len()).position(|window| window == SEED) else {
        return body.into();
    };
    let (start, end) = (before + SEED.len(), before + SEED.len() + SEED_CHARS);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let seed = body.get(start..end).filter(|seed| seed.iter().all(is_base64));
    match (seed, body.get(..start), body.get(end..)) {
        (Some(_), Some(head), Some(tail)) if tail.first() == Some(&b'"') => {
            [head, b"masked", tail].concat().into()
        }
        _ => body.into(),
    }
}

fn shown(body: &[u8], at: usize) -> String {
    let from = at.saturating_sub(SHOWN_BEFORE);
    let to = body.len().min(at.saturating_add(SHOWN_AFTER));
    let dots = |cut: bool| if cut { "…" } else { "" };
    let text = String::from_utf8_lossy(body.get(from..to).unwrap_or_default());
    let text = text.escape_debug();
    format!("{}{text}{}", dots(from > 0), dots(to < body.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(body: &str) -> Exchange {
        recorded(&json!({"body": body}))
    }

    fn recorded(what: &serde_json::Value) -> Exchange {
        let mut all = json!({
            "method": "GET", "path": "/", "status": 200,
            "response_headers": [["Content-Type", "text/plain"]],
        });
        for (name, value) in what.as_object().expect("an object") {
            all[name] = value.clone();
        }
        serde_json::from_value(all).expect("an exchange")
    }

    fn answer(body: &str) -> Answer {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Answer { status: 200, headers, body: body.as_bytes().to_vec() }
    }

    fn with_seed(seed: &str) -> String {
        format!("{{\"random_seed\": \"{seed}\", \"x\": 1}}")
    }

    #[test]
    fn equal_is_equal_to_the_byte() {
        assert_eq!(difference(&exchange("abc"), &answer("abc")), None);
        let found = difference(&exchange("abc"), &answer("abd")).expect("they differ");
        assert_eq!((found.nova.as_str(), found.ours.as_str()), ("abc", "abd"));
        assert!(found.what.contains("byte 2"), "{}", found.what);
        assert!(difference(&exchange("abc"), &answer("abcd")).is_some());
    }

    #[test]
    fn a_length_counts_where_it_was_recorded() {
        let headers = json!([["Content-Type", "text/plain"], ["Content-Length", "3"]]);
        let nova = recorded(&json!({"body": "abc", "response_headers": headers}));
        let found = difference(&nova, &answer("abc")).expect("they differ");
        assert_eq!((found.what.as_str(), found.ours.as_str()), ("Content-Length", "none"));
    }

    #[test]
    fn a_seed_may_be_another_of_the_same_form() {
        let (a, b) = ("a".repeat(SEED_CHARS), "b".repeat(SEED_CHARS));
        let nova = exchange(&with_seed(&a));
        assert_eq!(difference(&nova, &answer(&with_seed(&b))), None);
        let short = with_seed(&"b".repeat(SEED_CHARS - 1));
        assert!(difference(&nova, &answer(&short)).is_some(), "a shorter seed");
        let odd = with_seed(&b.replacen('b', "-", 1));
        assert!(difference(&nova, &answer(&odd)).is_some(), "a seed that is no base64");
    }
}
