//! What fails without failing: what the detectors of the domain
//! ([`venn_domain::detector`]) find is one incident, told once, and over by itself.
//!
//! - here: runs that get nowhere, in the transaction that records them.
//! - [`silence`]: installs that run no more, looked for now and then.
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    detector::{self, Finding, Place, Pulse},
    event::{REQUEST, WEBHOOK},
    id::{IncidentId, InstallId, OrganizationId, PluginId, RouteId, RunId},
    manifest::Manifest,
    run::Ending,
    time::Timestamp,
    verdict::{Class, RouteKind},
};

use crate::{
    Store, StoreError,
    delivery::queue::{self, Of},
    inbox, incident,
    row::Row,
    run::{AllKnown, NewRoute, Next, RunRecord},
};

mod silence;

pub use silence::Looked;

/// What was found, as the incident's fingerprint has it: each ends in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stall {
    /// A chain asks for another step, and stays where it is.
    Chain,
    /// Runs end well although they were cut short.
    CutShort,
    /// There is work, and no run.
    Silent,
    /// It was called from outside, and is not any more.
    NotCalled,
}

impl Stall {
    const fn fingerprint(self) -> &'static str {
        match self {
            Self::Chain => "no-progress-chain",
            Self::CutShort => "no-progress-cut-short",
            Self::Silent => "silence",
            Self::NotCalled => "silence-calls",
        }
    }

    const fn finding(self) -> Finding {
        match self {
            Self::Chain | Self::CutShort => Finding::NoProgress,
            Self::Silent | Self::NotCalled => Finding::Silence,
        }
    }
}

/// An install, and its newest run.
struct Found<'f> {
    install: &'f InstallId,
    organization: &'f OrganizationId,
    plugin: &'f PluginId,
    run: &'f RunId,
}

/// Whether this run came from outside.
fn is_call(kind: &str) -> bool {
    matches!(kind, WEBHOOK | REQUEST)
}

/// Looks at runs that get nowhere, and ends what is over with them.
pub(crate) async fn after_runs(
    store: &Store,
    connection: &mut AnyConnection,
    records: &[&RunRecord],
    known: &AllKnown,
    now: Timestamp,
) -> Result<(), StoreError> {
    for record in records.iter().filter(|record| record.outcome.is_some()) {
        let known = known.get(&record.leased.id);
        let had_pulse = known.is_some_and(|known| known.pulse);
        let mut over = vec![Stall::Silent];
        if is_call(&record.leased.event.kind) {
            over.push(Stall::NotCalled);
        }
        let moves = match chain(connection, record, now).await? {
            Some(pulse) => {
                if pulse.is_still() {
                    open(store, connection, Stall::Chain, &found(record), now).await?;
                }
                pulse == Pulse::default()
            }
            None => matches!(record.next, Next::Done | Next::Dead { .. }),
        };
        if moves {
            over.push(Stall::Chain);
        }
        if let Some(pulse) = cut_short(connection, record, had_pulse).await? {
            if pulse.is_still() {
                open(store, connection, Stall::CutShort, &found(record), now).await?;
            }
            if pulse == Pulse::default() {
                over.push(Stall::CutShort);
            }
        }
        if known.is_some_and(|known| known.found > 0) {
            for stall in over {
                end(connection, stall, record, now).await?;
            }
        }
    }
    Ok(())
}

fn found(record: &RunRecord) -> Found<'_> {
    Found {
        install: &record.leased.install,
        organization: &record.leased.organization,
        plugin: &record.plugin,
        run: &record.id,
    }
}

/// How long a chain stands still, if this run asks for another step.
async fn chain(
    connection: &mut AnyConnection,
    record: &RunRecord,
    now: Timestamp,
) -> Result<Option<Pulse>, StoreError> {
    let leased = &record.leased;
    let Next::Again { continuation, done, total } = &record.next else { return Ok(None) };
    let from = leased.event.continuation.as_deref();
    let before = Place { continuation: from, done: leased.done, total: leased.total };
    let after = Place { continuation: Some(continuation), done: *done, total: *total };
    let pulse = Pulse(leased.still).after(detector::has_moved(&before, &after));
    if pulse.0 != leased.still {
        sqlx::query("UPDATE delivery SET still = $2, not_before = $3 WHERE id = $1")
            .bind(leased.id.to_string())
            .bind(pulse.0.cast_signed())
            .bind(now.plus_ms(pulse.pause_ms()).0)
            .execute(&mut *connection)
            .await?;
        if pulse.is_still() {
            let install = leased.install.to_string();
            queue::changed(connection, now, Of::Installs(vec![install])).await?;
        }
    }
    Ok(Some(pulse))
}

