//! Every operation, over TCP, with no token, an unknown one, an agent's and an admin's.

mod fixture;

use fixture::{raw, serve};
use innkeeper_control_api::{Access, ErrorBody, ErrorCode, Operation};
use innkeeper_model::TokenScope;

/// A path that leads to nothing, so that no operation changes anything.
fn concrete(path: &str) -> String {
    path.replace("{project_id}", "nobody")
        .replace("{name}", "nothing")
        .replace("{id}", "6f1c2a51-5a3c-4a52-9b0e-0d8a63f6b7aa")
}

#[tokio::test]
async fn the_matrix_of_operations_and_tokens() {
    let served = serve().await;
    let (_, agent) = served.store.token_create(TokenScope::Agent, "host").await.expect("a token");
    let (_, admin) = served.store.token_create(TokenScope::Admin, "me").await.expect("a token");
    for operation in Operation::ALL {
        let endpoint = operation.endpoint();
        let (method, path) = (endpoint.method.as_str(), concrete(endpoint.path));
        let agent_may = endpoint.access == Access::Agent;
        for (who, token, refused_with) in [
            ("nobody", None, Some(401)),
            ("a stranger", Some("innkeeper_wrong"), Some(401)),
            ("an agent", Some(agent.expose()), (!agent_may).then_some(403)),
            ("an admin", Some(admin.expose()), None),
        ] {
            let header = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
            let body = if endpoint.takes.is_some() { "{" } else { "" };
            let answer = raw(served.tcp, method, &path, &header.unwrap_or_default(), body).await;
            match refused_with {
                Some(status) => {
                    assert_eq!(answer.status, status, "{who} at {operation:?}: {}", answer.body);
                    let error: ErrorBody = serde_json::from_str(&answer.body).expect("an error");
                    let code =
                        if status == 401 { ErrorCode::NoToken } else { ErrorCode::WrongScope };
                    assert_eq!(error.error.code, code);
                    let challenged = answer.head.contains("www-authenticate: bearer");
                    assert_eq!(challenged, status == 401, "{}", answer.head);
                }
                None => assert!(
                    !matches!(answer.status, 401 | 403 | 405 | 501),
                    "{who} at {operation:?}: {} {}",
                    answer.status,
                    answer.body
                ),
            }
        }
    }
}

#[tokio::test]
async fn even_what_does_not_exist_is_told_to_nobody() {
    let served = serve().await;
    for (method, path) in [("GET", "/"), ("GET", "/v1/nothing"), ("PUT", "/v1/projects")] {
        assert_eq!(raw(served.tcp, method, path, "", "").await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_deleted_token_opens_nothing() {
    let served = serve().await;
    let (record, token) =
        served.store.token_create(TokenScope::Admin, "me").await.expect("a token");
    let header = format!("Authorization: Bearer {}\r\n", token.expose());
    assert_eq!(raw(served.tcp, "GET", "/v1/projects", &header, "").await.status, 200);
    served.store.token_delete(record.id).await.expect("deleted");
    assert_eq!(raw(served.tcp, "GET", "/v1/projects", &header, "").await.status, 401);
}
