//! The vendor that the ledger calls: it remembers who said what under which key, in which
//! life of the server.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::json;
use venn_testkit::{Answer, Call, Clock, Pace, ThirdParty, Trouble};

/// Where the ledger finds it.
pub const HOST: &str = "vendor.example";

/// Of so many calls one finds no taker, and has no effect.
const TROUBLED: u64 = 41;

/// Answers are up to so much later than what they tell of, so that kills fall in between.
const PACE_MS: u64 = 25;

/// One call that had its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The call's `Idempotency-Key`.
    pub key: String,
    /// In which life of the server.
    pub life: u64,
}

#[derive(Default)]
struct Seen {
    life: u64,
    effects: BTreeMap<String, Vec<Effect>>,
}

/// The vendor; its clones are the same one.
#[derive(Clone, Default)]
pub struct Vendor(Arc<Mutex<Seen>>);

impl Vendor {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a call that comes again has a reason: the server died, or a plugin goes
    /// on that was stopped in the middle.
    pub fn next_life(&self) {
        self.seen().life += 1;
    }

    /// What it was told, by line.
    pub fn effects(&self) -> BTreeMap<String, Vec<Effect>> {
        self.seen().effects.clone()
    }
}

impl ThirdParty for Vendor {
    fn name(&self) -> &'static str {
        "vendor"
    }

    fn host_names(&self) -> Vec<String> {
        vec![HOST.to_owned()]
    }

    fn answer(&self, call: &Call, _clock: &Clock) -> Answer {
        if call.order.is_multiple_of(TROUBLED) {
            return Answer::json(503, &json!({}));
        }
        let line: String = serde_json::from_slice(&call.body).unwrap();
        let key = call.headers["idempotency-key"].to_str().unwrap().to_owned();
        let mut seen = self.seen();
        let life = seen.life;
        seen.effects.entry(line).or_default().push(Effect { key, life });
        let pace = Pace::AfterMs(call.order % PACE_MS);
        Answer { pace, ..Answer::json(200, &json!({})) }
    }

    fn trouble(&self, trouble: &Trouble, _call: &Call) -> Answer {
        Answer::json(trouble.status(), &json!({}))
    }
}
