//! Rules for names and other short texts.

use crate::{Invalid, Properties, limits};

/// Refuses an empty, over-long or control-character-carrying text.
pub(crate) fn check_text(field: &str, text: &str, chars_max: usize) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    check_optional_text(field, text, chars_max)
}

/// Like [`check_text`], but an empty text is allowed.
pub(crate) fn check_optional_text(
    field: &str,
    text: &str,
    chars_max: usize,
) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars > chars_max {
        let reason = format!("has {chars} characters; at most {chars_max} are allowed");
        return Err(Invalid::new(field, reason));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "must not contain control characters"));
    }
    Ok(())
}

/// A display name: 1 to 255 characters, none of them a control character, no blank ends.
pub(crate) fn check_name(name: &str) -> Result<(), Invalid> {
    check_text("name", name, limits::NAME_CHARS_MAX)?;
    if name.trim() != name {
        return Err(Invalid::new("name", "must not begin or end with a space"));
    }
    Ok(())
}

/// Image properties and extra specs.
pub(crate) fn check_properties(field: &str, properties: &Properties) -> Result<(), Invalid> {
    if properties.len() > limits::PROPERTIES_MAX {
        let reason = format!(
            "has {} items; at most {} are allowed",
            properties.len(),
            limits::PROPERTIES_MAX
        );
        return Err(Invalid::new(field, reason));
    }
    for (key, value) in properties {
        check_text(&format!("{field} key"), key, limits::METADATA_CHARS_MAX)?;
        check_optional_text(&format!("{field}[{key}]"), value, limits::METADATA_CHARS_MAX)?;
    }
    Ok(())
}

/// A host name that was given outright: dot-separated labels of letters, digits and `-`.
pub(crate) fn check_hostname(hostname: &str) -> Result<(), Invalid> {
    check_text("hostname", hostname, limits::HOSTNAME_CHARS_MAX)?;
    for label in hostname.split('.') {
        let allowed = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if label.is_empty() || !allowed || label.starts_with('-') || label.ends_with('-') {
            let reason = format!(
                "\"{hostname}\" is not a host name: use letters, digits and inner hyphens, \
                 labels separated by dots"
            );
            return Err(Invalid::new("hostname", reason));
        }
        if label.len() > limits::HOSTNAME_LABEL_CHARS_MAX {
            let reason = format!(
                "\"{label}\" has {} characters; a label has at most {}",
                label.len(),
                limits::HOSTNAME_LABEL_CHARS_MAX
            );
            return Err(Invalid::new("hostname", reason));
        }
    }
    Ok(())
}

/// Makes a host name out of a display name by Nova's rule.
///
/// Characters outside Latin-1 are dropped; space, underscore and dot become `-`; whatever is then
/// not a word character or hyphen is dropped; the rest is lower-cased, stripped of `-` and `.` at
/// its ends and cut at 63 characters. Returns `None` if nothing is left, for which Nova uses
/// `Server-<uuid>`.
pub fn sanitize_hostname(display_name: &str) -> Option<String> {
    let word: String = display_name
        .chars()
        .filter(|c| u32::from(*c) < 256)
        .map(|c| if matches!(c, ' ' | '_' | '.') { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect::<String>()
        .to_ascii_lowercase();
    let cut: String =
        word.trim_matches(['-', '.']).chars().take(limits::HOSTNAME_LABEL_CHARS_MAX).collect();
    let cut = cut.trim_end_matches('-');
    if cut.is_empty() { None } else { Some(cut.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_become_host_names() {
        for (name, hostname) in [
            ("web1", Some("web1")),
            ("My Web_Server.1", Some("my-web-server-1")),
            ("-.edge.-", Some("edge")),
            ("日本", None),
            ("a日b", Some("ab")),
            ("", None),
        ] {
            assert_eq!(sanitize_hostname(name).as_deref(), hostname, "of {name:?}");
        }
        let long = "x".repeat(100);
        assert_eq!(sanitize_hostname(&long).map(|h| h.len()), Some(63));
    }

    #[test]
    fn host_names_are_checked_label_by_label() {
        assert!(check_hostname("web-1.example.org").is_ok());
        for bad in ["", "-a", "a-", "a..b", "a_b", "a b", &"x".repeat(64)] {
            assert!(check_hostname(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
