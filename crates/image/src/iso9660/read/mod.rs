//! ISO 9660 read, from images of any origin.
//!
//! The tree is chosen as Linux does: Rock Ridge's names, else Joliet's, else the plain ones in
//! small letters.

mod budget;
mod descriptors;
mod directory;
mod rock_ridge;

use std::collections::HashSet;

use self::{
    budget::Budget,
    descriptors::Volumes,
    directory::{Directory, Found, Names, list},
};
use crate::{
    Entry, EntryKind, FileSystem, ReadError, Source,
    drive::read_at,
    limits::{DEPTH_MAX, ENTRIES_MAX, FILE_BYTES_MAX, PATH_BYTES_MAX},
};

/// An ISO 9660 volume that was found.
#[derive(Debug)]
pub(crate) struct Reader {
    label: String,
    names: Names,
    /// Bytes of a block, in which places are counted.
    block: u64,
    root: Directory,
}

impl Reader {
    /// Looks at the descriptors and the record of the root. `None` if there is no ISO 9660.
    pub(crate) fn probe(source: &dyn Source) -> Result<Option<Self>, ReadError> {
        let Some(Volumes { plain, joliet }) = Volumes::read(source)? else { return Ok(None) };
        let rock_ridge = rock_ridge::find(source, &mut Budget::new(), &plain)?;
        let label = plain.label_beside(joliet.as_ref());
        let (names, volume) = match (rock_ridge, joliet) {
            (Some(skipped), _) => (Names::RockRidge { skipped }, plain),
            (None, Some(joliet)) => (Names::Joliet, joliet),
            (None, None) => (Names::Plain, plain),
        };
        Ok(Some(Self { label, names, block: volume.block, root: volume.root }))
    }

    pub(crate) const fn file_system(&self) -> FileSystem {
        match self.names {
            Names::RockRidge { .. } => FileSystem::RockRidge,
            Names::Joliet => FileSystem::Joliet,
            Names::Plain => FileSystem::PlainIso9660,
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Everything but the root; the drive sorts.
    pub(crate) fn entries(&self, source: &dyn Source) -> Result<Vec<Entry>, ReadError> {
        let mut budget = Budget::new();
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::from([self.root.place]);
        let mut open = vec![(String::new(), 1, self.root)];
        while let Some((path, depth, directory)) = open.pop() {
            for found in list(source, &mut budget, self.names, self.block, directory)? {
                if entries.len() == ENTRIES_MAX {
                    return Err(too_much("too many entries", ENTRIES_MAX));
                }
                let separator = if path.is_empty() { "" } else { "/" };
                let path = format!("{path}{separator}{}", found.name);
                if path.len() > PATH_BYTES_MAX {
                    return Err(too_much("a path of too many bytes", PATH_BYTES_MAX));
                }
                if found.kind == EntryKind::Directory {
                    if depth == DEPTH_MAX {
                        return Err(too_much("directories in too many others", DEPTH_MAX));
                    }
                    let is_new = seen.insert(found.place);
                    if !is_new {
                        let path = path.escape_debug();
                        let what = format!("the directory \"{path}\" is also somewhere else");
                        return Err(ReadError::Damaged { what });
                    }
                    let directory = found.directory(source, self.block)?;
                    open.push((path.clone(), depth + 1, directory));
                }
                entries.push(found.entry(path));
            }
        }
        Ok(entries)
    }

    /// What is at `path`: reads only the directories on the way.
    pub(crate) fn find(&self, source: &dyn Source, path: &str) -> Result<Option<Entry>, ReadError> {
        let mut budget = Budget::new();
        let mut directory = self.root;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let within = list(source, &mut budget, self.names, self.block, directory)?;
            let Some(found) = within.into_iter().find(|found| found.name == name) else {
                return Ok(None);
            };
            if names.peek().is_none() {
                return Ok(Some(found.entry(path.to_owned())));
            }
            if found.kind != EntryKind::Directory {
                return Ok(None);
            }
            directory = found.directory(source, self.block)?;
        }
        Ok(None)
    }

    /// The contents of a file.
    pub(crate) fn read(&self, source: &dyn Source, file: &Entry) -> Result<Vec<u8>, ReadError> {
        const WHAT: &str = "a file";
        if file.len > FILE_BYTES_MAX {
            return Err(ReadError::TooMuch {
                what: "a file of too many bytes",
                limit: FILE_BYTES_MAX,
            });
        }
        if file.len == 0 {
            return Ok(Vec::new());
        }
        // Before there is memory for it: a short image cannot ask for much.
        let size = source.size().map_err(|error| ReadError::Io {
            what: WHAT,
            at: file.place,
            source: error,
        })?;
        if file.place.checked_add(file.len).is_none_or(|end| end > size) {
            return Err(ReadError::Truncated { what: WHAT, at: size });
        }
        let len = usize::try_from(file.len).expect("64 MiB fit");
        let mut contents = vec![0; len];
        read_at(source, &mut contents, file.place, WHAT)?;
        Ok(contents)
    }
}

impl Found {
    fn entry(self, path: String) -> Entry {
        let len = if self.kind == EntryKind::File { self.len } else { 0 };
        Entry { path, kind: self.kind, len, place: self.place }
    }
}

const fn too_much(what: &'static str, limit: usize) -> ReadError {
    ReadError::TooMuch { what, limit: limit as u64 }
}
