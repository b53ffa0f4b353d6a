//! Disk images: what they are, and root disks made of them by `qemu-img`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Deserialize;

use super::program::{Ended, Program, Run};
use crate::{HypervisorError, error::advice_on};

const QEMU_IMG: Program = Program {
    name: "qemu-img",
    missing: "install it (qemu-utils on Debian and Ubuntu, qemu-img on Fedora and RHEL)",
};

/// How long a look at an image, or a new overlay, may take: both touch some kilobytes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a GiB, the unit of flavors.
const GIB: u64 = 1 << 30;

/// A disk image that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskImage {
    /// Where it is.
    pub path: PathBuf,
    /// QEMU's name of its format.
    pub format: &'static str,
    /// Bytes of the disk that it is an image of.
    pub virtual_size: u64,
}

/// Names of formats: ours, which are Glance's, and QEMU's.
const FORMATS: [(&str, &str); 9] = [
    ("qcow2", "qcow2"),
    ("raw", "raw"),
    ("vhd", "vpc"),
    ("vhdx", "vhdx"),
    ("vmdk", "vmdk"),
    ("vdi", "vdi"),
    ("iso", "raw"),
    ("ami", "raw"),
    ("aki", "raw"),
];

impl DiskImage {
    /// Looks at the image in `path`, in the format that Glance calls `disk_format`, or finds out
    /// which it has. An image that leads to other files is refused: its maker would choose which
    /// of this machine's files the guest reads.
    pub async fn look(path: &Path, disk_format: Option<&str>) -> Result<Self, HypervisorError> {
        let refused = |reason: &str| HypervisorError::Image {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        fs::File::open(path).map_err(|source| file("read the image", path, source))?;
        let mut args = vec![OsStr::new("info"), OsStr::new("--output=json"), OsStr::new("-U")];
        if let Some(given) = disk_format {
            let known = FORMATS.iter().find(|(ours, _)| *ours == given);
            let (_, its) = known.ok_or_else(|| refused(&format!("{given} is no disk format")))?;
            args.extend([OsStr::new("-f"), OsStr::new(its)]);
        }
        args.push(path.as_os_str());
        let doing = format!("looking at the image {}", path.display());
        let ended = run(&doing, args).await?;
        if !ended.success {
            return Err(refused(&ended.said));
        }
        let told = serde_json::from_str::<Told>(&ended.stdout);
        let told = told.map_err(|error| HypervisorError::NotUnderstood {
            program: QEMU_IMG.name,
            doing,
            cause: error.to_string(),
        })?;
        told.check(path).map_err(|reason| refused(&reason))?;
        let format = FORMATS.iter().find(|(_, qemu)| *qemu == told.format);
        let (_, format) = format.ok_or_else(|| {
            refused(&format!("its format {} is none that machines are made from", told.format))
        })?;
        Ok(Self { path: path.to_owned(), format, virtual_size: told.virtual_size })
    }

    /// Glance's name of its format.
    pub fn disk_format(&self) -> &'static str {
        let found = FORMATS.iter().find(|(_, qemu)| *qemu == self.format);
        found.map_or("raw", |(ours, _)| ours)
    }

    /// Makes a root disk at `disk` that shows this image and keeps what the guest writes, of
    /// `size_gib` GiB if that is more than the image has. One that is there is kept as it is: says
    /// whether it was made.
    pub async fn overlay(&self, disk: &Path, size_gib: u32) -> Result<bool, HypervisorError> {
        if disk.try_exists().map_err(|source| file("look for the root disk", disk, source))? {
            return Ok(false);
        }
        // Nobody finds half of it under its name, and a disk that appears meanwhile stays.
        let directory = disk.parent().unwrap_or_else(|| Path::new("/"));
        let unfinished = tempfile::Builder::new().prefix(".disk.").tempfile_in(directory);
        let unfinished = unfinished.map_err(|source| file("make a file in", directory, source))?;
        let unfinished = unfinished.into_temp_path();
        let size = self.virtual_size.max(u64::from(size_gib) * GIB).to_string();
        let mut args: Vec<&OsStr> =
            ["create", "-q", "-f", "qcow2", "-F", self.format, "-b"].map(OsStr::new).into();
        args.extend([self.path.as_os_str(), unfinished.as_os_str(), OsStr::new(&size)]);
        let doing = format!("making the root disk {}", disk.display());
        let ended = run(&doing, args).await?;
        if !ended.success {
            let is_full = ended.said.contains("No space left on device");
            let advice = if is_full { advice_on(&io::ErrorKind::StorageFull.into()) } else { "" };
            return Err(HypervisorError::Failed { doing, said: ended.said, advice });
        }
        match renameat_with(CWD, &*unfinished, CWD, disk, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(errno) => Err(file("name the root disk", disk, errno.into())),
        }
    }
}

/// What `qemu-img info` tells.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    format: String,
    virtual_size: u64,
    backing_filename: Option<String>,
    #[serde(default)]
    format_specific: FormatSpecific,
}

