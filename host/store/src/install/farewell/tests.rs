//! What goes with an install, a partnership, a purpose or a grant, who is told, and that
//! nothing is kept for ever by a plugin that does not answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    authority::Authority,
    capability::{Capability, FieldSet},
    grant::Grant,
    sharing::{Level, Purpose},
};

use super::*;
use crate::{
    audit::AuditFilter,
    install::{
        Install,
        change::InstallChange,
        tests::{World, done},
    },
    partnership::{Moved, RulesSet},
    run::Next,
};

/// An install of a plugin with these events, and state and timeline entries of no
/// partnership and of one.
async fn kept(events: &[&str]) -> (World, Install) {
    let world = World::with_events(events).await;
    let install = world.active().await;
    for (partition, key) in [("", "01"), (world.partnership.as_str(), "02")] {
        let (id, customer) = (&install.id, &world.customer);
        world
            .test
            .sql(&format!(
                "INSERT INTO state (install_id, partition_key, key, value, updated_at)
                 VALUES ('{id}', '{partition}', CAST('{key}' AS blob), CAST('x' AS blob), 1)"
            ))
            .await;
        world
            .test
            .sql(&format!(
                "INSERT INTO timeline (install_id, key, organization_id, account_id, run_id, kind,
                     text, partition_key, purpose, at, created_at)
                 VALUES ('{id}', '{key}', '{customer}', 'acc', 'run', 'task', 'Made.',
                     '{partition}', 'egress', 1, 1)"
            ))
            .await;
    }
    (world, install)
}

/// Keys of state and timeline entries that are there: of no partnership, of one.
async fn left(world: &World) -> [[i64; 2]; 2] {
    let mut left = [[0; 2]; 2];
    for (table, of) in ["state", "timeline"].into_iter().zip(&mut left) {
        for (is, left) in ["=", "<>"].into_iter().zip(of) {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE partition_key {is} ''");
            *left = world.test.number(&sql).await;
        }
    }
    left
}

const ALL: [[i64; 2]; 2] = [[1, 1], [1, 1]];
const WITHOUT_THE_PARTNERS: [[i64; 2]; 2] = [[1, 0], [1, 0]];
const NOTHING: [[i64; 2]; 2] = [[0, 0], [0, 0]];

/// Everything that is due runs, and ends so. Returns the kinds of events.
async fn run_all(world: &World, next: &Next) -> Vec<String> {
    let mut kinds = Vec::new();
    loop {
        let until = world.test.now().plus_ms(60_000);
        let leased = world.test.lease(10, until).await.unwrap();
        if leased.is_empty() {
            return kinds;
        }
        for leased in leased {
            kinds.push(leased.event.kind.clone());
            world.ends(leased, next.clone()).await;
        }
    }
}

async fn install_of(world: &World, install: &Install) -> Install {
    world.test.install(&install.organization, &install.id).await.unwrap().unwrap()
}

async fn authority(world: &World, install: &Install) -> Authority {
    Authority::new(world.control(install).await.0)
}

/// What the audit says was erased, newest first.
async fn erased(world: &World) -> Vec<serde_json::Value> {
    let filter =
        AuditFilter { action: Some("install.erased".to_owned()), ..AuditFilter::default() };
    let page = world.test.audit_page(&world.customer, &filter, None, 20).await.unwrap();
    page.items.into_iter().map(|entry| entry.detail).collect()
}

const LEAVING: &[&str] = &["uninstalling", "erase", "overlaps-changed"];

