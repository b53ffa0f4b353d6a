//! `innkeeper config-drive attach-hyperv`: an image and the PowerShell that attaches it, for
//! somebody to take to the Hyper-V host.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use innkeeper_config_drive::Format;
use innkeeper_hypervisor::hyperv::{Attachment, Medium, script};
use innkeeper_model::Instance;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::written::{Destination, hexadecimal};
use crate::cli::{error::CliError, session::Session};

/// Windows' marker of UTF-8, without which its PowerShell 5 takes the script for another encoding.
const BYTE_ORDER_MARK: &str = "\u{feff}";

#[derive(Debug, Args)]
pub(crate) struct AttachHyperV {
    /// The instance, by name or id.
    #[arg(value_name = "NAME|ID")]
    instance: String,
    /// The virtual machine's name in Hyper-V. Not guessed from the instance's name, which its owner
    /// chose: another owner's machine may have it there.
    #[arg(long, value_name = "NAME")]
    machine: String,
    /// Whether the machine is given it as a hard disk (VHD), which only those of generation 1 take,
    /// or as a DVD (ISO 9660).
    #[arg(long = "as", value_name = "MEDIUM", default_value = "disk")]
    medium: As,
    /// Where the image will be on the Hyper-V host, for example C:\drives\web1.vhd.
    #[arg(long, value_name = "PATH")]
    host_path: String,
    /// The directory in which image and script are written.
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    Disk,
    Dvd,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    image: String,
    size: usize,
    sha256: String,
    script: String,
}

pub(crate) async fn run(session: &Session<'_>, args: &AttachHyperV) -> Result<(), CliError> {
    let (medium, format) = match args.medium {
        As::Disk => (Medium::Disk, Format::Vhd),
        As::Dvd => (Medium::Dvd, Format::Iso9660),
    };
    let name = file_name(&args.host_path, medium)?;
    let image = Destination::new(&args.directory.join(name))?;
    let script_file =
        Destination::new(&args.directory.join(Path::new(name).with_extension("ps1")))?;
    let instance = session.find::<Instance>(&args.instance).await?;
    let bytes = session.client.config_drive_build(instance.id, format.as_str(), None).await?;
    let script = script(&Attachment { machine: &args.machine, path: &args.host_path, medium });
    image.write(bytes.clone())?;
    script_file.write(format!("{BYTE_ORDER_MARK}{script}"))?;
    session.output.fields(&Written {
        image: image.path().display().to_string(),
        size: bytes.len(),
        sha256: hexadecimal(Sha256::new_with_prefix(&bytes)),
        script: script_file.path().display().to_string(),
    })
}

/// The last part of a Windows path. Hyper-V goes by its extension.
fn file_name(path: &str, medium: Medium) -> Result<&str, CliError> {
    let extension = match medium {
        Medium::Disk => "vhd",
        Medium::Dvd => "iso",
    };
    let name = path.rsplit(['\\', '/']).next().unwrap_or_default();
    let is_right = Path::new(name)
        .extension()
        .is_some_and(|its| its.eq_ignore_ascii_case(extension) && name.len() > extension.len() + 1);
    if is_right && name != path {
        return Ok(name);
    }
    Err(CliError::Usage(format!(
        "--host-path: \"{}\" is not the full path of a .{extension} file, such as \
         C:\\drives\\web1.{extension}",
        path.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_as_on_the_host() {
        let name = |path| file_name(path, Medium::Disk).ok();
        assert_eq!(name(r"C:\drives\web1.vhd"), Some("web1.vhd"));
        assert_eq!(name(r"\\files\drives\WEB1.VHD"), Some("WEB1.VHD"));
        for bad in ["web1.vhd", r"C:\drives\", r"C:\drives\web1.iso", r"C:\.vhd", "C:/a/.."] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
