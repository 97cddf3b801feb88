//! Secrets at rest: envelope encryption, one random data key per version.
//!
//! The data key encrypts the secret; the key-encryption key named beside it
//! wraps the data key. Both steps are XChaCha20-Poly1305 with a random nonce,
//! and bind organization, credential and version as associated data: a row
//! that is moved to another organization, credential or version does not open.
//! Rotation wraps the data keys anew and never touches a ciphertext.
//!
//! It does not stop who can write rows from putting back an *older* secret of
//! the same version; versions only go up, and older ones are deleted.
//! Keys come from outside (a file or the environment); no key is in the store.
use std::{collections::BTreeMap, sync::Arc};

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Generate as _, Key, KeyInit as _, Payload},
};
use sqlx::AnyConnection;
use venn_domain::id::OrganizationId;
use zeroize::Zeroizing;

use crate::{Store, StoreError, row::Row};

/// The nonce of `XChaCha20`: long enough to be drawn at random for ever.
const NONCE_BYTES: usize = 24;

/// Key-encryption keys by id. No `Debug`, no `Serialize`; wiped when dropped.
pub struct Keys {
    current: String,
    all: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

impl Keys {
    /// All keys, and the id of the one under which new secrets are put.
    pub fn new(
        current: impl Into<String>,
        all: BTreeMap<String, Zeroizing<[u8; 32]>>,
    ) -> Result<Self, StoreError> {
        let current = current.into();
        if all.contains_key(&current) {
            return Ok(Self { current, all });
        }
        Err(StoreError::Secret("the current key is not among the keys"))
    }

    /// The id of the key under which new secrets are put.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Whether there is a key of this id.
    pub fn has(&self, id: &str) -> bool {
        self.all.contains_key(id)
    }

    fn cipher(&self, id: &str) -> Result<XChaCha20Poly1305, StoreError> {
        let key = self.all.get(id).ok_or(StoreError::Secret(
            "the key that it was encrypted with is not in the key file; restore the key file that belongs to this data folder",
        ))?;
        XChaCha20Poly1305::new_from_slice(key.as_slice())
            .map_err(|_| StoreError::Secret("a key does not have 32 bytes"))
    }
}

/// A secret in the clear. No `Debug`, no `Serialize`, no `Clone`; wiped when
/// dropped.
pub struct Opened(Zeroizing<Vec<u8>>);

impl Opened {
    /// The bytes; for the one request that they are meant for.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Which secret: what is bound into both encryptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPlace {
    /// Whose.
    pub organization: OrganizationId,
    /// The credential's id, for example a connection's.
    pub credential: String,
    /// Counts up with every replacement.
    pub version: u64,
}

impl SecretPlace {
    /// Length-prefixed, so that no two places have the same bytes.
    fn bound(&self, purpose: &str, key_id: &str) -> Vec<u8> {
        let version = self.version.to_string();
        let parts = [purpose, self.organization.as_str(), &self.credential, &version, key_id];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }

    /// For the secret itself: without the key's id, so that rotation leaves it.
    fn bound_secret(&self) -> Vec<u8> {
        self.bound("venn-secret-v1", "")
    }

