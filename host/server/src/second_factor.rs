//! Second factors: time-based codes (RFC 6238) and recovery codes.
//!
//! A code is good for its half minute, the one before and the one after, and once: what
//! was used is kept (`store second_factor`), as is the secret, sealed.
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Totp};
use venn_domain::{
    id::{OrganizationId, UserId},
    limits,
    time::Timestamp,
};
use venn_store::second_factor::{SecondFactor, Shown, place};
use zeroize::Zeroizing;

use crate::{
    app::App,
    error::{ApiError, Code},
};

/// As many as HMAC-SHA-1 takes whole: what RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// How many recovery codes there are, and their bytes: 80 bits are not guessed.
const RECOVERY_BYTES: usize = 10;

/// What a device and we share. No `Debug`; wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A new one.
    pub fn make() -> std::io::Result<Self> {
        random::<SECRET_BYTES>().map(|bytes| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// One that a device was told.
    pub fn from_base32(text: &str) -> Option<Self> {
        Some(Self(Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?)))
    }

    /// To keep it.
    pub fn bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    /// As people type it.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// As a QR code says it.
    pub fn url(&self, account: &str) -> String {
        let account = utf8_percent_encode(account, NON_ALPHANUMERIC);
        format!("otpauth://totp/Venn:{account}?secret={}&issuer=Venn", self.base32())
    }

    /// The step whose code this is, near this moment.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        self.totp()?.check(&digits, seconds(now))
    }

    /// The code of a moment: what a device shows.
    pub fn code(&self, at: Timestamp) -> Option<String> {
        Some(self.totp()?.generate(seconds(at)).to_string())
    }

    fn totp(&self) -> Option<Totp> {
        // Six digits, half a minute, one step around: the library's and everyone's.
        Builder::new().with_secret(self.0.to_vec()).build().ok()
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1_000_000).unwrap_or(0)
}

/// Fresh recovery codes.
pub fn recovery_codes() -> std::io::Result<Vec<String>> {
    (0..limits::RECOVERY_CODES)
        .map(|_| random::<RECOVERY_BYTES>().map(|b| HEXLOWER.encode(&b)))
        .collect()
}

/// What is kept of one. They are drawn at random, so a plain hash does.
pub fn recovery_hash(code: &str) -> Vec<u8> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(code.to_ascii_lowercase().as_bytes()).to_vec()
}

fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

impl App {
    /// The secret of this version.
    pub async fn second_factor_secret(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        version: u64,
    ) -> Result<Secret, ApiError> {
        let place = place(organization, user, version);
        let opened = self.store.open_secret(&self.keys.encryption, &place).await?;
        Ok(Secret(Zeroizing::new(opened.expose().to_vec())))
    }

    /// What a text shows: perhaps a recovery code, or a device's.
    pub async fn shown(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        factor: &SecondFactor,
        code: &str,
    ) -> Result<Option<Shown>, ApiError> {
        let characters = code.chars().filter(char::is_ascii_alphanumeric).count();
        if characters == 2 * RECOVERY_BYTES {
            return Ok(Some(Shown::Recovery(recovery_hash(code))));
        }
        if !factor.has_secret {
            return Err(ApiError::new(
                Code::CodeNeeded,
                "This server lost its keys, and with them what your device is known by.",
                "Send one of your recovery codes as `code`, then remove the second factor and set it up anew; who has none left asks an admin of the organization.",
            ));
        }
        let secret = self.second_factor_secret(organization, user, factor.version).await?;
        Ok(secret.step_of(code, self.clock.now()).map(Shown::Step))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six digits.
        let secret = Secret(Zeroizing::new(b"12345678901234567890".to_vec()));
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(at(seconds)).as_deref(), Some(code));
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds.cast_unsigned() / 30));
        }
    }

    #[test]
    fn a_code_is_good_one_step_around_and_no_further() {
        let secret = Secret(Zeroizing::new(b"12345678901234567890".to_vec()));
        let code = secret.code(at(30_000)).unwrap();
        let good = |seconds| secret.step_of(&code, at(seconds)).is_some();
        assert!(!good(29_969) && good(29_970) && good(30_059) && !good(30_060));
        assert_eq!(
            secret.step_of(&format!(" {} {} ", &code[..3], &code[3..]), at(30_000)),
            Some(1_000)
        );
        for bad in ["", "12345", "1234567", "abcdef", "-12345", "１２３４５６"] {
            assert_eq!(secret.step_of(bad, at(30_000)), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_told_as_authenticators_read_it() {
        let secret = Secret(Zeroizing::new(b"12345678901234567890".to_vec()));
        assert_eq!(
            secret.url("ann+a@acme.example"),
            "otpauth://totp/Venn:ann%2Ba%40acme%2Eexample?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Venn"
        );
        let codes = recovery_codes().unwrap();
        assert_eq!((codes.len(), codes[0].len()), (10, 20));
        let spoken = format!("{}-{}", &codes[0][..10], codes[0][10..].to_uppercase());
        assert_eq!(recovery_hash(&spoken), recovery_hash(&codes[0]));
        assert_ne!(recovery_hash(&codes[0]), recovery_hash(&codes[1]));
    }
}
