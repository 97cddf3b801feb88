//! Advisories against crates, from a copy of the `RustSec` database that the
//! operator puts into the data folder and renews. Nothing is fetched. A file that cannot be
//! read hides no other: it is named beside what the others say.
use std::{
    collections::BTreeMap,
    fs::{self, DirEntry},
    io,
    path::Path,
};

use rustsec::{Collection, advisory::Advisory, database::Query, package::Name};

use crate::{app::App, dependencies::Package, error::ApiError};

/// The folder's name in the data folder.
pub const FOLDER: &str = "advisories";

/// At most so many files are named that cannot be read: where there are more, the copy is
/// to be made anew whatever they are.
const UNREADABLE_NAMED: usize = 20;

/// The operator's copy of the database, as it is now.
#[derive(Debug, Default)]
pub struct Advisories {
    /// By crate.
    known: BTreeMap<String, Vec<Advisory>>,
    /// Files and folders of it that cannot be read, as paths in it.
    unreadable: Vec<String>,
}

/// An advisory that concerns a crate in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// For example `RUSTSEC-2024-0421`.
    pub id: String,
    /// The crate.
    pub package: String,
    /// The version that was built in.
    pub version: String,
    /// `vulnerability`, or the kind of note: `unsound`, `unmaintained`, `notice`.
    pub kind: String,
    /// What it is, in a line.
    pub title: String,
    /// When it was published.
    pub date: String,
    /// Versions that do not have it; empty if there are none.
    pub patched: Vec<String>,
}

/// The database, if there is one.
pub async fn read(app: &App) -> Result<Option<Advisories>, ApiError> {
    let folder = app.advisories.clone();
    let read = move || folder.exists().then(|| Advisories::open(&folder));
    tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)
}

impl Advisories {
    fn open(folder: &Path) -> Self {
        let mut found = Self::default();
        let place = Collection::Crates.as_str();
        for package in found.listed(&folder.join(place), place) {
            let name = format!("{place}/{}", package.file_name().to_string_lossy());
            if !package.path().is_dir() {
                continue;
            }
            for file in found.listed(&package.path(), &name) {
                match advisory(&file.path(), &package) {
                    Ok(one) if one.id().is_placeholder() => {}
                    Ok(one) => {
                        let package = one.metadata.package.as_str().to_owned();
                        found.known.entry(package).or_default().push(one);
                    }
                    Err(()) => {
                        found.cannot_read(format!("{name}/{}", file.file_name().to_string_lossy()));
                    }
                }
            }
        }
        found
    }

    /// What is in a folder, in the order of names, without hidden files.
    fn listed(&mut self, folder: &Path, name: &str) -> Vec<DirEntry> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let Ok(mut listed) = listed else {
            self.cannot_read(name.to_owned());
            return Vec::new();
        };
        listed.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
        listed.sort_by_key(DirEntry::file_name);
        listed
    }

    fn cannot_read(&mut self, name: String) {
        if self.unreadable.len() < UNREADABLE_NAMED {
            self.unreadable.push(name);
        }
    }

    /// What of the database cannot be read; what stands there is not known.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.known.values().map(|of_one| of_one.len() as u64).sum()
    }

    /// When the newest one was published; empty if there is none.
    pub fn newest(&self) -> String {
        let dates = self.known.values().flatten().map(|advisory| advisory.date().as_str());
        dates.max().unwrap_or_default().to_owned()
    }

    /// Those that concern these crates, by crate.
    pub fn concerning(&self, packages: &[Package]) -> Vec<Concern> {
        // A crate of the publisher's own may be called like anybody's.
        packages
            .iter()
            .filter(|one| one.source != "local")
            .flat_map(|one| self.about(one))
            .collect()
    }

    fn about(&self, package: &Package) -> Vec<Concern> {
        let Ok(name) = package.name.parse::<Name>() else { return Vec::new() };
        let query = Query::new()
            .collection(Collection::Crates)
            .package_name(name)
            .package_version(package.version.clone())
            .withdrawn(false);
        let known = self.known.get(&package.name).into_iter().flatten();
        known
            .filter(|advisory| query.matches(advisory))
            .map(|advisory| concern(advisory, package))
            .collect()
    }
}

/// One file, which has to be named after its advisory and to lie with its crate. What is
/// none is not read: a pipe has no end.
fn advisory(file: &Path, package: &DirEntry) -> Result<Advisory, ()> {
    if !fs::metadata(file).is_ok_and(|found| found.is_file()) {
        return Err(());
    }
    let mut one = Advisory::load_file(file).map_err(|_| ())?;
    let named = file.file_name().is_some_and(|name| *name == *format!("{}.md", one.id()));
    if !(named && package.file_name() == *one.metadata.package.as_str()) {
        return Err(());
    }
    one.metadata.collection = Some(Collection::Crates);
    Ok(one)
}

fn concern(advisory: &Advisory, package: &Package) -> Concern {
    let note = advisory.metadata.informational.as_ref();
    Concern {
        id: advisory.id().to_string(),
        package: package.name.clone(),
        version: package.version.to_string(),
        kind: note.map_or("vulnerability", |kind| kind.as_str()).to_owned(),
        title: advisory.title().to_owned(),
        date: advisory.date().as_str().to_owned(),
        patched: advisory.versions.patched().iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_pipe_among_the_advisories_is_told_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("crates/adler");
        fs::create_dir_all(&package).unwrap();
        assert!(Advisories::open(folder.path()).unreadable().is_empty());
        let pipe = package.join("RUSTSEC-2024-9002.md");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let found = Advisories::open(folder.path());
        assert_eq!(found.unreadable(), ["crates/adler/RUSTSEC-2024-9002.md"]);
    }
}
