//! What was OpenStack's before, through the control API.

mod fixture;

use std::{fs, path::Path};

use fixture::{raw, serve};
use innkeeper_control_api::ControlError;
use innkeeper_model::{ImportedInstance, Instance, MetadataProvider, NetworkId, TokenScope};

fn recorded(case: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    fs::read_to_string(root.join(case).join("input.json")).expect("a recorded case")
}

#[tokio::test]
async fn a_recorded_machine_is_imported_and_shown() {
    let served = serve().await;
    let imported: ImportedInstance = serde_json::from_str(&recorded("full")).expect("an object");
    let first = served.client.instance_import(&imported).await.expect("imported");
    let second = served.client.instance_import(&imported).await.expect("imported again");
    assert_eq!((first.id, first.revision + 1), (second.id, second.revision));
    let mut shown = served.client.fetch::<Instance>(&first.id).await.expect("shown");
    // It is never shown, so what was answered has none either.
    shown.admin_password = None;
    assert_eq!(shown, second);
    let answer = served.client.instance_metadata(first.id, "/openstack").await.expect("asked");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("Some(10.1.0.5)"), "its address is known: {text}");
}

#[tokio::test]
async fn a_machine_that_cannot_be_imported_is_refused_by_its_field() {
    let served = serve().await;
    let input = recorded("minimal").replace("\"launch_index\": 0", "\"launch_index\": null");
    let imported: ImportedInstance = serde_json::from_str(&input).expect("an object");
    let refused = served.client.instance_import(&imported).await.expect_err("refused");
    let ControlError::Refused { status, field, message, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((status.as_u16(), field.as_deref()), (400, Some("launch_index")), "{message}");
}

#[tokio::test]
async fn providers_and_their_networks_are_kept() {
    let served = serve().await;
    let network = NetworkId::random();
    served.client.metadata_provider_add("nsx:1", network).await.expect("added");
    served.client.metadata_provider_add("nsx:1", network).await.expect("added again");
    let listed = served.client.metadata_provider_list().await.expect("listed");
    let expected = MetadataProvider { provider: "nsx:1".to_owned(), network_ids: vec![network] };
    assert_eq!(listed, [expected]);
    served.client.metadata_provider_remove("nsx:1", network).await.expect("removed");
    let gone = served.client.metadata_provider_remove("nsx:1", network).await;
    assert!(matches!(gone, Err(ControlError::Refused { status, .. }) if status == 404));
    let odd = served.client.metadata_provider_add("a b", network).await.expect_err("refused");
    assert!(odd.to_string().contains("is not the name of a provider"), "{odd}");
}

#[tokio::test]
async fn an_agent_s_token_reaches_none_of_it() {
    let served = serve().await;
    let (_, token) = served.store.token_create(TokenScope::Agent, "host").await.expect("a token");
    let header = format!("Authorization: Bearer {}\r\n", token.expose());
    let network = NetworkId::random();
    for (method, path) in [
        ("POST", "/v1/instances/import".to_owned()),
        ("GET", "/v1/metadata-providers".to_owned()),
        ("PUT", format!("/v1/metadata-providers/p/networks/{network}")),
        ("DELETE", format!("/v1/metadata-providers/p/networks/{network}")),
    ] {
        let answer = raw(served.tcp, method, &path, &header, "{}").await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
}
