//! What a run said about accounts, in the transaction that records the run.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    account::IMPORT,
    id::{DeliveryId, InstallId, OrganizationId},
    lineage::Lineage,
    run::AccountWrite,
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    account::staged::Stage,
    audit::{self, NewAudit},
    import::{Confirm, ImportRow},
    row::Row,
};

/// What a run did to accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountFigures {
    /// New ones.
    pub added: u64,
    /// Ones that differ.
    pub changed: u64,
    /// Ones that were so already.
    pub unchanged: u64,
    /// Ones that are gone: removals count at the end of their sync.
    pub removed: u64,
}

/// What is there of an account that a source is about to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// `import`, or the install that keeps it.
    pub source: String,
    /// The population's key.
    pub population: String,
    /// Its revision.
    pub rev: Vec<u8>,
}

/// The run that is being recorded.
pub(crate) struct Sync<'a> {
    pub(crate) organization: &'a OrganizationId,
    pub(crate) install: &'a InstallId,
    pub(crate) delivery: &'a DeliveryId,
    /// What was read since cannot be older than this.
    pub(crate) run_started_at: Timestamp,
    /// The report asks for no further run.
    pub(crate) is_over: bool,
    /// Of what it writes.
    pub(crate) lineage: Lineage,
}

/// Accounts of one question to the store; a call has fewer.
const IDS_PER_QUERY: usize = 500;

/// Of the accounts with these external ids, which an install wants removed.
const REMOVED: &str = "EXISTS (SELECT 1 FROM source_removal x
    WHERE x.install_id = $2 AND x.external_id = account.external_id)";

impl Store {
    /// What is there of these accounts, by external id.
    pub async fn known_accounts(
        &self,
        organization: &OrganizationId,
        external_ids: &[String],
    ) -> Result<HashMap<String, KnownAccount>, StoreError> {
        let mut connection = self.read().await?;
        let mut known = HashMap::new();
        for ids in external_ids.chunks(IDS_PER_QUERY) {
            let places: Vec<String> = (0..ids.len()).map(|at| format!("${}", at + 2)).collect();
            let sql = format!(
                "SELECT external_id, source, population, rev FROM account
                 WHERE organization_id = $1 AND external_id IN ({})",
                places.join(", ")
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(organization.to_string());
            for id in ids {
                query = query.bind(id.clone());
            }
            for row in &query.fetch_all(&mut *connection).await? {
                let row = Row::new("account", row);
                let account = KnownAccount {
                    source: row.text("source")?,
                    population: row.text("population")?,
                    rev: row.blob("rev")?,
                };
                known.insert(row.text("external_id")?, account);
            }
        }
        Ok(known)
    }

    /// How many accounts a source keeps.
    pub async fn accounts_kept(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
    ) -> Result<u64, StoreError> {
        let mut connection = self.read().await?;
        let kept: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM account WHERE organization_id = $1 AND source = $2",
        )
        .bind(organization.to_string())
        .bind(install.to_string())
        .fetch_one(&mut *connection)
        .await?;
        Ok(kept.unsigned_abs())
    }

    /// Those of these external ids that a source has asked to be removed.
    pub async fn pending_removals(
        &self,
        install: &InstallId,
        external_ids: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.read().await?;
        let pending: Vec<String> =
            sqlx::query_scalar("SELECT external_id FROM source_removal WHERE install_id = $1")
                .bind(install.to_string())
                .fetch_all(&mut *connection)
                .await?;
        Ok(pending.into_iter().filter(|id| external_ids.contains(id)).collect())
    }
}

/// Writes what a run said. `writes` is none if it said nothing; then there is
/// something to do only if it ends the sync that is under way. `rows` are the
/// upserts, normalised.
pub(crate) async fn record(
    store: &Store,
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    writes: Option<&[AccountWrite]>,
    rows: Vec<ImportRow>,
) -> Result<AccountFigures, StoreError> {
    let mut figures = AccountFigures::default();
    if let Some(writes) = writes {
        begin(connection, sync).await?;
        upsert(store, connection, sync, writes, rows, &mut figures).await?;
        ask_for_removal(connection, sync, writes).await?;
    } else if !(sync.is_over && is_under_way(connection, sync).await?) {
        return Ok(figures);
    }
    let mut asked = None;
    if sync.is_over {
        asked = settle(store, connection, sync, &mut figures).await?;
    }
    count(connection, sync, &figures).await?;
    if sync.is_over {
        end(store, connection, sync, asked).await?;
    }
    Ok(figures)
}

