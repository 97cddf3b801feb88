//! Writing the customer's own accounts: a live source.
//!
//! A guest can add, change and remove accounts of its own customer, as effects,
//! in populations that were granted. It cannot name an organization, so it never
//! reaches another one's; it cannot touch what another source keeps; it cannot
//! carry what it read of a partner into the customer's own list, where the end
//! of the partnership would not reach it; and it cannot flood: a call, a row and
//! all of a run have limits. Values are judged by the port, by the same rules as
//! rows of an imported list.
use venn_domain::{
    account::{AccountChange, SourceRow, check_key},
    capability::Capability,
    limits,
    run::AccountWrite,
};
use wasmtime::component::Linker;

use super::{Declined, Live, answered, perform};
use crate::{
    bindings::accounts as abi,
    engine::to_usize,
    run::{effects::Draft, state::RunState},
    tape::entry::{Answer, Request},
};

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("venn:plugin/accounts@0.1.0")?;
    interface.func_wrap_async("upsert", |cx, (rows,): (Vec<abi::AccountRow>,)| {
        let request = Request::AccountsUpsertRows { rows };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |answer| match answer {
                Answer::Upserted { added, changed, unchanged } => {
                    Some(abi::UpsertResult { added, changed, unchanged })
                }
                _ => None,
            })?,))
        })
    })?;
    interface.func_wrap_async("remove", |cx, (external_ids,): (Vec<String>,)| {
        let request = Request::AccountsRemove { external_ids };
        Box::new(async move {
            let answer = perform(cx, request).await?;
            Ok((answered(answer, |answer| match answer {
                Answer::Number(removed) => u32::try_from(removed).ok(),
                _ => None,
            })?,))
        })
    })
}

/// Decides on a whole batch: all of it is kept, or nothing.
pub(super) async fn upsert(
    live: &Live,
    effects: &Draft,
    rows: &[abi::AccountRow],
) -> Result<Answer, Declined> {
    allowed(live, effects, rows.len())?;
    let rows: Vec<SourceRow> = rows.iter().map(source_row).collect();
    let bytes: usize = rows.iter().map(SourceRow::bytes).sum();
    if effects.account_bytes() + bytes as u64 > limits::ACCOUNTS_RUN_BYTES {
        let limit = limits::ACCOUNTS_RUN_BYTES;
        return Err(Declined::limit(format!(
            "accounts.run.bytes: at most {limit} bytes of accounts in one run"
        )));
    }
    for (at, row) in rows.iter().enumerate() {
        if row.extra.len() > to_usize(limits::ACCOUNTS_EXTRA) {
            let limit = limits::ACCOUNTS_EXTRA;
            return Err(Declined::limit(format!(
                "accounts.extra: row {at} has more than {limit} further values"
            )));
        }
        if !row.population.is_empty() {
            check_key(&row.population)
                .map_err(|error| Declined::invalid(format!("row {at}, population: {error}")))?;
        }
        live.authority.allows_population(Capability::AccountsWrite, row.population())?;
    }
    let mut changes = live.ports.accounts_compare(&live.authority, &rows).await?;
    // The run's own writes come before what is committed.
    for (row, change) in rows.iter().zip(&mut changes) {
        *change = match effects.account(&row.external_id) {
            None => *change,
            Some(AccountWrite::Remove(_)) => AccountChange::Added,
            Some(AccountWrite::Upsert(before)) if before == row => AccountChange::Unchanged,
            Some(AccountWrite::Upsert(_)) => AccountChange::Changed,
        };
    }
    let count = |wanted| {
        let number = changes.iter().filter(|change| **change == wanted).count();
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    Ok(Answer::Upserted {
        added: count(AccountChange::Added),
        changed: count(AccountChange::Changed),
        unchanged: count(AccountChange::Unchanged),
    })
}

/// How many of these accounts go with the run's report.
pub(super) async fn remove(
    live: &Live,
    effects: &Draft,
    external_ids: &[String],
) -> Result<Answer, Declined> {
    allowed(live, effects, external_ids.len())?;
    let mut asked: Vec<String> = Vec::new();
    for (at, id) in external_ids.iter().enumerate() {
        let id = id.trim();
        if id.is_empty() || id.len() > ID_BYTES || id.contains('\0') {
            return Err(Declined::invalid(format!(
                "row {at}, external-id: an id has 1 to {ID_BYTES} bytes, and no NUL"
            )));
        }
        asked.push(id.to_owned());
    }
    asked.sort_unstable();
    asked.dedup();
    let ours = live.ports.accounts_of_source(&live.authority, &asked).await?;
    let goes = |(id, ours): &(&String, bool)| match effects.account(id) {
        None => *ours,
        Some(AccountWrite::Upsert(_)) => true,
        Some(AccountWrite::Remove(_)) => false,
    };
    Ok(Answer::Number(asked.iter().zip(ours).filter(goes).count() as u64))
}

/// As in the contract; the mapping says the same of rows.
const ID_BYTES: usize = 256;

fn allowed(live: &Live, effects: &Draft, rows: usize) -> Result<(), Declined> {
    live.authority.allows_write_to(Capability::AccountsWrite, None, effects.read_from())?;
    if rows as u64 > limits::ACCOUNTS_BATCH {
        let limit = limits::ACCOUNTS_BATCH;
        return Err(Declined::limit(format!("accounts.batch: at most {limit} rows in one call")));
    }
    if (effects.accounts_len() + rows) as u64 > limits::ACCOUNTS_RUN {
        let limit = limits::ACCOUNTS_RUN;
        return Err(Declined::limit(format!("accounts.run: at most {limit} accounts in one run")));
    }
    Ok(())
}

fn source_row(row: &abi::AccountRow) -> SourceRow {
    SourceRow {
        external_id: row.external_id.trim().to_owned(),
        name: row.name.clone(),
        website: row.website.clone(),
        owner: row.owner.clone(),
        stage: row.stage.clone(),
        amount: row.amount.clone(),
        created_on: row.created_on.clone(),
        population: row.population.clone(),
        extra: row.extra.iter().map(|one| (one.name.clone(), one.value.clone())).collect(),
    }
}

/// What an accepted batch adds to the effects.
pub(crate) fn upserts(rows: &[abi::AccountRow]) -> impl Iterator<Item = AccountWrite> {
    rows.iter().map(|row| AccountWrite::Upsert(source_row(row)))
}

/// What an accepted removal adds to the effects.
pub(crate) fn removals(external_ids: &[String]) -> impl Iterator<Item = AccountWrite> {
    external_ids.iter().map(|id| AccountWrite::Remove(id.trim().to_owned()))
}
