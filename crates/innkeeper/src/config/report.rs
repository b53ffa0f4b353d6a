//! What `innkeeper config check` prints.

use std::fmt::Write;

use super::{DEFAULT_FILE, SECTIONS, Settings, Source};

/// What would be used: every key with its value, and its source where that is not the default.
/// The text is a configuration file itself.
pub(crate) fn report(settings: &Settings) -> String {
    let mut text = String::new();
    let _ = match &settings.file {
        Some(file) => writeln!(text, "# read {}", file.display()),
        None => writeln!(text, "# there is no {DEFAULT_FILE}: defaults"),
    };
    for section in SECTIONS {
        let _ = writeln!(text, "\n[{}]", section.name);
        for key in section.keys {
            let _ = write!(
                text,
                "{} = {}",
                key.name,
                key.as_toml(&without_passwords(settings.text(key)))
            );
            let _ = match settings.source(key.section, key.name) {
                Source::Default => writeln!(text),
                source => writeln!(text, "  # {source}"),
            };
        }
    }
    text
}

/// `text` with what stands between `://` and `@` of each URL left out: it is printed, and what is
/// printed is passed around.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let authority = after.split(['/', '?', '#', ',']).next().unwrap_or_default();
        shown += before;
        shown += "://";
        rest = match authority.rsplit_once('@') {
            Some((user, _)) => {
                shown += "[not shown]";
                after.strip_prefix(user).unwrap_or(after)
            }
            None => after,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_left_out() {
        for (text, shown) in [
            ("a@http://x/y@z,b@https://u:p@h:1/", "a@http://x/y@z,b@https://[not shown]@h:1/"),
            ("a@http://u@h,b@http://h", "a@http://[not shown]@h,b@http://h"),
            ("http://nova:8775", "http://nova:8775"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
