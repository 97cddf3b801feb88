//! Versions and decisions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::{
    plugin::tests::{a_plugin, approved, manifest, reviewer, upload},
    testing::TestStore,
};

#[tokio::test]
async fn a_version_is_taken_for_ever_but_the_same_upload_is_the_same_release() {
    let test = TestStore::open().await;
    let (plugin, developer) = a_plugin(&test, "crm-tasks").await;
    let one = manifest("crm-tasks", "1.0.0", &[]);
    let Uploaded::New(release) = upload(&test, &plugin, &developer, one.clone(), b"one").await
    else {
        panic!("not new")
    };
    assert_eq!(release.state, ReleaseState::Submitted);
    assert_eq!(release.component_bytes, 3);
    assert_eq!(
        upload(&test, &plugin, &developer, one.clone(), b"one").await,
        Uploaded::Same(release.clone())
    );
    let taken = Uploaded::VersionTaken(release.clone());
    assert_eq!(upload(&test, &plugin, &developer, one.clone(), b"other").await, taken);
    let mut reworded = one.clone();
    reworded.summary = "Makes better tasks.".to_owned();
    assert_eq!(upload(&test, &plugin, &developer, reworded, b"one").await, taken);
    let looked = test.release_of_version(&plugin.id, &one, &release.digest).await.unwrap();
    assert_eq!(looked, Some(Uploaded::Same(release)));
    let next = manifest("crm-tasks", "1.0.1", &[]);
    assert_eq!(test.release_of_version(&plugin.id, &next, "00").await.unwrap(), None);
}

#[tokio::test]
async fn a_release_is_decided_once_and_only_under_a_ceiling() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    let (plugin, developer) = &owned;
    let Uploaded::New(first) =
        upload(&test, plugin, developer, manifest("crm-tasks", "1.0.0", &[]), b"one").await
    else {
        panic!("not new")
    };
    assert_eq!(
        test.decide_release(&first.id, true, "fine", &reviewer).await.unwrap(),
        Change::WrongState("of a plugin without an approval")
    );
    let Change::Done(refused) =
        test.decide_release(&first.id, false, "it has no help page", &reviewer).await.unwrap()
    else {
        panic!("not refused")
    };
    assert_eq!(
        (refused.state, refused.decision_reason.as_str(), refused.decided_by),
        (ReleaseState::Refused, "it has no help page", Some(reviewer.user.clone()))
    );
    assert_eq!(
        test.decide_release(&first.id, true, "after all", &reviewer).await.unwrap(),
        Change::WrongState("refused")
    );
    assert_eq!(test.plugin("crm-tasks").await.unwrap().unwrap().state, PluginState::Draft);

    let second = approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.1", &[])).await;
    assert_eq!(second.state, ReleaseState::Approved);
    assert_eq!(test.plugin("crm-tasks").await.unwrap().unwrap().state, PluginState::Listed);
}

#[tokio::test]
async fn approving_a_release_of_a_suspended_plugin_does_not_list_it() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    test.suspend_plugin(&owned.0.id, "it leaks", &reviewer).await.unwrap();
    approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.0", &[])).await;
    assert_eq!(test.plugin("crm-tasks").await.unwrap().unwrap().state, PluginState::Suspended);
    assert_eq!(test.market("crm-tasks").await.unwrap(), None);
}

#[tokio::test]
async fn the_queue_of_a_reviewer_has_what_is_submitted_newest_first() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.0", &[])).await;
    for version in ["1.1.0", "1.2.0", "1.3.0"] {
        let manifest = manifest("crm-tasks", version, &[]);
        upload(&test, &owned.0, &owned.1, manifest, version.as_bytes()).await;
    }
    let state = Some(ReleaseState::Submitted);
    let first = test.releases_in_state(state, None, 2).await.unwrap();
    let after = first.next.as_ref().unwrap().parse().unwrap();
    let second = test.releases_in_state(state, Some(&after), 2).await.unwrap();
    let versions: Vec<_> =
        first.items.iter().chain(&second.items).map(|release| release.version.as_str()).collect();
    assert_eq!(versions, ["1.3.0", "1.2.0", "1.1.0"]);
    assert_eq!(second.next, None);
    assert_eq!(test.releases_in_state(None, None, 10).await.unwrap().items.len(), 4);
    assert_eq!(test.releases_page(&owned.0.id, None, 10).await.unwrap().items.len(), 4);
}
