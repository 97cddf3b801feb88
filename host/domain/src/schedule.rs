//! Schedules of a manifest: when one is due, and what becomes of times that were
//! missed. Pure: callers bring the time.
//!
//! Cron in five fields, in a time zone. Where the clock is moved, as Vixie cron does: a
//! fixed time that is skipped is due right after the gap, one that comes twice is due the
//! first time; `*` and steps follow the clock on the wall.
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Zoned, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{id::InstallId, limits, manifest::BadMember, time::Timestamp};

/// Longer than any five fields that a person reads.
const CRON_CHARS: usize = 100;

/// What comes later than this is missed: a restart takes less, an outage more.
pub const MISSED_AFTER_MS: i64 = 5 * 60 * 1_000;

/// A clock that is put back by more was wrong before: what it reckoned is reckoned anew. By
/// less it repeats nothing, and what it reckoned comes that much later.
pub const PUT_BACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// When the plugin wants to run by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its name in events and listings.
    pub name: String,
    /// What it is for, as people see it.
    pub title: String,
    /// Minute, hour, day of the month, month, day of the week.
    #[schemars(example = "0 2 * * *")]
    pub cron: String,
    /// Whose clock it goes by, a name of the IANA database.
    #[serde(default = "utc")]
    #[schemars(example = "Europe/Berlin")]
    pub time_zone: String,
    /// What becomes of times at which nothing could run.
    #[serde(default)]
    pub missed: Missed,
    /// Installs run up to so many seconds later than said, each always by the same.
    #[serde(default = "spread")]
    pub spread_s: u64,
}

/// What becomes of times that were missed: the server was down, or the install paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// One run stands for all of them.
    #[default]
    Once,
    /// They are left out; the next one comes at its time.
    Skip,
}

impl Missed {
    /// As in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Skip => "skip",
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn spread() -> u64 {
    60
}

/// What a field of cron holds: its name, its greatest number, and names for numbers.
const FIELDS: [(&str, u32, &[&str]); 5] = [
    ("minute", 59, &[]),
    ("hour", 23, &[]),
    ("day of the month", 31, &[]),
    (
        "month",
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("day of the week", 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// What to do about fields that are none.
const WRITE_FIELDS: &str =
    "Write minute, hour, day of the month, month and day of the week, as in `0 2 * * *`";

impl Schedule {
    /// What a new manifest must hold: only what the documents name, and what comes due.
    /// What was published before goes by [`Self::cadence`].
    pub fn check(&self) -> Result<(), BadMember> {
        let plain = self.cron.split_whitespace().zip(FIELDS).try_for_each(plain);
        plain.map_err(|reason| BadMember { member: "cron", reason, next_step: WRITE_FIELDS })?;
        self.cadence().map(drop)
    }

    /// When it is due, or what is wrong with it.
    pub fn cadence(&self) -> Result<Cadence, BadMember> {
        let bad = |member, reason: String, next_step| BadMember { member, reason, next_step };
        let fields = WRITE_FIELDS;
        if self.cron.chars().count() > CRON_CHARS {
            return Err(bad("cron", format!("it is longer than {CRON_CHARS} characters"), fields));
        }
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&self.cron).map_err(|error| bad("cron", said(error), fields))?;
        let zone = TimeZone::get(&self.time_zone).map_err(|_| {
            let next = "Use a name of the IANA database, as `Europe/Berlin`, or `UTC`";
            bad("time_zone", "there is no such time zone".to_owned(), next)
        })?;
        if self.spread_s > limits::SCHEDULE_SPREAD_S_MAX {
            let reason = format!("it is more than {}", limits::SCHEDULE_SPREAD_S_MAX);
            return Err(bad("spread_s", reason, "Spread over less"));
        }
        let cadence = Cadence { cron, zone };
        // Any moment does: what comes at all comes within the four centuries after it.
        if cadence.after(Timestamp(0)).is_none() {
            let reason = "it never comes due".to_owned();
            return Err(bad("cron", reason, "Name a day that some year has"));
        }
        Ok(cadence)
    }

    /// How much later than said an install runs: the same each time, so that installs
    /// are spread and the order of times stays.
    pub fn shift_ms(&self, install: &InstallId) -> i64 {
        let mut hash = Sha256::new();
        for part in [install.as_str(), "\0", &self.name] {
            hash.update(part.as_bytes());
        }
        let drawn = hash.finalize().iter().take(6).fold(0_u64, |sum, b| sum << 8 | u64::from(*b));
        let over_ms = self.spread_s.saturating_mul(1_000).saturating_add(1);
        i64::try_from(drawn % over_ms).unwrap_or(0)
    }
}

/// Numbers, names, `*`, lists, ranges and steps, and nothing else that parsers know.
fn plain((field, (what, most, names)): (&str, (&str, u32, &[&str]))) -> Result<(), String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(a, b)| (a, Some(b)));
        let is_name = |text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
        let is_one = |text: &str| text == "*" || is_number(text) || is_name(text);
        if !range.split('-').all(is_one) || step.is_some_and(|step| !is_number(step)) {
            let part: String = part.chars().take(20).collect();
            return Err(format!("`{part}` is no number, name, `*`, range or step of the {what}"));
        }
        let step = step.map(str::parse::<u32>);
        if step.is_some_and(|step| !step.is_ok_and(|step| (1..=most).contains(&step))) {
            return Err(format!("the step in `{part}` is not one of 1 to {most}, for the {what}"));
        }
    }
    Ok(())
}

/// What the parser says, without its own headings.
fn said(error: CronError) -> String {
    let text = match error {
        CronError::InvalidPattern(text)
        | CronError::IllegalCharacters(text)
        | CronError::ComponentError(text) => text,
        other => other.to_string(),
    };
    text.trim_end_matches('.').to_owned()
}

/// A schedule that was read.
#[derive(Debug, Clone)]
pub struct Cadence {
    cron: Cron,
    zone: TimeZone,
}

/// What a look at a schedule that has come due finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The time that a run is for; none if all were missed and are left out.
    pub run: Option<Timestamp>,
    /// The next time; none if there is none any more.
    pub next: Option<Timestamp>,
}

impl Cadence {
    /// The first time after this moment; none if there is none.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.zoned(moment)?, false).ok()?;
        Some(Timestamp(found.timestamp().as_microsecond()))
    }

    /// The last time up to this moment, or at it.
    fn until(&self, moment: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&self.zoned(moment)?, true).ok()?;
        Some(Timestamp(found.timestamp().as_microsecond()))
    }

    /// The time `planned` has come for an install that runs `shift_ms` later.
    pub fn turn(&self, planned: Timestamp, shift_ms: i64, missed: Missed, now: Timestamp) -> Turn {
        let newest =
            self.until(now.plus_ms(-shift_ms)).map_or(planned, |newest| newest.max(planned));
        let is_late = now.ms_since(newest.plus_ms(shift_ms)) > MISSED_AFTER_MS;
        let run = (missed == Missed::Once || !is_late).then_some(newest);
        Turn { run, next: self.after(newest) }
    }

    /// The next time, where it was reckoned by a clock that has been put back since; none if
    /// it stands.
    pub fn reckoned_anew(&self, reckoned_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if reckoned_at.ms_since(now) > PUT_BACK_MS { self.after(now) } else { None }
    }

    /// In words, for people.
    pub fn words(&self) -> String {
        self.cron.describe()
    }

    fn zoned(&self, moment: Timestamp) -> Option<Zoned> {
        let moment = jiff::Timestamp::from_microsecond(moment.0).ok()?;
        Some(moment.to_zoned(self.zone.clone()))
    }
}

#[cfg(test)]
mod tests;
