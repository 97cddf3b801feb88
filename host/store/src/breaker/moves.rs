//! After runs: what they tell of their installs and of the hosts that they called, in
//! the transaction that records them.
use std::collections::HashSet;

use sqlx::AnyConnection;
use venn_domain::{
    breaker::{self, Destinations, Sign, trips_destination},
    time::Timestamp,
};

use super::{Kept, at, destination_id, find, forget, save};
use crate::{
    Store, StoreError,
    delivery::queue::{self, Of},
    many,
    row::Row,
    run::{AllKnown, RunRecord},
};

/// Moves breakers, after the deliveries of these runs were moved.
pub(crate) async fn after_runs(
    store: &Store,
    connection: &mut AnyConnection,
    records: &[&RunRecord],
    all: &AllKnown,
    now: Timestamp,
) -> Result<(), StoreError> {
    let has_some = |record: &&&RunRecord| {
        let known = all.get(&record.leased.id);
        record.verdict.is_some() || known.is_some_and(|known| known.breakers)
    };
    let records: Vec<_> = records.iter().filter(has_some).copied().collect();
    let known = known(connection, &records).await?;
    for record in records {
        let told = told(record);
        let destination = |host: &String| destination_id(&record.leased.organization, host);
        let concerned = record.verdict.is_some()
            || known.contains(record.leased.install.as_str())
            || told.answered.iter().any(|host| known.contains(&destination(host)));
        if concerned {
            let mut moving = Moving { store, connection: &mut *connection, record, now };
            moving.all(&told).await?;
        }
    }
    Ok(())
}

/// Ids of rows that these runs may have something to tell of.
async fn known(
    connection: &mut AnyConnection,
    records: &[&RunRecord],
) -> Result<HashSet<String>, StoreError> {
    let mut ids: HashSet<_> =
        records.iter().map(|record| record.leased.install.to_string()).collect();
    for record in records {
        let hosts = told(record).answered;
        ids.extend(hosts.iter().map(|host| destination_id(&record.leased.organization, host)));
    }
    let rows = many::select_in(connection, "SELECT id FROM breaker WHERE id IN", ids).await?;
    rows.iter().map(|row| Row::new("breaker", row).text("id")).collect()
}

/// What a person asked tells nothing of what waits (0097): neither of the install nor of hosts.
fn told(record: &RunRecord) -> Destinations {
    if record.leased.event.is_asked() {
        return Destinations::default();
    }
    let outcome = record.outcome.as_ref();
    let told = outcome.map(|outcome| breaker::destinations(outcome, record.verdict.as_ref()));
    told.unwrap_or_default()
}

/// What one run moves.
struct Moving<'m> {
    store: &'m Store,
    connection: &'m mut AnyConnection,
    record: &'m RunRecord,
    now: Timestamp,
}

