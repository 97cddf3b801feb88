//! Cursors of plugins: sealed, so that a guest can neither read nor make one.
//!
//! Sealed with the install, the kind and what the cursor belongs to (the query
//! or the partnership) as associated data: the cursor of another install, query
//! or partnership does not open. The position inside can name a row that the
//! rules hide meanwhile; so it is encrypted, not only signed.
//!
//! The nonce is a hash of everything sealed, under the key: equal cursors are
//! equal texts, which keeps runs repeatable.
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use venn_domain::id::InstallId;

use crate::StoreError;

/// The length of the nonce.
const NONCE_BYTES: usize = 24;

/// Longest cursor that is looked at: a position has less than 200 bytes.
const CURSOR_CHARS_MAX: usize = 1_024;

/// Why a cursor is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It was not given out for this, or was changed.
    #[error(
        "the cursor is not one that was given out for this install and this query; start without a cursor"
    )]
    NotOurs,
}

/// Why a plugin's read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The guest's argument.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Something of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a cursor belongs to.
#[derive(Debug, Clone)]
pub(super) struct Seal<'a> {
    /// `find` or `changes`.
    pub(super) kind: &'static str,
    /// Whose it is.
    pub(super) install: &'a InstallId,
    /// The query or the partnership.
    pub(super) about: String,
    /// The server's key for cursors.
    pub(super) key: &'a [u8; 32],
}

impl Seal<'_> {
    fn associated(&self) -> String {
        format!("venn.cursor.1\n{}\n{}\n{}", self.kind, self.install, self.about)
    }

    fn nonce(&self, position: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(self.associated());
        hash.update([0]);
        hash.update(position);
        hash.finalize().iter().copied().take(NONCE_BYTES).collect()
    }

    /// A cursor for this position.
    pub(super) fn close(&self, position: &str) -> Result<String, StoreError> {
        let failed = |_| StoreError::Secret("sealing a cursor");
        let cipher = XChaCha20Poly1305::new_from_slice(self.key)
            .map_err(|_| StoreError::Secret("the key for cursors does not have 32 bytes"))?;
        let mut bytes = self.nonce(position);
        let nonce = XNonce::try_from(bytes.as_slice())
            .map_err(|_| StoreError::Secret("the nonce of a cursor"))?;
        let associated = self.associated();
        let payload = Payload { msg: position.as_bytes(), aad: associated.as_bytes() };
        bytes.extend(cipher.encrypt(&nonce, payload).map_err(failed)?);
        Ok(HEXLOWER.encode(&bytes))
    }

    /// The position in a cursor that was given out for exactly this.
    pub(super) fn open(&self, cursor: &str) -> Result<String, CursorError> {
        if cursor.len() > CURSOR_CHARS_MAX {
            return Err(CursorError::NotOurs);
        }
        let bytes = HEXLOWER.decode(cursor.as_bytes()).map_err(|_| CursorError::NotOurs)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(CursorError::NotOurs)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| CursorError::NotOurs)?;
        let cipher =
            XChaCha20Poly1305::new_from_slice(self.key).map_err(|_| CursorError::NotOurs)?;
        let associated = self.associated();
        let payload = Payload { msg: sealed, aad: associated.as_bytes() };
        let position = cipher.decrypt(&nonce, payload).map_err(|_| CursorError::NotOurs)?;
        String::from_utf8(position).map_err(|_| CursorError::NotOurs)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_as_it_was_given_out_and_for_what_it_was_given_out() {
        let install: InstallId = "ins_00000000000000000000000001".parse().unwrap();
        let other: InstallId = "ins_00000000000000000000000002".parse().unwrap();
        let (key, about) = ([7; 32], "par_1".to_owned());
        let seal = Seal { kind: "changes", install: &install, about, key: &key };
        let place = "42:acme.com";
        let cursor = seal.close(place).unwrap();
        assert_eq!(seal.open(&cursor).unwrap(), place);
        assert!(!cursor.contains("acme"), "the guest reads where it stands");
        let elsewhere = [
            Seal { kind: "find", ..seal.clone() },
            Seal { install: &other, ..seal.clone() },
            Seal { about: "par_2".to_owned(), ..seal.clone() },
            Seal { key: &[8; 32], ..seal.clone() },
        ];
        for other in elsewhere {
            assert_eq!(other.open(&cursor), Err(CursorError::NotOurs), "{other:?}");
        }
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open(&changed), Err(CursorError::NotOurs), "changed at {at}");
            assert_eq!(seal.open(&cursor[..at]), Err(CursorError::NotOurs), "cut at {at}");
        }
        for made_up in
            [cursor.to_uppercase(), format!("{cursor}00"), "é".repeat(48), "0".repeat(2_000)]
        {
            assert_eq!(seal.open(&made_up), Err(CursorError::NotOurs), "{made_up}");
        }
    }
}
