//! Copies of the embedded database: made while it is served, and checked before one
//! is trusted. PostgreSQL has `pg_dump` for it.
use std::path::Path;

use sqlx::Connection as _;
use venn_domain::count::counted;

use crate::{Database, StoreError};

/// Writes the database of a data folder to a file in `to`, as it is at one moment,
/// also while a server writes to it. The copy is one file, durable when this returns.
pub async fn copy_embedded(folder: &Path, to: &Path) -> Result<(), StoreError> {
    let target = to.join(crate::database::FILE);
    let mut connection = Database::Embedded.connect(folder, false).await?;
    sqlx::query("VACUUM INTO $1")
        .bind(target.display().to_string())
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let synced = std::fs::File::open(&target).and_then(|file| file.sync_all());
    synced.map_err(|source| StoreError::File {
        what: "syncing the copy",
        path: target.display().to_string(),
        source,
    })
}

/// Writes the database of a data folder anew, so that nothing is left in it of rows that
/// were deleted. Nobody else may use it meanwhile.
pub async fn compact_embedded(folder: &Path) -> Result<(), StoreError> {
    let mut connection = Database::Embedded.connect(folder, false).await?;
    for sql in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::query(sql).execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Checks the database of a folder: its pages, its references, its schema. Returns
/// the digests of the components that it names.
pub async fn check_embedded(folder: &Path) -> Result<Vec<String>, StoreError> {
    let mut connection = Database::Embedded.connect(folder, false).await?;
    let said: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await?;
    if said != "ok" {
        return Err(StoreError::Damaged { what: said });
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await?;
    if !dangling.is_empty() {
        let what = format!(
            "{} to what is not there",
            counted(dangling.len() as u64, "row refers", "rows refer")
        );
        return Err(StoreError::Damaged { what });
    }
    let digests = sqlx::query_scalar("SELECT DISTINCT digest FROM release ORDER BY digest")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    crate::schema::look(folder, &Database::Embedded).await?;
    Ok(digests)
}
