//! What is old goes, what is newer stays, and what is needed still is not touched.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::{
    install::{change::InstallChange, tests::World},
    run::Next,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Everything that is due runs and ends so; runs have ids of now, a recording and a log.
async fn ran(world: &World, next: &Next) {
    let until = world.test.now().plus_ms(60_000);
    for leased in world.test.lease(50, until).await.unwrap() {
        world.ends(leased, next.clone()).await;
        let ms = u64::try_from(world.test.now().0 / 1_000).unwrap();
        let id = RunId::make(&First(ms));
        // Ids of tests count; those of servers have the time.
        let newest = "(SELECT MAX(id) FROM run WHERE id NOT IN (SELECT run_id FROM tape))";
        world.test.sql(&format!("UPDATE run SET id = '{id}' WHERE id = {newest}")).await;
        world.test.sql(&format!("INSERT INTO tape VALUES ('{id}', CAST('x' AS blob))")).await;
        let line = format!("INSERT INTO run_log VALUES ('{id}', 1, 1, 'info', 'said')");
        world.test.sql(&line).await;
        world.test.clock.advance_ms(1);
    }
}

/// How many tapes, log lines, runs, deliveries and events there are.
async fn left(world: &World) -> [i64; 5] {
    let mut left = [0; 5];
    for (table, left) in ["tape", "run_log", "run", "delivery", "event"].into_iter().zip(&mut left)
    {
        *left = world.test.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    }
    left
}

async fn swept(world: &World, days: u64) -> Dropped {
    world.test.clock.advance_ms(days.cast_signed() * DAY_MS);
    world.test.sweep_retained().await.unwrap()
}

#[tokio::test]
async fn recordings_go_first_then_runs_with_all_that_belongs_to_them() {
    let world = World::new().await;
    let install = world.active().await;
    ran(&world, &Next::Done).await;
    assert_eq!(left(&world).await, [1; 5]);
    assert_eq!(swept(&world, limits::TAPE_DAYS - 1).await, Dropped::default());
    assert_eq!(swept(&world, 1).await, Dropped { tapes: 1, ..Dropped::default() });
    assert_eq!(left(&world).await, [0, 1, 1, 1, 1]);

    // Something newer, which stays.
    world.changed(&install, InstallChange::Config(serde_json::json!({}))).await;
    ran(&world, &Next::Done).await;
    assert_eq!(swept(&world, limits::RUN_DAYS - limits::TAPE_DAYS - 1).await.runs, 0);
    let gone = swept(&world, 1).await;
    assert_eq!((gone.runs, gone.deliveries), (1, 1));
    assert_eq!(left(&world).await, [0, 1, 1, 1, 1]);
    let audit = world.test.verify_audit(&world.customer, None).await.unwrap();
    assert_eq!(audit.broken, None, "the audit stays whole");
}

#[tokio::test]
async fn work_that_is_not_over_stays_and_only_its_old_runs_go() {
    let world = World::new().await;
    world.active().await;
    ran(&world, &Next::Parked { reason: "a connection is corrected".to_owned() }).await;
    let gone = swept(&world, limits::RUN_DAYS + 1).await;
    assert_eq!((gone.runs, gone.deliveries), (1, 0));
    assert_eq!(left(&world).await, [0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn a_great_many_go_in_pieces() {
    let world = World::new().await;
    let install = world.active().await;
    let (event, delivery): (String, String) = (
        world.test.text("SELECT id FROM event").await,
        world.test.text("SELECT id FROM delivery").await,
    );
    for number in 0..450 {
        let columns = "organization_id, kind, subject, payload, occurred_at, trace";
        world
            .test
            .sql(&format!(
                "INSERT INTO event (id, {columns}) SELECT id || '{number}', {columns} FROM event WHERE id = '{event}'"
            ))
            .await;
        let columns = "install_id, organization_id, subject, state_reason, attempt, step,
            not_before, fence, progress_done, progress_total, created_at, is_next";
        world
            .test
            .sql(&format!(
                "INSERT INTO delivery (id, event_id, state, finished_at, {columns})
                 SELECT id || '{number}', event_id || '{number}', 'done', 1, {columns}
                 FROM delivery WHERE id = '{delivery}'"
            ))
            .await;
    }
    assert_eq!(swept(&world, 0).await.deliveries, 450);
    assert_eq!(left(&world).await, [0, 0, 0, 1, 1]);
    drop(install);
}

#[tokio::test]
async fn a_resolved_incident_goes_with_what_was_told_of_it() {
    let world = World::new().await;
    let install = world.active().await;
    let now = world.test.now().0.to_string();
    for (id, state, resolved) in
        [("old", "resolved", "1"), ("young", "resolved", &now), ("open", "open", "NULL")]
    {
        let (of, customer, plugin) = (&install.id, &world.customer, &world.release.plugin);
        world
            .test
            .sql(&format!(
                "INSERT INTO incident (id, fingerprint, organization_id, install_id, plugin_id, class,
                     kind, state, runs, first_run_id, last_run_id, opened_at, last_at, resolved_at)
                 VALUES ('{id}', 'f-{id}', '{customer}', '{of}', '{plugin}', 'plugin', 'k', '{state}',
                     1, 'r', 'r', 1, 1, {resolved})"
            ))
            .await;
        world
            .test
            .sql(&format!(
                "INSERT INTO route (id, incident_id, run_id, kind, organization_id, is_owner, title, text,
                     detail_json, created_at)
                 VALUES ('{id}', '{id}', 'r', 'faq', '{customer}', 1, 't', 't', '{{}}', 1)"
            ))
            .await;
    }
    assert_eq!(swept(&world, 0).await.incidents, 1);
    for table in ["incident", "route"] {
        let left = world.test.texts(&format!("SELECT id FROM {table} ORDER BY id")).await;
        assert_eq!(left, "open young");
    }
}

#[tokio::test]
async fn the_newest_sync_of_a_source_stays_however_old_it_is() {
    let world = World::new().await;
    let install = world.active().await;
    ran(&world, &Next::Done).await;
    let source = format!(
        "INSERT INTO source (install_id, organization_id, delivery_id, started_at, fresh_at, added,
             changed, unchanged, removed, asked)
         SELECT '{}', organization_id, id, 1, 1, 0, 0, 0, 0, 0 FROM delivery",
        install.id
    );
    world.test.sql(&source).await;
    let gone = swept(&world, limits::RUN_DAYS + 1).await;
    assert_eq!((gone.runs, gone.deliveries), (1, 0));
}

#[tokio::test]
async fn a_delivery_with_a_run_that_stays_holds_up_no_sweep() {
    let world = World::new().await;
    world.active().await;
    ran(&world, &Next::Done).await;
    // By a clock that was wrong.
    world.test.sql("UPDATE delivery SET finished_at = 1").await;
    assert_eq!(swept(&world, 0).await, Dropped::default());
    assert_eq!(left(&world).await, [1; 5]);
}
