//! Whether a text is the YAML that cloud-init expects.
//!
//! The parser's events are looked at one by one: nothing is built of them and no alias is followed,
//! so that a text costs what it is long and not what it would unfold to.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScanError, Span, Tag};

/// What the text's one document must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Mapping,
    List,
}

/// What is wrong with `text`; nothing if it is empty or holds comments only.
pub(super) fn warnings_of(text: &str, expected: Expected) -> Vec<String> {
    let mut outline = Outline::new(expected);
    for parsed in Parser::new_from_str(text) {
        match parsed {
            Ok((event, span)) => outline.take(&event, span),
            Err(error) => {
                outline.warnings.push(broken(&error));
                break;
            }
        }
        if outline.warnings.len() >= super::WARNINGS_MAX {
            break;
        }
    }
    outline.warnings
}

fn broken(error: &ScanError) -> String {
    let marker = error.marker();
    let (line, column) = (marker.line(), marker.col() + 1);
    format!(
        "the YAML is broken at line {line} column {column}: {}; cloud-init ignores all of it",
        error.info()
    )
}

/// As much of a document as must be kept to judge it.
struct Outline {
    expected: Expected,
    warnings: Vec<String>,
    documents: usize,
    depth: usize,
    /// Whether the next node inside the outermost mapping is a key.
    is_key: bool,
    is_mapping: bool,
    keys: HashSet<String>,
}

impl Outline {
    fn new(expected: Expected) -> Self {
        let (warnings, keys) = (Vec::new(), HashSet::new());
        Self { expected, warnings, documents: 0, depth: 0, is_key: true, is_mapping: false, keys }
    }

