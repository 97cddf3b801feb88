//! Applying an import: one transaction, in which the accounts become what the
//! list says and everything that follows from it is left as durable work.
//!
//! An account keeps its id for as long as its external id stays in the list.
//! The domains that were touched, old and new, go to the pairing of each active
//! partnership; pairing itself is not done here.
use sqlx::AnyConnection;
use venn_domain::{
    id::{ImportId, OrganizationId},
    time::Timestamp,
};

use super::{
    Import, ImportMode, ImportState, find, finish, must_find,
    stage::{ask_if_needed, figures, set_figures},
    step,
};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    pairing::cause,
};

/// Domains of accounts that are new or differ, as they will be and as they were.
const TOUCHED: &str = "
    SELECT r.domain AS domain FROM import_row r
        LEFT JOIN account a ON a.organization_id = $1 AND a.external_id = r.external_id
        WHERE r.import_id = $2 AND (a.id IS NULL OR a.rev <> r.rev)
    UNION
    SELECT a.domain AS domain FROM import_row r
        JOIN account a ON a.organization_id = $1 AND a.external_id = r.external_id
        WHERE r.import_id = $2 AND a.rev <> r.rev";

/// Accounts of the organization that the list lacks.
const LACKING: &str = "account.organization_id = $1 AND NOT EXISTS (
    SELECT 1 FROM import_row r WHERE r.import_id = $2 AND r.external_id = account.external_id)";

impl Store {
    /// Applies an import; done, or asking if it would remove more than was agreed
    /// to, because the accounts changed meanwhile. None if it is not to be applied.
    pub async fn apply_import(&self, id: &ImportId) -> Result<Option<Import>, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let found = find(connection, &id).await?;
                let Some(import) = found.filter(|import| import.state == ImportState::Applying)
                else {
                    return Ok(None);
                };
                apply(&store, connection, &import).await?;
                crate::crash::point("import.before-commit");
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }
}

async fn apply(
    store: &Store,
    connection: &mut AnyConnection,
    import: &Import,
) -> Result<(), StoreError> {
    let (organization, id, mode) = (&import.organization, &import.id, import.mode);
    let figures = figures(connection, organization, id, mode).await?;
    set_figures(connection, id, &figures).await?;
    if ask_if_needed(connection, import, &figures).await? {
        return Ok(());
    }
    queue_pairing(connection, organization, id, mode).await?;
    cause::note_all(store, connection, organization).await?;
    if mode == ImportMode::Replace {
        let sql = format!("DELETE FROM account WHERE {LACKING}");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    upsert(connection, organization, id, store.now()).await?;
    finish(connection, id, store.now()).await?;
    step(connection, id, &[ImportState::Applying], ImportState::Done).await?;
    let entry = NewAudit {
        organization: organization.clone(),
        actor: import.created_by.to_string(),
        action: "import.applied",
        subject: id.to_string(),
        detail: serde_json::json!({
            "mode": mode.name(), "added": figures.added, "changed": figures.changed,
            "removed": figures.removed, "unchanged": figures.unchanged,
        }),
    };
    audit::append(store, connection, &entry).await
}

/// Leaves the touched domains to the pairing of each active partnership. The
/// empty one too: it makes pairing look at pairs that people made across domains.
async fn queue_pairing(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ImportId,
    mode: ImportMode,
) -> Result<(), StoreError> {
    let removed = match mode {
        ImportMode::Replace => {
            format!("UNION SELECT account.domain AS domain FROM account WHERE {LACKING}")
        }
        ImportMode::Merge => String::new(),
    };
    let sql = format!(
        "INSERT INTO pairing_work (partnership_id, domain)
         SELECT p.id, t.domain FROM partnership p CROSS JOIN ({TOUCHED} {removed}) t
         WHERE p.state = 'active' AND (p.left_id = $1 OR p.right_id = $1)
         ON CONFLICT (partnership_id, domain) DO NOTHING"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// New accounts come in; of known ones only those that differ are written.
async fn upsert(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ImportId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO account_key (organization_id, external_id, account_id)
         SELECT $1, external_id, account_id FROM import_row WHERE import_id = $2
         ON CONFLICT (organization_id, external_id) DO NOTHING",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO account (id, organization_id, external_id, name, website, host, domain, name_key,
             owner, stage, amount, created_on, population, extra_json, rev, updated_at)
         SELECT k.account_id, $1, r.external_id, r.name, r.website, r.host, r.domain, r.name_key,
             r.owner, r.stage, r.amount, r.created_on, r.population, r.extra_json, r.rev, $3
         FROM import_row r
         JOIN account_key k ON k.organization_id = $1 AND k.external_id = r.external_id
         WHERE r.import_id = $2
         ON CONFLICT (organization_id, external_id) DO UPDATE SET
             name = excluded.name, website = excluded.website, host = excluded.host,
             domain = excluded.domain, name_key = excluded.name_key, owner = excluded.owner,
             stage = excluded.stage, amount = excluded.amount, created_on = excluded.created_on,
             population = excluded.population, extra_json = excluded.extra_json,
             rev = excluded.rev, updated_at = excluded.updated_at
         WHERE account.rev <> excluded.rev",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}
