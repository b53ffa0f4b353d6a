//! What differs from Nova on purpose: one line each, with its reason.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use crate::ConformanceError;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    case: String,
    configuration: String,
    method: String,
    path: String,
    nova: Vec<u16>,
    ours: u16,
    reason: String,
}

/// The file.
#[derive(Debug, Clone, Default)]
pub struct Deviations {
    lines: Vec<Deviation>,
}

/// What the line must match, besides the statuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) case: &'a str,
    pub(crate) configuration: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
}

impl Deviations {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConformanceError> {
        let text = fs::read_to_string(path).map_err(ConformanceError::file("read", path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConformanceError> {
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = line.parse().map_err(|problem| ConformanceError::Deviation {
                path: PathBuf::from(path),
                line: index + 1,
                problem,
            });
            lines.push(read?);
        }
        Ok(Self { lines })
    }

    /// The lines, in order.
    pub fn lines(&self) -> &[Deviation] {
        &self.lines
    }

    /// The first line that excuses an answer of this status.
    pub(crate) fn excuse(&self, of: Circumstances<'_>, nova: u16, ours: u16) -> Option<usize> {
        self.lines.iter().position(|line| line.covers(of, nova, ours))
    }
}

impl Deviation {
    fn covers(&self, of: Circumstances<'_>, nova: u16, ours: u16) -> bool {
        self.ours == ours
            && self.nova.contains(&nova)
            && matches(&self.case, of.case)
            && matches(&self.configuration, of.configuration)
            && matches(&self.method, of.method)
            && matches(&self.path, of.path)
    }
}

impl std::str::FromStr for Deviation {
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (pattern, reason) = line.split_once(" #").ok_or("it gives no reason")?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("it gives no reason");
        }
        let words: Vec<&str> = pattern.split_whitespace().collect();
        let [case, configuration, method, path, nova, "->", ours] = words.as_slice() else {
            return Err("it has not the seven words before its reason");
        };
        let status = |text: &str| text.parse().map_err(|_not_a_number| "a status is no number");
        Ok(Self {
            case: (*case).to_owned(),
            configuration: (*configuration).to_owned(),
            method: (*method).to_owned(),
            path: (*path).to_owned(),
            nova: nova.split('|').map(status).collect::<Result<_, _>>()?,
            ours: status(ours)?,
            reason: reason.to_owned(),
        })
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, configuration, method, path, nova, ours, reason } = self;
        let nova: Vec<String> = nova.iter().map(u16::to_string).collect();
        let nova = nova.join("|");
        write!(f, "{case} {configuration} {method} {path} {nova} -> {ours} # {reason}")
    }
}

/// Whether `text` is of the form `pattern`, in which `*` stands for any text, also with slashes,
/// and a character behind `\` for itself.
fn matches(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = characters.as_str();
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.filter_map(|at| text.get(at..)).any(|tail| matches(rest, tail))
        }
        Some(first) => {
            let wanted = if first == '\\' { characters.next() } else { Some(first) };
            let mut others = text.chars();
            others.next() == wanted
                && wanted.is_some()
                && matches(characters.as_str(), others.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OF: Circumstances<'_> = Circumstances {
        case: "full",
        configuration: "A",
        method: "GET",
        path: "/openstack/latest/content",
    };

    fn read(text: &str) -> Result<Deviations, String> {
        Deviations::parse(text, Path::new("d.txt")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_excuses_the_statuses_it_names_and_no_others() {
        let text = "# remark\n\n* * GET /nothing 0 -> 404 # no\n\
                    * * GET /openstack/*/content 0|500 -> 404 # Nova dies\n";
        let deviations = read(text).expect("a file");
        assert_eq!(deviations.excuse(OF, 500, 404), Some(1));
        assert_eq!(deviations.excuse(OF, 0, 404), Some(1));
        assert_eq!(deviations.excuse(OF, 0, 200), None, "another status of ours");
        assert_eq!(deviations.excuse(OF, 200, 404), None, "another status of Nova's");
        let put = Circumstances { method: "PUT", ..OF };
        assert_eq!(deviations.excuse(put, 0, 404), None, "another method");
        let line = "* * GET /openstack/*/content 0|500 -> 404 # Nova dies";
        assert_eq!(deviations.lines()[1].to_string(), line);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (line, problem) in [
            ("* * GET / 0 -> 404", "no reason"),
            ("* * GET / 0 -> 404 #", "no reason"),
            ("* GET / 0 -> 404 # why", "seven words"),
            ("* * GET / x -> 404 # why", "no number"),
        ] {
            let error = read(&format!("# remark\n{line}")).expect_err("no line");
            assert!(error.contains("line 2") && error.contains(problem), "{line}: {error}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a/b", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            ("/a/*/c", "/a/b/b/c", true),
            ("/a/*/c", "/a/c", false),
            ("/a", "/ab", false),
            (r"\", "", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn text_with_its_stars_escaped_matches_itself(text in r"[a-z/*\\é%]{0,20}") {
            let escaped = text.replace('\\', r"\\").replace('*', r"\*");
            prop_assert!(matches(&escaped, &text));
            let ends_in_star = format!("{escaped}*");
            prop_assert!(matches(&ends_in_star, &text));
        }

        #[test]
        fn no_line_is_a_surprise(line in ".{0,60}") {
            let _ = read(&line);
        }
    }
}
