//! The queue is always what the deliveries say, and a look at it costs who waits, not
//! how much.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking; what chance gives is small"
)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use venn_domain::{
    id::{DeliveryId, InstallId, OrganizationId},
    limits,
};

use super::*;
use crate::{
    delivery::{self, Leased, lease},
    event::{NewEvent, append},
    install::{Install, change::InstallChange, tests::World},
    run::Next,
    testing::{Chance, TestStore},
};

/// Installs whose place is not what their deliveries say.
async fn misplaced(store: &TestStore) -> i64 {
    let now = store.now().0;
    let truth = may_go_on!();
    store
        .number(&format!(
            "SELECT COUNT(*) FROM (
                 SELECT q.due_at AS due, {truth} AS truth
                 FROM install i LEFT JOIN queue q ON q.install_id = i.id) w
             WHERE (truth IS NULL AND due IS NOT NULL) OR (truth IS NOT NULL AND due IS NULL)
                OR (truth > {now} AND due <> truth) OR (truth <= {now} AND due > {now})"
        ))
        .await
}

/// Installs of which runs are at work that may not be so together: more than the release
/// asks for, one that runs alone and another, or two about the same.
async fn too_close(store: &TestStore) -> i64 {
    let sql = format!(
        "SELECT COUNT(*) FROM (
             SELECT install_id FROM delivery WHERE state = 'leased' GROUP BY install_id
             HAVING COUNT(*) > {AT_ONCE} OR (MAX(alone) = 1 AND COUNT(*) > 1)
                 OR COUNT(DISTINCT subject) < COUNT(*)) w"
    );
    store.number(&sql).await
}

/// Runs at once that the release asks for.
const AT_ONCE: i64 = 3;

async fn happens(world: &World, install: &Install, subject: u64, kind: &'static str) {
    // What a person asks for is given up where the clock goes on.
    let kind = if subject == 0 { "request" } else { kind };
    came(world, install, kind, &format!("subject-{subject}")).await;
}

/// Lanes with work of which none is next, which would wait for ever, or several are.
async fn stuck(store: &TestStore) -> i64 {
    store
        .number(
            "SELECT COUNT(*) FROM (SELECT install_id FROM delivery
                 WHERE state IN ('ready', 'leased', 'parked')
                 GROUP BY install_id, subject HAVING SUM(is_next) <> 1) w",
        )
        .await
}

/// An event of an install.
pub(in crate::delivery) async fn came(
    world: &World,
    install: &Install,
    kind: &'static str,
    subject: &str,
) -> DeliveryId {
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
    done.await.unwrap()
}

async fn unpark(world: &World, chance: &mut Chance, install: &Install) {
    let waiting = chance.below(6);
    let (install, organization) = (install.id.clone(), world.customer.clone());
    let (plugin, partnership) = (world.release.plugin.clone(), world.partnership.clone());
    let now = world.test.now();
    let done = world.test.write(move |connection| {
        Box::pin(async move {
            let waiting = match waiting {
                0 => delivery::Waiting::Install(&install),
                1 => delivery::Waiting::Organization(&organization),
                2 => delivery::Waiting::Plugin(&plugin),
                3 => delivery::Waiting::Partnership(&partnership),
                4 => delivery::Waiting::Subject(&partnership),
                _ => delivery::Waiting::Everyone,
            };
            delivery::unpark(connection, now, waiting).await
        })
    });
    done.await.unwrap();
}

async fn asked_for_again_or_given_up(world: &World, chance: &mut Chance) {
    let deliveries = world.test.deliveries(&world.customer, None, None, None, 100).await.unwrap();
    let one = &deliveries.items[chance.below(deliveries.items.len() as u64) as usize].id;
    let (customer, admin) = (&world.customer, &world.admin);
    if chance.below(3) == 0 {
        world.test.discard(customer, one, "by chance", admin).await.unwrap();
    } else {
        world.test.redeliver(customer, one, admin).await.unwrap();
    }
}

