//! Runs of one install that are at work at once: whatever they read and write in whatever
//! order, what is kept is what some order of one after the other would have left.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    id::RunId,
    run::{Effects, Ending, Outcome, PartnerReads, Report, Usage},
    sharing::Purpose,
};

use super::*;
use crate::{
    delivery::{
        Leased,
        queue::{self, Of},
    },
    event::{NewEvent, append},
    install::{Install, tests::World},
    run::{Next, Recorded, RunRecord},
    testing::Chance,
};

/// One step of what a run does. All that it has read goes into all that it writes.
#[derive(Debug, Clone)]
enum Step {
    Get(String),
    Keys,
    Set(String),
    Remove(String),
}

fn steps(chance: &mut Chance) -> Vec<Step> {
    let count = 2 + chance.below(4);
    (0..count)
        .map(|_| {
            let key = format!("key-{}", chance.below(3));
            match chance.below(9) {
                0..=3 => Step::Get(key),
                4 => Step::Keys,
                5..=7 => Step::Set(key),
                _ => Step::Remove(key),
            }
        })
        .collect()
}

/// What was written so far, and everything that was read, as one number.
#[derive(Debug, Clone, Default)]
struct Done {
    read: u64,
    written: BTreeMap<String, Option<u64>>,
}

impl Done {
    fn reads(&mut self, what: u64) {
        self.read = self.read.wrapping_mul(31).wrapping_add(what).wrapping_add(1);
    }

    fn lists(&mut self, keys: impl IntoIterator<Item = String>) {
        let mut all: std::collections::BTreeSet<String> = keys.into_iter().collect();
        for (key, value) in &self.written {
            if value.is_some() {
                all.insert(key.clone());
            } else {
                all.remove(key);
            }
        }
        for key in all {
            self.reads(u64::from(key.as_bytes()[4]));
        }
    }

    fn writes(&mut self, step: &Step) {
        match step {
            Step::Set(key) => {
                self.written.insert(key.clone(), Some(self.read));
            }
            Step::Remove(key) => {
                self.written.insert(key.clone(), None);
            }
            Step::Get(_) | Step::Keys => {}
        }
    }
}

/// All steps at once, on what is there.
fn alone(steps: &[Step], there: &mut BTreeMap<String, u64>) {
    let mut done = Done::default();
    for step in steps {
        match step {
            Step::Get(key) => {
                let own = done.written.get(key).copied();
                let value = own.unwrap_or_else(|| there.get(key).copied());
                done.reads(value.unwrap_or_default());
            }
            Step::Keys => done.lists(there.keys().cloned()),
            Step::Set(_) | Step::Remove(_) => done.writes(step),
        }
    }
    for (key, value) in done.written {
        match value {
            Some(value) => there.insert(key, value),
            None => there.remove(&key),
        };
    }
}

/// A run that is at work.
struct Running {
    leased: Leased,
    number: usize,
    at: usize,
    done: Done,
    seen: StateSeen,
}

struct Scene {
    world: World,
    install: Install,
    plans: Vec<Vec<Step>>,
}

impl Scene {
    /// An install whose release asks for four runs at once, and so many events.
    async fn new(events: usize, chance: &mut Chance) -> Self {
        let world = World::new().await;
        let install = world.active().await;
        world.test.sql("UPDATE release SET concurrency = 4").await;
        world.test.sql("UPDATE delivery SET state = 'done'").await;
        let plans = (0..events).map(|_| steps(chance)).collect();
        for number in 0..events {
            let new = NewEvent {
                organization: install.organization.clone(),
                install: install.id.clone(),
                kind: "webhook",
                subject: number.to_string(),
                payload: "{}".to_owned(),
            };
            let store = (*world.test).clone();
            let appended = world.test.write(move |connection| {
                Box::pin(async move { append(&store, connection, &new).await })
            });
            appended.await.unwrap();
        }
        let now = world.test.now();
        let told = world
            .test
            .write(move |connection| Box::pin(queue::changed(connection, now, Of::Everyone)));
        told.await.unwrap();
        Self { world, install, plans }
    }

    async fn start(&self) -> Vec<Running> {
        let until = self.world.test.now().plus_ms(60_000);
        let mut started = Vec::new();
        for leased in self.world.test.lease(64, until).await.unwrap() {
            let (_, facts) = self.world.test.control(&self.install.id).await.unwrap().unwrap();
            let number = leased.event.subject.parse().unwrap();
            assert_eq!(leased.attempt, 1, "being overtaken is no attempt that failed");
            let (done, seen) = (Done::default(), StateSeen::since(facts.state_no));
            started.push(Running { leased, number, at: 0, done, seen });
        }
        started
    }

