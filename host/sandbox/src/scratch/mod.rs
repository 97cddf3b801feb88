//! Scratch files: the files of one run, which end with it.
//!
//! Their names are a [`tree`] in memory, and their bytes lie in a directory of
//! the run's own, in files that the host numbers. It is made with the first
//! file and removed with the run; what a crash left there is swept at the next
//! start. Everything is done at once, on the calling thread: a guest cannot tell
//! a slow disk from a fast one, and a replay sees what the run saw.
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, File, FileExt as _, OpenOptions},
};
use tempfile::TempDir;
use tokio::runtime::{Handle, RuntimeFlavor};
use wasmtime_wasi::p2::bindings::{clocks::wall_clock::Datetime, filesystem::types::ErrorCode};

use self::tree::{NodeId, Opening, Quota, Tree};
use crate::run::stop::Stop;

pub(crate) mod stream;
pub(crate) mod tree;

/// What a guest can read or write at once.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Removes what a crash left. Only for who has the folder to itself.
pub fn sweep(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The guest is told.
    Code(ErrorCode),
    /// The host's disk: it ends the run.
    Stop(Stop),
}

impl From<ErrorCode> for Failed {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Stop(Stop::HostFailed(format!("scratch files: {error}")))
    }
}

/// The files of one run. Shared by its descriptors and streams.
pub(crate) struct Scratch(Mutex<Inner>);

struct Inner {
    tree: Tree,
    space: Space,
}

impl Scratch {
    pub(crate) fn new(folder: Arc<Path>, quota: Quota, began: Datetime) -> Arc<Self> {
        let space = Space { folder, made: None };
        Arc::new(Self(Mutex::new(Inner { tree: Tree::new(quota, began), space })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limit that refused something last.
    pub(crate) fn refused(&self) -> Option<&'static str> {
        self.lock().tree.refused()
    }

    /// What concerns names and sizes only.
    pub(crate) fn tree<T>(
        &self,
        ask: impl FnOnce(&mut Tree) -> Result<T, ErrorCode>,
    ) -> Result<T, Failed> {
        Ok(ask(&mut self.lock().tree)?)
    }

    /// What may end files: those that it names are removed.
    pub(crate) fn ends(
        &self,
        act: impl FnOnce(&mut Tree) -> Result<Option<NodeId>, ErrorCode>,
    ) -> Result<(), Failed> {
        let mut inner = self.lock();
        if let Some(gone) = act(&mut inner.tree)? {
            inner.space.remove(gone)?;
        }
        Ok(())
    }

    pub(crate) fn open(
        self: &Arc<Self>,
        base: NodeId,
        path: &str,
        how: Opening,
    ) -> Result<Hold, Failed> {
        let mut inner = self.lock();
        let node = inner.tree.open(base, path, how)?;
        if how.truncate {
            inner.space.resize(node, 0)?;
        }
        drop(inner);
        Ok(self.hold(node))
    }

    pub(crate) fn hold(self: &Arc<Self>, node: NodeId) -> Hold {
        self.lock().tree.hold(node);
        Hold { scratch: Arc::clone(self), node }
    }

    /// At most `len` bytes from there; none at the end.
    pub(crate) fn read(&self, node: NodeId, at: u64, len: usize) -> Result<Vec<u8>, Failed> {
        let mut inner = self.lock();
        let rest = inner.tree.size(node)?.saturating_sub(at);
        let len = len.min(CHUNK_BYTES).min(usize::try_from(rest).unwrap_or(CHUNK_BYTES));
        let mut bytes = vec![0; len];
        inner.space.read(node, at, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes all of it there, or at the end; where it begins.
    pub(crate) fn write(&self, node: NodeId, at: Option<u64>, bytes: &[u8]) -> Result<u64, Failed> {
        let mut inner = self.lock();
        let at = inner.tree.extend(node, at, bytes.len() as u64)?;
        inner.space.write(node, at, bytes)?;
        Ok(at)
    }

    pub(crate) fn resize(&self, node: NodeId, size: u64) -> Result<(), Failed> {
        let mut inner = self.lock();
        inner.tree.resize(node, size)?;
        Ok(inner.space.resize(node, size)?)
    }
}

/// A file or directory that is open.
pub(crate) struct Hold {
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) node: NodeId,
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        self.scratch.hold(self.node)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut inner = self.scratch.lock();
        if inner.tree.release(self.node) {
            // If it cannot be removed now, it is with the directory.
            let _ = inner.space.remove(self.node);
        }
    }
}

/// The bytes: numbered files in a directory of the run's own.
struct Space {
    folder: Arc<Path>,
    made: Option<(Dir, TempDir)>,
}

impl Space {
    fn directory(&mut self) -> io::Result<&Dir> {
        if self.made.is_none() {
            fs::create_dir_all(&self.folder)?;
            // Nobody else on this machine may look into it.
            let at = tempfile::Builder::new()
                .prefix("run-")
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(&self.folder)?;
            let directory = Dir::open_ambient_dir(at.path(), ambient_authority())?;
            self.made = Some((directory, at));
        }
        let made = self.made.as_ref().map(|(directory, _)| directory);
        made.ok_or_else(|| io::Error::other("the directory was not made"))
    }

    /// Opened for each access: a run that has thousands of files open holds one
    /// descriptor of the host's.
    fn file(&mut self, node: NodeId) -> io::Result<File> {
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(true);
        self.directory()?.open_with(node.to_string(), &how)
    }

    fn read(&mut self, node: NodeId, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        at_once(|| self.file(node)?.read_exact_at(bytes, at))
    }

    fn write(&mut self, node: NodeId, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        at_once(|| self.file(node)?.write_all_at(bytes, at))
    }

    fn resize(&mut self, node: NodeId, size: u64) -> io::Result<()> {
        at_once(|| self.file(node)?.set_len(size))
    }

    /// An empty file has none.
    fn remove(&self, node: NodeId) -> io::Result<()> {
        let Some((directory, _)) = &self.made else { return Ok(()) };
        match at_once(|| directory.remove_file(node.to_string())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let Some((directory, at)) = self.made.take() else { return };
        drop(directory);
        let path = at.path().to_owned();
        if let Err(error) = at_once(|| at.close()) {
            tracing::warn!(path = %path.display(), %error, "scratch files remain until the next start");
        }
    }
}

/// Does what may wait for the disk, and lets other tasks of this thread go on
/// elsewhere.
fn at_once<T>(act: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(act),
        _ => act(),
    }
}

#[cfg(test)]
mod tests;
