//! The image that a machine is made from: one that is known, or a file that is made known.

use std::{fs, path::Path};

use innkeeper_hypervisor::libvirt::{DiskImage, path_text};
use innkeeper_model::{Image, ImageId, NewImage, Properties};

use super::progress;
use crate::cli::{error::CliError, session::Session};

/// The image that `given` names: by name or id or, if there is none, by a file of this machine.
pub(super) async fn find(session: &Session<'_>, given: &str) -> Result<Image, CliError> {
    let unknown = match session.find::<Image>(given).await {
        Err(CliError::NotFound(unknown)) => unknown,
        other => return other,
    };
    let path = Path::new(given);
    if !path.is_file() {
        return Err(CliError::NotFound(format!("{unknown}; nor is it a file of this machine")));
    }
    make_known(session, path).await
}

/// Looks at an image's own file.
pub(super) async fn disk_of(image: &Image) -> Result<DiskImage, CliError> {
    let file = file_of(image)?;
    Ok(DiskImage::look(Path::new(file), Some(&image.disk_format)).await?)
}

/// The file of a kernel or ramdisk image.
pub(super) async fn file_of_id(session: &Session<'_>, id: ImageId) -> Result<String, CliError> {
    let image = session.client.fetch::<Image>(&id).await?;
    file_of(&image).map(str::to_owned)
}

fn file_of(image: &Image) -> Result<&str, CliError> {
    let file = image.file.as_deref().filter(|file| Path::new(file).is_absolute());
    file.ok_or_else(|| {
        CliError::NotFound(format!(
            "image \"{name}\" has no file on this machine: give the file itself as --image FILE, \
             or delete the image and make it known with its file under the same id: `innkeeper \
             image create {name} --id {id} --file FILE`",
            name = image.name.escape_debug(),
            id = image.id
        ))
    })
}

async fn make_known(session: &Session<'_>, path: &Path) -> Result<Image, CliError> {
    let failed = |cause: String| CliError::File { path: path.display().to_string(), cause };
    // Links may lead elsewhere tomorrow.
    let file = fs::canonicalize(path).map_err(|error| failed(error.to_string()))?;
    let disk = DiskImage::look(&file, None).await?;
    let text = path_text(&file)?;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let new = NewImage {
        id: None,
        project_id: session.project.clone(),
        name: name.clone(),
        file: Some(text.clone()),
        disk_format: disk.disk_format().to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let (image, is_new) = session.made::<Image>(&new, &name, true).await?;
    if image.file.as_deref() != Some(&text) {
        return Err(CliError::Ambiguous(format!(
            "there is an image \"{name}\" already, of another file ({}): make this one known by \
             another name: `innkeeper image create NAME --file {text} --disk-format {}`",
            image.file.as_deref().unwrap_or("none"),
            disk.disk_format()
        )));
    }
    if is_new {
        progress::say(&format!("image {name}: made known, {} of {text}", image.disk_format));
    }
    Ok(image)
}
