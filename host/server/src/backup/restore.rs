//! Restoring: everything is checked before the data folder appears, as a whole.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use venn_store::copy;

use super::{BLOBS, DATABASE, FORMAT, MANIFEST, Manifest, copy_file, empty, entry, is_digest};
use crate::{folder, keys};

/// Makes a data folder of a backup. `data` must be empty or not there; on an error
/// it stays so.
pub async fn restore(from: &Path, data: &Path) -> anyhow::Result<Manifest> {
    folder::private();
    let manifest = read(from)?;
    verify(from, &manifest)?;
    empty(data)?;
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = tempfile::Builder::new()
        .prefix(".venn-restore-")
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .with_context(|| format!("cannot create a folder beside {}", data.display()))?;
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
        bail!(
            "the backup lacks the component {lost}, which its database names: use another backup"
        );
    }
    fs::File::open(beside.path())?.sync_all()?;
    // The empty folder makes room; then all of it appears at once.
    fs::remove_dir(data)?;
    fs::rename(beside.keep(), data)
        .with_context(|| format!("cannot move what was restored to {}", data.display()))?;
    Ok(manifest)
}

fn read(from: &Path) -> anyhow::Result<Manifest> {
    let place = from.join(MANIFEST);
    let text = fs::read(&place).with_context(|| {
        format!(
            "{} cannot be read: this is no backup, or one that was not finished",
            place.display()
        )
    })?;
    let form: serde_json::Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a backup's manifest", place.display()))?;
    let format = form.get("format").and_then(serde_json::Value::as_u64);
    if format.is_some_and(|format| format > u64::from(FORMAT)) {
        bail!("the backup was made by a newer Venn: restore it with that version");
    }
    let manifest: Manifest = serde_json::from_value(form)
        .with_context(|| format!("{} is not a backup's manifest", place.display()))?;
    if let Some(odd) = manifest.files.iter().find(|file| !is_known(&file.path)) {
        bail!("{} names `{}`, which belongs into no backup", place.display(), odd.path);
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
        let found = entry(folder, &PathBuf::from(&expected.path))?;
        let name = expected.path.strip_prefix("blobs/");
        if found != *expected || name.is_some_and(|name| name != found.sha256) {
            bail!(
                "{} is not as it was when the backup was made: use another backup",
                folder.join(&expected.path).display()
            );
        }
    }
    if !manifest.files.iter().any(|file| file.path == DATABASE) {
        bail!("the backup has no database: use another backup");
    }
    Ok(())
}
