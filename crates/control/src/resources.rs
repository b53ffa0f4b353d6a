//! Handlers of the resources.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header, request::Parts};
use innkeeper_control_api::{KeyPairId, Resource, RouterInterface};
use innkeeper_model::{KeyPair, NewKeyPair, Port, ProjectId, RouterId};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    failure::Failure,
    input::{Body, Id, Parameters, path},
    router::Shared,
    stored::Stored,
};

type Answer<T> = Result<Json<T>, Failure>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    project_id: Option<ProjectId>,
    name: Option<String>,
}

pub(crate) async fn list<R: Stored>(
    State(shared): State<Shared>,
    Parameters(filter): Parameters<Filter>,
) -> Answer<Vec<R>> {
    let all = R::list(&shared.store, filter.project_id.as_ref()).await?;
    Ok(Json(named(all, filter.name.as_deref())))
}

pub(crate) async fn create<R>(
    State(shared): State<Shared>,
    Body(new): Body<R::New>,
) -> Result<Response, Failure>
where
    R: Stored,
    R::New: DeserializeOwned,
{
    Ok(created(&R::create(&shared.store, new).await?))
}

pub(crate) async fn fetch<R: Stored>(State(shared): State<Shared>, Id(id): Id<R::Id>) -> Answer<R> {
    Ok(Json(R::fetch(&shared.store, id).await?))
}

pub(crate) async fn update<R>(
    State(shared): State<Shared>,
    Id(id): Id<R::Id>,
    Body(change): Body<R::Change>,
) -> Answer<R>
where
    R: Stored,
    R::Change: DeserializeOwned,
{
    Ok(Json(R::update(&shared.store, id, change).await?))
}

pub(crate) async fn delete<R: Stored>(
    State(shared): State<Shared>,
    Id(id): Id<R::Id>,
) -> Result<StatusCode, Failure> {
    R::delete(&shared.store, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn key_pair_list(
    State(shared): State<Shared>,
    Parameters(filter): Parameters<Filter>,
) -> Answer<Vec<KeyPair>> {
    let all = shared.store.key_pair_list(filter.project_id.as_ref()).await?;
    Ok(Json(named(all, filter.name.as_deref())))
}

pub(crate) async fn key_pair_create(
    State(shared): State<Shared>,
    Body(new): Body<NewKeyPair>,
) -> Result<Response, Failure> {
    Ok(created(&shared.store.key_pair_create(new).await?))
}

pub(crate) async fn key_pair_fetch(
    State(shared): State<Shared>,
    KeyPairPath(id): KeyPairPath,
) -> Answer<KeyPair> {
    Ok(Json(shared.store.key_pair_fetch(&id.project_id, &id.name).await?))
}

pub(crate) async fn key_pair_delete(
    State(shared): State<Shared>,
    KeyPairPath(id): KeyPairPath,
) -> Result<StatusCode, Failure> {
    shared.store.key_pair_delete(&id.project_id, &id.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn router_add_subnet(
    State(shared): State<Shared>,
    Id(router): Id<RouterId>,
    Body(interface): Body<RouterInterface>,
) -> Answer<Port> {
    Ok(Json(shared.store.router_add_subnet(router, interface.subnet_id).await?))
}

pub(crate) async fn router_remove_subnet(
    State(shared): State<Shared>,
    Id(router): Id<RouterId>,
    Body(interface): Body<RouterInterface>,
) -> Result<StatusCode, Failure> {
    shared.store.router_remove_subnet(router, interface.subnet_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key pair has no id but its project and name.
pub(crate) struct KeyPairPath(KeyPairId);

impl<S: Send + Sync> FromRequestParts<S> for KeyPairPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Path((project, name)) =
            path::<(String, String), S>(parts, state).await?;
        Ok(Self(KeyPairId { project_id: project.parse()?, name }))
    }
}

fn named<R: Resource>(mut all: Vec<R>, name: Option<&str>) -> Vec<R> {
    if let Some(name) = name {
        all.retain(|one| one.name() == name);
    }
    all
}

fn created<R: Resource>(new: &R) -> Response {
    let location = [(header::LOCATION, R::path(&new.id()))];
    (StatusCode::CREATED, location, Json(new)).into_response()
}
