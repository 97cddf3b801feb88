//! Installs rest after failures, one probe finds out, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
use std::collections::BTreeMap;

use venn_domain::{
    id::RunId,
    limits,
    run::{CallResult, CallSummary, Claim, Effects, Ending, Outcome, PartnerReads, Report, Usage},
    sharing::Purpose,
    verdict::{ALGORITHM_VERSION, Class, Kind, Owner, Verdict},
};

use super::*;
use crate::{
    delivery::Leased,
    event::{NewEvent, append},
    install::{Install, change::InstallChange, tests::World},
    run::{Next, RunRecord},
    state::StateSeen,
    waiting::WaitingKind,
};

const HOST: &str = "api.hubapi.com";
const MINUTE_MS: i64 = 60_000;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Well,
    /// Well, without a call.
    Quietly,
    Down,
    Refused,
    Trapped,
    /// About this event only.
    Odd,
}

fn call(status: u16) -> CallSummary {
    CallSummary {
        call: "http.send".to_owned(),
        target: format!("POST {HOST}/crm/tasks"),
        result: CallResult::Status { status, retry_after_s: None },
        connection: Some("crm".to_owned()),
        host_from_config: false,
        wall_us: 1,
    }
}

impl Ends {
    fn outcome(self) -> Outcome {
        let calls = match self {
            Self::Well => vec![call(200)],
            Self::Down => vec![call(503)],
            Self::Refused => vec![call(401)],
            Self::Odd => vec![call(400)],
            Self::Quietly | Self::Trapped => Vec::new(),
        };
        let ending = match self {
            Self::Well | Self::Quietly => Ending::Ok(Report::default()),
            _ => Ending::Fault(Claim::default()),
        };
        Outcome {
            ending,
            effects: Effects::default(),
            usage: Usage::default(),
            log: Vec::new(),
            log_dropped: 0,
            calls,
        }
    }

    fn verdict(self) -> Option<Verdict> {
        let (class, kind, retryable) = match self {
            Self::Well | Self::Quietly => return None,
            Self::Down => (Class::ThirdParty, Kind::Transient, true),
            Self::Refused => (Class::CustomerConfig, Kind::Permanent, false),
            Self::Trapped => (Class::Plugin, Kind::Permanent, true),
            Self::Odd => (Class::Plugin, Kind::Contract, false),
        };
        Some(Verdict {
            class,
            kind,
            owner: Owner::Publisher,
            confidence_permille: 800,
            evidence: vec!["seen".to_owned()],
            claimed_class: None,
            retryable,
            retry_after_s: None,
            fingerprint: format!("{self:?}"),
            field: (self == Self::Refused).then(|| "crm".to_owned()),
            algorithm_version: ALGORITHM_VERSION,
        })
    }

    fn next(self, leased: &Leased, now: Timestamp) -> Next {
        match self {
            Self::Well | Self::Quietly => Next::Done,
            Self::Down if leased.is_probe => Next::Held,
            Self::Down | Self::Trapped => Next::Retry { at: now.plus_ms(5_000) },
            Self::Refused => Next::Parked { reason: "waits".to_owned() },
            Self::Odd => Next::Dead { reason: "odd".to_owned() },
        }
    }
}

async fn happens(world: &World, install: &Install, events: usize) {
    happens_as(world, install, ("configured", "{}"), events).await;
}

