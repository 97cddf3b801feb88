//! Erasing an organization or a person on the server's own machine, and the list by
//! which a backup that is restored loses them again.
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{IdSource, OrganizationId, UserId},
    time::{Clock, Timestamp},
};
use venn_store::{
    Database, Store, copy,
    erasure::{Erased, Erasure},
};

use crate::{folder, installation, refused::Refused};

/// The list's name in the data folder.
pub const FILE: &str = "erased.jsonl";

/// Who shall go.
#[derive(Debug, Clone)]
pub enum Whom {
    /// An organization, by slug or id.
    Organization(String),
    /// A person of one, by e-mail address or id.
    Person {
        /// The organization, by slug or id.
        organization: String,
        /// The address or the id.
        person: String,
    },
}

/// A line of the list: ids only, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The organization, or that of the person.
    pub organization: OrganizationId,
    /// The person, where it was one.
    pub person: Option<UserId>,
}

impl Line {
    /// What writes it again, where it was done and is not in the list.
    fn once_more(&self) -> String {
        let Self { organization, person, .. } = self;
        match person {
            None => format!("`venn erase organization {organization}` once more: that writes it."),
            Some(person) => {
                format!(
                    "`venn erase person {person} --of {organization}` once more: that writes it."
                )
            }
        }
    }
}

/// An erasure that was done.
#[derive(Debug)]
pub struct Done {
    /// What stands in the list.
    pub line: Line,
    /// How many rows went, by table.
    pub rows: Erased,
}

/// A store of a server that does not run, for as long as this is held.
struct Offline<'a> {
    store: Store,
    data: &'a Path,
    database: &'a Database,
    _lock: fs::File,
}

impl<'a> Offline<'a> {
    async fn open(
        data: &'a Path,
        database: &'a Database,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> anyhow::Result<Self> {
        folder::private();
        let lock = folder::lock(data)?;
        if !installation::check(data, database).await?.begun {
            let what = format!("There is nobody in {}.", database.place(data));
            let next = "Name the data folder of a server that was started before.";
            return Err(Refused::new(what, data.display(), next).into());
        }
        let store = installation::open(data, database, clock, ids).await?;
        Ok(Self { store, data, database, _lock: lock })
    }

    /// None if there is nobody of that name.
    async fn erase(&self, whom: &Whom) -> anyhow::Result<Option<Done>> {
        let (Whom::Organization(organization) | Whom::Person { organization, .. }) = whom;
        let Some(found) = self.store.organization(organization).await? else { return Ok(None) };
        let id = found.id;
        // What cannot be noted is not erased.
        let list = list(self.data)?;
        let (erasure, named, person) = match whom {
            Whom::Organization(named) => (self.store.erase_organization(&id).await?, named, None),
            Whom::Person { person, .. } => {
                let (erasure, user) = self.store.erase_person(&id, person).await?;
                (erasure, person, user)
            }
        };
        let (rows, components) = match erasure {
            Erasure::Done { rows, components } => (rows, components),
            Erasure::NotFound => return Ok(None),
            Erasure::Refused(why) => {
                let what = format!("It cannot be erased: {why}.");
                let next = "Nothing was erased. The runbook has who can be, and in which order.";
                return Err(Refused::new(what, named, next).into());
            }
        };
        let line = Line { at: self.store.now(), organization: id, person };
        note(list, &line).map_err(|error| {
            let what = format!("It is erased, and does not stand in the list: {error}.");
            Refused::new(
                what,
                self.data.join(FILE).display(),
                format!("Make room, then {}", line.once_more()),
            )
        })?;
        for component in &components {
            remove(&self.data.join("blobs").join(component))?;
        }
        Ok(Some(Done { line, rows }))
    }

    /// Those of a list, in its order. Whom the folder does not have it cannot lose.
    async fn erase_again(&self, lines: Vec<Line>) -> anyhow::Result<Vec<Done>> {
        let mut all = Vec::new();
        for Line { organization, person, .. } in lines {
            let organization = organization.to_string();
            let whom = match person {
                None => Whom::Organization(organization),
                Some(person) => Whom::Person { organization, person: person.to_string() },
            };
            all.extend(self.erase(&whom).await?);
        }
        Ok(all)
    }

    /// Nothing is left in the file of what was in its rows.
    async fn close(self) -> anyhow::Result<()> {
        self.store.close().await;
        if matches!(self.database, Database::Embedded) {
            copy::compact_embedded(self.data).await.context("writing the database anew")?;
        }
        Ok(())
    }
}

fn nobody(whom: &Whom) -> Refused {
    let (what, named) = match whom {
        Whom::Organization(named) => ("organization", named),
        Whom::Person { person, .. } => ("person", person),
    };
    Refused::new(format!("There is no such {what}."), named, "Look at its slug, address or id.")
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", file.display())),
    }
}

/// Erases somebody. The server must not run.
pub async fn erase(
    data: &Path,
    database: &Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    whom: &Whom,
) -> anyhow::Result<Done> {
    let offline = Offline::open(data, database, clock, ids).await?;
    let done = offline.erase(whom).await;
    offline.close().await?;
    done?.ok_or_else(|| nobody(whom).into())
}

/// Erases everybody whom a list names, of a backup that has them still. Who cannot be erased
/// in it, the last admin of an organization, ends it with an error that names them.
pub async fn again(
    data: &Path,
    database: &Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    list: &Path,
) -> anyhow::Result<Vec<Done>> {
    let lines = read(list)?;
    let offline = Offline::open(data, database, clock, ids).await?;
    let all = offline.erase_again(lines).await;
    offline.close().await?;
    all
}

fn read(list: &Path) -> anyhow::Result<Vec<Line>> {
    let next = "Name the `erased.jsonl` of the data folder that was lost, or of a copy of it.";
    let text = fs::read_to_string(list)
        .map_err(|error| Refused::new(format!("{error}."), list.display(), next))?;
    let lines = text.lines().enumerate().map(|(at, line)| {
        serde_json::from_str(line).map_err(|error| {
            let what = format!("Line {} is no erasure: {error}.", at + 1);
            Refused::new(what, list.display(), next).into()
        })
    });
    lines.collect()
}

/// The list of the data folder, to append to.
fn list(data: &Path) -> anyhow::Result<fs::File> {
    let place: PathBuf = data.join(FILE);
    fs::File::options().create(true).append(true).open(&place).map_err(|error| {
        let what = format!("The list of erasures cannot be written: {error}.");
        let next = "Nothing was erased. Make it a file that the server's user may write.";
        Refused::new(what, place.display(), next).into()
    })
}

/// Appends to the list; durable when this returns.
fn note(mut list: fs::File, line: &Line) -> anyhow::Result<()> {
    let text = serde_json::to_string(line)? + "\n";
    list.write_all(text.as_bytes())?;
    Ok(list.sync_all()?)
}