#[derive(Debug, Default, Deserialize)]
struct FormatSpecific {
    #[serde(default)]
    data: BTreeMap<String, serde_json::Value>,
}

impl Told {
    /// Refuses an image that is spread over several files.
    fn check(&self, path: &Path) -> Result<(), String> {
        let flatten = "make one file of it with `qemu-img convert`, if you trust its maker";
        if let Some(backing) = &self.backing_filename {
            let backing = backing.escape_debug();
            return Err(format!("it is built on another file, {backing}: {flatten}"));
        }
        let data = &self.format_specific.data;
        if data.contains_key("data-file") {
            return Err(format!("its contents are in another file: {flatten}"));
        }
        let extents = data.get("extents").and_then(serde_json::Value::as_array);
        let names = extents.into_iter().flatten().filter_map(|extent| extent.get("filename"));
        let elsewhere = |name: &serde_json::Value| name.as_str().map(Path::new) != Some(path);
        if names.into_iter().any(elsewhere) {
            return Err(format!("its contents are in other files: {flatten}"));
        }
        Ok(())
    }
}

async fn run(doing: &str, args: Vec<&OsStr>) -> Result<Ended, HypervisorError> {
    QEMU_IMG.run(Run { doing: doing.to_owned(), args, input: b"", within: TIMEOUT }).await
}

fn file(doing: &'static str, path: &Path, source: io::Error) -> HypervisorError {
    let advice = match source.kind() {
        io::ErrorKind::NotFound => "; is it on this machine?",
        _ => advice_on(&source),
    };
    HypervisorError::File { doing, path: path.to_owned(), source, advice }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn qemu_img(args: &[&str], directory: &Path) {
        let mut command = Command::new("qemu-img");
        let output = command.args(args).current_dir(directory).output().expect("qemu-img runs");
        assert!(output.status.success(), "qemu-img {args:?}: {output:?}");
    }

    async fn look(path: &Path) -> Result<DiskImage, HypervisorError> {
        DiskImage::look(path, None).await
    }

    #[tokio::test]
    async fn an_overlay_is_made_once_and_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let (base, disk) = (directory.path().join("base.raw"), directory.path().join("disk"));
        fs::write(&base, vec![7; 1 << 20]).expect("written");
        let image = look(&base).await.expect("an image");
        assert_eq!((image.disk_format(), image.virtual_size), ("raw", 1 << 20));
        assert!(image.overlay(&disk, 1).await.expect("made"));
        let made = fs::read(&disk).expect("a disk");
        assert!(!image.overlay(&disk, 2).await.expect("kept"), "it is not made twice");
        assert_eq!(fs::read(&disk).expect("a disk"), made);
        let mut described = Command::new("qemu-img");
        let described = described.args(["info", "--output=json"]).arg(&disk).output();
        let described = described.expect("qemu-img runs");
        let told: serde_json::Value = serde_json::from_slice(&described.stdout).expect("JSON");
        assert_eq!(told["virtual-size"], GIB);
        assert_eq!(told["backing-filename"], base.to_str().expect("text"));
        assert_eq!(told["backing-filename-format"], "raw");
        let names = fs::read_dir(directory.path()).expect("a directory");
        assert_eq!(names.count(), 2, "nothing unfinished is left");
    }

    #[tokio::test]
    async fn images_that_lead_to_other_files_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("secret"), vec![1; 4096]).expect("written");
        qemu_img(&["create", "-f", "qcow2", "-F", "raw", "-b", "secret", "a"], directory.path());
        qemu_img(&["create", "-f", "qcow2", "-o", "data_file=d", "b", "1M"], directory.path());
        let flat = ["create", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentFlat", "c.vmdk", "1M"];
        qemu_img(&flat, directory.path());
        for (name, reason) in [
            ("a", "it is built on another file, secret"),
            ("b", "its contents are in another file"),
            ("c.vmdk", "its contents are in other files"),
        ] {
            let error = look(&path(name)).await.expect_err(name).to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
        qemu_img(&["create", "-f", "vmdk", "d.vmdk", "1M"], directory.path());
        assert_eq!(look(&path("d.vmdk")).await.expect("one file").disk_format(), "vmdk");
    }

    #[tokio::test]
    async fn a_format_that_was_said_is_believed_and_no_other_looked_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("disk");
        qemu_img(&["create", "-f", "qcow2", "disk", "1M"], directory.path());
        let raw = DiskImage::look(&path, Some("raw")).await.expect("bytes");
        assert_eq!(raw.format, "raw", "a guest that writes a header into its disk gains nothing");
        fs::write(&path, "no image").expect("written");
        let error = DiskImage::look(&path, Some("qcow2")).await.expect_err("not one").to_string();
        assert!(error.contains("cannot be used"), "{error}");
        let missing = DiskImage::look(&directory.path().join("x"), None).await.expect_err("none");
        assert!(missing.to_string().ends_with("is it on this machine?"), "{missing}");
    }
}
