//! The data folder: private, and of one process at a time, or of several servers on one
//! PostgreSQL database.
use std::{fs::File, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use rustix::{
    fs::{FlockOperation, flock},
    process::umask,
};

use crate::refused::Refused;

/// Whatever is written from here on is ours alone: a folder holds customers' rows,
/// and other users of the machine have no business there.
pub fn private() {
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Refuses a folder in which any user of the machine may put files: they would be
/// taken for the server's own.
fn of_ours_alone(data: &Path) -> anyhow::Result<()> {
    let mode = std::fs::metadata(data)
        .with_context(|| format!("cannot look at the data folder {}", data.display()))?
        .permissions()
        .mode();
    if mode & 0o002 != 0 {
        bail!(
            "the data folder {path} can be written by others (mode {mode:04o}): run `chmod 700 {path}`, and look whether everything in it is yours",
            path = data.display(),
            mode = mode & 0o7777
        );
    }
    Ok(())
}

/// How long a start waits for another one, or for a command, that has the folder for
/// itself: as long as joining a database may take, and a little more.
const START_WAIT: Duration = Duration::from_secs(40);

/// How often it looks meanwhile.
const START_LOOK: Duration = Duration::from_millis(50);

/// Takes the data folder for this process, or says that another one has it. It is
/// held as long as the file is.
pub fn lock(data: &Path) -> anyhow::Result<File> {
    let file = open_lock(data)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| taken(data))?;
    Ok(file)
}

/// Takes the data folder for a server that may be one of several: for itself, so that the
/// first start is one server's, or beside those that have started.
pub async fn lock_beside(data: &Path) -> anyhow::Result<File> {
    let file = open_lock(data)?;
    let since = tokio::time::Instant::now();
    loop {
        for how in [FlockOperation::NonBlockingLockExclusive, FlockOperation::NonBlockingLockShared]
        {
            if flock(&file, how).is_ok() {
                return Ok(file);
            }
        }
        if since.elapsed() > START_WAIT {
            return Err(taken(data));
        }
        tokio::time::sleep(START_LOOK).await;
    }
}

/// From here on others may start beside this one.
pub fn share(lock: &File, data: &Path) -> anyhow::Result<()> {
    flock(lock, FlockOperation::NonBlockingLockShared).map_err(|_| taken(data))
}

fn open_lock(data: &Path) -> anyhow::Result<File> {
    of_ours_alone(data)?;
    File::create(data.join("serve.lock"))
        .with_context(|| format!("cannot write to the data folder {}", data.display()))
}

fn taken(data: &Path) -> anyhow::Error {
    let next = "Stop it, or name another folder with --data.";
    Refused::new("Another `venn serve` uses this data folder.", data.display(), next).into()
}

/// Whether this is the end of a temporary file's name, as `tempfile` draws it.
pub fn is_random(end: &str) -> bool {
    end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_folder_that_others_can_write_is_refused_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let set = |mode| {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let path = folder.path().display();
        for mode in [0o777, 0o1777] {
            set(mode);
            assert_eq!(
                lock(folder.path()).unwrap_err().to_string(),
                format!(
                    "the data folder {path} can be written by others (mode {mode:04o}): run `chmod 700 {path}`, and look whether everything in it is yours"
                )
            );
        }
        set(0o755);
        lock(folder.path()).unwrap();
    }

    #[tokio::test]
    async fn servers_share_a_folder_once_they_have_started_and_nothing_else_has_it_then() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock_beside(folder.path()).await.unwrap();
        {
            let mut second = std::pin::pin!(lock_beside(folder.path()));
            let waits = futures::poll!(&mut second);
            assert!(waits.is_pending(), "a start beside one that has not ended");
        }
        share(&first, folder.path()).unwrap();
        let second = lock_beside(folder.path()).await.unwrap();
        let refused = lock(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("Another `venn serve` uses this data folder."), "{refused}");
        drop((first, second));
        lock(folder.path()).unwrap();
    }
}
