//! Webhooks that are open: what their calls are checked against, and that a call is one event.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    id::WebhookId,
    limits,
    webhook::{Signature, Webhook},
};

use super::{
    intake::{NewCall, REMEMBERED_MS, Receipt, Taken},
    *,
};
use crate::{
    audit::AuditFilter,
    install::{
        change::InstallChange,
        tests::{World, done},
    },
    installation::NewSeals,
    publisher_credential::{CredentialKind, NewCredential},
    secret::tests::keys,
};

const SHOP: &str = "canary-8f742231b10e8888abcd99yy";

fn one_key() -> Arc<Keys> {
    keys("k1", &[("k1", 7)])
}

fn value(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn entry(name: &str, routing: Option<&str>) -> Webhook {
    Webhook {
        name: name.to_owned(),
        title: "Orders".to_owned(),
        signature: Signature::Slack,
        header: None,
        encoding: None,
        prefix: None,
        id: None,
        routing: routing.map(ToOwned::to_owned),
        answers: false,
    }
}

/// A plugin that listens to a shop for each install, and to a chat for all of them.
async fn world() -> World {
    World::with_webhooks(vec![entry("shop", None), entry("chat", Some("/team"))]).await
}

async fn try_open(
    world: &World,
    install: &Install,
    name: &str,
    by: By,
) -> Result<Opened, StoreError> {
    world.test.open_webhook(one_key(), install, name, by, &world.admin).await.map(done)
}

async fn open(world: &World, install: &Install, name: &str, by: By) -> OpenWebhook {
    try_open(world, install, name, by).await.unwrap().webhook
}

async fn shop(world: &World, install: &Install) -> OpenWebhook {
    open(world, install, "shop", By::Secret(value(SHOP))).await
}

async fn chat(world: &World, install: &Install, key: &str) -> Result<OpenWebhook, StoreError> {
    let opened = try_open(world, install, "chat", By::Key(key.to_owned())).await?;
    Ok(opened.webhook)
}

/// The secrets that are good at an install's own URL; none if that is not one.
async fn good(world: &World, id: &WebhookId) -> Option<Vec<String>> {
    let found = world.test.webhook_called(&one_key(), id).await.unwrap();
    let text = |one: &secret::Opened| String::from_utf8(one.expose().to_vec()).unwrap();
    found.map(|(_, called)| called.secrets.iter().map(text).collect())
}

async fn called(world: &World, to: &OpenWebhook, event: &str) -> Taken {
    let call = NewCall { event: event.to_owned(), kind: "webhook", payload: "{}".to_owned() };
    world.test.take_call(to, call).await.unwrap()
}

/// The receipt; none if it is closed.
async fn take(world: &World, to: &OpenWebhook, event: &str) -> Option<Receipt> {
    match called(world, to, event).await {
        Taken::Call(receipt) => Some(receipt),
        Taken::Closed => None,
        Taken::Full(limit) => panic!("{limit}"),
    }
}

/// Actions on webhooks in the customer's audit, newest first.
async fn told(world: &World) -> Vec<String> {
    let filter = AuditFilter { action: Some("webhook.".to_owned()), ..AuditFilter::default() };
    let told = world.test.audit_page(&world.customer, &filter, None, 10).await.unwrap();
    told.items.iter().map(|entry| entry.action.clone()).collect()
}

async fn events(world: &World) -> i64 {
    world.test.number("SELECT COUNT(*) FROM event WHERE kind = 'webhook'").await
}

#[tokio::test]
async fn a_secret_is_sealed_rotated_without_a_gap_and_forgotten() {
    let world = world().await;
    let install = world.active().await;
    let opened = shop(&world, &install).await;
    assert_eq!(good(&world, &opened.id).await.unwrap(), [SHOP]);
    assert!(!world.test.holds(SHOP.as_bytes()), "it lies there in the clear");
    let until = world.test.now().plus_ms(1_000);
    let rotate = async |text: &str| {
        let (id, admin) = (&install.id, &world.admin);
        let done =
            world.test.rotate_webhook(one_key(), id, "shop", value(text), until, admin).await;
        assert!(matches!(done.unwrap(), Change::Done(_)));
    };
    rotate("second").await;
    assert_eq!(good(&world, &opened.id).await.unwrap(), ["second", SHOP]);
    rotate("third").await;
    world.test.sweep_webhooks().await.unwrap();
    assert_eq!(good(&world, &opened.id).await.unwrap(), ["third", "second"]);
    world.test.clock.advance_ms(1_000);
    assert_eq!(good(&world, &opened.id).await.unwrap(), ["third"]);
    world.test.sweep_webhooks().await.unwrap();
    assert_eq!(world.test.number("SELECT COUNT(*) FROM secret WHERE version < 3").await, 1);
    // Opened again it stays as it is.
    let again = try_open(&world, &install, "shop", By::Secret(value("fourth"))).await;
    let again = again.unwrap();
    assert_eq!((&again.webhook.id, again.is_new), (&opened.id, false));
    assert_eq!(good(&world, &opened.id).await.unwrap(), ["third"]);
    let closed = world.test.close_webhook(&install.id, "shop", &world.admin).await;
    assert!(closed.unwrap());
    assert_eq!(good(&world, &opened.id).await, None);
    assert_eq!(take(&world, &opened, "one").await, None, "it was on its way");
    let rotated = "webhook.rotated";
    assert_eq!(told(&world).await, ["webhook.closed", rotated, rotated, "webhook.opened"]);
}

#[tokio::test]
async fn the_same_event_is_taken_once_however_often_and_at_once_it_comes() {
    let world = world().await;
    let opened = shop(&world, &world.active().await).await;
    let calls = (0..100).map(|_| take(&world, &opened, "one"));
    let receipts = futures::future::join_all(calls).await;
    let first = receipts[0].clone().unwrap().delivery;
    assert!(receipts.iter().all(|one| one.as_ref().unwrap().delivery == first));
    assert_eq!(receipts.iter().filter(|one| one.as_ref().unwrap().is_new).count(), 1);
    assert_eq!(events(&world).await, 1);
    assert!(take(&world, &opened, "two").await.unwrap().is_new);
    world.test.clock.advance_ms(REMEMBERED_MS - 1);
    world.test.sweep_webhooks().await.unwrap();
    assert_eq!(take(&world, &opened, "one").await.unwrap().delivery, first, "sent again");
    world.test.clock.advance_ms(1);
    assert!(take(&world, &opened, "one").await.unwrap().is_new, "nobody sends it so late");
    world.test.clock.advance_ms(REMEMBERED_MS);
    world.test.sweep_webhooks().await.unwrap();
    assert_eq!(world.test.number("SELECT COUNT(*) FROM webhook_receipt").await, 0);
}

#[tokio::test]
async fn what_came_before_is_known_before_anything_is_spent_for_it() {
    let world = world().await;
    let opened = shop(&world, &world.active().await).await;
    let known = async |event: &str| world.test.known_call(&opened.id, event).await.unwrap();
    assert_eq!(known("one").await, None);
    let first = take(&world, &opened, "one").await.unwrap();
    assert_eq!(known("one").await, Some(Receipt { is_new: false, ..first }));
    assert_eq!(known("two").await, None);
    world.test.clock.advance_ms(REMEMBERED_MS);
    assert_eq!(known("one").await, None);
}

#[tokio::test]
async fn no_more_waits_for_an_install_than_may() {
    let world = world().await;
    let install = world.active().await;
    let opened = shop(&world, &install).await;
    let other = shop(&world, &world.active_as("other").await).await;
    take(&world, &opened, "one").await.unwrap();
    // The payload has two bytes, and so the next one just fits.
    let bytes = limits::WEBHOOK_WAITING_BYTES - 2;
    world.test.sql(&format!("UPDATE delivery SET call_bytes = {bytes} WHERE call_bytes > 0")).await;
    take(&world, &opened, "two").await.unwrap();
    let full = |limit| Taken::Full(limit);
    assert_eq!(called(&world, &opened, "three").await, full("webhook.waiting.bytes"));
    assert!(!take(&world, &opened, "two").await.unwrap().is_new, "it is there already");
    assert!(take(&world, &other, "one").await.is_some(), "another install's room");
    world.test.sql("UPDATE delivery SET call_bytes = 1 WHERE call_bytes > 0").await;
    let more = limits::WEBHOOK_WAITING - 3;
    world
        .test
        .sql(&format!(
            "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
                 state_reason, attempt, step, not_before, fence, progress_done, progress_total,
                 created_at, is_next, call_bytes)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more})
             SELECT d.id || CAST(n.i AS text), d.event_id, d.install_id, d.organization_id,
                 d.subject, 'parked', '', 0, 0, 0, 0, 0, 0, 0, 0, 1
             FROM n, (SELECT * FROM delivery WHERE install_id = '{}' AND call_bytes > 0
                      ORDER BY id LIMIT 1) d",
            install.id
        ))
        .await;
    assert!(take(&world, &opened, "three").await.unwrap().is_new, "the last that may");
    assert_eq!(called(&world, &opened, "four").await, full("webhook.waiting"));
    world.test.sql("UPDATE delivery SET state = 'done' WHERE state = 'ready'").await;
    assert!(take(&world, &opened, "four").await.unwrap().is_new, "there is room again");
    assert_eq!(events(&world).await, 5, "what was not taken is not there");
}

