//! Installs that always ran, and run no more.
use sqlx::AnyConnection;
use venn_domain::{
    detector::{self, Work},
    id::{InstallId, OrganizationId, PluginId, RunId},
    time::Timestamp,
};

use super::{Found, Stall, is_call, open};
use crate::{Store, StoreError, row::Row};

/// As many runs as say how often an install runs.
const RUNS: i64 = 64;
/// What is longer ago says nothing of now.
const BASELINE_MS: i64 = 28 * 24 * 60 * 60 * 1_000;

/// What one look has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Where the next look goes on; none if that was all.
    pub next: Option<InstallId>,
    /// Installs that have gone silent.
    pub silent: u64,
}

/// An install with work, as a look sees it.
struct Candidate {
    install: InstallId,
    organization: OrganizationId,
    plugin: PluginId,
    due_since: Option<Timestamp>,
    is_open_to_calls: bool,
}

/// Those after `$1` that could run now; those that rest, or were found already, are known.
const CANDIDATES: &str = "
    SELECT i.id, i.organization_id, i.plugin_id,
        (SELECT MIN(d.not_before) FROM delivery d
         WHERE d.install_id = i.id AND d.state = 'ready' AND d.is_next = 1) AS due_since,
        (SELECT MIN(s.due_at) FROM schedule s WHERE s.install_id = i.id) AS planned_at,
        (SELECT COUNT(*) FROM webhook w WHERE w.install_id = i.id) AS webhooks
    FROM install i JOIN plugin p ON p.id = i.plugin_id JOIN release r ON r.id = i.release_id
    WHERE i.id > $1 AND i.state = 'active' AND p.state = 'listed' AND r.state = 'approved'
      AND NOT EXISTS (SELECT 1 FROM breaker b WHERE b.id = i.id AND b.rests_until IS NOT NULL)
    ORDER BY i.id LIMIT $2";

impl Store {
    /// Looks at so many installs after this one; what has gone silent is told.
    pub async fn look_for_silence(
        &self,
        after: Option<&InstallId>,
        most: u32,
    ) -> Result<Looked, StoreError> {
        let now = self.now();
        let mut connection = self.read().await?;
        let rows = sqlx::query(CANDIDATES)
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(most))
            .fetch_all(&mut *connection)
            .await?;
        let candidates = rows
            .iter()
            .map(|row| candidate(&Row::new("install", row)))
            .collect::<Result<Vec<_>, _>>()?;
        let full = candidates.len() >= most as usize;
        let next = candidates.last().map(|last| last.install.clone()).filter(|_| full);
        let mut found = Vec::new();
        for candidate in candidates {
            let has_work = candidate.due_since.is_some_and(|due| due <= now);
            if (has_work || candidate.is_open_to_calls)
                && let Some(silent) = silent(&mut connection, &candidate, now).await?
            {
                found.push((candidate, silent));
            }
        }
        drop(connection);
        let silent = found.len() as u64;
        if silent > 0 {
            self.tell(found, now).await?;
        }
        Ok(Looked { next, silent })
    }

    async fn tell(
        &self,
        found: Vec<(Candidate, (Stall, RunId))>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                for (candidate, (stall, run)) in &found {
                    let found = Found {
                        install: &candidate.install,
                        organization: &candidate.organization,
                        plugin: &candidate.plugin,
                        run,
                    };
                    open(&store, connection, *stall, &found, now).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

fn candidate(row: &Row<'_>) -> Result<Candidate, StoreError> {
    let due = [row.time_or_none("due_since")?, row.time_or_none("planned_at")?];
    Ok(Candidate {
        install: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        plugin: row.parsed("plugin_id")?,
        due_since: due.into_iter().flatten().min(),
        is_open_to_calls: row.count("webhooks")? > 0,
    })
}

/// What is silent about it, with its newest run; none if nothing is, or it is told already.
async fn silent(
    connection: &mut AnyConnection,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<Option<(Stall, RunId)>, StoreError> {
    let runs = runs(connection, &candidate.install, now).await?;
    let Some((newest, ..)) = runs.last() else { return Ok(None) };
    let began = |calls_only: bool| -> Vec<Timestamp> {
        let counts = |kind: &str| !calls_only || is_call(kind);
        runs.iter().filter(|(_, _, kind)| counts(kind)).map(|(_, began, _)| *began).collect()
    };
    let due_since = candidate.due_since.filter(|due| *due <= now);
    let work = Work { due_since, is_called: false };
    let called = Work { due_since: None, is_called: candidate.is_open_to_calls };
    let stall = if detector::silent_since(&began(false), &work, now).is_some() {
        Stall::Silent
    } else if detector::silent_since(&began(true), &called, now).is_some() {
        Stall::NotCalled
    } else {
        return Ok(None);
    };
    let known: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM incident
         WHERE install_id = $1 AND fingerprint = $2 AND state = 'open'",
    )
    .bind(candidate.install.to_string())
    .bind(stall.fingerprint())
    .fetch_one(connection)
    .await?;
    Ok((known == 0).then(|| (stall, newest.clone())))
}

/// Its newest runs, oldest first: which, when it began, on what.
async fn runs(
    connection: &mut AnyConnection,
    install: &InstallId,
    now: Timestamp,
) -> Result<Vec<(RunId, Timestamp, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, started_at, event_kind FROM run
         WHERE install_id = $1 AND ending <> 'refused' ORDER BY id DESC LIMIT $2",
    )
    .bind(install.to_string())
    .bind(RUNS)
    .fetch_all(connection)
    .await?;
    let since = now.plus_ms(-BASELINE_MS);
    let mut runs = Vec::new();
    for row in rows.iter().rev() {
        let row = Row::new("run", row);
        let began = row.time("started_at")?;
        if began >= since {
            runs.push((row.parsed("id")?, began, row.text("event_kind")?));
        }
    }
    Ok(runs)
}
