//! `innkeeper boot --dry-run`: the description of the domain that would be, and nothing made.

use std::path::Path;

use innkeeper_hypervisor::{
    Format,
    libvirt::{DiskImage, Domain, Interface},
};
use innkeeper_model::{Image, Instance, InstanceId, Network, NetworkRequest, Port, PortId};

use super::{
    Boot, image,
    machine::{self, Disks, Subject},
};
use crate::cli::{
    error::CliError,
    output::{note, write_bytes},
    session::Session,
};

pub(super) async fn run(session: &Session<'_>, args: &Boot) -> Result<(), CliError> {
    let domain = match args.existing(session).await? {
        Some(instance) => of_existing(session, args, &instance).await?,
        None => of_request(session, args).await?,
    };
    write_bytes(domain.to_xml().as_bytes())
}

async fn of_existing(
    session: &Session<'_>,
    args: &Boot,
    instance: &Instance,
) -> Result<Domain, CliError> {
    let image = match instance.image_id {
        Some(id) => Some(session.client.fetch::<Image>(&id).await?),
        None => None,
    };
    let disks = disks(image.is_some(), instance.config_drive);
    let direct_boot = args.machine.direct_boot(session, image.as_ref()).await?;
    let interfaces = machine::interfaces(session, instance).await?;
    let directory = args.place.directory(instance.id)?;
    let subject = Subject::of(instance, image.as_ref());
    args.machine.domain(subject, direct_boot, &directory, disks, interfaces)
}

async fn of_request(session: &Session<'_>, args: &Boot) -> Result<Domain, CliError> {
    let (image, is_file) = match &args.request.image {
        Some(given) => known_or_file(session, given).await?,
        None => (None, false),
    };
    // Whatever would be refused is refused now.
    let new =
        args.request.new_instance(session, &args.name, image.as_ref().map(|it| it.id)).await?;
    let flavor = args.request.flavor(session).await?;
    let id = new.id.unwrap_or_else(|| {
        note("the instance is not there yet: its id, here zeros, is made with it");
        nobody()
    });
    let drive = |image: &Image| {
        image.properties.get("img_config_drive").map(String::as_str) == Some("mandatory")
    };
    let has_drive = new.config_drive || image.as_ref().is_some_and(drive);
    let disks = disks(is_file || image.is_some(), has_drive);
    let direct_boot = args.machine.direct_boot(session, image.as_ref()).await?;
    let mut interfaces = Vec::with_capacity(new.networks.len());
    for request in &new.networks {
        interfaces.push(interface(session, request).await?);
    }
    let subject = Subject {
        id,
        name: &new.name,
        project: &new.project_id,
        flavor: &flavor,
        image: image.as_ref(),
    };
    args.machine.domain(subject, direct_boot, &args.place.directory(id)?, disks, interfaces)
}

/// A file would be made known as an image, which is more than a dry run does.
async fn known_or_file(
    session: &Session<'_>,
    given: &str,
) -> Result<(Option<Image>, bool), CliError> {
    match session.find::<Image>(given).await {
        Ok(known) => {
            image::disk_of(&known).await?;
            Ok((Some(known), false))
        }
        Err(CliError::NotFound(_)) if Path::new(given).is_file() => {
            DiskImage::look(Path::new(given), None).await?;
            Ok((None, true))
        }
        Err(error) => Err(error),
    }
}

/// The kind of drive is the control API's to choose when it makes one.
fn disks(root: bool, has_drive: bool) -> Disks {
    if has_drive {
        note("the config drive is shown as a CD; config_drive.format of the control API decides");
    }
    Disks { root, config_drive: has_drive.then_some((Format::Iso9660, "raw")) }
}

/// A port that would be made has no MAC address yet.
async fn interface(session: &Session<'_>, request: &NetworkRequest) -> Result<Interface, CliError> {
    let (port, mac, network) = match request {
        NetworkRequest::Network(network) => (no_port(), None, *network),
        NetworkRequest::Port(port) => {
            let port = session.client.fetch::<Port>(port).await?;
            (port.id, Some(port.mac_address), port.network_id)
        }
    };
    let network = session.client.fetch::<Network>(&network).await?;
    Ok(machine::interface(port, mac, &network))
}

const ZEROS: &str = "00000000-0000-0000-0000-000000000000";

fn nobody() -> InstanceId {
    ZEROS.parse().expect("zeros are a UUID")
}

fn no_port() -> PortId {
    ZEROS.parse().expect("zeros are a UUID")
}