#[tokio::test]
async fn calls_of_an_installs_webhook_wait_for_each_other_and_for_nothing_else() {
    let world = world().await;
    let opened = shop(&world, &world.active().await).await;
    take(&world, &opened, "one").await.unwrap();
    let subject = world.test.text("SELECT subject FROM event WHERE kind = 'webhook'").await;
    assert_eq!(subject, "shop");
}

#[tokio::test]
async fn one_customer_of_the_sender_is_one_install() {
    let world = world().await;
    let (first, second) = (world.active().await, world.active_as("other").await);
    let opened = chat(&world, &first, "T1").await.unwrap();
    let taken = chat(&world, &second, "T1").await.unwrap_err();
    assert_eq!(taken.to_string(), "already there: The routing key");
    chat(&world, &second, "T2").await.unwrap();
    let of = async |key: &str| {
        let found = world.test.webhook_of_key(&first.plugin, "chat", key).await.unwrap();
        found.map(|one| one.install)
    };
    assert_eq!(of("T1").await, Some(first.id.clone()));
    assert_eq!(of("T2").await, Some(second.id.clone()));
    for nobody in ["T3", ""] {
        assert_eq!(of(nobody).await, None, "{nobody:?}");
    }
    assert_eq!(good(&world, &opened.id).await, None, "it has no URL of its own");
    take(&world, &opened, "one").await.unwrap();
    let subject = world.test.text("SELECT subject FROM event WHERE kind = 'webhook'").await;
    assert_eq!(subject, "T1");
    chat(&world, &first, "T4").await.unwrap();
    assert_eq!((of("T1").await, of("T4").await), (None, Some(first.id.clone())));
    let before = "SELECT detail_json FROM audit WHERE action = 'webhook.opened'
        ORDER BY seq DESC LIMIT 1";
    let before = world.test.text(before).await;
    assert!(before.contains(r#""previous_routing_key":"T1""#), "{before}");
    let again = try_open(&world, &first, "chat", By::Key("T4".to_owned())).await;
    assert!(!again.unwrap().is_new);
    world.changed(&first, InstallChange::Uninstall).await;
    assert_eq!(told(&world).await[0], "webhook.closed");
    assert_eq!(of("T4").await, None, "it is free again");
    chat(&world, &second, "T4").await.unwrap();
}

#[tokio::test]
async fn a_plugins_url_has_the_publishers_secret_of_the_newest_release() {
    let world = world().await;
    let called = async |name: &str| {
        let found = world.test.plugin_webhook_called(&one_key(), "crm-tasks", name).await.unwrap();
        found.map(|called| called.secrets.len())
    };
    assert_eq!(called("chat").await, Some(0), "nobody has put it");
    assert_eq!((called("shop").await, called("none").await), (None, None));
    let (plugin, actor) = &world.owned;
    let new = NewCredential {
        organization: plugin.organization.clone(),
        plugin: plugin.id.clone(),
        name: "chat".to_owned(),
        kind: CredentialKind::WebhookSecret,
        host: String::new(),
        client_id: String::new(),
        actor: actor.clone(),
    };
    world.test.set_credential(one_key(), new, value(SHOP)).await.unwrap();
    assert_eq!(called("chat").await, Some(1));
    world.another_release(Vec::new()).await;
    assert_eq!(called("chat").await, None, "the newest has none");
    world.test.sql("UPDATE release SET state = 'submitted' WHERE version = '2.0.0'").await;
    assert_eq!(called("chat").await, Some(1), "nobody has approved that one");
}

#[tokio::test]
async fn what_is_not_enabled_any_more_or_declares_it_no_more_is_not_called() {
    let world = world().await;
    let install = world.active().await;
    let opened = shop(&world, &install).await;
    let paused = world.changed(&install, InstallChange::Pause).await;
    assert!(good(&world, &opened.id).await.is_some(), "its events wait");
    assert!(take(&world, &opened, "one").await.unwrap().is_new);
    let shown = world.test.webhooks(&install.id).await.unwrap().remove(0);
    assert_eq!(shown.received_at, Some(world.test.now()));
    let newer = world.another_release(Vec::new()).await;
    world.changed(&paused, InstallChange::Upgrade(newer.id.into())).await;
    assert_eq!(good(&world, &opened.id).await, None);
    assert_eq!(take(&world, &opened, "two").await, None);
    let secrets = format!("SELECT COUNT(*) FROM secret WHERE credential_id = '{}'", opened.id);
    assert_eq!(world.test.number(&secrets).await, 0);
    assert_eq!(told(&world).await, ["webhook.closed", "webhook.opened"]);
    world.changed(&paused, InstallChange::Uninstall).await;
    for table in ["webhook", "webhook_receipt"] {
        let left = world.test.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(left, 0, "{table}");
    }
    let draft = done(world.test.create_install(world.new_install("draft")).await.unwrap());
    let by = By::Secret(value(SHOP));
    let refused = world.test.open_webhook(one_key(), &draft, "shop", by, &world.admin).await;
    assert!(matches!(refused.unwrap(), Change::WrongState("not enabled yet")));
}

#[tokio::test]
async fn with_lost_keys_secrets_are_gone_and_routing_keys_stay() {
    let world = world().await;
    let install = world.active().await;
    let opened = shop(&world, &install).await;
    chat(&world, &install, "T1").await.unwrap();
    let seals = NewSeals {
        fingerprint: "f".to_owned(),
        keys: Vec::new(),
        signatures: Vec::new(),
        unsound: Vec::new(),
        reason: "lost".to_owned(),
    };
    world.test.replace_seals(seals).await.unwrap();
    assert_eq!(good(&world, &opened.id).await, None);
    let left = world.test.webhooks(&install.id).await.unwrap();
    assert_eq!(left.iter().map(|one| one.routing_key.as_str()).collect::<Vec<_>>(), ["T1"]);
}
