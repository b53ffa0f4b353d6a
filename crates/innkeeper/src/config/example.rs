//! The example file: every key with its documentation and its default.

use std::{fmt::Write, path::Path};

use super::SECTIONS;

/// The example file. Every key is commented out, so that it says the same as no file.
pub(crate) fn example() -> String {
    with(&[])
}

/// The example file with some keys set.
pub(super) fn with(values: &[(&str, &str, &Path)]) -> String {
    let mut text = String::from(
        "# Configuration of Innkeeper. Every key is here with its default; take away the # in\n\
         # front of one to change it. Each can also be set by an environment variable,\n\
         # INNKEEPER_<SECTION>_<KEY>, and by a flag of the role, --<section>-<key>; a flag wins\n\
         # over a variable, a variable over this file. \"\" is \"not set\".\n",
    );
    for section in SECTIONS {
        text.push('\n');
        comment(&mut text, section.doc);
        let _ = writeln!(text, "[{}]", section.name);
        for key in section.keys {
            comment(&mut text, key.doc);
            let set = values
                .iter()
                .find(|(section, name, _)| *section == key.section && *name == key.name);
            let _ = match set {
                Some((_, _, path)) => {
                    writeln!(text, "{} = {}", key.name, key.as_toml(&path.to_string_lossy()))
                }
                None => writeln!(text, "#{} = {}", key.name, key.as_toml(key.default)),
            };
        }
    }
    text
}

fn comment(text: &mut String, doc: &[&str]) {
    for line in doc {
        let _ = writeln!(text, "#{}", line.trim_end());
    }
}
