//! Rows of an import that is being read: kept aside, seen by nobody else.
//!
//! Reading starts over from the file after a crash, so what stands here before
//! [`Store::begin_reading`] counts for nothing. Who read before, and does not know that
//! another server reads now, adds nothing: each reading has a number.
use sha2::{Digest as _, Sha256};
use sqlx::AnyConnection;
use venn_domain::id::ImportId;

use super::{Confirm, Import, ImportMode, ImportReport, ImportState, must_find, set_report, step};
use crate::{
    Store, StoreError,
    account::staged::{Figures, Stage},
    crash,
};

/// One account of a list or of a live source, normalised. Every text is empty if not known.
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
    /// Reading starts, or starts over: its number. None if the import is not to be read
    /// any more.
    pub async fn begin_reading(&self, id: &ImportId) -> Result<Option<u64>, StoreError> {
        let id = id.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                let number: Option<i64> = sqlx::query_scalar(
                    "UPDATE import SET reading_no = reading_no + 1
                     WHERE id = $1 AND state = 'reading' RETURNING reading_no",
                )
                .bind(id.to_string())
                .fetch_optional(&mut *connection)
                .await?;
                let Some(number) = number.map(i64::unsigned_abs) else { return Ok(None) };
                set_progress(connection, &id, number, Progress::default()).await?;
                sqlx::query("DELETE FROM import_row WHERE import_id = $1")
                    .bind(id.to_string())
                    .execute(connection)
                    .await?;
                Ok(Some(number))
            })
        })
        .await
        .inspect(|_| crash::point("import.begun"))
    }

    /// Keeps rows aside and shows the progress. False if the import is not to be
    /// read any more, or is read by another: it was cancelled, or began anew.
    pub async fn add_import_rows(
        &self,
        id: &ImportId,
        reading: u64,
        rows: Vec<ImportRow>,
        progress: Progress,
    ) -> Result<bool, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                if !set_progress(connection, &id, reading, progress).await? {
                    return Ok(false);
                }
                let import = must_find(connection, &id).await?;
                let stage = Stage::of_import(&id, &import.organization);
                stage.add(&store, connection, &rows).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The whole file is read: the import goes on, or asks first. None if it was
    /// cancelled meanwhile, or began anew.
    pub async fn end_reading(
        &self,
        id: &ImportId,
        reading: u64,
        progress: Progress,
        report: ImportReport,
    ) -> Result<Option<Import>, StoreError> {
        let id = id.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                if !set_progress(connection, &id, reading, progress).await? {
                    return Ok(None);
                }
                set_report(connection, &id, &report).await?;
                step(connection, &id, &[ImportState::Reading], ImportState::Applying).await?;
                let import = must_find(connection, &id).await?;
                let (figures, removed) = figures(connection, &import).await?;
                set_figures(connection, &id, &figures, removed).await?;
                ask_if_needed(connection, &import, &figures, removed).await?;
                must_find(connection, &id).await.map(Some)
            })
        })
        .await
        .inspect(|_| crash::point("import.read"))
    }
}

/// Asks a person if too many accounts would go; true if it did.
pub(super) async fn ask_if_needed(
    connection: &mut AnyConnection,
    import: &Import,
    figures: &Figures,
    removed: u64,
) -> Result<bool, StoreError> {
    // A merge removes nothing.
    if removed <= import.report.confirmed_removes || !Confirm::is_needed(removed, figures.present) {
        return Ok(false);
    }
    let confirm = Confirm::of_list(removed, figures.present);
    let report = ImportReport { confirm: Some(confirm), ..import.report.clone() };
    set_report(connection, &import.id, &report).await?;
    step(connection, &import.id, &[ImportState::Applying], ImportState::WaitingForConfirmation)
        .await
}

/// What the import does to the accounts as they stand in this transaction, and
/// how many it removes.
pub(super) async fn figures(
    connection: &mut AnyConnection,
    import: &Import,
) -> Result<(Figures, u64), StoreError> {
    let stage = Stage::of_import(&import.id, &import.organization);
    let figures = stage.figures(connection).await?;
    let removed = match import.mode {
        ImportMode::Replace => figures.present.saturating_sub(figures.named),
        ImportMode::Merge => 0,
    };
    Ok((figures, removed))
}

pub(super) async fn set_figures(
    connection: &mut AnyConnection,
    id: &ImportId,
    figures: &Figures,
    removed: u64,
) -> Result<(), StoreError> {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE import SET added = $1, changed = $2, removed = $3, unchanged = $4,
             kept_by_source = $5 WHERE id = $6",
    )
    .bind(number(figures.added))
    .bind(number(figures.changed))
    .bind(number(removed))
    .bind(number(figures.unchanged))
    .bind(number(figures.kept_by_source))
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Shows the progress; false if the import is not being read, or not by this reading.
async fn set_progress(
    connection: &mut AnyConnection,
    id: &ImportId,
    reading: u64,
    progress: Progress,
) -> Result<bool, StoreError> {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let shown = sqlx::query(
        "UPDATE import SET bytes_read = $1, rows_read = $2, rows_rejected = $3
         WHERE id = $4 AND state = 'reading' AND reading_no = $5",
    )
    .bind(number(progress.bytes_read))
    .bind(number(progress.rows_read))
    .bind(number(progress.rows_rejected))
    .bind(id.to_string())
    .bind(reading.cast_signed())
    .execute(connection)
    .await?;
    Ok(shown.rows_affected() > 0)
}
