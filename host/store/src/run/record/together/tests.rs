//! Records that are written in one write, each as if it were alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use futures::future::join_all;
use venn_domain::{
    authority::Denial,
    id::{ReleaseId, RunId},
    limits,
    run::{
        CallResult, CallSummary, Claim, Effects, Ending, LogLine, Outcome, PartnerRead,
        PartnerReads, Report, StateWrite, Usage,
    },
    sharing::Purpose,
    verdict::{ALGORITHM_VERSION, Class, Kind, Owner, Verdict},
};

use super::*;
use crate::{
    delivery::{Leased, Waiting, unpark},
    install::tests::World,
    run::{NewRoute, Next},
    state::StateSeen,
};

/// A world in which this many runs have just ended.
async fn ended(runs: usize) -> (World, Vec<RunRecord>) {
    let world = World::new().await;
    for number in 0..runs {
        world.active_as(&format!("install-{number}")).await;
    }
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    let leased = world.test.lease(100, until).await.unwrap();
    assert_eq!(leased.len(), runs);
    let records = leased.into_iter().map(|leased| record(&world, leased)).collect();
    (world, records)
}

/// One that read a row of the partner's and said two words.
fn record(world: &World, leased: Leased) -> RunRecord {
    let line = |message: &str| LogLine {
        at: world.test.now(),
        level: "info".to_owned(),
        message: message.to_owned(),
    };
    let mut reads = PartnerReads::new();
    let read = PartnerRead { rows: 1, ..PartnerRead::default() };
    reads.insert(world.partnership.clone(), read);
    RunRecord {
        id: RunId::make(world.test.ids()),
        plugin: world.release.plugin.clone(),
        release: world.release.id.clone(),
        authority_no: world.test.authority_no(),
        purpose: Purpose::View,
        outcome: Some(Outcome {
            ending: Ending::Ok(Report { summary: leased.id.to_string(), ..Report::default() }),
            effects: Effects::default(),
            usage: Usage::default(),
            log: vec![line("one"), line("two")],
            log_dropped: 0,
            calls: Vec::new(),
        }),
        leased,
        refused: None,
        verdict: None,
        routes: Vec::new(),
        reads,
        seen: StateSeen::default(),
        tape: vec![1, 2, 3],
        trace_id: String::new(),
        account_rows: Vec::new(),
        started_at: world.test.now(),
        next: Next::Done,
    }
}

async fn all(world: &World, records: &[RunRecord]) -> Vec<Result<Recorded, StoreError>> {
    join_all(records.iter().map(|record| world.test.record_run(record.clone()))).await
}

const WRITTEN: Recorded = Recorded::Written { effects_dropped: 0 };

/// How many runs, tapes, log lines and finished deliveries there are.
async fn counts(world: &World) -> [i64; 4] {
    let count = |sql: &'static str| world.test.number(sql);
    [
        count("SELECT COUNT(*) FROM run JOIN delivery d ON d.id = delivery_id AND d.id = summary")
            .await,
        count("SELECT COUNT(*) FROM tape").await,
        count("SELECT COUNT(*) FROM run_log").await,
        count("SELECT COUNT(*) FROM delivery WHERE state = 'done' AND lease_until IS NULL").await,
    ]
}

#[tokio::test]
async fn each_leaves_its_own_rows_and_both_audits_stay_whole() {
    let (world, records) = ended(15).await;
    let recorded = all(&world, &records).await;
    assert!(recorded.iter().all(|recorded| matches!(recorded, Ok(WRITTEN))), "{recorded:?}");
    assert_eq!(counts(&world).await, [15, 15, 30, 15]);
    for organization in [&world.customer, &world.partner] {
        let verified = world.test.verify_audit(organization, None).await.unwrap();
        assert_eq!(verified.broken, None);
        let reads = format!(
            "SELECT COUNT(*) FROM audit WHERE action = 'partner.read' AND organization_id = '{organization}'"
        );
        assert_eq!(world.test.number(&reads).await, 15);
    }
}

