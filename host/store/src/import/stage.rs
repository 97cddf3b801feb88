//! Rows of an import that is being read: kept aside, seen by nobody else.
//!
//! Reading starts over from the file after a crash, so what stands here before
//! [`Store::begin_reading`] counts for nothing.
use sha2::{Digest as _, Sha256};
use sqlx::AnyConnection;
use venn_domain::id::{AccountId, ImportId, OrganizationId};

use super::{Confirm, Import, ImportMode, ImportReport, ImportState, must_find, set_report, step};
use crate::{
    Store, StoreError,
    row::{Row, json},
};

/// One account of the list, normalised. Every text is empty if not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportRow {
    /// The CRM's id; unique in the list.
    pub external_id: String,
    /// Name, as the CRM has it.
    pub name: String,
    /// Website, as the CRM has it.
    pub website: String,
    /// Canonical host.
    pub host: String,
    /// Registrable domain; empty if the account can never match.
    pub domain: String,
    /// Normalised name.
    pub name_key: String,
    /// The owner's name in the CRM.
    pub owner: String,
    /// Stage, as the CRM has it.
    pub stage: String,
    /// Decimal text.
    pub amount: String,
    /// `YYYY-MM-DD`.
    pub created_on: String,
    /// The population's key.
    pub population: String,
    /// Further columns, by name.
    pub extra: Vec<(String, String)>,
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file.
    pub bytes_read: u64,
    /// Rows, rejected ones too.
    pub rows_read: u64,
    /// Rows of which nothing is used.
    pub rows_rejected: u64,
}

/// Rows of one INSERT: 7,001 values, of the 32,766 that SQLite takes at most.
const ROWS_PER_INSERT: usize = 500;

/// Values of a row besides the import's id.
const ROW_VALUES: usize = 14;

/// What an import would do, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) removed: u64,
    pub(super) unchanged: u64,
    /// Accounts that are there before.
    pub(super) present: u64,
}

impl ImportRow {
    /// A hash of everything that a partner may see change. Each part is led by
    /// its length, so that no two different rows read as the same bytes.
    pub fn rev(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        };
        for text in [
            &self.name,
            &self.website,
            &self.host,
            &self.domain,
            &self.name_key,
            &self.owner,
            &self.stage,
            &self.amount,
            &self.created_on,
            &self.population,
        ] {
            add(text);
        }
        for (name, text) in &self.extra {
            add(name);
            add(text);
        }
        hash.finalize().to_vec()
    }
}

impl Store {
    /// Reading starts, or starts over. False if the import is not to be read any more.
    pub async fn begin_reading(&self, id: &ImportId) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if !set_progress(connection, &id, Progress::default()).await? {
                    return Ok(false);
                }
                sqlx::query("DELETE FROM import_row WHERE import_id = $1")
                    .bind(id.to_string())
                    .execute(connection)
                    .await?;
                Ok(true)
            })
        })
        .await
    }

    /// Keeps rows aside and shows the progress. False if the import is not to be
    /// read any more: it was cancelled.
    pub async fn add_import_rows(
        &self,
        id: &ImportId,
        rows: Vec<ImportRow>,
        progress: Progress,
    ) -> Result<bool, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                if !set_progress(connection, &id, progress).await? {
                    return Ok(false);
                }
                for rows in rows.chunks(ROWS_PER_INSERT) {
                    insert(&store, connection, &id, rows).await?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// The whole file is read: the import goes on, or asks first. None if it was
    /// cancelled meanwhile.
    pub async fn end_reading(
        &self,
        id: &ImportId,
        progress: Progress,
        report: ImportReport,
    ) -> Result<Option<Import>, StoreError> {
        let id = id.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if !set_progress(connection, &id, progress).await? {
                    return Ok(None);
                }
                set_report(connection, &id, &report).await?;
                step(connection, &id, &[ImportState::Reading], ImportState::Applying).await?;
                let import = must_find(connection, &id).await?;
                let figures = figures(connection, &import.organization, &id, import.mode).await?;
                set_figures(connection, &id, &figures).await?;
                ask_if_needed(connection, &import, &figures).await?;
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
    }
}

