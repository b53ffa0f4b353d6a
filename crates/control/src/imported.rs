//! What was OpenStack's before: machines taken over from Nova, and who may speak for the guests of
//! Neutron's networks.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header, request::Parts};
use innkeeper_control_api::Resource as _;
use innkeeper_model::{ImportedInstance, Instance, MetadataProvider, NetworkId};

use crate::{
    failure::Failure,
    input::{Body, path},
    router::Shared,
};

/// 200 whether it is new or not: importing twice is importing once.
pub(crate) async fn import(
    State(shared): State<Shared>,
    Body(imported): Body<ImportedInstance>,
) -> Result<Response, Failure> {
    let instance = shared.store.instance_import(&imported).await?;
    let location = [(header::LOCATION, Instance::path(&instance.id))];
    Ok((location, Json(instance)).into_response())
}

pub(crate) async fn providers(
    State(shared): State<Shared>,
) -> Result<Json<Vec<MetadataProvider>>, Failure> {
    Ok(Json(shared.store.metadata_provider_list().await?))
}

pub(crate) async fn add_network(
    State(shared): State<Shared>,
    at: ProviderNetwork,
) -> Result<StatusCode, Failure> {
    shared.store.metadata_provider_add(&at.provider, at.network).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove_network(
    State(shared): State<Shared>,
    at: ProviderNetwork,
) -> Result<StatusCode, Failure> {
    shared.store.metadata_provider_remove(&at.provider, at.network).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A provider and a network, as the path names them.
pub(crate) struct ProviderNetwork {
    provider: String,
    network: NetworkId,
}

impl<S: Send + Sync> FromRequestParts<S> for ProviderNetwork {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Path((provider, network)) =
            path::<(String, String), S>(parts, state).await?;
        Ok(Self { provider, network: network.parse()? })
    }
}
