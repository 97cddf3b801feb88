//! Writing runs' records: of each run all, or nothing. Runs that end at about the
//! same time are written together, with few statements for all of them.
use sqlx::AnyConnection;
use venn_domain::{
    authority::Authority,
    id::{IncidentId, OrganizationId, PluginId, ReleaseId, RouteId, RunId},
    run::{Effects, Outcome, PartnerReads},
    sharing::Purpose,
    time::Timestamp,
    verdict::Verdict,
};

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    breaker, crash,
    delivery::Leased,
    detect,
    import::ImportRow,
    inbox, incident, install,
    source::{self, AccountFigures},
    state::{self, StateSeen},
    timeline,
};

mod known;
mod moves;
mod reads;
mod rows;
mod stopped;
mod together;

pub(crate) use known::AllKnown;
pub(crate) use together::Together;

use rows::Written;

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
    /// What it has read of the install's state.
    pub seen: StateSeen,
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
    /// Again when its breaker lets it; this attempt does not count.
    Held,
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

impl Next {
    /// Whether it does not go on by itself.
    pub(crate) const fn is_end(&self) -> bool {
        matches!(self, Self::Done | Self::Dead { .. })
    }
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
    /// Another run of the install had written what this one has read of the state: of its
    /// effects nothing is written, and the delivery runs again at once, alone.
    Overtaken,
    /// The lease was lost; nothing is written, another run has or will have it.
    Fenced,
}

/// Writes the records in the caller's transaction; what became of each.
async fn write(
    store: &Store,
    connection: &mut AnyConnection,
    records: &[RunRecord],
) -> Result<Vec<Recorded>, StoreError> {
    // Also where the lease was lost: what was read was read.
    let mut entries = reads::entries(connection, records).await?;
    let known = known::known(connection, records).await?;
    let is_held = |record: &&RunRecord| {
        known.get(&record.leased.id).is_some_and(|known| known.fence == record.leased.fence)
    };
    let held: Vec<_> = records.iter().filter(is_held).collect();
    let now = store.now();
    let number = stopped::number_now(connection, &held).await?;
    let waiting = stopped::waiting(connection, &held, number).await?;
    let held: Vec<_> = held
        .into_iter()
        .map(|record| waiting.get(record.leased.id.as_str()).unwrap_or(record))
        .collect();
    let mut written = Vec::with_capacity(held.len());
    for record in &held {
        let syncs = known.get(&record.leased.id).is_some_and(|known| known.syncs);
        let ends_sync = record.next == Next::Done && syncs;
        let allowed = still_allowed(connection, record, number).await?;
        written.push(effects(store, connection, record, allowed, ends_sync, now).await?);
        entries.extend(denials(record));
    }
    rows::insert_runs(connection, &written, now).await?;
    rows::insert_logs(connection, &held).await?;
    rows::insert_tapes(connection, &held).await?;
    crash::point("record.rows");
    audit::append_all(store, connection, &entries).await?;
    let ended: Vec<_> = written.iter().filter(|one| !one.overtaken).map(|one| one.record).collect();
    incidents(store, connection, &ended, &known, now).await?;
    moves::run_again(connection, &written, now).await?;
    moves::move_deliveries(connection, &ended, now).await?;
    breaker::after_runs(store, connection, &ended, &known, now).await?;
    detect::after_runs(store, connection, &ended, &known, now).await?;
    for record in ended.iter().filter(|record| record.next.is_end()) {
        let Leased { install, event, .. } = &record.leased;
        let what = (event.kind.as_str(), event.subject.as_str());
        install::farewell::ended(store, connection, install, what).await?;
    }
    crash::point("record.before-commit");
    let mut became_of_held = written.iter().map(Written::became);
    let became = |record| match is_held(&record).then(|| became_of_held.next()).flatten() {
        Some(became) => became,
        None => Recorded::Fenced,
    };
    Ok(records.iter().map(became).collect())
}

