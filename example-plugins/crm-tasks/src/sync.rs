//! One run: read changes, make tasks, note it on the timeline, remember the
//! place. Bounded, so that a backfill of any size is a chain of short runs.
use std::collections::{BTreeMap, BTreeSet};

use venn_sdk::{
    Error, Event, Fault, Report, config, log,
    overlaps::{self, ChangePage},
    state,
    timeline::{self, Entry},
};

use crate::{
    config::Config,
    crm,
    place::{self, Start},
    task::{self, Wanted},
};

/// Changes in one page: HubSpot takes at most 100 tasks in one batch.
const PAGE_CHANGES: u32 = 100;
/// Pages in one run: some 8 calls, a few seconds of HubSpot's time.
const PAGES_PER_RUN: u32 = 2;
/// The key of the state that holds how far changes were read.
const CURSOR: &str = "cursor";

/// Handles `overlaps-changed`; its subject is the partnership.
pub(crate) fn run(event: &Event) -> Result<Report, Fault> {
    let partnership = event.subject.as_str();
    let config: Config = config::get()?;
    let kept = state::of(partnership).get_json(CURSOR)?;
    let Start { mut place, backfill } = Start::of(event, kept)?;
    let mut fields = place::FIELDS.to_vec();
    let mut remaining = 0;
    for _ in 0..PAGES_PER_RUN {
        let page = read(partnership, place.cursor.as_deref(), &mut fields)?;
        #[cfg(feature = "broken")]
        log::info!("first key account: {}", crate::broken::first_key_account(&page.items));
        let wanted = task::wanted(&page.items, &config);
        if !wanted.is_empty() {
            make_tasks(&wanted, backfill, &config)?;
            note(partnership, &wanted)?;
        }
        place.done += page.items.len() as u64;
        place.tasks += wanted.len() as u64;
        place.cursor = Some(page.cursor.clone());
        remaining = if page.more { page.remaining.max(1) } else { 0 };
        if !page.more {
            break;
        }
    }
    // A backfill that is not through yet is behind the kept cursor: leave it.
    if !backfill || remaining == 0 {
        state::of(partnership).set_json(CURSOR, &place.cursor)?;
    }
    let report = Report::new(format!("tasks made: {}, changes read: {}", place.tasks, place.done))
        .progress(place.done, place.done + remaining);
    Ok(if remaining == 0 { report } else { report.again_json(&place) })
}

/// Reads a page; asks again without a field that is denied if a task can do
/// without it.
fn read(
    partnership: &str,
    cursor: Option<&str>,
    fields: &mut Vec<&'static str>,
) -> Result<ChangePage, Fault> {
    loop {
        match overlaps::changes(partnership, cursor, fields.iter().copied(), PAGE_CHANGES) {
            Err(Error::Denied(denial)) if place::without_denied_field(fields, &denial) => {
                log::warn!("going on without {}: {}", denial.what, denial.why);
            }
            answer => return Ok(answer?),
        }
    }
}

/// Makes or changes the tasks of one page and links them: at most four calls.
fn make_tasks(wanted: &[Wanted<'_>], backfill: bool, config: &Config) -> Result<(), Fault> {
    let name = |what: &str| task::operation(what, wanted);
    // Only a backfill meets tasks that people may have worked on.
    let ids: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.overlap.id.as_str()).collect();
    let known = if backfill { crm::known_tasks(&ids, name("known"))? } else { BTreeMap::new() };
    let input = |wanted: &Wanted<'_>| {
        task::upsert_input(*wanted, known.contains_key(&wanted.overlap.id), config)
    };
    let inputs: Vec<_> = wanted.iter().map(input).collect();
    let tasks = crm::upsert_tasks(&inputs, name("tasks"))?;
    if !config.assign_company {
        return Ok(());
    }
    let domains: BTreeSet<&str> =
        wanted.iter().map(|wanted| wanted.overlap.domain.as_str()).collect();
    let companies = crm::companies(&domains, name("companies"))?;
    let pair = |wanted: &Wanted<'_>| {
        let task = tasks.get(&wanted.overlap.id)?;
        Some((task.as_str(), companies.get(&wanted.overlap.domain)?.as_str()))
    };
    let pairs: Vec<_> = wanted.iter().filter_map(pair).collect();
    if pairs.is_empty() { Ok(()) } else { crm::link_companies(&pairs, name("links")) }
}

/// Notes new tasks on the timeline. The tasks are the work and the note is a
/// courtesy: without the permission the work goes on.
fn note(partnership: &str, wanted: &[Wanted<'_>]) -> Result<(), Fault> {
    let entry = |Wanted { overlap, .. }: &Wanted<'_>| {
        let text = task::timeline_text(overlap);
        Entry::new(&overlap.our_account, &overlap.id, "task-created", text).partnership(partnership)
    };
    let added = wanted.iter().filter(|wanted| wanted.added);
    let entries: Vec<_> = added.map(entry).collect();
    if entries.is_empty() {
        return Ok(());
    }
    match timeline::append(entries) {
        Err(Error::Denied(denial)) => {
            log::warn!("no timeline entries: {}", denial.why);
            Ok(())
        }
        answer => Ok(answer?),
    }
}
