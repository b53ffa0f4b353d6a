//! The files of the source tree, as git lists them.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::metadata::output_of;

/// Every text file that is in git or would be with `git add .`.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// One file.
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Empty if it is not text.
    pub(crate) text: String,
}

impl Tree {
    /// Reads the tree at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        // A tree may belong to another user than the one who checks it.
        let trusted = format!("safe.directory={}", root.display());
        let listing =
            output_of(Command::new("git").current_dir(root).args(["-c", trusted.as_str()]).args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ]))
            .context("list the files of the source tree")?;

        let mut files = Vec::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let absolute = root.join(path);
            // Deleted but not yet committed, or a link to something that is listed itself.
            if !absolute.symlink_metadata().is_ok_and(|found| found.is_file()) {
                continue;
            }
            let bytes = std::fs::read(&absolute).with_context(|| format!("read {path}"))?;
            files.push(File {
                path: path.to_owned(),
                text: String::from_utf8(bytes).unwrap_or_default(),
            });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    /// Files of Rust code.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Whether a file, or a directory of files, has this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let directory = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&directory))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tree of these paths and texts.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn knows_files_and_directories() {
        let tree = tree(&[("docs/a.md", ""), ("src/b.rs", "")]);
        assert!(tree.has("docs/a.md") && tree.has("docs"));
        assert!(!tree.has("doc") && !tree.has("docs/a"));
        assert_eq!(tree.rust().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["src/b.rs"]);
    }
}