    async fn step(&self, run: &mut Running) {
        let (store, install) = (&self.world.test, &self.install.id);
        let step = &self.plans[run.number][run.at];
        run.at += 1;
        match step {
            Step::Get(key) => {
                let value = if let Some(own) = run.done.written.get(key) {
                    *own
                } else {
                    let (value, version) = store.state_get(install, None, key).await.unwrap();
                    run.seen.value(None, key, version);
                    value.map(number)
                };
                run.done.reads(value.unwrap_or_default());
            }
            Step::Keys => {
                let keys = store.state_keys(install, None, "", None, 100).await.unwrap();
                run.seen.listing(None, ("", None, 100), &keys);
                run.done.lists(keys);
            }
            Step::Set(_) | Step::Remove(_) => run.done.writes(step),
        }
    }

    async fn record(&self, run: Running) -> Recorded {
        let world = &self.world;
        let state = run.done.written.into_iter().map(|(key, value)| StateWrite {
            partnership: None,
            key,
            value: value.map(|value| value.to_be_bytes().to_vec()),
        });
        let outcome = Outcome {
            ending: Ending::Ok(Report::default()),
            effects: Effects { state: state.collect(), ..Effects::default() },
            usage: Usage::default(),
            log: Vec::new(),
            log_dropped: 0,
            calls: Vec::new(),
        };
        let record = RunRecord {
            id: RunId::make(world.test.ids()),
            plugin: world.release.plugin.clone(),
            release: world.release.id.clone(),
            authority_no: world.test.authority_no(),
            purpose: Purpose::View,
            outcome: Some(outcome),
            leased: run.leased,
            refused: None,
            verdict: None,
            routes: Vec::new(),
            reads: PartnerReads::new(),
            seen: run.seen,
            tape: Vec::new(),
            trace_id: String::new(),
            account_rows: Vec::new(),
            started_at: world.test.now(),
            next: Next::Done,
        };
        world.test.record_run(record).await.unwrap()
    }

    /// All that is kept.
    async fn kept(&self) -> BTreeMap<String, u64> {
        let (store, install) = (&self.world.test, &self.install.id);
        let mut kept = BTreeMap::new();
        for key in store.state_keys(install, None, "", None, 100).await.unwrap() {
            let (value, _) = store.state_get(install, None, &key).await.unwrap();
            kept.insert(key, number(value.unwrap()));
        }
        kept
    }
}

fn number(bytes: Vec<u8>) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

#[tokio::test]
async fn however_runs_interleave_what_is_kept_is_as_one_after_the_other() {
    let (mut overtaken, mut at_once) = (0, 0);
    for seed in 0..24 {
        let mut chance = Chance(seed);
        let scene = Scene::new(8, &mut chance).await;
        let mut running: Vec<Running> = Vec::new();
        let mut order = Vec::new();
        while order.len() < scene.plans.len() {
            if running.is_empty() || chance.below(4) == 0 {
                running.extend(scene.start().await);
            }
            at_once = at_once.max(running.len());
            let one = usize::try_from(chance.below(running.len() as u64)).unwrap();
            if running[one].at < scene.plans[running[one].number].len() {
                scene.step(&mut running[one]).await;
                continue;
            }
            let run = running.swap_remove(one);
            let number = run.number;
            match scene.record(run).await {
                Recorded::Written { effects_dropped: 0 } => order.push(number),
                Recorded::Overtaken => overtaken += 1,
                other => panic!("{other:?}"),
            }
        }
        let mut expected = BTreeMap::new();
        for number in &order {
            alone(&scene.plans[*number], &mut expected);
        }
        assert_eq!(scene.kept().await, expected, "seed {seed}, in the order {order:?}");
        let told = scene.world.test.number("SELECT COUNT(*) FROM run").await;
        let again = scene.world.test.number("SELECT COUNT(*) FROM run WHERE overtaken = 1").await;
        assert_eq!(told - again, 8, "each is done once");
    }
    assert!(overtaken > 20, "only {overtaken} were overtaken");
    assert_eq!(at_once, 4, "as many at once as the release asks for");
}

