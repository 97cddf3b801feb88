//! Ed25519, in the one place that does it: publishers' keys and signatures, and
//! the host's seal on what it took of them.
//!
//! A private key is a PKCS#8 PEM file as openssl writes and reads it; it never
//! leaves the publisher's machine. The texts that are signed are the domain's
//! (`signing`). The seal is the host's HMAC over the row that was checked: the
//! database alone is not enough to make a key or a date that is believed.
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use venn_domain::{
    id::{OrganizationId, SigningKeyId},
    signing::Statement,
    time::Timestamp,
};
use venn_store::{
    blob,
    release::{Proof, Signature},
};
use zeroize::Zeroizing;

use crate::keys::Keys;

/// What stands before the seed in the PKCS#8 form of an Ed25519 key (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Bytes of a public key, and of a private one's seed.
const KEY_BYTES: usize = 32;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// A private key. No `Debug`.
pub struct PrivateKey {
    seed: Zeroizing<[u8; KEY_BYTES]>,
    pair: Ed25519KeyPair,
}

/// Why there is no private key; never with its value.
#[derive(Debug, thiserror::Error)]
pub enum PrivateKeyError {
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
    /// Not what openssl writes for Ed25519.
    #[error("it is not an Ed25519 private key as `openssl genpkey -algorithm ed25519` writes it")]
    Form,
}

impl PrivateKey {
    /// A new one.
    pub fn make() -> Result<Self, PrivateKeyError> {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *seed).map_err(PrivateKeyError::Random)?;
        Self::of_seed(seed)
    }

    fn of_seed(seed: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, PrivateKeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| PrivateKeyError::Form)?;
        Ok(Self { seed, pair })
    }

    /// Reads a PEM file.
    pub fn read(pem: &str) -> Result<Self, PrivateKeyError> {
        let body = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body: Zeroizing<String> =
            Zeroizing::new(body.ok_or(PrivateKeyError::Form)?.split_whitespace().collect());
        let der = BASE64.decode(body.as_bytes()).map_err(|_| PrivateKeyError::Form)?;
        let der = Zeroizing::new(der);
        let seed = der.strip_prefix(&PKCS8).and_then(|seed| seed.try_into().ok());
        Self::of_seed(Zeroizing::new(seed.ok_or(PrivateKeyError::Form)?))
    }

    /// The PEM file.
    pub fn pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([PKCS8.as_slice(), self.seed.as_slice()].concat());
        let body = Zeroizing::new(BASE64.encode(&der));
        Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", body.as_str()))
    }

    /// The public half, hex.
    pub fn public_key(&self) -> String {
        HEXLOWER.encode(self.pair.public_key().as_ref())
    }

    /// The signature of a text, hex.
    pub fn sign(&self, text: &str) -> String {
        HEXLOWER.encode(self.pair.sign(text.as_bytes()).as_ref())
    }
}

/// Whether this is a public key by its form: 64 lower-case hexadecimal digits.
pub fn is_public_key(text: &str) -> bool {
    HEXLOWER.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// Whether the private half of this key signed this text.
pub fn verify(public_key: &str, text: &str, signature: &str) -> bool {
    let (Ok(key), Ok(signature)) =
        (HEXLOWER.decode(public_key.as_bytes()), HEXLOWER.decode(signature.as_bytes()))
    else {
        return false;
    };
    key.len() == KEY_BYTES
        && signature.len() == SIGNATURE_BYTES
        && UnparsedPublicKey::new(&ED25519, key).verify(text.as_bytes(), &signature).is_ok()
}

fn seal(keys: &Keys, label: &str, parts: &[&str]) -> Vec<u8> {
    // Padded to SHA-256's block, as HMAC does by itself.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(keys.signing).for_each(|(to, from)| *to = from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    // Each part with its length: no two lists of parts look the same.
    for part in std::iter::once(&label).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().to_vec()
}

/// The seal of a key as it is registered, or as it is after its revocation.
pub fn seal_key(
    keys: &Keys,
    id: &SigningKeyId,
    organization: &OrganizationId,
    public_key: &str,
    distrusted_from: Option<Timestamp>,
) -> Vec<u8> {
    let from = distrusted_from.map(|at| at.to_string()).unwrap_or_default();
    seal(keys, "venn signing key", &[id.as_str(), organization.as_str(), public_key, &from])
}

/// The seal of a signature: whose, of what, and when it was taken.
pub fn seal_signature(
    keys: &Keys,
    statement: &str,
    key: &SigningKeyId,
    signature: &str,
    signed_at: Timestamp,
) -> Vec<u8> {
    let at = signed_at.to_string();
    seal(keys, "venn release signature", &[statement, key.as_str(), signature, &at])
}

/// Why a release is not what its publisher signed, or not what we took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Tampered {
    /// There is no signature.
    #[error("the release has no signature")]
    Unsigned,
    /// The key is another organization's.
    #[error("the key of the signature is not the publisher's")]
    ForeignKey,
    /// The key's row is not the one that we wrote.
    #[error("the signing key's record is not the one that this host wrote")]
    Key,
    /// The signature's row is not the one that we wrote.
    #[error("the signature's record is not the one that this host wrote")]
    Signature,
    /// The signature is of something else.
    #[error("the signature is not of this component, manifest, plugin and version")]
    Statement,
}

