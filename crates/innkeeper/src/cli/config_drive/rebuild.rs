//! `innkeeper config-drive show` and `rebuild`: the drive that is kept.

use innkeeper_control_api::KeepConfigDrive;
use innkeeper_model::{Instance, PowerState};

use crate::cli::{arguments::Which, error::CliError, output::note, session::Session};

pub(crate) async fn run(
    session: &Session<'_>,
    which: &Which,
    rebuild: bool,
) -> Result<(), CliError> {
    let instance = session.find::<Instance>(&which.name).await?;
    let kept = session.client.config_drive_keep(instance.id, &KeepConfigDrive { rebuild }).await?;
    if !kept.is_current {
        note(&format!(
            "{} has changed since and runs, so that its drive is left as it is; \
             `innkeeper config-drive rebuild {}` makes it anew all the same",
            instance.name.escape_debug(),
            instance.id
        ));
    } else if rebuild && instance.power_state == PowerState::Running {
        note(
            "the instance runs: it goes on with the drive that it has open until that is plugged \
             in anew, which `innkeeper config-drive attach --domain NAME` does for libvirt",
        );
    }
    session.output.fields(&kept)
}
