//! The rows that every run leaves.
use sqlx::AnyConnection;
use venn_domain::{
    run::{Ending, LogLine},
    time::Timestamp,
};

use super::{Recorded, RunRecord};
use crate::{
    StoreError, many,
    row::{json, without_nul},
    source::AccountFigures,
};

/// A run whose effects are written.
pub(super) struct Written<'r> {
    pub(super) record: &'r RunRecord,
    pub(super) effects_dropped: u64,
    pub(super) accounts: AccountFigures,
    /// Another run had written what this one has read.
    pub(super) overtaken: bool,
}

impl Written<'_> {
    pub(super) const fn became(&self) -> Recorded {
        if self.overtaken {
            return Recorded::Overtaken;
        }
        Recorded::Written { effects_dropped: self.effects_dropped }
    }
}

pub(super) async fn insert_runs(
    connection: &mut AnyConnection,
    written: &[Written<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let into = "run (id, delivery_id, install_id, organization_id, plugin_id, release_id, step, attempt,
                     event_kind, subject, authority_no, ending, ending_json, summary, calls_json,
                     usage_json, verdict_json, log_dropped, effects_dropped, started_at, ended_at, trace_id,
                     accounts_added, accounts_changed, accounts_unchanged, accounts_removed, overtaken)";
    many::insert(connection, into, written, |query, written| {
        let Written { record, effects_dropped, accounts, overtaken } = written;
        let outcome = record.outcome.as_ref();
        let ending = outcome.map(|outcome| &outcome.ending);
        query
            .bind(record.id.to_string())
            .bind(record.leased.id.to_string())
            .bind(record.leased.install.to_string())
            .bind(record.leased.organization.to_string())
            .bind(record.plugin.to_string())
            .bind(record.release.to_string())
            .bind(i64::from(record.leased.step))
            .bind(i64::from(record.leased.attempt))
            .bind(record.leased.event.kind.clone())
            .bind(record.leased.event.subject.clone())
            .bind(record.authority_no.cast_signed())
            .bind(ending.map_or("refused", Ending::name))
            .bind(ending.map(json).unwrap_or_default())
            .bind(without_nul(&summary(record)))
            .bind(outcome.map(|outcome| json(&outcome.calls)).unwrap_or_default())
            .bind(outcome.map(|outcome| json(&outcome.usage)).unwrap_or_default())
            .bind(record.verdict.as_ref().map(json).unwrap_or_default())
            .bind(outcome.map_or(0, |outcome| outcome.log_dropped.cast_signed()))
            .bind(effects_dropped.cast_signed())
            .bind(record.started_at.0)
            .bind(now.0)
            .bind(record.trace_id.clone())
            .bind(accounts.added.cast_signed())
            .bind(accounts.changed.cast_signed())
            .bind(accounts.unchanged.cast_signed())
            .bind(accounts.removed.cast_signed())
            .bind(i64::from(*overtaken))
    })
    .await
}

fn summary(record: &RunRecord) -> String {
    match record.outcome.as_ref().map(|outcome| &outcome.ending) {
        Some(Ending::Ok(report)) => report.summary.clone(),
        Some(Ending::Fault(claim)) => claim.message.clone(),
        Some(Ending::Trap { message, .. } | Ending::HostFailed { message }) => message.clone(),
        Some(Ending::Limit { limit, .. }) => format!("stopped by the limit {limit}"),
        None => record.refused.clone().unwrap_or_default(),
    }
}

pub(super) async fn insert_logs(
    connection: &mut AnyConnection,
    records: &[&RunRecord],
) -> Result<(), StoreError> {
    let mut lines: Vec<(&RunRecord, i64, &LogLine)> = Vec::new();
    for record in records {
        let log = record.outcome.iter().flat_map(|outcome| &outcome.log);
        lines.extend((0_i64..).zip(log).map(|(line_no, line)| (*record, line_no, line)));
    }
    let into = "run_log (run_id, line_no, at, level, message)";
    many::insert(connection, into, &lines, |query, (record, line_no, line)| {
        query
            .bind(record.id.to_string())
            .bind(*line_no)
            .bind(line.at.0)
            .bind(line.level.clone())
            .bind(line.message.clone())
    })
    .await
}

pub(super) async fn insert_tapes(
    connection: &mut AnyConnection,
    records: &[&RunRecord],
) -> Result<(), StoreError> {
    let ran: Vec<_> = records.iter().filter(|record| record.outcome.is_some()).collect();
    many::insert(connection, "tape (run_id, bytes)", &ran, |query, record| {
        query.bind(record.id.to_string()).bind(record.tape.clone())
    })
    .await
}
