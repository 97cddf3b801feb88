//! Data folder, database and keys belong together. What does not is refused before
//! anything is written: an empty platform beside somebody's rows, or rows beside
//! keys that open none of them, would look like a start that went well.
//!
//! - A database in which no server has begun goes with a folder that none has used.
//! - A database in which one has begun is served with the keys that it is sealed
//!   with: it keeps their fingerprint, which a rotation does not change.
use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use subtle::ConstantTimeEq as _;
use venn_domain::{id::IdSource, time::Clock};
use venn_store::{
    Database, Store,
    installation::{Found, Lost, NewSeals, look},
    token::NewToken,
};

use crate::{
    auth::make_token,
    folder,
    keys::{self, Keys},
    refused::Refused,
    signing,
};

#[cfg(test)]
mod tests;

/// What a server leaves in its folder once it has begun.
const USED: [&str; 4] = ["blobs", "artifacts", "uploads", "admin.token"];

/// The embedded database's file in a data folder.
const EMBEDDED: &str = "venn.db";

/// Looks at folder and database; refuses two that are not one installation.
pub async fn look_at(data: &Path, database: &Database) -> anyhow::Result<Found> {
    let place = database.place(data);
    if matches!(database, Database::Postgres(_)) && data.join(EMBEDDED).exists() {
        let what = format!(
            "The data folder has rows of its own ({EMBEDDED}), and {place} was named as the database."
        );
        let next = "Leave --database and VENN_DATABASE out to use the folder's rows; or name the data folder that belongs to this database. There is no move from one to the other.";
        return Err(Refused::new(what, data.display(), next).into());
    }
    let found = look(data, database).await.with_context(|| format!("cannot open {place}"))?;
    let used = USED.iter().find(|name| data.join(name).exists());
    if let (false, Some(name)) = (found.begun, used) {
        let what = format!(
            "A server has used this data folder (there is `{name}`), and its rows are not in {place}: no server has begun there."
        );
        let next = "Name the database that belongs to the folder (--database or VENN_DATABASE if it is PostgreSQL), or restore it from a backup. For a new installation, name an empty folder.";
        return Err(Refused::new(what, data.display(), next).into());
    }
    Ok(found)
}

/// The keys of an installation; new ones before its first start only.
pub async fn keys(data: &Path, database: &Database) -> anyhow::Result<Keys> {
    let found = look_at(data, database).await?;
    if !found.begun && found.key_ids.is_empty() && found.fingerprint.is_none() {
        return Ok(keys::load_or_make(data)?);
    }
    let place = database.place(data);
    let Some(keys) = keys::load(data)? else {
        let what = format!("There are no keys, and {place} is sealed with some.");
        return Err(Refused::new(what, keys::place(data), GIVE_KEYS).into());
    };
    if !fits(&found, &keys) {
        let what = format!("These are not the keys that {place} is sealed with.");
        return Err(Refused::new(what, keys::place(data), GIVE_KEYS).into());
    }
    Ok(keys)
}

/// Refuses a folder, a database and keys that do not belong together. Changes nothing.
pub async fn check(data: &Path, database: &Database) -> anyhow::Result<Found> {
    let found = look_at(data, database).await?;
    if found.begun {
        keys(data, database).await?;
    }
    Ok(found)
}

const GIVE_KEYS: &str = "Give the keys that it was served with: `keys.json` in the data folder, VENN_KEYS_FILE or VENN_KEY. Only if they are lost for good: `venn keys replace-lost` makes new ones and says what is lost with the old.";

fn fits(found: &Found, keys: &Keys) -> bool {
    let opens = found.key_ids.iter().all(|id| keys.encryption.has(id));
    let sealed = match (&found.fingerprint, &found.sealed) {
        (Some(fingerprint), _) => *fingerprint == keys.fingerprint,
        (None, Some(key)) => {
            let seal = signing::seal_key(
                keys,
                &key.id,
                &key.organization,
                &key.public_key,
                key.distrusted_from,
            );
            bool::from(seal.ct_eq(&key.seal))
        }
        (None, None) => true,
    };
    opens && sealed
}

