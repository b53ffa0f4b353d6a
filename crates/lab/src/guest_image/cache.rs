//! What takes long to make, kept by what it was made of.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::{
    LabError,
    guest_image::{apt::Apt, file, list, make, remove},
};

/// What nobody asked for in this long is removed when something newer of its kind is made.
const UNUSED_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How much of a hash is in a name, in hexadecimal digits.
const NAME_DIGITS: usize = 16;

/// The directory of lists of packages.
const LISTS: &str = "lists";

/// A directory of things that were made.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// In `directory`, which need not be there.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The directory of what is made of `ingredients`; `make` fills it if nobody has yet.
    pub(crate) fn get(
        &self,
        kind: &str,
        ingredients: &[&[u8]],
        fill: impl FnOnce(&Path) -> Result<(), LabError>,
    ) -> Result<PathBuf, LabError> {
        make(&self.directory)?;
        let directory = fs::canonicalize(&self.directory)
            .map_err(|source| file("find", &self.directory, source))?;
        let place = directory.join(format!("{kind}-{}", name(ingredients)));
        let used = place.join("used");
        if place.is_dir() {
            // Only keeps it from being taken for unused.
            let _ = File::create(&used);
            return Ok(place);
        }
        let _lock = self.lock(kind)?;
        if place.is_dir() {
            return Ok(place);
        }
        let partial = directory.join(format!("{kind}.partial"));
        if partial.exists() {
            remove(&partial)?;
        }
        make(&partial)?;
        fill(&partial).inspect_err(|_| {
            // What failed is what is reported.
            let _ = fs::remove_dir_all(&partial);
        })?;
        fs::rename(&partial, &place).map_err(|source| file("rename", &partial, source))?;
        File::create(&used).map_err(|source| file("make", &used, source))?;
        self.forget_unused(kind, &place)?;
        Ok(place)
    }

    /// apt with lists of packages of our own, fetched anew.
    pub(crate) fn refreshed_lists(&self) -> Result<Apt, LabError> {
        make(&self.directory)?;
        let directory = fs::canonicalize(&self.directory)
            .map_err(|source| file("find", &self.directory, source))?;
        let _lock = self.lock(LISTS)?;
        Apt::refreshed(&directory.join(LISTS))
    }

    /// apt with lists of packages of our own, as they were fetched before.
    pub(crate) fn fetched_lists(&self) -> Option<Apt> {
        Apt::fetched(&self.directory.join(LISTS))
    }

    /// Held until it is dropped, or the process ends.
    fn lock(&self, kind: &str) -> Result<File, LabError> {
        let path = self.directory.join(format!("{kind}.lock"));
        let lock = File::create(&path).map_err(|source| file("make", &path, source))?;
        lock.lock().map_err(|source| file("lock", &path, source))?;
        Ok(lock)
    }

    fn forget_unused(&self, kind: &str, current: &Path) -> Result<(), LabError> {
        let prefix = format!("{kind}-");
        for path in list(&self.directory)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_current = path.file_name() == current.file_name();
            if name.starts_with(&prefix) && !is_current && is_unused(&path.join("used")) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn is_unused(mark: &Path) -> bool {
    let used = fs::metadata(mark).and_then(|metadata| metadata.modified());
    used.is_ok_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() > UNUSED_MAX)
}

fn name(ingredients: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for ingredient in ingredients {
        // With its length, so that no two lists of ingredients read the same.
        hash.update((ingredient.len() as u64).to_le_bytes());
        hash.update(ingredient);
    }
    let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    digits.chars().take(NAME_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn what_two_want_at_once_is_made_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = AtomicU32::new(0);
        let want = || {
            let cache = Cache::new(directory.path());
            let place = cache.get("thing", &[b"of this"], |at| {
                made.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(50));
                crate::guest_image::write(&at.join("content"), b"whole")
            });
            fs::read(place.expect("it is made").join("content")).expect("it is whole")
        };
        thread::scope(|scope| {
            let wanting: Vec<_> = (0..4).map(|_| scope.spawn(want)).collect();
            for one in wanting {
                assert_eq!(one.join().expect("no panic"), b"whole");
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_failed_is_made_anew_and_other_ingredients_make_another() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path());
        let failed = cache.get("thing", &[b"a"], |at| {
            crate::guest_image::write(&at.join("half"), b"half")?;
            Err(LabError::NotRoot { what: "this" })
        });
        assert!(failed.is_err());
        let first = cache.get("thing", &[b"a"], |_| Ok(())).expect("made");
        assert!(!first.join("half").exists());
        let second = cache.get("thing", &[b"b"], |_| Ok(())).expect("made");
        assert_ne!(first, second);
        assert_ne!(name(&[b"ab", b"c"]), name(&[b"a", b"bc"]));
        let found = cache.get("thing", &[b"a"], |_| Err(LabError::NotRoot { what: "this" }));
        assert_eq!(found.expect("found again"), first);
    }

    #[test]
    fn what_nobody_used_for_long_goes_when_a_newer_one_comes() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path());
        let old = cache.get("thing", &[b"old"], |_| Ok(())).expect("made");
        let recent = cache.get("thing", &[b"recent"], |_| Ok(())).expect("made");
        let other = cache.get("other", &[b"old"], |_| Ok(())).expect("made");
        let long_ago = SystemTime::now() - UNUSED_MAX - Duration::from_secs(60);
        for place in [&old, &other] {
            let mark = File::options().write(true).open(place.join("used")).expect("a mark");
            mark.set_modified(long_ago).expect("a time");
        }
        cache.get("thing", &[b"new"], |_| Ok(())).expect("made");
        assert!(!old.exists(), "unused for long");
        assert!(recent.exists() && other.exists(), "used lately, or of another kind");
    }
}