#[tokio::test]
async fn whatever_happens_an_install_stands_where_its_deliveries_say() {
    let world = World::new().await;
    let mut installs = Vec::new();
    for name in ["a", "b", "c"] {
        installs.push(world.active_as(name).await);
    }
    let asks = format!("UPDATE release SET concurrency = {AT_ONCE}");
    world.test.sql(&asks).await;
    let mut chance = Chance(7);
    let mut at_once = 0;
    let mut running: Vec<Leased> = Vec::new();
    for step in 0..400 {
        let install = installs[chance.below(3) as usize].clone();
        let what = chance.below(12);
        match what {
            0 | 1 => {
                let kind = ["configured", "webhook", "webhook"][chance.below(3) as usize];
                happens(&world, &install, chance.below(6), kind).await;
            }
            2..=4 => {
                let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
                let most = [1, 2, 64][chance.below(3) as usize];
                running.extend(world.test.lease(most, until).await.unwrap());
            }
            5..=7 if !running.is_empty() => {
                let leased = running.swap_remove(chance.below(running.len() as u64) as usize);
                let later = world.test.now().plus_ms(60_000);
                let next = match chance.below(5) {
                    0 => Next::Done,
                    1 => Next::Again { continuation: String::new(), done: 1, total: 2 },
                    2 => Next::Retry { at: later },
                    3 => Next::Parked { reason: "by chance".to_owned() },
                    _ => Next::Dead { reason: "by chance".to_owned() },
                };
                world.ends(leased, next).await;
            }
            8 => world.test.clock.advance_ms(1 + chance.below(50_000).cast_signed()),
            9 => unpark(&world, &mut chance, &install).await,
            10 => asked_for_again_or_given_up(&world, &mut chance).await,
            11 if chance.below(5) == 0 => {
                world.test.release_leases().await.unwrap();
            }
            _ => {}
        }
        assert_eq!(misplaced(&world.test).await, 0, "after {what} in step {step}");
        assert_eq!(stuck(&world.test).await, 0, "after {what} in step {step}");
        assert_eq!(too_close(&world.test).await, 0, "after {what} in step {step}");
        let most = "SELECT COALESCE(MAX(n), 0) FROM (SELECT COUNT(*) AS n FROM delivery
                        WHERE state = 'leased' GROUP BY install_id) w";
        at_once = at_once.max(world.test.number(most).await);
    }
    assert!(at_once > 1, "nothing ran beside anything");
    world.changed(&installs[0], InstallChange::Uninstall).await;
    assert_eq!(misplaced(&world.test).await, 0, "an install was removed");
}

#[tokio::test]
async fn whatever_is_wrong_is_put_right_at_the_next_start() {
    let world = World::new().await;
    world.active().await;
    world.test.sql("DELETE FROM queue").await;
    assert_eq!(misplaced(&world.test).await, 1);
    world.test.release_leases().await.unwrap();
    assert_eq!(misplaced(&world.test).await, 0);
}

/// Organizations `0` to `9` with an install each of one plugin.
struct Town {
    store: TestStore,
    installs: Vec<InstallId>,
    organizations: Vec<OrganizationId>,
}