/// What is lost with the keys, and what is not.
#[derive(Debug)]
pub struct Replaced {
    /// What somebody must give or set up anew.
    pub lost: Lost,
    /// Releases that run again.
    pub releases: usize,
    /// Releases whose signature is not one: they stay refused.
    pub unsound: Vec<venn_domain::id::ReleaseId>,
}

/// Makes new keys for an installation whose keys are lost, and seals with them what
/// the publishers' own signatures still prove. Who calls this vouches for the rows:
/// nothing else says any more that nobody changed them.
pub async fn replace_lost_keys(
    data: &Path,
    database: &Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
) -> anyhow::Result<Replaced> {
    folder::private();
    let _lock = folder::lock(data)?;
    let found = look_at(data, database).await?;
    let place = database.place(data);
    if !found.begun {
        let what = format!("Nothing is sealed in {place}: no server has begun there.");
        return Err(Refused::new(what, data.display(), "`venn serve` makes its keys.").into());
    }
    let keys = match keys::load(data)? {
        Some(keys) if fits(&found, &keys) => {
            let what = format!("The keys of {place} are there: nothing is lost.");
            let next = "`venn serve` uses them; `venn keys rotate` makes a new one.";
            return Err(Refused::new(what, keys::place(data), next).into());
        }
        Some(keys) if keys.of_variable => keys,
        Some(_) => {
            let what = format!("There are keys, and not those that {place} is sealed with.");
            let next = "They may be another installation's: move the file away (and keep it), then run this again.";
            return Err(Refused::new(what, keys::place(data), next).into());
        }
        None => keys::load_or_make(data)?,
    };
    let store = open(data, database, clock, ids).await?;
    let (signing_keys, proofs) = store.all_sealed().await?;
    let sealed = signing_keys.iter().map(|key| {
        let from = key.distrusted_from;
        let seal = signing::seal_key(&keys, &key.id, &key.organization, &key.public_key, from);
        (key.id.clone(), seal)
    });
    let mut seals = NewSeals {
        fingerprint: keys.fingerprint.clone(),
        keys: sealed.collect(),
        signatures: Vec::new(),
        unsound: Vec::new(),
        reason: "The platform lost the key that it was encrypted with: give it again.".to_owned(),
    };
    for (id, proof) in proofs {
        match signing::seal_again(&keys, &proof) {
            Ok(seal) => seals.signatures.push((id, seal)),
            Err(_) => seals.unsound.push(id),
        }
    }
    let (releases, unsound) = (seals.signatures.len(), seals.unsound.clone());
    let lost = store.replace_seals(seals).await?;
    store.close().await;
    Ok(Replaced { lost, releases, unsound })
}

/// Makes a token for the platform's admin of the longest standing: for one whose
/// tokens are all lost or ended. Returns its text, and when it ends.
pub async fn admin_token(
    data: &Path,
    database: &Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    days: u32,
) -> anyhow::Result<(String, venn_domain::time::Timestamp)> {
    folder::private();
    let _lock = folder::lock(data)?;
    if !look_at(data, database).await?.begun {
        let what = format!("There is no platform in {} yet.", database.place(data));
        let next = "`venn serve` makes it, and its first token.";
        return Err(Refused::new(what, data.display(), next).into());
    }
    let _keys = keys(data, database).await?;
    let store = open(data, database, clock, ids).await?;
    let (organization, user) = store.platform_admin().await?;
    let id = venn_domain::id::TokenId::make(store.ids());
    let (text, hash) = make_token(&id).context("cannot make a token")?;
    let expires_at = store.now().plus_ms(i64::from(days) * 24 * 60 * 60 * 1_000);
    let scopes = venn_domain::organization::Scope::ALL.to_vec();
    let token = NewToken { id, name: "recovered".to_owned(), hash, scopes, expires_at };
    let made = store.create_token(&organization, &user, token, Vec::new(), "host").await?;
    made.context("the platform's admin is no member any more")?;
    store.close().await;
    Ok((text, expires_at))
}

pub(crate) async fn open(
    data: &Path,
    database: &Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
) -> anyhow::Result<Store> {
    let settings = venn_store::Settings {
        folder: data.to_owned(),
        database: database.clone(),
        clock,
        ids,
        observer: Arc::new(venn_store::Unobserved),
    };
    let opened = Store::open(settings).await;
    opened.with_context(|| format!("cannot open {}", database.place(data)))
}
