//! What is to be on a drive.

use std::{collections::BTreeMap, fmt, iter::successors};

use bytes::Bytes;

/// Bytes of one path segment. Longer names fit no Linux file system, and so no guest's.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// Files by path; directories are there because files are below them.
///
/// Files whose [`Bytes`] share their memory may share their place on the drive.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Bytes>,
}

/// Why a file cannot be on a drive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not a path of plain segments.
    #[error("\"{path}\" cannot be a path on a drive: {reason}")]
    Path {
        /// The path, escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is something at that path, or a file where a directory would have to be.
    #[error("\"{path}\" is on the drive twice")]
    Taken {
        /// The path.
        path: String,
    },
}

impl Tree {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { files: BTreeMap::new() }
    }

    /// Puts a file at `path`, relative, its segments separated by one slash each.
    pub fn insert(&mut self, path: impl Into<String>, contents: Bytes) -> Result<(), TreeError> {
        let path = path.into();
        if let Err(reason) = check(&path) {
            return Err(TreeError::Path { path: path.escape_debug().to_string(), reason });
        }
        if self.is_taken(&path) {
            return Err(TreeError::Taken { path });
        }
        self.files.insert(path, contents);
        Ok(())
    }

    /// Every file with its path, sorted by path as bytes.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        self.files.iter().map(|(path, contents)| (path.as_str(), contents))
    }

    /// The contents of one file.
    pub fn get(&self, path: &str) -> Option<&Bytes> {
        self.files.get(path)
    }

    fn is_taken(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let next = self.files.range(below.clone()..).next();
        let is_directory = next.is_some_and(|(other, _)| other.starts_with(&below));
        let parents = successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'));
        is_directory
            || self.files.contains_key(path)
            || parents.into_iter().any(|(parent, _)| self.files.contains_key(parent))
    }
}

impl fmt::Debug for Tree {
    /// Paths and sizes, never what is in the files: drives have passwords on them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.files().map(|(path, contents)| (path, contents.len()))).finish()
    }
}

fn check(path: &str) -> Result<(), &'static str> {
    for segment in path.split('/') {
        match segment {
            "" => return Err("it is empty, absolute or has an empty part"),
            "." | ".." => return Err("it would leave the drive"),
            segment if segment.len() > SEGMENT_BYTES_MAX => return Err("a name is too long"),
            segment if segment.chars().any(char::is_control) => {
                return Err("it has control characters");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Result<Tree, TreeError> {
        let mut tree = Tree::new();
        for path in paths {
            tree.insert(*path, Bytes::new())?;
        }
        Ok(tree)
    }

    #[test]
    fn paths_that_climb_or_hide_are_refused() {
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\nb"] {
            assert!(matches!(tree(&[bad]), Err(TreeError::Path { .. })), "{bad:?}");
        }
        let long = "a".repeat(SEGMENT_BYTES_MAX + 1);
        assert!(tree(&[&long]).is_err());
    }

    #[test]
    fn what_is_in_files_is_not_shown() {
        let mut tree = Tree::new();
        tree.insert("a/b", Bytes::from_static(b"S3cr3t")).unwrap();
        assert_eq!(format!("{tree:?}"), r#"{"a/b": 6}"#);
        let volume = crate::Volume {
            label: "config-2".to_owned(),
            publisher: String::new(),
            time: 0,
            vfat_bytes: 1024 * 1024,
        };
        for format in crate::Format::ALL {
            let image = crate::build(&tree, format, &volume).unwrap();
            assert!(image.to_vec().windows(6).any(|part| part == b"S3cr3t"), "{format}");
            let shown = format!("{image:?}");
            assert!(shown.starts_with("Image { len: ") && shown.len() < 60, "{shown}");
        }
    }

    #[test]
    fn nothing_is_file_and_directory_at_once() {
        for both in [["a", "a/b"], ["a/b", "a"], ["a/b", "a/b"], ["a/b/c", "a/b"]] {
            assert!(matches!(tree(&both), Err(TreeError::Taken { .. })), "{both:?}");
        }
        assert!(tree(&["a/b", "a-b", "a.b", "a/c"]).is_ok());
    }
}
