//! Blobs and artifacts: files in the data folder, outside the database.
//!
//! - *blobs* are uploaded components, named by their SHA-256: what is read
//!   back is checked against its name, so a changed file is an error and never
//!   another component.
//! - *artifacts* are compiled components that the sandbox sealed; the sandbox
//!   checks the seal itself, and a lost one is compiled again.
//!
//! A plain folder, because one process on one disk needs no more and a backup
//! is a copy of the folder. The runner-up is the crate `object_store`: it comes
//! behind these few methods once several processes share an S3-compatible
//! store. Nothing else in the workspace knows where the bytes lie.
use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{Store, StoreError};

/// The folder of blobs inside the data folder.
const BLOBS: &str = "blobs";
/// The folder of compiled artifacts inside the data folder.
const ARTIFACTS: &str = "artifacts";

/// The SHA-256 of bytes as lower-case hex: the name of a blob.
pub fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

impl Store {
    /// Keeps a component under its digest, which is returned. Keeping the same
    /// bytes again changes nothing.
    pub async fn put_component(&self, bytes: Vec<u8>) -> Result<String, StoreError> {
        let folder = self.folder().join(BLOBS);
        in_background(move || {
            let name = digest(&bytes);
            if read_file(&folder.join(&name))?.as_deref() != Some(bytes.as_slice()) {
                write_file(&folder, &name, &bytes)?;
            }
            Ok(name)
        })
        .await
    }

    /// The bytes of that digest, none if there are none. Bytes that have
    /// another digest are an error.
    pub async fn component(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (folder, name) = (self.folder().join(BLOBS), checked(name)?);
        in_background(move || {
            let Some(bytes) = read_file(&folder.join(&name))? else { return Ok(None) };
            if digest(&bytes) == name {
                return Ok(Some(bytes));
            }
            let reason =
                "the file's bytes have another digest; restore it from a backup".to_owned();
            Err(StoreError::BadRow { table: BLOBS, column: "sha256", row: name, reason })
        })
        .await
    }

    /// Keeps a sealed artifact under the sandbox's key for it.
    pub async fn put_artifact(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (folder, key) = (self.folder().join(ARTIFACTS), checked(key)?);
        in_background(move || write_file(&folder, &key, &bytes)).await
    }

    /// The sealed artifact of that key, none if it was never compiled here.
    pub async fn artifact(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (folder, key) = (self.folder().join(ARTIFACTS), checked(key)?);
        in_background(move || read_file(&folder.join(&key))).await
    }
}

/// Names are ours; anything else must not become a path.
fn checked(name: &str) -> Result<String, StoreError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if (1..=200).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name.to_owned());
    }
    Err(StoreError::BadRow {
        table: BLOBS,
        column: "name",
        row: name.chars().filter(char::is_ascii_graphic).take(64).collect(),
        reason: "not a name that this store gives".to_owned(),
    })
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::File { what, path, source }
}

fn read_file(path: &PathBuf) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("reading a file", path)(error)),
    }
}

/// Temporary file, sync, rename, sync of the folder: after a power cut there
/// is the whole file or none.
fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(failed("creating a folder", folder))?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(failed("creating a file", folder))?;
    file.write_all(bytes).map_err(failed("writing a file", folder))?;
    file.as_file().sync_all().map_err(failed("syncing a file", folder))?;
    let path = folder.join(name);
    file.persist(&path).map_err(|error| failed("renaming a file", &path)(error.error))?;
    let opened = std::fs::File::open(folder).map_err(failed("opening a folder", folder))?;
    opened.sync_all().map_err(failed("syncing a folder", folder))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::testing::TestStore;

    #[tokio::test]
    async fn a_blob_reads_back_under_its_digest() {
        let test = TestStore::open().await;
        let name = test.put_component(b"component".to_vec()).await.unwrap();
        assert_eq!(name, super::digest(b"component"));
        assert_eq!(test.put_component(b"component".to_vec()).await.unwrap(), name);
        assert_eq!(test.component(&name).await.unwrap().as_deref(), Some(b"component".as_slice()));
        assert_eq!(test.component(&super::digest(b"other")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_changed_file_is_an_error_and_never_another_component() {
        let test = TestStore::open().await;
        let name = test.put_component(b"component".to_vec()).await.unwrap();
        std::fs::write(test.folder().join("blobs").join(&name), b"Component").unwrap();
        let error = test.component(&name).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "bad row in blobs.sha256, row {name}: the file's bytes have another digest; restore it from a backup"
            )
        );
        // Uploading the right bytes again heals it.
        test.put_component(b"component".to_vec()).await.unwrap();
        assert!(test.component(&name).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_name_never_becomes_a_path() {
        let test = TestStore::open().await;
        for name in ["../venn.db", "/etc/passwd", "", "a/b", "."] {
            assert!(test.component(name).await.is_err(), "{name}");
            assert!(test.artifact(name).await.is_err(), "{name}");
            assert!(test.put_artifact(name, vec![1]).await.is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn an_artifact_is_replaced_as_a_whole() {
        let test = TestStore::open().await;
        assert_eq!(test.artifact("k1").await.unwrap(), None);
        test.put_artifact("k1", vec![1; 9]).await.unwrap();
        test.put_artifact("k1", vec![2; 3]).await.unwrap();
        assert_eq!(test.artifact("k1").await.unwrap(), Some(vec![2; 3]));
    }
}
