//! Which handler serves which operation.

use axum::{
    Json, Router,
    extract::{MatchedPath, Request},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{MethodRouter, delete, get, patch, post, put},
};
use http::{HeaderValue, StatusCode, Uri, header};
use innkeeper_control_api::{ErrorCode, Operation, openapi_document};
use innkeeper_model::{
    Flavor, FloatingIp, Image, Instance, Network, Port, Project, Router as TenantRouter, Subnet,
};
use innkeeper_store::Store;
use tokio_util::sync::CancellationToken;

use crate::{
    access::guard,
    config_drives::{self, ConfigDrives},
    failure::Failure,
    guest::{self, GuestDoor},
    hosts, imported, instances, resources as at,
};

/// Characters of an unknown path that are compared and shown.
const PATH_CHARS_MAX: usize = 128;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) guest: GuestDoor,
    pub(crate) drives: ConfigDrives,
    pub(crate) stop: CancellationToken,
}

/// All operations, behind the guard.
pub(crate) fn router(shared: Shared) -> Router {
    let routes = Operation::ALL.iter().fold(Router::new(), |router, operation| {
        router.route(operation.endpoint().path, handler(*operation))
    });
    routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// Exhaustive: an operation in the table without a handler does not compile.
#[allow(clippy::too_many_lines, reason = "one line per operation")]
fn handler(operation: Operation) -> MethodRouter<Shared> {
    use Operation as Op;
    match operation {
        Op::ProjectList => get(at::list::<Project>),
        Op::ProjectCreate => post(at::create::<Project>),
        Op::ProjectFetch => get(at::fetch::<Project>),
        Op::ProjectUpdate => patch(at::update::<Project>),
        Op::ProjectDelete => delete(at::delete::<Project>),
        Op::KeyPairList => get(at::key_pair_list),
        Op::KeyPairCreate => post(at::key_pair_create),
        Op::KeyPairFetch => get(at::key_pair_fetch),
        Op::KeyPairDelete => delete(at::key_pair_delete),
        Op::FlavorList => get(at::list::<Flavor>),
        Op::FlavorCreate => post(at::create::<Flavor>),
        Op::FlavorFetch => get(at::fetch::<Flavor>),
        Op::FlavorUpdate => patch(at::update::<Flavor>),
        Op::FlavorDelete => delete(at::delete::<Flavor>),
        Op::ImageList => get(at::list::<Image>),
        Op::ImageCreate => post(at::create::<Image>),
        Op::ImageFetch => get(at::fetch::<Image>),
        Op::ImageUpdate => patch(at::update::<Image>),
        Op::ImageDelete => delete(at::delete::<Image>),
        Op::NetworkList => get(at::list::<Network>),
        Op::NetworkCreate => post(at::create::<Network>),
        Op::NetworkFetch => get(at::fetch::<Network>),
        Op::NetworkUpdate => patch(at::update::<Network>),
        Op::NetworkDelete => delete(at::delete::<Network>),
        Op::SubnetList => get(at::list::<Subnet>),
        Op::SubnetCreate => post(at::create::<Subnet>),
        Op::SubnetFetch => get(at::fetch::<Subnet>),
        Op::SubnetUpdate => patch(at::update::<Subnet>),
        Op::SubnetDelete => delete(at::delete::<Subnet>),
        Op::RouterList => get(at::list::<TenantRouter>),
        Op::RouterCreate => post(at::create::<TenantRouter>),
        Op::RouterFetch => get(at::fetch::<TenantRouter>),
        Op::RouterUpdate => patch(at::update::<TenantRouter>),
        Op::RouterDelete => delete(at::delete::<TenantRouter>),
        Op::RouterAddSubnet => post(at::router_add_subnet),
        Op::RouterRemoveSubnet => post(at::router_remove_subnet),
        Op::PortList => get(at::list::<Port>),
        Op::PortCreate => post(at::create::<Port>),
        Op::PortFetch => get(at::fetch::<Port>),
        Op::PortUpdate => patch(at::update::<Port>),
        Op::PortDelete => delete(at::delete::<Port>),
        Op::FloatingIpList => get(at::list::<FloatingIp>),
        Op::FloatingIpCreate => post(at::create::<FloatingIp>),
        Op::FloatingIpFetch => get(at::fetch::<FloatingIp>),
        Op::FloatingIpUpdate => patch(at::update::<FloatingIp>),
        Op::FloatingIpDelete => delete(at::delete::<FloatingIp>),
        Op::InstanceList => get(at::list::<Instance>),
        Op::InstanceCreate => post(instances::create),
        Op::InstanceFetch => get(at::fetch::<Instance>),
        Op::InstanceUpdate => patch(instances::update),
        Op::InstanceDelete => delete(instances::delete),
        Op::InstanceMetadata => get(guest::metadata),
        Op::InstancePasswordFetch => get(instances::password),
        Op::InstancePasswordClear => delete(instances::password_clear),
        Op::InstanceConfigDriveKeep => put(config_drives::keep),
        Op::InstanceConfigDriveImage => get(config_drives::image),
        Op::InstanceImport => post(imported::import),
        Op::MetadataProviderList => get(imported::providers),
        Op::MetadataProviderAddNetwork => put(imported::add_network),
        Op::MetadataProviderRemoveNetwork => delete(imported::remove_network),
        Op::NetworkViewLookup => post(hosts::lookup),
        Op::NetworkViewDhcpBinding => post(hosts::dhcp_binding),
        Op::NetworkViewPluggedPorts => post(hosts::plugged_ports),
        Op::TopologyFetch => get(hosts::topology),
        Op::OpenapiFetch => get(|| async { Json(openapi_document()) }),
    }
}

async fn no_such_path(uri: Uri) -> Failure {
    // Measuring takes time and memory by the length, and no path of ours is nearly as long.
    let path = &uri.path().chars().take(PATH_CHARS_MAX).collect::<String>();
    let distance = |known: &&str| strsim::damerau_levenshtein(known, path);
    let known = Operation::ALL.iter().map(|operation| operation.endpoint().path);
    let nearest = known.min_by_key(distance).unwrap_or_default();
    let message =
        format!("there is no {path}; the nearest is {nearest}, all are in /v1/openapi.json");
    Failure::new(StatusCode::NOT_FOUND, ErrorCode::NoSuchPath, message)
}

async fn method_not_allowed(request: Request) -> impl IntoResponse {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let endpoints = Operation::ALL.iter().map(|operation| operation.endpoint());
    let methods: Vec<_> = endpoints
        .filter(|endpoint| endpoint.path == path)
        .map(|endpoint| endpoint.method.to_string())
        .collect();
    let methods = methods.join(", ");
    let message = format!("{path} has no {}, only {methods}", request.method());
    let allow = HeaderValue::from_str(&methods).expect("method names are header text");
    let failure =
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    ([(header::ALLOW, allow)], failure)
}
