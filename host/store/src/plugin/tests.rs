//! Plugins, their approval and suspension, and what the marketplace shows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use serde_json::{Value, json};
use venn_domain::{capability::Capability, manifest::Manifest};

use super::*;
use crate::{
    audit::AuditFilter,
    release::{NewRelease, NewSignature, Release, Uploaded},
    signing_key::tests::a_key,
    testing::TestStore,
};

/// A manifest as `crm-tasks` has it, with another version.
pub(crate) fn manifest(name: &str, version: &str, events: &[&str]) -> Manifest {
    let value = json!({
        "name": name, "version": version, "title": "Tasks", "summary": "Makes tasks.",
        "category": "crm", "events": events, "fields": ["our-name", "their-name"],
        "capabilities": [
            { "name": "overlaps:read", "reason": "To know." },
            { "name": "http:egress", "reason": "To make tasks." },
            { "name": "state", "reason": "To remember." },
        ],
        "egress": [{ "host": "api.hubapi.com", "reason": "Tasks.", "data": "Names.", "retention": "None." }],
        "connections": [{ "name": "crm", "title": "Token", "kind": "api-key", "host": "api.hubapi.com" }],
        "support": { "contact": "help@example.com" },
    });
    serde_json::from_value(value).unwrap()
}

/// Somebody of the platform, who reviews.
pub(crate) async fn reviewer(test: &TestStore) -> Reviewer {
    let organization = test.organization("platform", "platform").await;
    let user = test.member(&organization, "admin").await;
    Reviewer { user, organization }
}

/// A publisher with a plugin.
pub(crate) async fn a_plugin(test: &TestStore, name: &str) -> (Plugin, UserId) {
    let publisher = test.organization(&format!("{name}-inc"), "publisher").await;
    let developer = test.member(&publisher, "developer").await;
    let made = test.create_plugin(&publisher, OwnerKind::Publisher, name, &developer).await;
    (made.unwrap(), developer)
}

/// A signature as the server would have made sure of it.
pub(crate) async fn signed(test: &TestStore, plugin: &Plugin, actor: &UserId) -> NewSignature {
    let key = a_key(test, &plugin.organization, actor).await;
    NewSignature { key, signature: "aa".to_owned(), signed_at: test.now(), seal: vec![1] }
}

/// Uploads a release past the gate.
pub(crate) async fn upload(
    test: &TestStore,
    plugin: &Plugin,
    actor: &UserId,
    manifest: Manifest,
    component: &[u8],
) -> Uploaded {
    let digest = test.put_component(component.to_vec()).await.unwrap();
    let new = NewRelease {
        plugin: plugin.id.clone(),
        manifest_text: json(&manifest),
        signature: signed(test, plugin, actor).await,
        manifest,
        digest,
        component_bytes: component.len() as u64,
        gate: json!({ "findings": [], "imports": [] }),
        actor: actor.clone(),
    };
    test.create_release(new).await.unwrap()
}

/// Uploads and approves a release, with all that its manifest asks for.
pub(crate) async fn approved(
    test: &TestStore,
    (plugin, developer): &(Plugin, UserId),
    reviewer: &Reviewer,
    manifest: Manifest,
) -> Release {
    let component = manifest.version.to_string();
    let ceiling = Approval::of(&manifest);
    let Uploaded::New(release) =
        upload(test, plugin, developer, manifest, component.as_bytes()).await
    else {
        panic!("not new")
    };
    test.set_approval(&plugin.id, ceiling, reviewer).await.unwrap();
    match test.decide_release(&release.id, true, "fine", reviewer).await.unwrap() {
        Change::Done(release) => release,
        other => panic!("{other:?}"),
    }
}

async fn names(test: &TestStore) -> Vec<(String, String)> {
    let page = test.market_page(None, 50, |_| true).await.unwrap();
    page.items.into_iter().map(|item| (item.plugin.name, item.release.version)).collect()
}

