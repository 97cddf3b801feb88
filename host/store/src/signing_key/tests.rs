//! Registering, rotating and revoking keys, and what becomes of releases.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use venn_domain::signing::Trust;

use super::*;
use crate::{
    install::tests::World,
    plugin::tests::{a_plugin, signed},
    release::{NewSignature, ReleaseState},
    testing::TestStore,
};

fn new(
    test: &TestStore,
    organization: &OrganizationId,
    actor: &UserId,
    right: Right,
) -> NewSigningKey {
    let id = SigningKeyId::make(test.ids());
    NewSigningKey {
        organization: organization.clone(),
        name: "laptop".to_owned(),
        public_key: format!("public half of {id}"),
        seal: vec![1],
        right,
        actor: actor.clone(),
        id,
    }
}

/// An active key of the organization.
pub(crate) async fn a_key(
    test: &TestStore,
    organization: &OrganizationId,
    actor: &UserId,
) -> SigningKeyId {
    let page = test.signing_keys_page(organization, None, 50).await.unwrap();
    if let Some(key) = page.items.into_iter().find(|key| key.revoked.is_none()) {
        return key.id;
    }
    let new = new(test, organization, actor, Right::Admin);
    done(test.register_signing_key(new).await.unwrap()).id
}

fn done(change: Change<SigningKey>) -> SigningKey {
    match change {
        Change::Done(key) => key,
        other => panic!("{other:?}"),
    }
}

fn stolen(actor: &UserId, from: Timestamp) -> Revocation {
    Revocation {
        reason: RevocationReason::Compromised,
        distrusted_from: Some(from),
        seal: vec![2],
        actor: actor.clone(),
    }
}

fn retired(actor: &UserId) -> Revocation {
    Revocation {
        reason: RevocationReason::Retired,
        distrusted_from: None,
        ..stolen(actor, Timestamp(0))
    }
}

#[tokio::test]
async fn a_first_key_is_first_once_and_another_ones_word_counts_while_it_is_active() {
    let test = TestStore::open().await;
    let (plugin, developer) = a_plugin(&test, "crm-tasks").await;
    let org = &plugin.organization;
    assert!(!test.has_signing_keys(org).await.unwrap());
    let first = new(&test, org, &developer, Right::First);
    let first = done(test.register_signing_key(first).await.unwrap());
    let again = new(&test, org, &developer, Right::First);
    assert_eq!(
        test.register_signing_key(again).await.unwrap(),
        Change::WrongState("not the first one any more")
    );
    let second = new(&test, org, &developer, Right::Replaces(first.id.clone()));
    let second = done(test.register_signing_key(second).await.unwrap());
    assert_eq!(second.endorsed_by, Some(first.id.clone()));
    let now = test.signing_key(&first.id).await.unwrap().unwrap();
    assert_eq!(now.revoked.map(|(reason, ..)| reason), Some(RevocationReason::Retired));
    // Neither a retired key nor another organization's speaks for one.
    let (other, stranger) = a_plugin(&test, "other").await;
    let foreign = a_key(&test, &other.organization, &stranger).await;
    for endorser in [first.id, foreign] {
        let third = new(&test, org, &developer, Right::Endorsed(endorser));
        assert_eq!(
            test.register_signing_key(third).await.unwrap(),
            Change::WrongState("endorsed by a key that is revoked")
        );
    }
    let mut twice = new(&test, &other.organization, &stranger, Right::Admin);
    twice.public_key = second.public_key;
    let error = test.register_signing_key(twice).await.unwrap_err();
    assert_eq!(error.to_string(), "already there: The public key");
}

