//! The listeners of the operator's control API, and the config drives that it keeps, in the roles
//! `api` and `serve`.

use std::sync::Arc;

use innkeeper_config_drive::{Recipe, Shelf};
use innkeeper_control::{ConfigDrives, ConfigDrivesSetup, Control};
use innkeeper_documents::VendorDataProvider;

use super::{Tasks, api::Backend, listen};
use crate::config::Config;

/// Answers operators and hosts on the Unix socket, and on TCP if that is configured.
pub(super) fn start(config: &Config, backend: &Backend, tasks: &mut Tasks) -> anyhow::Result<()> {
    let keys = &config.control;
    let drives = config_drives(config, backend, tasks);
    let control =
        Control::new(backend.store.clone(), Arc::clone(&backend.api), drives, tasks.stop());
    if let Some(address) = keys.listen {
        let listener = listen::tcp(address, "control.listen")?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "tokens cross the network unencrypted to control.listen: let only a protected \
                 network reach it"
            );
        }
        tasks.listens(format!("http://{}/v1", listener.local_addr()?));
        let control = control.clone();
        tasks.spawn("the control listener", async move {
            control.serve_tcp(listener).await;
            Ok(())
        });
    }
    let door = listen::unix(&keys.socket, keys.socket_group.as_ref(), "control")?;
    tasks.listens(keys.socket.display().to_string());
    tasks.spawn("the control socket", async move {
        control.serve_unix(door.listener, door.policy).await;
        Ok(())
    });
    Ok(())
}

/// The drives, and a task that keeps them as their instances are.
fn config_drives(config: &Config, backend: &Backend, tasks: &mut Tasks) -> ConfigDrives {
    let keys = &config.config_drive;
    let providers = &config.api.vendordata_providers;
    let setup = ConfigDrivesSetup {
        recipe: Recipe {
            format: keys.format,
            skip_versions: keys.skip_versions.as_slice().to_vec(),
            vfat_bytes: keys.vfat_mib.bytes(),
            mkisofs_cmd: keys.mkisofs_cmd.clone(),
            qemu_img_cmd: keys.qemu_img_cmd.clone(),
            ..Recipe::default()
        },
        shelf: Shelf::new(&keys.instances_path),
        force: keys.force,
        asks_services: providers.contains(&VendorDataProvider::DynamicJson),
    };
    let drives = ConfigDrives::new(backend.store.clone(), Arc::clone(&backend.settings), setup);
    let (following, stop) = (drives.clone(), tasks.stop());
    tasks.spawn("the config drives", async move {
        following.follow(stop).await;
        Ok(())
    });
    drives
}
