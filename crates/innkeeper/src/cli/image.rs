//! `innkeeper image`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use innkeeper_model::{Image, ImageChange, ImageId, NewImage};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes, key_value, properties},
    error::CliError,
    output::Shown,
    session::{Session, changed},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Make an image known.
    ///
    /// Example: innkeeper image create debian12 --file /srv/debian12.qcow2 --disk-format qcow2
    Create(Create),
    /// List images.
    List(ListArgs),
    /// Show an image.
    Show(Which),
    /// Change an image; instances keep what they were made from.
    ///
    /// Example: innkeeper image set debian12 --property img_config_drive=mandatory
    Set(Set),
    /// Forget images; their files stay.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique within the project.
    name: String,
    /// The id to give it, such as Glance's; a random one otherwise.
    #[arg(long)]
    id: Option<ImageId>,
    /// The file on the machine that runs instances.
    #[arg(long)]
    file: Option<PathBuf>,
    /// For example qcow2 or raw.
    #[arg(long, value_name = "FORMAT", default_value = "qcow2")]
    disk_format: String,
    /// Kernel image, by name or id.
    #[arg(long, value_name = "IMAGE")]
    kernel: Option<String>,
    /// Ramdisk image, by name or id.
    #[arg(long, value_name = "IMAGE")]
    ramdisk: Option<String>,
    /// An image property; can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// A new name.
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<String>,
    /// A property to set; the others stay. Can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// A property to take away; can be repeated.
    #[arg(long = "unset-property", value_name = "KEY")]
    unset: Vec<String>,
}

pub(crate) async fn run(session: &Session<'_>, command: ImageCommand) -> Result<(), CliError> {
    match command {
        ImageCommand::Create(args) => create(session, args).await,
        ImageCommand::List(args) => session.list::<Image>(&args).await,
        ImageCommand::Show(which) => session.show::<Image>(&which.name).await,
        ImageCommand::Set(Set { which, new_name, properties, unset }) => {
            let image = session.find::<Image>(&which.name).await?;
            let properties = changed(image.properties, properties, &unset);
            let change = ImageChange { name: new_name, properties };
            session.update::<Image>(&image.id, &change).await
        }
        ImageCommand::Delete(which) => session.delete::<Image>(&which.names).await,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let file = args.file.map(|file| absolute(&file)).transpose()?;
    let new = NewImage {
        id: args.id,
        project_id: session.project.clone(),
        name: args.name.clone(),
        file,
        disk_format: args.disk_format,
        kernel_id: session.id_of_any::<Image>(args.kernel.as_deref()).await?,
        ramdisk_id: session.id_of_any::<Image>(args.ramdisk.as_deref()).await?,
        properties: properties(&args.properties),
    };
    session.create::<Image>(&new, &args.name, args.existing.if_not_exists).await
}

/// The server has another working directory.
fn absolute(file: &std::path::Path) -> Result<String, CliError> {
    let failed = |cause: String| CliError::File { path: file.display().to_string(), cause };
    let path = std::path::absolute(file).map_err(|error| failed(error.to_string()))?;
    let text = path.to_str().ok_or_else(|| failed("its name is not UTF-8 text".to_owned()))?;
    Ok(text.to_owned())
}

impl Shown for Image {
    const COLUMNS: &'static [&'static str] = &["Format", "File"];

    fn parse_id(text: &str) -> Option<ImageId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.disk_format.clone(), self.file.clone().unwrap_or_default()]
    }
}
