#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
//! What the two sides, and a stranger, notice of a partnership's life and rules.
use venn_domain::sharing::{Level, Purpose};

use super::{Moved, PartnershipState, RulesSet};
use crate::{
    StoreError,
    audit::AuditFilter,
    pairing::fixture::{ACTOR, Two, rule},
};

#[tokio::test]
async fn the_other_side_accepts_and_either_ends() {
    let two = Two::proposed().await;
    let (store, id) = (&two.store, &two.id);
    let number = store.authority_no();
    let own = store.accept_partnership(ACTOR, &two.left, id).await.unwrap();
    assert_eq!(own, Moved::OwnProposal);
    let accepted = store.accept_partnership(ACTOR, &two.right, id).await.unwrap();
    let Moved::Done(accepted) = accepted else { panic!("{accepted:?}") };
    assert_eq!(accepted.state, PartnershipState::Active);
    assert!(!accepted.proposed_by_us);
    assert_eq!(accepted.partner_slug, "left");
    assert!(store.authority_no() > number);
    let again = store.accept_partnership(ACTOR, &two.right, id).await.unwrap();
    assert_eq!(again, Moved::WrongState(PartnershipState::Active));
    let number = store.authority_no();
    let ended = store.end_partnership(ACTOR, &two.left, id).await.unwrap();
    assert!(matches!(ended, Moved::Done(p) if p.state == PartnershipState::Ended));
    assert!(store.authority_no() > number, "running code must see it");
    for owner in [&two.left, &two.right] {
        let audit = store
            .audit_page(owner, &AuditFilter::of_action("partnership."), None, 10)
            .await
            .unwrap();
        let actions: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["partnership.ended", "partnership.accepted", "partnership.proposed"]);
    }
}

#[tokio::test]
async fn one_stands_per_pair_whoever_proposes() {
    let two = Two::proposed().await;
    let store = &two.store;
    for (us, partner) in [(&two.left, &two.right), (&two.right, &two.left)] {
        let error = store.propose_partnership(ACTOR, us, partner).await.unwrap_err();
        assert!(matches!(error, StoreError::Taken(_)), "{error}");
    }
    store.end_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    store.propose_partnership(ACTOR, &two.right, &two.left).await.unwrap();
}

#[tokio::test]
async fn to_a_stranger_it_does_not_exist() {
    let two = Two::agreed().await;
    let stranger = two.store.organization("stranger", "customer").await;
    let store = &two.store;
    assert_eq!(store.partnership(&stranger, &two.id).await.unwrap(), None);
    assert_eq!(store.sharing_rules(&stranger, &two.id).await.unwrap(), None);
    assert!(store.partnerships(&stranger, None, 10).await.unwrap().items.is_empty());
    let ended = store.end_partnership(ACTOR, &stranger, &two.id).await.unwrap();
    assert_eq!(ended, Moved::NotFound);
    let set = store.set_sharing_rules(ACTOR, &stranger, &two.id, vec![]).await.unwrap();
    assert_eq!(set, RulesSet::NotFound);
    assert_eq!(store.people_matrix(&stranger, &two.id).await.unwrap(), None);
}

#[tokio::test]
async fn on_accepting_every_shared_domain_waits_to_be_paired() {
    let two = Two::proposed().await;
    two.both("acme", "acme.com", ["customers", "customers"]).await;
    two.account(&two.left, "solo", "solo.com", "customers").await;
    two.account(&two.left, "none", "", "customers").await;
    two.account(&two.right, "none", "", "customers").await;
    two.store.sql("DELETE FROM pairing_work").await;
    two.store.accept_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    assert_eq!(two.store.text("SELECT domain FROM pairing_work").await, "acme.com");
    assert_eq!(two.store.pending_domains(&two.id).await.unwrap(), 1);
    two.store.end_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    assert_eq!(two.store.pending_domains(&two.id).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_hidden_is_not_even_named_to_the_partner() {
    let two = Two::agreed().await;
    let rules = vec![
        rule("customers", Level::Overlaps, &["name"], Purpose::View),
        rule("prospects", Level::Hidden, &[], Purpose::View),
    ];
    two.share(&two.left, rules.clone()).await;
    let theirs = two.store.sharing_rules(&two.right, &two.id).await.unwrap().unwrap().theirs;
    assert_eq!(theirs, rules[..1]);
    let ours = two.store.sharing_rules(&two.left, &two.id).await.unwrap().unwrap().ours;
    assert_eq!(ours, rules);
    let audit = two
        .store
        .audit_page(&two.right, &AuditFilter::of_action("sharing."), None, 10)
        .await
        .unwrap();
    assert!(!audit.items[0].detail.to_string().contains("prospects"));
    let unknown = vec![rule("vips", Level::All, &[], Purpose::View)];
    let set = two.store.set_sharing_rules(ACTOR, &two.left, &two.id, unknown).await.unwrap();
    assert_eq!(set, RulesSet::UnknownPopulations(vec!["vips".to_owned()]));
}

#[tokio::test]
async fn a_rule_that_shows_more_is_a_change_and_one_that_shows_less_is_not() {
    let two = Two::agreed().await;
    two.both("acme", "acme.com", ["customers", "customers"]).await;
    two.both("beta", "beta.com", ["customers", "prospects"]).await;
    two.pair().await;
    let install = two.install(&two.left, r#""overlaps-changed""#).await;
    let change_no = || two.store.number("SELECT change_no FROM partnership");
    let newest = |name: &'static str| {
        let sql = format!(
            "SELECT o.change_no FROM overlap o JOIN account a ON a.id = o.right_account
             WHERE a.name = '{name}'"
        );
        let store = &two.store;
        async move { store.number(&sql).await }
    };
    let start = change_no().await;
    let narrow = || rule("customers", Level::Overlaps, &["name"], Purpose::Plugins);
    // Counts show no overlap: nothing to read anew.
    let counts = vec![rule("customers", Level::Counts, &["name"], Purpose::Plugins)];
    assert_eq!(two.share(&two.right, counts).await, 0);
    assert_eq!(change_no().await, start);
    assert_eq!(two.share(&two.right, vec![narrow()]).await, 1, "one delivery");
    assert_eq!(change_no().await, start + 1);
    assert_eq!(newest("acme").await, start + 1);
    assert!(newest("beta").await <= start, "prospects stay hidden");
    // The same again, and less, are no change.
    assert_eq!(two.share(&two.right, vec![narrow()]).await, 0);
    assert_eq!(
        two.share(&two.right, vec![rule("customers", Level::Overlaps, &[], Purpose::View)]).await,
        0
    );
    assert_eq!(change_no().await, start + 1);
    // What waited of what is not to be read any more is given up. Purpose and fields count
    // too; one waiting delivery stands for both.
    two.share(&two.right, vec![rule("customers", Level::Overlaps, &[], Purpose::Egress)]).await;
    two.share(&two.right, vec![rule("customers", Level::Overlaps, &["tier"], Purpose::Egress)])
        .await;
    assert_eq!(change_no().await, start + 3);
    for (state, count) in [("dead", 1), ("ready", 1)] {
        let sql = format!("SELECT COUNT(*) FROM delivery WHERE state = '{state}'");
        assert_eq!(two.store.number(&sql).await, count, "{state}");
    }
    let notified =
        format!("SELECT notified_no FROM install_partnership WHERE install_id = '{install}'");
    assert_eq!(two.store.number(&notified).await, start + 3);
}
