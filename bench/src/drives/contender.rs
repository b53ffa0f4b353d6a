//! The ways in which a drive is made.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    hint::black_box,
    path::Path,
    process::Command,
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use innkeeper_config_drive::{Built, Recipe, Seed, build};
use innkeeper_documents::{OpenStackVersion, Settings};
use innkeeper_image::{Drive, EntryKind, Format, Source, Tree, Volume};
use innkeeper_model::{GuestRecord, ImportedInstance};
use tempfile::TempDir;

/// A machine with everything: the largest of the recorded ones.
const MACHINE: &str = include_str!("../../../tests/conformance/full/input.json");

/// 2026-11-23, the day of the recordings.
const CREATED_AT: i64 = 1_795_392_000;

/// As Nova starts it, without the output before and the directory behind.
const GENISOIMAGE: [&str; 11] = [
    "-ldots",
    "-allow-lowercase",
    "-allow-multidot",
    "-l",
    "-publisher",
    "OpenStack Nova 34.0.0",
    "-quiet",
    "-J",
    "-r",
    "-V",
    "config-2",
];

/// A way to make a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// Files in memory to the image in memory.
    Image,
    /// The same, then written to a file: what Nova's way comes to.
    ImageInFile,
    /// A machine's record to its documents, the image and the image's SHA-256.
    Drive,
    /// The same as the last, then written to a file.
    DriveInFile,
    /// Files in memory written into a directory, genisoimage started, the directory removed.
    Genisoimage,
    /// As many bytes as our image has, copied.
    Copy,
}

impl Contender {
    pub(crate) const ALL: [Self; 6] = [
        Self::Image,
        Self::ImageInFile,
        Self::Drive,
        Self::DriveInFile,
        Self::Genisoimage,
        Self::Copy,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Image => "Innkeeper: files to image",
            Self::ImageInFile => "Innkeeper: files to image, and the file written",
            Self::Drive => "Innkeeper: record to documents, image and SHA-256",
            Self::DriveInFile => "Innkeeper: record to documents, image, SHA-256 and file",
            Self::Genisoimage => "Nova's way: files written, genisoimage started",
            Self::Copy => "the image's bytes copied",
        }
    }
}

/// Everything that is needed to make drives.
pub(crate) struct Workshop {
    record: GuestRecord,
    settings: Settings,
    recipe: Recipe,
    tree: Tree,
    volume: Volume,
    image: Vec<u8>,
    copy: Vec<u8>,
    directory: TempDir,
}

impl Workshop {
    /// Reads the machine and makes its drive once. Files are in memory if `/dev/shm` is there.
    pub(crate) fn set_up() -> anyhow::Result<Self> {
        let machine: ImportedInstance = serde_json::from_str(MACHINE)?;
        let mut record = machine.record()?;
        record.instance.created_at = CREATED_AT;
        let newest_openstack_version = OpenStackVersion::V2020_10_14;
        let settings = Settings { newest_openstack_version, ..Settings::default() };
        let recipe = Recipe { publisher: "OpenStack Nova 34.0.0".to_owned(), ..Recipe::default() };
        let image = drive(&record, &settings, &recipe)?.image.to_vec();
        let volume = Volume {
            label: "config-2".to_owned(),
            publisher: recipe.publisher.clone(),
            time: u64::try_from(CREATED_AT)?,
            vfat_bytes: recipe.vfat_bytes,
        };
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Ok(Self {
            tree: tree(&files_of(&image[..])?)?,
            copy: vec![0; image.len()],
            directory: directory.context("make a directory for the drives' files")?,
            record,
            settings,
            recipe,
            volume,
            image,
        })
    }

    /// Fails unless every contender makes a drive with the same files.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let files = files_of(&self.image[..])?;
        for (contender, name) in
            [(Contender::DriveInFile, "ours.iso"), (Contender::Genisoimage, "genisoimage.iso")]
        {
            self.make(contender)?;
            let drive = File::open(self.directory.path().join(name))?;
            ensure!(files_of(drive)? == files, "{}: other files", contender.name());
        }
        let image = innkeeper_image::build(&self.tree, Format::Iso9660, &self.volume)?;
        ensure!(
            files_of(&image.to_vec()[..])? == files,
            "{}: other files",
            Contender::Image.name()
        );
        Ok(())
    }

    /// Makes one drive.
    pub(crate) fn make(&mut self, contender: Contender) -> anyhow::Result<()> {
        match contender {
            Contender::Image => {
                black_box(innkeeper_image::build(&self.tree, Format::Iso9660, &self.volume)?);
            }
            Contender::ImageInFile => {
                let image = innkeeper_image::build(&self.tree, Format::Iso9660, &self.volume)?;
                image.write_sparse(&self.our_file()?)?;
            }
            Contender::Drive => {
                let built = drive(&self.record, &self.settings, &self.recipe)?;
                black_box((built.sha256(), built));
            }
            Contender::DriveInFile => {
                let built = drive(&self.record, &self.settings, &self.recipe)?;
                black_box(built.sha256());
                built.image.write_sparse(&self.our_file()?)?;
            }
            Contender::Genisoimage => self.genisoimage()?,
            Contender::Copy => {
                self.copy.copy_from_slice(black_box(&self.image));
                black_box(&self.copy);
            }
        }
        Ok(())
    }

    fn our_file(&self) -> anyhow::Result<File> {
        Ok(File::create(self.directory.path().join("ours.iso"))?)
    }

    /// How many files a drive has, with their bytes, and how many bytes our image has.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        let bytes = self.tree.files().map(|(_, contents)| contents.len()).sum();
        (self.tree.files().len(), bytes, self.image.len())
    }

    fn genisoimage(&self) -> anyhow::Result<()> {
        let files = TempDir::new_in(self.directory.path())?;
        for (path, contents) in self.tree.files() {
            let path = files.path().join(path);
            if let Some(above) = path.parent() {
                fs::create_dir_all(above)?;
            }
            fs::write(path, contents)?;
        }
        let output = Command::new("genisoimage")
            .arg("-o")
            .arg(self.directory.path().join("genisoimage.iso"))
            .args(GENISOIMAGE)
            .arg(files.path())
            // As Nova does: what it says is kept for the log.
            .output()
            .context("start genisoimage: install the package genisoimage")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "genisoimage failed with {}: {said}", output.status);
        Ok(files.close()?)
    }
}

/// The version that genisoimage says it has.
pub(crate) fn genisoimage_version() -> anyhow::Result<String> {
    let told = Command::new("genisoimage").arg("-version").output()?.stdout;
    let told = String::from_utf8_lossy(&told);
    Ok(told.split(" (").next().unwrap_or_default().trim().to_owned())
}

fn drive(record: &GuestRecord, settings: &Settings, recipe: &Recipe) -> anyhow::Result<Built> {
    Ok(build(record, settings, &[], recipe, &Seed::from_text("bench"))?)
}

fn files_of(source: impl Source) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let drive = Drive::open(source)?;
    let mut files = BTreeMap::new();
    for entry in drive.entries()?.into_iter().filter(|entry| entry.kind == EntryKind::File) {
        files.insert(entry.path.clone(), drive.read(&entry)?);
    }
    Ok(files)
}

/// The files as the documents are made: equal contents are there once.
fn tree(files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Tree> {
    let mut tree = Tree::new();
    let mut contents: HashMap<&[u8], Bytes> = HashMap::new();
    for (path, bytes) in files {
        let shared = contents.entry(bytes).or_insert_with(|| Bytes::copy_from_slice(bytes));
        tree.insert(path, Bytes::clone(shared))?;
    }
    Ok(tree)
}
