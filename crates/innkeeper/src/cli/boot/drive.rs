//! An instance's config drive, from the control API into the machine's directory.

use std::{fs::File, path::Path};

use http::StatusCode;
use innkeeper_control_api::{ConfigDrive, ControlError, KeepConfigDrive};
use innkeeper_hypervisor::{
    Format,
    libvirt::{Description, InstanceDirectory, sha256_hex},
};
use innkeeper_image::{Container, Drive, Image};
use innkeeper_model::Instance;

use crate::cli::{error::CliError, session::Session};

/// How often a drive is fetched that is made anew in between.
const TRIES: usize = 3;

/// A drive in the machine's directory.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// What kind of image it is.
    pub(crate) format: Format,
    /// QEMU's name of that.
    pub(crate) qemu_format: &'static str,
    /// Whether the file was written now.
    pub(crate) is_new: bool,
    /// Its hash, for people.
    pub(crate) sha256: String,
}

/// Has the control API keep the instance's config drive, and puts it into `directory`, which is
/// made if it is not there. `None` if the instance is to have none.
pub(crate) async fn fetch(
    session: &Session<'_>,
    instance: &Instance,
    directory: &InstanceDirectory,
) -> Result<Option<Fetched>, CliError> {
    for _ in 0..TRIES {
        let Some(kept) = keep(session, instance).await? else {
            return Ok(None);
        };
        let format = kept.format.parse().map_err(|error| {
            CliError::Usage(format!("the control API keeps a drive of another kind: {error}"))
        })?;
        directory.make()?;
        // The control API may keep it right there.
        if directory.has_config_drive(kept.size, &kept.sha256)? {
            let qemu_format = qemu_format(format, &directory.config_drive())?;
            return Ok(Some(Fetched { format, qemu_format, is_new: false, sha256: kept.sha256 }));
        }
        let image = session.client.config_drive_kept(instance.id).await?;
        if sha256_hex(&image) == kept.sha256 {
            directory.put_config_drive(&Image::from_bytes(image))?;
            let qemu_format = qemu_format(format, &directory.config_drive())?;
            return Ok(Some(Fetched { format, qemu_format, is_new: true, sha256: kept.sha256 }));
        }
    }
    Err(CliError::Partly(format!(
        "the config drive of {} is made anew again and again: is somebody changing the instance? \
         Run the same command again",
        instance.name.escape_debug()
    )))
}

/// Why the drive in `file` is of no use to the domain as that has it, if so: kernels mount no VFAT
/// from a CD, whose sectors are too long for it. The format of kept drives can be changed.
pub(crate) fn misplaced(domain: &Description, format: Format, file: &Path) -> Option<String> {
    let disk = domain.disk_of(file)?;
    (format == Format::Vfat && disk.device == "cdrom").then(|| {
        format!(
            "domain {name} has its config drive as a CD, from which guests cannot mount it now \
             that it is VFAT: take it out with `virsh detach-disk {name} {target} --config` and \
             plug it in with `innkeeper config-drive attach --domain {name}`, or set \
             config_drive.format back to iso9660",
            name = domain.name,
            target = disk.target
        )
    })
}

/// A fixed VHD begins with the image and is given as that; one that qemu-img made
/// (config_drive.qemu_img_cmd) is dynamic, which QEMU has to be told.
fn qemu_format(format: Format, image: &Path) -> Result<&'static str, CliError> {
    if format != Format::Vhd {
        return Ok("raw");
    }
    let path = image.display().to_string();
    let file = File::open(image)
        .map_err(|error| CliError::File { path: path.clone(), cause: error.to_string() })?;
    let drive =
        Drive::open(&file).map_err(|error| CliError::NoDrive { path, cause: error.to_string() })?;
    Ok(if drive.container() == Container::DynamicVhd { "vpc" } else { "raw" })
}

/// Only the control API knows whether drives are forced on instances that did not ask for one.
async fn keep(session: &Session<'_>, instance: &Instance) -> Result<Option<ConfigDrive>, CliError> {
    match session.client.config_drive_keep(instance.id, &KeepConfigDrive::default()).await {
        Ok(kept) => Ok(Some(kept)),
        Err(ControlError::Refused { status, .. })
            if !instance.config_drive
                && matches!(
                    status,
                    StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::CONFLICT
                ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vfat_is_of_no_use_on_a_cd() {
        let domain = |device: &str| {
            Description::read(&format!(
                "<domain><name>web1</name><uuid>0f0e0d0c-0000-4000-8000-000000000001</uuid>\
                 <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
                 <disk type='file' device='{device}'><source file='/i/disk.config'/>\
                 <target dev='hda' bus='ide'/></disk></devices></domain>"
            ))
            .expect("a description")
        };
        let (cd, disk, file) = (domain("cdrom"), domain("disk"), Path::new("/i/disk.config"));
        let problem = misplaced(&cd, Format::Vfat, file).expect("a problem");
        assert!(problem.contains("virsh detach-disk web1 hda --config"), "{problem}");
        for (domain, format, file) in [
            (&cd, Format::Iso9660, file),
            (&cd, Format::Vhd, file),
            (&disk, Format::Vfat, file),
            (&disk, Format::Iso9660, file),
            (&cd, Format::Vfat, Path::new("/other")),
        ] {
            assert_eq!(misplaced(domain, format, file), None, "{format} {domain:?}");
        }
    }
}
