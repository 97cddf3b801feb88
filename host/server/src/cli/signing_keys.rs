//! `venn signing-keys`: the keys that releases of an organization are signed
//! with. The private half stays in a file of the person ([`kept`]); the server
//! knows the public one.
use std::path::{Path, PathBuf};

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::{
    id::{OrganizationId, SigningKeyId},
    signing::{Statement, endorsement_text, proof_text},
};

use super::{
    ask,
    client::Call,
    exit::Exit,
    input,
    output::{
        failure::Failure,
        table::Column,
        value::{raw, text},
    },
    session::{Page, Session},
};
use crate::signing::PrivateKey;

pub(crate) mod kept;

/// Keys that your organization's releases are signed with
#[derive(Debug, Subcommand)]
pub(crate) enum SigningKeysCommand {
    /// Lists them
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Makes one for this machine and registers it (an admin, or --endorse-with)
    Add {
        /// What to call it; else this machine's name
        #[arg(long)]
        name: Option<String>,
        /// File of an active key of your organization that speaks for the new one
        #[arg(long, value_name = "FILE")]
        endorse_with: Option<PathBuf>,
    },
    /// Puts a new key in the place of this machine's, which is retired
    Rotate {
        /// What to call it; else this machine's name
        #[arg(long)]
        name: Option<String>,
    },
    /// Revokes one (an admin)
    Revoke {
        /// The key's id
        key: String,
        /// `retired`: what it signed goes on. `compromised`: what it signed stops
        #[arg(long, value_name = "REASON", value_parser = ["retired", "compromised"])]
        because: String,
        /// Since when others may have it (RFC 3339); else since ever
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
}

const KEYS: &[Column] = &[
    Column::whole("KEY", "id"),
    Column::text("NAME", "name"),
    Column::state("STATE", "state"),
    Column::moment("REGISTERED", "created_at"),
    Column::moment("REVOKED", "revoked_at"),
    Column::moment("COMPROMISED SINCE", "compromised_since"),
];

/// `venn signing-keys`
pub(crate) fn run(session: &Session, command: &SigningKeysCommand) -> Result<(), Failure> {
    match command {
        SigningKeysCommand::List { page } => {
            let segments = ["organizations", session.org()?, "signing-keys"];
            let empty = "No signing keys. The first `venn publish` makes one.";
            session.listing(&Call::new(Method::GET, &segments), page, KEYS, empty)
        }
        SigningKeysCommand::Add { name, endorse_with } => {
            add(session, name.as_deref(), endorse_with.as_deref())
        }
        SigningKeysCommand::Rotate { name } => rotate(session, name.as_deref()),
        SigningKeysCommand::Revoke { key, because, since } => {
            revoke(session, key, because, since.as_deref())
        }
    }
}

/// This machine's place among an organization's keys.
struct Place {
    organization: OrganizationId,
    path: PathBuf,
    keys: Vec<Value>,
}

impl Place {
    fn of(session: &Session) -> Result<Self, Failure> {
        let org = session.get(&["organizations", session.org()?])?;
        let id = raw(&org.value, "id");
        let organization = id.parse().map_err(|_| {
            Failure::unexpected(format!(
                "The server calls the organization `{}`.",
                text(&org.value, "id")
            ))
        })?;
        let path = kept::path(session.client()?.server(), id)?;
        Ok(Self { organization, path, keys: input::all_of(session, "signing-keys")? })
    }

    fn registered(&self, key: &PrivateKey) -> Option<&Value> {
        let public = key.public_key();
        self.keys.iter().find(|known| raw(known, "public_key") == public)
    }

    fn active(&self, key: &PrivateKey) -> Option<&str> {
        let known = self.registered(key).filter(|known| raw(known, "state") == "active")?;
        Some(raw(known, "id"))
    }

    /// The body that registers a key.
    fn body(&self, key: &PrivateKey, name: Option<&str>) -> Value {
        let public = key.public_key();
        json!({
            "name": name.map_or_else(machine, str::to_owned),
            "public_key": public, "proof": key.sign(&proof_text(&self.organization, &public)),
        })
    }

    fn register(&self, session: &Session, body: &Value) -> Result<String, Failure> {
        let segments = ["organizations", self.organization.as_str(), "signing-keys"];
        Ok(raw(&session.post(&segments, body)?.value, "id").to_owned())
    }

    /// An active key's word for another one.
    fn endorse(&self, old: &PrivateKey, id: &str, new: &PrivateKey) -> Result<String, Failure> {
        let id: SigningKeyId = id
            .parse()
            .map_err(|_| Failure::unexpected("The server's id of the signing key is none."))?;
        Ok(old.sign(&endorsement_text(&self.organization, &new.public_key(), &id)))
    }
}

/// What people call a key if they say nothing.
fn machine() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "a machine without a name".to_owned() } else { name.to_owned() }
}

/// A key that may sign for the organization now.
pub(crate) struct Signer {
    organization: OrganizationId,
    id: String,
    key: PrivateKey,
}