/// Writes what is still allowed of a run's effects.
async fn effects<'r>(
    store: &Store,
    connection: &mut AnyConnection,
    record: &'r RunRecord,
    (effects, effects_dropped): (Effects, u64),
    ends_sync: bool,
    now: Timestamp,
) -> Result<Written<'r>, StoreError> {
    let mut accounts = AccountFigures::default();
    let (install, seen) = (&record.leased.install, &record.seen);
    if !effects.is_empty() && state::is_overtaken(connection, install, seen, &effects.state).await?
    {
        let effects_dropped = effects_dropped + effects.len() as u64;
        return Ok(Written { record, effects_dropped, accounts, overtaken: true });
    }
    if effects.accounts.is_some() || ends_sync {
        let sync = source::Sync {
            organization: &record.leased.organization,
            install: &record.leased.install,
            delivery: &record.leased.id,
            run_started_at: record.started_at,
            is_over: record.next == Next::Done,
            lineage: record.leased.lineage.after(&record.leased.install),
        };
        let rows = record.account_rows.clone();
        let writes = effects.accounts.as_deref();
        accounts = source::record(store, connection, &sync, writes, rows).await?;
        crash::point("record.accounts");
    }
    state::write(connection, &record.leased.install, &effects.state, now).await?;
    crash::point("record.state");
    let writer = timeline::Writer {
        organization: &record.leased.organization,
        install: &record.leased.install,
        plugin: &record.plugin,
        run: &record.id,
        purpose: record.purpose,
        lineage: record.leased.lineage.after(&record.leased.install),
        now,
    };
    let added = timeline::append(connection, &writer, &effects.timeline).await?;
    timeline::tell(store, connection, &writer, &added).await?;
    crash::point("record.timeline");
    Ok(Written { record, effects_dropped, accounts, overtaken: false })
}

/// The effects that are still allowed, and how many are not.
async fn still_allowed(
    connection: &mut AnyConnection,
    record: &RunRecord,
    number: Option<u64>,
) -> Result<(Effects, u64), StoreError> {
    let effects = record.outcome.as_ref().map(|outcome| outcome.effects.clone());
    let effects = effects.unwrap_or_default();
    if effects.is_empty() || number == Some(record.authority_no) {
        return Ok((effects, 0));
    }
    let control = install::control_on(connection, &record.leased.install, false).await?;
    match control {
        Some((control, _)) => Ok(effects.still_allowed(&Authority::new(control))),
        None => Ok((Effects::default(), effects.len() as u64)),
    }
}

/// What it asked for and may not, for the customer's audit.
fn denials(record: &RunRecord) -> impl Iterator<Item = NewAudit> {
    let denials = record.outcome.iter().flat_map(Outcome::denials);
    denials.map(|denial| NewAudit {
        organization: record.leased.organization.clone(),
        actor: record.leased.install.to_string(),
        action: "run.denied",
        subject: record.id.to_string(),
        detail: serde_json::json!({
            "plugin": record.plugin, "release": record.release, "denial": denial,
        }),
    })
}

/// Opens those of what failed, and ends those of what is done.
async fn incidents(
    store: &Store,
    connection: &mut AnyConnection,
    records: &[&RunRecord],
    known: &AllKnown,
    now: Timestamp,
) -> Result<(), StoreError> {
    for record in records {
        let failed = known.get(&record.leased.id).is_some_and(|known| known.incidents > 0);
        match &record.verdict {
            Some(verdict) => open_incident(store, connection, record, verdict).await?,
            None if record.next == Next::Done && failed => {
                incident::resolve(connection, &record.leased, now).await?;
            }
            None => {}
        }
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
        install: &record.leased.install,
        organization: &record.leased.organization,
        plugin: &record.plugin,
        class: verdict.class,
        kind: verdict.kind.name(),
        fingerprint: &verdict.fingerprint,
        now: store.now(),
    };
    let (incident, is_new) = incident::group(connection, &fresh, &failure).await?;
    crash::point("record.incident");
    if !is_new {
        return Ok(());
    }
    for route in &record.routes {
        let id = RouteId::make(store.ids());
        inbox::add_route(connection, &id, &incident, &record.id, route, failure.now).await?;
        crash::point("record.route");
    }
    Ok(())
}
