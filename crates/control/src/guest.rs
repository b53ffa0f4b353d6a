//! What a guest would be served, asked through the same door as guests.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, uri::PathAndQuery};
use innkeeper_control_api::{ErrorCode, GUEST_REASON_HEADER};
use innkeeper_model::{GuestRecord, Identity, InstanceId, Vif};
use innkeeper_wire::{GuestRequest, GuestResponse, NextHop, RequestId, limits::API_HOLD};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    failure::Failure,
    input::{Id, Parameters},
    router::Shared,
};

type Answering = Pin<Box<dyn Future<Output = GuestResponse> + Send>>;

/// The API role, whatever its type: handlers need not be generic over it.
#[derive(Clone)]
pub(crate) struct GuestDoor(Arc<dyn Fn(GuestRequest<Identity>) -> Answering + Send + Sync>);

impl GuestDoor {
    pub(crate) fn new<G: NextHop<Identity>>(guest: Arc<G>) -> Self {
        Self(Arc::new(move |request| {
            let guest = Arc::clone(&guest);
            Box::pin(async move { G::call(&guest, request).await })
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    path: String,
}

pub(crate) async fn metadata(
    State(shared): State<Shared>,
    Id(id): Id<InstanceId>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Failure> {
    let target = target(&asked.path)?;
    let record = shared.store.guest_record(id).await?;
    let record = record.ok_or_else(|| Failure::not_found("instance", id))?;
    let request = GuestRequest {
        who: identity(&record),
        method: Method::GET,
        target,
        headers: Arc::default(),
        body: Bytes::new(),
        request_id: RequestId::random(),
        deadline: Instant::now() + API_HOLD,
    };
    Ok(answer(shared.guest.0(request).await))
}

fn target(path: &str) -> Result<PathAndQuery, Failure> {
    let parsed = PathAndQuery::try_from(path).ok().filter(|_| path.starts_with('/'));
    parsed.ok_or_else(|| {
        let message = format!(
            "path: \"{}\" is not a path such as /openstack/latest/meta_data.json",
            path.escape_debug()
        );
        Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, message)
    })
}

/// As the agent would name the guest. Nobody vouches for the address: the operator asks for the
/// machine, whatever its address.
fn identity(record: &GuestRecord) -> Identity {
    let subnets = record.network_info.iter().flat_map(Vif::subnets);
    Identity {
        instance: record.instance.id,
        project: record.instance.project_id.clone(),
        address: subnets.flat_map(|subnet| &subnet.ips).map(|ip| ip.address).next(),
        vouched_port: None,
        found_in: None,
    }
}

fn answer(guest: GuestResponse) -> Response {
    let mut response = (guest.status, guest.body).into_response();
    *response.headers_mut() = guest.headers;
    let reason = HeaderValue::from_static(guest.reason.as_str());
    response.headers_mut().insert(GUEST_REASON_HEADER, reason);
    response
}