    fn take(&mut self, event: &Event<'_>, span: Span) {
        let line = span.start.line();
        self.check_tag(tag_of(event), line);
        match event {
            Event::DocumentStart(_) => self.document(line),
            Event::Scalar(value, ..) => {
                if self.depth == 0 && !is_null(value) {
                    self.wrong_top("plain text", line);
                } else if self.depth == 1 && self.is_mapping && self.is_key {
                    self.key(value, line);
                }
                self.ended();
            }
            Event::Alias(_) => self.ended(),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let is_mapping = matches!(event, Event::MappingStart(..));
                if self.depth == 0 {
                    self.top(is_mapping, line);
                }
                self.depth += 1;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.depth = self.depth.saturating_sub(1);
                self.ended();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn document(&mut self, line: usize) {
        self.documents += 1;
        if self.documents == 2 {
            self.warnings.push(format!(
                "a second YAML document begins at line {line}; cloud-init ignores all of it if \
                 there is more than one: put them into one, or into parts of MIME multipart"
            ));
        }
    }

    fn top(&mut self, is_mapping: bool, line: usize) {
        self.is_mapping = is_mapping;
        match (self.expected, is_mapping) {
            (Expected::Mapping, false) => self.wrong_top("a list", line),
            (Expected::List, true) => self.wrong_top("a mapping", line),
            _ => {}
        }
    }

    fn wrong_top(&mut self, found: &str, line: usize) {
        let expected = match self.expected {
            Expected::Mapping => "a mapping (lines of `key: value`)",
            Expected::List => "a list (lines that begin with `- `)",
        };
        self.warnings.push(format!(
            "the YAML is {found} (line {line}) where cloud-init expects {expected}; it ignores \
             all of it"
        ));
    }

    fn key(&mut self, key: &str, line: usize) {
        if !self.keys.insert(key.to_owned()) {
            let key: String = key.chars().take(KEY_CHARS_SHOWN_MAX).collect();
            self.warnings.push(format!(
                "the key {} is there a second time at line {line}; only the last one counts",
                key.escape_debug()
            ));
        }
    }

    /// A node has ended: keys and values take turns.
    fn ended(&mut self) {
        if self.depth == 1 {
            self.is_key = !self.is_key;
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, line: usize) {
        if let Some(tag) = tag
            && !tag.handle.starts_with(YAML_TAGS)
            && !tag.suffix.starts_with(YAML_TAGS)
            && (tag.handle.as_str(), tag.suffix.as_str()) != NO_TAG
        {
            self.warnings.push(format!(
                "the YAML has the tag {} at line {line}, which cloud-init does not know; it \
                 ignores all of it",
                format!("{}{}", tag.handle, tag.suffix).escape_debug()
            ));
        }
    }
}

/// Beginning of the tags that YAML itself defines, such as that of `!!str`.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// A lone `!`: no tag, only the wish not to guess a type.
const NO_TAG: (&str, &str) = ("", "!");

/// Characters of a key that a warning shows.
const KEY_CHARS_SHOWN_MAX: usize = 40;

fn tag_of<'a>(event: &'a Event<'_>) -> Option<&'a Tag> {
    match event {
        Event::Scalar(_, _, _, tag)
        | Event::SequenceStart(_, tag)
        | Event::MappingStart(_, tag) => tag.as_deref(),
        _ => None,
    }
}

/// Nothing but comments parses as this.
fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_mapping(text: &str) -> Vec<String> {
        warnings_of(text, Expected::Mapping)
    }

    #[test]
    fn what_cloud_init_takes_is_good() {
        for text in [
            "#cloud-config\n",
            "#cloud-config\n---\npackages: [a, b]\nusers:\n  - default\n  - name: x\n",
            "#cloud-config\na: {b: 1, a: 2}\nb: &x [1]\nc: *x\nd: !!str 5\ne: ! x\n",
            "#cloud-config\r\nruncmd:\r\n- [ls, -l]\r\n",
            "#cloud-config\nwrite_files:\n- content: !!binary |\n    aGk=\n  path: /a\n",
        ] {
            assert_eq!(of_mapping(text), Vec::<String>::new(), "{text}");
        }
        assert!(warnings_of("- a\n- b: c\n", Expected::List).is_empty());
    }

    #[test]
    fn a_broken_text_is_told_with_its_place() {
        let warnings = of_mapping("#cloud-config\npackages: [a, b\nruncmd:\n");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("the YAML is broken at line 3 column "), "{warnings:?}");
        let warnings = of_mapping("#cloud-config\na:\n\t- b\n");
        assert!(warnings[0].contains("at line 3"), "{warnings:?}");
        assert!(of_mapping("a: *nobody\n")[0].contains("broken"), "an alias of nothing");
    }

    #[test]
    fn a_wrong_shape_is_told() {
        assert!(of_mapping("- a\n")[0].starts_with("the YAML is a list (line 1)"));
        assert!(of_mapping("hello world\n")[0].starts_with("the YAML is plain text"));
        assert!(warnings_of("a: b\n", Expected::List)[0].starts_with("the YAML is a mapping"));
        assert!(of_mapping("a: b\n---\nc: d\n")[0].contains("second YAML document"));
        assert!(of_mapping("a: !Ref b\n")[0].contains("the tag !Ref at line 1"));
    }

    #[test]
    fn a_key_that_is_there_twice_is_told() {
        let warnings = of_mapping("runcmd: [a]\npackages: {runcmd: 1}\nruncmd: [b]\n");
        assert_eq!(
            warnings,
            ["the key runcmd is there a second time at line 3; only the last one counts"]
        );
    }

    /// Ten lists of ten times the one before: ten billion, were aliases followed.
    #[test]
    fn a_bomb_of_aliases_costs_no_more_than_its_text() {
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for n in 1..=10 {
            let before = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
        }
        assert_eq!(of_mapping(&bomb), Vec::<String>::new());
    }

    #[test]
    fn depth_costs_nothing_either() {
        let deep = "[".repeat(super::super::UNPACKED_BYTES_MAX);
        let warnings = of_mapping(&deep);
        assert!(warnings.iter().any(|one| one.contains("broken")), "it does not end: {warnings:?}");
    }
}
