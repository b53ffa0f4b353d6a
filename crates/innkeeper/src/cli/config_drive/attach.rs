//! `innkeeper config-drive attach`: the drive of an instance, in a libvirt domain that is there.

use std::path::Path;

use clap::Args;
use innkeeper_control_api::ControlError;
use innkeeper_hypervisor::libvirt::{
    Aspect, Description, Disk, KnownDomain, Virsh, is_open, path_text,
};
use innkeeper_model::Instance;

use crate::cli::{
    boot::{Fetched, Place, fetch, misplaced, say},
    error::CliError,
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The libvirt domain, by name or UUID.
    #[arg(long, value_name = "NAME|UUID")]
    domain: String,
    /// The instance, by name or id, if the domain's UUID is not an instance's id.
    #[arg(long, value_name = "NAME|ID")]
    instance: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(session: &Session<'_>, args: Attach) -> Result<(), CliError> {
    let virsh = args.place.virsh()?;
    let domain = virsh.find(&args.domain).await?;
    let next = virsh.description(domain.id, Aspect::NextStart).await?;
    let instance = instance(session, &args, &domain).await?;
    let directory = args.place.directory(instance.id)?;
    only_one(&next, &directory.config_drive())?;
    let Some(drive) = fetch(session, &instance, &directory).await? else {
        // The control API's own words say what to do.
        let wanted = innkeeper_control_api::KeepConfigDrive::default();
        session.client.config_drive_keep(instance.id, &wanted).await?;
        return Ok(());
    };
    let file = directory.config_drive();
    let how = if drive.is_new { "written" } else { "there already" };
    let shown = file.display();
    say(&format!("config drive {shown}: {how}, {}, SHA-256 {}", drive.format, drive.sha256));
    if let Some(problem) = misplaced(&next, drive.format, &file) {
        return Err(CliError::Partly(problem));
    }
    let target = match next.disk_of(&file) {
        Some(disk) => {
            say(&format!("domain {}: has it as {} already", domain.name, disk.target));
            disk.target.clone()
        }
        None => {
            let (buses, taken) = (next.buses(), next.targets());
            let disk = Disk::config_drive(drive.format, path_text(&file)?, buses, &taken)?;
            let disk = Disk { format: drive.qemu_format, ..disk };
            virsh.attach(&domain, &disk.element()).await?;
            let kind = disk.medium.as_str();
            say(&format!("domain {}: given it as {kind} {}", domain.name, disk.target));
            disk.target
        }
    };
    if !next.looks_like_openstack() {
        say(&format!(
            "domain {}: its SMBIOS tables do not say \"OpenStack Nova\", and are left alone; \
             cloud-init finds the drive by its label all the same",
            domain.name
        ));
    }
    if virsh.is_active(domain.id).await? {
        update_running(&virsh, &domain, &drive, &target, &file).await?;
    }
    session.output.say(&format!(
        "config drive of instance {} is attached to domain {}",
        instance.name.escape_debug(),
        domain.name
    ))
}

/// Refuses to give a domain a second drive of its instance, from another place than `file`: of two
/// with one label a guest may take the older one.
fn only_one(domain: &Description, file: &Path) -> Result<(), CliError> {
    // Below the place it is named after the instance.
    let place_of = |drive: &Path| drive.ancestors().nth(2).map(Path::to_owned);
    let own_name =
        place_of(file).and_then(|place| file.strip_prefix(place).ok().map(Path::to_owned));
    let files = domain.disks.iter().filter_map(|disk| Some((disk, Path::new(disk.file.as_ref()?))));
    for (disk, other) in files {
        if other == file || !own_name.as_ref().is_some_and(|name| other.ends_with(name)) {
            continue;
        }
        return Err(CliError::Usage(format!(
            "domain {name} has the drive of this instance already, as {target} from {other}: give \
             --instances-path {place}, or take that out first with `virsh detach-disk {name} \
             {target} --config`",
            name = domain.name,
            target = disk.target,
            other = other.display(),
            place = place_of(other).unwrap_or_default().display(),
        )));
    }
    Ok(())
}

/// The instance that the domain is: by its UUID, or as it is said. Another one than its UUID says
/// would be another machine's secrets, and so might be one of its name: each project has its own.
async fn instance(
    session: &Session<'_>,
    args: &Attach,
    domain: &KnownDomain,
) -> Result<Instance, CliError> {
    let given = match &args.instance {
        Some(given) => Some(session.find::<Instance>(given).await?),
        None => None,
    };
    let own = match session.client.fetch::<Instance>(&domain.id).await {
        Ok(instance) => Some(instance),
        Err(ControlError::Refused { status, .. }) if status == http::StatusCode::NOT_FOUND => None,
        Err(error) => return Err(error.into()),
    };
    match (own, given) {
        (Some(own), Some(given)) if own.id != given.id => Err(CliError::Usage(format!(
            "domain {} is instance {} ({}) by its UUID, and not {}: leave --instance out",
            domain.name,
            own.name.escape_debug(),
            own.id,
            given.name.escape_debug()
        ))),
        (Some(own), _) => Ok(own),
        (None, Some(given)) => Ok(given),
        (None, None) => Err(CliError::NotFound(format!(
            "the UUID of domain {} is no instance's: say which one it is with --instance",
            domain.name
        ))),
    }
}

/// A machine that runs keeps the file that it has open, also if another has its name now.
async fn update_running(
    virsh: &Virsh,
    domain: &KnownDomain,
    drive: &Fetched,
    target: &str,
    file: &Path,
) -> Result<(), CliError> {
    let now = virsh.description(domain.id, Aspect::Now).await?;
    let name = &domain.name;
    let in_place = now.disks.iter().find(|disk| disk.target == target);
    let has_it = in_place.is_some_and(|disk| disk.file.as_deref().map(Path::new) == Some(file));
    let is_cdrom = in_place.is_some_and(|disk| disk.device == "cdrom");
    // A run that was interrupted may have left the drive open.
    let is_empty = is_cdrom && in_place.is_some_and(|disk| disk.file.is_none());
    if !has_it && !is_empty {
        say(&format!(
            "domain {name}: runs, and sees the drive from its next start on (`virsh shutdown \
             {name}`, then `virsh start {name}`; a reboot from inside is not enough)"
        ));
    } else if has_it && !drive.is_new && is_open(file) != Some(false) {
        say(&format!("domain {name}: runs with it"));
    } else if is_cdrom {
        // libvirt does not open the same path again unless it was let go of.
        if !is_empty {
            virsh.eject(domain, target).await?;
        }
        virsh.insert(domain, target, file).await?;
        say(&format!("domain {name}: runs, its CD in {target} changed"));
    } else {
        say(&format!(
            "domain {name}: runs, and sees the new drive from its next start on: a disk cannot be \
             changed like a CD"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_drive_is_enough_for_a_domain() {
        let id = "0f0e0d0c-0000-4000-8000-000000000001";
        let domain = |file: &str| {
            Description::read(&format!(
                "<domain><name>web1</name><uuid>{id}</uuid>\
                 <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
                 <disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>\
                 <disk type='file' device='cdrom'><source file='{file}'/>\
                 <target dev='hdb' bus='ide'/></disk></devices></domain>"
            ))
            .expect("a description")
        };
        let file = format!("/var/lib/innkeeper/instances/{id}/disk.config");
        let other = domain(&format!("/srv/instances/{id}/disk.config"));
        let error = only_one(&other, Path::new(&file)).expect_err("another").to_string();
        for said in ["--instances-path /srv/instances,", "virsh detach-disk web1 hdb --config"] {
            assert!(error.contains(said), "{said}: {error}");
        }
        for fine in [&*file, "/srv/instances/other/disk.config", "/iso/debian.iso", "disk.config"] {
            only_one(&domain(fine), Path::new(&file)).expect(fine);
        }
    }
}
