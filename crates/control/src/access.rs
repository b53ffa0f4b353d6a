//! Who may do what, and the log of what was done.

use std::net::SocketAddr;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};
use innkeeper_control_api::{Access, Operation};
use innkeeper_model::TokenScope;

use crate::{failure::Failure, router::Shared};

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller {
    /// A process of this machine, let in by the socket's permission.
    Unix { uid: u32 },
    /// Somebody on the network, who needs a token.
    Tcp(SocketAddr),
}

/// Lets through what the caller may do, and logs what it changed.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let operation = operation(&request);
    let caller = request.extensions().get::<Caller>().copied();
    if let Err(failure) = admit(&shared, caller, request.headers(), operation).await {
        return failure.into_response();
    }
    let Some(operation) = operation.filter(|operation| writes(*operation)) else {
        return next.run(request).await;
    };
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    log(operation, caller, &path, &response);
    response
}

/// Fails closed: a request that does not say where it came from needs a token.
async fn admit(
    shared: &Shared,
    caller: Option<Caller>,
    headers: &HeaderMap,
    operation: Option<Operation>,
) -> Result<(), Failure> {
    if let Some(Caller::Unix { .. }) = caller {
        return Ok(());
    }
    let token = bearer(headers).ok_or_else(Failure::no_token)?;
    let scope = shared.store.token_scope(token).await?.ok_or_else(Failure::no_token)?;
    match (scope, operation.map(|operation| operation.endpoint().access)) {
        (TokenScope::Admin, _) | (TokenScope::Agent, Some(Access::Agent) | None) => Ok(()),
        (TokenScope::Agent, Some(Access::Admin)) => Err(Failure::wrong_scope()),
    }
}

/// The token of the one Authorization header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn operation(request: &Request) -> Option<Operation> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    // A HEAD is a GET whose body stays away.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    Operation::ALL.iter().copied().find(|operation| {
        let endpoint = operation.endpoint();
        endpoint.path == path && endpoint.method == *method
    })
}

fn writes(operation: Operation) -> bool {
    !operation.only_reads()
}

/// One line per change; ids and names only, never a body.
fn log(operation: Operation, caller: Option<Caller>, path: &str, response: &Response) {
    let made = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let who = match caller {
        Some(Caller::Unix { uid }) => format!("uid {uid}"),
        Some(Caller::Tcp(peer)) => peer.to_string(),
        None => "unknown".to_owned(),
    };
    tracing::info!(
        target: "control",
        who,
        operation = ?operation,
        path = made.unwrap_or(path),
        status = response.status().as_u16(),
        "control"
    );
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_read_from_one_bearer_header() {
        let cases: [(&[&str], Option<&str>); 7] = [
            (&["Bearer abc"], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&["Basic abc"], None),
            (&["Bearer "], None),
            (&["Bearer"], None),
            (&[], None),
            (&["Bearer abc", "Bearer def"], None),
        ];
        for (values, token) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&headers), token, "{values:?}");
        }
    }
}
