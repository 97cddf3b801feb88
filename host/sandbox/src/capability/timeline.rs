//! Appending dated facts to accounts.
//!
//! A guest can append entries to the timeline of its customer's accounts. They
//! are effects: kept in the run, committed with an `ok` report. It cannot
//! write what it derived from one partnership into another's partition, nor
//! flood the timeline: a batch, a text and all of a run have limits.
use venn_domain::{capability::Capability, limits, run::TimelineEntry, time::Timestamp};
use wasmtime::component::Linker;

use super::{Declined, Live, answered, partnership_id, perform};
use crate::{
    bindings::timeline as abi,
    run::{effects::Draft, state::RunState},
    tape::entry::{Answer, Request},
};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/timeline@0.1.0")?;
    interface.func_wrap_async("append", |cx, (entries,): (Vec<abi::Entry>,)| {
        let request = Request::TimelineAppend { entries };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |_| Some(()))?,))
        })
    })
}

/// Decides on a whole batch: all of it is kept, or nothing.
pub(super) fn append(
    live: &Live,
    effects: &Draft,
    entries: &[abi::Entry],
) -> Result<Answer, Declined> {
    live.authority.allows(Capability::TimelineWrite)?;
    if entries.len() as u64 > limits::TIMELINE_BATCH {
        let limit = limits::TIMELINE_BATCH;
        return Err(Declined::limit(format!(
            "timeline.batch: at most {limit} entries in one call"
        )));
    }
    if effects.timeline_len() + entries.len() > TIMELINE_RUN {
        return Err(Declined::limit(format!(
            "timeline.run: at most {TIMELINE_RUN} entries in one run"
        )));
    }
    for entry in entries {
        check_text(entry)?;
        let partition = match &entry.partnership {
            Some(text) => Some(partnership_id(text)?),
            None => None,
        };
        live.authority.allows_write_to(
            Capability::TimelineWrite,
            partition.as_ref(),
            effects.read_from(),
        )?;
    }
    Ok(Answer::Done)
}

/// Ten full batches: what one transaction writes without holding up others.
const TIMELINE_RUN: usize = 5_000;
/// Keys, kinds and account ids are names.
const NAME_BYTES: usize = 256;

/// 9999-12-31T00:00:00Z: the last day that every date format can write.
const AT_MAX_US: i64 = 253_402_214_400_000_000;

fn check_text(entry: &abi::Entry) -> Result<(), Declined> {
    for (what, text) in [("account", &entry.account), ("kind", &entry.kind), ("key", &entry.key)] {
        if text.is_empty() || text.len() > NAME_BYTES {
            let why = format!("a timeline entry's `{what}` must have 1 to {NAME_BYTES} bytes");
            return Err(Declined::invalid(why));
        }
    }
    let texts = [&entry.account, &entry.kind, &entry.key, &entry.text];
    if texts.into_iter().any(|text| text.chars().any(char::is_control)) {
        let why = "a timeline entry's texts have no control characters, not even line breaks";
        return Err(Declined::invalid(why.to_owned()));
    }
    if entry.at.is_some_and(|at| !(0..=AT_MAX_US).contains(&at)) {
        let why = "a timeline entry's `at` is in microseconds, between 1970 and the year 9999";
        return Err(Declined::invalid(why.to_owned()));
    }
    if entry.text.len() as u64 > limits::TIMELINE_TEXT_BYTES {
        let limit = limits::TIMELINE_TEXT_BYTES;
        return Err(Declined::limit(format!("timeline.text: a text has at most {limit} bytes")));
    }
    Ok(())
}

/// What an accepted batch adds to the effects. An entry without a time gets
/// that of the run's start, so that a replay makes the same one.
pub(crate) fn effects(entries: &[abi::Entry], started_at: Timestamp) -> Vec<TimelineEntry> {
    entries
        .iter()
        .map(|entry| TimelineEntry {
            account: entry.account.clone(),
            kind: entry.kind.clone(),
            text: entry.text.clone(),
            at: entry.at.map_or(started_at, Timestamp),
            key: entry.key.clone(),
            partnership: entry.partnership.as_deref().and_then(|id| id.parse().ok()),
        })
        .collect()
}
