//! Files of the run's own, through `wasi:filesystem`.
//!
//! A guest that was granted `scratch` finds one empty directory, `/tmp`, which
//! ends with the run; any other finds none. It cannot leave it: names are
//! looked up in [`tree`](crate::scratch::tree), which knows no links, no `..`
//! and no absolute paths, and whatever would make a link is refused. Bytes,
//! files and names are counted before the disk is touched. Times are the run's
//! begin, or what the guest set: they tell nothing about the host.
//!
//! Every call but a stream's asks the authority and is on the tape; the files
//! are not, as a replay writes the same ones again.
use std::sync::Arc;

use venn_domain::capability::Capability;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::{
    filesystem::Descriptor,
    p2::{
        FsError, FsResult, ReaddirIterator,
        bindings::{
            clocks::wall_clock::Datetime,
            filesystem::{
                preopens,
                types::{
                    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
                    ErrorCode, Filesize, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
                },
            },
        },
    },
};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::{exchange, exchange_now};
use crate::{
    run::{
        core::{Core, Side},
        state::RunState,
    },
    scratch::{
        Failed, Hold, Scratch,
        stream::{Reader, Writer},
        tree::{NodeId, Opening, Quota, ROOT, Tree},
    },
    tape::entry::{Answer, Request},
};

/// Where a guest finds it: programs look for temporary files there.
const PLACE: &str = "/tmp";
/// The call that hands it out.
const DIRECTORY: &str = "get-directories";

struct Files;

struct FilesView<'a>(&'a mut RunState);

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

/// Adds the functions to the linker.
pub(crate) fn link(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    preopens::add_to_linker::<_, Files>(linker, |state| FilesView(state))?;
    types::add_to_linker::<_, Files>(linker, |state| FilesView(state))
}

/// What stands in the table for a descriptor.
struct Opened {
    file: Hold,
    directory: bool,
    read: bool,
    write: bool,
}

/// What stands there for a listing: it goes on behind the name that it told last.
struct Listing {
    directory: Hold,
    last: String,
}

impl From<Failed> for FsError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Code(code) => code.into(),
            Failed::Stop(stop) => Self::trap(stop),
        }
    }
}

fn time(t: NewTimestamp, now: Datetime) -> Result<Option<Datetime>, ErrorCode> {
    match t {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(now)),
        NewTimestamp::Timestamp(t) if t.nanoseconds < 1_000_000_000 => Ok(Some(t)),
        NewTimestamp::Timestamp(_) => Err(ErrorCode::Invalid),
    }
}

fn hash(node: NodeId) -> MetadataHashValue {
    MetadataHashValue { lower: node, upper: 0 }
}

/// The run's files, if it may have any: decided when it first looks, taped as a
/// call if it may, and as nothing if not.
fn granted(core: &mut Core) -> Option<Arc<Scratch>> {
    if core.scratch.decided {
        return core.scratch.own.clone();
    }
    let granted = match &core.side {
        Side::Live(live) => live.authority.allows(Capability::Scratch).is_ok(),
        Side::Replay(playback) => playback.is_next(&Request::Scratch { call: DIRECTORY.into() }),
    };
    let us = core.facts.started_at.0.max(0).unsigned_abs();
    let nanoseconds = u32::try_from(us % 1_000_000 * 1_000).unwrap_or(0);
    let began = Datetime { seconds: us / 1_000_000, nanoseconds };
    let quota = Quota { bytes: core.scratch.bytes, files: core.scratch.files };
    let folder = Arc::clone(&core.scratch.folder);
    core.scratch.decided = true;
    core.scratch.own = granted.then(|| Scratch::new(folder, quota, began));
    core.scratch.own.clone()
}

