//! How far the sync is. Pure: what was read goes in, what to read next comes
//! out. It is kept in the state, committed with the accounts read up to it.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{company::Company, config::Config};

/// How far the sync is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// What the accounts were read for; another configuration reads all anew.
    pub(crate) config: Config,
    pub(crate) phase: Phase,
    /// The newest date of change that is dealt with, in milliseconds.
    pub(crate) since_ms: i64,
    /// Companies read in this sync.
    pub(crate) done: u64,
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Nothing was read yet.
    Start,
    /// Every company, page by page, after this one.
    Load { after: Option<String> },
    /// What changed at `since_ms` or later.
    Changes,
    /// A whole page has one date: what changed exactly then, by id after this one.
    Tie { id: u64 },
    /// What was archived, page by page, with the ids found so far.
    Archived { after: Option<String>, found: BTreeSet<String> },
    /// These left the list of archived companies: ask for them by id.
    Missing { ids: Vec<String> },
    /// All is read.
    Done,
}

/// HubSpot's most in one page of a search.
pub(crate) const SEARCH_PAGE: usize = 200;
/// HubSpot's search may miss what was written moments ago.
const INDEX_LAG_MS: i64 = 60_000;

impl Place {
    /// Where a run goes on, given what was kept.
    pub(crate) fn of(kept: Option<Self>, config: Config, anew: bool) -> Self {
        match kept {
            Some(place) if place.config == config && !anew => place.begun(),
            _ => Self { config, phase: Phase::Start, since_ms: 0, done: 0 },
        }
    }

    /// A sync that is done is followed by the next one.
    fn begun(self) -> Self {
        if self.phase != Phase::Done {
            return self;
        }
        let since_ms = self.since_ms.saturating_sub(INDEX_LAG_MS).max(0);
        Self { phase: Phase::Changes, since_ms, done: 0, ..self }
    }

    /// After a page of changes, oldest first. The next page begins where this one
    /// ends, so that no search is deep and none of an equal date is lost.
    pub(crate) fn after_changes(&mut self, companies: &[Company]) {
        let (first, last) = (date_ms(companies.first()), date_ms(companies.last()));
        if companies.len() < SEARCH_PAGE {
            self.since_ms = last.unwrap_or(self.since_ms).max(self.since_ms);
            self.phase = Phase::Archived { after: None, found: BTreeSet::new() };
            return;
        }
        match (first, last) {
            (Some(first), Some(last)) if first < last => self.since_ms = last,
            // One date on the whole page: there may be more of it than any search
            // gives, so it is read by id.
            (_, last) => {
                self.since_ms = last.unwrap_or(self.since_ms);
                self.phase = Phase::Tie { id: 0 };
            }
        }
    }

    /// After a page of one date, by id.
    pub(crate) fn after_tie(&mut self, companies: &[Company]) {
        let last = companies.last().and_then(|company| company.id.parse().ok());
        match last {
            Some(id) if companies.len() == SEARCH_PAGE => self.phase = Phase::Tie { id },
            _ => {
                self.since_ms = self.since_ms.saturating_add(1);
                self.phase = Phase::Changes;
            }
        }
    }
}

/// When a company last changed, in milliseconds.
pub(crate) fn date_ms(company: Option<&Company>) -> Option<i64> {
    parse_ms(company?.modified())
}

/// `2026-01-02T03:04:05.678Z` in milliseconds since 1970.
fn parse_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let mut part = || date.next()?.ok();
    let (year, month, day) = (part()?, part()?, part()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let mut part = || clock.next()?.ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000 + millis)
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - DAYS_TO_1970
}

/// Days from the first of March of the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn companies(dates: impl Iterator<Item = i64>) -> Vec<Company> {
        let company = |(id, ms): (usize, i64)| Company {
            id: id.to_string(),
            properties: [(
                "hs_lastmodifieddate".to_owned(),
                Some(format!("2026-01-01T00:00:00.{ms:03}Z")),
            )]
            .into(),
        };
        dates.enumerate().map(company).collect()
    }

    fn at(phase: Phase) -> Place {
        Place { config: Config::default(), phase, since_ms: 0, done: 0 }
    }

    /// 2026-01-01T00:00:00Z
    const NEW_YEAR_MS: i64 = 1_767_225_600_000;

    #[test]
    fn dates_are_milliseconds() {
        assert_eq!(parse_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_ms("2026-01-01T00:00:00.5Z"), Some(NEW_YEAR_MS + 500));
        assert_eq!(parse_ms("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
        assert_eq!(parse_ms("2024-03-01T00:00:00.000Z"), Some(1_709_251_200_000));
        assert_eq!(parse_ms("tomorrow"), None);
    }

    #[test]
    fn a_full_page_is_followed_by_one_from_its_last_date() {
        let mut place = at(Phase::Changes);
        place.after_changes(&companies(0..200));
        assert_eq!((&place.phase, place.since_ms), (&Phase::Changes, NEW_YEAR_MS + 199));
        place.after_changes(&companies(0..199));
        assert!(matches!(place.phase, Phase::Archived { .. }));
        assert_eq!(place.since_ms, NEW_YEAR_MS + 199, "it never goes back");
    }

    #[test]
    fn a_page_of_one_date_is_read_by_id_and_then_left_behind() {
        let mut place = at(Phase::Changes);
        let page = companies(std::iter::repeat_n(7, 200));
        place.after_changes(&page);
        assert_eq!((&place.phase, place.since_ms), (&Phase::Tie { id: 0 }, NEW_YEAR_MS + 7));
        place.after_tie(&page);
        assert_eq!(place.phase, Phase::Tie { id: 199 });
        place.after_tie(&[]);
        assert_eq!((&place.phase, place.since_ms), (&Phase::Changes, NEW_YEAR_MS + 8));
    }

    #[test]
    fn a_sync_that_is_done_is_followed_by_one_that_looks_back_a_little() {
        let done = Place { since_ms: 100_000, ..at(Phase::Done) };
        let next = Place::of(Some(done.clone()), Config::default(), false);
        assert_eq!((next.phase, next.since_ms), (Phase::Changes, 40_000));
        let under_way = at(Phase::Load { after: Some("5".into()) });
        assert_eq!(Place::of(Some(under_way.clone()), Config::default(), false), under_way);
        let other = Config { amount: "x".into(), ..Config::default() };
        assert_eq!(Place::of(Some(done.clone()), other, false).phase, Phase::Start);
        assert_eq!(Place::of(Some(done), Config::default(), true).phase, Phase::Start);
    }
}
