//! Compiled components at rest, and the one place where they are loaded.
//!
//! An artifact is native code: who can change it can do anything. So it is
//! sealed under the host's key together with the component's digest, the
//! engine's compatibility hash and the processor, and the very bytes that were
//! checked are loaded, never a file.
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

use crate::{
    engine::compatibility,
    error::{LoadError, text},
};

/// Says what it is, so that a file of another kind is refused as such.
const MAGIC: &[u8] = b"venn-artifact-1\n";
const TAG_BYTES: usize = 32;

/// Seals what the compile child made.
pub(crate) struct Sealer {
    key: [u8; 32],
    compatibility: [u8; 32],
}

impl Sealer {
    pub(crate) fn new(key: [u8; 32], engine: &Engine) -> Self {
        Self { key, compatibility: compatibility(engine) }
    }

    /// What artifacts of this host are keyed by besides the digest.
    pub(crate) fn target(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.compatibility);
        hash.update(cpu());
        HEXLOWER.encode(&hash.finalize())
    }

    pub(crate) fn seal(&self, digest: &str, artifact: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(MAGIC.len() + TAG_BYTES + artifact.len());
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(&self.tag(digest, artifact));
        sealed.extend_from_slice(artifact);
        sealed
    }

    /// The artifact's bytes, if this host sealed them for this component.
    pub(crate) fn open<'a>(&self, digest: &str, sealed: &'a [u8]) -> Result<&'a [u8], LoadError> {
        let rest = sealed.strip_prefix(MAGIC).ok_or(LoadError::NotOurs)?;
        let (tag, artifact) = rest.split_at_checked(TAG_BYTES).ok_or(LoadError::NotOurs)?;
        let mut mac = self.mac(digest);
        mac.update(artifact);
        mac.verify_slice(tag).map_err(|_| LoadError::NotOurs)?;
        Ok(artifact)
    }

    fn tag(&self, digest: &str, artifact: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = self.mac(digest);
        mac.update(artifact);
        mac.finalize().into_bytes().into()
    }

    fn mac(&self, digest: &str) -> Hmac<Sha256> {
        // A key shorter than a block is padded with zeros: that is HMAC's own rule.
        let mut block = [0; 64];
        block.iter_mut().zip(self.key).for_each(|(to, byte)| *to = byte);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [digest.as_bytes(), &self.compatibility, cpu().as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// Loads an artifact that [`Sealer::open`] let through.
pub(crate) fn load(engine: &Engine, artifact: &[u8]) -> Result<Component, LoadError> {
    #[expect(
        unsafe_code,
        reason = "the bytes were made by our own child from a component of this digest and sealed under our key; they are checked and loaded without going through a file"
    )]
    // SAFETY: see the reason above; the caller passes what `Sealer::open` returned.
    let component = unsafe { Component::deserialize(engine, artifact) };
    component.map_err(|error| LoadError::Engine(text(&error)))
}

/// The processor's name and features: code compiled on one may fail on another.
fn cpu() -> &'static str {
    use std::sync::OnceLock;
    static CPU: OnceLock<String> = OnceLock::new();
    CPU.get_or_init(|| {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let of = |key: &str| {
            info.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned()
        };
        format!("{} {} {}", std::env::consts::ARCH, of("model name"), of("flags"))
    })
}

/// SHA-256 of a component, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::engine::{Role, engine};

    #[test]
    fn one_changed_bit_or_another_component_is_not_loaded() {
        let engine = engine(Role::Test).unwrap();
        let sealer = Sealer::new([1; 32], &engine);
        let kept = sealer.seal("aa", b"native code");
        assert_eq!(sealer.open("aa", &kept).unwrap(), b"native code");
        assert_eq!(sealer.open("ab", &kept), Err(LoadError::NotOurs));
        assert_eq!(Sealer::new([2; 32], &engine).open("aa", &kept), Err(LoadError::NotOurs));
        for at in 0..kept.len() {
            let mut changed = kept.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open("aa", &changed), Err(LoadError::NotOurs), "byte {at}");
        }
        for length in 0..kept.len() {
            assert_eq!(sealer.open("aa", &kept[..length]), Err(LoadError::NotOurs));
        }
    }
}
