//! Drives that are kept with their machines.

mod place;
mod record;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use innkeeper_image::Format;
use innkeeper_model::{InstanceId, Revision, UnixSeconds};
use place::Place;
use sha2::{Digest as _, Sha256};

use crate::{Built, ConfigDriveError, hex};

/// The image's name in the directory of its machine: Nova's, and so what libvirt is told.
const IMAGE: &str = "disk.config";
/// The record's name beside it.
const RECORD: &str = "disk.config.json";

/// The directory of kept drives: `<instances_path>/<instance id>/disk.config`, where Nova has them.
///
/// Every call waits for the disk, and for other calls for the same instance, in this process or
/// another: an asynchronous program calls it from a thread of its own.
#[derive(Debug, Clone)]
pub struct Shelf {
    instances_path: PathBuf,
}

/// A drive that is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose it is.
    pub instance_id: InstanceId,
    /// The image.
    pub path: PathBuf,
    /// What kind of image it is.
    pub format: Format,
    /// Bytes of the image.
    pub size: u64,
    /// SHA-256 of the image.
    pub sha256: [u8; 32],
    /// The instance's revision that it shows.
    pub revision: Revision,
    /// When it was made.
    pub built_at: UnixSeconds,
}

impl Kept {
    /// The SHA-256 as hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex::encode(&self.sha256)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("size", &self.size)
            .field("sha256", &self.sha256_hex())
            .field("revision", &self.revision)
            .field("built_at", &self.built_at)
            .finish_non_exhaustive()
    }
}

impl Shelf {
    /// The shelf below `instances_path`, which is made when it is needed.
    pub fn new(instances_path: impl Into<PathBuf>) -> Self {
        Self { instances_path: instances_path.into() }
    }

    /// Where the drives are.
    pub fn instances_path(&self) -> &Path {
        &self.instances_path
    }

    /// Where the drive of `id` is, or would be.
    pub fn path_of(&self, id: InstanceId) -> PathBuf {
        self.directory_of(id).join(IMAGE)
    }

    /// Keeps `built` in place of what was kept for `id`, as of the instance's `revision`: all of it
    /// or, after an error, nothing new. Whoever has the old image open keeps that one.
    ///
    /// An image has the administrator's password: others than the owner and its group cannot read
    /// it.
    pub fn keep(
        &self,
        id: InstanceId,
        built: &Built,
        revision: Revision,
        built_at: UnixSeconds,
    ) -> Result<Kept, ConfigDriveError> {
        let kept = Kept {
            instance_id: id,
            path: self.path_of(id),
            format: built.format,
            size: built.image.len(),
            sha256: built.sha256(),
            revision,
            built_at,
        };
        let place = Place::make(&self.directory_of(id))?;
        match write(&place, built, &kept) {
            Ok(()) => Ok(kept),
            Err(error) => {
                // What matters is why it failed, not whether an empty directory stays.
                let _ = place.remove_if_empty();
                Err(error)
            }
        }
    }

    /// What is kept for `id`. An image without its record, with a broken one or of another size
    /// than recorded is not what was kept: `None`.
    pub fn kept(&self, id: InstanceId) -> Result<Option<Kept>, ConfigDriveError> {
        match Place::find(&self.directory_of(id))? {
            Some(place) => self.kept_at(&place, id),
            None => Ok(None),
        }
    }

    /// What is kept for `id`, and its bytes; `None` as well if they are not those that were kept.
    pub fn read(&self, id: InstanceId) -> Result<Option<(Kept, Vec<u8>)>, ConfigDriveError> {
        let Some(place) = Place::find(&self.directory_of(id))? else { return Ok(None) };
        let Some(kept) = self.kept_at(&place, id)? else { return Ok(None) };
        let bytes = place.read(IMAGE)?.unwrap_or_default();
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        Ok((sha256 == kept.sha256).then_some((kept, bytes)))
    }

    /// Removes what is kept for `id` and its directory, unless somebody else's files are in there.
    /// Whether there was something.
    pub fn remove(&self, id: InstanceId) -> Result<bool, ConfigDriveError> {
        let Some(place) = Place::claim(&self.directory_of(id))? else { return Ok(false) };
        let removed = [place.remove(RECORD)?, place.remove(IMAGE)?];
        place.remove_if_empty()?;
        Ok(removed.contains(&true))
    }

    /// What is kept for all machines, by their ids.
    pub fn list(&self) -> Result<Vec<Kept>, ConfigDriveError> {
        let failed = |source| ConfigDriveError::disk("list", &self.instances_path, source);
        let entries = match fs::read_dir(&self.instances_path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut ids: Vec<InstanceId> = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            ids.extend(name.to_str().and_then(|name| name.parse::<InstanceId>().ok()));
        }
        ids.sort_unstable();
        let kept = |id| match self.kept(id) {
            Ok(kept) => kept,
            // One that cannot be read must not keep the others from being looked after.
            Err(error) => {
                tracing::warn!(instance = %id, %error, "a kept config drive cannot be looked at");
                None
            }
        };
        Ok(ids.into_iter().filter_map(kept).collect())
    }

    fn directory_of(&self, id: InstanceId) -> PathBuf {
        self.instances_path.join(id.to_string())
    }

    fn kept_at(&self, place: &Place, id: InstanceId) -> Result<Option<Kept>, ConfigDriveError> {
        let Some(text) = place.read(RECORD)? else { return Ok(None) };
        let Some(size) = place.size_of(IMAGE)? else { return Ok(None) };
        let kept = record::read(&text, self.path_of(id));
        Ok(kept.filter(|kept| kept.instance_id == id && kept.size == size))
    }
}

fn write(place: &Place, built: &Built, kept: &Kept) -> Result<(), ConfigDriveError> {
    let image = place.write(IMAGE, |file| built.image.write_sparse(file))?;
    let text = record::text(kept);
    let record = place.write(RECORD, |mut file| io::Write::write_all(&mut file, &text))?;
    // In between there is an image without a record, which is not trusted.
    place.remove(RECORD)?;
    image.put_in_place()?;
    record.put_in_place()?;
    place.sync()
}
