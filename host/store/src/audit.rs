//! The audit: who changed or read what, appended in the transaction of the
//! change itself, each entry chained to the one before (`domain audit`). Never
//! secrets, payloads or values of accounts.
//!
//! An append changes the chain's head row first: whoever appends to the same
//! chain on another server waits there until this transaction ends.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    audit::{Broken, GENESIS, Head, Link, Walk},
    id::{AuditId, OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError, by, crash, many,
    row::{Row, json},
};

mod adopt;
#[cfg(test)]
mod tests;

pub(crate) use adopt::adopt;

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AuditEntry {
    /// Its place in the organization's chain, from 1.
    pub seq: u64,
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// A user, an install, an organization, or `host`.
    pub actor: String,
    /// For example `grant.changed`.
    pub action: String,
    /// What it is about, an id.
    pub subject: String,
    /// More, without secrets.
    pub detail: serde_json::Value,
}

/// An entry to append.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// Whose audit.
    pub organization: OrganizationId,
    /// A user's, install's or organization's id, or `host`.
    pub actor: String,
    /// For example `grant.changed`.
    pub action: &'static str,
    /// An id.
    pub subject: String,
    /// More, without secrets.
    pub detail: serde_json::Value,
}

/// What of an audit is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<String>,
    /// What the action begins with.
    pub action: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// Not earlier.
    pub from: Option<Timestamp>,
    /// Earlier than this.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// Actions that begin so.
    pub fn of_action(prefix: &str) -> Self {
        Self { action: Some(prefix.to_owned()), ..Self::default() }
    }
}

/// Whether an organization's audit is what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How far it goes, as far as it is whole.
    pub head: Head,
    /// The first entry that does not fit.
    pub broken: Option<Broken>,
}

/// Links read at once while a chain is walked.
const STEP: i64 = 500;

/// Appends an entry in the caller's transaction.
pub(crate) async fn append(
    store: &Store,
    connection: &mut AnyConnection,
    entry: &NewAudit,
) -> Result<(), StoreError> {
    append_all(store, connection, std::slice::from_ref(entry)).await
}

/// Appends entries in their order, each to its organization's chain.
pub(crate) async fn append_all(
    store: &Store,
    connection: &mut AnyConnection,
    entries: &[NewAudit],
) -> Result<(), StoreError> {
    let mut chains: BTreeMap<&str, Vec<&NewAudit>> = BTreeMap::new();
    for entry in entries {
        chains.entry(entry.organization.as_str()).or_default().push(entry);
    }
    for (organization, entries) in chains {
        let mut head = take_places(connection, organization, entries.len()).await?;
        let now = store.now();
        let mut links = Vec::with_capacity(entries.len());
        for entry in entries {
            let mut link = Link {
                seq: head.seq + 1,
                previous_hash: head.hash,
                id: AuditId::make(store.ids()).to_string(),
                at: now.to_string(),
                actor: entry.actor.clone(),
                action: entry.action.to_owned(),
                subject: entry.subject.clone(),
                detail_json: json(&with_token(entry)),
                hash: String::new(),
                organization: organization.to_owned(),
            };
            link.hash = link.computed();
            head = Head { seq: link.seq, hash: link.hash.clone() };
            links.push(link);
        }
        let into = "audit (id, organization_id, at, actor, action, subject, detail_json, seq, previous_hash, hash)";
        many::insert(connection, into, &links, |query, link| {
            query
                .bind(link.id.clone())
                .bind(link.organization.clone())
                .bind(now.0)
                .bind(link.actor.clone())
                .bind(link.action.clone())
                .bind(link.subject.clone())
                .bind(link.detail_json.clone())
                .bind(link.seq.cast_signed())
                .bind(link.previous_hash.clone())
                .bind(link.hash.clone())
        })
        .await?;
        sqlx::query("UPDATE audit_head SET hash = $1 WHERE organization_id = $2")
            .bind(head.hash)
            .bind(organization.to_owned())
            .execute(&mut *connection)
            .await?;
        crash::point("audit.appended");
    }
    Ok(())
}

/// The detail, and with which token a person of the organization acted.
fn with_token(entry: &NewAudit) -> serde_json::Value {
    let mut detail = entry.detail.clone();
    if let (Some(by), Some(members)) = (by::caller(), detail.as_object_mut())
        && by.organization == entry.organization
        && entry.actor.parse::<UserId>().is_ok()
    {
        members.entry("token").or_insert_with(|| by.token.as_str().into());
    }
    detail
}

/// Takes the next places of a chain; what stands there before them.
async fn take_places(
    connection: &mut AnyConnection,
    organization: &str,
    count: usize,
) -> Result<Head, StoreError> {
    const NEXT: &str =
        "UPDATE audit_head SET seq = seq + $2 WHERE organization_id = $1 RETURNING seq, hash";
    let places = count as u64;
    let next = || sqlx::query(NEXT).bind(organization.to_owned()).bind(places.cast_signed());
    let mut row = next().fetch_optional(&mut *connection).await?;
    if row.is_none() {
        sqlx::query(
            "INSERT INTO audit_head (organization_id, seq, hash) VALUES ($1, 0, $2)
             ON CONFLICT (organization_id) DO NOTHING",
        )
        .bind(organization.to_owned())
        .bind(GENESIS)
        .execute(&mut *connection)
        .await?;
        row = Some(next().fetch_one(connection).await?);
    }
    let row = row.ok_or(StoreError::NotCommitted)?;
    let row = Row::new("audit_head", &row);
    Ok(Head { seq: row.count("seq")?.saturating_sub(places), hash: row.text("hash")? })
}

