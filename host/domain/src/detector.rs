//! Detectors: what fails without failing. Nothing of it moves blame: it is not known
//! whose it is until somebody has looked, so it goes to the platform's triage.
//!
//! - **no progress**: a chain of runs that asks for another one again and again and stays
//!   where it is, or runs that end well although they were cut short ([`Pulse`]).
//! - **silence**: an install that always ran runs no more, although there is work for it,
//!   or somebody who always called it ([`silent_since`]).
//!
//! Pure: the caller brings the time, and what was seen.
use serde::{Deserialize, Serialize};

use crate::{
    limits,
    run::{CallResult, Ending, Outcome},
    time::Timestamp,
    verdict::{
        names,
        signal::{is_http, unmended},
    },
};

/// What a detector found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// No runs, where there always were some.
    Silence,
    /// Runs that get nowhere.
    NoProgress,
}

names!(Finding { Silence = "silence", NoProgress = "no-progress" });

/// How far a chain of runs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// What the plugin wants to be told at the next step.
    pub continuation: Option<&'a str>,
    /// In the plugin's own unit.
    pub done: u64,
    /// 0 if not known.
    pub total: u64,
}

/// Whether a chain has moved with a step. Where it tells how much is done, that counts:
/// a cursor may differ each time and still lead nowhere.
pub fn has_moved(before: &Place<'_>, after: &Place<'_>) -> bool {
    if before.done > 0 && after.done > 0 && before.total == after.total {
        return before.done != after.done;
    }
    before.continuation != after.continuation
}

/// Runs in a row that end well and get nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse(pub u64);

impl Pulse {
    /// After one more run.
    #[must_use]
    pub const fn after(self, got_somewhere: bool) -> Self {
        Self(if got_somewhere { 0 } else { self.0.saturating_add(1) })
    }

    /// Whether that is too many.
    pub const fn is_still(self) -> bool {
        self.0 >= limits::STILL_RUNS
    }

    /// How long the next run waits, milliseconds: from too many on a second, then twice as
    /// long each time, up to a minute. What waits for something outside may go on so; what
    /// turns in a circle fills no disk.
    pub fn pause_ms(self) -> i64 {
        let doubled = self.0.checked_sub(limits::STILL_RUNS).map(|more| 1_000_i64 << more.min(6));
        doubled.unwrap_or_default().min(60_000)
    }
}

/// Whether a run ended well although it was cut short: its service went away, declined
/// or had enough, it left nothing behind, and it says that all is done.
pub fn is_cut_short(outcome: &Outcome) -> bool {
    let Ending::Ok(report) = &outcome.ending else { return false };
    let mut unmended = unmended(outcome).filter(|call| is_http(&call.call));
    report.again.is_none()
        && outcome.effects.is_empty()
        && unmended.any(|call| match &call.result {
            CallResult::NetworkFailed { .. } => true,
            CallResult::Status { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => false,
        })
}

/// What there is to do for an install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Since when something is due that could run.
    pub due_since: Option<Timestamp>,
    /// What it ran for is called from outside, and open to that: nobody can know of work.
    pub is_called: bool,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// 1970-01-01 was a Thursday: so many days after a Monday.
const MONDAY_DAYS: i64 = 3;

/// Since when an install is silent, by when its runs began (oldest first); none if it
/// is not. Its longest gap is usual: as many of them as are a silence have passed since
/// its last run, not counting week-ends where it never had a run on one.
pub fn silent_since(runs: &[Timestamp], work: &Work, now: Timestamp) -> Option<Timestamp> {
    let last = *runs.last()?;
    if (runs.len() as u64) < limits::SILENCE_RUNS {
        return None;
    }
    let has_weekends = runs.iter().any(|run| is_weekend(*run));
    let passed = |from: Timestamp, to: Timestamp| {
        if has_weekends { to.ms_since(from) } else { weekday_ms(to) - weekday_ms(from) }
    };
    let gaps = runs.iter().zip(runs.iter().skip(1)).map(|(one, next)| passed(*one, *next));
    let usual = gaps.max().unwrap_or(0);
    let shortest = limits::SILENCE_MS_MIN.cast_signed();
    let silence = usual.saturating_mul(limits::SILENCE_GAPS.cast_signed()).max(shortest);
    let is_due = work.due_since.is_some_and(|since| passed(since, now) >= shortest.max(usual));
    (passed(last, now) >= silence && (is_due || work.is_called)).then_some(last)
}

fn is_weekend(at: Timestamp) -> bool {
    let days = at.0.div_euclid(DAY_MS * 1_000) + MONDAY_DAYS;
    days.rem_euclid(7) >= 5
}

/// Milliseconds of weekdays (UTC) up to a moment.
fn weekday_ms(at: Timestamp) -> i64 {
    let ms = at.0.div_euclid(1_000) + MONDAY_DAYS * DAY_MS;
    let (weeks, rest) = (ms.div_euclid(7 * DAY_MS), ms.rem_euclid(7 * DAY_MS));
    weeks * 5 * DAY_MS + rest.min(5 * DAY_MS)
}

/// What is told of a finding: one line, and what there is to know.
pub fn words(finding: Finding, title: &str) -> (String, String) {
    match finding {
        Finding::Silence => (
            format!("{title} has gone silent"),
            format!(
                "{title} ran all the time, and there is no run of it any more, although there should be. It is not known why. It is over by itself with the next run."
            ),
        ),
        Finding::NoProgress => (
            format!("{title} runs and gets nowhere"),
            format!(
                "{title} has ended {} runs in a row well and was as far as before. It is not known why. It is over by itself as soon as a run gets further.",
                limits::STILL_RUNS
            ),
        ),
    }
}