impl Town {
    async fn of(store: TestStore) -> Self {
        let publisher = store.organization("publisher", "publisher").await;
        let plugin = PluginId::make(store.ids());
        let release = "rel_1";
        store
            .sql(&format!(
                "INSERT INTO plugin (id, organization_id, name, owner_kind, state, suspended_reason,
                     approval_json, created_at)
                 VALUES ('{plugin}', '{publisher}', 'storm', 'first-party', 'listed', '', '', 0)"
            ))
            .await;
        store
            .sql(&format!(
                "INSERT INTO release (id, plugin_id, version, digest, manifest_json, component_bytes,
                     state, gate_json, uploaded_by, decision_reason, created_at)
                 VALUES ('{release}', '{plugin}', '1.0.0', '', '{{}}', 0, 'approved', '', '', '', 0)"
            ))
            .await;
        let mut town = Self { store, installs: Vec::new(), organizations: Vec::new() };
        for number in 0..10 {
            let organization = town.store.organization(&format!("o-{number}"), "customer").await;
            let install = InstallId::make(town.store.ids());
            town.store
                .sql(&format!(
                    "INSERT INTO install (id, organization_id, plugin_id, release_id, name, state,
                         grant_json, config_json, connections_json, check_json, created_by, created_at)
                     VALUES ('{install}', '{organization}', '{plugin}', '{release}', 'main', 'active',
                         '{{}}', '', '', '', '', 0)"
                ))
                .await;
            town.installs.push(install);
            town.organizations.push(organization);
        }
        town
    }

    /// So many events of an install, each about something else; all wait since 1970.
    async fn storm(&self, of: usize, events: u32) {
        let (install, organization) = (&self.installs[of], &self.organizations[of]);
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {events}),
                 m (tail) AS (SELECT '0000000000000{of:05}' || CAST(10000000 + i AS text) FROM n)"
        );
        for sql in [
            format!(
                "INSERT INTO event (id, organization_id, kind, subject, payload, occurred_at)
                 {numbers} SELECT 'evt_' || tail, '{organization}', 'webhook', tail, '{{}}', 0 FROM m"
            ),
            format!(
                "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
                     state_reason, attempt, step, not_before, fence, progress_done, progress_total,
                     created_at, is_next)
                 {numbers} SELECT 'dlv_' || tail, 'evt_' || tail, '{install}', '{organization}', tail,
                     'ready', '', 0, 0, 0, 0, 0, 0, 0, 1 FROM m"
            ),
        ] {
            self.store.sql(&sql).await;
        }
        let now = self.store.now();
        let renewed =
            self.store.write(move |connection| Box::pin(changed(connection, now, Of::Everyone)));
        renewed.await.unwrap();
    }

    /// Whose deliveries are taken now, by number.
    async fn take(&self, most: u32) -> Vec<usize> {
        let until = self.store.now().plus_ms(1_000);
        let leased = self.store.lease(most, until).await.unwrap();
        let number = |leased: &Leased| self.installs.iter().position(|id| *id == leased.install);
        leased.iter().map(|leased| number(leased).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_storm_of_one_is_one_that_waits_among_others() {
    let town = Town::of(TestStore::open().await).await;
    town.storm(0, 2_000).await;
    for other in [3, 1, 2] {
        town.store.clock.advance_ms(1);
        town.storm(other, 2).await;
    }
    assert_eq!(town.take(8).await, [0, 3, 1, 2], "in the order in which they came");
    assert_eq!(misplaced(&town.store).await, 0);
    assert!(town.take(8).await.is_empty());
    // Each has had its turn and comes back in that order, whenever its events happened.
    for again in [2, 0, 1] {
        town.store.clock.advance_ms(1);
        let install = &town.installs[again];
        let sql = format!(
            "UPDATE delivery SET state = 'done' WHERE state = 'leased' AND install_id = '{install}'"
        );
        town.store.sql(&sql).await;
        let (now, of) = (town.store.now(), Of::Installs(vec![install.to_string()]));
        let renewed = town.store.write(move |connection| Box::pin(changed(connection, now, of)));
        renewed.await.unwrap();
    }
    assert_eq!(town.take(4).await, [2, 0]);
    assert_eq!(town.take(8).await, [1]);
}

/// Steps of SQLite's virtual machine that each statement of a look takes.
async fn steps(town: &Town) -> Vec<u64> {
    let file = town.store.folder().join("venn.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    // Reading the schema is no part of it.
    sqlx::query("SELECT 1 FROM queue").fetch_all(&mut connection).await.unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counting = count.clone();
    connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
        counting.fetch_add(1, Ordering::Relaxed);
        true
    });
    let (install, organization) = (town.installs[0].to_string(), town.organizations[0].to_string());
    let (writes, ids) = placing(Of::Installs(vec![install.clone()]), MOVED);
    let now = town.store.now().0;
    let mut steps = Vec::new();
    for (sql, rows, texts) in [
        (lease::LOOK.to_owned(), 2, vec![]),
        (organizations(0), 1, vec![]),
        (installs(0, 1), 1, vec![organization]),
        (lease::firsts(1), 1, vec![install]),
        (writes, 0, ids),
    ] {
        let mut query = sqlx::query(AssertSqlSafe(sql.clone())).bind(now);
        if sql.contains("LIMIT $2") || sql == lease::LOOK {
            query = query.bind(64_i64);
        }
        for text in texts {
            query = query.bind(text);
        }
        let before = count.load(Ordering::Relaxed);
        assert_eq!(query.fetch_all(&mut connection).await.unwrap().len(), rows, "{sql}");
        steps.push(count.load(Ordering::Relaxed) - before);
    }
    steps
}

#[tokio::test]
async fn a_look_costs_the_same_however_much_waits() {
    let embedded = || async { TestStore::open_in(tempfile::tempdir().unwrap(), None).await };
    let (few, many) = (Town::of(embedded().await).await, Town::of(embedded().await).await);
    few.storm(0, 100).await;
    many.storm(0, 100_000).await;
    let (few, many) = (steps(&few).await, steps(&many).await);
    assert_eq!(few, many);
    assert!(few.iter().all(|steps| (10..1_000).contains(steps)), "{few:?}");
}

#[tokio::test]
async fn of_many_customers_who_waits_longest_comes_first() {
    let town = Town::of(TestStore::open().await).await;
    town.storm(3, 1).await;
    town.store.clock.advance_ms(1);
    town.storm(1, 1).await;
    assert_eq!((town.take(1).await, town.take(1).await), (vec![3], vec![]));
}

#[tokio::test]
async fn a_flood_of_a_plugin_that_has_its_share_holds_up_no_other_of_the_same_customer() {
    let mut town = Town::of(TestStore::open().await).await;
    let (store, one) = (&town.store, town.organizations[1].clone());
    for own in 2..=4 {
        let install = &town.installs[own];
        let sql = format!(
            "UPDATE install SET organization_id = '{one}', name = 'n-{own}' WHERE id = '{install}'"
        );
        store.sql(&sql).await;
        town.organizations[own] = one.clone();
    }
    let other = PluginId::make(store.ids());
    let columns = "organization_id, owner_kind, state, suspended_reason, approval_json, created_at";
    let sql = format!(
        "INSERT INTO plugin (id, name, {columns}) SELECT '{other}', 'other', {columns} FROM plugin"
    );
    store.sql(&sql).await;
    let sql = format!("UPDATE install SET plugin_id = '{other}' WHERE id = '{}'", town.installs[4]);
    store.sql(&sql).await;
    town.storm(5, 1).await;
    town.storm(6, 1).await;
    assert_eq!(town.take(4).await, [5, 6]);
    for own in 1..=4 {
        town.store.clock.advance_ms(1);
        town.storm(own, 1).await;
    }
    assert_eq!(town.take(2).await, [4]);
}

#[tokio::test]
async fn what_is_about_the_whole_install_runs_alone_and_in_its_turn() {
    let world = World::new().await;
    let install = world.active().await;
    world.test.sql(&format!("UPDATE release SET concurrency = {AT_ONCE}")).await;
    let lease = async || {
        let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
        let mut all = Vec::new();
        while let Some(one) = world.test.lease(64, until).await.unwrap().pop() {
            all.push(one);
        }
        all
    };
    let ends = async |all: Vec<Leased>| {
        for leased in all {
            world.ends(leased, Next::Done).await;
        }
    };
    ends(lease().await).await;
    for (kind, subject) in
        [("webhook", "a"), ("webhook", "b"), ("configured", ""), ("webhook", "c")]
    {
        came(&world, &install, kind, subject).await;
    }
    for together in [vec!["a", "b"], vec![""], vec!["c"]] {
        let all = lease().await;
        let subjects: Vec<_> = all.iter().map(|leased| leased.event.subject.as_str()).collect();
        assert_eq!(subjects, together);
        ends(all).await;
    }
}
