//! The data folder: private, and of one process at a time.
use std::{fs::File, path::Path};

use anyhow::Context as _;
use rustix::{
    fs::{FlockOperation, flock},
    process::umask,
};

/// Whatever is written from here on is ours alone: a folder holds customers' rows,
/// and other users of the machine have no business there.
pub fn private() {
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Takes the data folder for this process, or says that another one has it. It is
/// held as long as the file is.
pub fn lock(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join("serve.lock"))
        .with_context(|| format!("cannot write to the data folder {}", data.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).with_context(|| {
        format!(
            "another `venn serve` uses the data folder {}: stop it, or name another folder with --data",
            data.display()
        )
    })?;
    Ok(file)
}
