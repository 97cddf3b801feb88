//! Rotation: a new key-encryption key, all data keys wrapped anew, and only
//! then the old keys away.
//!
//! The order bears a crash anywhere: the file has both keys before the first
//! row changes, all rows change in one transaction, and the old keys go once
//! no row needs them. A crash leaves a key too many, which the next rotation
//! removes. It does not run beside a server, which would go on using old keys.
use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use venn_domain::{
    id::IdSource,
    time::{Clock, Timestamp},
};
use venn_store::{Database, Store};

use zeroize::Zeroizing;

use super::{KeysError, Source, failed, folder_of, open_lock, read, unfinished_prefix};
use crate::folder;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets that are under the new key now.
    pub secrets: u64,
}

/// Rotates the keys of a data folder. The server there must not run.
pub fn rotate(folder: &Path, database: Database) -> Result<Rotated, KeysError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("starting a runtime", folder))?;
    runtime.block_on(rotate_from(folder, database, Source::of_environment(folder)))
}

pub(super) async fn rotate_from(
    folder: &Path,
    database: Database,
    source: Source,
) -> Result<Rotated, KeysError> {
    let Source::File(path) = source else { return Err(KeysError::NotRotatable) };
    let _lock = lock(folder)?;
    remove_unfinished(&path)?;
    let missing = || KeysError::Missing { path: path.display().to_string() };
    let mut file = read(&path)?.ok_or_else(missing)?;
    file.add_key()?;
    file.write(&path)?;

    let keys = Arc::new(file.encryption(&path)?);
    let settings = venn_store::Settings {
        folder: folder.to_owned(),
        database,
        clock: Arc::new(Unneeded),
        ids: Arc::new(Unneeded),
        observer: Arc::new(venn_store::Unobserved),
    };
    let secrets = Store::open(settings).await?.rotate_keys(keys).await?;

    let current = file.current.clone();
    file.keys.retain(|id, _| *id == current);
    file.write(&path)?;
    Ok(Rotated { secrets })
}

/// Whether nobody uses the keys of a data folder at the moment: no server runs there,
/// and no rotation.
pub fn unused(folder: &Path) -> Result<(), KeysError> {
    lock(folder).map(drop)
}

fn lock(folder: &Path) -> Result<File, KeysError> {
    let lock = open_lock(folder)?;
    lock.try_lock().map_err(|_| KeysError::InUse { path: folder.display().to_string() })?;
    Ok(lock)
}

/// Removes what a process that was killed while it wrote has left: it holds keys,
/// old ones too. Nobody else writes now, by the lock; what only looks like it stays.
fn remove_unfinished(path: &Path) -> Result<(), KeysError> {
    let (folder, prefix) = (folder_of(path), unfinished_prefix(path));
    for entry in fs::read_dir(folder).map_err(failed("reading", folder))? {
        let entry = entry.map_err(failed("reading", folder))?;
        let (name, place) = (entry.file_name(), entry.path());
        let end = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !end.is_some_and(folder::is_random) {
            continue;
        }
        let text = Zeroizing::new(fs::read(&place).map_err(failed("reading", &place))?);
        if text.is_empty() || text.starts_with(b"{\n  \"current\": \"") {
            fs::remove_file(&place).map_err(failed("removing", &place))?;
        }
    }
    Ok(())
}

/// Rotation writes no time and makes no id.
struct Unneeded;

impl Clock for Unneeded {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

impl IdSource for Unneeded {
    fn next(&self) -> (u64, u128) {
        (0, 0)
    }
}