impl Signer {
    /// The key of this machine, or of the file. The very first one of an
    /// organization is made and registered.
    pub(crate) fn of(session: &Session, file: Option<&Path>) -> Result<Self, Failure> {
        let place = Place::of(session)?;
        let path = file.unwrap_or(&place.path);
        let found = kept::read(path)?;
        if file.is_some() && found.is_none() {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Failure::file(path, "read", &error));
        }
        let key = match found {
            Some(key) => key,
            None if place.keys.is_empty() => first(session, path)?,
            None => return Err(elsewhere(session.org()?, path, place.keys.len())),
        };
        let id = match (place.active(&key), place.registered(&key)) {
            (Some(id), _) => id.to_owned(),
            (None, Some(known)) => return Err(revoked(known, path)),
            (None, None) if place.keys.is_empty() => {
                place.register(session, &place.body(&key, None))?
            }
            (None, None) => return Err(unknown(path)),
        };
        Ok(Self { organization: place.organization, id, key })
    }

    /// The part `signature` of an upload.
    pub(crate) fn sign(
        &self,
        plugin: &str,
        version: &str,
        component: String,
        manifest: String,
    ) -> Vec<u8> {
        let statement = Statement {
            organization: self.organization.clone(),
            plugin: plugin.to_owned(),
            version: version.to_owned(),
            component,
            manifest,
        }
        .text();
        let signature = self.key.sign(&statement);
        json!({ "key": self.id, "statement": statement, "signature": signature })
            .to_string()
            .into_bytes()
    }
}

fn first(session: &Session, path: &Path) -> Result<PrivateKey, Failure> {
    let key = kept::make(path)?;
    session.out.note(&format!(
        "{} had no signing key, so one was made: every release is signed from now on.\n  \
         The private key is in {} and nowhere else; the server gets the public half.\n  \
         Keep a copy in a safe place: without it, only an admin can add another key.",
        session.org()?,
        path.display()
    ));
    Ok(key)
}

fn elsewhere(org: &str, path: &Path, keys: usize) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("{org} has signing keys ({keys}), and none is on this machine."),
        "Name its file with --signing-key, or make one for this machine: `venn signing-keys add` \
         (as an admin, or with --endorse-with FILE).",
    )
    .at(path.display().to_string())
}

fn revoked(known: &Value, path: &Path) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("The signing key {} is {}.", text(known, "id"), text(known, "state")),
        "Make another one: `venn signing-keys add` (as an admin, or with --endorse-with FILE).",
    )
    .at(path.display().to_string())
}

fn unknown(path: &Path) -> Failure {
    Failure::new(
        Exit::Refused,
        "The signing key of this machine is not registered.",
        "`venn signing-keys add` registers it (as an admin, or with --endorse-with FILE).",
    )
    .at(path.display().to_string())
}

fn add(session: &Session, name: Option<&str>, endorser: Option<&Path>) -> Result<(), Failure> {
    let place = Place::of(session)?;
    let key = match kept::read(&place.path)? {
        Some(key) => match place.registered(&key) {
            None => key,
            Some(known) if raw(known, "state") == "active" => {
                return Err(Failure::usage(
                    format!("This machine has the active key {} already.", text(known, "id")),
                    "`venn signing-keys rotate` puts a new one in its place.",
                )
                .at(place.path.display().to_string()));
            }
            Some(_) => kept::make(&place.path)?,
        },
        None => kept::make(&place.path)?,
    };
    let mut body = place.body(&key, name);
    if let Some(path) = endorser {
        let old = kept::read(path)?.ok_or_else(|| unknown(path))?;
        let id = place.active(&old).ok_or_else(|| unknown(path))?;
        let word = place.endorse(&old, id, &key)?;
        if let Some(body) = body.as_object_mut() {
            body.insert("endorsed_by".to_owned(), id.into());
            body.insert("endorsement".to_owned(), word.into());
        }
    }
    let segments = ["organizations", place.organization.as_str(), "signing-keys"];
    let reply = session.post(&segments, &body)?;
    session.show(&reply, |it| {
        format!(
            "{} signs from now on; its private half is in {}.",
            text(it, "id"),
            place.path.display()
        )
    })
}

fn rotate(session: &Session, name: Option<&str>) -> Result<(), Failure> {
    let place = Place::of(session)?;
    let next = place.path.with_extension("next.pem");
    // An earlier rotation may have got as far as the server.
    if let Some(key) = kept::read(&next)?
        && let Some(id) = place.active(&key)
    {
        kept::replace(&next, &place.path)?;
        return session.out.print(&format!("{id} signs from now on."));
    }
    let old = kept::read(&place.path)?.ok_or_else(|| unknown(&place.path))?;
    let id = place.active(&old).ok_or_else(|| unknown(&place.path))?;
    let new = kept::make(&next)?;
    let mut body = place.body(&new, name);
    let word = place.endorse(&old, id, &new)?;
    if let Some(body) = body.as_object_mut() {
        body.insert("endorsement".to_owned(), word.into());
    }
    let segments = ["organizations", place.organization.as_str(), "signing-keys", id, "rotate"];
    let reply = session.post(&segments, &body)?;
    kept::replace(&next, &place.path)?;
    session.show(&reply, |it| {
        format!(
            "{} signs from now on, and {id} is retired: what it signed goes on.",
            text(it, "id")
        )
    })
}

fn revoke(session: &Session, key: &str, because: &str, since: Option<&str>) -> Result<(), Failure> {
    let what = if because == "retired" {
        "What it signed goes on; it signs nothing new."
    } else {
        "Releases that it signed stop running at every customer, until they are signed and approved anew."
    };
    ask::confirm(session, &format!("Revoke {key} as {because}? {what}"), "Nothing was revoked.")?;
    let segments = ["organizations", session.org()?, "signing-keys", key, "revoke"];
    let body = json!({ "because": because, "compromised_since": since });
    let reply = session.post(&segments, &body)?;
    session.show(&reply, |_| format!("{key} is revoked: {because}. {what}"))
}
