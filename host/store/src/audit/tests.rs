//! What is done behind the host's back to an audit, and what verifying says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::testing::TestStore;

async fn five(test: &TestStore) -> OrganizationId {
    let organization = test.organization("acme", "customer").await;
    for number in 1..=5 {
        test.audit(vec![new(&organization, number)]).await.unwrap();
    }
    organization
}

fn new(organization: &OrganizationId, number: u32) -> NewAudit {
    NewAudit {
        organization: organization.clone(),
        actor: "usr_1".to_owned(),
        action: "grant.changed",
        subject: format!("ins_{number}"),
        detail: serde_json::json!({ "number": number }),
    }
}

async fn broken(test: &TestStore, organization: &OrganizationId) -> Option<(u64, String)> {
    let verified = test.verify_audit(organization, None).await.unwrap();
    verified.broken.map(|broken| (broken.seq, broken.why))
}

/// A fresh chain of five, changed by this statement.
async fn after(statement: &str) -> Option<(u64, String)> {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    assert_eq!(broken(&test, &organization).await, None);
    test.sql(statement).await;
    broken(&test, &organization).await
}

#[tokio::test]
async fn whatever_is_done_to_a_row_is_named() {
    let changed = Some((3, "it was changed: its hash is of something else".to_owned()));
    for column in ["actor", "action", "subject", "detail_json"] {
        assert_eq!(
            after(&format!("UPDATE audit SET {column} = '{{}}' WHERE seq = 3")).await,
            changed
        );
    }
    assert_eq!(after("UPDATE audit SET at = at + 1 WHERE seq = 3").await, changed);
    assert_eq!(after("UPDATE audit SET id = 'aud_x' WHERE seq = 3").await, changed);
    assert_eq!(
        after("DELETE FROM audit WHERE seq = 3").await,
        Some((3, "entry 3 is missing: 4 comes next".to_owned()))
    );
    assert_eq!(
        after("UPDATE audit SET seq = NULL WHERE seq = 3").await,
        Some((3, "entry 3 is missing: 4 comes next".to_owned()))
    );
    assert_eq!(
        after("UPDATE audit SET seq = CASE seq WHEN 2 THEN 103 WHEN 3 THEN 102 ELSE seq END").await,
        Some((2, "entry 2 is missing: 4 comes next".to_owned()))
    );
    let inserted =
        "INSERT INTO audit (id, organization_id, at, actor, action, subject, detail_json, seq)
                    SELECT 'aud_x', organization_id, at, actor, action, subject, detail_json, NULL
                    FROM audit WHERE seq = 3";
    assert_eq!(after(inserted).await, Some((6, "it has no place in the chain".to_owned())));
    let gone = after("DELETE FROM audit WHERE seq > 3").await.unwrap();
    assert_eq!(gone.0, 4);
    assert!(gone.1.starts_with("the chain ends at 3:") && gone.1.contains("its head row says 5:"));
}

#[tokio::test]
async fn rows_in_swapped_places_are_named() {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    for (from, to) in [(2, 102), (3, 2), (102, 3)] {
        test.sql(&format!("UPDATE audit SET seq = {to} WHERE seq = {from}")).await;
    }
    let (seq, why) = broken(&test, &organization).await.unwrap();
    assert_eq!((seq, why.as_str()), (2, "the entry before it is not the one it was made after"));
}

#[tokio::test]
async fn an_end_cut_off_together_with_the_head_is_seen_by_who_kept_one() {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    let known = test.audit_head(&organization).await.unwrap();
    test.sql("UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)").await;
    test.sql("DELETE FROM audit WHERE seq > 3").await;
    assert_eq!(broken(&test, &organization).await, None, "a chain alone cannot show it");
    let verified = test.verify_audit(&organization, Some(known)).await.unwrap();
    assert_eq!(
        verified.broken.unwrap().why,
        "the chain ends at 3, and entry 5 is known: the end was cut off"
    );
}

#[tokio::test]
async fn an_entry_of_a_change_that_failed_leaves_no_gap() {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    let (store, entry) = ((*test).clone(), new(&organization, 6));
    let failed = test
        .write(move |connection| {
            Box::pin(async move {
                append(&store, connection, &entry).await?;
                Err::<(), _>(StoreError::NotCommitted)
            })
        })
        .await;
    assert!(failed.is_err());
    test.audit(vec![new(&organization, 7)]).await.unwrap();
    let verified = test.verify_audit(&organization, None).await.unwrap();
    assert_eq!((verified.head.seq, verified.broken), (6, None));
}

#[tokio::test]
async fn what_is_older_than_the_chain_is_taken_in_once_and_what_was_taken_out_is_not() {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    let before = test.verify_audit(&organization, None).await.unwrap();
    let reopened = |statement: &'static str| async move {
        let test = TestStore::open().await;
        let organization = five(&test).await;
        test.sql(statement).await;
        let test = test.reopened().await;
        test.verify_audit(&organization, None).await.unwrap()
    };
    test.sql("UPDATE audit SET seq = NULL, previous_hash = NULL, hash = NULL").await;
    test.sql("DELETE FROM audit_head").await;
    let test = test.reopened().await;
    // Deterministic: the same entries are the same chain.
    assert_eq!(test.verify_audit(&organization, None).await.unwrap(), before);
    let taken_out = reopened("UPDATE audit SET seq = NULL WHERE seq = 5").await;
    assert_eq!(taken_out.broken.map(|broken| broken.seq), Some(5));
}

#[tokio::test]
async fn it_is_searched_by_who_what_and_when() {
    let test = TestStore::open().await;
    let organization = five(&test).await;
    test.clock.advance_ms(1_000);
    let later = test.now();
    let other =
        NewAudit { actor: "ins_9".to_owned(), action: "run.denied", ..new(&organization, 6) };
    test.audit(vec![other]).await.unwrap();
    let all = AuditFilter::default();
    assert_eq!(seqs(&test, &organization, all.clone()).await, [6, 5, 4, 3, 2, 1]);
    let of = |text: &str| Some(text.to_owned());
    assert_eq!(
        seqs(&test, &organization, AuditFilter { actor: of("ins_9"), ..all.clone() }).await,
        [6]
    );
    assert_eq!(
        seqs(&test, &organization, AuditFilter { action: of("run."), ..all.clone() }).await,
        [6]
    );
    assert_eq!(
        seqs(&test, &organization, AuditFilter { action: of("un."), ..all.clone() }).await,
        [0_u64; 0]
    );
    assert_eq!(
        seqs(&test, &organization, AuditFilter { subject: of("ins_3"), ..all.clone() }).await,
        [3]
    );
    assert_eq!(
        seqs(&test, &organization, AuditFilter { from: Some(later), ..all.clone() }).await,
        [6]
    );
    assert_eq!(
        seqs(&test, &organization, AuditFilter { to: Some(later), ..all.clone() }).await,
        [5, 4, 3, 2, 1]
    );
    let page = test.audit_page(&organization, &all, Some(4), 2).await.unwrap();
    assert_eq!(page.items.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(page.next.as_deref(), Some("2"));
}

async fn seqs(test: &TestStore, organization: &OrganizationId, filter: AuditFilter) -> Vec<u64> {
    let page = test.audit_page(organization, &filter, None, 50).await.unwrap();
    page.items.into_iter().map(|entry| entry.seq).collect()
}
