//! Who read what through the API, on its way into the audit.
//!
//! A read must not become a slow write, so reads are added up for a moment (who,
//! what, of what, how many rows and which fields) and written together: by the
//! worker every [`EVERY`], when somebody looks at an audit, when the server stops,
//! and by the reader itself once [`KEPT_MAX`] sums wait. If they cannot be written
//! then, the reader gets nothing. What a crash can lose is one moment's reads
//! (decision 30). What runs read is not here: it is written with the run.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use venn_domain::{
    id::{OrganizationId, PartnershipId},
    time::Timestamp,
};
use venn_store::{Store, StoreError, audit::NewAudit};

use crate::{app::App, auth::Caller};

/// How often they are written: the most that a crash loses.
pub const EVERY: Duration = Duration::from_secs(1);

/// Sums that wait at most: some hundred kilobytes.
const KEPT_MAX: usize = 1_000;

/// What was read, apart from how much.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sum {
    organization: OrganizationId,
    actor: String,
    token: String,
    action: &'static str,
    subject: String,
}

/// How much.
#[derive(Debug, Clone, Default)]
struct Amount {
    since: Timestamp,
    requests: u64,
    rows: u64,
    fields: BTreeSet<String>,
}

/// One read.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    /// For example `accounts.read`.
    pub action: &'static str,
    /// Of what: an id.
    pub subject: &'a str,
    /// Rows that were handed out.
    pub rows: usize,
    /// Fields that were handed out, where they are not always all.
    pub fields: BTreeSet<String>,
    /// The partnership by which rows of a partner's are among them: the partner's
    /// audit has it too, with the partnership as its subject.
    pub partnership: Option<&'a PartnershipId>,
}

impl<'a> Read<'a> {
    /// A read of what is the organization's own, with all its fields.
    pub const fn own(action: &'static str, subject: &'a str, rows: usize) -> Self {
        Self { action, subject, rows, fields: BTreeSet::new(), partnership: None }
    }
}

/// Reads that are not written yet.
#[derive(Clone, Default)]
pub struct Accesses {
    kept: Arc<Mutex<BTreeMap<Sum, Amount>>>,
    /// Held while they are written.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Accesses {
    /// Adds a read by a caller of an organization's data.
    pub async fn note(
        &self,
        store: &Store,
        caller: &Caller,
        organization: &OrganizationId,
        read: Read<'_>,
    ) -> Result<(), StoreError> {
        let amount = Amount {
            since: store.now(),
            requests: 1,
            rows: read.rows as u64,
            fields: read.fields.clone(),
        };
        let sum = Sum {
            organization: organization.clone(),
            actor: caller.user().to_string(),
            token: caller.token.to_string(),
            action: read.action,
            subject: read.subject.to_owned(),
        };
        // A partner learns which organization read, not which of its people, nor
        // which of our accounts they looked at.
        let theirs = match read.partnership.filter(|_| read.rows > 0) {
            Some(id) => store.partnership(organization, id).await?.map(|found| Sum {
                organization: found.partner,
                actor: organization.to_string(),
                token: String::new(),
                action: "partner.read",
                subject: id.to_string(),
            }),
            None => None,
        };
        let full = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for sum in std::iter::once(sum).chain(theirs) {
                add(&mut kept, sum, amount.clone());
            }
            kept.len() >= KEPT_MAX
        };
        if full { self.flush(store).await } else { Ok(()) }
    }

    /// Writes what waits, and waits for what another is writing: who looks at
    /// the audit afterwards finds all of it. What cannot be written waits on.
    pub async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let (this, store) = (self.clone(), store.clone());
        // A caller that hangs up does not take the entries with it.
        let written = tokio::spawn(async move { this.write(&store).await });
        written.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let _one_at_a_time = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let entries = taken.iter().map(|(sum, amount)| entry(sum, amount)).collect();
        let written = store.audit(entries).await;
        if written.is_err() {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for (sum, amount) in taken {
                add(&mut kept, sum, amount);
            }
        }
        written
    }
}

fn add(kept: &mut BTreeMap<Sum, Amount>, sum: Sum, amount: Amount) {
    let total =
        kept.entry(sum).or_insert_with(|| Amount { since: amount.since, ..Amount::default() });
    total.since = total.since.min(amount.since);
    total.requests += amount.requests;
    total.rows += amount.rows;
    total.fields.extend(amount.fields);
}

fn entry(sum: &Sum, amount: &Amount) -> NewAudit {
    let mut detail = json!({
        "requests": amount.requests, "rows": amount.rows, "since": amount.since,
    });
    if let Some(detail) = detail.as_object_mut() {
        if !amount.fields.is_empty() {
            detail.insert("fields".to_owned(), json!(amount.fields));
        }
        if !sum.token.is_empty() {
            detail.insert("token".to_owned(), json!(sum.token));
        }
    }
    NewAudit {
        organization: sum.organization.clone(),
        actor: sum.actor.clone(),
        action: sum.action,
        subject: sum.subject.clone(),
        detail,
    }
}

/// Writes them again and again.
pub async fn run(app: App, stop: CancellationToken) {
    let mut often = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = often.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = app.accesses.flush(&app.store).await {
            tracing::error!(error = &error as &dyn std::error::Error, "audit.flush failed");
        }
    }
}

#[cfg(test)]
mod tests;
