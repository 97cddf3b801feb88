//! The secret that a sender signs with. There is none that is empty or guessed soon.
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Signature;
use crate::limits::{WEBHOOK_SECRET_BYTES as BYTES_MAX, WEBHOOK_SECRET_MIN as BYTES_MIN};

/// Before the base64 of a Standard Webhooks secret.
pub const PREFIX: &str = "whsec_";

/// A sender's secret. No `Debug`, no `Serialize`; wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no secret. Never with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// A line break was copied along, most often.
    #[error("it begins or ends with a blank, or has characters other than visible ASCII")]
    Hidden,
    /// Guessed too soon, or nothing at all.
    #[error("it has fewer than {BYTES_MIN} bytes")]
    Short,
    /// No sender has so long ones.
    #[error("it has more than {BYTES_MAX} bytes")]
    Long,
    /// Standard Webhooks writes its secrets so.
    #[error("it is not `{PREFIX}` with base64 after it")]
    NotBase64,
}

impl Secret {
    /// Reads a secret as the sender shows it.
    pub fn read(signature: Signature, text: &[u8]) -> Result<Self, BadSecret> {
        let is_plain = text.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        if !is_plain || text.trim_ascii() != text {
            return Err(BadSecret::Hidden);
        }
        let bytes = if signature == Signature::StandardWebhooks {
            let encoded = text.strip_prefix(PREFIX.as_bytes()).unwrap_or(text);
            BASE64.decode(encoded).map_err(|_| BadSecret::NotBase64)?
        } else {
            text.to_vec()
        };
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            ..BYTES_MIN => Err(BadSecret::Short),
            BYTES_MIN..=BYTES_MAX => Ok(Self(bytes)),
            _ => Err(BadSecret::Long),
        }
    }

    /// A secret of these random bytes, as a sender is told it.
    pub fn write(signature: Signature, random: &[u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(match signature {
            Signature::StandardWebhooks => format!("{PREFIX}{}", BASE64.encode(random)),
            _ => data_encoding::HEXLOWER.encode(random),
        })
    }

    /// The code of these parts, one after the other.
    fn code(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in parts {
            code.update(part);
        }
        Some(code)
    }

    /// Whether one of these tags is the code of these parts. Takes as long for a tag that
    /// is nearly right as for any other.
    pub(super) fn signed(&self, parts: &[&[u8]], tags: &[[u8; 32]]) -> bool {
        let Some(code) = self.code(parts) else { return false };
        let whole = code.finalize();
        tags.iter()
            .fold(false, |good, tag| good | (whole == hmac::digest::CtOutput::new((*tag).into())))
    }

    /// Whether this is the secret. Both go through a code first, so that neither content
    /// nor length shows in the time that it takes.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        let codes = self.code(&[text]).zip(self.code(&[&self.0]));
        codes.is_some_and(|(shown, own)| shown.finalize() == own.finalize())
    }
}
