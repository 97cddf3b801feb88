//! Writing a run's record: all of it, or nothing.
use sqlx::AnyConnection;
use venn_domain::{
    authority::Authority,
    id::{IncidentId, OrganizationId, PluginId, ReleaseId, RouteId, RunId},
    run::{Effects, Ending, Outcome, PartnerReads},
    sharing::Purpose,
    time::Timestamp,
    verdict::Verdict,
};

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    crash,
    delivery::Leased,
    import::ImportRow,
    inbox, incident, install,
    row::{Row, json, without_nul},
    source::{self, AccountFigures},
    state, timeline,
};

mod reads;

/// Everything that a finished run leaves behind.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The run.
    pub id: RunId,
    /// The lease under which it ran.
    pub leased: Leased,
    /// The plugin.
    pub plugin: PluginId,
    /// The release.
    pub release: ReleaseId,
    /// The authority's number at its start.
    pub authority_no: u64,
    /// What the data that it read may be used for.
    pub purpose: Purpose,
    /// What came of it; `None` if it was refused.
    pub outcome: Option<Outcome>,
    /// The refusal's text, if it was refused.
    pub refused: Option<String>,
    /// The provisional verdict.
    pub verdict: Option<Verdict>,
    /// The incident's routes, if there is a verdict.
    pub routes: Vec<NewRoute>,
    /// What it was told of partners' accounts.
    pub reads: PartnerReads,
    /// The encoded tape; empty if refused.
    pub tape: Vec<u8>,
    /// The trace in which it is found; empty if it was not traced.
    pub trace_id: String,
    /// What the run's effects have to write as accounts, normalised.
    pub account_rows: Vec<ImportRow>,
    /// When it started.
    pub started_at: Timestamp,
    /// What becomes of the delivery.
    pub next: Next,
}

/// What becomes of a delivery after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing more to do.
    Done,
    /// At once again, with the report's continuation.
    Again {
        /// For the next step's event.
        continuation: String,
        /// Progress.
        done: u64,
        /// 0 if not known.
        total: u64,
    },
    /// Later again.
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// When a person has acted.
    Parked {
        /// What must happen.
        reason: String,
    },
    /// Never again by itself.
    Dead {
        /// Why.
        reason: String,
    },
}

/// One step to an owner, or to somebody who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRoute {
    /// `faq`, `approve-link`, `status-note`, `publisher-inbox`, `platform-inbox` or `triage`.
    pub kind: &'static str,
    /// In whose inbox.
    pub organization: OrganizationId,
    /// For the owner, or for somebody who is told.
    pub is_owner: bool,
    /// One line.
    pub title: String,
    /// For people.
    pub text: String,
    /// FAQ entry or redacted bundle.
    pub detail: serde_json::Value,
}

/// What became of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is written.
    Written {
        /// Effects left out because their capability was revoked meanwhile.
        effects_dropped: u64,
    },
    /// The lease was lost; nothing is written, another run has or will have it.
    Fenced,
}

impl Store {
    /// Writes a run's record in one transaction.
    pub async fn record_run(&self, record: RunRecord) -> Result<Recorded, StoreError> {
        let store = self.clone();
        let written = self
            .write(move |connection| {
                Box::pin(async move { write(&store, connection, record).await })
            })
            .await?;
        crash::point("record.committed");
        Ok(written)
    }
}

async fn write(
    store: &Store,
    connection: &mut AnyConnection,
    mut record: RunRecord,
) -> Result<Recorded, StoreError> {
    // Also where the lease was lost: what was read was read.
    reads::append(store, connection, &record).await?;
    if !holds_lease(connection, &record.leased).await? {
        return Ok(Recorded::Fenced);
    }
    let now = store.now();
    let (effects, effects_dropped) = effects_to_keep(connection, &mut record).await?;
    let sync = source::Sync {
        organization: &record.leased.organization,
        install: &record.leased.install,
        delivery: &record.leased.id,
        run_started_at: record.started_at,
        is_over: record.next == Next::Done,
    };
    let rows = std::mem::take(&mut record.account_rows);
    let accounts =
        source::record(store, connection, &sync, effects.accounts.as_deref(), rows).await?;
    insert_run(connection, &record, effects_dropped, &accounts, now).await?;
    insert_log_and_tape(connection, &record).await?;
    state::write(connection, &record.leased.install, &effects.state, now).await?;
    let writer = timeline::Writer {
        organization: &record.leased.organization,
        install: &record.leased.install,
        run: &record.id,
        purpose: record.purpose,
        now,
    };
    timeline::append(connection, &writer, &effects.timeline).await?;
    audit_denials(store, connection, &record).await?;
    match &record.verdict {
        Some(verdict) => open_incident(store, connection, &record, verdict).await?,
        None if record.next == Next::Done => {
            incident::resolve(connection, &record.leased, now).await?;
        }
        None => {}
    }
    move_delivery(connection, &record, now).await?;
    crash::point("record.before-commit");
    Ok(Recorded::Written { effects_dropped })
}

async fn holds_lease(connection: &mut AnyConnection, leased: &Leased) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT id, state, fence FROM delivery WHERE id = $1")
        .bind(leased.id.to_string())
        .fetch_one(connection)
        .await?;
    let row = Row::new("delivery", &row);
    Ok(row.text("state")? == "leased" && row.count("fence")? == leased.fence)
}

