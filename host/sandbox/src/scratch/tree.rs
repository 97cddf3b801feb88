//! The names, sizes and times of one run's files: everything but their bytes.
//!
//! A guest's path is looked up here and nowhere else, so no name that a guest
//! makes ever reaches a file system of the host's, and there is nothing that a
//! link, `..` or a race could lead to. There are no links. The order of a
//! listing is that of the names, and every number is this tree's own: a run and
//! its replay see the same.
use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use venn_domain::limits;
use wasmtime_wasi::p2::bindings::{
    clocks::wall_clock::Datetime,
    filesystem::types::{DescriptorType, ErrorCode},
};

use crate::engine::to_usize;

/// A file or directory, as long as it has a name or is open.
pub(crate) type NodeId = u64;

/// The directory that a guest is given.
pub(crate) const ROOT: NodeId = 0;

/// How much there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// Sizes of all files together, holes too.
    pub(crate) bytes: u64,
    /// Files and directories.
    pub(crate) files: u64,
}

#[derive(Debug)]
enum Kind {
    Directory { entries: BTreeMap<String, NodeId>, parent: NodeId },
    File { size: u64 },
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// It can be found by a path.
    named: bool,
    /// Descriptors and streams on it.
    open: u64,
    accessed: Datetime,
    modified: Datetime,
}

/// What a guest learns of a file or directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) kind: DescriptorType,
    pub(crate) size: u64,
    pub(crate) accessed: Datetime,
    pub(crate) modified: Datetime,
}

/// How a path is opened.
#[allow(clippy::struct_excessive_bools, reason = "the standard's flags, each by itself")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    pub(crate) create: bool,
    pub(crate) directory: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) write: bool,
}

/// Where a path leads.
enum Place<'p> {
    /// To the directory that it began at.
    Itself,
    /// To a name in a directory that is there.
    In {
        parent: NodeId,
        name: &'p str,
        /// A slash stands behind it.
        as_directory: bool,
    },
}

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    next: NodeId,
    bytes: u64,
    quota: Quota,
    /// When the run began: the time of everything whose time nobody set.
    began: Datetime,
    /// The limit that refused something last.
    refused: Option<&'static str>,
}

impl Tree {
    pub(crate) fn new(quota: Quota, began: Datetime) -> Self {
        let root = Kind::Directory { entries: BTreeMap::new(), parent: ROOT };
        let root = Node { kind: root, named: true, open: 0, accessed: began, modified: began };
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self { nodes, next: ROOT + 1, bytes: 0, quota, began, refused: None }
    }

    /// The limit that refused something last.
    pub(crate) const fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// When the run began.
    pub(crate) const fn began(&self) -> Datetime {
        self.began
    }

