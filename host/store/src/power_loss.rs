//! The power fails: what was not synced is cut off at every place, and what was answered is
//! there all the same. The embedded database's; a server's disk is the server's.
//!
//! SQLite syncs its log before a commit is answered (`synchronous = FULL`). What the log had
//! at an answer is therefore on the disk; what came later is there, cut off, zeroed or full
//! of what lay on the disk before.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use std::{fs, path::Path};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use venn_domain::id::{OrganizationId, UserId};

use crate::{
    Store,
    testing::{Chance, TestStore, settings},
};

/// Writes that are answered, of some pages each.
const WRITES: usize = 6;

/// A frame of the log: its header, and a page.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + 4_096;

/// Offsets that are tried within a page, all of which are alike: with `VENN_LARGE` ten times
/// as many, which takes minutes.
fn stride() -> usize {
    if std::env::var_os("VENN_LARGE").is_some() { 97 } else { 977 }
}

/// What lay on the disk at some moment.
struct Disk {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Disk {
    fn of(folder: &Path) -> Self {
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        Self { database: read("venn.db"), log: read("venn.db-wal") }
    }

    fn put(&self, folder: &Path) {
        let _ = fs::remove_file(folder.join("venn.db-shm"));
        fs::write(folder.join("venn.db"), &self.database).unwrap();
        fs::write(folder.join("venn.db-wal"), &self.log).unwrap();
    }
}

/// A store on which writes were answered; and how long the log was at each answer.
struct Written {
    store: TestStore,
    organization: OrganizationId,
    answered: Vec<usize>,
}

impl Written {
    async fn new() -> Option<Self> {
        let store = TestStore::open().await;
        if !store.is_embedded() {
            return None;
        }
        let organization = store.organization("acme", "customer").await;
        // From here on the log is the writes alone.
        moved(store.folder(), "TRUNCATE").await;
        let mut written = Self { store, organization, answered: Vec::new() };
        for _ in 0..WRITES {
            written.more().await;
        }
        Some(written)
    }

    /// One write: a row, and its entry in the audit.
    async fn more(&mut self) {
        let key = format!("key-{}", self.answered.len());
        let actor = UserId::make(self.store.ids());
        self.store.create_population(&self.organization, &key, &key, &actor).await.unwrap();
        self.answered.push(Disk::of(self.store.folder()).log.len());
    }

    /// How many writes must be there if the log is on the disk up to this.
    fn due(&self, bytes: usize) -> usize {
        self.answered.iter().filter(|end| **end <= bytes).count()
    }
}

/// Moves the log into the database, as SQLite does by itself now and then.
async fn moved(folder: &Path, how: &str) {
    let options = SqliteConnectOptions::new().filename(folder.join("venn.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let checkpoint = sqlx::AssertSqlSafe(format!("PRAGMA wal_checkpoint({how})"));
    sqlx::query(checkpoint).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// How many rows there are, with how many entries; nothing is torn.
async fn counted(folder: &Path) -> (usize, usize) {
    let options = SqliteConnectOptions::new().filename(folder.join("venn.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let torn: String =
        sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(torn, "ok");
    let count = async |connection: &mut SqliteConnection, sql: &'static str| {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(connection).await.unwrap();
        usize::try_from(count).unwrap()
    };
    let rows = "SELECT COUNT(*) FROM population WHERE key LIKE 'key-%'";
    let entries = "SELECT COUNT(*) FROM audit WHERE action = 'population.created'";
    let counts = (count(&mut connection, rows).await, count(&mut connection, entries).await);
    connection.close().await.unwrap();
    counts
}

fn cut(log: &[u8], at: usize) -> Vec<u8> {
    log[..at].to_vec()
}

fn zeroed(log: &[u8], at: usize) -> Vec<u8> {
    let mut log = log.to_vec();
    log[at..].fill(0);
    log
}

/// The page that was being written is half of it what lay there before.
fn garbled(log: &[u8], at: usize) -> Vec<u8> {
    let mut log = log.to_vec();
    for (place, byte) in log[at..].iter_mut().enumerate() {
        *byte ^= u8::try_from(place % 251).unwrap_or(0) | 1;
    }
    log
}

#[tokio::test]
async fn what_was_answered_is_there_wherever_the_log_is_cut_off() {
    let Some(written) = Written::new().await else { return };
    let disk = Disk::of(written.store.folder());
    assert_eq!(disk.log.len(), *written.answered.last().unwrap());
    let is_tried = |at: &usize| {
        let within = at.saturating_sub(LOG_HEADER) % FRAME;
        *at <= LOG_HEADER || within <= FRAME_HEADER || within.is_multiple_of(stride())
    };
    let folder = tempfile::tempdir().unwrap();
    for at in (0..=disk.log.len()).filter(is_tried) {
        for damage in [cut, zeroed, garbled] {
            let after = Disk { database: disk.database.clone(), log: damage(&disk.log, at) };
            after.put(folder.path());
            let (rows, entries) = counted(folder.path()).await;
            assert_eq!(rows, entries, "half a write, at {at}");
            assert!(rows >= written.due(at), "an answered write is gone, at {at}");
        }
    }
}

#[tokio::test]
async fn our_store_opens_what_a_power_loss_left_and_goes_on() {
    let Some(written) = Written::new().await else { return };
    let disk = Disk::of(written.store.folder());
    for (number, end) in written.answered.iter().enumerate() {
        for at in [end - 1, *end, (end + FRAME / 2).min(disk.log.len())] {
            let folder = tempfile::tempdir().unwrap();
            let after = Disk { database: disk.database.clone(), log: cut(&disk.log, at) };
            after.put(folder.path());
            let store = Store::open(settings(folder.path())).await.unwrap();
            let populations =
                store.populations(&written.organization, None, 100).await.unwrap().items;
            let ours = populations.iter().filter(|one| one.key.starts_with("key-")).count();
            assert_eq!(ours, number + usize::from(at >= *end), "{at} of {end}");
            let verified = store.verify_audit(&written.organization, None).await.unwrap();
            assert_eq!(verified.broken, None);
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_power_loss_while_the_log_is_moved_into_the_database_loses_nothing() {
    let Some(written) = Written::new().await else { return };
    let before = Disk::of(written.store.folder());
    moved(written.store.folder(), "PASSIVE").await;
    let after = Disk::of(written.store.folder());
    assert!(before.database != after.database, "nothing was moved");
    assert_eq!(before.log, after.log, "the log stays until all of it is moved");
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(9);
    for _ in 0..200 {
        // Of the pages that were moved some are on the disk, and one half of one.
        let mut database = before.database.clone();
        database.resize(after.database.len().max(before.database.len()), 0);
        for (page, new) in after.database.chunks(4_096).enumerate() {
            let written = match chance.below(5) {
                0 | 1 => new.len(),
                2 => new.len() / 2,
                _ => 0,
            };
            let at = page * 4_096;
            database[at..at + written].copy_from_slice(&new[..written]);
        }
        Disk { database, log: before.log.clone() }.put(folder.path());
        assert_eq!(counted(folder.path()).await, (WRITES, WRITES));
    }
}