/// The effects that are still allowed, within the state's published limits.
async fn effects_to_keep(
    connection: &mut AnyConnection,
    record: &mut RunRecord,
) -> Result<(Effects, u64), StoreError> {
    let Some(outcome) = &mut record.outcome else { return Ok((Effects::default(), 0)) };
    let effects = std::mem::take(&mut outcome.effects);
    if effects.is_empty() {
        return Ok((effects, 0));
    }
    let number: i64 = sqlx::query_scalar("SELECT number FROM authority WHERE one = 1")
        .fetch_one(&mut *connection)
        .await?;
    if number.unsigned_abs() == record.authority_no {
        return Ok((effects, 0));
    }
    let control = install::control_on(connection, &record.leased.install, false).await?;
    match control {
        Some((control, _)) => Ok(effects.still_allowed(&Authority::new(control))),
        None => Ok((Effects::default(), effects.len() as u64)),
    }
}

async fn insert_run(
    connection: &mut AnyConnection,
    record: &RunRecord,
    effects_dropped: u64,
    accounts: &AccountFigures,
    now: Timestamp,
) -> Result<(), StoreError> {
    let outcome = record.outcome.as_ref();
    let ending = outcome.map(|outcome| &outcome.ending);
    let summary = match ending {
        Some(Ending::Ok(report)) => report.summary.clone(),
        Some(Ending::Fault(claim)) => claim.message.clone(),
        Some(Ending::Trap { message, .. } | Ending::HostFailed { message }) => message.clone(),
        Some(Ending::Limit { limit, .. }) => format!("stopped by the limit {limit}"),
        None => record.refused.clone().unwrap_or_default(),
    };
    sqlx::query(
        "INSERT INTO run (id, delivery_id, install_id, organization_id, plugin_id, release_id, step, attempt,
                          event_kind, subject, authority_no, ending, ending_json, summary, calls_json,
                          usage_json, verdict_json, log_dropped, effects_dropped, started_at, ended_at, trace_id,
                          accounts_added, accounts_changed, accounts_unchanged, accounts_removed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $23, $24, $25, $26)",
    )
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
    .bind(without_nul(&summary))
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
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_log_and_tape(
    connection: &mut AnyConnection,
    record: &RunRecord,
) -> Result<(), StoreError> {
    let Some(outcome) = &record.outcome else { return Ok(()) };
    for (line_no, line) in (0_i64..).zip(&outcome.log) {
        sqlx::query(
            "INSERT INTO run_log (run_id, line_no, at, level, message) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(record.id.to_string())
        .bind(line_no)
        .bind(line.at.0)
        .bind(line.level.clone())
        .bind(line.message.clone())
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("INSERT INTO tape (run_id, bytes) VALUES ($1, $2)")
        .bind(record.id.to_string())
        .bind(record.tape.clone())
        .execute(connection)
        .await?;
    Ok(())
}

async fn audit_denials(
    store: &Store,
    connection: &mut AnyConnection,
    record: &RunRecord,
) -> Result<(), StoreError> {
    let Some(outcome) = &record.outcome else { return Ok(()) };
    for denial in outcome.denials() {
        let entry = NewAudit {
            organization: record.leased.organization.clone(),
            actor: record.leased.install.to_string(),
            action: "run.denied",
            subject: record.id.to_string(),
            detail: serde_json::json!({
                "plugin": record.plugin, "release": record.release, "denial": denial,
            }),
        };
        audit::append(store, connection, &entry).await?;
    }
    Ok(())
}

async fn open_incident(
    store: &Store,
    connection: &mut AnyConnection,
    record: &RunRecord,
    verdict: &Verdict,
) -> Result<(), StoreError> {
    let fresh = IncidentId::make(store.ids());
    let failure = incident::Failure {
        run: &record.id,
        leased: &record.leased,
        plugin: &record.plugin,
        verdict,
        now: store.now(),
    };
    let (incident, is_new) = incident::group(connection, &fresh, &failure).await?;
    if !is_new {
        return Ok(());
    }
    for route in &record.routes {
        let id = RouteId::make(store.ids());
        inbox::add_route(connection, &id, &incident, &record.id, route, failure.now).await?;
    }
    Ok(())
}

async fn move_delivery(
    connection: &mut AnyConnection,
    record: &RunRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = record.leased.id.to_string();
    let query = match &record.next {
        Next::Done => sqlx::query(
            "UPDATE delivery SET state = 'done', state_reason = '', lease_until = NULL, finished_at = $2,
                                 progress_done = progress_total WHERE id = $1",
        )
        .bind(id)
        .bind(now.0),
        Next::Again { continuation, done, total } => sqlx::query(
            "UPDATE delivery SET state = 'ready', lease_until = NULL, not_before = $2, step = step + 1,
                                 attempt = 0, continuation = $3, progress_done = $4, progress_total = $5
             WHERE id = $1",
        )
        .bind(id)
        .bind(now.0)
        .bind(without_nul(continuation))
        .bind(done.cast_signed())
        .bind(total.cast_signed()),
        Next::Retry { at } => sqlx::query(
            "UPDATE delivery SET state = 'ready', lease_until = NULL, not_before = $2 WHERE id = $1",
        )
        .bind(id)
        .bind(at.0),
        Next::Parked { reason } => sqlx::query(
            "UPDATE delivery SET state = 'parked', state_reason = $2, lease_until = NULL, attempt = 0
             WHERE id = $1",
        )
        .bind(id)
        .bind(reason.clone()),
        Next::Dead { reason } => sqlx::query(
            "UPDATE delivery SET state = 'dead', state_reason = $2, lease_until = NULL, finished_at = $3
             WHERE id = $1",
        )
        .bind(id)
        .bind(reason.clone())
        .bind(now.0),
    };
    query.execute(connection).await?;
    Ok(())
}
