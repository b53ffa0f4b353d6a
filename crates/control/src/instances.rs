//! Instances apart from what all resources have in common: a write that Nova allows is allowed, and
//! what its guest would not understand is said; the config drive that comes and goes with it; and the
//! password that a guest posts.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use innkeeper_config_drive::is_required;
use innkeeper_control_api::{GuestPassword, Resource, Written};
use innkeeper_model::{
    Device, Instance, InstanceChange, InstanceId, NewInstance, PowerState, UserData,
    sanitize_hostname,
};

use crate::{
    failure::Failure,
    input::{Body, Id},
    router::Shared,
    user_data,
};

pub(crate) async fn create(
    State(shared): State<Shared>,
    Body(new): Body<NewInstance>,
) -> Result<Response, Failure> {
    let mut warnings = of_user_data(new.user_data.as_ref()).await;
    let disks = new.block_devices.iter().filter_map(|disk| disk.tag.as_deref());
    warnings.extend(of_tags(disks.chain(tags_of(&new.devices))));
    let has_hostname = new.hostname.is_some();
    let resource = shared.store.instance_create(new).await?;
    warnings.extend(of_drive(&resource, shared.drives.setup().force));
    if !has_hostname {
        warnings.extend(of_name(&resource));
    }
    let location = [(header::LOCATION, Instance::path(&resource.id))];
    Ok((StatusCode::CREATED, location, Json(Written { resource, warnings })).into_response())
}

pub(crate) async fn update(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
    Body(change): Body<InstanceChange>,
) -> Result<Json<Written<Instance>>, Failure> {
    let mut warnings = of_user_data(change.user_data.as_ref()).await;
    warnings.extend(of_tags(change.devices.iter().flat_map(|devices| tags_of(devices))));
    let new_user_data = change.user_data.is_some();
    let force = shared.drives.setup().force;
    let resource = shared.store.instance_update_forcing(id, change, force).await?;
    if new_user_data && resource.power_state == PowerState::Running {
        warnings.push(
            "user data: the instance runs; guests read it when they boot, and cloud-init acts on \
             most of it at the first boot only"
                .to_owned(),
        );
    }
    Ok(Json(Written { resource, warnings }))
}

/// With its config drive.
pub(crate) async fn delete(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
) -> Result<StatusCode, Failure> {
    shared.store.instance_delete(id).await?;
    if let Err(error) = shared.drives.clear_away(id).await {
        // The instance is gone; whoever follows changes tries again, and says so.
        tracing::debug!(target: "control", instance = %id, %error, "a config drive is left");
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn password(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
) -> Result<Json<GuestPassword>, Failure> {
    let record = shared.store.guest_record(id).await?;
    let record = record.ok_or_else(|| Failure::not_found("instance", id))?;
    Ok(Json(GuestPassword { password: record.password }))
}

pub(crate) async fn password_clear(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
) -> Result<StatusCode, Failure> {
    shared.store.guest_password_clear(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Off the threads that serve; and should the check itself fail, the write does not.
async fn of_user_data(user_data: Option<&UserData>) -> Vec<String> {
    let Some(bytes) = user_data.map(UserData::to_bytes) else {
        return Vec::new();
    };
    match tokio::task::spawn_blocking(move || user_data::warnings_of(&bytes)).await {
        Ok(warnings) => warnings,
        Err(error) => {
            tracing::error!(target: "control", %error, "user data could not be checked");
            vec!["user data: could not be checked; the control API's log says more".to_owned()]
        }
    }
}

/// What only a config drive carries is lost without one.
fn of_drive(instance: &Instance, force: bool) -> Option<String> {
    let what = match (instance.personality.is_empty(), instance.admin_password.is_some()) {
        (false, true) => "files and the administrator's password reach the guest",
        (false, false) => "files reach the guest",
        (true, true) => "the administrator's password reaches the guest",
        (true, false) => return None,
    };
    (!is_required(instance, force)).then(|| {
        format!(
            "config_drive: {what} on a config drive only, and this instance has none; give \
             --config-drive true (field config_drive)"
        )
    })
}

fn of_name(instance: &Instance) -> Option<String> {
    sanitize_hostname(&instance.name).is_none().then(|| {
        format!(
            "name: no host name can be made from \"{}\", so that the guest is called {}; give \
             --hostname (field hostname) for another",
            instance.name.escape_debug(),
            instance.hostname
        )
    })
}

fn tags_of(devices: &[Device]) -> impl Iterator<Item = &str> {
    devices.iter().flat_map(|device| device.tags.iter().flatten()).map(String::as_str)
}

fn of_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut warnings = Vec::new();
    for tag in tags {
        let count = counts.entry(tag).or_default();
        *count += 1;
        if *count == 2 {
            warnings.push(format!(
                "devices: more than one device has the tag \"{}\"; the guest cannot tell them \
                 apart by it",
                tag.escape_debug()
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_told_once_however_often_it_is_there() {
        let warnings = of_tags(["a", "b", "a", "a"].into_iter());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("the tag \"a\""), "{warnings:?}");
    }
}
