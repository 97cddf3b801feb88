//! Advisories against crates, from a copy of the `RustSec` database that the
//! operator puts into the data folder and renews. Nothing is fetched.
use std::{fs, path::Path};

use rustsec::{Collection, Database, advisory::Advisory, database::Query, package::Name};

use crate::{
    app::App,
    dependencies::Package,
    error::{ApiError, Code},
};

/// The folder's name in the data folder.
pub const FOLDER: &str = "advisories";

/// The operator's copy of the database, as it is now.
pub struct Advisories(Database);

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
    tokio::task::spawn_blocking(move || {
        only_files(&folder)?;
        Ok(Advisories::open(&folder)?)
    })
    .await
    .map_err(ApiError::internal)?
    .map_err(|error: anyhow::Error| {
        let detail = format!("The advisories in the data folder cannot be read: {error}");
        let next = "The operator renews the copy of the RustSec database there.";
        ApiError::new(Code::WrongState, detail, next)
    })
}

/// Whatever stands where an advisory stands is read to its end: a pipe has none.
fn only_files(folder: &Path) -> anyhow::Result<()> {
    for collection in Collection::all() {
        let Ok(packages) = fs::read_dir(folder.join(collection.as_str())) else { continue };
        for package in packages {
            let package = package?;
            if !package.file_type()?.is_dir() {
                continue;
            }
            for advisory in fs::read_dir(package.path())? {
                let place = advisory?.path();
                let is_file = fs::metadata(&place).is_ok_and(|found| found.is_file());
                anyhow::ensure!(is_file, "{} is no file", place.display());
            }
        }
    }
    Ok(())
}

impl Advisories {
    fn open(folder: &Path) -> Result<Option<Self>, rustsec::Error> {
        if !folder.exists() {
            return Ok(None);
        }
        Database::open(folder).map(|database| Some(Self(database)))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().count() as u64
    }

    /// When the newest one was published; empty if there is none.
    pub fn newest(&self) -> String {
        let dates = self.0.iter().map(|advisory| advisory.date().as_str());
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
        self.0.query(&query).into_iter().map(|advisory| concern(advisory, package)).collect()
    }
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
        assert!(only_files(folder.path()).is_ok());
        let package = folder.path().join("crates/adler");
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("RUSTSEC-2024-9001.md"), "").unwrap();
        assert!(only_files(folder.path()).is_ok());
        let pipe = package.join("RUSTSEC-2024-9002.md");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let error = only_files(folder.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{} is no file", pipe.display()));
    }
}