#[tokio::test]
async fn a_retired_key_can_turn_out_stolen_and_not_the_other_way_round() {
    let test = TestStore::open().await;
    let (plugin, developer) = a_plugin(&test, "crm-tasks").await;
    let key = a_key(&test, &plugin.organization, &developer).await;
    done(test.revoke_signing_key(&key, retired(&developer)).await.unwrap());
    assert_eq!(
        test.revoke_signing_key(&key, retired(&developer)).await.unwrap(),
        Change::WrongState("retired")
    );
    done(test.revoke_signing_key(&key, stolen(&developer, test.now())).await.unwrap());
    assert_eq!(
        test.revoke_signing_key(&key, retired(&developer)).await.unwrap(),
        Change::WrongState("compromised")
    );
}

#[tokio::test]
async fn what_a_retired_key_signed_goes_on() {
    let world = World::new().await;
    let (test, developer) = (&world.test, &world.owned.1);
    let install = world.active().await;
    let key = world.release.signature.as_ref().unwrap().key.clone();
    done(test.revoke_signing_key(&key, retired(developer)).await.unwrap());
    assert_eq!(world.stopped(&install).await, None);
}

#[tokio::test]
async fn what_a_stolen_key_signed_stops_at_once_until_it_is_signed_and_approved_anew() {
    let world = World::new().await;
    let (test, (plugin, developer)) = (&world.test, &world.owned);
    let install = world.active().await;
    let (release, key) = (&world.release, world.release.signature.as_ref().unwrap().key.clone());
    let before = test.authority_no();
    // Stolen after the release was signed: it stands.
    let later = test.now().plus_ms(1);
    done(test.revoke_signing_key(&key, stolen(developer, later)).await.unwrap());
    assert_eq!(world.stopped(&install).await, None);
    assert!(test.authority_no() > before, "running code looks again");
    // Stolen before: it does not.
    let from = test.now().0;
    test.sql(&format!("UPDATE signing_key SET distrusted_from = {from}")).await;
    assert_eq!(
        world.stopped(&install).await,
        Some(format!("the key {key} that signed the release is compromised"))
    );
    assert_eq!(test.market("crm-tasks").await.unwrap(), None);
    let before = test.authority_no();
    let signature = signed(test, plugin, developer).await;
    assert_ne!(signature.key, key);
    let again =
        |signature: NewSignature| test.sign_release(&release.id, "{}", signature, developer);
    // The manifest's text is replaced by what was signed: this one is not it.
    let manifest = serde_json::to_string(&release.manifest).unwrap();
    let resigned = test.sign_release(&release.id, &manifest, signature.clone(), developer).await;
    let resigned = resigned.unwrap().unwrap();
    assert_eq!((resigned.state, resigned.trust()), (ReleaseState::Submitted, Trust::Signed));
    assert!(test.authority_no() > before);
    assert_eq!(
        world.stopped(&install).await.as_deref(),
        Some("the release is submitted, not approved")
    );
    // What is signed is not signed over.
    assert_eq!(again(signature).await.unwrap(), Some(resigned));
    let decided = test.decide_release(&release.id, true, "looked again", &world.reviewer).await;
    assert!(matches!(decided.unwrap(), Change::Done(_)));
    assert_eq!(world.stopped(&install).await, None);
}

#[tokio::test]
async fn a_release_that_is_older_than_signing_does_not_run_until_it_is_published_again() {
    let world = World::new().await;
    let (test, (plugin, developer)) = (&world.test, &world.owned);
    let install = world.active().await;
    test.sql("DELETE FROM release_signature").await;
    assert_eq!(
        world.stopped(&install).await.as_deref(),
        Some("the release is not signed by its publisher")
    );
    assert_eq!(test.market("crm-tasks").await.unwrap(), None);
    assert_eq!(
        test.create_install(world.new_install("second")).await.unwrap(),
        Change::WrongState("not listed in the marketplace with this release")
    );
    let signature = signed(test, plugin, developer).await;
    let manifest = serde_json::to_string(&world.release.manifest).unwrap();
    let now = test.sign_release(&world.release.id, &manifest, signature, developer).await.unwrap();
    // What was approved is these bytes and this manifest.
    assert_eq!(now.map(|release| release.state), Some(ReleaseState::Approved));
    assert_eq!(world.stopped(&install).await, None);
}
