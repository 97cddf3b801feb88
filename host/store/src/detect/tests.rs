//! A planted stall is told once, to whom it concerns, and is over by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use venn_domain::{
    limits,
    run::{CallResult, CallSummary, Effects, Outcome, PartnerReads, Report, Usage},
    sharing::Purpose,
    webhook::Webhook,
};

use super::*;
use crate::{
    delivery::Leased,
    event::{NewEvent, append},
    install::{Install, change::InstallChange, tests::World},
    state::StateSeen,
};

const HOUR_MS: i64 = 3_600_000;

async fn happens(world: &World, install: &Install, kind: &'static str, subject: &str) {
    let new = NewEvent {
        organization: install.organization.clone(),
        install: install.id.clone(),
        kind,
        subject: subject.to_owned(),
        payload: "{}".to_owned(),
    };
    let store = (*world.test).clone();
    let done = world
        .test
        .write(move |connection| Box::pin(async move { append(&store, connection, &new).await }));
    done.await.unwrap();
}

async fn leased(world: &World) -> Leased {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(1, until).await.unwrap().remove(0)
}

/// A run that ended well, with a call that was answered so.
async fn ends(world: &World, leased: Leased, next: Next, status: u16) {
    let call = CallSummary {
        call: "http.send".to_owned(),
        target: "GET api.hubapi.com/crm".to_owned(),
        result: CallResult::Status { status, retry_after_s: None },
        connection: None,
        host_from_config: false,
        wall_us: 1,
    };
    let again = match &next {
        Next::Again { continuation, .. } => Some(continuation.clone()),
        _ => None,
    };
    let record = RunRecord {
        id: RunId::make(world.test.ids()),
        plugin: world.release.plugin.clone(),
        release: world.release.id.clone(),
        authority_no: world.test.authority_no(),
        purpose: Purpose::View,
        outcome: Some(Outcome {
            ending: Ending::Ok(Report { again, ..Report::default() }),
            effects: Effects::default(),
            usage: Usage::default(),
            log: Vec::new(),
            log_dropped: 0,
            calls: vec![call],
        }),
        next,
        leased,
        refused: None,
        verdict: None,
        routes: Vec::new(),
        reads: PartnerReads::new(),
        tape: Vec::new(),
        trace_id: String::new(),
        seen: StateSeen::default(),
        account_rows: Vec::new(),
        started_at: world.test.now(),
    };
    world.test.record_run(record).await.unwrap();
}

/// An install without work.
async fn idle(world: &World) -> Install {
    let install = world.active().await;
    while world.test.backlog().await.unwrap().deliveries["ready"] > 0 {
        ends(world, leased(world).await, Next::Done, 200).await;
    }
    install
}

async fn step(world: &World, continuation: &str, done: u64) {
    let continuation = continuation.to_owned();
    ends(world, leased(world).await, Next::Again { continuation, done, total: 9 }, 200).await;
}

/// What an inbox has of detectors: its title, and whether it is to be done there.
async fn told(world: &World, organization: &OrganizationId, state: &str) -> Vec<(String, bool)> {
    let items = world.test.inbox(organization, Some(state), None, 50).await.unwrap().items;
    items.into_iter().map(|item| (item.title, item.is_owner)).collect()
}

async fn stalled(world: &World) -> (u64, u64) {
    let stalled = world.test.backlog().await.unwrap().stalled;
    (stalled["no-progress"], stalled["silence"])
}

#[tokio::test]
async fn a_chain_that_stays_where_it_is_is_told_at_its_twentieth_step_and_ends_when_it_moves() {
    let world = World::new().await;
    let install = idle(&world).await;
    happens(&world, &install, "configured", "sync").await;
    step(&world, "page-1", 3).await;
    for other in 0..19 {
        // Another cursor each time, at the same place.
        step(&world, &format!("page-{other}"), 3).await;
    }
    assert_eq!(stalled(&world).await, (0, 0));
    step(&world, "page-1", 3).await;
    assert_eq!(stalled(&world).await, (1, 0));
    // From now on it goes slower and slower.
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    for pause_ms in [1_000, 2_000, 4_000] {
        world.test.clock.advance_ms(pause_ms - 1);
        assert!(world.test.lease(1, until).await.unwrap().is_empty());
        world.test.clock.advance_ms(1);
        step(&world, "page-1", 3).await;
    }
    world.test.clock.advance_ms(8_000);
    let title = "Tasks runs and gets nowhere".to_owned();
    let (platform, publisher) = (&world.reviewer.organization, &world.owned.0.organization);
    assert_eq!(told(&world, platform, "open").await, [(title.clone(), true)]);
    assert_eq!(told(&world, publisher, "open").await, [(title.clone(), false)]);
    assert_eq!(told(&world, &world.customer, "open").await, [(title.clone(), false)]);
    assert!(told(&world, &world.partner, "open").await.is_empty());
    let incidents = world.test.incidents(&world.customer, None, 9).await.unwrap().items;
    assert_eq!(
        (incidents[0].class.as_str(), incidents[0].kind.as_str()),
        ("unknown", "no-progress")
    );

    step(&world, "page-2", 4).await;
    assert_eq!(stalled(&world).await, (0, 0));
    assert_eq!(told(&world, platform, "resolved").await, [(title, true)]);
    // That other work is done ends no chain of this.
    for _ in 0..20 {
        step(&world, "page-2", 4).await;
    }
    assert_eq!(stalled(&world).await, (1, 0));
    world.test.clock.advance_ms(1_000);
    let chain = leased(&world).await;
    ends(&world, chain, Next::Done, 200).await;
    assert_eq!(stalled(&world).await, (0, 0));
}

