//! Restoring: everything is checked before the data folder appears, as a whole.
//!
//! Until then it grows beside its place, in a folder that is named after it and
//! locked. One that nobody locks is of a restore that was killed, and is removed by
//! the next to the same place.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;
use venn_store::copy;

use super::{BLOBS, DATABASE, FORMAT, MANIFEST, Manifest, copy_file, empty, entry, is_digest};
use crate::{folder, keys, refused::Refused};

/// What to do with a backup that cannot be trusted.
const OTHER: &str = "Use another backup.";

/// What to do where its keys are gone.
const KEYS: &str = "Put it back: what is sealed opens with no other keys. Or use another backup.";

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What is in the data folder now.
    pub manifest: Manifest,
    /// What restores to the same place that were killed had left, and is gone.
    pub removed: Vec<PathBuf>,
}

/// Makes a data folder of a backup. `data` must be empty or not there; on an error
/// it stays so: what begins afresh in an empty folder must not find one.
pub async fn restore(from: &Path, data: &Path) -> anyhow::Result<Restored> {
    folder::private();
    let manifest = read(from)?;
    verify(from, &manifest)?;
    let data = &target(data)?;
    let place = Beside::of(data)?;
    let removed = place.remove_stale(data)?;
    let (beside, _lock) = place.make()?;
    fs::create_dir(beside.path().join(BLOBS))?;
    for file in &manifest.files {
        copy_file(&from.join(&file.path), &beside.path().join(&file.path))?;
    }
    // What was copied, not what it was copied from.
    verify(beside.path(), &manifest)?;
    let named = copy::check_embedded(beside.path()).await?;
    let there: BTreeSet<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    if let Some(lost) =
        named.iter().find(|name| !there.contains(format!("{BLOBS}/{name}").as_str()))
    {
        let what = format!("The backup lacks the component {lost}, which its database names.");
        return Err(Refused::new(what, from.display(), OTHER).into());
    }
    fs::File::open(beside.path())?.sync_all()?;
    // All of it appears at once, in the place of an empty folder if there is one.
    fs::rename(beside.keep(), data)
        .with_context(|| format!("cannot move what was restored to {}", data.display()))?;
    Ok(Restored { manifest, removed })
}

/// The data folder's place, with its links and dots followed once: it is empty, or not
/// there and stays so.
fn target(data: &Path) -> anyhow::Result<PathBuf> {
    if data.symlink_metadata().is_ok() {
        empty(data)?;
        return Ok(fs::canonicalize(data)?);
    }
    let Some(name) = data.file_name() else {
        bail!("{} cannot be a data folder: name one below it", data.display());
    };
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .with_context(|| format!("cannot create the folder {}", parent.display()))?;
    Ok(fs::canonicalize(parent)?.join(name))
}

/// Where a data folder grows: its parent, and how names begin there.
struct Beside<'a> {
    parent: &'a Path,
    prefix: String,
}

impl<'a> Beside<'a> {
    fn of(data: &'a Path) -> anyhow::Result<Self> {
        let (Some(parent), Some(name)) = (data.parent(), data.file_name()) else {
            bail!("{} cannot be a data folder: name one below it", data.display());
        };
        Ok(Self { parent, prefix: format!(".venn-restore-{}-", name.to_string_lossy()) })
    }

    /// A folder, locked as long as the file is held: a process that ends lets go.
    fn make(&self) -> anyhow::Result<(TempDir, fs::File)> {
        let made = || -> std::io::Result<_> {
            let folder = tempfile::Builder::new().prefix(&self.prefix).tempdir_in(self.parent)?;
            let lock = fs::File::open(folder.path())?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            Ok((folder, lock))
        };
        made().with_context(|| format!("cannot create a folder in {}", self.parent.display()))
    }

    fn remove_stale(&self, data: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut removed = Vec::new();
        for entry in fs::read_dir(self.parent)? {
            let entry = entry?;
            let (name, place) = (entry.file_name(), entry.path());
            let end = name.to_string_lossy().strip_prefix(&self.prefix).map(str::to_owned);
            if !end.is_some_and(|end| folder::is_random(&end)) || !entry.file_type()?.is_dir() {
                continue;
            }
            let lock = fs::File::open(&place)?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                bail!(
                    "another restore to {} is under way: wait for it, or name another folder",
                    data.display()
                );
            }
            fs::remove_dir_all(&place)
                .with_context(|| format!("cannot remove {}", place.display()))?;
            removed.push(place);
        }
        Ok(removed)
    }
}

fn read(from: &Path) -> anyhow::Result<Manifest> {
    let place = from.join(MANIFEST);
    let text = fs::read(&place).map_err(|error| {
        let what = format!("This is no backup, or one that was not finished: {error}.");
        Refused::new(what, place.display(), OTHER)
    })?;
    let bad = |_| Refused::new("This is not a backup's manifest.", place.display(), OTHER);
    let form: serde_json::Value = serde_json::from_slice(&text).map_err(bad)?;
    let format = form.get("format").and_then(serde_json::Value::as_u64);
    if format.is_some_and(|format| format > u64::from(FORMAT)) {
        let next = "Restore it with that version.";
        return Err(
            Refused::new("The backup was made by a newer Venn.", place.display(), next).into()
        );
    }
    let manifest: Manifest = serde_json::from_value(form).map_err(bad)?;
    if let Some(odd) = manifest.files.iter().find(|file| !is_known(&file.path)) {
        let what = format!("It names `{}`, which belongs into no backup.", odd.path);
        return Err(Refused::new(what, place.display(), OTHER).into());
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = manifest.files.iter().find(|file| !seen.insert(&file.path)) {
        let what = format!("It names `{}` twice.", twice.path);
        return Err(Refused::new(what, place.display(), OTHER).into());
    }
    if manifest.keys != seen.contains(&keys::FILE.to_owned()) {
        let (says, names) =
            if manifest.keys { ("are in it", "does not name") } else { ("are not in it", "names") };
        let what = format!("It says that the keys {says}, and {names} `{}`.", keys::FILE);
        return Err(Refused::new(what, place.display(), OTHER).into());
    }
    Ok(manifest)
}

/// Only what a backup is made of: a manifest must not lead out of its folder.
fn is_known(path: &str) -> bool {
    path == DATABASE
        || path == keys::FILE
        || path.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_digest)
}

/// Compares every file with the manifest, and components with their names.
fn verify(folder: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    for expected in &manifest.files {
        let place = folder.join(&expected.path);
        if !place.is_file() {
            let next = if expected.path == keys::FILE { KEYS } else { OTHER };
            let what = "The backup lacks this file, which its manifest names.";
            return Err(Refused::new(what, place.display(), next).into());
        }
        let found = entry(folder, &PathBuf::from(&expected.path))?;
        let name = expected.path.strip_prefix("blobs/");
        if found != *expected || name.is_some_and(|name| name != found.sha256) {
            let what = "The file is not as it was when the backup was made.";
            return Err(Refused::new(what, place.display(), OTHER).into());
        }
    }
    if !manifest.files.iter().any(|file| file.path == DATABASE) {
        return Err(Refused::new("The backup has no database.", folder.display(), OTHER).into());
    }
    Ok(())
}
