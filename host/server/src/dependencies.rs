//! The crates that a component says it was built from.
//!
//! `cargo auditable` puts the list into the core module, and a component keeps it.
//! It is what whoever built the component says: what is missing there or made up,
//! nobody here can know. So it is never a reason to let a release run, and what
//! it holds is as hostile as the rest of an upload: sizes and names are bounded.
use std::{io::Read as _, sync::Arc};

use auditable_serde::{DependencyKind, Source, VersionInfo};
use flate2::read::ZlibDecoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_cache::sync::Cache;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::ApiError,
    releases::{self, LoadError},
};

/// Lists of all core modules of one component.
const LISTS: usize = 64;
/// All of them, unpacked: a list of a thousand crates has a hundred kilobytes.
const LISTS_BYTES: u64 = 4 << 20;
/// Crates in all of them.
const PACKAGES: usize = 10_000;
/// Crates.io takes 64.
const NAME_CHARS: usize = 128;
/// Components whose list is kept: it is a function of the bytes.
const KEPT: usize = 200;
/// What stands in a package URL as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// One crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// `crates.io`, `registry`, `git`, `local` or another word.
    pub source: String,
    /// It took part in the build only.
    pub build: bool,
    /// It is the plugin itself.
    pub root: bool,
    /// What it needs, by place in the list.
    pub needs: Vec<usize>,
}

/// What a component says of its making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Nothing.
    Nothing,
    /// Something that is no list, and why.
    Damaged(String),
    /// These crates.
    Listed(Vec<Package>),
}

/// Lists that were read, by the component's digest.
#[derive(Clone)]
pub struct Read(Arc<Cache<String, Arc<Carried>>>);

impl Default for Read {
    fn default() -> Self {
        Self(Arc::new(Cache::new(KEPT)))
    }
}

/// What the component of this digest says.
pub async fn carried(app: &App, digest: &str) -> Result<Arc<Carried>, ApiError> {
    let read = async {
        let component = releases::component(app, digest).await?;
        let look = move || Arc::new(read(&component));
        tokio::task::spawn_blocking(look)
            .await
            .map_err(|error| LoadError::Other(anyhow::Error::from(error)))
    };
    Ok(app.dependencies.0.get_or_insert_async(digest, read).await?)
}

/// Reads what a component carries.
pub fn read(component: &[u8]) -> Carried {
    let lists = match venn_sandbox::gate::dependency_lists(component) {
        Ok(lists) => lists,
        Err(error) => return Carried::Damaged(error.to_string()),
    };
    if lists.is_empty() {
        return Carried::Nothing;
    }
    if lists.len() > LISTS {
        return Carried::Damaged(format!("it carries more than {LISTS} lists"));
    }
    let (mut packages, mut room) = (Vec::new(), LISTS_BYTES);
    for list in lists {
        match unpacked(list, &mut room) {
            Ok(info) => packages.extend(numbered(info, packages.len())),
            Err(why) => return Carried::Damaged(why),
        }
        if packages.len() > PACKAGES {
            return Carried::Damaged(format!("it names more than {PACKAGES} crates"));
        }
    }
    match packages.iter().find(|package| !is_name(&package.name) || !is_name(&package.source)) {
        Some(_) => Carried::Damaged("a name in it is none of a crate".to_owned()),
        None => Carried::Listed(packages),
    }
}

fn unpacked(list: &[u8], room: &mut u64) -> Result<VersionInfo, String> {
    let mut json = Vec::new();
    let mut reader = ZlibDecoder::new(list).take(*room + 1);
    reader
        .read_to_end(&mut json)
        .map_err(|error| format!("it is not packed as it should be: {error}"))?;
    let size = json.len() as u64;
    *room = room
        .checked_sub(size)
        .ok_or_else(|| format!("its lists have more than {LISTS_BYTES} bytes"))?;
    serde_json::from_slice(&json).map_err(|error| {
        // The words of the publisher are not repeated.
        format!("it is not a list of crates: line {}, column {}", error.line(), error.column())
    })
}

fn numbered(info: VersionInfo, first: usize) -> impl Iterator<Item = Package> {
    info.packages.into_iter().map(move |package| Package {
        name: package.name,
        version: package.version,
        source: match package.source {
            Source::CratesIo => "crates.io".to_owned(),
            other => String::from(other),
        },
        build: package.kind == DependencyKind::Build,
        root: package.root,
        needs: package.dependencies.into_iter().map(|place| first + place).collect(),
    })
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_graphic();
    !name.is_empty() && name.len() <= NAME_CHARS && name.chars().all(known)
}

/// The list as a `CycloneDX` document.
pub fn sbom(packages: &[Package]) -> Value {
    let component = |(place, package): (usize, &Package)| {
        let name = utf8_percent_encode(&package.name, PLAIN);
        let version = package.version.to_string();
        let version = utf8_percent_encode(&version, PLAIN);
        json!({
            "type": if package.root { "application" } else { "library" },
            "bom-ref": place.to_string(),
            "name": package.name,
            "version": package.version.to_string(),
            "scope": if package.build { "excluded" } else { "required" },
            "purl": format!("pkg:cargo/{name}@{version}"),
            "properties": [{ "name": "cargo:source", "value": package.source }],
        })
    };
    let (roots, others): (Vec<_>, Vec<_>) =
        packages.iter().enumerate().partition(|(_, package)| package.root);
    let mut roots = roots.into_iter().map(component);
    let metadata = roots.next().map(|root| json!({ "component": root }));
    let dependencies = packages.iter().enumerate().map(|(place, package)| {
        let needs = package.needs.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({ "ref": place.to_string(), "dependsOn": needs })
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": metadata.unwrap_or_else(|| json!({})),
        "components": roots.chain(others.into_iter().map(component)).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
