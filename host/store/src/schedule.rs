//! Schedules: the next time of each of an install's, and the events of those that came.
//!
//! A time is reckoned when the install is enabled or gets another release, and again when
//! it came; what the schedule says then is the domain's ([`venn_domain::schedule`]). While
//! an install is paused, or nothing runs, its times stand still and are missed.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    event::{SCHEDULE, ScheduleDue, of_use_until},
    id::{InstallId, OrganizationId},
    manifest::Manifest,
    schedule::{PUT_BACK_MS, Schedule},
    time::Timestamp,
};

use crate::{
    Store, StoreError, crash, delivery,
    event::{NewEvent, append},
    row::{Row, json},
};

/// Taken in one write: bounds how long others wait for it.
const TAKEN: u32 = 64;

/// Whose time has come at `$1`, or was reckoned by a clock that is put back since: at `$2`
/// or later.
const DUE: &str = "
    FROM schedule s JOIN install i ON i.id = s.install_id
    WHERE (s.due_at <= $1 OR s.reckoned_at > $2) AND i.state = 'active'";

/// When an install runs by itself next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// As in the manifest.
    pub schedule: Schedule,
    /// In words, in the schedule's own time zone.
    pub words: String,
    /// The next time, with what this install runs later; none if it does not run.
    pub next_at: Option<Timestamp>,
}

impl Store {
    /// The schedules of an install's release, in the manifest's order.
    pub async fn schedules(
        &self,
        install: &InstallId,
        manifest: Manifest,
    ) -> Result<Vec<Planned>, StoreError> {
        let mut connection = self.read().await?;
        let mut next = HashMap::new();
        let rows = sqlx::query(
            "SELECT s.name, s.due_at FROM schedule s JOIN install i ON i.id = s.install_id
             WHERE s.install_id = $1 AND i.state = 'active'",
        )
        .bind(install.to_string())
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            let row = Row::new("schedule", row);
            next.insert(row.text("name")?, row.time("due_at")?);
        }
        let schedules = manifest.schedules.into_iter();
        Ok(schedules
            .map(|schedule| Planned {
                words: schedule.cadence().map(|cadence| cadence.words()).unwrap_or_default(),
                next_at: next.get(&schedule.name).copied(),
                schedule,
            })
            .collect())
    }

    /// Makes the events of schedules that have come, and plans their next times; how
    /// many schedules came. Where the event before has not begun, it stands for both.
    pub async fn take_schedules(&self) -> Result<u64, StoreError> {
        if !self.has_due_schedule().await? {
            return Ok(0);
        }
        let store = self.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT s.install_id, s.name, s.planned_at, s.reckoned_at, i.organization_id,
                            (SELECT manifest_json FROM release WHERE id = i.release_id) AS manifest_json
                     {DUE} ORDER BY s.due_at, s.install_id, s.name LIMIT {TAKEN}"
                );
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(store.now().0)
                    .bind(put_back(store.now()).0)
                    .fetch_all(&mut *connection)
                    .await?;
                for row in &rows {
                    come(&store, connection, &Row::new("schedule", row)).await?;
                }
                crash::point("schedule.before-commit");
                Ok(rows.len() as u64)
            })
        })
        .await
        .inspect(|_| crash::point("schedule.committed"))
    }

    async fn has_due_schedule(&self) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("SELECT 1 AS one {DUE} LIMIT 1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.now().0)
            .bind(put_back(self.now()).0)
            .fetch_optional(&mut *connection)
            .await?;
        Ok(row.is_some())
    }
}

/// What was reckoned after this was reckoned by a clock that is put back since.
fn put_back(now: Timestamp) -> Timestamp {
    now.plus_ms(PUT_BACK_MS)
}

/// One that has come.
async fn come(
    store: &Store,
    connection: &mut AnyConnection,
    row: &Row<'_>,
) -> Result<(), StoreError> {
    let install: InstallId = row.parsed("install_id")?;
    let (name, planned) = (row.text("name")?, row.time("planned_at")?);
    let manifest: Manifest = row.json_always("manifest_json")?;
    let read =
        manifest.schedule(&name).and_then(|schedule| Some((schedule, schedule.cadence().ok()?)));
    let Some((schedule, cadence)) = read else {
        // Its release was told from before there were schedules, or says it otherwise now.
        return drop_one(connection, &install, &name).await;
    };
    if let Some(next) = cadence.reckoned_anew(row.time("reckoned_at")?, store.now()) {
        return set(store, connection, &install, schedule, next).await;
    }
    let shift_ms = schedule.shift_ms(&install);
    let turn = cadence.turn(planned, shift_ms, schedule.missed, store.now());
    if let Some(due) = turn.run {
        let waiting = delivery::not_begun(connection, &install, SCHEDULE, &name).await?;
        let delivery = if let Some(waiting) = waiting {
            waiting
        } else {
            let organization: OrganizationId = row.parsed("organization_id")?;
            let payload = ScheduleDue { schedule: name.clone(), due_at: due.0, asked_by: None };
            let new = NewEvent {
                organization,
                install: install.clone(),
                kind: SCHEDULE,
                subject: name.clone(),
                payload: json(&payload),
            };
            append(store, connection, &new).await?
        };
        let until = of_use_until(SCHEDULE, store.now(), turn.next);
        delivery::expire::keep_until(connection, &delivery, until).await?;
        crash::point("schedule.event");
    }
    match turn.next {
        Some(next) => set(store, connection, &install, schedule, next).await,
        None => drop_one(connection, &install, &name).await,
    }
}

/// Plans what the release asks for, in the transaction in which the install gets it.
/// A schedule that says the same as before keeps its time.
pub(crate) async fn plan(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let before =
        sqlx::query("SELECT name, cron, time_zone, planned_at FROM schedule WHERE install_id = $1")
            .bind(install.to_string())
            .fetch_all(&mut *connection)
            .await?;
    let mut kept = HashMap::new();
    for row in &before {
        let row = Row::new("schedule", row);
        let says = (row.text("name")?, row.text("cron")?, row.text("time_zone")?);
        kept.insert(says, row.time("planned_at")?);
    }
    forget(connection, install).await?;
    for schedule in &manifest.schedules {
        let says = (schedule.name.clone(), schedule.cron.clone(), schedule.time_zone.clone());
        let planned = match kept.get(&says) {
            Some(planned) => Some(*planned),
            None => schedule.cadence().ok().and_then(|cadence| cadence.after(store.now())),
        };
        if let Some(planned) = planned {
            set(store, connection, install, schedule, planned).await?;
            crash::point("schedule.planned");
        }
    }
    Ok(())
}

/// An install has no times any more.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    install: &InstallId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM schedule WHERE install_id = $1")
        .bind(install.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn set(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
    schedule: &Schedule,
    planned: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO schedule (install_id, name, cron, time_zone, planned_at, due_at, reckoned_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (install_id, name) DO UPDATE SET planned_at = EXCLUDED.planned_at,
             due_at = EXCLUDED.due_at, reckoned_at = EXCLUDED.reckoned_at",
    )
    .bind(install.to_string())
    .bind(schedule.name.clone())
    .bind(schedule.cron.clone())
    .bind(schedule.time_zone.clone())
    .bind(planned.0)
    .bind(planned.plus_ms(schedule.shift_ms(install)).0)
    .bind(store.now().0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn drop_one(
    connection: &mut AnyConnection,
    install: &InstallId,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM schedule WHERE install_id = $1 AND name = $2")
        .bind(install.to_string())
        .bind(name.to_owned())
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
