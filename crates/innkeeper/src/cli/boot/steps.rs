//! The steps from an instance to a running machine. Each finds out whether it was done before.

use http::StatusCode;
use innkeeper_control_api::ControlError;
use innkeeper_hypervisor::libvirt::{
    Aspect, DirectBoot, DiskImage, Domain, InstanceDirectory, KnownDomain, Virsh, await_bridge,
    other_domain_name,
};
use innkeeper_model::{Image, Instance, InstanceChange, InstanceId, PowerState};

use super::{
    Boot, drive, image,
    machine::{self, Disks, Subject},
    progress::say,
};
use crate::cli::{addresses::Addresses, error::CliError, output::warn, session::Session};

/// Everything that can be found missing before anything is made.
struct Prepared {
    virsh: Virsh,
    existing: Option<Instance>,
    image: Option<Image>,
    /// What the root disk is made over; `None` if it is there already, or there is to be none.
    disk: Option<DiskImage>,
    has_root_disk: bool,
    direct_boot: Option<DirectBoot>,
}

pub(super) async fn run(session: &Session<'_>, args: &Boot) -> Result<(), CliError> {
    let prepared = prepare(session, args).await?;
    let instance = match &prepared.existing {
        Some(instance) => {
            say(&format!("instance {}: there already, {}", instance.name, instance.id));
            instance.clone()
        }
        None => make_instance(session, args, prepared.image.as_ref()).await?,
    };
    let booted = boot(session, args, &prepared, &instance).await;
    booted.map_err(|cause| {
        let left = format!(
            "instance {} ({}) is there: run the same command again with --if-not-exists to go on \
             from there",
            instance.name.escape_debug(),
            instance.id
        );
        CliError::Halfway { cause: Box::new(cause), left }
    })?;
    show(session, &instance).await
}

async fn prepare(session: &Session<'_>, args: &Boot) -> Result<Prepared, CliError> {
    let virsh = args.place.virsh()?;
    // An instance of which no machine can be made is of no use.
    let domains = virsh.domains().await?;
    let existing = args.existing(session).await?;
    if let (None, Some(id)) = (&existing, args.request.id) {
        nobodys(args, id, &domains)?;
    }
    let has_root_disk = match &existing {
        Some(instance) => args.place.directory(instance.id)?.root_disk().exists(),
        None => false,
    };
    let image = match &existing {
        Some(instance) => image_of(session, instance, has_root_disk).await?,
        None => image_asked_for(session, args).await?,
    };
    let disk = match &image {
        Some(image) if !has_root_disk => Some(image::disk_of(image).await?),
        _ => None,
    };
    let has_root_disk = has_root_disk || disk.is_some();
    let direct_boot = args.machine.direct_boot(session, image.as_ref()).await?;
    Ok(Prepared { virsh, existing, image, disk, has_root_disk, direct_boot })
}

/// A new instance must not wake up with the disk of another that had its id before: whose data are
/// on it, nobody knows.
fn nobodys(args: &Boot, id: InstanceId, domains: &[KnownDomain]) -> Result<(), CliError> {
    let left = |what: String, remove: String| {
        Err(CliError::Usage(format!(
            "{what} is there, of an earlier instance with the id {id}: {remove}, or leave --id out \
             (an instance that is there is gone on with by --if-not-exists)"
        )))
    };
    if let Some(domain) = domains.iter().find(|domain| domain.id == id) {
        let remove = format!("remove it (`virsh destroy {id}` and `virsh undefine {id}`)");
        return left(format!("a domain {}", domain.name), remove);
    }
    let disk = args.place.directory(id)?.root_disk();
    match disk.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => left(format!("a root disk {}", disk.display()), "remove it".to_owned()),
        Err(error) => {
            Err(CliError::File { path: disk.display().to_string(), cause: error.to_string() })
        }
    }
}

/// The image of an instance. It may be gone once there is a disk of it.
async fn image_of(
    session: &Session<'_>,
    instance: &Instance,
    has_root_disk: bool,
) -> Result<Option<Image>, CliError> {
    let Some(id) = instance.image_id else {
        return Ok(None);
    };
    match session.client.fetch::<Image>(&id).await {
        Ok(image) => Ok(Some(image)),
        Err(ControlError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
            if has_root_disk {
                return Ok(None);
            }
            Err(CliError::NotFound(format!(
                "the image of instance {}, from which its disk would be made, is not known any \
                 more: make it known again with `innkeeper image create NAME --id {id} --file FILE`",
                instance.name.escape_debug()
            )))
        }
        Err(error) => Err(error.into()),
    }
}

async fn image_asked_for(session: &Session<'_>, args: &Boot) -> Result<Option<Image>, CliError> {
    match &args.request.image {
        Some(given) => image::find(session, given).await.map(Some),
        None if args.machine.kernel.is_some() => Ok(None),
        None => {
            let message = "what is to be booted? Give --image, or --kernel for a machine without \
                           a disk";
            Err(CliError::Usage(message.to_owned()))
        }
    }
}

