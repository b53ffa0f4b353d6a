//! The client of the control API.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use innkeeper_model::{
    ImportedInstance, Instance, InstanceId, MetadataProvider, NetworkId, Port, ProjectId, RouterId,
    SubnetId,
};
use percent_encoding::utf8_percent_encode;
use serde::{Serialize, de::DeserializeOwned};

pub use crate::connection::ControlAddress;
use crate::{
    Changeable, ConfigDrive, ControlError, ErrorBody, ErrorCode, GUEST_REASON_HEADER,
    GuestPassword, KeepConfigDrive, Resource, RouterInterface, Written,
    connection::{Connections, ExchangeError, RawAnswer},
    resource::SEGMENT,
    routes,
};

/// How long an answer may take. The server gives up on its database after some seconds.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one control API; clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Arc<Connections>,
}

/// Which resources to list.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only this project's.
    pub project_id: Option<ProjectId>,
    /// Only those with exactly this name.
    pub name: Option<String>,
}

/// What a guest would be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestAnswer {
    /// The status.
    pub status: StatusCode,
    /// Its Content-Type, if it has one.
    pub content_type: Option<String>,
    /// The stable reason code.
    pub reason: String,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl Client {
    /// A client of the control API at `address`. Connects when first used.
    pub fn new(address: ControlAddress) -> Self {
        Self { connections: Arc::new(Connections::new(address)) }
    }

    /// Where it is, as people know it.
    pub fn address(&self) -> String {
        self.connections.address().display()
    }

    /// Lists what `filter` lets through.
    pub async fn list<R: Resource>(&self, filter: &ListFilter) -> Result<Vec<R>, ControlError> {
        let mut query = Vec::new();
        if let Some(project) = &filter.project_id {
            query.push(format!("project_id={project}"));
        }
        if let Some(name) = &filter.name {
            query.push(format!("name={}", utf8_percent_encode(name, SEGMENT)));
        }
        let path = format!("{}?{}", R::COLLECTION, query.join("&"));
        self.json(Method::GET, path.trim_end_matches('?'), None::<&()>).await
    }

    /// Creates one.
    pub async fn create<R: Resource>(&self, new: &R::New) -> Result<R, ControlError> {
        Ok(self.create_with_warnings::<R>(new).await?.resource)
    }

    /// Creates one; answers what the API warns of too.
    pub async fn create_with_warnings<R: Resource>(
        &self,
        new: &R::New,
    ) -> Result<Written<R>, ControlError> {
        self.json(Method::POST, R::COLLECTION, Some(new)).await
    }

    /// Shows one.
    pub async fn fetch<R: Resource>(&self, id: &R::Id) -> Result<R, ControlError> {
        self.json(Method::GET, &R::path(id), None::<&()>).await
    }

    /// Changes one.
    pub async fn update<R: Changeable>(
        &self,
        id: &R::Id,
        change: &R::Change,
    ) -> Result<R, ControlError> {
        Ok(self.update_with_warnings::<R>(id, change).await?.resource)
    }

    /// Changes one; answers what the API warns of too.
    pub async fn update_with_warnings<R: Changeable>(
        &self,
        id: &R::Id,
        change: &R::Change,
    ) -> Result<Written<R>, ControlError> {
        self.json(Method::PATCH, &R::path(id), Some(change)).await
    }

    /// Deletes one.
    pub async fn delete<R: Resource>(&self, id: &R::Id) -> Result<(), ControlError> {
        self.call(Method::DELETE, &R::path(id), None::<&()>, false).await.map(drop)
    }

    /// Attaches a subnet to a router; answers the router's new port.
    pub async fn router_add_subnet(
        &self,
        router: RouterId,
        subnet_id: SubnetId,
    ) -> Result<Port, ControlError> {
        let path = routes::ROUTER_ADD_SUBNET.replace("{id}", &router.to_string());
        self.json(Method::POST, &path, Some(&RouterInterface { subnet_id })).await
    }

    /// Detaches a subnet from a router.
    pub async fn router_remove_subnet(
        &self,
        router: RouterId,
        subnet_id: SubnetId,
    ) -> Result<(), ControlError> {
        let path = routes::ROUTER_REMOVE_SUBNET.replace("{id}", &router.to_string());
        let body = RouterInterface { subnet_id };
        self.call(Method::POST, &path, Some(&body), false).await.map(drop)
    }

    /// What the guest would be served at `path`, a path with an optional query.
    pub async fn instance_metadata(
        &self,
        instance: InstanceId,
        path: &str,
    ) -> Result<GuestAnswer, ControlError> {
        let target = format!(
            "{}?path={}",
            routes::INSTANCE_METADATA.replace("{id}", &instance.to_string()),
            utf8_percent_encode(path, SEGMENT)
        );
        let answer = self.exchange(Method::GET, &target, None::<&()>, true, ANSWER_TIMEOUT).await?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        match answer.headers.get(GUEST_REASON_HEADER) {
            Some(reason) => Ok(GuestAnswer {
                status: answer.status,
                content_type: answer.headers.get(header::CONTENT_TYPE).map(text),
                reason: text(reason),
                body: answer.body,
            }),
            None if answer.status.is_success() => Err(self.protocol("it names no reason code")),
            None => Err(self.refusal(&answer)),
        }
    }

    /// Takes over an instance of Nova's, or replaces one that was taken over before.
    pub async fn instance_import(
        &self,
        imported: &ImportedInstance,
    ) -> Result<Instance, ControlError> {
        self.json(Method::POST, routes::INSTANCE_IMPORT, Some(imported)).await
    }

    /// All metadata providers with their networks.
    pub async fn metadata_provider_list(&self) -> Result<Vec<MetadataProvider>, ControlError> {
        self.json(Method::GET, routes::METADATA_PROVIDERS, None::<&()>).await
    }

    /// Lets a metadata provider speak for the guests of a network.
    pub async fn metadata_provider_add(
        &self,
        provider: &str,
        network: NetworkId,
    ) -> Result<(), ControlError> {
        let path = provider_network(provider, network);
        self.call(Method::PUT, &path, None::<&()>, true).await.map(drop)
    }

    /// No longer lets a metadata provider speak for the guests of a network.
    pub async fn metadata_provider_remove(
        &self,
        provider: &str,
        network: NetworkId,
    ) -> Result<(), ControlError> {
        let path = provider_network(provider, network);
        self.call(Method::DELETE, &path, None::<&()>, false).await.map(drop)
    }

    /// What the guest posted as its password, as it posted it; empty if nothing.
    pub async fn instance_password(&self, instance: InstanceId) -> Result<String, ControlError> {
        let path = routes::INSTANCE_PASSWORD.replace("{id}", &instance.to_string());
        let answer: GuestPassword = self.json(Method::GET, &path, None::<&()>).await?;
        Ok(answer.password)
    }

    /// Forgets the guest's password, so that it may post another.
    pub async fn instance_password_clear(&self, instance: InstanceId) -> Result<(), ControlError> {
        let path = routes::INSTANCE_PASSWORD.replace("{id}", &instance.to_string());
        self.call(Method::DELETE, &path, None::<&()>, false).await.map(drop)
    }

    /// Keeps a config drive for an instance, and says which.
    pub async fn config_drive_keep(
        &self,
        instance: InstanceId,
        wanted: &KeepConfigDrive,
    ) -> Result<ConfigDrive, ControlError> {
        let path = routes::INSTANCE_CONFIG_DRIVE.replace("{id}", &instance.to_string());
        self.json(Method::PUT, &path, Some(wanted)).await
    }

    /// The image of the kept config drive.
    pub async fn config_drive_kept(&self, instance: InstanceId) -> Result<Bytes, ControlError> {
        let path = routes::INSTANCE_CONFIG_DRIVE_IMAGE.replace("{id}", &instance.to_string());
        self.call(Method::GET, &path, None::<&()>, true).await
    }

    /// The image of a config drive that is made for this answer in `format`, with random bytes made
    /// of `seed` if there is one.
    pub async fn config_drive_build(
        &self,
        instance: InstanceId,
        format: &str,
        seed: Option<&str>,
    ) -> Result<Bytes, ControlError> {
        let path = routes::INSTANCE_CONFIG_DRIVE_IMAGE.replace("{id}", &instance.to_string());
        let mut target = format!("{path}?format={}", utf8_percent_encode(format, SEGMENT));
        if let Some(seed) = seed {
            target.push_str(&format!("&seed={}", utf8_percent_encode(seed, SEGMENT)));
        }
        self.call(Method::GET, &target, None::<&()>, true).await
    }

    async fn json<B, T>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ControlError>
    where
        B: Serialize + Sync,
        T: DeserializeOwned,
    {
        let may_repeat = method == Method::GET;
        let body = self.call(method, path, body, may_repeat).await?;
        self.parse(&body)
    }

    pub(crate) async fn call<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        may_repeat: bool,
    ) -> Result<Bytes, ControlError> {
        let answer = self.exchange(method, path, body, may_repeat, ANSWER_TIMEOUT).await?;
        self.accepted(answer)
    }

    pub(crate) async fn exchange<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        may_repeat: bool,
        within: Duration,
    ) -> Result<RawAnswer, ControlError> {
        let request = self.request(method, path, body)?;
        let exchanged = self.connections.exchange(request, may_repeat, within).await;
        exchanged.map_err(|error| self.unavailable(error))
    }

    fn request<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Request<Full<Bytes>>, ControlError> {
        let address = self.connections.address();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, address.host())
            .header(header::ACCEPT, "*/*");
        if let ControlAddress::Tcp { token, .. } = address {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_not_a_header| {
                self.protocol("the token has characters that no token has")
            })?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                serde_json::to_vec(body).map_err(|error| self.protocol(&error.to_string()))?
            }
            None => Vec::new(),
        };
        let request = request.body(Full::new(Bytes::from(bytes)));
        request.map_err(|error| self.protocol(&format!("{path} is not a path: {error}")))
    }

    pub(crate) fn accepted(&self, answer: RawAnswer) -> Result<Bytes, ControlError> {
        if answer.status.is_success() { Ok(answer.body) } else { Err(self.refusal(&answer)) }
    }

    fn refusal(&self, answer: &RawAnswer) -> ControlError {
        let status = answer.status;
        let Ok(ErrorBody { error }) = serde_json::from_slice(&answer.body) else {
            return self.protocol(&format!("status {status} without an error body"));
        };
        match error.refusal {
            Some(refusal) if error.code == ErrorCode::LookupRefused => {
                ControlError::LookupRefused(refusal)
            }
            _ => ControlError::Refused {
                status,
                code: error.code,
                message: error.message,
                field: error.field,
            },
        }
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ControlError> {
        serde_json::from_slice(body).map_err(|error| self.protocol(&error.to_string()))
    }

    fn protocol(&self, cause: &str) -> ControlError {
        ControlError::Protocol { address: self.address(), cause: cause.to_owned() }
    }

    fn unavailable(&self, error: ExchangeError) -> ControlError {
        let is_running = "is `innkeeper serve` or `innkeeper api` running?";
        let (advice, cause) = match error {
            ExchangeError::Connect(error) => (advice(&error, is_running), error_text(&error)),
            ExchangeError::Lost(cause) => {
                ("look whether the command took effect, then try again", cause)
            }
            ExchangeError::Slow(within) => (
                "look whether the command took effect, then try again",
                format!("no answer within {} s", within.as_secs()),
            ),
            ExchangeError::TooLarge => return self.protocol("it is larger than 64 MiB"),
        };
        ControlError::Unavailable { address: self.address(), advice: advice.to_owned(), cause }
    }
}

fn provider_network(provider: &str, network: NetworkId) -> String {
    let provider = utf8_percent_encode(provider, SEGMENT).to_string();
    routes::METADATA_PROVIDER_NETWORK
        .replace("{network_id}", &network.to_string())
        .replace("{provider}", &provider)
}

fn advice<'a>(error: &std::io::Error, is_running: &'a str) -> &'a str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "run this as root or as a member of the socket's group"
        }
        std::io::ErrorKind::TimedOut => "can this machine reach it?",
        _ => is_running,
    }
}

/// What the system says, without its "(os error 2)".
fn error_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such socket".to_owned(),
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => error.to_string(),
    }
}