async fn happens_as(
    world: &World,
    install: &Install,
    (kind, payload): (&'static str, &str),
    events: usize,
) {
    for subject in 0..events {
        let new = NewEvent {
            organization: install.organization.clone(),
            install: install.id.clone(),
            kind,
            subject: format!("{kind}-{subject}"),
            payload: payload.to_owned(),
        };
        let store = (*world.test).clone();
        let done = world.test.write(move |connection| {
            Box::pin(async move { append(&store, connection, &new).await })
        });
        done.await.unwrap();
    }
}

async fn ends(world: &World, leased: Leased, how: Ends) {
    let now = world.test.now();
    let record = RunRecord {
        id: RunId::make(world.test.ids()),
        plugin: world.release.plugin.clone(),
        release: world.release.id.clone(),
        authority_no: world.test.authority_no(),
        purpose: Purpose::View,
        outcome: Some(how.outcome()),
        next: how.next(&leased, now),
        leased,
        refused: None,
        verdict: how.verdict(),
        routes: Vec::new(),
        reads: PartnerReads::new(),
        tape: Vec::new(),
        trace_id: String::new(),
        seen: StateSeen::default(),
        account_rows: Vec::new(),
        started_at: now,
    };
    world.test.record_run(record).await.unwrap();
}

async fn leased(world: &World) -> Vec<Leased> {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(64, until).await.unwrap()
}

/// Lets everything that may run now end so; how many runs that were.
async fn all_end(world: &World, how: Ends) -> usize {
    let mut runs = 0;
    loop {
        let batch = leased(world).await;
        if batch.is_empty() {
            return runs;
        }
        for one in batch {
            ends(world, one, how).await;
            runs += 1;
        }
    }
}

/// A customer's installs with so many events each, and nothing else to do.
async fn several<const N: usize>(world: &World, names: [&str; N], events: usize) -> [Install; N] {
    let mut installs = Vec::new();
    for name in names {
        installs.push(world.active_as(name).await);
    }
    all_end(world, Ends::Quietly).await;
    for install in &installs {
        happens(world, install, events).await;
    }
    installs.try_into().unwrap()
}

/// The same for one.
async fn with_events(world: &World, name: &str, events: usize) -> Install {
    let [install] = several(world, [name], events).await;
    install
}

async fn now_of(world: &World, install: &Install) -> Install {
    world.test.install(&install.organization, &install.id).await.unwrap().unwrap()
}

/// How many deliveries are in each state, and the most attempts of one that waits.
async fn deliveries(world: &World) -> (BTreeMap<String, usize>, u32) {
    let page = world.test.deliveries(&world.customer, None, None, None, 1_000).await.unwrap();
    let mut states = BTreeMap::new();
    let mut attempts = 0;
    for one in page.items {
        if one.state == "ready" {
            attempts = attempts.max(one.attempt);
        }
        *states.entry(one.state).or_default() += 1;
    }
    (states, attempts)
}

async fn told(world: &World, organization: &OrganizationId) -> Vec<String> {
    let items = world.test.waiting(organization, None, 50).await.unwrap().items;
    let resting = [WaitingKind::InstallResting, WaitingKind::PluginResting];
    let items = items.into_iter().filter(|item| resting.contains(&item.kind));
    items
        .map(|item| format!("{} {} {} {}", item.kind.name(), item.name, item.detail, item.reason))
        .collect()
}

#[tokio::test]
async fn five_failures_put_an_install_to_rest_and_a_probe_that_works_ends_it() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 20).await;
    let began = world.test.now();
    assert_eq!(all_end(&world, Ends::Down).await, 5);
    let resting = now_of(&world, &install).await.resting.unwrap();
    assert_eq!((resting.since, resting.failures), (began, 5));
    assert_eq!(resting.why, "a service that it calls has trouble");
    let pause = resting.next_try_at.ms_since(began);
    assert!((MINUTE_MS..=MINUTE_MS + MINUTE_MS / 5).contains(&pause), "{pause}");
    // It is told, to each in their words.
    let text = |kind: &str| format!("{kind} {}", resting.next_try_at.0);
    let us = [format!("{} {}", text("install-resting eu"), resting.why)];
    assert_eq!(told(&world, &world.customer).await, us);
    let plugin = ["plugin-resting crm-tasks 1 ".to_owned()];
    assert_eq!(told(&world, &world.owned.0.organization).await, plugin);
    assert_eq!(told(&world, &world.reviewer.organization).await, plugin);
    assert!(told(&world, &world.partner).await.is_empty());
    assert_eq!(world.test.backlog().await.unwrap().resting, 1);
    // It is not overdue: it rests.
    world.test.clock.advance_ms(pause - 1);
    assert!(leased(&world).await.is_empty());
    assert_eq!(world.test.backlog().await.unwrap().overdue_us, 0);

    world.test.clock.advance_ms(1);
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
    ends(&world, probe[0].clone(), Ends::Down).await;
    assert!(leased(&world).await.is_empty());
    let longer = now_of(&world, &install).await.resting.unwrap();
    assert_eq!((longer.since, longer.failures), (began, 6));
    assert!(longer.next_try_at.ms_since(world.test.now()) >= 2 * MINUTE_MS);

    // For a day: nothing dies, and who waits is not tried.
    for _ in 0..48 {
        world.test.clock.advance_ms(36 * MINUTE_MS);
        assert_eq!(all_end(&world, Ends::Down).await, 1);
    }
    let (states, attempts) = deliveries(&world).await;
    assert_eq!(states.get("ready"), Some(&20));
    assert_eq!(attempts, 1, "probes are no attempts");
    world.test.clock.advance_ms(36 * MINUTE_MS);
    assert_eq!(all_end(&world, Ends::Well).await, 20);
    assert_eq!(now_of(&world, &install).await.resting, None);
    assert!(told(&world, &world.customer).await.is_empty());
    assert_eq!(world.test.number("SELECT COUNT(*) FROM breaker").await, 0);
    assert_eq!(world.test.backlog().await.unwrap().resting, 0);
}

