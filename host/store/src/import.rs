//! Imports of account lists: made, read into rows of their own, applied.
//!
//! waiting-for-file → reading → (waiting-for-confirmation) → applying → done,
//! or failed, or cancelled. Accounts change in the one transaction of
//! `import/apply.rs`; until then an import's rows (`import/stage.rs`) are seen by
//! nobody. Reading the file itself is the server's worker.
//!
//! To add a figure: a column, [`Import`], [`COLUMNS`], the view in the API.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    id::{ImportId, OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError, crash,
    row::{Row, json},
};

mod apply;
mod report;
mod stage;
mod state;

pub use report::{Confirm, ImportProblem, ImportReport, UnknownStage};
pub use stage::{ImportRow, Progress};
pub use state::{ImportMode, ImportState};

/// How the caller wants the file to be understood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// The column map, as the mapping reads it; none to recognise the format.
    pub columns: Option<serde_json::Value>,
    /// Stage to population's key, before the default mapping of stages.
    pub stages: BTreeMap<String, String>,
}

/// One import of an account list.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose accounts.
    pub organization: OrganizationId,
    /// What happens to accounts that the list lacks.
    pub mode: ImportMode,
    /// Where it stands.
    pub state: ImportState,
    /// The file's name, for people.
    pub file_name: String,
    /// How to understand the file.
    pub options: ImportOptions,
    /// What was read, and what is asked.
    pub report: ImportReport,
    /// Size of the file.
    pub file_bytes: u64,
    /// How much of it is read.
    pub bytes_read: u64,
    /// Rows read, rejected ones too.
    pub rows_read: u64,
    /// Rows of which nothing is used.
    pub rows_rejected: u64,
    /// Accounts that are new.
    pub added: u64,
    /// Accounts with another revision.
    pub changed: u64,
    /// Accounts that go.
    pub removed: u64,
    /// Accounts that stay as they are.
    pub unchanged: u64,
    /// Rows of accounts that a live source keeps: left as they are.
    pub kept_by_source: u64,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was done, failed or cancelled.
    pub finished_at: Option<Timestamp>,
    /// The request that set it going, as a W3C `traceparent`; empty if not traced.
    pub trace: String,
}

/// An import to be made.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// Whose accounts.
    pub organization: OrganizationId,
    /// What happens to accounts that the list lacks.
    pub mode: ImportMode,
    /// The file's name, for people.
    pub file_name: String,
    /// How to understand the file.
    pub options: ImportOptions,
    /// Who makes it.
    pub created_by: UserId,
}

const COLUMNS: &str = "id, organization_id, mode, state, file_name, columns_json, report_json,
    file_bytes, bytes_read, rows_read, rows_rejected, added, changed, removed, unchanged,
    kept_by_source, created_by, created_at, finished_at, trace";