impl Store {
    /// Appends entries of their own, where nothing else is written.
    pub async fn audit(&self, entries: Vec<NewAudit>) -> Result<(), StoreError> {
        let store = self.clone();
        self.write_data(move |connection| {
            Box::pin(async move { append_all(&store, connection, &entries).await })
        })
        .await
    }

    /// An organization's audit, newest first, before a place.
    pub async fn audit_page(
        &self,
        organization: &OrganizationId,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT id, at, actor, action, subject, detail_json, seq FROM audit
             WHERE organization_id = $1 AND seq < $2 AND ($3 = '' OR actor = $3)
               AND substr(action, 1, length($4)) = $4 AND ($5 = '' OR subject = $5)
               AND at >= $6 AND at < $7
             ORDER BY seq DESC LIMIT $8",
        )
        .bind(organization.to_string())
        .bind(before.map_or(i64::MAX, u64::cast_signed))
        .bind(filter.actor.clone().unwrap_or_default())
        .bind(filter.action.clone().unwrap_or_default())
        .bind(filter.subject.clone().unwrap_or_default())
        .bind(filter.from.map_or(i64::MIN, |at| at.0))
        .bind(filter.to.map_or(i64::MAX, |at| at.0))
        .bind(i64::from(limit) + 1)
        .fetch(&mut *connection);
        let item = |row: &AnyRow| entry(&Row::new("audit", row));
        Page::read(rows, limit, item, |entry| entry.seq.to_string()).await
    }

    /// The next links of a chain after a place, up to another, oldest first.
    pub async fn audit_links(
        &self,
        organization: &OrganizationId,
        after: u64,
        to: u64,
    ) -> Result<Vec<Link>, StoreError> {
        let mut connection = self.read().await?;
        links(&mut connection, organization, after, to).await
    }

    /// How far the organization's chain goes, as its head row says.
    pub async fn audit_head(&self, organization: &OrganizationId) -> Result<Head, StoreError> {
        let mut connection = self.read().await?;
        head(&mut connection, organization).await
    }

    /// Recomputes an organization's whole chain as it stands.
    pub async fn verify_audit(
        &self,
        organization: &OrganizationId,
        known: Option<Head>,
    ) -> Result<Verified, StoreError> {
        // The head first: what is appended meanwhile is behind it.
        let head = self.audit_head(organization).await?;
        let mut walk = Walk::knowing(known);
        let verified = |walk: &Walk, broken| Ok(Verified { head: walk.head(), broken });
        loop {
            let links = self.audit_links(organization, walk.head().seq, head.seq).await?;
            for link in &links {
                if let Err(broken) = walk.step(link) {
                    return verified(&walk, Some(broken));
                }
            }
            if links.is_empty() {
                break;
            }
        }
        if let Err(broken) = walk.finish() {
            return verified(&walk, Some(broken));
        }
        if walk.head() == head {
            return verified(&walk, self.stray(organization, head.seq).await?);
        }
        let why = format!("the chain ends at {}, and its head row says {head}", walk.head());
        verified(&walk, Some(Broken { seq: walk.head().seq + 1, id: String::new(), why }))
    }

    /// A row that is in no place of the chain. Rows behind the head that are
    /// being appended right now are no strays.
    async fn stray(
        &self,
        organization: &OrganizationId,
        head: u64,
    ) -> Result<Option<Broken>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT id FROM audit WHERE organization_id = $1 AND (seq IS NULL OR seq < 1) ORDER BY id LIMIT 1",
        )
        .bind(organization.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id = Row::new("audit", &row).text("id")?;
        Ok(Some(Broken { seq: head + 1, id, why: "it has no place in the chain".to_owned() }))
    }
}

async fn head(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<Head, StoreError> {
    let row =
        sqlx::query("SELECT organization_id, seq, hash FROM audit_head WHERE organization_id = $1")
            .bind(organization.to_string())
            .fetch_optional(connection)
            .await?;
    let Some(row) = row else { return Ok(Head::default()) };
    let row = Row::new("audit_head", &row);
    Ok(Head { seq: row.count("seq")?, hash: row.text("hash")? })
}

async fn links(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    after: u64,
    to: u64,
) -> Result<Vec<Link>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, organization_id, at, actor, action, subject, detail_json, seq, previous_hash, hash
         FROM audit WHERE organization_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
    )
    .bind(organization.to_string())
    .bind(after.cast_signed())
    .bind(to.cast_signed())
    .bind(STEP)
    .fetch_all(connection)
    .await?;
    let link = |row| {
        let row = Row::new("audit", row);
        Ok(Link {
            organization: row.text("organization_id")?,
            seq: row.count("seq")?,
            id: row.text("id")?,
            at: row.time("at")?.to_string(),
            actor: row.text("actor")?,
            action: row.text("action")?,
            subject: row.text("subject")?,
            detail_json: row.text("detail_json")?,
            previous_hash: row.text_or_none("previous_hash")?.unwrap_or_default(),
            hash: row.text_or_none("hash")?.unwrap_or_default(),
        })
    };
    rows.iter().map(link).collect()
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: row.count("seq")?,
        id: row.parsed("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json_always("detail_json")?,
    })
}