#[tokio::test]
async fn what_is_about_one_event_alone_puts_nothing_to_rest() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 12).await;
    assert_eq!(all_end(&world, Ends::Odd).await, 12);
    assert_eq!(now_of(&world, &install).await.resting, None);
    assert_eq!(world.test.number("SELECT COUNT(*) FROM breaker").await, 0);
}

#[tokio::test]
async fn an_event_that_never_goes_well_uses_up_its_attempts_behind_a_breaker() {
    let world = World::new().await;
    let _install = with_events(&world, "eu", 1).await;
    for attempt in 1..=8 {
        let batch = leased(&world).await;
        assert_eq!(batch.len(), 1);
        assert_eq!((batch[0].attempt, batch[0].is_probe), (attempt, attempt > 5));
        ends(&world, batch[0].clone(), Ends::Trapped).await;
        world.test.clock.advance_ms(40 * MINUTE_MS);
    }
}

#[tokio::test]
async fn an_expired_key_is_not_tried_with_each_event_and_a_new_one_at_once() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 9).await;
    assert_eq!(all_end(&world, Ends::Refused).await, 5);
    let resting = now_of(&world, &install).await.resting.unwrap();
    assert_eq!(resting.why, "`crm` has to be corrected in its connections or its configuration");
    // The customer acts: all go on, those that were tried, too.
    let config = serde_json::json!({ "prefix": "B" });
    world.changed(&install, InstallChange::Config(config)).await;
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
    ends(&world, probe[0].clone(), Ends::Well).await;
    // With what tells the plugin of the change.
    assert_eq!(all_end(&world, Ends::Well).await, 9);
    assert_eq!(now_of(&world, &install).await.resting, None);
}

#[tokio::test]
async fn who_does_not_want_to_wait_tries_at_once_and_that_is_in_the_audit() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 9).await;
    all_end(&world, Ends::Down).await;
    assert!(world.test.try_install(&install, &world.admin).await.unwrap());
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
    // Not a second one while this runs.
    assert!(world.test.try_install(&install, &world.admin).await.unwrap());
    assert!(leased(&world).await.is_empty());
    ends(&world, probe[0].clone(), Ends::Well).await;
    assert_eq!(all_end(&world, Ends::Well).await, 8);
    assert!(!world.test.try_install(&install, &world.admin).await.unwrap());
    let asked = "SELECT COUNT(*) FROM audit WHERE action = 'install.tried'";
    assert_eq!(world.test.number(asked).await, 3);
}

#[tokio::test]
async fn who_asks_for_an_event_again_waits_for_no_rest() {
    let world = World::new().await;
    let _install = with_events(&world, "eu", 6).await;
    assert_eq!(all_end(&world, Ends::Down).await, 5);
    let one = world.test.text("SELECT MAX(id) FROM delivery").await.parse().unwrap();
    let (customer, admin) = (&world.customer, &world.admin);
    assert!(world.test.discard(customer, &one, "not now", admin).await.unwrap());
    assert!(leased(&world).await.is_empty());
    assert!(world.test.redeliver(customer, &one, admin).await.unwrap());
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
}

#[tokio::test]
async fn another_release_begins_closed_and_what_ran_before_says_nothing_of_it() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 9).await;
    let newer = world.another_release(Vec::new()).await;
    all_end(&world, Ends::Down).await;
    world.test.clock.advance_ms(2 * MINUTE_MS);
    let late = leased(&world).await.remove(0);
    let upgraded = world.changed(&install, InstallChange::Upgrade(newer.id.clone().into())).await;
    assert_eq!(upgraded.resting, None);
    ends(&world, late, Ends::Down).await;
    assert_eq!(world.test.number("SELECT COUNT(*) FROM breaker").await, 0);
    assert_eq!(leased(&world).await.len(), 1);
    world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(world.test.number("SELECT COUNT(*) FROM breaker").await, 0);
}

/// Fails this install's next run.
async fn fails(world: &World, install: &Install, how: Ends) {
    let mut batch = leased(world).await;
    let own = batch.iter().position(|one| one.install == install.id).unwrap();
    ends(world, batch.remove(own), how).await;
    world.test.release_leases().await.unwrap();
}