/// Asks a person if too many accounts would go; true if it did.
pub(super) async fn ask_if_needed(
    connection: &mut AnyConnection,
    import: &Import,
    figures: &Figures,
) -> Result<bool, StoreError> {
    let agreed = import.report.confirmed_removes;
    let needed = Confirm::needed(import.mode, figures.removed, figures.present, agreed);
    let Some(confirm) = needed else { return Ok(false) };
    let report = ImportReport { confirm: Some(confirm), ..import.report.clone() };
    set_report(connection, &import.id, &report).await?;
    step(connection, &import.id, &[ImportState::Applying], ImportState::WaitingForConfirmation)
        .await
}

/// What the import does to the accounts as they stand in this transaction.
pub(super) async fn figures(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ImportId,
    mode: ImportMode,
) -> Result<Figures, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM import_row WHERE import_id = $2) AS staged,
                (SELECT COUNT(*) FROM account WHERE organization_id = $1) AS present,
                (SELECT COUNT(*) FROM import_row r JOIN account a
                     ON a.organization_id = $1 AND a.external_id = r.external_id
                     WHERE r.import_id = $2) AS known,
                (SELECT COUNT(*) FROM import_row r JOIN account a
                     ON a.organization_id = $1 AND a.external_id = r.external_id
                     WHERE r.import_id = $2 AND a.rev <> r.rev) AS changed",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    let row = Row::new("import_row", &row);
    let (present, known, changed) =
        (row.count("present")?, row.count("known")?, row.count("changed")?);
    Ok(Figures {
        added: row.count("staged")?.saturating_sub(known),
        changed,
        removed: if mode == ImportMode::Replace { present.saturating_sub(known) } else { 0 },
        unchanged: known.saturating_sub(changed),
        present,
    })
}

pub(super) async fn set_figures(
    connection: &mut AnyConnection,
    id: &ImportId,
    figures: &Figures,
) -> Result<(), StoreError> {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE import SET added = $1, changed = $2, removed = $3, unchanged = $4 WHERE id = $5",
    )
    .bind(number(figures.added))
    .bind(number(figures.changed))
    .bind(number(figures.removed))
    .bind(number(figures.unchanged))
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Shows the progress; false if the import is not being read.
async fn set_progress(
    connection: &mut AnyConnection,
    id: &ImportId,
    progress: Progress,
) -> Result<bool, StoreError> {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let shown = sqlx::query(
        "UPDATE import SET bytes_read = $1, rows_read = $2, rows_rejected = $3
         WHERE id = $4 AND state = 'reading'",
    )
    .bind(number(progress.bytes_read))
    .bind(number(progress.rows_read))
    .bind(number(progress.rows_rejected))
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(shown.rows_affected() > 0)
}

async fn insert(
    store: &Store,
    connection: &mut AnyConnection,
    id: &ImportId,
    rows: &[ImportRow],
) -> Result<(), StoreError> {
    // A full statement comes again and again and is worth keeping prepared.
    let full = rows.len() == ROWS_PER_INSERT;
    let sql = sqlx::AssertSqlSafe(insert_sql(rows.len()));
    let mut query = sqlx::query(sql).persistent(full).bind(id.to_string());
    for row in rows {
        query = query
            .bind(row.external_id.clone())
            // Used if the account was never there; see `account_key`.
            .bind(AccountId::make(store.ids()).to_string())
            .bind(row.name.clone())
            .bind(row.website.clone())
            .bind(row.host.clone())
            .bind(row.domain.clone())
            .bind(row.name_key.clone())
            .bind(row.owner.clone())
            .bind(row.stage.clone())
            .bind(row.amount.clone())
            .bind(row.created_on.clone())
            .bind(row.population.clone())
            .bind(json(&row.extra))
            .bind(row.rev());
    }
    query.execute(connection).await?;
    Ok(())
}

fn insert_sql(rows: usize) -> String {
    let values: Vec<String> = (0..rows)
        .map(|row| {
            let places: Vec<String> =
                (0..ROW_VALUES).map(|value| format!("${}", 2 + row * ROW_VALUES + value)).collect();
            format!("($1, {})", places.join(", "))
        })
        .collect();
    format!(
        "INSERT INTO import_row (import_id, external_id, account_id, name, website, host, domain,
         name_key, owner, stage, amount, created_on, population, extra_json, rev) VALUES {}",
        values.join(", ")
    )
}