#[tokio::test]
async fn who_lost_the_lease_writes_nothing_and_the_others_do() {
    let (world, mut records) = ended(3).await;
    records[1].leased.fence += 1;
    let recorded = all(&world, &records).await;
    let recorded: Vec<_> = recorded.into_iter().map(Result::unwrap).collect();
    assert_eq!(recorded, [WRITTEN, Recorded::Fenced, WRITTEN]);
    assert_eq!(counts(&world).await, [2, 2, 4, 2]);
    // A second time nobody has it.
    let again = all(&world, &records).await;
    assert!(again.iter().all(|again| matches!(again, Ok(Recorded::Fenced))), "{again:?}");
    assert_eq!(counts(&world).await, [2, 2, 4, 2]);
}

#[tokio::test]
async fn what_cannot_be_written_takes_no_other_with_it() {
    let (world, mut records) = ended(3).await;
    records[1].release = ReleaseId::make(world.test.ids());
    let recorded = all(&world, &records).await;
    assert!(matches!(recorded[..], [Ok(WRITTEN), Err(_), Ok(WRITTEN)]), "{recorded:?}");
    assert_eq!(counts(&world).await, [2, 2, 4, 2]);
    let verified = world.test.verify_audit(&world.partner, None).await.unwrap();
    assert_eq!(verified.broken, None);
}

#[tokio::test]
async fn what_waits_when_the_store_closes_is_told_so() {
    let (world, records) = ended(2).await;
    world.test.close().await;
    let recorded = all(&world, &records).await;
    let is_closed = |one: &Result<_, _>| matches!(one, Err(StoreError::Closed));
    assert!(recorded.iter().all(is_closed), "{recorded:?}");
}

#[tokio::test]
async fn what_changed_while_it_ran_is_not_waited_for() {
    let (world, mut records) = ended(3).await;
    let (now, later) = (world.test.now(), world.test.now().plus_ms(60_000));
    let parked = || Next::Parked { reason: "a person".to_owned() };
    records[0].next = parked();
    records[1].next = parked();
    records[2].next = Next::Retry { at: later };
    let changed = records[1..].iter().map(|record| record.leased.install.clone());
    for install in changed.collect::<Vec<_>>() {
        let unparked = world.test.write(move |connection| {
            Box::pin(async move { unpark(connection, now, Waiting::Install(&install)).await })
        });
        unparked.await.unwrap();
    }
    all(&world, &records).await;
    let mut states = Vec::new();
    for record in &records {
        let state = "SELECT state || ', ' || state_reason || ', ' || not_before FROM delivery";
        states.push(world.test.text(&format!("{state} WHERE id = '{}'", record.leased.id)).await);
    }
    let ready = format!("ready, , {}", now.0);
    assert_eq!(states, [format!("parked, a person, {}", now.0), ready.clone(), ready]);
}

#[tokio::test]
async fn what_was_stopped_in_the_middle_waits_with_nothing_of_it_kept() {
    let (world, mut records) = ended(3).await;
    let write = |key: &str| StateWrite {
        partnership: None,
        key: key.to_owned(),
        value: Some(b"v".to_vec()),
    };
    for record in &mut records {
        let outcome = record.outcome.as_mut().unwrap();
        outcome.effects.state = vec![write("kept")];
    }
    // The first was over before, the second loses its effect, the third its next step, too.
    records[2].next = Next::Again { continuation: "further".to_owned(), done: 1, total: 2 };
    let recorded = world.test.record_run(records[0].clone()).await.unwrap();
    assert_eq!(recorded, WRITTEN);
    let suspend = world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer);
    suspend.await.unwrap();
    let recorded = all(&world, &records[1..]).await;
    let lost = |one: &Result<_, _>| matches!(one, Ok(Recorded::Written { effects_dropped: 1 }));
    assert!(recorded.iter().all(lost), "{recorded:?}");
    assert_eq!(world.test.number("SELECT COUNT(*) FROM state").await, 1);
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    assert!(world.test.lease(100, until).await.unwrap().is_empty());
    let why = world.test.texts("SELECT state_reason FROM delivery WHERE state = 'parked'").await;
    assert_eq!(why, ["the platform has suspended this integration"; 2].join(" "));
    world.test.resume_plugin(&world.owned.0.id, &world.reviewer).await.unwrap();
    let again = world.test.lease(100, until).await.unwrap();
    let steps: Vec<_> = again.iter().map(|leased| (leased.step, leased.attempt)).collect();
    assert_eq!(steps, [(0, 1), (0, 1)], "from the same step");
}

