use innkeeper_model::TokenScope;
use innkeeper_store::{Store, StoreLocation};

use crate::world::World;

#[tokio::test]
async fn a_token_opens_what_it_was_made_for_until_it_is_deleted() {
    let World { store, .. } = World::new().await;
    let (admin, admin_token) = store.token_create(TokenScope::Admin, "ops").await.expect("a token");
    let (_, agent_token) = store.token_create(TokenScope::Agent, "").await.expect("a token");
    let scope = async |token: &str| store.token_scope(token).await.expect("a lookup");
    assert_eq!(scope(admin_token.expose()).await, Some(TokenScope::Admin));
    assert_eq!(scope(agent_token.expose()).await, Some(TokenScope::Agent));
    for wrong in
        ["", "innkeeper_", &admin_token.expose()[1..], &format!("{} ", admin_token.expose())]
    {
        assert_eq!(scope(wrong).await, None, "{wrong:?}");
    }
    assert_eq!(store.token_list().await.expect("tokens").len(), 2);
    store.token_delete(admin.id).await.expect("a deletion");
    assert_eq!(scope(admin_token.expose()).await, None);
    store.token_delete(admin.id).await.expect_err("gone already");
}

#[tokio::test]
async fn tokens_are_not_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let location = StoreLocation::File(directory.path().join("innkeeper.db"));
    let store = Store::open(&location).await.expect("a store");
    let (record, token) = store.token_create(TokenScope::Admin, "ops").await.expect("a token");
    let mut found_record = false;
    for entry in std::fs::read_dir(directory.path()).expect("files") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("bytes");
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!holds(token.expose()), "the token itself was written");
        found_record |= holds(&record.id.to_string());
    }
    assert!(found_record, "the search would have found what was written");
}
