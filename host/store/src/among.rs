//! How this server stands among others on one PostgreSQL database: whether it is alone
//! there, and whether it leads.
//!
//! Who is alone knows what there is to know of its own writes; who is not asks the
//! database. Both are known by locks of the writer's session, so that PostgreSQL gives
//! them back with it, and a clock is asked for neither:
//!
//! - [`SERVES`] has everybody who may serve beside others, shared: it says who is there.
//! - [`OWNS`] has who is alone, for itself; several share it. Whoever comes waits until
//!   the one who is alone has seen it and shares; that one confirms from then on.
//! - [`LEADS`] has one of them. It does the work that one does at a time; what it was at
//!   when it lost the lock is fenced where it is written.
//! - [`WRITES`] has each group of writes while it is under way, unless its writer is alone:
//!   of all servers one writes at a time, as if they had one writer.
//!
//! The embedded database has one server by the lock on its folder: it is alone, and leads.
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sqlx::AnyConnection;

use crate::StoreError;

/// The advisory locks: `venn` in ASCII, and what follows it.
pub(crate) const OWNS: i64 = 0x7665_6e6e;
const SERVES: i64 = OWNS + 1;
const LEADS: i64 = OWNS + 2;
const WRITES: i64 = OWNS + 3;

/// How often who waits for a lock looks.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// How a group begins where several write. What was committed before it had its turn it
/// sees, whatever isolation the database has by default.
pub(crate) const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(1986358897)";
const _: () = assert!(WRITES == 1_986_358_897, "the number in BEGIN");

/// How this server stands.
#[derive(Debug)]
pub(crate) struct Among {
    /// Whether it may serve beside others at all.
    beside: bool,
    alone: AtomicBool,
    leads: AtomicBool,
}

impl Among {
    /// One that has the database for itself, always.
    pub(crate) fn nobody() -> Self {
        Self { beside: false, alone: AtomicBool::new(true), leads: AtomicBool::new(true) }
    }

    /// One of several, perhaps; until it has joined it trusts nothing that it knows.
    pub(crate) fn others() -> Self {
        Self { beside: true, alone: AtomicBool::new(false), leads: AtomicBool::new(false) }
    }

    /// Whether nobody else writes. What was known before this was asked is the newest.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Acquire)
    }

    /// Whether the work that one server does at a time is this one's.
    pub(crate) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// The session is gone, and its locks with it. What was known is distrusted by whoever
    /// says this; whether it is alone is found out by joining again.
    pub(crate) fn left(&self) {
        if self.beside {
            self.leads.store(false, Ordering::Release);
        }
    }

    pub(crate) const fn beside(&self) -> bool {
        self.beside
    }

    /// Looks once for a place on the database: alone, or beside those who share it. False
    /// if there is none yet; who is alone has to see this session first.
    pub(crate) async fn try_join(&self, db: &mut AnyConnection) -> Result<bool, StoreError> {
        if locked(db, "SELECT pg_try_advisory_lock($1)", OWNS).await? {
            self.alone.store(true, Ordering::Release);
        } else if locked(db, "SELECT pg_try_advisory_lock_shared($1)", OWNS).await? {
            self.alone.store(false, Ordering::Release);
        } else {
            return Ok(false);
        }
        self.try_lead(db).await?;
        Ok(true)
    }

    /// Says that this session is there, so that who is alone shares.
    pub(crate) async fn come(&self, db: &mut AnyConnection) -> Result<(), StoreError> {
        locked(db, "SELECT pg_try_advisory_lock_shared($1)", SERVES).await?;
        Ok(())
    }

    /// Looks who is there. True if it has become alone just now: what was known before that
    /// is to be forgotten, and what is known from now on is the newest.
    pub(crate) async fn look(&self, db: &mut AnyConnection) -> Result<bool, StoreError> {
        if !self.beside {
            return Ok(false);
        }
        self.try_lead(db).await?;
        let is_alone = self.is_alone();
        if is_alone == (others(db).await? == 0) {
            return Ok(false);
        }
        if is_alone {
            // First of all: from here on this server confirms what it knows.
            self.alone.store(false, Ordering::Release);
            locked(db, "SELECT pg_try_advisory_lock_shared($1)", OWNS).await?;
            locked(db, "SELECT pg_advisory_unlock($1)", OWNS).await?;
            tracing::info!("store.among another server serves this database, too");
            return Ok(false);
        }
        if !locked(db, "SELECT pg_try_advisory_lock($1)", OWNS).await? {
            return Ok(false);
        }
        locked(db, "SELECT pg_advisory_unlock_shared($1)", OWNS).await?;
        tracing::info!("store.among no other server serves this database");
        Ok(true)
    }

    /// Nobody else writes, and what was known before is forgotten.
    pub(crate) fn set_alone(&self) {
        self.alone.store(true, Ordering::Release);
    }

    async fn try_lead(&self, db: &mut AnyConnection) -> Result<(), StoreError> {
        if !self.leads() && locked(db, "SELECT pg_try_advisory_lock($1)", LEADS).await? {
            self.leads.store(true, Ordering::Release);
            tracing::info!("store.among this server leads");
        }
        Ok(())
    }
}

/// What a function of locks says.
async fn locked(db: &mut AnyConnection, sql: &'static str, key: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(sql).bind(key).fetch_one(db).await?)
}

/// Other sessions that serve this database.
async fn others(db: &mut AnyConnection) -> Result<i64, StoreError> {
    let others = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
           AND l.classid = 0 AND CAST(l.objid AS bigint) = $1 AND l.pid <> pg_backend_pid()",
    );
    Ok(others.bind(SERVES).fetch_one(db).await?)
}

#[cfg(test)]
mod tests;