impl Moving<'_> {
    async fn all(&mut self, told: &Destinations) -> Result<(), StoreError> {
        let leased = &self.record.leased;
        for host in &told.answered {
            self.answered(host).await?;
        }
        let before = find(self.connection, leased.install.to_string()).await?;
        self.probe_ended(before.as_ref(), told).await?;
        // A run of the release before says nothing of the one that is there now.
        if !self.is_present().await? {
            return self.placed(vec![leased.install.to_string()]).await;
        }
        let mut kept = before.unwrap_or_else(|| {
            let id = leased.install.to_string();
            Kept::new(id, leased.organization.clone(), Some(leased.install.clone()))
        });
        kept.release = self.record.release.to_string();
        let sign = match self.record.outcome {
            Some(_) if !leased.event.is_asked() => breaker::sign(self.record.verdict.as_ref()),
            _ => Sign::Nothing,
        };
        let jitter = self.store.jitter_permille();
        kept.breaker.after(sign, true, self.now, jitter);
        match (sign, &self.record.verdict) {
            (Sign::Failed { .. }, Some(verdict)) => {
                kept.destination = told.failed.clone().unwrap_or_default();
                kept.why = breaker::because(verdict);
            }
            (Sign::Worked, _) => kept.destination.clear(),
            _ => {}
        }
        if let (Sign::Failed { asked_s }, true) = (sign, kept.breaker.trips()) {
            kept.breaker.trip(asked_s, self.now, jitter);
            self.no_back_off().await?;
        }
        self.settle(kept, told).await
    }

    /// Keeps what the install is at now, and puts all whom it concerns where they belong.
    async fn settle(&mut self, mut kept: Kept, told: &Destinations) -> Result<(), StoreError> {
        let mut placed = vec![kept.id.clone()];
        if kept.breaker.failures == 0 && kept.destination.is_empty() {
            forget(self.connection, &kept.id).await?;
            return self.placed(placed).await;
        }
        save(self.connection, &kept).await?;
        if let Some(host) = &told.failed {
            placed.extend(self.failed(host).await?);
        }
        let destination = self.destination(&kept.destination).await?;
        // What failed may have put it to rest with the others there.
        let since = find(self.connection, kept.id.clone()).await?.and_then(|now| now.rests_since);
        kept.rests_since = since;
        kept.rest(destination.as_ref(), self.now);
        save(self.connection, &kept).await?;
        self.placed(placed).await
    }

    async fn destination(&mut self, host: &str) -> Result<Option<Kept>, StoreError> {
        if host.is_empty() {
            return Ok(None);
        }
        let id = destination_id(&self.record.leased.organization, host);
        find(self.connection, id).await
    }

    /// A host answers: nobody rests for it any more.
    async fn answered(&mut self, host: &str) -> Result<(), StoreError> {
        let organization = &self.record.leased.organization;
        let Some(destination) = self.destination(host).await? else { return Ok(()) };
        forget(self.connection, &destination.id).await?;
        let mut there = at(self.connection, organization, host).await?;
        // Their failures are about something else, or over.
        for kept in &mut there {
            kept.destination.clear();
        }
        self.rest_anew(there, None).await
    }

    /// The one that had the probe of a destination has ended, and did not reach it: the
    /// next one may try.
    async fn probe_ended(
        &mut self,
        before: Option<&Kept>,
        told: &Destinations,
    ) -> Result<(), StoreError> {
        let Some(before) = before else { return Ok(()) };
        if told.failed.as_ref() == Some(&before.destination) {
            return Ok(());
        }
        let Some(mut destination) = self.destination(&before.destination).await? else {
            return Ok(());
        };
        if destination.prober != before.id {
            return Ok(());
        }
        destination.breaker.after(Sign::Nothing, true, self.now, 0);
        destination.prober.clear();
        save(self.connection, &destination).await?;
        let there = at(self.connection, &destination.organization, &destination.destination);
        let there = there.await?;
        self.rest_anew(there, Some(&destination)).await
    }

    /// A host has trouble; the other installs that rest for it.
    async fn failed(&mut self, host: &str) -> Result<Vec<String>, StoreError> {
        let leased = &self.record.leased;
        let there = at(self.connection, &leased.organization, host).await?;
        let asked_s = self.record.verdict.as_ref().and_then(|verdict| verdict.retry_after_s);
        let jitter = self.store.jitter_permille();
        let mut destination = if let Some(mut open) = self.destination(host).await? {
            if open.prober != leased.install.as_str() {
                return Ok(Vec::new());
            }
            open.breaker.after(Sign::Failed { asked_s }, true, self.now, jitter);
            open
        } else {
            let failures = there.iter().map(|one| one.breaker.failures).sum();
            if !trips_destination(there.len() as u64, failures) {
                return Ok(Vec::new());
            }
            let id = destination_id(&leased.organization, host);
            let mut fresh = Kept::new(id, leased.organization.clone(), None);
            host.clone_into(&mut fresh.destination);
            fresh.breaker.failures = failures;
            fresh.breaker.trip(asked_s, self.now, jitter);
            fresh
        };
        destination.prober.clear();
        save(self.connection, &destination).await?;
        let others = there.iter().map(|one| one.id.clone()).collect();
        self.rest_anew(there, Some(&destination)).await?;
        Ok(others)
    }

    /// Installs rest as long as this destination, and their own breakers, say.
    async fn rest_anew(
        &mut self,
        installs: Vec<Kept>,
        destination: Option<&Kept>,
    ) -> Result<(), StoreError> {
        let mut ids = Vec::new();
        for mut kept in installs {
            kept.rest(destination, self.now);
            save(self.connection, &kept).await?;
            ids.push(kept.id);
        }
        self.placed(ids).await
    }

    async fn placed(&mut self, installs: Vec<String>) -> Result<(), StoreError> {
        queue::changed(self.connection, self.now, Of::Installs(installs)).await
    }

    /// From now on the breaker says when, and not how often each event was tried.
    async fn no_back_off(&mut self) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE delivery SET not_before = $2
             WHERE install_id = $1 AND state = 'ready' AND not_before > $2",
        )
        .bind(self.record.leased.install.to_string())
        .bind(self.now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Whether the install is there, with the release that ran.
    async fn is_present(&mut self) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM install
                   WHERE id = $1 AND release_id = $2 AND state <> 'uninstalled'";
        let present: i64 = sqlx::query_scalar(sql)
            .bind(self.record.leased.install.to_string())
            .bind(self.record.release.to_string())
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(present == 1)
    }
}
