//! One run of the sync: some pages from the place on, accounts written, the
//! place remembered. Bounded, so that a portal of any size is a chain of runs.
use std::collections::BTreeSet;

use venn_sdk::{
    Error, Fault, Report,
    accounts::{self, AccountRow, BATCH},
    config, log, state,
};

use crate::{
    company::{self, Company, Owners, Writes, account_id},
    config::Config,
    crm,
    place::{Phase, Place, date_ms},
};

/// Pages in one run: some seconds of HubSpot's time, and 2,000 companies at most.
const PAGES_PER_RUN: u32 = 10;
/// The key of the state that holds the place.
const PLACE: &str = "place";
/// The key of the state that holds which companies were archived.
const ARCHIVED: &str = "archived";
/// Ids of archived companies that are remembered, some 14 bytes each of 64 KiB.
const ARCHIVED_MAX: usize = 3_000;

/// What this run did, for people.
#[derive(Default)]
struct Tally {
    left_out: u64,
    called: bool,
}

/// Goes on with the sync, or begins the next one; `anew` reads everything.
pub(crate) fn run(anew: bool) -> Result<Report, Fault> {
    let config: Config = config::get()?;
    let kept = state::common().get_json(PLACE)?;
    let mut place = Place::of(kept, config, anew);
    let owners = crm::owners()?;
    let mut tally = Tally::default();
    for _ in 0..PAGES_PER_RUN {
        if place.phase == Phase::Done {
            break;
        }
        step(&mut place, &owners, &mut tally)?;
    }
    if !tally.called {
        // Nothing was new: that is worth knowing, too.
        accounts::upsert(&[])?;
    }
    state::common().set_json(PLACE, &place)?;
    let left_out = match tally.left_out {
        0 => String::new(),
        count => format!(", {count} left out: see the log"),
    };
    let report = Report::new(format!("companies read: {}{left_out}", place.done));
    let report = report.progress(place.done, 0);
    Ok(if place.phase == Phase::Done { report } else { report.again("go on") })
}

/// Reads one page and writes it.
fn step(place: &mut Place, owners: &Owners, tally: &mut Tally) -> Result<(), Fault> {
    let config = place.config.clone();
    let properties = config.properties();
    let companies = match place.phase.clone() {
        Phase::Start => {
            place.since_ms = date_ms(crm::newest()?.as_ref()).unwrap_or(0);
            place.phase = Phase::Load { after: None };
            return Ok(());
        }
        Phase::Load { after } => {
            let page = crm::list(&properties, false, after.as_deref())?;
            place.phase = match page.next() {
                Some(next) => Phase::Load { after: Some(next) },
                None => Phase::Changes,
            };
            page.results
        }
        Phase::Changes => {
            let page = crm::changed(&properties, place.since_ms)?;
            place.after_changes(&page);
            page
        }
        Phase::Tie { id } => {
            let page = crm::changed_at(&properties, place.since_ms, id)?;
            place.after_tie(&page);
            page
        }
        Phase::Archived { after, found } => {
            return archived(place, &config, after.as_deref(), found, tally);
        }
        Phase::Missing { mut ids } => {
            let rest = ids.split_off(ids.len().min(crm::LIST_PAGE));
            let page = crm::read(&properties, &ids)?;
            place.phase = if rest.is_empty() { Phase::Done } else { Phase::Missing { ids: rest } };
            page
        }
        Phase::Done => return Ok(()),
    };
    place.done += companies.len() as u64;
    write(&companies, &config, owners, tally)
}

/// One page of archived companies; after the last one it is known which left.
fn archived(
    place: &mut Place,
    config: &Config,
    after: Option<&str>,
    mut found: BTreeSet<String>,
    tally: &mut Tally,
) -> Result<(), Fault> {
    let page = crm::list(&["hs_object_id"], true, after)?;
    let next = page.next();
    let ids: Vec<String> = page.results.iter().map(|one| account_id(&one.id, config)).collect();
    remove(&ids, tally)?;
    found.extend(page.results.into_iter().map(|company| company.id));
    while found.len() > ARCHIVED_MAX {
        // The oldest ones: HubSpot forgets them first.
        found.pop_first();
    }
    if let Some(next) = next {
        place.phase = Phase::Archived { after: Some(next), found };
        return Ok(());
    }
    let before: BTreeSet<String> = state::common().get_json(ARCHIVED)?.unwrap_or_default();
    let ids: Vec<String> = before.difference(&found).cloned().collect();
    state::common().set_json(ARCHIVED, &found)?;
    place.phase = if ids.is_empty() { Phase::Done } else { Phase::Missing { ids } };
    Ok(())
}

fn write(
    companies: &[Company],
    config: &Config,
    owners: &Owners,
    tally: &mut Tally,
) -> Result<(), Fault> {
    let Writes { rows, gone, nameless } = company::writes(companies, config, owners);
    tally.left_out += nameless;
    for rows in rows.chunks(BATCH) {
        upsert(rows, tally)?;
    }
    remove(&gone.into_iter().collect::<Vec<_>>(), tally)
}

/// A row that Venn does not take must not hold up the others: they go in halves.
fn upsert(rows: &[AccountRow], tally: &mut Tally) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    tally.called = true;
    match accounts::upsert(rows) {
        Ok(_) => Ok(()),
        Err(Error::Invalid(why)) => match rows {
            [row] => {
                tally.left_out += 1;
                log::warn!("left out the company {}: {why}", row.external_id);
                Ok(())
            }
            rows => {
                let (left, right) = rows.split_at(rows.len() / 2);
                upsert(left, tally)?;
                upsert(right, tally)
            }
        },
        Err(error) => Err(error.into()),
    }
}

fn remove(ids: &[String], tally: &mut Tally) -> Result<(), Fault> {
    for ids in ids.chunks(BATCH) {
        tally.called = true;
        accounts::remove(ids)?;
    }
    Ok(())
}
