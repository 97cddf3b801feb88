//! Hashing passwords: argon2id as OWASP asks for, on threads of its own, a few at once.
//!
//! Each hash takes 19 MiB and a processor for a while, and anybody may ask for one. So
//! few run at once, few wait, and those who have logged in here before have places of
//! their own: strangers can fill only the strangers' places.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::error::{ApiError, Code};

/// OWASP's second choice, and the first with p = 1 and little memory: m, t, p.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at once, for strangers and for those who were here before, each.
const AT_ONCE: usize = 2;
/// Who waits behind them: at a twentieth of a second each, a second and a half.
const WAITING: usize = 64;

/// Nobody's: what is checked where there is no password, so that the work is the same.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password on its way. Wiped when dropped.
#[derive(Clone, serde::Deserialize)]
#[serde(from = "String")]
pub struct Password(Zeroizing<String>);

impl From<String> for Password {
    /// The same letters are the same password, however a keyboard composes them.
    fn from(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self(Zeroizing::new(text.as_str().nfc().collect()))
    }
}

impl Password {
    /// The text, to judge it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// In whose places somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Nobody we know.
    Strangers,
    /// Somebody who has logged in from here before, or is logged in.
    Known,
}

/// A lane's places.
struct Places {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
        }
    }
}

/// Where passwords are hashed.
#[derive(Default)]
pub struct Hashing {
    strangers: Places,
    known: Places,
    done: AtomicU64,
}

impl Hashing {
    /// Hashes a new password.
    pub async fn hash(&self, lane: Lane, password: Password) -> Result<String, ApiError> {
        self.work(lane, move || {
            let hash = argon2()?.hash_password(password.0.as_bytes());
            Ok(hash.map_err(|error| ApiError::internal(error.to_string()))?.to_string())
        })
        .await
    }

    /// Whether a password is the one that is kept. Where none is kept the answer is no
    /// and the work the same.
    pub async fn verify(
        &self,
        lane: Lane,
        password: Password,
        kept: Option<String>,
    ) -> Result<bool, ApiError> {
        let kept = kept.unwrap_or_else(|| NOBODYS.to_owned());
        self.work(lane, move || {
            Ok(argon2()?.verify_password(password.0.as_bytes(), kept.as_str()).is_ok())
        })
        .await
    }

    /// How many hashes were computed.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn work<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permits = self.place(lane).await?;
        self.done.fetch_add(1, Ordering::Relaxed);
        // The places are held by the work, not by who waits for it: who hangs up and
        // comes again gets no more of them.
        let work = move || {
            let _permits = permits;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?
    }

    async fn place(
        &self,
        lane: Lane,
    ) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), ApiError> {
        let places = match lane {
            Lane::Strangers => &self.strangers,
            Lane::Known => &self.known,
        };
        let waiting = places.waiting.clone().try_acquire_owned().map_err(|_| {
            let detail = "Too many people log in at this moment.";
            ApiError::new(Code::Busy, detail, "Try again in a few seconds.")
        })?;
        let working = places.working.clone().acquire_owned().await.map_err(ApiError::internal)?;
        Ok((waiting, working))
    }
}

fn argon2() -> Result<Argon2<'static>, ApiError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        text.to_owned().into()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let hashing = Hashing::default();
        let kept = hashing.hash(Lane::Strangers, password("zwölf Zeichen")).await.unwrap();
        let fits = async |text: &str, kept: &str| {
            let kept = Some(kept.to_owned());
            hashing.verify(Lane::Known, password(text), kept).await.unwrap()
        };
        assert!(fits("zwölf Zeichen", &kept).await);
        // The same letters, composed otherwise.
        assert!(fits("zwo\u{308}lf Zeichen", &kept).await);
        assert!(!fits("zwölf Zeichen ", &kept).await);
        assert!(!fits("zwölf Zeichen", NOBODYS).await);
        assert!(!fits("zwölf Zeichen", "nonsense").await);
        assert!(!hashing.verify(Lane::Strangers, password(""), None).await.unwrap());
        // Nobody's takes the same work: it has the same parameters.
        let head = |text: &str| text.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(head(&kept), head(NOBODYS));
        assert_eq!(kept.len(), NOBODYS.len());
        assert_eq!(hashing.done(), 7);
    }

    #[tokio::test]
    async fn strangers_fill_only_their_own_places() {
        let hashing = Hashing::default();
        let held = hashing.strangers.waiting.clone();
        let all = u32::try_from(held.available_permits()).unwrap();
        let _held = held.acquire_many_owned(all).await.unwrap();
        let refused = hashing.verify(Lane::Strangers, password("x"), None).await.unwrap_err();
        assert_eq!(refused.code, Code::Busy);
        assert!(!hashing.verify(Lane::Known, password("x"), None).await.unwrap());
        assert_eq!(hashing.done(), 1);
    }
}
