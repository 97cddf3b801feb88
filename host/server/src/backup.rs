//! A backup of an embedded server, made while it serves: a folder with the
//! database, the components, the keys, and a manifest with the digest of each.
//!
//! The database first, as of one moment; then the components, which are only ever
//! added and are named by their bytes: whatever the database names is there. Keys
//! cannot be rotated meanwhile. Compiled artifacts are made again; uploads under way
//! are not kept. The manifest is written last: without it, it is no backup.
use std::{
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use venn_store::{Database, copy, schema};

use crate::{folder, installation, keys, refused::Refused};

mod restore;
#[cfg(test)]
mod tests;

pub use restore::{Restored, restore};

/// The manifest's name in a backup.
const MANIFEST: &str = "backup.json";
/// The folder of components, in a data folder and in a backup.
const BLOBS: &str = "blobs";
/// The embedded database's file, in a data folder and in a backup.
const DATABASE: &str = "venn.db";
/// The form of a backup that this program writes and reads.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup.
    pub format: u32,
    /// The version of Venn that made it.
    pub venn: String,
    /// The schema of its database.
    pub schema: i64,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// Whether the keys are in it.
    pub keys: bool,
    /// Every file but this one.
    pub files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path inside the backup.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Makes a backup of a data folder in `to`, which must be empty or not there.
/// Without `with_keys` the key file is left out: it is kept elsewhere.
pub async fn make(data: &Path, to: &Path, with_keys: bool) -> anyhow::Result<Manifest> {
    folder::private();
    if !data.join(DATABASE).is_file() {
        let what = format!("There is no {DATABASE} here.");
        let next = "Name the server's data folder. If its rows are in PostgreSQL, `pg_dump` copies them and `cp -a` the folder: see the runbook.";
        return Err(Refused::new(what, data.display(), next).into());
    }
    let found = schema::look(data, &Database::Embedded).await?;
    let schema = found.from.context("the database is empty")?;
    let has_keys = with_keys && data.join(keys::FILE).is_file();
    if has_keys {
        // Keys that open nothing would be noticed when it is too late.
        installation::check(data, &Database::Embedded).await?;
    }
    empty(to)?;
    let made = fill(data, to, schema, has_keys).await;
    if made.is_err() {
        // So that the next try finds it empty, as this one did.
        for entry in fs::read_dir(to)?.flatten() {
            let place = entry.path();
            let _ = if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) };
        }
    }
    made
}

async fn fill(data: &Path, to: &Path, schema: i64, has_keys: bool) -> anyhow::Result<Manifest> {
    let _held = keys::hold(data)?;
    copy::copy_embedded(data, to).await.context("copying the database")?;
    copy_components(&data.join(BLOBS), &to.join(BLOBS))?;
    if has_keys {
        copy_file(&data.join(keys::FILE), &to.join(keys::FILE))?;
    }
    let manifest = Manifest {
        format: FORMAT,
        venn: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        made_at: jiff::Timestamp::now().to_string(),
        keys: has_keys,
        files: entries(to)?,
    };
    let place = to.join(MANIFEST);
    fs::write(&place, serde_json::to_vec_pretty(&manifest)?)
        .and_then(|()| fs::File::open(&place)?.sync_all())
        .and_then(|()| fs::File::open(to)?.sync_all())
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(manifest)
}

/// Makes a folder, or takes one that is empty.
fn empty(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    if fs::read_dir(folder)?.next().is_some() {
        let what = "The folder is not empty, and nothing was written.";
        let next = "Name a folder that is empty, or that is not there.";
        return Err(Refused::new(what, folder.display(), next).into());
    }
    Ok(())
}

fn copy_components(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let Ok(found) = fs::read_dir(from) else { return Ok(()) };
    for entry in found {
        let entry = entry?;
        // A component that is just being written has another name.
        if is_digest(&entry.file_name().to_string_lossy()) {
            copy_file(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    fs::File::open(to)?.sync_all()?;
    Ok(())
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to)
        // Whatever became of the mode on its way: keys are read by nobody else.
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(0o600)))
        .and_then(|()| fs::File::open(to)?.sync_all())
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Every file of a backup with its digest, by path.
fn entries(folder: &Path) -> anyhow::Result<Vec<Entry>> {
    let mut paths = vec![PathBuf::from(DATABASE)];
    if folder.join(keys::FILE).is_file() {
        paths.push(PathBuf::from(keys::FILE));
    }
    for entry in fs::read_dir(folder.join(BLOBS))? {
        paths.push(Path::new(BLOBS).join(entry?.file_name()));
    }
    paths.sort();
    paths.iter().map(|path| entry(folder, path)).collect()
}

/// Reads a file through, for its size and digest.
fn entry(folder: &Path, path: &Path) -> anyhow::Result<Entry> {
    let place = folder.join(path);
    let reading = || format!("cannot read {}", place.display());
    let mut file = fs::File::open(&place).with_context(reading)?;
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut part).with_context(reading)?;
        let Some(part) = part.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += part.len() as u64;
    }
    let sha256 = HEXLOWER.encode(&hash.finalize());
    Ok(Entry { path: path.display().to_string(), bytes, sha256 })
}
