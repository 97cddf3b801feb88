//! A publisher's credential is bound, rotated without a gap, and forgotten.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::{
    audit::AuditFilter,
    plugin::{Plugin, tests::a_plugin},
    secret::tests::keys,
    testing::TestStore,
};

fn one_key() -> Arc<Keys> {
    keys("k1", &[("k1", 7)])
}

fn value(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

async fn put(test: &TestStore, (plugin, actor): &(Plugin, UserId), secret: &str) {
    let new = NewCredential {
        organization: plugin.organization.clone(),
        plugin: plugin.id.clone(),
        name: "crm".to_owned(),
        kind: CredentialKind::OauthClient,
        host: "login.example.com".to_owned(),
        client_id: "client".to_owned(),
        actor: actor.clone(),
    };
    test.set_credential(one_key(), new, value(secret)).await.unwrap();
}

async fn good(test: &TestStore, plugin: &Plugin, host: &str) -> Vec<String> {
    let of = ("crm", CredentialKind::OauthClient, host);
    let found = test.open_credential(&one_key(), &plugin.id, of).await.unwrap();
    let values = found.map(|(_, values)| values).unwrap_or_default();
    values.iter().map(|one| String::from_utf8(one.expose().to_vec()).unwrap()).collect()
}

const HOST: &str = "login.example.com";

#[tokio::test]
async fn while_rotating_two_values_are_good_and_then_one() {
    let test = TestStore::open().await;
    let owned = a_plugin(&test, "crm-tasks").await;
    let (plugin, actor) = &owned;
    put(&test, &owned, "canary-one").await;
    assert_eq!(good(&test, plugin, HOST).await, ["canary-one"]);
    let rotate = async |text: &str| {
        let until = test.now().plus_ms(1_000);
        let done =
            test.rotate_credential(one_key(), &plugin.id, "crm", value(text), until, actor).await;
        assert!(matches!(done.unwrap(), Change::Done(_)));
    };
    rotate("second").await;
    assert_eq!(good(&test, plugin, HOST).await, ["second", "canary-one"]);
    rotate("third").await;
    assert_eq!(good(&test, plugin, HOST).await, ["third", "second"]);
    test.sweep_credentials().await.unwrap();
    assert_eq!(good(&test, plugin, HOST).await, ["third", "second"], "it is not over yet");
    test.clock.advance_ms(1_000);
    assert_eq!(good(&test, plugin, HOST).await, ["third"]);
    test.sweep_credentials().await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM secret").await, 1, "the older one is gone");
    // Put anew, the one before ends at once.
    put(&test, &owned, "canary-four").await;
    assert_eq!(good(&test, plugin, HOST).await, ["canary-four"]);
    assert!(!test.holds(b"canary-one") && !test.holds(b"canary-four"));
}

#[tokio::test]
async fn it_is_for_its_own_plugin_kind_and_host() {
    let test = TestStore::open().await;
    let owned = a_plugin(&test, "crm-tasks").await;
    put(&test, &owned, "canary-one").await;
    assert!(good(&test, &owned.0, "evil.example.com").await.is_empty());
    let other = a_plugin(&test, "another").await;
    assert!(good(&test, &other.0, HOST).await.is_empty());
    let of = ("crm", CredentialKind::BackendKey, HOST);
    assert!(test.open_credential(&one_key(), &owned.0.id, of).await.unwrap().is_none());
    let before = test.authority_no();
    assert!(test.remove_credential(&owned.0.id, "crm", &owned.1).await.unwrap());
    assert_eq!(test.authority_no(), before + 1);
    assert!(!test.remove_credential(&owned.0.id, "crm", &owned.1).await.unwrap());
    assert_eq!(test.number("SELECT COUNT(*) FROM secret").await, 0);
    let audit = test
        .audit_page(&owned.0.organization, &AuditFilter::of_action("credential."), None, 10)
        .await
        .unwrap();
    let told: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(told, ["credential.removed", "credential.set"]);
    assert!(!format!("{audit:?}").contains("canary-one"));
}