    fn node(&self, id: NodeId) -> Result<&Node, ErrorCode> {
        self.nodes.get(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn entries(&self, id: NodeId) -> Result<&BTreeMap<String, NodeId>, ErrorCode> {
        match &self.node(id)?.kind {
            Kind::Directory { entries, .. } => Ok(entries),
            Kind::File { .. } => Err(ErrorCode::NotDirectory),
        }
    }

    fn entries_mut(&mut self, id: NodeId) -> Result<&mut BTreeMap<String, NodeId>, ErrorCode> {
        match &mut self.node_mut(id)?.kind {
            Kind::Directory { entries, .. } => Ok(entries),
            Kind::File { .. } => Err(ErrorCode::NotDirectory),
        }
    }

    pub(crate) fn is_directory(&self, id: NodeId) -> bool {
        self.entries(id).is_ok()
    }

    fn place<'p>(&self, base: NodeId, path: &'p str) -> Result<Place<'p>, ErrorCode> {
        self.entries(base)?;
        if path.is_empty() {
            return Err(ErrorCode::NoEntry);
        }
        if path.len() > to_usize(limits::SCRATCH_PATH_BYTES) {
            return Err(ErrorCode::NameTooLong);
        }
        if path.contains('\0') {
            return Err(ErrorCode::Invalid);
        }
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(ErrorCode::NotPermitted);
        }
        if path.split('/').any(|part| part.len() > to_usize(limits::SCRATCH_NAME_BYTES)) {
            return Err(ErrorCode::NameTooLong);
        }
        let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        let Some(mut name) = parts.next() else { return Ok(Place::Itself) };
        let mut parent = base;
        for part in parts {
            parent = *self.entries(parent)?.get(name).ok_or(ErrorCode::NoEntry)?;
            self.entries(parent)?;
            name = part;
        }
        let as_directory = path.ends_with('/') || path.ends_with("/.");
        Ok(Place::In { parent, name, as_directory })
    }

    /// What a path leads to.
    pub(crate) fn find(&self, base: NodeId, path: &str) -> Result<NodeId, ErrorCode> {
        let Place::In { parent, name, as_directory } = self.place(base, path)? else {
            return Ok(base);
        };
        let id = *self.entries(parent)?.get(name).ok_or(ErrorCode::NoEntry)?;
        if as_directory {
            self.entries(id)?;
        }
        Ok(id)
    }

    /// A place for something new: its directory and name.
    fn vacant<'p>(
        &self,
        base: NodeId,
        path: &'p str,
    ) -> Result<(NodeId, &'p str, bool), ErrorCode> {
        match self.place(base, path)? {
            Place::Itself => Err(ErrorCode::Exist),
            Place::In { parent, name, .. } if self.entries(parent)?.contains_key(name) => {
                Err(ErrorCode::Exist)
            }
            Place::In { parent, name, as_directory } => Ok((parent, name, as_directory)),
        }
    }

    fn add(&mut self, parent: NodeId, name: &str, kind: Kind) -> Result<NodeId, ErrorCode> {
        // Nothing is put into a directory that was removed while it was open.
        if !self.node(parent)?.named {
            return Err(ErrorCode::NoEntry);
        }
        // The root is nobody's.
        if self.nodes.len() as u64 > self.quota.files {
            self.refused = Some("scratch.files");
            return Err(ErrorCode::InsufficientSpace);
        }
        let (id, began) = (self.next, self.began);
        self.entries_mut(parent)?.insert(name.to_owned(), id);
        let node = Node { kind, named: true, open: 0, accessed: began, modified: began };
        self.nodes.insert(id, node);
        self.next += 1;
        Ok(id)
    }

    /// Finds or makes what a path names. Whether it is new, or was emptied, is
    /// for the caller to look at: its size is 0.
    pub(crate) fn open(
        &mut self,
        base: NodeId,
        path: &str,
        how: Opening,
    ) -> Result<NodeId, ErrorCode> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(ErrorCode::Invalid);
        }
        let id = match self.find(base, path) {
            Ok(_) if how.create && how.exclusive => return Err(ErrorCode::Exist),
            Ok(id) => id,
            Err(ErrorCode::NoEntry) if how.create => {
                let (parent, name, as_directory) = self.vacant(base, path)?;
                if as_directory {
                    return Err(ErrorCode::IsDirectory);
                }
                self.add(parent, name, Kind::File { size: 0 })?
            }
            Err(error) => return Err(error),
        };
        let is_directory = self.is_directory(id);
        if is_directory && (how.write || how.create || how.truncate) {
            return Err(ErrorCode::IsDirectory);
        }
        if !is_directory && how.directory {
            return Err(ErrorCode::NotDirectory);
        }
        if how.truncate {
            self.resize(id, 0)?;
        }
        Ok(id)
    }

    pub(crate) fn make_directory(&mut self, base: NodeId, path: &str) -> Result<(), ErrorCode> {
        let (parent, name, _) = self.vacant(base, path)?;
        self.add(parent, name, Kind::Directory { entries: BTreeMap::new(), parent })?;
        Ok(())
    }

    /// Counts another descriptor or stream.
    pub(crate) fn hold(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open += 1;
        }
    }

    /// Counts one less. Whether the file is gone now, bytes and all.
    pub(crate) fn release(&mut self, id: NodeId) -> bool {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open = node.open.saturating_sub(1);
        }
        self.forget(id)
    }

    /// Removes what nobody can reach any more; whether that was a file.
    fn forget(&mut self, id: NodeId) -> bool {
        if self.nodes.get(&id).is_none_or(|node| node.named || node.open > 0) {
            return false;
        }
        match self.nodes.remove(&id).map(|node| node.kind) {
            Some(Kind::File { size }) => {
                self.bytes = self.bytes.saturating_sub(size);
                true
            }
            _ => false,
        }
    }

    /// Takes its name from a file or directory; the file that is gone by that.
    fn unname(&mut self, parent: NodeId, name: &str) -> Result<Option<NodeId>, ErrorCode> {
        let id = self.entries_mut(parent)?.remove(name).ok_or(ErrorCode::NoEntry)?;
        self.node_mut(id)?.named = false;
        Ok(self.forget(id).then_some(id))
    }

    /// Removes a file's name; the file, if nobody has it open.
    pub(crate) fn unlink(&mut self, base: NodeId, path: &str) -> Result<Option<NodeId>, ErrorCode> {
        let id = self.find(base, path)?;
        match self.place(base, path)? {
            Place::In { parent, name, .. } if !self.is_directory(id) => self.unname(parent, name),
            _ => Err(ErrorCode::IsDirectory),
        }
    }

    pub(crate) fn remove_directory(&mut self, base: NodeId, path: &str) -> Result<(), ErrorCode> {
        let id = self.find(base, path)?;
        let Place::In { parent, name, .. } = self.place(base, path)? else {
            return Err(ErrorCode::Invalid);
        };
        if !self.entries(id)?.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.unname(parent, name).map(|_| ())
    }

    /// Moves a file or directory; the file that it took the place of, if nobody
    /// has that open.
    pub(crate) fn rename(
        &mut self,
        (old_base, old_path): (NodeId, &str),
        (new_base, new_path): (NodeId, &str),
    ) -> Result<Option<NodeId>, ErrorCode> {
        let id = self.find(old_base, old_path)?;
        let Place::In { parent: from, name: old, .. } = self.place(old_base, old_path)? else {
            return Err(ErrorCode::Invalid);
        };
        let Place::In { parent: to, name: new, as_directory } = self.place(new_base, new_path)?
        else {
            return Err(ErrorCode::Invalid);
        };
        let moves_directory = self.is_directory(id);
        if as_directory && !moves_directory {
            return Err(ErrorCode::NotDirectory);
        }
        if !self.node(to)?.named {
            return Err(ErrorCode::NoEntry);
        }
        if moves_directory && self.is_within(to, id) {
            return Err(ErrorCode::Invalid);
        }
        let mut gone = None;
        if let Some(there) = self.entries(to)?.get(new).copied() {
            if there == id {
                return Ok(None);
            }
            match self.entries(there) {
                Ok(_) if !moves_directory => return Err(ErrorCode::IsDirectory),
                Ok(entries) if !entries.is_empty() => return Err(ErrorCode::NotEmpty),
                Err(_) if moves_directory => return Err(ErrorCode::NotDirectory),
                _ => gone = self.unname(to, new)?,
            }
        }
        self.entries_mut(from)?.remove(old);
        self.entries_mut(to)?.insert(new.to_owned(), id);
        if let Kind::Directory { parent, .. } = &mut self.node_mut(id)?.kind {
            *parent = to;
        }
        Ok(gone)
    }

    /// Whether a directory is another one, or lies in it.
    fn is_within(&self, mut inner: NodeId, outer: NodeId) -> bool {
        loop {
            if inner == outer {
                return true;
            }
            match self.nodes.get(&inner).map(|node| &node.kind) {
                Some(Kind::Directory { parent, .. }) if *parent != inner => inner = *parent,
                _ => return false,
            }
        }
    }

    /// A file's size, in bytes.
    pub(crate) fn size(&self, id: NodeId) -> Result<u64, ErrorCode> {
        match self.node(id)?.kind {
            Kind::File { size } => Ok(size),
            Kind::Directory { .. } => Err(ErrorCode::IsDirectory),
        }
    }

    /// Gives a file another size, if there is room for it: a hole counts like
    /// what could be written into it.
    pub(crate) fn resize(&mut self, id: NodeId, to: u64) -> Result<(), ErrorCode> {
        let others = self.bytes.saturating_sub(self.size(id)?);
        let sum = others.checked_add(to).filter(|sum| *sum <= self.quota.bytes);
        let Some(sum) = sum else {
            self.refused = Some("scratch.bytes");
            return Err(ErrorCode::InsufficientSpace);
        };
        self.bytes = sum;
        let began = self.began;
        let node = self.node_mut(id)?;
        node.kind = Kind::File { size: to };
        node.modified = began;
        Ok(())
    }

    /// Makes room for so many bytes from there on; where they begin.
    pub(crate) fn extend(
        &mut self,
        id: NodeId,
        at: Option<u64>,
        len: u64,
    ) -> Result<u64, ErrorCode> {
        let size = self.size(id)?;
        let at = at.unwrap_or(size);
        // What cannot be told is more than there is room for.
        let end = at.saturating_add(len);
        if len > 0 {
            self.resize(id, size.max(end))?;
        }
        Ok(at)
    }

    pub(crate) fn stat(&self, id: NodeId) -> Result<Stat, ErrorCode> {
        let node = self.node(id)?;
        let (kind, size) = match node.kind {
            Kind::Directory { .. } => (DescriptorType::Directory, 0),
            Kind::File { size } => (DescriptorType::RegularFile, size),
        };
        Ok(Stat { kind, size, accessed: node.accessed, modified: node.modified })
    }

    /// Sets what is given.
    pub(crate) fn set_times(
        &mut self,
        id: NodeId,
        accessed: Option<Datetime>,
        modified: Option<Datetime>,
    ) -> Result<(), ErrorCode> {
        let node = self.node_mut(id)?;
        node.accessed = accessed.unwrap_or(node.accessed);
        node.modified = modified.unwrap_or(node.modified);
        Ok(())
    }

    /// The first name behind another one, with its kind.
    pub(crate) fn after(
        &self,
        id: NodeId,
        name: &str,
    ) -> Result<Option<(String, DescriptorType)>, ErrorCode> {
        let mut rest = self.entries(id)?.range::<str, _>((Excluded(name), Unbounded));
        let Some((name, id)) = rest.next() else { return Ok(None) };
        Ok(Some((name.clone(), self.stat(*id)?.kind)))
    }
}

#[cfg(test)]
mod tests;
