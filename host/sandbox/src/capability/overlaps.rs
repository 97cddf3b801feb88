//! Reading overlaps.
//!
//! A guest can read overlaps of granted partnerships and populations, and of
//! them the granted fields. It cannot name another organization: the tenant is
//! the run's install, and no argument widens it. Every question is answered by
//! the authority before the store is asked; the store reads through the live
//! sharing rules. What stops inference from counts is the store's.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use venn_domain::{
    authority::Authority,
    capability::{Capability, OverlapFields},
    id::PartnershipId,
    limits,
    overlap::{ChangeKind, ChangePage, Overlap, OverlapCount, OverlapPage, OverlapQuery},
};
use wasmtime::component::Linker;

use super::{Declined, Live, answered, partnership_id, perform};
use crate::{
    bindings::{overlaps as abi, types},
    run::state::RunState,
    tape::entry::{Answer, Request},
};

/// The contract's default page.
const PAGE_ITEMS_DEFAULT: u32 = 100;

/// A page of overlaps, ready to be handed to a guest. A clone shares it: the
/// tape and the guest read the same one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverlapAnswer {
    pub(crate) page: Arc<abi::Page>,
    pub(crate) read_from: Arc<Vec<PartnershipId>>,
}

/// A page of changes, ready to be handed to a guest; clones share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeAnswer {
    pub(crate) page: Arc<abi::ChangePage>,
    pub(crate) read_from: Arc<Vec<PartnershipId>>,
}

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/overlaps@0.1.0")?;
    interface.func_wrap_async("find", |cx, (query,): (abi::Query,)| {
        let request = Request::OverlapsFind(OverlapQuery {
            partnership: query.partnership,
            our_populations: query.our_populations,
            their_populations: query.their_populations,
            fields: query.fields,
            cursor: query.cursor,
            limit: query.limit,
        });
        Box::new(async move { Ok((page(perform(cx, request).await?)?,)) })
    })?;
    interface.func_wrap_async("lookup", |cx, (domain, fields): (String, Vec<String>)| {
        let request = Request::OverlapsLookup { domain, fields };
        Box::new(async move { Ok((page(perform(cx, request).await?)?,)) })
    })?;
    interface.func_wrap_async("counts", |cx, (partnership,): (Option<String>,)| {
        let request = Request::OverlapsCounts { partnership };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |answer| match answer {
                Answer::Counts(counts) => Some(counts),
                _ => None,
            })?,))
        })
    })?;
    interface.func_wrap_async(
        "changes",
        |cx, (partnership, cursor, fields, limit): (String, Option<String>, Vec<String>, u32)| {
            let request = Request::OverlapsChanges { partnership, cursor, fields, limit };
            Box::new(async move {
                let answer = perform(cx, request).await?;
                Ok((answered(answer, |answer| match answer {
                    Answer::Changes(changes) => Some(changes.page),
                    _ => None,
                })?,))
            })
        },
    )
}

fn page(answer: Answer) -> wasmtime::Result<Result<Arc<abi::Page>, types::HostError>> {
    answered(answer, |answer| match answer {
        Answer::Page(page) => Some(page.page),
        _ => None,
    })
}

pub(super) async fn find(live: &Live, query: &OverlapQuery) -> Result<Answer, Declined> {
    let authority = &live.authority;
    authority.allows(Capability::OverlapsRead)?;
    // The common query names no population and no partnership: nothing is copied.
    fields(authority, &query.fields)?;
    for population in &query.our_populations {
        authority.allows_population(Capability::OverlapsRead, population)?;
    }
    if let Some(partnership) = &query.partnership {
        authority.allows_partnership(partnership)?;
    }
    let query = OverlapQuery { limit: page_limit(query.limit)?, ..query.clone() };
    Ok(Answer::Page(live.ports.overlaps_find(authority, &query).await?))
}

pub(super) async fn lookup(
    live: &Live,
    domain: &str,
    names: &[String],
) -> Result<Answer, Declined> {
    let authority = &live.authority;
    authority.allows(Capability::OverlapsRead)?;
    let fields = fields(authority, names)?;
    if domain.is_empty() || domain.len() > DOMAIN_BYTES {
        let why = format!("`domain` must have 1 to {DOMAIN_BYTES} bytes");
        return Err(Declined::invalid(why));
    }
    Ok(Answer::Page(live.ports.overlaps_lookup(authority, domain, &fields).await?))
}

/// A URL as people paste it; names themselves have 253 at most.
const DOMAIN_BYTES: usize = 2_048;

