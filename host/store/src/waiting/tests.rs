//! What waits for whom, in which order, and until when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::{
    install::tests::World,
    pairing::fixture::{ACTOR, Two},
    plugin::tests::{a_plugin, approved, manifest, reviewer, upload},
    release::Uploaded,
    testing::TestStore,
};

async fn seen(test: &TestStore, organization: &OrganizationId) -> Vec<(&'static str, String)> {
    let page = test.waiting(organization, None, 50).await.unwrap();
    page.items.into_iter().map(|item| (item.kind.name(), item.name + " " + &item.detail)).collect()
}

#[tokio::test]
async fn a_release_waits_for_the_platform_and_then_its_publisher_is_told() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    let (platform, publisher) = (&reviewer.organization, &owned.0.organization);
    let one = manifest("crm-tasks", "1.0.0", &[]);
    let Uploaded::New(first) = upload(&test, &owned.0, &owned.1, one, b"one").await else {
        panic!("not new")
    };
    let line = |kind, version| vec![(kind, format!("crm-tasks {version}"))];
    assert_eq!(seen(&test, platform).await, line("release-to-review", "1.0.0"));
    assert_eq!(seen(&test, publisher).await, []);
    test.decide_release(&first.id, false, "No help page.", &reviewer).await.unwrap();
    assert_eq!(seen(&test, platform).await, []);
    assert_eq!(seen(&test, publisher).await, line("release-refused", "1.0.0"));

    let second = approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.1", &[])).await;
    assert_eq!(seen(&test, publisher).await, line("release-approved", "1.0.1"));
    // Its own people's withdrawal is no news to it, the platform's is.
    test.withdraw_release(&second.id, "Oops.", &owned.1).await.unwrap();
    assert_eq!(seen(&test, publisher).await, []);
    let third = approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.2", &[])).await;
    test.withdraw_release(&third.id, "It leaks.", &reviewer.user).await.unwrap();
    assert_eq!(seen(&test, publisher).await, line("release-stopped", "1.0.2"));
    upload(&test, &owned.0, &owned.1, manifest("crm-tasks", "1.0.3", &[]), b"four").await;
    assert_eq!(seen(&test, publisher).await, []);
    assert_eq!(seen(&test, platform).await, line("release-to-review", "1.0.3"));
}

#[tokio::test]
async fn an_approval_is_news_for_a_week() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.0", &[])).await;
    let publisher = &owned.0.organization;
    test.clock.advance_ms(NEWS_MS - 1);
    assert_eq!(seen(&test, publisher).await.len(), 1);
    test.clock.advance_ms(1);
    assert_eq!(seen(&test, publisher).await, []);
}

#[tokio::test]
async fn who_has_an_install_is_told_of_its_plugin_and_its_release() {
    let world = World::new().await;
    let (test, admin) = (&world.test, &world.reviewer);
    let install = test.create_install(world.new_install("eu")).await.unwrap();
    let told = async || {
        let mut told = seen(test, &world.customer).await;
        told.extend(seen(test, &world.partner).await);
        told
    };
    assert_eq!(told().await, []);
    test.clock.advance_ms(1);
    test.suspend_plugin(&world.owned.0.id, "it leaks", admin).await.unwrap();
    assert_eq!(told().await, [("integration-suspended", "crm-tasks ".to_owned())]);
    let publisher = &world.owned.0.organization;
    let first = test.waiting(publisher, None, 1).await.unwrap().items.remove(0);
    assert_eq!((first.kind, first.since), (WaitingKind::PluginSuspended, test.now()));
    test.resume_plugin(&world.owned.0.id, admin).await.unwrap();
    assert_eq!(told().await, []);
    test.withdraw_release(&world.release.id, "twice", &world.owned.1).await.unwrap();
    assert_eq!(told().await, [("install-stopped", "eu crm-tasks".to_owned())]);
    drop(install);
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_and_leave_nothing_out() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    // Two at the same moment, then one by one.
    for (at, version) in ["1.0.0", "1.0.1", "1.0.2", "1.0.3"].into_iter().enumerate() {
        if at > 1 {
            test.clock.advance_ms(1);
        }
        upload(&test, &owned.0, &owned.1, manifest("crm-tasks", version, &[]), b"x").await;
    }
    let (mut versions, mut after) = (Vec::new(), None);
    loop {
        let page = test.waiting(&reviewer.organization, after.as_ref(), 1).await.unwrap();
        versions.extend(page.items.into_iter().map(|item| item.detail));
        let Some(next) = page.next else { break };
        after = Some(next.parse::<WaitingPlace>().unwrap());
    }
    assert_eq!(versions, ["1.0.3", "1.0.2", "1.0.1", "1.0.0"]);
}

#[tokio::test]
async fn a_proposal_waits_for_the_other_side_only() {
    let two = Two::proposed().await;
    assert_eq!(seen(&two.store, &two.left).await, []);
    let kinds: Vec<_> = seen(&two.store, &two.right).await.into_iter().map(|it| it.0).collect();
    assert_eq!(kinds, ["partnership-proposed"]);
    two.store.accept_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    assert_eq!(seen(&two.store, &two.right).await, []);
}

#[tokio::test]
async fn an_end_is_news_to_the_other_side_for_a_week() {
    let two = Two::agreed().await;
    let left = &two.left;
    two.store
        .sql(&format!(
            "INSERT INTO person (id, organization_id, email, name, created_at)
             VALUES ('{ACTOR}', '{left}', 'a@left.example', 'A', 0)"
        ))
        .await;
    two.store.end_partnership(ACTOR, left, &two.id).await.unwrap();
    assert_eq!(seen(&two.store, &two.left).await, []);
    let told = seen(&two.store, &two.right).await;
    assert_eq!(told.iter().map(|item| item.0).collect::<Vec<_>>(), ["partnership-ended"]);
    two.store.clock.advance_ms(NEWS_MS - 1);
    assert_eq!(seen(&two.store, &two.right).await, told);
    two.store.clock.advance_ms(1);
    assert_eq!(seen(&two.store, &two.right).await, []);
}

#[tokio::test]
async fn an_end_is_no_news_once_another_partnership_is_proposed() {
    let two = Two::agreed().await;
    two.store.end_partnership(ACTOR, &two.left, &two.id).await.unwrap();
    assert_eq!(seen(&two.store, &two.right).await.len(), 1);
    two.store.propose_partnership(ACTOR, &two.right, &two.left).await.unwrap();
    assert_eq!(seen(&two.store, &two.right).await, []);
}

#[tokio::test]
async fn a_compromised_key_stops_a_release_and_both_its_publisher_and_its_customers_are_told() {
    let world = World::new().await;
    let test = &world.test;
    let install = world.active().await;
    let publisher = &world.owned.0.organization;
    assert_eq!(seen(test, &world.customer).await, []);
    test.sql("UPDATE signing_key SET revoked_because = 'compromised', revoked_at = 7, distrusted_from = 0")
        .await;
    assert_eq!(
        seen(test, &world.customer).await,
        [("install-distrusted", "portal crm-tasks".to_owned())]
    );
    assert_eq!(
        seen(test, publisher).await,
        [("release-distrusted", format!("crm-tasks {}", world.release.manifest.version))]
    );
    let shown = test.install(&install.organization, &install.id).await.unwrap().unwrap();
    assert_eq!(shown.stopped, world.stopped(&install).await);
    assert!(shown.stopped.is_some());
}
