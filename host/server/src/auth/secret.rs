//! Texts that are told once: a prefix, an id without its own, and 256 random bits.
//! What is kept is a hash of the last part.
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes in the secret part.
const BYTES: usize = 32;

/// A new text for an id, and the hash of its secret part.
pub fn make(prefix: &str, id: &str) -> std::io::Result<(String, Vec<u8>)> {
    let mut secret = [0_u8; BYTES];
    getrandom::fill(&mut secret).map_err(|error| std::io::Error::other(error.to_string()))?;
    let secret = data_encoding::HEXLOWER.encode(&secret);
    let (_, bare) = id.split_once('_').unwrap_or(("", id));
    Ok((format!("{prefix}_{bare}_{secret}"), hash(&secret)))
}

/// Splits a text into the id, without its prefix, and the secret part.
pub fn split<'t>(prefix: &str, text: &'t str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(prefix)?.strip_prefix('_')?.split_once('_')
}

/// What is kept of a secret part.
fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Whether a secret part is the one whose hash is kept, in the same time for all.
pub fn fits(secret: &str, kept: &[u8]) -> bool {
    hash(secret).ct_eq(kept).into()
}
