//! The installs' state: small values by (install, partition, key). Bytes are
//! compared, never folded, so that no two keys can collide by spelling.
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, PartnershipId},
    limits,
    run::StateWrite,
    time::Timestamp,
};

use crate::{Store, StoreError, row::Row};

/// The partition's key: a partnership, or empty for none.
pub(crate) fn partition(partnership: Option<&PartnershipId>) -> String {
    partnership.map(ToString::to_string).unwrap_or_default()
}

/// What an install's state takes, and whether that is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes of all values.
    pub bytes: u64,
}

impl StateUsage {
    /// The published limit that this is over, if it is.
    pub const fn over(self) -> Option<&'static str> {
        if self.keys > limits::STATE_KEYS {
            return Some("state.keys");
        }
        if self.bytes > limits::STATE_BYTES { Some("state.bytes") } else { None }
    }
}

impl Store {
    /// One committed value.
    pub async fn state_get(
        &self,
        install: &InstallId,
        partnership: Option<&PartnershipId>,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT install_id, value FROM state
             WHERE install_id = $1 AND partition_key = $2 AND key = $3",
        )
        .bind(install.to_string())
        .bind(partition(partnership))
        .bind(key.as_bytes().to_vec())
        .fetch_optional(&mut *connection)
        .await?;
        row.map(|row| Row::new("state", &row).blob("value")).transpose()
    }

    /// What the install's state would take after these writes.
    pub async fn state_usage_after(
        &self,
        install: &InstallId,
        writes: &[StateWrite],
    ) -> Result<StateUsage, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS keys, COALESCE(SUM(LENGTH(value)), 0) AS bytes FROM state
             WHERE install_id = $1",
        )
        .bind(install.to_string())
        .fetch_one(&mut *connection)
        .await?;
        let row = Row::new("state", &row);
        let mut usage = StateUsage { keys: row.count("keys")?, bytes: row.count("bytes")? };
        for write in writes {
            let old = sqlx::query(
                "SELECT install_id, LENGTH(value) AS bytes FROM state
                 WHERE install_id = $1 AND partition_key = $2 AND key = $3",
            )
            .bind(install.to_string())
            .bind(partition(write.partnership.as_ref()))
            .bind(write.key.as_bytes().to_vec())
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(old) = old {
                usage.keys -= 1;
                usage.bytes -= Row::new("state", &old).count("bytes")?;
            }
            if let Some(value) = &write.value {
                usage.keys += 1;
                usage.bytes += value.len() as u64;
            }
        }
        Ok(usage)
    }

    /// Up to `limit` committed keys with a prefix, in byte order, after `after`.
    pub async fn state_keys(
        &self,
        install: &InstallId,
        partnership: Option<&PartnershipId>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.read().await?;
        let mut end = prefix.as_bytes().to_vec();
        // 0xFF is in no UTF-8 text: it ends the range of the prefix.
        end.push(0xFF);
        let after = after.filter(|after| *after >= prefix);
        let rows = sqlx::query(
            "SELECT install_id, key FROM state
             WHERE install_id = $1 AND partition_key = $2 AND key >= $3 AND key > $4 AND key < $5
             ORDER BY key LIMIT $6",
        )
        .bind(install.to_string())
        .bind(partition(partnership))
        .bind(prefix.as_bytes().to_vec())
        .bind(after.map(|after| after.as_bytes().to_vec()).unwrap_or_default())
        .bind(end)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
        let keys = rows.iter().map(|row| Row::new("state", row).blob("key"));
        keys.map(|key| Ok(String::from_utf8_lossy(&key?).into_owned())).collect()
    }
}

/// Writes what a run changed, in its record's transaction.
pub(crate) async fn write(
    connection: &mut AnyConnection,
    install: &InstallId,
    writes: &[StateWrite],
    now: Timestamp,
) -> Result<(), StoreError> {
    for change in writes {
        let query = match &change.value {
            Some(value) => sqlx::query(
                "INSERT INTO state (install_id, partition_key, key, value, updated_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (install_id, partition_key, key)
                 DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            )
            .bind(install.to_string())
            .bind(partition(change.partnership.as_ref()))
            .bind(change.key.as_bytes().to_vec())
            .bind(value.clone())
            .bind(now.0),
            None => sqlx::query(
                "DELETE FROM state WHERE install_id = $1 AND partition_key = $2 AND key = $3",
            )
            .bind(install.to_string())
            .bind(partition(change.partnership.as_ref()))
            .bind(change.key.as_bytes().to_vec()),
        };
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
