//! A tree as directories with their entries, before anything has a place.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::names::{self, ShortName, UNITS_PER_ENTRY};
use crate::{
    BuildError, Format, Tree,
    limits::{DEPTH_MAX, PATH_BYTES_MAX},
};

/// Entries of one directory: what Windows and Linux take at most.
const SLOTS_MAX: usize = 65_536;

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A directory by its number in the plan.
    Directory(usize),
    /// A file by its number in the plan.
    File(usize),
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Child<'a> {
    pub(super) name: &'a str,
    pub(super) short: ShortName,
    pub(super) target: Target,
}

impl Child<'_> {
    /// How many entries of 32 bytes it takes.
    fn slots(&self) -> usize {
        let units = self.name.encode_utf16().count();
        1 + if self.short.is_alias { units.div_ceil(UNITS_PER_ENTRY) } else { 0 }
    }
}

/// A directory.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    /// The one above; the root's is the root.
    pub(super) parent: usize,
    pub(super) children: Vec<Child<'a>>,
    /// How many entries of 32 bytes it has, its label or its dots among them.
    pub(super) slots: usize,
}

/// Every directory, the root first and each after the one above it, and every file.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) directories: Vec<Directory<'a>>,
    pub(super) files: Vec<&'a Bytes>,
}

/// A directory while its names are being collected.
struct Found<'a> {
    path: &'a str,
    parent: usize,
    names: Vec<(&'a str, Target)>,
}

impl<'a> Plan<'a> {
    /// Plans `tree`, or says which path FAT does not take.
    pub(super) fn of(tree: &'a Tree) -> Result<Self, BuildError> {
        let mut found = vec![Found { path: "", parent: 0, names: Vec::new() }];
        let mut numbers = HashMap::from([("", 0)]);
        let mut files = Vec::new();
        for (path, contents) in tree.files() {
            check(path)?;
            let mut above = 0;
            for (at, _) in path.match_indices('/') {
                let (directory, _) = path.split_at(at);
                above = *numbers.entry(directory).or_insert_with(|| {
                    let number = found.len();
                    found[above].names.push((last(directory), Target::Directory(number)));
                    found.push(Found { path: directory, parent: above, names: Vec::new() });
                    number
                });
            }
            found[above].names.push((last(path), Target::File(files.len())));
            files.push(contents);
        }
        let planned = found.into_iter().map(|Found { path, parent, names }| {
            Directory::of(parent, names)
                .map_err(|(name, reason)| refused(&format!("{path}/{name}"), reason))
        });
        Ok(Self { directories: planned.collect::<Result<_, _>>()?, files })
    }
}

impl<'a> Directory<'a> {
    fn of(parent: usize, named: Vec<(&'a str, Target)>) -> Result<Self, (&'a str, &'static str)> {
        let mut folded = HashSet::new();
        for (name, _) in &named {
            names::check(name).map_err(|reason| (*name, reason))?;
            if !folded.insert(names::folded(name)) {
                return Err((name, "FAT takes it for another name beside it, in other letters"));
            }
        }
        let texts: Vec<_> = named.iter().map(|(name, _)| *name).collect();
        let shorts = names::short_names(&texts);
        let child = |((name, target), short)| Child { name, short, target };
        let children: Vec<_> = named.into_iter().zip(shorts).map(child).collect();
        let slots = 2 + children.iter().map(Child::slots).sum::<usize>();
        match children.first() {
            Some(first) if slots > SLOTS_MAX => {
                Err((first.name, "its directory has more names than a FAT directory can have"))
            }
            _ => Ok(Self { parent, children, slots }),
        }
    }
}

/// What no guest could open is not written, as on ISO 9660.
fn check(path: &str) -> Result<(), BuildError> {
    if path.split('/').count() > DEPTH_MAX {
        return Err(refused(path, "it is more than 64 directories deep"));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(refused(path, "it is longer than the 4096 bytes that Linux takes"));
    }
    Ok(())
}

/// That FAT does not take `path`.
pub(super) fn refused(path: &str, reason: &'static str) -> BuildError {
    let path = path.trim_start_matches('/').escape_debug().to_string();
    BuildError::Path { format: Format::Vfat, path, reason }
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