pub(super) async fn counts(live: &Live, partnership: Option<&str>) -> Result<Answer, Declined> {
    let authority = &live.authority;
    authority.allows(Capability::OverlapsRead)?;
    let id = match partnership {
        Some(id) => Some(&authority.allows_partnership(id)?.id),
        None => None,
    };
    let counts = live.ports.overlaps_counts(authority, id).await?;
    Ok(Answer::Counts(Arc::new(counts.into_iter().map(count).collect())))
}

pub(super) async fn changes(
    live: &Live,
    partnership: &str,
    cursor: Option<&str>,
    names: &[String],
    limit: u32,
) -> Result<Answer, Declined> {
    let authority = &live.authority;
    authority.allows(Capability::OverlapsRead)?;
    partnership_id(partnership)?;
    let fields = fields(authority, names)?;
    let id = &authority.allows_partnership(partnership)?.id;
    let limit = page_limit(limit)?;
    let answer = live.ports.overlaps_changes(authority, id, cursor, &fields, limit).await?;
    Ok(Answer::Changes(answer))
}

/// The fields asked for, all of them granted; none means all that are.
fn fields(authority: &Authority, names: &[String]) -> Result<OverlapFields, Declined> {
    if names.is_empty() {
        return Ok(authority.fields().clone());
    }
    let mut fields = OverlapFields::default();
    for name in names {
        if !fields.insert(name) {
            return Err(Declined::invalid(format!(
                "`{}` is not a field of an overlap: names start with `our-` or `their-`",
                name.chars().take(80).collect::<String>()
            )));
        }
    }
    authority.allows_fields(&fields)?;
    Ok(fields)
}

fn page_limit(limit: u32) -> Result<u32, Declined> {
    match u64::from(limit) {
        0 => Ok(PAGE_ITEMS_DEFAULT),
        1..=limits::PAGE_ITEMS => Ok(limit),
        _ => Err(Declined::invalid(format!("`limit` is at most {}", limits::PAGE_ITEMS))),
    }
}

impl From<OverlapPage> for OverlapAnswer {
    fn from(page: OverlapPage) -> Self {
        let read_from = read_from(page.items.iter());
        let page = abi::Page {
            items: page.items.into_iter().map(overlap).collect(),
            cursor: page.cursor,
            withheld: page.withheld,
            withheld_partners: page.withheld_partners,
        };
        Self { page: Arc::new(page), read_from: Arc::new(read_from) }
    }
}

impl From<ChangePage> for ChangeAnswer {
    fn from(page: ChangePage) -> Self {
        let read_from = read_from(page.items.iter().map(|change| &change.overlap));
        let items = page.items.into_iter().map(|change| abi::Change {
            kind: match change.kind {
                ChangeKind::Added => "added",
                ChangeKind::Changed => "changed",
                ChangeKind::Removed => "removed",
            }
            .to_owned(),
            overlap: overlap(change.overlap),
        });
        let page = abi::ChangePage {
            items: items.collect(),
            cursor: page.cursor,
            more: page.more,
            remaining: page.remaining,
            withheld: page.withheld,
        };
        Self { page: Arc::new(page), read_from: Arc::new(read_from) }
    }
}

/// The partnerships of these rows, each once.
fn read_from<'a>(rows: impl Iterator<Item = &'a Overlap>) -> Vec<PartnershipId> {
    let mut ids: Vec<PartnershipId> = Vec::new();
    for row in rows {
        // Pages are sorted by partnership more often than not: look at the last first.
        if !ids.iter().rev().any(|id| *id == row.partnership) {
            ids.push(row.partnership.clone());
        }
    }
    ids
}

fn overlap(row: Overlap) -> types::Overlap {
    types::Overlap {
        id: row.id.into(),
        partnership: row.partnership.into(),
        partner: row.partner,
        domain: row.domain,
        evidence: row.evidence,
        confidence: row.confidence,
        paired_at: row.paired_at.0,
        our_account: row.our_account.into(),
        our_population: row.our_population,
        our_name: row.our_name,
        our_website: row.our_website,
        our_owner: row.our_owner,
        our_stage: row.our_stage,
        our_amount: row.our_amount,
        our_created_on: row.our_created_on,
        their_account: row.their_account.into(),
        their_population: row.their_population,
        their_name: row.their_name,
        their_website: row.their_website,
        their_owner: row.their_owner,
        their_stage: row.their_stage,
        their_amount: row.their_amount,
        their_created_on: row.their_created_on,
        extra: row.extra.into_iter().map(|(name, value)| types::Field { name, value }).collect(),
    }
}

fn count(count: OverlapCount) -> abi::Count {
    abi::Count {
        partnership: count.partnership.into(),
        partner: count.partner,
        our_population: count.our_population,
        their_population: count.their_population,
        count: count.count,
        suppressed: count.suppressed,
    }
}
