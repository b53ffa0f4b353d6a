//! What is wrong is answered in JSON, with its status, its field and what to do.

mod fixture;

use fixture::{Raw, raw, serve};
use innkeeper_control_api::{ErrorBody, ErrorCode, ErrorDetail};
use innkeeper_model::TokenScope;

fn detail(answer: &Raw) -> ErrorDetail {
    let body: ErrorBody = serde_json::from_str(&answer.body).expect("an error body");
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    body.error
}

#[tokio::test]
async fn each_has_its_status_and_code() {
    let served = serve().await;
    let (_, token) = served.store.token_create(TokenScope::Admin, "me").await.expect("a token");
    let header = format!("Authorization: Bearer {}\r\n", token.expose());
    let project = r#"{"id":"p1","name":"p1"}"#;
    let twice = r#"{"name":"p1"}"#;
    let network = r#"{"project_id":"p1","name":"blue","mtu":1}"#;
    let stranger = r#"{"project_id":"nobody","name":"blue"}"#;
    let id = "6f1c2a51-5a3c-4a52-9b0e-0d8a63f6b7aa";
    let bad_id = format!("/v1/networks/{{{id}}}");
    let missing = format!("/v1/networks/{id}");
    let cases = [
        ("POST", "/v1/projects", project, 201, None, ""),
        ("POST", "/v1/projects", twice, 409, Some(ErrorCode::Conflict), "name"),
        ("POST", "/v1/networks", network, 400, Some(ErrorCode::Invalid), "mtu"),
        ("POST", "/v1/networks", stranger, 400, Some(ErrorCode::Invalid), "nobody"),
        ("POST", "/v1/networks", "{}", 400, Some(ErrorCode::BadJson), "project_id"),
        ("POST", "/v1/networks", "nope", 400, Some(ErrorCode::BadJson), "not JSON"),
        ("POST", "/v1/projects", r#"{"nam":"x"}"#, 400, Some(ErrorCode::BadJson), "nam"),
        ("GET", &bad_id, "", 400, Some(ErrorCode::Invalid), "not a UUID"),
        ("GET", &missing, "", 404, Some(ErrorCode::NotFound), "there is no network"),
        ("GET", "/v1/projects?nmae=x", "", 400, Some(ErrorCode::Invalid), "nmae"),
        ("GET", "/v1/network", "", 404, Some(ErrorCode::NoSuchPath), "/v1/networks"),
        ("GET", "/", "", 404, Some(ErrorCode::NoSuchPath), "openapi.json"),
        ("PUT", "/v1/projects", "", 405, Some(ErrorCode::MethodNotAllowed), "GET, POST"),
        ("GET", "/v1/topology?after=0&wait_seconds=31", "", 400, Some(ErrorCode::Invalid), "30"),
        ("DELETE", "/v1/projects/p1", "", 204, None, ""),
    ];
    for (method, path, body, status, code, words) in cases {
        let answer = raw(served.tcp, method, path, &header, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        if let Some(code) = code {
            let detail = detail(&answer);
            assert_eq!(detail.code, code, "{method} {path}: {}", detail.message);
            assert!(detail.message.contains(words), "{method} {path}: {}", detail.message);
        }
    }
}

#[tokio::test]
async fn a_body_of_more_than_1_mib_is_refused() {
    let served = serve().await;
    let body = "x".repeat(1024 * 1024 + 1);
    let answer = raw(served.tcp, "POST", "/v1/projects", "", &body).await;
    assert_eq!(answer.status, 413);
    assert_eq!(detail(&answer).code, ErrorCode::BodyTooLarge);
}

#[tokio::test]
async fn the_document_is_served() {
    let served = serve().await;
    let (_, token) = served.store.token_create(TokenScope::Admin, "me").await.expect("a token");
    let header = format!("Authorization: Bearer {}\r\n", token.expose());
    let answer = raw(served.tcp, "GET", "/v1/openapi.json", &header, "").await;
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(document, innkeeper_control_api::openapi_document());
}
