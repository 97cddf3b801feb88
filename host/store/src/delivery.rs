//! Deliveries: one event on its way to one install. A lease is one
//! transaction; whoever holds it writes the run's record under its fence.
//!
//! Order is per (install, subject): an older unfinished delivery of the same
//! subject blocks the newer ones, and nothing else. An install runs one
//! delivery at a time, or several that may be beside one another (`delivery.alone`).
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    event::Event,
    id::{DeliveryId, EventId, InstallId, OrganizationId, PartnershipId, PluginId, RunId, UserId},
    lineage::Lineage,
    time::Timestamp,
};

use self::queue::Of;
use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    breaker,
    connection::renewal,
    row::Row,
};

mod admission;
mod discard;
pub(crate) mod expire;
mod given_back;
pub(crate) mod lane;
mod lease;
pub(crate) mod queue;

pub use lease::Lease;

/// A delivery that this process may run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The delivery.
    pub id: DeliveryId,
    /// The install.
    pub install: InstallId,
    /// The customer.
    pub organization: OrganizationId,
    /// What happened, with the continuation of this step.
    pub event: Event,
    /// Which run of an `again` chain, from 0.
    pub step: u32,
    /// Which attempt at this step, from 1.
    pub attempt: u32,
    /// The number under which the result must be written.
    pub fence: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Where the event came from, as a W3C `traceparent`; empty if not traced.
    pub trace: String,
    /// Whose runs led to the event.
    pub lineage: Lineage,
    /// How far the step before was, in the plugin's own unit.
    pub done: u64,
    /// Of how much; 0 if not known.
    pub total: u64,
    /// Steps in a row that did not move.
    pub still: u64,
    /// An attempt that begins later is of no use to anybody; none if it always is.
    pub expires_at: Option<Timestamp>,
    /// Its install rests, and this run finds out whether it goes well again.
    pub is_probe: bool,
}

/// A delivery as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery.
    pub id: DeliveryId,
    /// The install.
    pub install: InstallId,
    /// What happened.
    pub event: Event,
    /// `ready`, `leased`, `parked`, `done` or `dead`.
    pub state: String,
    /// Why parked or dead.
    pub state_reason: String,
    /// Which run of an `again` chain.
    pub step: u32,
    /// Attempts at this step.
    pub attempt: u32,
    /// Not tried again before.
    pub not_before: Timestamp,
    /// In the plugin's own unit.
    pub progress_done: u64,
    /// 0 if not known.
    pub progress_total: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
    /// It is given up if it has not begun by then; none if it waits for as long as it takes.
    pub expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "d.id, d.event_id, d.install_id, d.organization_id, d.subject, d.state,
    d.state_reason, d.attempt, d.step, d.not_before, d.fence, d.continuation, d.progress_done,
    d.progress_total, d.still, d.created_at, d.finished_at, d.expires_at, e.kind, e.payload, e.occurred_at,
    e.trace, e.lineage";

impl Store {
    /// Gives back leases that ran out, gives up what is too old, and leases up to `most`
    /// deliveries, one per install, until `until`: one write.
    pub async fn lease(&self, most: u32, until: Timestamp) -> Result<Vec<Leased>, StoreError> {
        Ok(self.lease_into(move || most, until).await?.leased)
    }

    /// The same with as much room as there is once the writer comes to it: what ends while
    /// others are written makes more.
    pub async fn lease_into(
        &self,
        room: impl FnOnce() -> u32 + Send + 'static,
        until: Timestamp,
    ) -> Result<Lease, StoreError> {
        let now = self.now();
        self.write_data(move |connection| {
            Box::pin(async move { lease::lease(connection, now, room(), until).await })
        })
        .await
    }