#[tokio::test]
async fn a_plugin_that_asks_for_it_cleans_up_and_then_all_of_it_is_gone() {
    let (world, install) = kept(LEAVING).await;
    let leaving = done(
        world
            .test
            .change_install(&world.customer, &install.id, InstallChange::Uninstall, &world.admin)
            .await
            .unwrap(),
    );
    assert_eq!((leaving.state, leaving.uninstalled_at), (InstallState::Uninstalling, None));
    let told = [("uninstalling".to_owned(), r#"{"reason":"customer"}"#.to_owned())];
    assert_eq!(world.events().await, told);
    assert_eq!(left(&world).await, ALL);

    let may = authority(&world, &install).await;
    assert_eq!(may.allows(Capability::State), Ok(()));
    assert_eq!(may.allows(Capability::HttpEgress), Ok(()));
    assert_eq!(may.allows_state_of(Some(&world.partnership)), Ok(()));
    let denied = may.allows(Capability::OverlapsRead).unwrap_err();
    assert_eq!(
        (denied.what.as_str(), denied.why.as_str(), denied.who_can_change_it.as_ref()),
        ("capability overlaps:read", "the install is being removed", "customer-admin")
    );

    let before = world.test.authority_no();
    assert_eq!(run_all(&world, &Next::Done).await, ["uninstalling"]);
    assert_eq!(world.test.authority_no(), before + 1);
    let gone = install_of(&world, &install).await;
    assert_eq!(
        (gone.state, gone.uninstalled_at),
        (InstallState::Uninstalled, Some(world.test.now()))
    );
    assert_eq!(left(&world).await, NOTHING);
    let all = json!({ "partnership": null, "state_keys": 2, "timeline_entries": 2 });
    assert_eq!(erased(&world).await, [all]);
    assert_eq!(world.stopped(&install).await.as_deref(), Some("the install was removed"));
}

#[tokio::test]
async fn who_does_not_wait_for_it_has_it_gone_at_once() {
    let (world, install) = kept(LEAVING).await;
    world.changed(&install, InstallChange::Uninstall).await;
    let gone = world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(gone.state, InstallState::Uninstalled);
    assert_eq!(left(&world).await, NOTHING);
    assert_eq!(run_all(&world, &Next::Done).await, Vec::<String>::new());
    // Whoever sends it again all the same ends nothing anew.
    let told = world.test.text("SELECT MAX(id) FROM delivery").await.parse().unwrap();
    assert!(world.test.redeliver(&world.customer, &told, &world.admin).await.unwrap());
    assert_eq!(run_all(&world, &Next::Done).await, ["uninstalling"]);
    assert_eq!(erased(&world).await.len(), 1);
}

#[tokio::test]
async fn a_plugin_that_must_not_run_is_not_waited_for() {
    let (world, install) = kept(LEAVING).await;
    world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer).await.unwrap();
    let gone = world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(gone.state, InstallState::Uninstalled);
    assert_eq!(left(&world).await, NOTHING);
}

#[tokio::test]
async fn a_plugin_that_never_manages_keeps_nothing_longer_than_its_time() {
    let (world, install) = kept(LEAVING).await;
    world
        .test
        .end_partnership(world.admin.as_str(), &world.customer, &world.partnership)
        .await
        .unwrap();
    world.changed(&install, InstallChange::Uninstall).await;
    let parked = Next::Parked { reason: "a connection is corrected".to_owned() };
    assert_eq!(run_all(&world, &parked).await, ["uninstalling"]);
    world.test.clock.advance_ms(limits::FAREWELL_MS.cast_signed() - 1);
    world.test.sweep_farewells().await.unwrap();
    assert_eq!(left(&world).await, ALL);
    world.test.clock.advance_ms(1);
    world.test.sweep_farewells().await.unwrap();
    assert_eq!(left(&world).await, NOTHING);
    assert_eq!(install_of(&world, &install).await.state, InstallState::Uninstalled);
    let why = "SELECT state_reason FROM delivery ORDER BY id DESC LIMIT 1";
    assert_eq!(world.test.text(why).await, "its time to clean up is over");
}

#[tokio::test]
async fn what_is_given_up_keeps_nothing_either() {
    let (world, _install) = kept(LEAVING).await;
    let (test, admin) = (&world.test, &world.admin);
    test.end_partnership(admin.as_str(), &world.customer, &world.partnership).await.unwrap();
    let erase = test.text("SELECT id FROM delivery").await.parse().unwrap();
    let before = test.authority_no();
    let give_up = async || {
        assert!(test.discard(&world.customer, &erase, "It never works.", admin).await.unwrap());
    };
    give_up().await;
    assert_eq!((left(&world).await, test.authority_no()), (WITHOUT_THE_PARTNERS, before + 1));
    // What is over for the second time takes nothing more.
    test.redeliver(&world.customer, &erase, admin).await.unwrap();
    give_up().await;
    assert_eq!(erased(&world).await.len(), 1);
}

#[tokio::test]
async fn what_was_derived_of_an_ended_partnership_goes_once_the_plugin_has_heard() {
    let (world, install) = kept(LEAVING).await;
    let ended =
        world.test.end_partnership(world.admin.as_str(), &world.customer, &world.partnership);
    assert!(matches!(ended.await.unwrap(), Moved::Done(_)));
    let told = [("erase".to_owned(), r#"{"reason":"partnership-ended","since":null}"#.to_owned())];
    assert_eq!(world.events().await, told);
    assert_eq!(left(&world).await, ALL);
    let may = authority(&world, &install).await;
    assert_eq!(may.allows_state_of(Some(&world.partnership)), Ok(()));
    assert!(may.allows_partnership(world.partnership.as_str()).is_err());
    assert!(may.allows_write_to(Capability::TimelineWrite, Some(&world.partnership), &[]).is_err());

    // A failure that is tried again keeps it for the next attempt.
    let again = Next::Retry { at: world.test.now().plus_ms(1) };
    assert_eq!(run_all(&world, &again).await, ["erase"]);
    assert_eq!(left(&world).await, ALL);
    world.test.clock.advance_ms(1);
    assert_eq!(run_all(&world, &Next::Done).await, ["erase"]);
    assert_eq!(left(&world).await, WITHOUT_THE_PARTNERS);
    let may = authority(&world, &install).await;
    assert!(may.allows_state_of(Some(&world.partnership)).is_err());
    let of_one =
        json!({ "partnership": world.partnership, "state_keys": 1, "timeline_entries": 1 });
    assert_eq!(erased(&world).await, [of_one]);
}

#[tokio::test]
async fn who_does_not_ask_to_be_told_loses_it_at_once() {
    let (world, _install) = kept(&["overlaps-changed"]).await;
    world
        .test
        .end_partnership(world.admin.as_str(), &world.customer, &world.partnership)
        .await
        .unwrap();
    assert_eq!(world.events().await, []);
    assert_eq!(left(&world).await, WITHOUT_THE_PARTNERS);
}

/// An organization shows its customers, without a field, for this.
async fn shows(
    world: &World,
    owner: &OrganizationId,
    partnership: &PartnershipId,
    purpose: Purpose,
) {
    let population = format!(
        "INSERT INTO population (organization_id, key, title, created_at)
         VALUES ('{owner}', 'customers', 'Customers', 0) ON CONFLICT DO NOTHING"
    );
    world.test.sql(&population).await;
    let rule = SharingRule {
        population: "customers".to_owned(),
        level: Level::Overlaps,
        fields: FieldSet::default(),
        purpose,
    };
    let set = world.test.set_sharing_rules("usr_x", owner, partnership, vec![rule]);
    assert!(matches!(set.await.unwrap(), RulesSet::Done { .. }));
}

#[tokio::test]
async fn what_an_owner_does_not_let_it_read_any_more_goes_too() {
    let (world, _install) = kept(LEAVING).await;
    let (partner, partnership) = (&world.partner, &world.partnership);
    let sets = async |purpose| shows(&world, partner, partnership, purpose).await;
    // Fewer fields are not read from then on; what the install has is still for its purpose.
    sets(Purpose::Egress).await;
    assert_eq!(world.events().await, []);
    // It sends data elsewhere, and that is not allowed any more.
    sets(Purpose::Plugins).await;
    let told = [("erase".to_owned(), r#"{"reason":"purpose-withdrawn","since":null}"#.to_owned())];
    assert_eq!(world.events().await, told);
    sets(Purpose::View).await;
    assert_eq!(world.events().await, told, "it is told once");
    assert_eq!(run_all(&world, &Next::Done).await, ["erase"]);
    assert_eq!(left(&world).await, WITHOUT_THE_PARTNERS);
}

#[tokio::test]
async fn who_sends_nothing_elsewhere_keeps_what_may_not_be_sent_elsewhere() {
    let (world, install) = kept(LEAVING).await;
    let (partner, partnership) = (&world.partner, &world.partnership);
    let capabilities = world.grant().capabilities.iter();
    let capabilities = capabilities.filter(|one| *one != Capability::HttpEgress).collect();
    let grant = Grant { capabilities, ..world.grant() };
    world.changed(&install, InstallChange::Grant(grant)).await;
    shows(&world, partner, partnership, Purpose::Egress).await;
    shows(&world, partner, partnership, Purpose::Plugins).await;
    assert_eq!((world.events().await, left(&world).await), (vec![], ALL));
}

#[tokio::test]
async fn what_one_shows_less_of_takes_nothing_from_ones_own_plugins() {
    let (world, _install) = kept(LEAVING).await;
    let (customer, partnership) = (&world.customer, &world.partnership);
    shows(&world, customer, partnership, Purpose::Egress).await;
    shows(&world, customer, partnership, Purpose::View).await;
    assert_eq!((world.events().await, left(&world).await), (vec![], ALL));
}

/// It has failed, and rests until then.
async fn fails(world: &World, install: &Install, until: i64) {
    let (id, customer, plugin) = (&install.id, &world.customer, &install.plugin);
    for sql in [
        format!(
            "INSERT INTO breaker (id, organization_id, install_id, release_id, destination,
                 failures, probes, next_at, prober, rests_since, rests_until, why)
             VALUES ('{id}', '{customer}', '{id}', '{}', '', 5, 0, {until}, '', 1, {until}, '')",
            install.release
        ),
        format!("INSERT INTO pulse (install_id, still) VALUES ('{id}', 1)"),
        format!(
            "INSERT INTO incident (id, fingerprint, organization_id, install_id, plugin_id, class,
                 kind, state, runs, first_run_id, last_run_id, opened_at, last_at)
             VALUES ('inc_{until}', 'f', '{customer}', '{id}', '{plugin}', 'plugin', 'bug', 'open',
                 1, 'run', 'run', 1, 1)"
        ),
    ] {
        world.test.sql(&sql).await;
    }
}

/// Breakers, pulses and open incidents.
async fn trouble(world: &World) -> [i64; 3] {
    let mut counts = [0; 3];
    let of = ["breaker", "pulse", "incident WHERE state = 'open'"];
    for (of, count) in of.into_iter().zip(&mut counts) {
        *count = world.test.number(&format!("SELECT COUNT(*) FROM {of}")).await;
    }
    counts
}

#[tokio::test]
async fn a_goodbye_waits_for_no_rest_and_leaves_no_trouble() {
    let (world, install) = kept(LEAVING).await;
    let now = world.test.now();
    let (test, cursor) = (&world.test, "from-zero".to_owned());
    test.start_backfill(&install, &world.partnership, cursor, &world.admin).await.unwrap();
    test.sql(&format!("UPDATE delivery SET expires_at = {}", now.plus_ms(60_000).0)).await;
    fails(&world, &install, now.plus_ms(60_000).0).await;
    world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(trouble(&world).await, [0; 3], "before it says goodbye");
    // What was given up with it is nothing that somebody waits for.
    assert!(test.waiting(&world.customer, None, 10).await.unwrap().items.is_empty());
    fails(&world, &install, now.0).await;
    assert_eq!(run_all(&world, &Next::Done).await, ["uninstalling"]);
    assert_eq!(trouble(&world).await, [0; 3], "and after it");
}

#[tokio::test]
async fn what_runs_when_it_is_removed_ends_by_itself() {
    let (world, install) = kept(LEAVING).await;
    let cursor = "from-zero".to_owned();
    world.test.start_backfill(&install, &world.partnership, cursor, &world.admin).await.unwrap();
    let source = format!(
        "INSERT INTO source (install_id, organization_id, delivery_id, started_at, fresh_at, added,
             changed, unchanged, removed, asked)
         SELECT '{}', organization_id, id, 1, 1, 0, 0, 0, 0, 0 FROM delivery",
        install.id
    );
    world.test.sql(&source).await;
    let until = world.test.now().plus_ms(60_000);
    let leased = world.test.lease(10, until).await.unwrap().remove(0);
    world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(world.test.number("SELECT COUNT(*) FROM source").await, 0);
    let state = format!("SELECT state FROM delivery WHERE id = '{}'", leased.id);
    assert_eq!(world.test.text(&state).await, "leased");
    world.ends(leased, Next::Done).await;
    assert_eq!(world.test.text(&state).await, "done");
    assert_eq!(run_all(&world, &Next::Done).await, ["uninstalling"]);
}

#[tokio::test]
async fn only_goodbyes_have_an_end() {
    let (world, install) = kept(LEAVING).await;
    let (test, admin, cursor) = (&world.test, &world.admin, "from-zero".to_owned());
    test.start_backfill(&install, &world.partnership, cursor, admin).await.unwrap();
    test.sql("UPDATE delivery SET subject = 'another'").await;
    test.sql("UPDATE event SET subject = 'another'").await;
    test.end_partnership(admin.as_str(), &world.customer, &world.partnership).await.unwrap();
    let parked = Next::Parked { reason: "a connection is corrected".to_owned() };
    assert_eq!(run_all(&world, &parked).await, ["overlaps-changed", "erase"]);
    test.clock.advance_ms(limits::FAREWELL_MS.cast_signed());
    test.sweep_farewells().await.unwrap();
    assert_eq!(test.texts("SELECT state FROM delivery ORDER BY id").await, "parked dead");
}

#[tokio::test]
async fn who_says_goodbye_already_is_not_told_what_else_ends() {
    let (world, install) = kept(LEAVING).await;
    world.changed(&install, InstallChange::Uninstall).await;
    let (test, admin) = (&world.test, &world.admin);
    test.end_partnership(admin.as_str(), &world.customer, &world.partnership).await.unwrap();
    assert_eq!(left(&world).await, ALL, "it cleans up, and needs that");
    assert_eq!(run_all(&world, &Next::Done).await, ["uninstalling"]);
    assert_eq!(left(&world).await, NOTHING);
}

#[tokio::test]
async fn what_the_customer_takes_out_of_the_grant_goes_and_what_waits_of_it_is_not_told() {
    let (world, install) = kept(LEAVING).await;
    let cursor = "from-zero".to_owned();
    world.test.start_backfill(&install, &world.partnership, cursor, &world.admin).await.unwrap();
    let grant = Grant { partnerships: Vec::new(), ..world.grant() };
    world.changed(&install, InstallChange::Grant(grant)).await;
    let told = [("erase".to_owned(), r#"{"reason":"grant-withdrawn","since":null}"#.to_owned())];
    assert_eq!(world.events().await, told);
    let why = "SELECT state_reason FROM delivery ORDER BY id LIMIT 1";
    assert_eq!(world.test.text(why).await, "what was derived of its partnership is erased");
    assert_eq!(run_all(&world, &Next::Done).await, ["erase"]);
    assert_eq!(left(&world).await, WITHOUT_THE_PARTNERS);
}
