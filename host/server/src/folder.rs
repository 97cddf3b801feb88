//! The data folder: private, and of one process at a time.
use std::{fs::File, os::unix::fs::PermissionsExt as _, path::Path};

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

/// Takes the data folder for this process, or says that another one has it. It is
/// held as long as the file is.
pub fn lock(data: &Path) -> anyhow::Result<File> {
    of_ours_alone(data)?;
    let file = File::create(data.join("serve.lock"))
        .with_context(|| format!("cannot write to the data folder {}", data.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        let next = "Stop it, or name another folder with --data.";
        Refused::new("Another `venn serve` uses this data folder.", data.display(), next)
    })?;
    Ok(file)
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
}
