//! The listeners of the operator's control API, in the roles `api` and `serve`.

use std::sync::Arc;

use innkeeper_control::Control;

use super::{Tasks, api::Backend, listen};
use crate::config::Config;

/// Answers operators and hosts on the Unix socket, and on TCP if that is configured.
pub(super) fn start(config: &Config, backend: &Backend, tasks: &mut Tasks) -> anyhow::Result<()> {
    let keys = &config.control;
    let control = Control::new(backend.store.clone(), Arc::clone(&backend.api), tasks.stop());
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
