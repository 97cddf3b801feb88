//! Running a taped run again: no ports, no network, no clock.
//!
//! Every answer comes from the tape. A guest that asks something else has
//! diverged, and the replay says at which call; one that asks the same and
//! ends otherwise has another outcome. With the same component that never
//! happens; with a newer release it is what shows whether behaviour changed.
use std::sync::Arc;

use venn_domain::{
    run::{Ending, Outcome},
    time::{Clock, Timestamp},
};

use crate::{
    run::{
        self,
        core::{Core, Facts, Mode, Side},
        stop::Stop,
    },
    sandbox::{Prepared, Sandbox},
    tape::{Call, Tape, playback::Playback},
};

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Compared with the tape.
    pub verdict: ReplayVerdict,
    /// How it went this time.
    pub outcome: Outcome,
}

/// How a replay compares with its tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayVerdict {
    /// The same calls, the same ending, the same effects.
    Same,
    /// The calls so far were the same; ending or effects are not.
    OutcomeDiffers {
        /// The first call on the tape that the guest did not make.
        before_call: usize,
    },
    /// A call differs.
    Diverged {
        /// Counted from 0.
        at_call: usize,
        /// What the tape holds.
        expected: String,
        /// What the guest asked.
        got: String,
    },
}

/// The moment of the taped run.
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Sandbox {
    /// Runs a tape against a loaded component: its own, or a newer release's.
    pub async fn replay(&self, prepared: &Prepared, tape: &Tape) -> Replayed {
        let header = &tape.header;
        let mode = match &header.call {
            Call::Handle(_) => Mode::Handle,
            Call::Check { .. } => Mode::Check,
            Call::Migrate { .. } => Mode::Migrate,
        };
        let clock = Arc::new(Stopped(header.started_at));
        let config = header.config.to_string();
        let facts = Facts::new(header.info.clone(), config, clock, header.started_at, None);
        let playback = Playback::new(Arc::clone(&tape.entries));
        let scratch = self.own_files(&header.limits);
        let core = Core::new(facts, mode, Side::Replay(playback), scratch);
        let executed = run::execute(prepared, core, header.limits, &header.call).await;
        let position = match &executed.core.side {
            Side::Replay(playback) => playback.position(),
            Side::Live(_) => 0,
        };
        let mut outcome = executed.outcome;
        let verdict = match executed.stop {
            Some(Stop::Diverged { at_call, expected, got }) => {
                ReplayVerdict::Diverged { at_call, expected, got }
            }
            // Where the taped run was cut off from outside, this one is too.
            Some(Stop::TapeEnds(_)) if was_cut_off(&header.ending) => {
                outcome.ending = header.ending.clone();
                ReplayVerdict::Same
            }
            Some(Stop::TapeEnds(at_call)) => ReplayVerdict::Diverged {
                at_call,
                expected: "the end of the run".to_owned(),
                got: "another call".to_owned(),
            },
            _ if position == tape.entries.len()
                && same_ending(&outcome.ending, &header.ending)
                && outcome.effects == header.effects =>
            {
                ReplayVerdict::Same
            }
            _ => ReplayVerdict::OutcomeDiffers { before_call: position },
        };
        Replayed { verdict, outcome }
    }
}

/// The host ended the run in the middle of a call that is not on the tape.
fn was_cut_off(ending: &Ending) -> bool {
    matches!(ending, Ending::Limit { .. } | Ending::HostFailed { .. })
}

/// A trap's text names functions, which move from release to release; a wall
/// limit's names what it waited in.
fn same_ending(left: &Ending, right: &Ending) -> bool {
    match (left, right) {
        (Ending::Trap { code: left, .. }, Ending::Trap { code: right, .. })
        | (Ending::Limit { limit: left, .. }, Ending::Limit { limit: right, .. }) => left == right,
        (left, right) => left == right,
    }
}
