//! What was rendered once is served again, and never in place of what is so now.

use http::Method;
use innkeeper_model::InstanceChange;
use innkeeper_wire::GuestResponse;

use crate::identity::Web;

const META_DATA: &str = "/openstack/latest/meta_data.json";

async fn get(web: &Web, target: &str) -> GuestResponse {
    web.get(web.identity(Some(web.address), true), target).await
}

fn json(response: &GuestResponse) -> serde_json::Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[tokio::test]
async fn each_answer_shows_the_last_acknowledged_change() {
    let web = Web::new().await;
    for count in 0..50 {
        let mut change = InstanceChange::default();
        change.set_metadata.insert("count".to_owned(), count.to_string());
        web.world.store.instance_update(web.id, change).await.unwrap();
        for _ in 0..3 {
            assert_eq!(json(&get(&web, META_DATA).await)["meta"]["count"], count.to_string());
        }
    }
    web.world.store.instance_delete(web.id).await.unwrap();
    assert_eq!(get(&web, META_DATA).await.status, 404);
}

#[tokio::test]
async fn every_spelling_is_answered_alike_however_often() {
    let web = Web::new().await;
    let targets =
        ["/latest/meta-data/", "/latest/meta-data", "//latest/./meta-data?x", "/openstack"];
    for target in targets {
        let first = get(&web, target).await;
        assert_eq!(first.status, 200);
        for _ in 0..3 {
            let again = get(&web, target).await;
            assert_eq!(first.body, again.body, "{target}");
            assert_eq!(first.headers, again.headers, "{target}");
        }
    }
    let head = web.call(web.identity(None, false), Method::HEAD, "/latest/meta-data").await;
    assert!(head.body.is_empty());
    assert!(!get(&web, "/latest/meta-data").await.body.is_empty());
}

#[tokio::test]
async fn a_machine_without_an_address_is_shown_the_one_it_asked_from() {
    let web = Web::new().await;
    let id = {
        let draft = serde_json::json!({
            "uuid": "abcdef00-0000-4000-8000-000000000001", "project_id": "default",
            "hostname": "bare", "launch_index": 0, "flavor": {"name": "m1"}, "network_info": [],
        });
        let draft: innkeeper_model::ImportedInstance = serde_json::from_value(draft).unwrap();
        web.world.store.instance_import(&draft).await.unwrap().id
    };
    for address in ["10.0.0.7", "10.0.0.8", "10.0.0.7"] {
        let mut who = web.identity(Some(address.parse().unwrap()), false);
        (who.instance, who.project) = (id, "default".parse().unwrap());
        let shown = web.get(who, "/latest/meta-data/local-ipv4").await;
        assert_eq!(shown.body, address);
    }
}
