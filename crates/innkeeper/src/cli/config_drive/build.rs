//! `innkeeper config-drive build`.

use std::path::{Path, PathBuf};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use innkeeper_config_drive::Format as Image;
use innkeeper_model::Instance;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::written::{Destination, hexadecimal, write_to_standard_output};
use crate::cli::{arguments::Format, error::CliError, output::note, session::Session};

/// Stands for standard output.
const STANDARD_OUTPUT: &str = "-";

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The instance, by name or id.
    #[arg(long, value_name = "NAME|ID")]
    instance: String,
    /// Where to write the image, readable by its owner only; - for standard output.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    file: PathBuf,
    /// The kind of image; otherwise what FILE ends in tells: .iso, .img (VFAT) or .vhd.
    #[arg(
        long,
        value_parser = PossibleValuesParser::new(Image::ALL.map(Image::as_str))
            .try_map(|name| name.parse::<Image>())
    )]
    format: Option<Image>,
    /// What the random bytes on it are made of: whoever knows the text knows them. Otherwise they
    /// are new each time.
    #[arg(long, value_name = "TEXT")]
    seed: Option<String>,
    /// A table for people, or JSON for programs.
    // The same option as everywhere, but for its short form, which names the file here.
    #[arg(
        id = "output",
        long = "output",
        value_name = "OUTPUT",
        env = "INNKEEPER_OUTPUT",
        default_value = "table",
        help_heading = "Common options"
    )]
    _shown_as: Format,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Built<'a> {
    path: &'a str,
    format: &'static str,
    size: usize,
    sha256: String,
}

pub(crate) async fn run(session: &Session<'_>, args: &Build) -> Result<(), CliError> {
    let to_standard_output = args.file.as_os_str() == STANDARD_OUTPUT;
    let destination = (!to_standard_output).then(|| Destination::new(&args.file)).transpose()?;
    let format = args.format.unwrap_or_else(|| format_of(&args.file));
    let id = session.id_of::<Instance>(&args.instance).await?;
    let seed = args.seed.as_deref();
    let image = session.client.config_drive_build(id, format.as_str(), seed).await?;
    let sha256 = hexadecimal(Sha256::new_with_prefix(&image));
    let (format, size) = (format.as_str(), image.len());
    let Some(destination) = destination else {
        write_to_standard_output(&image)?;
        note(&format!("{format}, {size} bytes, SHA-256 {sha256}"));
        return Ok(());
    };
    destination.write(image)?;
    let path = args.file.display().to_string();
    session.output.fields(&Built { path: &path, format, size, sha256 })
}

fn format_of(file: &Path) -> Image {
    let extension = file.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    match extension.as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("img") => Image::Vfat,
        Some("vhd") => Image::Vhd,
        _ => Image::Iso9660,
    }
}
