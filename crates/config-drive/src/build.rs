//! From a guest's record to an image.

use std::fmt;

use innkeeper_documents::{CivilDate, DriveContents, GuestTree, Settings};
use innkeeper_image::{Format, Image, Tree, Volume};
use innkeeper_model::{GuestRecord, Secret};
use serde_json::Value;

use crate::{ConfigDriveError, LABEL, Recipe, Seed, external, hex};

/// A drive that was made.
pub struct Built {
    /// Its bytes.
    pub image: Image,
    /// What kind of image it is.
    pub format: Format,
}

impl Built {
    /// The SHA-256 of the image. Computed when asked for: it takes longer than making the image.
    pub fn sha256(&self) -> [u8; 32] {
        self.image.sha256()
    }

    /// The SHA-256 as hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex::encode(&self.sha256())
    }
}

impl fmt::Debug for Built {
    /// Says what it is, never what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, format } = self;
        f.debug_struct("Built").field("format", format).field("bytes", &image.len()).finish()
    }
}

/// Makes the drive of the machine of `record`. `answers` are what the vendor's services say of it,
/// by their names.
///
/// The same arguments make the same bytes, unless an external program makes the image.
pub fn build(
    record: &GuestRecord,
    settings: &Settings,
    answers: &[(String, Value)],
    recipe: &Recipe,
    seed: &Seed,
) -> Result<Built, ConfigDriveError> {
    let tree = tree(record, settings, answers, recipe, *seed)?;
    let volume = Volume {
        label: LABEL.to_owned(),
        publisher: recipe.publisher.clone(),
        // Only what was imported can be older than 1970.
        time: u64::try_from(record.instance.created_at).unwrap_or_default(),
        vfat_bytes: recipe.vfat_bytes,
    };
    let image = match recipe.format {
        Format::Vfat => innkeeper_image::build(&tree, Format::Vfat, &volume)?,
        Format::Iso9660 => iso9660(&tree, recipe, &volume)?,
        Format::Vhd => {
            let inside = iso9660(&tree, recipe, &volume)?;
            match &recipe.qemu_img_cmd {
                Some(program) => external::vhd(program, &inside)?,
                None => innkeeper_image::fixed_vhd(&inside, &volume)?,
            }
        }
    };
    Ok(Built { image, format: recipe.format })
}

fn iso9660(tree: &Tree, recipe: &Recipe, volume: &Volume) -> Result<Image, ConfigDriveError> {
    match &recipe.mkisofs_cmd {
        Some(program) => external::iso9660(program, tree, volume),
        None => Ok(innkeeper_image::build(tree, Format::Iso9660, volume)?),
    }
}

fn tree(
    record: &GuestRecord,
    settings: &Settings,
    answers: &[(String, Value)],
    recipe: &Recipe,
    seed: Seed,
) -> Result<Tree, ConfigDriveError> {
    let instance = &record.instance;
    let contents = DriveContents {
        admin_password: instance.admin_password.as_ref().map(Secret::expose),
        personality: &instance.personality,
        skip_versions: &recipe.skip_versions,
    };
    // Which day it is only decides what listings show, and a drive has none.
    let day = CivilDate::from_unix(instance.created_at);
    let files = GuestTree::new(record, settings, day)
        .with_dynamic_vendor_data(answers)
        .drive_files(&contents, &mut seed.entropy(instance.id))?;
    let mut tree = Tree::new();
    for (path, contents) in files {
        tree.insert(path, contents)?;
    }
    Ok(tree)
}