async fn make_instance(
    session: &Session<'_>,
    args: &Boot,
    image: Option<&Image>,
) -> Result<Instance, CliError> {
    let image = image.map(|image| image.id);
    let new = args.request.new_instance(session, &args.name, image).await?;
    let (made, _) = session.made_with_warnings::<Instance>(&new, &args.name, false).await?;
    warn(&made.warnings);
    say(&format!("instance {}: made, {}", made.resource.name, made.resource.id));
    Ok(made.resource)
}

/// From an instance to a domain that runs.
async fn boot(
    session: &Session<'_>,
    args: &Boot,
    prepared: &Prepared,
    instance: &Instance,
) -> Result<(), CliError> {
    let virsh = &prepared.virsh;
    let domains = virsh.domains().await?;
    let defined = domains.iter().find(|domain| domain.id == instance.id);
    if let Some(domain) = defined
        && virsh.is_active(domain.id).await?
    {
        say(&format!("domain {}: runs already", domain.name));
        return finish(session, instance).await;
    }
    let directory = args.place.directory(instance.id)?;
    let disks = make_disks(session, prepared, instance, &directory).await?;
    let domain = match defined {
        Some(domain) => {
            say(&format!("domain {}: defined already, kept as it is", domain.name));
            if let Some((format, _)) = disks.config_drive {
                let next = virsh.description(domain.id, Aspect::NextStart).await?;
                warn(drive::misplaced(&next, format, &directory.config_drive()).as_slice());
            }
            domain.clone()
        }
        None => {
            let interfaces = machine::interfaces(session, instance).await?;
            let subject = Subject::of(instance, prepared.image.as_ref());
            let direct_boot = prepared.direct_boot.clone();
            let domain =
                args.machine.domain(subject, direct_boot, &directory, disks, interfaces)?;
            define(virsh, domain, &domains).await?
        }
    };
    if args.no_start {
        say(&format!("domain {}: not started, as asked", domain.name));
        return Ok(());
    }
    virsh.start(&domain).await?;
    say(&format!(
        "domain {name}: started; its console is recorded in {} (and `virsh -c {} console {name}`)",
        directory.console_log().display(),
        virsh.uri(),
        name = domain.name
    ));
    finish(session, instance).await
}

async fn make_disks(
    session: &Session<'_>,
    prepared: &Prepared,
    instance: &Instance,
    directory: &InstanceDirectory,
) -> Result<Disks, CliError> {
    directory.make()?;
    let path = directory.root_disk();
    if let Some(image) = &prepared.disk {
        let is_new = image.overlay(&path, instance.flavor.disk_gib).await?;
        let how = if is_new { "made over" } else { "there already, over" };
        say(&format!("root disk {}: {how} {}", path.display(), image.path.display()));
    } else if prepared.has_root_disk {
        say(&format!("root disk {}: there already", path.display()));
    }
    let fetched = drive::fetch(session, instance, directory).await?;
    if let Some(drive) = &fetched {
        let path = directory.config_drive();
        let how = if drive.is_new { "written" } else { "there already" };
        let (format, sha256) = (drive.format, &drive.sha256);
        say(&format!("config drive {}: {how}, {format}, SHA-256 {sha256}", path.display()));
    }
    let config_drive = fetched.map(|drive| (drive.format, drive.qemu_format));
    Ok(Disks { root: prepared.has_root_disk, config_drive })
}

async fn define(
    virsh: &Virsh,
    mut domain: Domain,
    others: &[KnownDomain],
) -> Result<KnownDomain, CliError> {
    for interface in &domain.interfaces {
        await_bridge(&interface.bridge).await?;
    }
    if others.iter().any(|other| other.name == domain.name) {
        domain.name = other_domain_name(&domain.name, domain.id);
    }
    virsh.define(&domain.name, &domain.to_xml()).await?;
    say(&format!("domain {}: defined, type {}", domain.name, domain.virt_type));
    Ok(KnownDomain { id: domain.id, name: domain.name })
}

/// From now on the config drive stays, and its documents say when the machine was launched.
async fn finish(session: &Session<'_>, instance: &Instance) -> Result<(), CliError> {
    let now = session.client.fetch::<Instance>(&instance.id).await?;
    if now.power_state != PowerState::Running {
        let change =
            InstanceChange { power_state: Some(PowerState::Running), ..Default::default() };
        session.client.update::<Instance>(&instance.id, &change).await?;
    }
    Ok(())
}

/// As `instance create` shows it.
async fn show(session: &Session<'_>, instance: &Instance) -> Result<(), CliError> {
    let instance = session.client.fetch::<Instance>(&instance.id).await?;
    if !session.output.is_for_people() {
        return session.output.show(&instance);
    }
    let addresses = Addresses::fetch(session, Some(instance.project_id.clone())).await?;
    let addresses = addresses.of_instance(&instance);
    session.output.show_with(&instance, Some(("addresses", addresses)))
}