#[tokio::test]
async fn a_destination_that_is_down_is_tried_by_one_install_for_all() {
    let world = World::new().await;
    let installs = several(&world, ["a", "b", "c", "d"], 6).await;
    // Three stand failed there, five times in a row in all: none of them by itself.
    for who in [0, 1, 2, 0, 1] {
        world.test.clock.advance_ms(6_000);
        fails(&world, &installs[who], Ends::Down).await;
    }
    let resting = async || {
        let mut names = String::new();
        for install in &installs {
            if now_of(&world, install).await.resting.is_some() {
                names += &install.name;
            }
        }
        names
    };
    assert_eq!(resting().await, "abc");
    let plugin = ["plugin-resting crm-tasks 3 ".to_owned()];
    assert_eq!(told(&world, &world.owned.0.organization).await, plugin);
    // One that has not failed there goes on, and joins with its first failure.
    let others = leased(&world).await;
    assert_eq!(others.len(), 1);
    assert_eq!((&others[0].install, others[0].is_probe), (&installs[3].id, false));
    ends(&world, others[0].clone(), Ends::Down).await;
    assert_eq!(resting().await, "abcd");
    assert!(leased(&world).await.is_empty());

    world.test.clock.advance_ms(2 * MINUTE_MS);
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true), "one for all");
    assert!(leased(&world).await.is_empty());
    ends(&world, probe[0].clone(), Ends::Down).await;
    assert!(leased(&world).await.is_empty());
    // The next one runs, but does not call: nobody knows more, and another one may try.
    world.test.clock.advance_ms(3 * MINUTE_MS);
    let probe = leased(&world).await;
    assert_eq!(probe.len(), 1);
    ends(&world, probe[0].clone(), Ends::Quietly).await;
    let probe = leased(&world).await;
    assert!(probe.iter().filter(|one| one.is_probe).count() == 1, "{probe:?}");
    for one in probe {
        ends(&world, one, Ends::Well).await;
    }
    assert_eq!(resting().await, "");
    all_end(&world, Ends::Well).await;
    world.test.clock.advance_ms(10 * MINUTE_MS);
    all_end(&world, Ends::Well).await;
    assert_eq!(deliveries(&world).await.0.get("done").copied(), Some(4 + 4 * 6));
    assert_eq!(world.test.number("SELECT COUNT(*) FROM breaker").await, 0);
}

#[tokio::test]
async fn a_probe_whose_process_dies_is_given_up_with_its_lease() {
    let world = World::new().await;
    let [a, b] = several(&world, ["a", "b"], 9).await;
    for who in [&a, &b, &a, &b, &a] {
        world.test.clock.advance_ms(6_000);
        fails(&world, who, Ends::Down).await;
    }
    world.test.clock.advance_ms(2 * MINUTE_MS);
    assert_eq!(leased(&world).await.len(), 1);
    world.test.clock.advance_ms(limits::LEASE_MS.cast_signed());
    assert!(leased(&world).await.is_empty());
    world.test.clock.advance_ms(1);
    let probe = leased(&world).await;
    assert_eq!((probe.len(), probe[0].is_probe), (1, true));
}

#[tokio::test]
async fn one_customers_expired_key_or_a_trap_opens_no_destination() {
    for how in [Ends::Refused, Ends::Trapped] {
        let world = World::new().await;
        let [a, b] = several(&world, ["a", "b"], 9).await;
        for who in [&a, &b, &a, &b, &a, &b] {
            world.test.clock.advance_ms(6_000);
            fails(&world, who, how).await;
        }
        assert_eq!(now_of(&world, &a).await.resting, None, "{how:?}");
        assert_eq!(now_of(&world, &b).await.resting, None, "{how:?}");
    }
}

#[tokio::test]
async fn what_people_ask_counts_neither_way() {
    let world = World::new().await;
    let install = with_events(&world, "eu", 0).await;
    let payload =
        r#"{"action":"find","text":"","input":{},"user":"usr_01k5v2m8q4r7t9w3x6z1b0c5d8"}"#;
    happens_as(&world, &install, ("request", payload), 6).await;
    assert_eq!(all_end(&world, Ends::Down).await, 6);
    assert_eq!(now_of(&world, &install).await.resting, None);
    happens(&world, &install, 5).await;
    assert_eq!(all_end(&world, Ends::Down).await, 5);
    let resting = now_of(&world, &install).await.resting.unwrap();
    assert_eq!(resting.failures, 5);
    // One that goes well at the moment of a probe says nothing either, and takes nobody's place.
    world.test.clock.advance_ms(resting.next_try_at.ms_since(world.test.now()));
    for _ in 0..6 {
        let asked = leased(&world).await.remove(0);
        assert_eq!(asked.event.kind, "request");
        ends(&world, asked, Ends::Well).await;
    }
    assert_eq!(now_of(&world, &install).await.resting.unwrap().failures, 5);
    let probe = leased(&world).await.remove(0);
    assert_eq!((probe.event.kind.as_str(), probe.is_probe), ("configured", true));
    ends(&world, probe, Ends::Well).await;
    assert_eq!(now_of(&world, &install).await.resting, None);
}

mod destinations;