#[tokio::test]
async fn work_of_something_else_that_is_done_ends_no_chain() {
    let world = World::new().await;
    let install = idle(&world).await;
    happens(&world, &install, "configured", "sync").await;
    step(&world, "page-1", 3).await;
    for _ in 0..20 {
        step(&world, "page-1", 3).await;
    }
    world.test.sql("UPDATE delivery SET state = 'parked' WHERE state = 'ready'").await;
    happens(&world, &install, "configured", "other").await;
    ends(&world, leased(&world).await, Next::Done, 200).await;
    assert_eq!(stalled(&world).await, (1, 0));
    world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(stalled(&world).await, (0, 0));
}

#[tokio::test]
async fn runs_that_say_all_is_done_although_their_service_went_away_are_told_once() {
    let world = World::new().await;
    let install = idle(&world).await;
    let run = async |status: u16| {
        happens(&world, &install, "configured", "sync").await;
        ends(&world, leased(&world).await, Next::Done, status).await;
    };
    for _ in 0..19 {
        run(503).await;
    }
    run(200).await;
    for _ in 0..19 {
        run(503).await;
    }
    assert_eq!(stalled(&world).await, (0, 0), "not in a row");
    for _ in 0..5 {
        run(503).await;
    }
    assert_eq!(stalled(&world).await, (1, 0));
    assert_eq!(told(&world, &world.customer, "open").await.len(), 1, "once");
    run(200).await;
    assert_eq!(stalled(&world).await, (0, 0));
    assert_eq!(world.test.number("SELECT COUNT(*) FROM pulse").await, 0);
}

/// Runs on this kind of event, one each hour.
async fn hourly(world: &World, install: &Install, kind: &'static str, runs: u32) {
    for _ in 0..runs {
        world.test.clock.advance_ms(HOUR_MS);
        happens(world, install, kind, "x").await;
        ends(world, leased(world).await, Next::Done, 200).await;
    }
}

async fn look(world: &World) -> u64 {
    let (mut after, mut silent) = (None, 0);
    loop {
        let looked = world.test.look_for_silence(after.as_ref(), 1).await.unwrap();
        silent += looked.silent;
        after = looked.next;
        if after.is_none() {
            return silent;
        }
    }
}

#[tokio::test]
async fn an_install_with_work_that_runs_no_more_is_told_after_three_of_its_gaps() {
    let world = World::new().await;
    let install = idle(&world).await;
    hourly(&world, &install, "configured", 12).await;
    world.test.clock.advance_ms(10 * HOUR_MS);
    assert_eq!(look(&world).await, 0, "there is nothing to do");
    hourly(&world, &install, "configured", 64).await;
    // Something is to be done, and nobody takes it.
    happens(&world, &install, "configured", "x").await;
    world.test.clock.advance_ms(3 * HOUR_MS - 1);
    assert_eq!(look(&world).await, 0);
    world.test.clock.advance_ms(1);
    assert_eq!((look(&world).await, look(&world).await), (1, 0), "told once");
    assert_eq!(stalled(&world).await, (0, 1));
    let title = "Tasks has gone silent".to_owned();
    let platform = &world.reviewer.organization;
    assert_eq!(told(&world, platform, "open").await, [(title.clone(), true)]);
    assert_eq!(told(&world, &world.customer, "open").await, [(title, false)]);
    ends(&world, leased(&world).await, Next::Done, 200).await;
    assert_eq!(stalled(&world).await, (0, 0));
}