/// How many runs in a row were cut short and ended well; none if this one tells nothing
/// of that.
async fn cut_short(
    connection: &mut AnyConnection,
    record: &RunRecord,
    had_pulse: bool,
) -> Result<Option<Pulse>, StoreError> {
    let outcome = record.outcome.as_ref();
    let ended_well = |ending: &Ending| matches!(ending, Ending::Ok(_));
    let Some(outcome) = outcome.filter(|outcome| ended_well(&outcome.ending)) else {
        return Ok(None);
    };
    if !detector::is_cut_short(outcome) {
        if had_pulse {
            forget(connection, &record.leased.install).await?;
        }
        return Ok(had_pulse.then(Pulse::default));
    }
    let still: i64 = sqlx::query_scalar(
        "INSERT INTO pulse (install_id, still) VALUES ($1, 1)
         ON CONFLICT (install_id) DO UPDATE SET still = pulse.still + 1 RETURNING still",
    )
    .bind(record.leased.install.to_string())
    .fetch_one(connection)
    .await?;
    Ok(Some(Pulse(still.unsigned_abs())))
}

/// Nothing is known of an install's runs any more.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    install: &InstallId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM pulse WHERE install_id = $1";
    sqlx::query(sql).bind(install.to_string()).execute(connection).await?;
    Ok(())
}

/// Opens the incident, unless it is open: nobody knows whose it is, so it goes to the
/// platform's triage, and customer and publisher are told.
async fn open(
    store: &Store,
    connection: &mut AnyConnection,
    stall: Stall,
    found: &Found<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let fresh = IncidentId::make(store.ids());
    let failure = incident::Failure {
        run: found.run,
        install: found.install,
        organization: found.organization,
        plugin: found.plugin,
        class: Class::Unknown,
        kind: stall.finding().name(),
        fingerprint: stall.fingerprint(),
        now,
    };
    let (incident, is_new) = incident::group(connection, &fresh, &failure).await?;
    if !is_new {
        return Ok(());
    }
    for route in routes(connection, stall.finding(), found).await? {
        let id = RouteId::make(store.ids());
        inbox::add_route(connection, &id, &incident, found.run, &route, now).await?;
    }
    Ok(())
}

async fn routes(
    connection: &mut AnyConnection,
    finding: Finding,
    found: &Found<'_>,
) -> Result<Vec<NewRoute>, StoreError> {
    let row = sqlx::query(
        "SELECT i.id, i.name, p.organization_id AS publisher, p.name AS plugin_name, r.manifest_json,
                (SELECT o.id FROM organization o WHERE o.is_platform = 1) AS platform
         FROM install i JOIN plugin p ON p.id = i.plugin_id JOIN release r ON r.id = i.release_id
         WHERE i.id = $1",
    )
    .bind(found.install.to_string())
    .fetch_one(connection)
    .await?;
    let row = Row::new("install", &row);
    let manifest: Manifest = row.json_always("manifest_json")?;
    let (title, text) = detector::words(finding, &manifest.title);
    let platform: OrganizationId = row.parsed("platform")?;
    let mut told = vec![platform.clone()];
    // One step each: who owns it is not told of it besides.
    for other in [found.organization.clone(), row.parsed("publisher")?] {
        if !told.contains(&other) {
            told.push(other);
        }
    }
    let detail = json!({
        "finding": finding.name(), "plugin": row.text("plugin_name")?,
        "install": found.install, "run": found.run,
    });
    let route = |organization: OrganizationId| NewRoute {
        kind: RouteKind::Triage.name(),
        is_owner: organization == platform,
        organization,
        title: title.clone(),
        text: text.clone(),
        detail: detail.clone(),
    };
    Ok(told.into_iter().map(route).collect())
}

/// It goes on. A chain's is over with its own delivery only.
async fn end(
    connection: &mut AnyConnection,
    stall: Stall,
    record: &RunRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let own = if stall == Stall::Chain {
        "AND EXISTS (SELECT 1 FROM run r WHERE r.id = incident.last_run_id AND r.delivery_id = $4)"
    } else {
        "AND $4 <> ''"
    };
    let sql = format!(
        "UPDATE incident SET state = 'resolved', resolved_at = $3
         WHERE install_id = $1 AND fingerprint = $2 AND state = 'open' {own}"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(record.leased.install.to_string())
        .bind(stall.fingerprint())
        .bind(now.0)
        .bind(record.leased.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
