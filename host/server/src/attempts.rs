//! Attempts to log in: who has to wait, and for how long (`domain attempt`).
//!
//! Failures are counted per account and source, a source being an address, or a
//! browser in which that person has logged in before. So nobody's failures make
//! somebody else wait, who comes from elsewhere. One address may fail only so often,
//! whoever it tries; who has logged in from there before is not held to that. All the
//! browsers of one account together may fail no more often than that: many of them give
//! no more guesses than a few.
//!
//! Kept in the database: all servers on one count together.
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest as _, Sha256};
use venn_store::{
    StoreError,
    login_attempt::{Attempt, Source},
};

use crate::{app::App, password::Lane};

/// So many new sources at this server, and what is too much is forgotten at once: else
/// it is once an hour.
const SWEPT_AFTER: u64 = 10_000;

/// Sources that are new since it was last swept.
pub type New = Arc<AtomicU64>;

/// Which account is tried, whether or not there is one; hashed, so that its length
/// costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account(String);

impl Account {
    /// By what was typed.
    pub fn new(organization: &str, email: &str) -> Self {
        let hash = Sha256::new().chain_update(organization).chain_update(b"\0");
        let hash = hash.chain_update(email.to_lowercase()).finalize();
        Self(data_encoding::HEXLOWER.encode(&hash))
    }
}

/// In whose places the attempt's password is hashed.
pub const fn lane(attempt: &Attempt) -> Lane {
    if attempt.is_known { Lane::Known } else { Lane::Strangers }
}

impl App {
    /// Begins an attempt, or says how many milliseconds to wait before it is made. A
    /// browser is one that belongs to this very account.
    pub async fn begin_attempt(
        &self,
        account: Account,
        address: IpAddr,
        browser: Option<&str>,
    ) -> Result<Result<Attempt, u64>, StoreError> {
        let browser = browser.map(str::to_owned);
        let begun = self.store.begin_attempt(Source { account: account.0, address, browser });
        let begun = begun.await?;
        if begun.as_ref().is_ok_and(|attempt| attempt.is_new)
            && self.new_sources.fetch_add(1, Ordering::Relaxed) >= SWEPT_AFTER
        {
            self.new_sources.store(0, Ordering::Relaxed);
            self.store.sweep_login_attempts().await?;
        }
        Ok(begun)
    }
}