impl FilesView<'_> {
    /// Asks whether it may still be done.
    async fn ask(&mut self, call: &'static str) -> FsResult<()> {
        let request = Request::Scratch { call: call.into() };
        match exchange(&mut self.0.core, request).await.map_err(FsError::trap)? {
            Answer::Refused(_) => Err(ErrorCode::NotPermitted.into()),
            _ => Ok(()),
        }
    }

    fn opened(&self, fd: &Resource<Descriptor>) -> FsResult<&Opened> {
        Ok(self.0.table.get(&Resource::<Opened>::new_borrow(fd.rep()))?)
    }

    /// What is a file, and may be used so.
    fn file(&self, fd: &Resource<Descriptor>, write: bool) -> FsResult<Hold> {
        let opened = self.opened(fd)?;
        if opened.directory {
            let code = if write { ErrorCode::BadDescriptor } else { ErrorCode::IsDirectory };
            return Err(code.into());
        }
        if (write && !opened.write) || (!write && !opened.read) {
            return Err(ErrorCode::NotPermitted.into());
        }
        Ok(opened.file.clone())
    }

    fn push(&mut self, opened: Opened) -> FsResult<Resource<Descriptor>> {
        Ok(Resource::new_own(self.0.table.push(opened)?.rep()))
    }

    /// Asks, and does what concerns names, sizes and times only.
    async fn tree<T>(
        &mut self,
        call: &'static str,
        fd: &Resource<Descriptor>,
        act: impl FnOnce(&mut Tree, NodeId) -> Result<T, ErrorCode>,
    ) -> FsResult<T> {
        self.ask(call).await?;
        let file = &self.opened(fd)?.file;
        Ok(file.scratch.tree(|tree| act(tree, file.node))?)
    }

    /// Asks, and finds nothing to do.
    async fn nothing(&mut self, call: &'static str, fd: &Resource<Descriptor>) -> FsResult<()> {
        self.ask(call).await?;
        self.opened(fd).map(|_| ())
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let Some(files) = granted(&mut self.0.core) else {
            self.0.core.count_call()?;
            return Ok(Vec::new());
        };
        let request = Request::Scratch { call: DIRECTORY.into() };
        exchange_now(&mut self.0.core, request, |_| Ok(Answer::Done))?;
        let root = Opened { file: files.hold(ROOT), directory: true, read: true, write: true };
        let root = self.0.table.push(root)?;
        Ok(vec![(Resource::new_own(root.rep()), PLACE.to_owned())])
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.0.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl types::HostDescriptor for FilesView<'_> {
    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        _: Filesize,
        _: Filesize,
        _: Advice,
    ) -> FsResult<()> {
        self.nothing("advise", &fd).await
    }

    /// Nothing lasts longer than the run.
    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.nothing("sync-data", &fd).await
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.nothing("sync", &fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.ask("get-flags").await?;
        let opened = self.opened(&fd)?;
        let mut flags = DescriptorFlags::empty();
        if opened.read {
            flags |= DescriptorFlags::READ;
        }
        if opened.write && opened.directory {
            flags |= DescriptorFlags::MUTATE_DIRECTORY;
        } else if opened.write {
            flags |= DescriptorFlags::WRITE;
        }
        Ok(flags)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(self.tree("get-type", &fd, |tree, node| tree.stat(node)).await?.kind)
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        self.ask("set-size").await?;
        let file = self.file(&fd, true)?;
        Ok(file.scratch.resize(file.node, size)?)
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.tree("set-times", &fd, |tree, node| {
            let now = tree.began();
            tree.set_times(node, time(accessed, now)?, time(modified, now)?)
        })
        .await
    }

    async fn read(
        &mut self,
        fd: Resource<Descriptor>,
        len: Filesize,
        at: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        self.ask("read").await?;
        let file = self.file(&fd, false)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = file.scratch.read(file.node, at, len)?;
        let ended = bytes.is_empty() && len > 0;
        Ok((bytes, ended))
    }

    async fn write(
        &mut self,
        fd: Resource<Descriptor>,
        bytes: Vec<u8>,
        at: Filesize,
    ) -> FsResult<Filesize> {
        self.ask("write").await?;
        let file = self.file(&fd, true)?;
        file.scratch.write(file.node, Some(at), &bytes)?;
        Ok(bytes.len() as u64)
    }

    async fn read_directory(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<ReaddirIterator>> {
        self.tree("read-directory", &fd, |tree, node| tree.after(node, "")).await?;
        let directory = self.opened(&fd)?.file.clone();
        let listing = self.0.table.push(Listing { directory, last: String::new() })?;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn create_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let make = |tree: &mut Tree, node| tree.make_directory(node, &path);
        self.tree("create-directory-at", &fd, make).await
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.tree("stat", &fd, |tree, node| stat(tree, node)).await
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        self.tree("stat-at", &fd, |tree, node| stat(tree, tree.find(node, &path)?)).await
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.tree("set-times-at", &fd, |tree, node| {
            let now = tree.began();
            let node = tree.find(node, &path)?;
            tree.set_times(node, time(accessed, now)?, time(modified, now)?)
        })
        .await
    }

    /// There are no links of either kind.
    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        other: Resource<Descriptor>,
        _: String,
    ) -> FsResult<()> {
        self.opened(&other)?;
        self.tree("link-at", &fd, |_, _| Err(ErrorCode::NotPermitted)).await
    }

    async fn symlink_at(&mut self, fd: Resource<Descriptor>, _: String, _: String) -> FsResult<()> {
        self.tree("symlink-at", &fd, |_, _| Err(ErrorCode::NotPermitted)).await
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.tree("readlink-at", &fd, |tree, node| {
            tree.find(node, &path)?;
            Err(ErrorCode::Invalid)
        })
        .await
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        self.ask("open-at").await?;
        let base = self.opened(&fd)?.file.clone();
        let how = Opening {
            create: open.contains(OpenFlags::CREATE),
            directory: open.contains(OpenFlags::DIRECTORY),
            exclusive: open.contains(OpenFlags::EXCLUSIVE),
            truncate: open.contains(OpenFlags::TRUNCATE),
            write: flags.contains(DescriptorFlags::WRITE),
        };
        let file = base.scratch.open(base.node, &path, how)?;
        let directory = file.scratch.tree(|tree| Ok(tree.is_directory(file.node)))?;
        let read = directory || flags.contains(DescriptorFlags::READ);
        self.push(Opened { file, directory, read, write: directory || how.write })
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.0.table.delete(Resource::<Opened>::new_own(fd.rep()))?;
        Ok(())
    }

    async fn remove_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let remove = |tree: &mut Tree, node| tree.remove_directory(node, &path);
        self.tree("remove-directory-at", &fd, remove).await
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old: String,
        other: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        self.ask("rename-at").await?;
        let (from, to) = (self.opened(&fd)?.file.clone(), self.opened(&other)?.file.node);
        Ok(from.scratch.ends(|tree| tree.rename((from.node, &old), (to, &new)))?)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.ask("unlink-file-at").await?;
        let base = self.opened(&fd)?.file.clone();
        Ok(base.scratch.ends(|tree| tree.unlink(base.node, &path))?)
    }

    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        at: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        self.0.core.count_call().map_err(FsError::trap)?;
        let reader: DynInputStream = Box::new(Reader { file: self.file(&fd, false)?, at });
        Ok(self.0.table.push(reader)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        at: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, Some(at))
    }

    fn append_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, None)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        self.0.core.count_call()?;
        let one = self.opened(&one)?.file.node;
        Ok(one == self.opened(&other)?.file.node)
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.tree("metadata-hash", &fd, |_, node| Ok(hash(node))).await
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        self.tree("metadata-hash-at", &fd, |tree, node| tree.find(node, &path).map(hash)).await
    }
}

impl FilesView<'_> {
    fn writer(
        &mut self,
        fd: &Resource<Descriptor>,
        at: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.0.core.count_call().map_err(FsError::trap)?;
        let writer = Writer { file: self.file(fd, true)?, at, closed: false };
        let writer: DynOutputStream = Box::new(writer);
        Ok(self.0.table.push(writer)?)
    }
}

fn stat(tree: &Tree, node: NodeId) -> Result<DescriptorStat, ErrorCode> {
    let stat = tree.stat(node)?;
    Ok(DescriptorStat {
        type_: stat.kind,
        link_count: 1,
        size: stat.size,
        data_access_timestamp: Some(stat.accessed),
        data_modification_timestamp: Some(stat.modified),
        status_change_timestamp: Some(tree.began()),
    })
}

impl types::HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<ReaddirIterator>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.0.core.count_call().map_err(FsError::trap)?;
        let listing = self.0.table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
        let Listing { directory, last } = listing;
        let next = directory.scratch.tree(|tree| tree.after(directory.node, last))?;
        Ok(next.map(|(name, type_)| {
            last.clone_from(&name);
            DirectoryEntry { type_, name }
        }))
    }

    fn drop(&mut self, stream: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        self.0.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