/// Whether this delivery is the sync that is under way.
async fn is_under_way(connection: &mut AnyConnection, sync: &Sync<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM source
               WHERE install_id = $1 AND delivery_id = $2 AND ended_at IS NULL";
    let found: i64 = sqlx::query_scalar(sql)
        .bind(sync.install.to_string())
        .bind(sync.delivery.to_string())
        .fetch_one(connection)
        .await?;
    Ok(found == 1)
}

/// A sync begins with its first run that writes accounts. One that was left
/// unfinished goes on, under whichever delivery takes it up: nothing was
/// complete since it began.
async fn begin(connection: &mut AnyConnection, sync: &Sync<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO source (install_id, organization_id, delivery_id, started_at, ended_at, fresh_at,
             added, changed, unchanged, removed, asked)
         VALUES ($1, $2, $3, $4, NULL, 0, 0, 0, 0, 0, 0)
         ON CONFLICT (install_id) DO UPDATE SET
             delivery_id = excluded.delivery_id, ended_at = NULL,
             started_at = CASE WHEN source.ended_at IS NULL THEN source.started_at
                               ELSE excluded.started_at END,
             added = CASE WHEN source.ended_at IS NULL THEN source.added ELSE 0 END,
             changed = CASE WHEN source.ended_at IS NULL THEN source.changed ELSE 0 END,
             unchanged = CASE WHEN source.ended_at IS NULL THEN source.unchanged ELSE 0 END,
             removed = CASE WHEN source.ended_at IS NULL THEN source.removed ELSE 0 END",
    )
    .bind(sync.install.to_string())
    .bind(sync.organization.to_string())
    .bind(sync.delivery.to_string())
    .bind(sync.run_started_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn upsert(
    store: &Store,
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    writes: &[AccountWrite],
    mut rows: Vec<ImportRow>,
    figures: &mut AccountFigures,
) -> Result<(), StoreError> {
    // Something may have been revoked since the rows were normalised.
    let mut wanted = writes.iter().filter(|write| matches!(write, AccountWrite::Upsert(_)));
    let wanted: std::collections::HashSet<&str> =
        wanted.by_ref().map(AccountWrite::external_id).collect();
    rows.retain(|row| wanted.contains(row.external_id.as_str()));
    if rows.is_empty() {
        return Ok(());
    }
    let stage = Stage::of_source(sync.install, sync.organization, sync.lineage.clone());
    stage.add(store, connection, &rows).await?;
    let found = stage.figures(connection).await?;
    (figures.added, figures.changed, figures.unchanged) =
        (found.added, found.changed, found.unchanged);
    stage.queue_pairing(store, connection).await?;
    stage.write(connection, store.now()).await?;
    for sql in [
        // What came back is not to be removed any more.
        "DELETE FROM source_removal WHERE install_id = $1 AND external_id IN (
             SELECT r.external_id FROM source_row r WHERE r.install_id = $1)",
        "DELETE FROM source_row WHERE install_id = $1",
    ] {
        sqlx::query(sql).bind(sync.install.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Keeps aside which accounts are to go; those of others stay out.
async fn ask_for_removal(
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    writes: &[AccountWrite],
) -> Result<(), StoreError> {
    for write in writes {
        let AccountWrite::Remove(external_id) = write else { continue };
        sqlx::query(
            "INSERT INTO source_removal (install_id, external_id)
             SELECT a.source, a.external_id FROM account a
             WHERE a.organization_id = $1 AND a.external_id = $2 AND a.source = $3
             ON CONFLICT (install_id, external_id) DO NOTHING",
        )
        .bind(sync.organization.to_string())
        .bind(external_id.clone())
        .bind(sync.install.to_string())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Removes what is to go, or says how many a person must be asked about.
async fn settle(
    store: &Store,
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    figures: &mut AccountFigures,
) -> Result<Option<u64>, StoreError> {
    let (removes, of) = wanted(connection, sync.organization, sync.install).await?;
    if Confirm::is_needed(removes, of) {
        return Ok(Some(removes));
    }
    let lineage = sync.lineage.clone();
    figures.removed = remove(store, connection, sync.organization, sync.install, lineage).await?;
    Ok(None)
}

/// How many accounts a source wants gone, of how many.
pub(super) async fn wanted(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    install: &InstallId,
) -> Result<(u64, u64), StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM source_removal x
                     JOIN account a ON a.organization_id = $1 AND a.external_id = x.external_id
                     WHERE x.install_id = $2 AND a.source = $2) AS removes,
                (SELECT COUNT(*) FROM account WHERE organization_id = $1 AND source = $2) AS present",
    )
    .bind(organization.to_string())
    .bind(install.to_string())
    .fetch_one(connection)
    .await?;
    let row = Row::new("source", &row);
    Ok((row.count("removes")?, row.count("present")?))
}

/// Removes what a source wants gone; answers how many that were.
pub(super) async fn remove(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    install: &InstallId,
    lineage: Lineage,
) -> Result<u64, StoreError> {
    let stage = Stage::of_source(install, organization, lineage);
    let removed = stage.remove(store, connection, REMOVED).await?;
    forget_removals(connection, install).await?;
    Ok(removed)
}

/// What a source wants gone stays after all.
pub(super) async fn forget_removals(
    connection: &mut AnyConnection,
    install: &InstallId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM source_removal WHERE install_id = $1")
        .bind(install.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn count(
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    figures: &AccountFigures,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE source SET added = added + $2, changed = changed + $3, unchanged = unchanged + $4,
             removed = removed + $5 WHERE install_id = $1",
    )
    .bind(sync.install.to_string())
    .bind(figures.added.cast_signed())
    .bind(figures.changed.cast_signed())
    .bind(figures.unchanged.cast_signed())
    .bind(figures.removed.cast_signed())
    .execute(connection)
    .await?;
    Ok(())
}

/// The sync is complete: the accounts are as old as its beginning.
async fn end(
    store: &Store,
    connection: &mut AnyConnection,
    sync: &Sync<'_>,
    asked: Option<u64>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE source SET ended_at = $2, fresh_at = started_at, asked = $3 WHERE install_id = $1",
    )
    .bind(sync.install.to_string())
    .bind(store.now().0)
    .bind(asked.unwrap_or_default().cast_signed())
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "SELECT install_id, added, changed, unchanged, removed FROM source WHERE install_id = $1",
    )
    .bind(sync.install.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let row = Row::new("source", &row);
    let (added, changed, removed) =
        (row.count("added")?, row.count("changed")?, row.count("removed")?);
    if added + changed + removed == 0 && asked.is_none() {
        return Ok(());
    }
    let entry = NewAudit {
        organization: sync.organization.clone(),
        actor: sync.install.to_string(),
        action: "source.synced",
        subject: sync.install.to_string(),
        detail: serde_json::json!({
            "delivery": sync.delivery, "added": added, "changed": changed, "removed": removed,
            "asked": asked,
        }),
    };
    audit::append(store, connection, &entry).await
}

/// The install is gone: its accounts stay, as if a list had brought them.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    install: &InstallId,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE account SET source = '{IMPORT}', synced_at =
             CASE WHEN synced_at < COALESCE((SELECT fresh_at FROM source WHERE install_id = $2), 0)
                  THEN (SELECT fresh_at FROM source WHERE install_id = $2) ELSE synced_at END
         WHERE organization_id = $1 AND source = $2"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(install.to_string())
        .execute(&mut *connection)
        .await?;
    forget_removals(connection, install).await?;
    sqlx::query("DELETE FROM source WHERE install_id = $1")
        .bind(install.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
