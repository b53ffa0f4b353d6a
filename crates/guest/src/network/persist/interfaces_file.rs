//! `/etc/network/interfaces`, which is the administrator's.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::super::{NetworkError, file, name::InterfaceName};
use super::ifupdown;

const BEGIN: &str = "# begin innkeeper-guest";
const END: &str = "# end innkeeper-guest";

/// What the file and the files that it reads say, without ours.
#[derive(Debug)]
pub(super) struct InterfacesFile {
    definitions: Vec<Definition>,
    reads_folder: bool,
}

#[derive(Debug)]
struct Definition {
    interface: String,
    family: String,
    method: String,
    path: PathBuf,
}

impl InterfacesFile {
    pub(super) fn read(root: &Path) -> Result<Self, NetworkError> {
        let path = root.join("etc/network/interfaces");
        let text = without_block(&file::read_roughly(&path)?.unwrap_or_default());
        let mut definitions = definitions(&text, &path);
        let reads_folder = text.lines().any(reads_folder);
        let folder = root.join("etc/network/interfaces.d");
        let others = if reads_folder { file::names(&folder)? } else { Vec::new() };
        for name in others.iter().filter(|name| !name.starts_with('.')) {
            let path = folder.join(name);
            if name != ifupdown::FILE_NAME
                && let Some(text) = file::read_roughly(&path)?
            {
                definitions.extend(self::definitions(&text, &path));
            }
        }
        Ok(Self { definitions, reads_folder })
    }

    /// Whether a file in `interfaces.d` is read, whatever its name.
    pub(super) fn reads_folder(&self) -> bool {
        self.reads_folder
    }

    /// Whether the family of the interface is ours to configure. It is not if somebody else
    /// does, for ifupdown obeys both; that is an error unless the other says the same.
    pub(super) fn is_free(
        &self,
        name: &InterfaceName,
        family: &str,
        method: &str,
    ) -> Result<bool, String> {
        let is_it = |definition: &&Definition| {
            definition.interface == name.as_str() && definition.family == family
        };
        let Some(other) = self.definitions.iter().find(is_it) else { return Ok(true) };
        if other.method == method && method != "static" {
            return Ok(false);
        }
        Err(format!(
            "{name}: {} has an `iface {name} {family} {}`, and that stays; remove it to have \
             network_data.json decide",
            other.path.display(),
            other.method
        ))
    }
}

/// Puts the block into the file, or takes it out. Returns the file if it holds one now.
pub(super) fn put_block(root: &Path, block: Option<&str>) -> Result<Option<PathBuf>, NetworkError> {
    let path = root.join("etc/network/interfaces");
    let old = match (file::read(&path), block) {
        (Ok(Some(old)), _) => old,
        // What is not even text has no block to take out.
        (Ok(None), _) | (Err(_), None) => return Ok(None),
        (Err(error), Some(_)) => return Err(error),
    };
    let mut text = without_block(&old);
    if let Some(block) = block {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{BEGIN}\n{block}{END}\n"));
    }
    if text != old {
        let mode = fs::metadata(&path).map_or(0o644, |metadata| metadata.permissions().mode());
        file::write(&path, &text, mode & 0o777)?;
    }
    Ok(block.map(|_| path))
}

/// A block without its end loses its first line only: whose the lines behind it are is not known.
fn without_block(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is = |line: &str, marker: &str| line.trim_end() == marker;
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        at += 1;
        if !is(line, BEGIN) {
            kept.push_str(line);
        } else if let Some(end) = lines[at..].iter().position(|line| is(line, END)) {
            at += end + 1;
        }
    }
    kept
}

fn definitions(text: &str, path: &Path) -> Vec<Definition> {
    let definition = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let ["iface", interface, family, method, ..] = words[..] else { return None };
        Some(Definition {
            interface: interface.to_owned(),
            family: family.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
        })
    };
    text.lines().filter_map(definition).collect()
}

fn reads_folder(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (keyword, Some(path)) = (words.next().unwrap_or_default(), words.next()) else {
        return false;
    };
    let folder = match keyword {
        "source" => path.strip_suffix("/*"),
        "source-directory" => Some(path.trim_end_matches('/')),
        _ => None,
    };
    matches!(folder, Some("/etc/network/interfaces.d" | "interfaces.d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_block_loses_nothing() {
        let theirs = "auto lo\niface lo inet loopback\n";
        let whole = format!("{theirs}{BEGIN}\nauto eth0\n{END}\nauto eth1\n");
        assert_eq!(without_block(&whole), format!("{theirs}auto eth1\n"));
        let unfinished = format!("{theirs}{BEGIN}\nauto eth1\n");
        assert_eq!(without_block(&unfinished), format!("{theirs}auto eth1\n"));
        assert_eq!(without_block(theirs), theirs);
    }
}