#[tokio::test]
async fn a_name_belongs_to_one_plugin_for_ever() {
    let test = TestStore::open().await;
    let (plugin, _) = a_plugin(&test, "crm-tasks").await;
    let other = test.organization("other", "publisher").await;
    let developer = test.member(&other, "developer").await;
    let error = test
        .create_plugin(&other, OwnerKind::Publisher, "crm-tasks", &developer)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "already there: The plugin's name");
    assert_eq!(test.plugin("crm-tasks").await.unwrap().unwrap(), plugin);
    assert_eq!(test.plugin(plugin.id.as_str()).await.unwrap().unwrap(), plugin);
    assert_eq!(test.plugin_owner(&plugin.id).await.unwrap(), plugin.organization);
    assert!(!test.is_insider(&plugin.organization, &developer).await.unwrap());
    let insider = test.member(&plugin.organization, "support").await;
    assert!(test.is_insider(&plugin.organization, &insider).await.unwrap());
    assert!(test.plugins_page(&other, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn the_marketplace_shows_listed_plugins_with_the_highest_approved_version_only() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    assert_eq!(names(&test).await, []);
    upload(&test, &owned.0, &owned.1, manifest("crm-tasks", "0.8.0", &[]), b"waits").await;
    assert_eq!(names(&test).await, [], "nothing that is only submitted");
    for version in ["0.9.0", "0.10.0", "0.2.0"] {
        approved(&test, &owned, &reviewer, manifest("crm-tasks", version, &[])).await;
    }
    upload(&test, &owned.0, &owned.1, manifest("crm-tasks", "9.0.0", &[]), b"newer").await;
    let expected = [("crm-tasks".to_owned(), "0.10.0".to_owned())];
    assert_eq!(names(&test).await, expected);

    test.suspend_plugin(&owned.0.id, "it leaks", &reviewer).await.unwrap();
    assert_eq!(names(&test).await, []);
    assert_eq!(test.market("crm-tasks").await.unwrap(), None);
    test.resume_plugin(&owned.0.id, &reviewer).await.unwrap();
    assert_eq!(names(&test).await, expected);
}

#[tokio::test]
async fn the_marketplace_pages_through_what_a_filter_leaves() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    for name in ["a-one", "b-two", "c-three", "d-four"] {
        let owned = a_plugin(&test, name).await;
        approved(&test, &owned, &reviewer, manifest(name, "1.0.0", &[])).await;
    }
    let wanted = |manifest: &Manifest| manifest.name != "b-two";
    let first = test.market_page(None, 2, wanted).await.unwrap();
    let shown = |page: &Page<market::Listing>| {
        page.items.iter().map(|item| item.plugin.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&first), ["a-one", "c-three"]);
    assert_eq!(first.next.as_deref(), Some("c-three"));
    let second = test.market_page(first.next.as_deref(), 2, wanted).await.unwrap();
    assert_eq!((shown(&second), second.next), (vec!["d-four".to_owned()], None));
}

#[tokio::test]
async fn what_the_platform_decides_raises_authority_and_stands_in_both_audits() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let (plugin, _) = a_plugin(&test, "crm-tasks").await;
    let mut narrow = Approval::of(&manifest("crm-tasks", "1.0.0", &[]));
    narrow.capabilities = [Capability::OverlapsRead].into_iter().collect();

    let before = test.authority_no();
    test.set_approval(&plugin.id, narrow.clone(), &reviewer).await.unwrap();
    assert_eq!(test.authority_no(), before + 1);
    assert_eq!(test.plugin("crm-tasks").await.unwrap().unwrap().approval, Some(narrow));
    test.suspend_plugin(&plugin.id, "it leaks", &reviewer).await.unwrap();
    test.resume_plugin(&plugin.id, &reviewer).await.unwrap();
    assert_eq!(test.authority_no(), before + 3);
    assert_eq!(
        test.resume_plugin(&plugin.id, &reviewer).await.unwrap(),
        Change::WrongState("not suspended")
    );
    assert_eq!(test.authority_no(), before + 3, "what did not happen raises nothing");

    for whose in [&plugin.organization, &reviewer.organization] {
        let page = test.audit_page(whose, &AuditFilter::default(), None, 10).await.unwrap();
        let mut actions: Vec<_> = page.items.into_iter().map(|entry| entry.action).collect();
        actions.retain(|action| action != "plugin.created");
        assert_eq!(actions, ["plugin.resumed", "plugin.suspended", "approval.changed"]);
    }
}

#[tokio::test]
async fn a_resumed_plugin_without_an_approved_release_is_a_draft_again() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let (plugin, _) = a_plugin(&test, "crm-tasks").await;
    test.suspend_plugin(&plugin.id, "it leaks", &reviewer).await.unwrap();
    test.resume_plugin(&plugin.id, &reviewer).await.unwrap();
    let plugin = test.plugin("crm-tasks").await.unwrap().unwrap();
    assert_eq!((plugin.state, plugin.suspended_reason.as_str()), (PluginState::Draft, ""));
}

#[test]
fn a_stored_approval_has_exactly_the_members_of_the_api() {
    let text = json(&Approval::of(&manifest("crm-tasks", "1.0.0", &[])));
    let value: Value = serde_json::from_str(&text).unwrap();
    let members: Vec<_> = value.as_object().unwrap().keys().collect();
    assert_eq!(members, ["capabilities", "fields", "egress"]);
}
