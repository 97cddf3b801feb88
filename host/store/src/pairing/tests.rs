#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
//! What stands after a batch, whatever happened before, meanwhile and between.
use venn_domain::{id::AccountId, lineage::Lineage};

use super::{
    Decided, DecisionKind, NewDecision, Written,
    fixture::{ACTOR, Two},
};

const CUSTOMERS: [&str; 2] = ["customers", "customers"];

async fn live(two: &Two) -> i64 {
    two.store.number("SELECT COUNT(*) FROM overlap WHERE live = 1").await
}

async fn change_no(two: &Two) -> i64 {
    two.store.number("SELECT change_no FROM partnership").await
}

async fn decide(two: &Two, ours: &AccountId, theirs: &AccountId, kind: DecisionKind) -> Decided {
    let (ours, theirs) = (ours.clone(), theirs.clone());
    let new = NewDecision { partnership: two.id.clone(), ours, theirs, kind };
    two.store.decide_pair(ACTOR, &two.left, new).await.unwrap()
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let two = Two::agreed().await;
    let [_, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.account(&two.left, "left over", "acme.com", "customers").await;
    let written = two.pair().await;
    assert_eq!(written, Written { added: 1, ..Written::default() });
    assert_eq!(change_no(&two).await, 1);
    assert_eq!(two.store.number("SELECT COUNT(*) FROM unpaired").await, 1);
    two.touch("acme.com").await;
    assert_eq!(two.pair().await, Written::default());
    assert_eq!(change_no(&two).await, 1, "no number where nothing changed");
    two.change(&right, "acme.com", "population = 'prospects'").await;
    assert_eq!(two.pair().await, Written { changed: 1, ..Written::default() });
    assert_eq!(change_no(&two).await, 2);
    assert_eq!(two.store.text("SELECT right_population FROM overlap").await, "prospects");
}

#[tokio::test]
async fn a_pair_that_returns_is_the_same_one() {
    let two = Two::agreed().await;
    let [_, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    let id = two.store.text("SELECT id FROM overlap").await;
    two.change(&right, "acme.com", "name = 'other'").await;
    assert_eq!(two.pair().await, Written { removed: 1, ..Written::default() });
    assert_eq!(live(&two).await, 0);
    two.change(&right, "acme.com", "name = 'acme'").await;
    assert_eq!(two.pair().await, Written { added: 1, ..Written::default() });
    assert_eq!(two.store.text("SELECT id FROM overlap WHERE live = 1").await, id);
    assert_eq!(two.store.number("SELECT added_no FROM overlap").await, 3);
}

#[tokio::test]
async fn an_overlap_goes_with_its_account() {
    let two = Two::agreed().await;
    let [left, _] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    two.remove(&left, "acme.com").await;
    assert_eq!(two.pair().await, Written { removed: 1, ..Written::default() });
    assert_eq!(live(&two).await, 0);
}

#[tokio::test]
async fn two_accounts_that_move_together_stay_one_overlap() {
    let two = Two::agreed().await;
    let [left, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    // Taken two at a time, in alphabetical order: the old domain goes alone first.
    for (account, old) in [(&left, "acme.com"), (&right, "acme.com")] {
        two.change(account, old, "domain = 'zeta.com'").await;
        two.touch("zeta.com").await;
    }
    two.touch("beta.com").await;
    two.pair().await;
    assert_eq!(live(&two).await, 1);
    assert_eq!(two.store.number("SELECT COUNT(*) FROM overlap").await, 1);
    assert_eq!(two.store.text("SELECT domain FROM overlap").await, "zeta.com");
}

#[tokio::test]
async fn a_change_between_reading_and_writing_is_not_lost() {
    let two = Two::agreed().await;
    let [left, _] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let batch = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    // An import commits now, and touches what was just read.
    two.remove(&left, "acme.com").await;
    let (l, r) = (batch.left[0].id.clone(), batch.right[0].id.clone());
    let pair = super::FoundPair { left: l, right: r, evidence: "name", confidence: "sure" };
    let found = super::Found { pairs: vec![pair], unpaired: vec![] };
    two.store.write_pairing(batch, found).await.unwrap();
    assert_eq!(two.store.pending_domains(&two.id).await.unwrap(), 1, "it waits again");
    two.pair().await;
    assert_eq!(live(&two).await, 0);
}

#[tokio::test]
async fn a_batch_that_a_crash_interrupted_is_done_first() {
    let two = Two::agreed().await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    assert_eq!(two.store.take_pairing(&two.id, 10).await.unwrap(), 1);
    // The worker is gone here; the next one begins anew.
    two.both("beta", "beta.com", CUSTOMERS).await;
    assert_eq!(two.store.partnership_with_work(None).await.unwrap(), Some(two.id.clone()));
    assert_eq!(two.store.take_pairing(&two.id, 10).await.unwrap(), 1);
    two.pair_taken().await;
    assert_eq!(live(&two).await, 1);
    two.pair().await;
    assert_eq!(live(&two).await, 2);
    assert_eq!(two.store.partnership_with_work(None).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_workers_that_read_the_same_batch_only_one_writes() {
    let two = Two::agreed().await;
    let [left, _] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let slow = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    let pair = super::FoundPair {
        left: slow.left[0].id.clone(),
        right: slow.right[0].id.clone(),
        evidence: "name",
        confidence: "sure",
    };
    two.pair_taken().await;
    two.remove(&left, "acme.com").await;
    two.pair().await;
    let found = super::Found { pairs: vec![pair], unpaired: vec![] };
    assert_eq!(two.store.write_pairing(slow, found).await.unwrap(), Written::default());
    assert_eq!(live(&two).await, 0, "what the slow one found is stale");
}

#[tokio::test]
async fn what_was_found_before_the_end_is_not_written_after_it() {
    let two = Two::agreed().await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let batch = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    let (l, r) = (batch.left[0].id.clone(), batch.right[0].id.clone());
    two.store.end_partnership(ACTOR, &two.right, &two.id).await.unwrap();
    let pair = super::FoundPair { left: l, right: r, evidence: "name", confidence: "sure" };
    let found = super::Found { pairs: vec![pair], unpaired: vec![] };
    assert_eq!(two.store.write_pairing(batch, found).await.unwrap(), Written::default());
    assert_eq!(live(&two).await, 0);
}

#[tokio::test]
async fn many_batches_make_one_delivery_until_it_is_taken() {
    let two = Two::agreed().await;
    let install = two.install(&two.left, r#""overlaps-changed""#).await;
    let other = two.install(&two.right, r#""overlaps-changed""#).await;
    two.install(&two.left, r#""schedule""#).await;
    for n in 0..5 {
        two.both("acme", &format!("acme{n}.com"), CUSTOMERS).await;
    }
    let written = two.pair().await;
    assert_eq!((written.added, written.deliveries), (5, 2), "one per install that wants it");
    let deliveries = two.store.number("SELECT COUNT(*) FROM delivery").await;
    assert_eq!(deliveries, 2);
    let payload = two.store.text("SELECT payload FROM event").await;
    assert_eq!(payload, r#"{"reason":"changes","cursor":null}"#);
    for install in [&install, &other] {
        let sql =
            format!("SELECT notified_no FROM install_partnership WHERE install_id = '{install}'");
        assert_eq!(two.store.number(&sql).await, change_no(&two).await);
    }
    // One is being delivered: what changes now may come too late for it.
    let lease =
        format!("UPDATE delivery SET state = 'leased', attempt = 1 WHERE install_id = '{install}'");
    two.store.sql(&lease).await;
    two.both("beta", "beta.com", CUSTOMERS).await;
    assert_eq!(two.pair().await.deliveries, 1);
    two.store.sql("UPDATE install SET state = 'paused'").await;
    two.both("gamma", "gamma.com", CUSTOMERS).await;
    assert_eq!(two.pair().await.deliveries, 0);
}

#[tokio::test]
async fn only_what_is_untouched_stands_for_what_changes_now() {
    let two = Two::agreed().await;
    two.install(&two.left, r#""overlaps-changed""#).await;
    let made = async |name: &str| {
        two.both(name, &format!("{name}.com"), CUSTOMERS).await;
        two.pair().await.deliveries
    };
    assert_eq!((made("first").await, made("second").await), (1, 0));
    let backfill = r#"{"reason":"backfill","cursor":null}"#;
    for (number, touched) in [
        "UPDATE delivery SET state = 'leased'",
        "UPDATE delivery SET attempt = 1",
        "UPDATE delivery SET step = 1, continuation = 'page-2'",
        &format!("UPDATE event SET payload = '{backfill}'"),
    ]
    .into_iter()
    .enumerate()
    {
        two.store.sql(touched).await;
        let name = |which: &str| format!("{which}{number}");
        assert_eq!((made(&name("a")).await, made(&name("b")).await), (1, 0), "{touched}");
    }
}

#[tokio::test]
async fn decisions_are_remembered_over_an_import() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    let [left, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    assert_eq!(decide(&two, &left, &right, DecisionKind::Reject).await, Decided::Done);
    assert_eq!(two.pair().await, Written { removed: 1, ..Written::default() });
    two.change(&left, "acme.com", "owner = 'somebody else'").await;
    two.pair().await;
    assert_eq!(live(&two).await, 0, "still rejected");
    // It can be taken back, although the overlap is gone.
    assert_eq!(decide(&two, &left, &right, DecisionKind::Confirm).await, Decided::Done);
    two.pair().await;
    assert_eq!(live(&two).await, 1);
}

#[tokio::test]
async fn a_link_across_domains_stands_and_falls_with_both_accounts() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    let left = two.account(&two.left, "old name", "old.com", "customers").await;
    let right = two.account(&two.right, "new name", "new.com", "customers").await;
    let rival = two.account(&two.right, "old name", "old.com", "customers").await;
    two.pair().await;
    assert_eq!(decide(&two, &left, &right, DecisionKind::Link).await, Decided::Done);
    let written = two.pair().await;
    assert_eq!((written.added, written.removed), (1, 1), "the rival is free");
    assert_eq!(two.store.text("SELECT domain FROM overlap WHERE live = 1").await, "old.com");
    // A change on either domain is a change of the overlap.
    two.change(&right, "new.com", "owner = 'somebody else'").await;
    assert_eq!(two.pair().await.changed, 1);
    // The link's other account goes: the rule pairs again, on the untouched domain.
    two.remove(&right, "new.com").await;
    let written = two.pair().await;
    assert_eq!((written.added, written.removed), (1, 1));
    let sql = "SELECT right_account FROM overlap WHERE live = 1";
    assert_eq!(two.store.text(sql).await, rival.to_string());
}

#[tokio::test]
async fn accounts_without_a_domain_can_be_linked() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    let left = two.account(&two.left, "one", "", "customers").await;
    let right = two.account(&two.right, "two", "", "customers").await;
    assert_eq!(decide(&two, &left, &right, DecisionKind::Link).await, Decided::Done);
    assert_eq!(two.pair().await, Written { added: 1, ..Written::default() });
    two.both("acme", "acme.com", CUSTOMERS).await;
    assert_eq!(two.pair().await, Written { added: 1, ..Written::default() });
    assert_eq!(live(&two).await, 2);
}

#[tokio::test]
async fn nobody_decides_about_what_it_cannot_see() {
    use venn_domain::sharing::{Level, Purpose};
    let two = Two::agreed().await;
    let [left, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    let free = two.account(&two.right, "free", "free.com", "customers").await;
    two.pair().await;
    let kinds = [DecisionKind::Confirm, DecisionKind::Reject, DecisionKind::Link];
    let level = |level| vec![super::fixture::rule("customers", level, &[], Purpose::View)];
    for hidden in [vec![], level(Level::Hidden), level(Level::Counts)] {
        two.share(&two.right, hidden).await;
        for kind in kinds {
            assert_eq!(decide(&two, &left, &right, kind).await, Decided::NotFound);
        }
    }
    two.share(&two.right, level(Level::Overlaps)).await;
    assert_eq!(decide(&two, &left, &free, DecisionKind::Link).await, Decided::NotFound);
    assert_eq!(decide(&two, &right, &left, DecisionKind::Link).await, Decided::NotFound);
    for kind in kinds {
        assert_eq!(decide(&two, &left, &right, kind).await, Decided::Done);
    }
    two.share(&two.right, level(Level::All)).await;
    assert_eq!(decide(&two, &left, &free, DecisionKind::Reject).await, Decided::NotFound);
    assert_eq!(decide(&two, &left, &free, DecisionKind::Link).await, Decided::Done);
}

#[tokio::test]
async fn what_changed_during_a_pause_is_told_at_its_end() {
    let two = Two::agreed().await;
    let install = two.install(&two.left, r#""overlaps-changed""#).await;
    let other = two.install(&two.left, r#""overlaps-changed""#).await;
    let resumed = async || {
        let (store, id) = ((*two.store).clone(), install.clone());
        let told = two.store.write(move |connection| {
            Box::pin(async move { super::notify_resumed(&store, connection, &id).await })
        });
        told.await.unwrap();
        let waits = format!("SELECT COUNT(*) FROM delivery WHERE install_id = '{install}'");
        two.store.number(&waits).await
    };
    assert_eq!(resumed().await, 0, "nothing has changed");
    two.store.sql(&format!("UPDATE install SET state = 'paused' WHERE id = '{install}'")).await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    assert_eq!(two.pair().await.deliveries, 1, "the other one is told");
    assert_eq!(resumed().await, 0, "it is paused");
    two.store.sql(&format!("UPDATE install SET state = 'active' WHERE id = '{install}'")).await;
    two.store.sql("UPDATE delivery SET state = 'done'").await;
    two.store.sql("UPDATE partnership SET state = 'ended'").await;
    assert_eq!(resumed().await, 0, "it has ended");
    two.store.sql("UPDATE partnership SET state = 'active'").await;
    assert_eq!((resumed().await, resumed().await), (1, 1), "once");
    let others = format!("SELECT COUNT(*) FROM delivery WHERE install_id = '{other}'");
    assert_eq!(two.store.number(&others).await, 1);
}

#[tokio::test]
async fn an_event_knows_whose_runs_led_to_it_and_stands_for_all_of_them() {
    let two = Two::agreed().await;
    let install = two.install(&two.left, r#""overlaps-changed""#).await;
    let other = two.install(&two.right, r#""overlaps-changed""#).await;
    let changes = async |name: &str, lineage: &Lineage| {
        two.both(name, &format!("{name}.com"), CUSTOMERS).await;
        let (text, runs) = (crate::event::written(lineage), lineage.runs());
        let sql = format!("UPDATE pairing_work SET lineage = '{text}', lineage_runs = {runs}");
        two.store.sql(&sql).await;
        two.pair().await;
    };
    let nobody = Lineage::default();
    let (once, twice) = (nobody.after(&install), nobody.after(&install).after(&install));
    changes("acme", &once).await;
    changes("beta", &twice).await;
    changes("gamma", &nobody.after(&other)).await;
    changes("delta", &nobody).await;
    let until = two.store.now().plus_ms(1_000);
    let leased = two.store.lease(10, until).await.unwrap();
    assert_eq!(leased.len(), 2, "one of each");
    for leased in leased {
        assert_eq!(leased.lineage, twice.after(&other));
    }
    // They run now; what comes next is an event of its own.
    changes("omega", &once).await;
    let own =
        format!("SELECT COUNT(*) FROM event WHERE lineage = '{}'", crate::event::written(&once));
    let own = two.store.number(&own).await;
    assert_eq!(own, 2);
}

#[tokio::test]
async fn what_a_former_leader_found_is_not_written_over_the_next_batch() {
    let two = Two::agreed().await;
    let [left, _] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let slow = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    let pair = super::FoundPair {
        left: slow.left[0].id.clone(),
        right: slow.right[0].id.clone(),
        evidence: "name",
        confidence: "sure",
    };
    two.pair_taken().await;
    // The next batch has as many domains, and the same one.
    two.remove(&left, "acme.com").await;
    assert_eq!(two.store.take_pairing(&two.id, 10).await.unwrap(), 1);
    let found = super::Found { pairs: vec![pair], unpaired: vec![] };
    assert_eq!(two.store.write_pairing(slow, found).await.unwrap(), Written::default());
    assert_eq!(two.pair_taken().await, Written { removed: 1, ..Written::default() });
    assert_eq!(live(&two).await, 0);
}