#[tokio::test]
async fn who_was_overtaken_runs_alone_and_others_wait_for_it() {
    let mut chance = Chance(1);
    let mut scene = Scene::new(3, &mut chance).await;
    let count = vec![Step::Get("key-0".to_owned()), Step::Set("key-0".to_owned())];
    scene.plans = vec![count; 3];
    let (mut one, mut two) = (scene.start().await.remove(0), scene.start().await.remove(0));
    for run in [&mut one, &mut two] {
        scene.step(run).await;
        scene.step(run).await;
    }
    assert_eq!(scene.record(one).await, Recorded::Written { effects_dropped: 0 });
    assert_eq!(scene.record(two).await, Recorded::Overtaken);
    let told = "SELECT summary || ending || CAST(overtaken AS text) FROM run ORDER BY id";
    assert_eq!(scene.world.test.texts(told).await, "ok0 ok1");
    let mut again = scene.start().await.remove(0);
    assert_eq!(again.number, 1);
    assert!(scene.start().await.is_empty(), "beside one that runs alone nothing runs");
    scene.step(&mut again).await;
    scene.step(&mut again).await;
    assert_eq!(scene.record(again).await, Recorded::Written { effects_dropped: 0 });
    assert_eq!(scene.start().await.remove(0).number, 2);
}

fn set(partnership: Option<&PartnershipId>, key: &str, value: Option<&str>) -> StateWrite {
    let value = value.map(|value| value.as_bytes().to_vec());
    StateWrite { partnership: partnership.cloned(), key: key.to_owned(), value }
}

/// A run writes this.
async fn writes(world: &World, install: &Install, all: Vec<StateWrite>) {
    let (id, now) = (install.id.clone(), world.test.now());
    let written = world
        .test
        .write(move |connection| Box::pin(async move { write(connection, &id, &all, now).await }));
    written.await.unwrap();
}

async fn overtaken(
    world: &World,
    install: &Install,
    seen: &StateSeen,
    all: Vec<StateWrite>,
) -> bool {
    let (id, seen) = (install.id.clone(), seen.clone());
    let overtaken = world.test.write(move |connection| {
        Box::pin(async move { is_overtaken(connection, &id, &seen, &all).await })
    });
    overtaken.await.unwrap()
}

#[tokio::test]
async fn what_was_read_first_is_compared_and_what_is_written_unread() {
    let world = World::new().await;
    let install = world.active().await;
    writes(&world, &install, vec![set(None, "a", Some("1")), set(None, "b", Some("1"))]).await;
    let version = async |key| world.test.state_get(&install.id, None, key).await.unwrap().1;
    let mut seen = StateSeen::since(1);
    seen.value(None, "a", version("a").await);
    assert!(!overtaken(&world, &install, &seen, Vec::new()).await);
    writes(&world, &install, vec![set(None, "a", Some("2"))]).await;
    // It reads that, too.
    seen.value(None, "a", version("a").await);
    assert!(overtaken(&world, &install, &seen, Vec::new()).await);
    let blind = StateSeen::since(1);
    assert!(!overtaken(&world, &install, &blind, Vec::new()).await);
    assert!(!overtaken(&world, &install, &blind, vec![set(None, "b", Some("2"))]).await);
    for value in [Some("2"), None] {
        assert!(overtaken(&world, &install, &blind, vec![set(None, "a", value)]).await);
    }
    // Of whoever has read a great deal nothing is compared.
    for (began_at, is) in [(1, true), (2, false)] {
        let mut much = StateSeen::since(began_at);
        (0..=COMPARED).for_each(|number| much.value(None, &format!("other-{number}"), 0));
        assert_eq!(overtaken(&world, &install, &much, Vec::new()).await, is);
    }
}

#[tokio::test]
async fn what_is_of_a_partnership_is_apart_and_all_of_it_is_counted() {
    let world = World::new().await;
    let install = world.active().await;
    let of = Some(&world.partnership);
    writes(&world, &install, vec![set(of, "k", Some("theirs")), set(None, "k", Some("own"))]).await;
    for (of, value) in [(of, "theirs"), (None, "own")] {
        let (found, _) = world.test.state_get(&install.id, of, "k").await.unwrap();
        assert_eq!(found.as_deref(), Some(value.as_bytes()));
    }
    let usage = async |all: &[StateWrite]| {
        let usage = world.test.state_usage_after(&install.id, all).await.unwrap();
        (usage.keys, usage.bytes)
    };
    assert_eq!(usage(&[]).await, (2, 9));
    assert_eq!(usage(&[set(None, "k", Some("longer"))]).await, (2, 12));
    assert_eq!(usage(&[set(of, "k", None), set(of, "l", Some("1"))]).await, (2, 4));
}

#[test]
fn what_is_kept_has_bounds() {
    let most = StateUsage { keys: limits::STATE_KEYS, bytes: limits::STATE_BYTES };
    assert_eq!(most.over(), None);
    assert_eq!(StateUsage { keys: most.keys + 1, ..most }.over(), Some("state.keys"));
    assert_eq!(StateUsage { bytes: most.bytes + 1, ..most }.over(), Some("state.bytes"));
}