    fn bound_key(&self, key_id: &str) -> Vec<u8> {
        self.bound("venn-key-v1", key_id)
    }
}

/// A nonce, then the ciphertext with its tag.
fn seal(cipher: &XChaCha20Poly1305, msg: &[u8], aad: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce =
        XNonce::try_generate().map_err(|_| StoreError::Secret("the system gives no randomness"))?;
    let sealed = cipher
        .encrypt(&nonce, Payload { msg, aad })
        .map_err(|_| StoreError::Secret("it could not be encrypted"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn unseal(
    cipher: &XChaCha20Poly1305,
    sealed: &[u8],
    aad: &[u8],
    otherwise: &'static str,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let wrong = || StoreError::Secret(otherwise);
    let (nonce, msg) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(wrong)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| wrong())?;
    Ok(Zeroizing::new(cipher.decrypt(&nonce, Payload { msg, aad }).map_err(|_| wrong())?))
}

const NOT_ITS_KEY: &str =
    "its data key does not open: the row was changed or moved, or belongs to another key";
const NOT_ITS_TEXT: &str = "it does not open: the row was changed or moved";

/// Puts a secret in the caller's transaction and deletes its older versions.
pub(crate) async fn put(
    store: &Store,
    connection: &mut AnyConnection,
    keys: &Keys,
    place: &SecretPlace,
    secret: &[u8],
) -> Result<(), StoreError> {
    forget(connection, &place.credential).await?;
    add(store, connection, keys, place, secret).await
}

/// Puts a secret and leaves the version just before it, for a while.
pub(crate) async fn put_beside(
    store: &Store,
    connection: &mut AnyConnection,
    keys: &Keys,
    place: &SecretPlace,
    secret: &[u8],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM secret WHERE credential_id = $1 AND version < $2")
        .bind(place.credential.clone())
        .bind(i64::try_from(place.version).unwrap_or(i64::MAX) - 1)
        .execute(&mut *connection)
        .await?;
    add(store, connection, keys, place, secret).await
}

/// Deletes every version of a secret.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    credential: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM secret WHERE credential_id = $1")
        .bind(credential.to_owned())
        .execute(connection)
        .await?;
    Ok(())
}

async fn add(
    store: &Store,
    connection: &mut AnyConnection,
    keys: &Keys,
    place: &SecretPlace,
    secret: &[u8],
) -> Result<(), StoreError> {
    let data_key = Key::<XChaCha20Poly1305>::try_generate()
        .map_err(|_| StoreError::Secret("the system gives no randomness"))?;
    let data_key = Zeroizing::new(data_key.to_vec());
    let cipher = XChaCha20Poly1305::new_from_slice(&data_key)
        .map_err(|_| StoreError::Secret("a data key does not have 32 bytes"))?;
    let ciphertext = seal(&cipher, secret, &place.bound_secret())?;
    let wrapped = seal(&keys.cipher(keys.current())?, &data_key, &place.bound_key(keys.current()))?;
    sqlx::query(
        "INSERT INTO secret (credential_id, version, organization_id, key_id, wrapped_key,
             ciphertext, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(place.credential.clone())
    .bind(i64::try_from(place.version).unwrap_or(i64::MAX))
    .bind(place.organization.to_string())
    .bind(keys.current().to_owned())
    .bind(wrapped)
    .bind(ciphertext)
    .bind(store.now().0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Puts a secret, in place of its older versions.
    pub async fn put_secret(
        &self,
        keys: Arc<Keys>,
        place: SecretPlace,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move { put(&store, connection, &keys, &place, &secret).await })
        })
        .await
    }

    /// Opens a secret; an error if there is none.
    pub async fn open_secret(
        &self,
        keys: &Keys,
        place: &SecretPlace,
    ) -> Result<Opened, StoreError> {
        let mut connection = self.read().await?;
        open(&mut connection, keys, place).await
    }

    /// Wraps every data key that is not under the current key anew; returns
    /// how many. All or none: afterwards no row needs another key.
    pub async fn rotate_keys(&self, keys: Arc<Keys>) -> Result<u64, StoreError> {
        self.write(move |connection| Box::pin(async move { rotate(connection, &keys).await })).await
    }
}

/// Opens a secret in the caller's transaction: of a version that was read in it.
pub(crate) async fn open(
    connection: &mut AnyConnection,
    keys: &Keys,
    place: &SecretPlace,
) -> Result<Opened, StoreError> {
    let row = sqlx::query(
        "SELECT credential_id, key_id, wrapped_key, ciphertext FROM secret
         WHERE credential_id = $1 AND version = $2 AND organization_id = $3",
    )
    .bind(place.credential.clone())
    .bind(i64::try_from(place.version).unwrap_or(i64::MAX))
    .bind(place.organization.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(StoreError::Secret("there is none of this version"))?;
    let row = Row::new("secret", &row);
    let key_id = row.text("key_id")?;
    let wrapped = row.blob("wrapped_key")?;
    let data_key =
        unseal(&keys.cipher(&key_id)?, &wrapped, &place.bound_key(&key_id), NOT_ITS_KEY)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&data_key)
        .map_err(|_| StoreError::Secret(NOT_ITS_KEY))?;
    unseal(&cipher, &row.blob("ciphertext")?, &place.bound_secret(), NOT_ITS_TEXT).map(Opened)
}

async fn rotate(connection: &mut AnyConnection, keys: &Keys) -> Result<u64, StoreError> {
    let rows = sqlx::query(
        "SELECT credential_id, version, organization_id, key_id, wrapped_key FROM secret
         WHERE key_id <> $1",
    )
    .bind(keys.current().to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let current = keys.cipher(keys.current())?;
    for row in &rows {
        let row = Row::new("secret", row);
        let place = SecretPlace {
            organization: row.parsed("organization_id")?,
            credential: row.text("credential_id")?,
            version: row.count("version")?,
        };
        let old = row.text("key_id")?;
        let wrapped = row.blob("wrapped_key")?;
        let data_key = unseal(&keys.cipher(&old)?, &wrapped, &place.bound_key(&old), NOT_ITS_KEY)?;
        let wrapped = seal(&current, &data_key, &place.bound_key(keys.current()))?;
        sqlx::query(
            "UPDATE secret SET key_id = $1, wrapped_key = $2
             WHERE credential_id = $3 AND version = $4",
        )
        .bind(keys.current().to_owned())
        .bind(wrapped)
        .bind(place.credential.clone())
        .bind(row.number("version")?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(rows.len() as u64)
}

#[cfg(test)]
pub(crate) mod tests;
