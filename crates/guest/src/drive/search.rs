//! Looking for the config drive while devices still appear.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::{BlockDevices, ConfigDrive, DriveError};
use crate::log::Log;

/// How often the kernel's list is looked at: a directory with a few entries.
const PAUSE: Duration = Duration::from_millis(200);

/// Finds the config drive, waiting for it up to `wait`. Without one, says what was nearest to
/// being one, if anything was: a drive with the label that cannot be read.
pub(crate) fn find(
    devices: &BlockDevices,
    wait: Duration,
    log: &Log,
) -> Result<ConfigDrive, Option<DriveError>> {
    let deadline = Instant::now() + wait;
    // What a device was, as long as its size does not change: nothing is read twice a second.
    let mut known: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let mut told: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut nearest = None;
    loop {
        let mut found: Vec<ConfigDrive> = Vec::new();
        for device in devices.list() {
            if known.get(&device.path) == Some(&device.sectors) {
                continue;
            }
            let error = match ConfigDrive::open(&device.path) {
                Ok(drive) => {
                    found.push(drive);
                    continue;
                }
                Err(error) => error,
            };
            if !error.may_pass() {
                known.insert(device.path.clone(), device.sectors);
            }
            if !error.is_another_kind() && !error.is_empty_reader() {
                let message = error.to_string();
                if told.get(&device.path) != Some(&message) {
                    log.note(&message);
                    told.insert(device.path, message);
                }
                if error.has_label() {
                    nearest = Some(error);
                }
            }
        }
        let mut found = found.into_iter();
        if let Some(drive) = found.next() {
            for other in found {
                log.note(&format!("{} is there too and is not used", describe(&other)));
            }
            return Ok(drive);
        }
        if Instant::now() + PAUSE > deadline {
            return Err(nearest);
        }
        thread::sleep(PAUSE);
    }
}

fn describe(drive: &ConfigDrive) -> String {
    crate::source::Source::describe(drive)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use bytes::Bytes;
    use innkeeper_image::{Format, Tree, Volume, build};

    use super::*;
    use crate::source::Source as _;

    /// A kernel's list with a drive in `dev` for each name.
    struct Devices(tempfile::TempDir);

    impl Devices {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("sys")).unwrap();
            fs::create_dir(directory.path().join("dev")).unwrap();
            Self(directory)
        }

        fn add(&self, name: &str, contents: &[u8]) {
            add(self.0.path(), name, contents);
        }

        fn find(&self, wait: Duration) -> Result<ConfigDrive, Option<DriveError>> {
            let (sys, dev) = (self.0.path().join("sys"), self.0.path().join("dev"));
            find(&BlockDevices::at(&sys, &dev), wait, &Log::silent())
        }
    }

    fn add(directory: &Path, name: &str, contents: &[u8]) {
        fs::write(directory.join("dev").join(name), contents).unwrap();
        let about = directory.join("sys").join(name);
        fs::create_dir(&about).unwrap();
        fs::write(about.join("size"), (contents.len() / 512).to_string()).unwrap();
    }

    fn image(label: &str, path: &str) -> Vec<u8> {
        let mut tree = Tree::new();
        tree.insert(path, Bytes::from_static(b"{}")).unwrap();
        let volume = Volume {
            label: label.to_owned(),
            publisher: "tests".to_owned(),
            time: 0,
            vfat_bytes: 8 * 1024 * 1024,
        };
        build(&tree, Format::Iso9660, &volume).unwrap().to_vec()
    }

    const META_DATA: &str = "openstack/latest/meta_data.json";

    #[test]
    fn the_first_with_documents_is_taken() {
        let devices = Devices::new();
        devices.add("vda", &[0xaa; 100_000]);
        devices.add("vdb", &image("EFI", META_DATA));
        devices.add("vdc", &image("config-2", "ec2/latest/meta-data.json"));
        devices.add("vdd", &image("CONFIG-2", META_DATA));
        devices.add("vde", &image("config-2", META_DATA));
        let found = devices.find(Duration::ZERO).unwrap().describe();
        assert!(found.contains("/vdd "), "{found}");
    }

    #[test]
    fn a_drive_that_appears_while_it_is_waited_for_is_found() {
        let devices = Devices::new();
        devices.add("vda", &[0; 100_000]);
        let directory = devices.0.path().to_owned();
        let late = thread::spawn(move || add(&directory, "sr0", &image("config-2", META_DATA)));
        devices.find(Duration::from_secs(60)).unwrap();
        late.join().unwrap();
    }

    #[test]
    fn what_was_near_is_told_from_nothing() {
        let devices = Devices::new();
        devices.add("vda", &[0; 100_000]);
        assert!(matches!(devices.find(Duration::ZERO), Err(None)));
        let whole = image("config-2", META_DATA);
        devices.add("sr0", &whole[..20 * 2048]);
        let nearest = devices.find(Duration::ZERO).unwrap_err().map(|error| error.to_string());
        assert!(nearest.as_ref().is_some_and(|said| said.contains("truncated")), "{nearest:?}");
    }
}
