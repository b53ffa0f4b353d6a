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
            let _ = write!(text, "{} = {}", key.name, key.as_toml(settings.text(key)));
            let _ = match settings.source(key.section, key.name) {
                Source::Default => writeln!(text),
                source => writeln!(text, "  # {source}"),
            };
        }
    }
    text
}