/// It asked for something that it may not have.
fn is_denied(record: &mut RunRecord) {
    let denial = Denial {
        capability: "http:egress".into(),
        what: "anything".to_owned(),
        why: "the platform suspended the plugin: it leaks".to_owned(),
        who_can_change_it: "customer-admin".into(),
    };
    let call = CallSummary {
        call: "http.send".to_owned(),
        target: "POST api.hubapi.com/crm/tasks".to_owned(),
        result: CallResult::Denied { capability: "http:egress".to_owned(), denial },
        connection: None,
        host_from_config: false,
        wall_us: 1,
    };
    record.outcome.as_mut().unwrap().calls.push(call);
}

#[tokio::test]
async fn who_went_on_without_what_was_denied_waits_and_who_failed_has_failed() {
    let (world, mut records) = ended(3).await;
    is_denied(&mut records[0]);
    is_denied(&mut records[1]);
    records[1].outcome.as_mut().unwrap().ending = Ending::Fault(Claim::default());
    records[1].next = Next::Dead { reason: "it fails".to_owned() };
    let suspend = world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer);
    suspend.await.unwrap();
    all(&world, &records).await;
    let mut states = Vec::new();
    for record in &records {
        let state = "SELECT state || ', ' || state_reason FROM delivery";
        states.push(world.test.text(&format!("{state} WHERE id = '{}'", record.leased.id)).await);
    }
    let waits = "parked, the platform has suspended this integration";
    assert_eq!(states, [waits, "dead, it fails", "done, "]);
    let denied = "SELECT COUNT(*) FROM audit WHERE action = 'run.denied'";
    assert_eq!(world.test.number(denied).await, 2);
}

#[tokio::test]
async fn a_failure_is_told_once_and_over_when_its_work_is_done() {
    let (world, mut records) = ended(1).await;
    let mut run = records.remove(0);
    let told = async |state| {
        world.test.inbox(&world.customer, Some(state), None, 9).await.unwrap().items.len()
    };
    let again = async || {
        let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
        record(&world, world.test.lease(1, until).await.unwrap().remove(0))
    };
    for _ in 0..2 {
        run.verdict = Some(Verdict {
            class: Class::Plugin,
            kind: Kind::Transient,
            owner: Owner::Publisher,
            confidence_permille: 800,
            evidence: Vec::new(),
            claimed_class: None,
            retryable: true,
            retry_after_s: None,
            fingerprint: "f".to_owned(),
            field: None,
            algorithm_version: ALGORITHM_VERSION,
        });
        run.routes = vec![NewRoute {
            kind: "status-note",
            organization: world.customer.clone(),
            is_owner: false,
            title: "It fails".to_owned(),
            text: "Its publisher is told.".to_owned(),
            detail: serde_json::Value::Null,
        }];
        run.next = Next::Retry { at: world.test.now() };
        assert_eq!(world.test.record_run(run).await.unwrap(), WRITTEN);
        run = again().await;
    }
    assert_eq!(told("open").await, 1);
    // The step is done, and the work goes on.
    run.next = Next::Again { continuation: "further".to_owned(), done: 1, total: 2 };
    world.test.record_run(run).await.unwrap();
    assert_eq!(told("open").await, 1);
    world.test.record_run(again().await).await.unwrap();
    assert_eq!((told("open").await, told("resolved").await), (0, 1));
}
