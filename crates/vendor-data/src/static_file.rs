//! The JSON file that every machine gets.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::VendorDataError;

/// How often the file is looked at, at most: often enough for an operator who waits for a change,
/// seldom enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of the file. It is sent to every machine at boot; more than this is a mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The file and what it last held that was of use.
#[derive(Debug)]
pub(crate) struct StaticFile {
    path: Option<PathBuf>,
    good: RwLock<Arc<Value>>,
    look: Mutex<Look>,
}

#[derive(Debug)]
struct Look {
    at: Instant,
    /// Which file was seen, whether or not it was of use; `None` if there was none.
    seen: Option<Stamp>,
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl StaticFile {
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, VendorDataError> {
        let (good, seen) = match &path {
            Some(path) => {
                let (value, stamp) = read(path)?;
                (value, Some(stamp))
            }
            None => (Value::Object(Map::new()), None),
        };
        Ok(Self {
            path,
            good: RwLock::new(Arc::new(good)),
            look: Mutex::new(Look { at: Instant::now(), seen }),
        })
    }

    pub(crate) fn json(&self) -> Arc<Value> {
        if let Some(path) = &self.path {
            self.look_again(path);
        }
        Arc::clone(&self.good.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whoever finds somebody else looking goes on with what there is.
    fn look_again(&self, path: &Path) {
        let Ok(mut look) = self.look.try_lock() else { return };
        if look.at.elapsed() < LOOK_INTERVAL {
            return;
        }
        look.at = Instant::now();
        let seen = fs::metadata(path).ok().as_ref().map(Stamp::of);
        if seen == look.seen {
            return;
        }
        look.seen = seen;
        match read(path) {
            Ok((value, stamp)) => {
                look.seen = Some(stamp);
                *self.good.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                tracing::info!(path = %path.display(), "read the changed vendor data file");
            }
            Err(error) => {
                tracing::warn!(%error, "keeping what the vendor data file held before");
            }
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn read(path: &Path) -> Result<(Value, Stamp), VendorDataError> {
    let fail = |reason: String, remedy| VendorDataError::StaticFile {
        path: path.to_owned(),
        reason,
        remedy,
    };
    let (bytes, stamp) = read_bytes(path).map_err(|error| {
        fail(error.to_string(), "create it, make it readable, or unset the setting that names it")
    })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("it is larger than {FILE_BYTES_MAX} bytes");
        return Err(fail(reason, "every machine gets all of it: make it smaller"));
    }
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        fail(format!("it is not JSON: {error}"), "correct it; an empty object is {}")
    })?;
    Ok((value, stamp))
}

fn read_bytes(path: &Path) -> io::Result<(Vec<u8>, Stamp)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes, stamp))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    fn refusal(path: &Path) -> String {
        StaticFile::open(Some(path.to_owned())).expect_err("of no use").to_string()
    }

    #[test]
    fn a_bad_file_is_named_with_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vendor.json");
        let missing = refusal(&path);
        assert!(missing.contains(&path.display().to_string()), "{missing}");
        assert!(missing.contains("No such file") && missing.contains("create it"), "{missing}");
        fs::write(&path, "{\"a\": ").expect("written");
        assert!(refusal(&path).contains("it is not JSON: EOF"), "{}", refusal(&path));
        fs::write(&path, format!("\"{}\"", "x".repeat(1024 * 1024))).expect("written");
        assert!(refusal(&path).contains("larger than 1048576 bytes"), "{}", refusal(&path));
        assert!(refusal(directory.path()).contains("directory"));
    }

    #[test]
    fn any_json_will_do_and_no_file_is_an_empty_object() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vendor.json");
        for value in [json!([1, "a"]), json!("text"), json!(null), json!({"b": 1, "a": 2})] {
            fs::write(&path, value.to_string()).expect("written");
            let file = StaticFile::open(Some(path.clone())).expect("JSON");
            assert_eq!(*file.json(), value);
        }
        assert_eq!(*StaticFile::open(None).expect("nothing to read").json(), json!({}));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_noticed_and_a_broken_one_keeps_the_last_good_value() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vendor.json");
        fs::write(&path, "1").expect("written");
        let file = StaticFile::open(Some(path.clone())).expect("JSON");
        let later = || advance(LOOK_INTERVAL);

        fs::write(&path, "22").expect("written");
        assert_eq!(*file.json(), json!(1), "the file was looked at twice within a second");
        later().await;
        assert_eq!(*file.json(), json!(22));

        fs::write(&path, "{broken").expect("written");
        later().await;
        assert_eq!(*file.json(), json!(22), "a broken file replaced a good one");
        fs::remove_file(&path).expect("removed");
        later().await;
        assert_eq!(*file.json(), json!(22), "a missing file replaced a good one");
        fs::write(&path, "[4]").expect("written");
        later().await;
        assert_eq!(*file.json(), json!([4]), "a repaired file was not read again");
    }
}
