//! The installs' state: small values by (install, partition, key). Bytes are
//! compared, never folded, so that no two keys can collide by spelling.
//!
//! Each run that writes has a number, and each value that of its writer. Where several runs
//! of an install are at work at once, what one has read is compared when it is recorded: if
//! another has written it meanwhile, the run is overtaken, and nothing of it is kept.
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
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

/// What of its state a run has read, to be compared when it is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateSeen {
    /// The number of the last write before the run began.
    began_at: u64,
    /// The number of each value that was read, by partition and key; 0 where there was none.
    values: BTreeMap<(String, String), u64>,
    /// What each listing of keys said, as a hash.
    listings: BTreeMap<Listing, [u8; 32]>,
}

/// One listing of keys: partition, prefix, after which key, at most.
type Listing = (String, String, Option<String>, u32);

/// So much is compared; who has read more is taken to be overtaken as soon as anything was
/// written meanwhile.
const COMPARED: usize = 1_000;

impl StateSeen {
    /// Nothing yet, by a run that begins where this was the last write.
    pub fn since(began_at: u64) -> Self {
        Self { began_at, ..Self::default() }
    }

    /// A value was read that has this number. What was read first counts.
    pub fn value(&mut self, partnership: Option<&PartnershipId>, key: &str, version: u64) {
        if self.values.len() <= COMPARED {
            self.values.entry((partition(partnership), key.to_owned())).or_insert(version);
        }
    }

    /// These keys were listed.
    pub fn listing(
        &mut self,
        partnership: Option<&PartnershipId>,
        (prefix, after, limit): (&str, Option<&str>, u32),
        keys: &[String],
    ) {
        if self.listings.len() <= COMPARED {
            let listing =
                (partition(partnership), prefix.to_owned(), after.map(str::to_owned), limit);
            self.listings.entry(listing).or_insert_with(|| hash(keys));
        }
    }

    fn is_too_much(&self) -> bool {
        self.values.len() + self.listings.len() > COMPARED
    }
}

fn hash(keys: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for key in keys {
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
    }
    hash.finalize().into()
}

impl Store {
    /// One committed value, and the number with which it was written; 0 where there is none.
    pub async fn state_get(
        &self,
        install: &InstallId,
        partnership: Option<&PartnershipId>,
        key: &str,
    ) -> Result<(Option<Vec<u8>>, u64), StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT install_id, value, version FROM state
             WHERE install_id = $1 AND partition_key = $2 AND key = $3",
        )
        .bind(install.to_string())
        .bind(partition(partnership))
        .bind(key.as_bytes().to_vec())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok((None, 0)) };
        let row = Row::new("state", &row);
        Ok((Some(row.blob("value")?), row.count("version")?))
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
        let after = after.map(str::to_owned);
        let listing = (partition(partnership), prefix.to_owned(), after, limit);
        list(&mut connection, install, &listing).await
    }
}

async fn list(
    connection: &mut AnyConnection,
    install: &InstallId,
    (partition, prefix, after, limit): &Listing,
) -> Result<Vec<String>, StoreError> {
    let mut end = prefix.as_bytes().to_vec();
    // 0xFF is in no UTF-8 text: it ends the range of the prefix.
    end.push(0xFF);
    let after = after.as_ref().filter(|after| *after >= prefix);
    let rows = sqlx::query(
        "SELECT install_id, key FROM state
         WHERE install_id = $1 AND partition_key = $2 AND key >= $3 AND key > $4 AND key < $5
         ORDER BY key LIMIT $6",
    )
    .bind(install.to_string())
    .bind(partition.clone())
    .bind(prefix.as_bytes().to_vec())
    .bind(after.map(|after| after.as_bytes().to_vec()).unwrap_or_default())
    .bind(end)
    .bind(i64::from(*limit))
    .fetch_all(connection)
    .await?;
    let keys = rows.iter().map(|row| Row::new("state", row).blob("key"));
    keys.map(|key| Ok(String::from_utf8_lossy(&key?).into_owned())).collect()
}

/// Whether another run has written, since this one began, what it has read or writes, too;
/// in its record's transaction.
pub(crate) async fn is_overtaken(
    connection: &mut AnyConnection,
    install: &InstallId,
    seen: &StateSeen,
    writes: &[StateWrite],
) -> Result<bool, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT state_no FROM install WHERE id = $1")
        .bind(install.to_string())
        .fetch_one(&mut *connection)
        .await?;
    if number.unsigned_abs() == seen.began_at {
        return Ok(false);
    }
    if seen.is_too_much() {
        return Ok(true);
    }
    for (key, version) in &seen.values {
        if written_at(connection, install, key).await? != *version {
            return Ok(true);
        }
    }
    for (listing, hashed) in &seen.listings {
        if hash(&list(connection, install, listing).await?) != *hashed {
            return Ok(true);
        }
    }
    // What it writes without having read it must not go over what it cannot know of.
    for write in writes {
        let key = (partition(write.partnership.as_ref()), write.key.clone());
        if !seen.values.contains_key(&key)
            && written_at(connection, install, &key).await? > seen.began_at
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number with which a value was written; 0 where there is none.
async fn written_at(
    connection: &mut AnyConnection,
    install: &InstallId,
    (partition, key): &(String, String),
) -> Result<u64, StoreError> {
    let version: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM state WHERE install_id = $1 AND partition_key = $2 AND key = $3",
    )
    .bind(install.to_string())
    .bind(partition.clone())
    .bind(key.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    Ok(version.unwrap_or_default().unsigned_abs())
}

/// Writes what a run changed, in its record's transaction.
pub(crate) async fn write(
    connection: &mut AnyConnection,
    install: &InstallId,
    writes: &[StateWrite],
    now: Timestamp,
) -> Result<(), StoreError> {
    if writes.is_empty() {
        return Ok(());
    }
    let number: i64 = sqlx::query_scalar(
        "UPDATE install SET state_no = state_no + 1 WHERE id = $1 RETURNING state_no",
    )
    .bind(install.to_string())
    .fetch_one(&mut *connection)
    .await?;
    for change in writes {
        let query = match &change.value {
            Some(value) => sqlx::query(
                "INSERT INTO state (install_id, partition_key, key, value, updated_at, version)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (install_id, partition_key, key)
                 DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
                               version = excluded.version",
            )
            .bind(install.to_string())
            .bind(partition(change.partnership.as_ref()))
            .bind(change.key.as_bytes().to_vec())
            .bind(value.clone())
            .bind(now.0)
            .bind(number),
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

#[cfg(test)]
mod tests;