    /// Since when the one has been due that could be leased for the longest time:
    /// what waits behind a parked one of its subject does not count.
    pub(crate) async fn due_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.now();
        let mut connection = self.read().await?;
        lease::due_since(&mut connection, now).await
    }

    /// Gives back every lease, and puts every install where it belongs: for a start of
    /// the only process on this database.
    pub async fn release_leases(&self) -> Result<u64, StoreError> {
        let now = self.now();
        self.write_data(move |connection| {
            Box::pin(async move {
                let given_back = given_back::of_a_dead_server(connection, now).await?;
                renewal::give_back(connection).await?;
                Ok(given_back)
            })
        })
        .await
    }

    /// An organization's deliveries, newest first.
    pub async fn deliveries(
        &self,
        organization: &OrganizationId,
        install: Option<&InstallId>,
        state: Option<&str>,
        before: Option<&DeliveryId>,
        limit: u32,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM delivery d JOIN event e ON e.id = d.event_id
             WHERE d.organization_id = $1 AND d.id < $2
               AND ($3 = '' OR d.install_id = $3) AND ($4 = '' OR d.state = $4)
             ORDER BY d.id DESC LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
            .bind(install.map(ToString::to_string).unwrap_or_default())
            .bind(state.unwrap_or_default().to_owned())
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        let item = |row: &AnyRow| delivery(&Row::new("delivery", row));
        Page::read(rows, limit, item, |delivery| delivery.id.to_string()).await
    }

    /// One delivery of an organization, and its runs, oldest first.
    pub async fn delivery(
        &self,
        organization: &OrganizationId,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<RunId>)>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM delivery d JOIN event e ON e.id = d.event_id
             WHERE d.organization_id = $1 AND d.id = $2"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let found = delivery(&Row::new("delivery", &row))?;
        let runs = sqlx::query("SELECT id FROM run WHERE delivery_id = $1 ORDER BY id")
            .bind(id.to_string())
            .fetch_all(&mut *connection)
            .await?;
        let runs =
            runs.iter().map(|row| Row::new("run", row).parsed("id")).collect::<Result<_, _>>()?;
        Ok(Some((found, runs)))
    }

    /// Makes a parked, dead or waiting delivery due now, however old it is and whatever led
    /// to it; false if it is none of these. One that was given up has all its attempts again.
    pub async fn redeliver(
        &self,
        organization: &OrganizationId,
        id: &DeliveryId,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let (store, now) = (self.clone(), self.now().0);
        let entry = NewAudit {
            organization: organization.clone(),
            actor: actor.to_string(),
            action: "delivery.redelivered",
            subject: id.to_string(),
            detail: serde_json::json!({}),
        };
        self.write_data(move |connection| {
            Box::pin(async move {
                let moved = sqlx::query(
                    "UPDATE delivery SET state = 'ready', state_reason = '', not_before = $3, finished_at = NULL,
                         expires_at = NULL, attempt = CASE state WHEN 'ready' THEN attempt ELSE 0 END
                     WHERE organization_id = $1 AND id = $2
                       AND (state IN ('parked', 'dead') OR (state = 'ready' AND not_before > $3))
                     RETURNING install_id, subject, event_id",
                )
                .bind(entry.organization.to_string())
                .bind(entry.subject.clone())
                .bind(now)
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = &moved else { return Ok(false) };
                let row = Row::new("delivery", row);
                let (install, subject) = (row.text("install_id")?, row.text("subject")?);
                sqlx::query("UPDATE event SET lineage = '' WHERE id = $1")
                    .bind(row.text("event_id")?)
                    .execute(&mut *connection)
                    .await?;
                lane::began_anew(connection, &install, &subject).await?;
                // Who asks for it now does not wait until the install has rested.
                let (which, id) = ("install_id = $1", install.clone());
                breaker::try_now_where(connection, which, id, Timestamp(now)).await?;
                queue::changed(connection, Timestamp(now), Of::Installs(vec![install])).await?;
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Whose parked deliveries are due again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiting<'a> {
    /// Those of one install: it was changed.
    Install(&'a InstallId),
    /// Those of one customer: a connection was changed.
    Organization(&'a OrganizationId),
    /// Those of one plugin: its approval was changed, or it was resumed.
    Plugin(&'a PluginId),
    /// Those of installs that read one partnership: its rules were changed.
    Partnership(&'a PartnershipId),
    /// All of them: the host's own keys were replaced.
    Everyone,
    /// Those that are about one partnership, whoever reads it now: it ended.
    Subject(&'a PartnershipId),
}

impl Waiting<'_> {
    fn installs(self) -> Of {
        match self {
            Self::Install(id) => Of::Installs(vec![id.to_string()]),
            Self::Organization(id) => Of::Organization(id.clone()),
            Self::Plugin(id) => Of::Plugin(id.clone()),
            Self::Partnership(id) => Of::Partnership(id.clone()),
            Self::Subject(id) => Of::Subject(id.clone()),
            Self::Everyone => Of::Everyone,
        }
    }
}

/// The reason of a leased one whose circumstances changed.
const CHANGED: &str = "what it may wait for has changed since";

/// Makes due what waited for a person to act, or for the next attempt, in the transaction in which the
/// person did. What waits for something else besides is parked again at once. What is leased was judged
/// by what was before: its reason says so until it is given back, and it does not wait then.
pub(crate) async fn unpark(
    connection: &mut AnyConnection,
    now: Timestamp,
    waiting: Waiting<'_>,
) -> Result<(), StoreError> {
    let (which, id) = match waiting {
        Waiting::Install(id) => ("install_id = $1", id.to_string()),
        Waiting::Organization(id) => ("organization_id = $1", id.to_string()),
        Waiting::Plugin(id) => {
            ("install_id IN (SELECT id FROM install WHERE plugin_id = $1)", id.to_string())
        }
        Waiting::Partnership(id) => (
            "install_id IN (SELECT install_id FROM install_partnership WHERE partnership_id = $1)",
            id.to_string(),
        ),
        Waiting::Everyone => ("$1 = ''", String::new()),
        Waiting::Subject(id) => ("subject = $1", id.to_string()),
    };
    let sql = format!(
        "UPDATE delivery SET state = CASE state WHEN 'leased' THEN 'leased' ELSE 'ready' END,
             state_reason = CASE state WHEN 'leased' THEN '{CHANGED}' ELSE '' END, not_before = $2
         WHERE (state IN ('parked', 'leased') OR (state = 'ready' AND not_before > $2)) AND {which}"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.clone()).bind(now.0);
    query.execute(&mut *connection).await?;
    // What rests finds out at once whether that was it; an end mends nothing.
    if !matches!(waiting, Waiting::Subject(_)) {
        breaker::try_now_where(connection, which, id, now).await?;
    }
    queue::changed(connection, now, waiting.installs()).await
}

/// A delivery of this kind and subject whose work has not begun, or that waits for
/// somebody: what is new since then it will see. One that is under way does not count:
/// what it has passed already it would miss.
pub(crate) async fn not_begun(
    connection: &mut AnyConnection,
    install: &InstallId,
    kind: &str,
    subject: &str,
) -> Result<Option<DeliveryId>, StoreError> {
    let row = sqlx::query(
        "SELECT d.id FROM delivery d JOIN event e ON e.id = d.event_id
         WHERE d.install_id = $1 AND e.kind = $2 AND d.subject = $3
           AND (d.state = 'parked' OR (d.state = 'ready' AND d.step = 0))
         ORDER BY d.id LIMIT 1",
    )
    .bind(install.to_string())
    .bind(kind.to_owned())
    .bind(subject.to_owned())
    .fetch_optional(connection)
    .await?;
    row.map(|row| Row::new("delivery", &row).parsed("id")).transpose()
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.parsed::<EventId>("event_id")?,
        kind: row.text("kind")?,
        subject: row.text("subject")?,
        occurred_at: row.time("occurred_at")?,
        payload: row.text("payload")?,
        continuation: row.text_or_none("continuation")?,
    })
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.parsed("id")?,
        install: row.parsed("install_id")?,
        event: event(row)?,
        state: row.text("state")?,
        state_reason: row.text("state_reason")?,
        step: small(row.count("step")?),
        attempt: small(row.count("attempt")?),
        not_before: row.time("not_before")?,
        progress_done: row.count("progress_done")?,
        progress_total: row.count("progress_total")?,
        created_at: row.time("created_at")?,
        finished_at: row.time_or_none("finished_at")?,
        expires_at: row.time_or_none("expires_at")?,
    })
}
