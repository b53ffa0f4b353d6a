//! `innkeeper config-drive inspect`: what an image of any origin holds.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use innkeeper_image::{Container, Drive, Entry, EntryKind, FileSystem, ReadError, Source};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::written::hexadecimal;
use crate::cli::{
    arguments::OutputOptions,
    error::CliError,
    output::{warn, write_bytes, write_json},
};

/// By which guests find a config drive, in any case.
const LABEL: &str = "config-2";
/// What every config drive has, whoever made it.
const ALWAYS_THERE: &str = "openstack/latest/meta_data.json";
/// How much is read at once for the SHA-256.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of files that are read to see whether they are there. What is on a config drive is a
/// hundredth of it; a hostile image may name one place ten thousand times.
const CHECKED_BYTES_MAX: u64 = 256 << 20;
/// Odd entries that are named one by one.
const ODD_ENTRIES_NAMED: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The image or block device.
    file: PathBuf,
    /// A file on it, whose contents are printed as they are.
    path: Option<String>,
}

/// All that is told of a drive.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    entries: Vec<Line>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Head {
    path: String,
    container: &'static str,
    file_system: &'static str,
    label: String,
    size: u64,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct Line {
    path: String,
    kind: String,
    size: Option<u64>,
}

pub(crate) fn run(output: &OutputOptions, args: &Inspect) -> Result<(), CliError> {
    let file = open(&args.file)?;
    let no_drive = |cause: ReadError| {
        let (path, text) = (shown(&args.file), cause.to_string());
        match cause {
            ReadError::NotAFile { .. } => CliError::File { path, cause: text },
            _ => CliError::NoDrive { path, cause: text },
        }
    };
    let drive = Drive::open(&file).map_err(no_drive)?;
    if let Some(path) = &args.path {
        let path = path.trim_matches('/');
        let entry = drive.find(path).map_err(no_drive)?.ok_or_else(|| nothing_at(path, args))?;
        return write_bytes(&drive.read(&entry).map_err(no_drive)?);
    }
    let entries = drive.entries().map_err(no_drive)?;
    check(&drive, &entries).map_err(no_drive)?;
    let head = Head {
        path: shown(&args.file),
        container: container_name(drive.container()),
        file_system: file_system_name(drive.file_system()),
        label: drive.label().to_owned(),
        size: file.size().map_err(|error| unreadable(&args.file, &error))?,
        sha256: sha256(&file).map_err(|error| unreadable(&args.file, &error))?,
    };
    let warnings = warnings(&head.label, &entries);
    let lines = entries.into_iter().map(|entry| Line {
        size: (entry.kind == EntryKind::File).then_some(entry.len),
        kind: entry.kind.to_string(),
        path: entry.path,
    });
    show(output, &Report { head, entries: lines.collect(), warnings })
}

/// Whether all of the files are there: a directory may name what a truncated image has lost.
fn check<S: Source>(drive: &Drive<S>, entries: &[Entry]) -> Result<(), ReadError> {
    let mut checked = 0;
    for file in entries.iter().filter(|entry| entry.kind == EntryKind::File) {
        checked += file.len;
        if checked > CHECKED_BYTES_MAX {
            break;
        }
        match drive.read(file) {
            // An image with a large file is whole all the same.
            Ok(_) | Err(ReadError::TooMuch { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a file or a block device. What is neither may never end, or never begin.
fn open(path: &Path) -> Result<File, CliError> {
    let kind = fs::metadata(path).map_err(|error| unreadable(path, &error))?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        let cause = if kind.is_dir() {
            "it is a directory: name the image, or the block device if that is where it is mounted"
        } else {
            "it is neither a file nor a block device"
        };
        return Err(CliError::NoDrive { path: shown(path), cause: cause.to_owned() });
    }
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn sha256(mut file: &File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(hash)),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// What guests would trip over.
fn warnings(label: &str, entries: &[Entry]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !label.eq_ignore_ascii_case(LABEL) {
        warnings.push(format!(
            "the label is \"{}\" and not {LABEL}, so that guests will not find it",
            label.escape_debug()
        ));
    }
    if !entries.iter().any(|entry| entry.path == ALWAYS_THERE && entry.kind == EntryKind::File) {
        warnings.push(format!("there is no {ALWAYS_THERE}: this is no config drive"));
    }
    let is_odd = |entry: &&Entry| !matches!(entry.kind, EntryKind::File | EntryKind::Directory);
    let odd: Vec<_> = entries.iter().filter(is_odd).collect();
    for entry in odd.iter().take(ODD_ENTRIES_NAMED) {
        warnings.push(format!(
            "\"{}\" is a {}: no config drive needs one, and nothing of Innkeeper's follows it",
            entry.path.escape_debug(),
            entry.kind
        ));
    }
    if odd.len() > ODD_ENTRIES_NAMED {
        let more = odd.len() - ODD_ENTRIES_NAMED;
        warnings.push(format!("{more} more entries are neither files nor directories"));
    }
    warnings
}

fn show(output: &OutputOptions, report: &Report) -> Result<(), CliError> {
    warn(&report.warnings);
    if !output.is_for_people() {
        return write_json(report);
    }
    output.fields(&report.head)?;
    output.rows(&report.entries, &["Path", "Kind", "Size"], |line| {
        let size = line.size.map_or_else(String::new, |size| size.to_string());
        vec![line.path.clone(), line.kind.clone(), size]
    })
}

const fn container_name(container: Container) -> &'static str {
    match container {
        Container::Raw => "none",
        Container::FixedVhd => "fixed VHD",
        Container::DynamicVhd => "dynamic VHD",
    }
}

const fn file_system_name(file_system: FileSystem) -> &'static str {
    match file_system {
        FileSystem::RockRidge => "ISO 9660 with Rock Ridge",
        FileSystem::Joliet => "ISO 9660 with Joliet",
        FileSystem::PlainIso9660 => "ISO 9660",
        FileSystem::Fat12 => "FAT12",
        FileSystem::Fat16 => "FAT16",
        FileSystem::Fat32 => "FAT32",
    }
}

fn nothing_at(path: &str, args: &Inspect) -> CliError {
    CliError::NotFound(format!(
        "there is no \"{}\" on {file}: `innkeeper config-drive inspect {file}` shows what there is",
        path.escape_debug(),
        file = shown(&args.file)
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::File { path: shown(path), cause: error.to_string() }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