impl Store {
    /// Makes an import that waits for its file.
    pub async fn create_import(&self, new: NewImport) -> Result<Import, StoreError> {
        let store = self.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                let id = ImportId::make(store.ids());
                let sql = format!(
                    "INSERT INTO import ({COLUMNS}) VALUES
                     ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, 0, 0, 0, 0, 0, $8, $9, NULL, '')"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(id.to_string())
                    .bind(new.organization.to_string())
                    .bind(new.mode.name())
                    .bind(ImportState::WaitingForFile.name())
                    .bind(new.file_name)
                    .bind(json(&new.options))
                    .bind(json(&ImportReport::default()))
                    .bind(new.created_by.to_string())
                    .bind(store.now().0)
                    .execute(&mut *connection)
                    .await?;
                must_find(connection, &id).await
            })
        })
        .await
        .inspect(|_| crash::point("import.created"))
    }

    /// An import of an organization.
    pub async fn import(
        &self,
        organization: &OrganizationId,
        id: &ImportId,
    ) -> Result<Option<Import>, StoreError> {
        let mut connection = self.read().await?;
        let found = find(&mut connection, id).await?;
        Ok(found.filter(|import| import.organization == *organization))
    }

    /// The imports of an organization, newest first.
    pub async fn imports(
        &self,
        organization: &OrganizationId,
        before: Option<&ImportId>,
        limit: u32,
    ) -> Result<Page<Import>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM import WHERE organization_id = $1 AND id < $2
             ORDER BY id DESC LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            // `~` sorts after every character of an id.
            .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        let item = |row: &AnyRow| import(&Row::new("import", row));
        Page::read(rows, limit, item, |item| item.id.to_string()).await
    }

    /// Imports that the worker has something to do for, oldest first.
    pub async fn imports_to_work_on(&self) -> Result<Vec<Import>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM import WHERE state = 'reading' OR state = 'applying' ORDER BY id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
        rows.iter().map(|row| import(&Row::new("import", row))).collect()
    }

    /// Whether an import's file is of no more use: it is over, or unknown.
    pub async fn import_is_over(&self, id: &ImportId) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        let found = find(&mut connection, id).await?;
        Ok(found.is_none_or(|import| import.finished_at.is_some()))
    }

    /// The file is there: reading begins. `place` puts it where the worker looks,
    /// inside of the transaction, so that of two uploads at once only one counts.
    /// None if the import does not wait for a file.
    pub async fn import_file_came<P>(
        &self,
        id: &ImportId,
        file_bytes: u64,
        place: P,
    ) -> Result<Option<Import>, StoreError>
    where
        P: FnOnce() -> std::io::Result<()> + Send + 'static,
    {
        let (store, id) = (self.clone(), id.clone());
        let file_bytes = i64::try_from(file_bytes).unwrap_or(i64::MAX);
        self.write_data(move |connection| {
            Box::pin(async move {
                let to = ImportState::Reading;
                if !step(connection, &id, &[ImportState::WaitingForFile], to).await? {
                    return Ok(None);
                }
                sqlx::query("UPDATE import SET file_bytes = $1, trace = $2 WHERE id = $3")
                    .bind(file_bytes)
                    .bind(store.trace())
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                place().map_err(|source| StoreError::File {
                    what: "keeping the uploaded file",
                    path: id.to_string(),
                    source,
                })?;
                crash::point("import.placed");
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }

    /// A person says yes to what the import would remove. None if it does not wait for that.
    pub async fn confirm_import(&self, id: &ImportId) -> Result<Option<Import>, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                let from = [ImportState::WaitingForConfirmation];
                if !step(connection, &id, &from, ImportState::Applying).await? {
                    return Ok(None);
                }
                sqlx::query("UPDATE import SET trace = $1 WHERE id = $2")
                    .bind(store.trace())
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let mut import = must_find(connection, &id).await?;
                let asked = import.report.confirm.take();
                import.report.confirmed_removes = asked.map_or(0, |confirm| confirm.removes);
                set_report(connection, &id, &import.report).await?;
                Ok(Some(import))
            })
        })
        .await
    }

    /// A person gives the import up. None if it is too late for that.
    pub async fn cancel_import(&self, id: &ImportId) -> Result<Option<Import>, StoreError> {
        let (id, now) = (id.clone(), self.now());
        self.write_data(move |connection| {
            Box::pin(async move {
                let from = [
                    ImportState::WaitingForFile,
                    ImportState::Reading,
                    ImportState::WaitingForConfirmation,
                ];
                if !step(connection, &id, &from, ImportState::Cancelled).await? {
                    return Ok(None);
                }
                finish(connection, &id, now).await?;
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }

    /// The file cannot be used. None if the import is not being read any more.
    pub async fn fail_import(
        &self,
        id: &ImportId,
        report: ImportReport,
    ) -> Result<Option<Import>, StoreError> {
        let (id, now) = (id.clone(), self.now());
        self.write_data(move |connection| {
            Box::pin(async move {
                let from = [ImportState::Reading, ImportState::Applying];
                if !step(connection, &id, &from, ImportState::Failed).await? {
                    return Ok(None);
                }
                set_report(connection, &id, &report).await?;
                finish(connection, &id, now).await?;
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }
}

/// Moves an import on if it stands where it must; false if it does not.
async fn step(
    connection: &mut AnyConnection,
    id: &ImportId,
    from: &[ImportState],
    to: ImportState,
) -> Result<bool, StoreError> {
    for state in from {
        let moved = sqlx::query("UPDATE import SET state = $1 WHERE id = $2 AND state = $3")
            .bind(to.name())
            .bind(id.to_string())
            .bind(state.name())
            .execute(&mut *connection)
            .await?;
        if moved.rows_affected() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Drops the rows that were read, and notes the end.
async fn finish(
    connection: &mut AnyConnection,
    id: &ImportId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM import_row WHERE import_id = $1")
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE import SET finished_at = $1 WHERE id = $2")
        .bind(now.0)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn set_report(
    connection: &mut AnyConnection,
    id: &ImportId,
    report: &ImportReport,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE import SET report_json = $1 WHERE id = $2")
        .bind(json(report))
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn find(connection: &mut AnyConnection, id: &ImportId) -> Result<Option<Import>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM import WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| import(&Row::new("import", &row))).transpose()
}

/// An import that was written in this very transaction.
async fn must_find(connection: &mut AnyConnection, id: &ImportId) -> Result<Import, StoreError> {
    find(connection, id).await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
}

fn import(row: &Row<'_>) -> Result<Import, StoreError> {
    Ok(Import {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        mode: row.named("mode", ImportMode::parse)?,
        state: row.named("state", ImportState::parse)?,
        file_name: row.text("file_name")?,
        options: row.json("columns_json")?,
        report: row.json("report_json")?,
        file_bytes: row.count("file_bytes")?,
        bytes_read: row.count("bytes_read")?,
        rows_read: row.count("rows_read")?,
        rows_rejected: row.count("rows_rejected")?,
        added: row.count("added")?,
        changed: row.count("changed")?,
        removed: row.count("removed")?,
        unchanged: row.count("unchanged")?,
        kept_by_source: row.count("kept_by_source")?,
        created_by: row.parsed("created_by")?,
        created_at: row.time("created_at")?,
        finished_at: row.time_or_none("finished_at")?,
        trace: row.text("trace")?,
    })
}

#[cfg(test)]
mod tests;