#[tokio::test]
async fn what_is_paused_rests_or_is_stopped_is_no_silence() {
    let world = World::new().await;
    let install = idle(&world).await;
    hourly(&world, &install, "configured", 12).await;
    happens(&world, &install, "configured", "x").await;
    world.test.clock.advance_ms(9 * HOUR_MS);
    world.changed(&install, InstallChange::Pause).await;
    assert_eq!(look(&world).await, 0);
    world.changed(&install, InstallChange::Resume).await;
    world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer).await.unwrap();
    assert_eq!(look(&world).await, 0);
    world.test.resume_plugin(&world.owned.0.id, &world.reviewer).await.unwrap();
    let rest = |columns: &str| {
        format!(
            "INSERT INTO breaker (id, organization_id, install_id, release_id, destination, failures,
                 probes, next_at, prober, why, rests_since, rests_until)
             VALUES ('{0}', '{1}', '{0}', '', '', 5, 0, 0, '', '', {columns})",
            install.id, world.customer
        )
    };
    world.test.sql(&rest("0, 0")).await;
    assert_eq!(look(&world).await, 0);
    world.test.sql("DELETE FROM breaker").await;
    world.test.sql("UPDATE release SET state = 'yanked'").await;
    assert_eq!(look(&world).await, 0);
    world.test.sql("UPDATE release SET state = 'approved'").await;
    assert_eq!(look(&world).await, 1);
}

#[tokio::test]
async fn who_is_not_called_any_more_is_told_although_it_runs_for_something_else() {
    let shop = r#"{ "name": "shop", "title": "Shop", "signature": "standard-webhooks" }"#;
    let shop: Webhook = serde_json::from_str(shop).unwrap();
    let world = World::with_webhooks(vec![shop]).await;
    let install = idle(&world).await;
    let row = "INSERT INTO webhook (id, organization_id, install_id, plugin_id, name, routing_key,
        secret_version, created_by, created_at, updated_at)";
    let (id, plugin, customer) = (&install.id, &install.plugin, &world.customer);
    world
        .test
        .sql(&format!(
            "{row} VALUES ('whk_1', '{customer}', '{id}', '{plugin}', 'shop', '', 0, '', 0, 0)"
        ))
        .await;
    hourly(&world, &install, "webhook", 12).await;
    hourly(&world, &install, "configured", 2).await;
    assert_eq!(look(&world).await, 0);
    hourly(&world, &install, "configured", 1).await;
    assert_eq!(look(&world).await, 1);
    hourly(&world, &install, "configured", 1).await;
    assert_eq!((look(&world).await, stalled(&world).await), (0, (0, 1)), "told once");
    hourly(&world, &install, "webhook", 1).await;
    assert_eq!(stalled(&world).await, (0, 0));
}

#[tokio::test]
async fn what_was_refused_is_no_run() {
    let world = World::new().await;
    let install = idle(&world).await;
    hourly(&world, &install, "configured", 13).await;
    world.test.sql("UPDATE run SET ending = 'refused' WHERE id = (SELECT MAX(id) FROM run)").await;
    happens(&world, &install, "configured", "x").await;
    world.test.clock.advance_ms(2 * HOUR_MS);
    assert_eq!(look(&world).await, 1, "three hours after the last one");
    world.ends(leased(&world).await, Next::Done).await;
    assert_eq!(stalled(&world).await, (0, 1), "and not over by another one");
}

#[tokio::test]
async fn what_waits_for_something_else_and_what_was_long_ago_is_no_silence() {
    let world = World::new().await;
    let install = idle(&world).await;
    hourly(&world, &install, "configured", 12).await;
    for _ in 0..2 {
        happens(&world, &install, "configured", "x").await;
    }
    let parked = Next::Parked { reason: "waits".to_owned() };
    let first = leased(&world).await;
    let id = first.id.clone();
    ends(&world, first, parked, 200).await;
    world.test.clock.advance_ms(9 * HOUR_MS);
    assert_eq!(look(&world).await, 0, "it is behind one that a person has to look at");
    assert!(world.test.redeliver(&world.customer, &id, &world.admin).await.unwrap());
    world.test.clock.advance_ms(28 * 24 * HOUR_MS);
    assert_eq!(look(&world).await, 0, "nobody knows how often it should");
}

#[tokio::test]
async fn a_time_that_nobody_takes_is_work_and_all_are_looked_at() {
    let world = World::new().await;
    for name in ["one", "two"] {
        let install = &world.active_as(name).await;
        ends(&world, leased(&world).await, Next::Done, 200).await;
        hourly(&world, install, "configured", 13).await;
        let row = "INSERT INTO schedule (install_id, name, cron, time_zone, planned_at, due_at)";
        let now = world.test.now().0;
        let id = &install.id;
        world.test.sql(&format!("{row} VALUES ('{id}', 's', '', 'UTC', {now}, {now})")).await;
    }
    world.test.clock.advance_ms(3 * HOUR_MS);
    assert_eq!(look(&world).await, 2);
}