/// The statement that a stored release must have been signed with.
pub fn statement_of(proof: &Proof) -> Statement {
    Statement {
        organization: proof.publisher.clone(),
        plugin: proof.plugin.clone(),
        version: proof.version.clone(),
        component: proof.digest.clone(),
        manifest: blob::digest(proof.manifest.as_bytes()),
    }
}

/// The seal of a stored signature, if its key is the publisher's and it is of this
/// release: where the seal before was lost with its key.
pub fn seal_again(keys: &Keys, proof: &Proof) -> Result<Vec<u8>, Tampered> {
    let s = proof.signature.as_ref().ok_or(Tampered::Unsigned)?;
    if s.key_organization != proof.publisher {
        return Err(Tampered::ForeignKey);
    }
    let statement = statement_of(proof).text();
    if !verify(&s.public_key, &statement, &s.signature) {
        return Err(Tampered::Statement);
    }
    Ok(seal_signature(keys, &statement, &s.key, &s.signature, s.signed_at))
}

/// Whether a stored release is what its publisher signed and we took.
pub fn verify_proof(keys: &Keys, proof: &Proof) -> Result<(), Tampered> {
    verify_signed(keys, &statement_of(proof), proof.signature.as_ref())
}

/// Whether this signature is the publisher's, of this statement, and as we took it.
pub fn verify_signed(
    keys: &Keys,
    statement: &Statement,
    signature: Option<&Signature>,
) -> Result<(), Tampered> {
    let s = signature.ok_or(Tampered::Unsigned)?;
    if s.key_organization != statement.organization {
        return Err(Tampered::ForeignKey);
    }
    let key = seal_key(keys, &s.key, &s.key_organization, &s.public_key, s.distrusted_from);
    if !bool::from(key.ct_eq(&s.key_seal)) {
        return Err(Tampered::Key);
    }
    let statement = statement.text();
    if !verify(&s.public_key, &statement, &s.signature) {
        return Err(Tampered::Statement);
    }
    let signature = seal_signature(keys, &statement, &s.key, &s.signature, s.signed_at);
    if !bool::from(signature.ct_eq(&s.seal)) {
        return Err(Tampered::Signature);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_file_and_signs_as_rfc_8032_says() {
        // RFC 8032, section 7.1, test 1: the empty message.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed: [u8; 32] = HEXLOWER.decode(seed.as_bytes()).unwrap().try_into().unwrap();
        let key = PrivateKey::of_seed(Zeroizing::new(seed)).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!((key.public_key().as_str(), key.sign("").as_str()), (public, signature));
        let again = PrivateKey::read(&key.pem()).unwrap();
        assert_eq!(again.public_key(), public);
        assert!(verify(public, "", signature));
        assert!(!verify(public, "x", signature));
        assert!(!verify(public, "", &signature.replace('e', "f")));
        assert!(!verify(public, "", &signature.to_uppercase()));
        assert!(!verify("", "", ""));
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_being_shown() {
        let key = PrivateKey::make().unwrap().pem();
        for text in ["", "secret", &key.replace("PRIVATE", "PUBLIC"), &key.replace("MC4C", "MC5C")]
        {
            let error = PrivateKey::read(text).err().unwrap().to_string();
            assert_eq!(
                error,
                "it is not an Ed25519 private key as `openssl genpkey -algorithm ed25519` writes it"
            );
        }
    }
}
