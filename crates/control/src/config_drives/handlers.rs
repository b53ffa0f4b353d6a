//! What is asked about config drives.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use innkeeper_config_drive::Format;
use innkeeper_control_api::{ConfigDrive, KeepConfigDrive};
use innkeeper_model::{InstanceId, Invalid};
use serde::Deserialize;

use crate::{
    failure::Failure,
    input::{Body, Id, Parameters},
    router::Shared,
};

pub(crate) async fn keep(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
    Body(wanted): Body<KeepConfigDrive>,
) -> Result<Json<ConfigDrive>, Failure> {
    let (kept, is_current) = shared.drives.keep(id, wanted.rebuild).await?;
    Ok(Json(ConfigDrive {
        instance_id: id,
        path: kept.path.display().to_string(),
        format: kept.format.to_string(),
        size: kept.size,
        sha256: kept.sha256_hex(),
        revision: kept.revision,
        built_at: kept.built_at,
        is_current,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    format: Option<String>,
    seed: Option<String>,
}

pub(crate) async fn image(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Failure> {
    let image = match (&asked.format, &asked.seed) {
        (Some(format), seed) => {
            let format = format.parse::<Format>();
            let format = format.map_err(|error| Invalid::new("format", error.to_string()))?;
            shared.drives.image(id, format, seed.as_deref()).await?
        }
        (None, None) => shared.drives.kept_image(id).await?,
        (None, Some(_)) => {
            let reason = "is for a drive that is made for this answer: give format too";
            return Err(Invalid::new("seed", reason).into());
        }
    };
    let content_type = HeaderValue::from_static("application/octet-stream");
    // The image stays in memory until the last of it is sent, and counts until then.
    Ok(([(header::CONTENT_TYPE, content_type)], Bytes::from_owner(image)).into_response())
}
