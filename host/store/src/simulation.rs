//! Ten years in seconds: the queue, leases, retries and schedules on a real store, under a
//! clock that is moved by hand. What happens comes of a seed, so that a failure comes again.
//!
//! A run is what the deliver worker makes of it: it reads a count of the install's state,
//! and leaves one more. A run that counts twice, or never, is seen in the counts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a test fails by panicking; what chance gives is small"
)]
use std::collections::BTreeMap;

use jiff::{
    Timestamp as Moment, ToSpan as _,
    civil::{Date, DateTime, Weekday, date},
    tz::{AmbiguousOffset, TimeZone},
};
use serde_json::json;
use venn_domain::{
    admission,
    event::ScheduleDue,
    id::{DeliveryId, InstallId, RunId},
    limits, retry,
    run::{Claim, Effects, Ending, Outcome, PartnerReads, Report, StateWrite, Usage},
    schedule::Schedule,
    sharing::Purpose,
    verdict::{ALGORITHM_VERSION, Class, Kind, Owner, Verdict},
};

use crate::{
    delivery::Leased,
    event::{NewEvent, append},
    install::{Install, change::InstallChange, tests::World},
    run::{Next, RunRecord},
    state::StateSeen,
    testing::{Chance, START_US},
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const TEN_YEARS_MS: i64 = 3_652 * DAY_MS;

/// Runs of each delivery.
const STEPS: u32 = 2;

fn ended(ending: Ending, effects: Effects) -> Outcome {
    let (usage, log, calls) = (Usage::default(), Vec::new(), Vec::new());
    Outcome { ending, effects, usage, log, log_dropped: 0, calls }
}

fn record(world: &World, leased: &Leased, outcome: Outcome, next: Next) -> RunRecord {
    RunRecord {
        id: RunId::make(world.test.ids()),
        leased: leased.clone(),
        plugin: world.release.plugin.clone(),
        release: world.release.id.clone(),
        authority_no: world.test.authority_no(),
        purpose: Purpose::View,
        outcome: Some(outcome),
        refused: None,
        verdict: None,
        routes: Vec::new(),
        reads: PartnerReads::new(),
        tape: Vec::new(),
        trace_id: String::new(),
        seen: StateSeen::default(),
        account_rows: Vec::new(),
        started_at: world.test.now(),
        next,
    }
}

async fn leased(world: &World, most: u32) -> Vec<Leased> {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(most, until).await.unwrap()
}

/// A service that fails.
fn of_the_service() -> Verdict {
    Verdict {
        class: Class::ThirdParty,
        kind: Kind::Transient,
        owner: Owner::Publisher,
        confidence_permille: 800,
        evidence: Vec::new(),
        claimed_class: None,
        retryable: true,
        retry_after_s: None,
        fingerprint: String::new(),
        field: None,
        algorithm_version: ALGORITHM_VERSION,
    }
}

/// Installs whose deliveries end well, fail, hang, are stopped in the middle or die with
/// their process, for ten years of a clock that jumps.
struct Walk {
    world: World,
    installs: Vec<Install>,
    chance: Chance,
    accepted: Vec<(InstallId, DeliveryId)>,
    /// Runs that are under way, with what they read.
    running: Vec<RunRecord>,
}

impl Walk {
    async fn of(seed: u64) -> Self {
        let world = World::new().await;
        let mut installs = Vec::new();
        for name in ["a", "b", "c"] {
            installs.push(world.active_as(name).await);
        }
        // What enabling told them is not of this.
        world.test.sql("UPDATE delivery SET state = 'done'").await;
        world.test.release_leases().await.unwrap();
        Self { world, installs, chance: Chance(seed), accepted: Vec::new(), running: Vec::new() }
    }

    async fn happens(&mut self) {
        let install = self.installs[self.chance.below(3) as usize].clone();
        let new = NewEvent {
            organization: install.organization,
            install: install.id.clone(),
            kind: "configured",
            subject: format!("subject-{}", self.chance.below(3)),
            payload: "{}".to_owned(),
        };
        let store = (*self.world.test).clone();
        let made = self.world.test.write(move |connection| {
            Box::pin(async move { append(&store, connection, &new).await })
        });
        self.accepted.push((install.id, made.await.unwrap()));
    }

    /// Leases what is due, and begins to run it, or refuses it.
    async fn begins(&mut self) {
        let most = 1 + self.chance.below(3) as u32;
        for leased in leased(&self.world, most).await {
            let mut same = self.running.iter().filter(|other| other.leased.id == leased.id);
            assert!(same.all(|other| other.leased.fence < leased.fence), "leased twice");
            let mut run = self.counting(&leased).await;
            let found = self.world.test.control(&leased.install).await.unwrap();
            let (control, facts) = found.unwrap();
            let admitted = admission::admit(&leased.admission(&control, &facts));
            if let Err(refusal) = admitted {
                run.outcome = None;
                let reason = refusal.why.to_owned();
                run.next =
                    if refusal.waits { Next::Parked { reason } } else { Next::Dead { reason } };
                self.world.test.record_run(run).await.unwrap();
            } else {
                self.running.push(run);
            }
        }
    }

    /// A run that counts itself.
    async fn counting(&self, leased: &Leased) -> RunRecord {
        let key = format!("{}/{}", leased.id, leased.step);
        let (_, facts) = self.world.test.control(&leased.install).await.unwrap().unwrap();
        let mut seen = StateSeen::since(facts.state_no);
        let (before, version) =
            self.world.test.state_get(&leased.install, None, &key).await.unwrap();
        seen.value(None, &key, version);
        let count = before.map_or(0, |bytes| bytes[0]) + 1;
        let write = StateWrite { partnership: None, key, value: Some(vec![count]) };
        let effects = Effects { state: vec![write], ..Effects::default() };
        let goes_on = leased.step + 1 < STEPS;
        let next = if goes_on {
            Next::Again { continuation: "on".to_owned(), done: 1, total: 2 }
        } else {
            Next::Done
        };
        let run = record(&self.world, leased, ended(Ending::Ok(Report::default()), effects), next);
        RunRecord { seen, ..run }
    }

    /// One that is under way ends, well or not; whoever lost its lease writes nothing.
    async fn ends(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let at = self.chance.below(self.running.len() as u64) as usize;
        let mut run = self.running.swap_remove(at);
        if self.chance.below(4) == 0 {
            let jitter = self.chance.below(1_000) as u16;
            let (attempt, now) = (run.leased.attempt, self.world.test.now());
            run.next = match retry::next_attempt(attempt, now, &of_the_service(), jitter) {
                retry::Next::At(at) => Next::Retry { at },
                retry::Next::Parked { until } => Next::Parked { reason: until.to_string() },
                retry::Next::Held => Next::Held,
                retry::Next::Dead { why } => Next::Dead { reason: why.to_owned() },
            };
            run.outcome = Some(ended(Ending::Fault(Claim::default()), Effects::default()));
        }
        self.world.test.record_run(run).await.unwrap();
    }

    /// The process dies, and another one starts.
    async fn dies(&mut self) {
        self.running.clear();
        self.world.test.release_leases().await.unwrap();
    }

    async fn step(&mut self) {
        match self.chance.below(20) {
            0..=3 => self.happens().await,
            4..=8 => self.begins().await,
            9..=12 => self.ends().await,
            13 => self.dies().await,
            14 => self.is_paused_or_resumed().await,
            15 => self.jumps_ahead().await,
            // Forward, by less than a lease and by more, and back by hours.
            16 | 17 => self.moves(0, 2 * MINUTE_MS),
            18 => self.moves(-6 * 60 * MINUTE_MS, 0),
            _ => self.moves(0, 40 * DAY_MS),
        }
    }

    async fn is_paused_or_resumed(&mut self) {
        let install = &self.installs[self.chance.below(3) as usize];
        let change = [InstallChange::Pause, InstallChange::Resume];
        let change = change[self.chance.below(2) as usize].clone();
        let (organization, admin) = (&install.organization, &self.world.admin);
        self.world.test.change_install(organization, &install.id, change, admin).await.unwrap();
    }

    /// The clock is a year ahead for a while, and work goes on meanwhile.
    async fn jumps_ahead(&mut self) {
        self.world.test.clock.advance_ms(365 * DAY_MS);
        self.begins().await;
        self.ends().await;
        self.happens().await;
        self.world.test.clock.advance_ms(-365 * DAY_MS);
        self.world.test.sweep_put_off().await.unwrap();
    }

    /// Moves the time by something from `from_ms` to `to_ms`.
    fn moves(&mut self, from_ms: i64, to_ms: i64) {
        let by_ms = self.chance.below((to_ms - from_ms).unsigned_abs()).cast_signed();
        self.world.test.clock.advance_ms(from_ms + by_ms);
    }

    /// Nothing more is accepted; time goes by until nothing is left to do.
    async fn comes_to_rest(&mut self) {
        self.dies().await;
        for install in &self.installs {
            let (organization, admin) = (&install.organization, &self.world.admin);
            let resume = InstallChange::Resume;
            self.world.test.change_install(organization, &install.id, resume, admin).await.unwrap();
        }
        for (_, id) in &self.accepted {
            // Who used up all attempts waits for a person.
            self.world.test.redeliver(&self.world.customer, id, &self.world.admin).await.unwrap();
        }
        let mut idle = 0;
        while idle < 40 {
            self.world.test.clock.advance_ms(60 * MINUTE_MS);
            self.world.test.sweep_put_off().await.unwrap();
            let due = leased(&self.world, 10).await;
            idle = if due.is_empty() { idle + 1 } else { 0 };
            for leased in due {
                let run = self.counting(&leased).await;
                self.world.test.record_run(run).await.unwrap();
            }
        }
    }

    async fn is_whole(&self, seed: u64) {
        let store = &self.world.test;
        let open = "SELECT COUNT(*) FROM delivery WHERE state <> 'done'";
        assert_eq!(store.number(open).await, 0, "stuck, of seed {seed}");
        let all = store.number("SELECT COUNT(*) FROM delivery WHERE finished_at IS NOT NULL").await;
        assert_eq!(usize::try_from(all).unwrap(), self.accepted.len(), "lost, of seed {seed}");
        for step in 0..STEPS {
            for (install, id) in &self.accepted {
                let key = format!("{id}/{step}");
                let (count, _) = store.state_get(install, None, &key).await.unwrap();
                assert_eq!(count, Some(vec![1]), "step {step} of {id}, of seed {seed}");
            }
        }
    }
}

#[tokio::test]
async fn ten_years_of_chance_lose_double_and_hold_up_nothing() {
    for seed in [1, 2, 3] {
        let mut walk = Walk::of(seed).await;
        let end = START_US + TEN_YEARS_MS * 1_000;
        while walk.world.test.now().0 < end {
            walk.step().await;
        }
        walk.comes_to_rest().await;
        walk.is_whole(seed).await;
    }
}

/// One of a schedule's times, as the calendar has it: a date, and a time on the wall.
struct Weekly {
    cron: &'static str,
    zone: &'static str,
    comes: fn(Date) -> bool,
    hour: i8,
    minute: i8,
}

/// Clocks are moved on Sundays, at these hours.
const WEEKLY: [Weekly; 4] = [
    Weekly { cron: "30 2 * * 0", zone: "Europe/Berlin", comes: is_sunday, hour: 2, minute: 30 },
    Weekly { cron: "30 1 * * 0", zone: "America/New_York", comes: is_sunday, hour: 1, minute: 30 },
    Weekly {
        cron: "15 2 * * 0",
        zone: "Australia/Lord_Howe",
        comes: is_sunday,
        hour: 2,
        minute: 15,
    },
    Weekly { cron: "0 0 29 2 *", zone: "UTC", comes: is_leap_day, hour: 0, minute: 0 },
];

fn is_sunday(date: Date) -> bool {
    date.weekday() == Weekday::Sunday
}

fn is_leap_day(date: Date) -> bool {
    (date.month(), date.day()) == (2, 29)
}

/// When a time on the wall is: the first of two, and right after the gap where there is none.
fn moment(zone: &TimeZone, at: DateTime) -> Moment {
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(at).unwrap(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(at).unwrap(),
        AmbiguousOffset::Gap { before, .. } => {
            let within = before.to_timestamp(at).unwrap();
            zone.preceding(within).next().unwrap().timestamp()
        }
    }
}

impl Weekly {
    fn schedule(&self) -> Schedule {
        let value = json!({ "name": self.zone.to_lowercase().replace(['/', '_'], "-"),
            "title": "Looks", "cron": self.cron, "time_zone": self.zone, "spread_s": 0 });
        serde_json::from_value(value).unwrap()
    }

    /// All times of it between two moments, by the calendar alone.
    fn times(&self, from: Moment, to: Moment) -> Vec<i64> {
        let zone = TimeZone::get(self.zone).unwrap();
        let days = date(2025, 11, 1).series(1.day()).take(3_800);
        let times = days
            .filter(|day| (self.comes)(*day))
            .map(|day| moment(&zone, day.at(self.hour, self.minute, 0, 0)));
        times.filter(|time| *time > from && *time <= to).map(Moment::as_microsecond).collect()
    }
}

#[tokio::test]
async fn ten_years_of_schedules_are_the_calendars_own_times() {
    let schedules = WEEKLY.iter().map(Weekly::schedule).collect();
    let world = World::with_schedules(schedules).await;
    world.active().await;
    let (store, mut chance) = (&world.test, Chance(5));
    let end = START_US + TEN_YEARS_MS * 1_000;
    let mut came: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    loop {
        let next = store.number("SELECT MIN(due_at) FROM schedule").await;
        if next > end {
            break;
        }
        // A little late, as workers are, and not so late that it is missed.
        let late_ms = chance.below(4).cast_signed() * MINUTE_MS;
        store.clock.advance_ms((next - store.now().0) / 1_000 + late_ms);
        store.take_schedules().await.unwrap();
        if chance.below(10) == 0 {
            store.release_leases().await.unwrap();
        }
        for leased in leased(&world, 9).await {
            let due: ScheduleDue = serde_json::from_str(&leased.event.payload).unwrap();
            came.entry(due.schedule).or_default().push(due.due_at);
            let outcome = ended(Ending::Ok(Report::default()), Effects::default());
            store.record_run(record(&world, &leased, outcome, Next::Done)).await.unwrap();
        }
    }
    let moment = |us| Moment::from_microsecond(us).unwrap();
    for weekly in &WEEKLY {
        let mut times = weekly.times(moment(START_US), moment(end));
        let name = weekly.schedule().name;
        let came = &came[&name];
        // The last one may wait for its turn behind others of the same moment.
        times.truncate(came.len().max(times.len() - 1));
        assert_eq!(*came, times, "{name}");
    }
}
