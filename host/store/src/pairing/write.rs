//! Writing a paired batch: only what differs from what is stored, in one
//! transaction with one change number and the events that tell of it.
//!
//! If nothing differs, no number is taken and only the work is struck off.
use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;
use venn_domain::{
    id::{OverlapId, PartnershipId},
    lineage::Lineage,
};

use super::{Batch, PairingAccount, Told, cause, next_change_no, notify_installs};
use crate::{Store, StoreError, crash, row::Row};

/// Two accounts that pairing found to be one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPair {
    /// The left account's id.
    pub left: String,
    /// The right account's id.
    pub right: String,
    /// `host-and-name`, `host`, `name`, `similar`, `confirmed` or `linked`.
    pub evidence: &'static str,
    /// `sure` or `likely`.
    pub confidence: &'static str,
}

/// An account without a counterpart, on a domain that both sides have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FoundUnpaired {
    /// The account's id.
    pub account: String,
    /// Its domain.
    pub domain: String,
    /// It is of the left side.
    pub is_left: bool,
}

/// What pairing found for a batch: everything, not only what is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// All pairs of the batch's domains, and all pairs across domains of the
    /// whole partnership.
    pub pairs: Vec<FoundPair>,
    /// What is left over on the batch's domains.
    pub unpaired: Vec<FoundUnpaired>,
}

/// What came of writing a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Overlaps that are new, or stand again.
    pub added: u64,
    /// Overlaps of which something changed.
    pub changed: u64,
    /// Overlaps that are gone.
    pub removed: u64,
    /// Deliveries that were made; if any, ring `wake.deliveries`.
    pub deliveries: u64,
}

/// A stored overlap that stands, as far as pairing compares it.
struct Stored {
    id: String,
    domain: String,
    evidence: String,
    confidence: String,
    left: Seen,
    right: Seen,
}

/// An account as an overlap last saw it.
#[derive(PartialEq, Eq)]
struct Seen {
    population: String,
    rev: Vec<u8>,
}

type Key = (String, String);

impl Store {
    /// Writes what pairing found for the taken domains.
    pub async fn write_pairing(&self, batch: Batch, found: Found) -> Result<Written, StoreError> {
        let store = self.clone();
        let written = self
            .write_data(move |connection| {
                Box::pin(async move { write(&store, connection, &batch, &found).await })
            })
            .await?;
        crash::point("pairing.committed");
        Ok(written)
    }
}

async fn write(
    store: &Store,
    connection: &mut AnyConnection,
    batch: &Batch,
    found: &Found,
) -> Result<Written, StoreError> {
    let id = &batch.partnership;
    if !is_current(connection, batch).await? {
        return Ok(Written::default());
    }
    write_unpaired(connection, id, &found.unpaired).await?;
    let stored = stored(connection, id).await?;
    let changes = compare(batch, found, &stored);
    let lineage = lineage(connection, id).await?;
    // Only now: what was taken says above which rows are looked at.
    sqlx::query("DELETE FROM pairing_taken WHERE partnership_id = $1")
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
    cause::forget_if_done(connection, id).await?;
    if changes.upserts.is_empty() && changes.removed.is_empty() {
        return Ok(Written::default());
    }
    let number = next_change_no(connection, id).await?;
    for upsert in &changes.upserts {
        write_pair(store, connection, id, upsert, number).await?;
    }
    for overlap in &changes.removed {
        sqlx::query("UPDATE overlap SET live = 0, change_no = $2 WHERE id = $1")
            .bind((*overlap).to_owned())
            .bind(number)
            .execute(&mut *connection)
            .await?;
    }
    let deliveries =
        notify_installs(store, connection, id, number, Told::Everyone, &lineage).await?;
    crash::point("pairing.before-commit");
    let added = changes.upserts.iter().filter(|upsert| upsert.is_new).count() as u64;
    Ok(Written {
        added,
        changed: changes.upserts.len() as u64 - added,
        removed: changes.removed.len() as u64,
        deliveries,
    })
}

/// The runs that led to what was taken.
async fn lineage(
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<Lineage, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT partnership_id, lineage FROM pairing_taken
         WHERE partnership_id = $1 AND lineage_runs > 0",
    )
    .bind(id.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().try_fold(Lineage::default(), |all, row| {
        Ok(all.with(&Row::new("pairing_taken", row).json("lineage")?))
    })
}

/// The partnership stands, and nobody else wrote what was taken.
async fn is_current(connection: &mut AnyConnection, batch: &Batch) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT p.state, p.pairing_no,
             (SELECT COUNT(*) FROM pairing_taken t WHERE t.partnership_id = p.id) AS taken
         FROM partnership p WHERE p.id = $1",
    )
    .bind(batch.partnership.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let row = Row::new("partnership", &row);
    let is_ours = row.count("pairing_no")? == batch.number && row.count("taken")? == batch.taken;
    Ok(row.text("state")? == "active" && batch.taken > 0 && is_ours)
}

/// Which stored overlaps a batch decides about: those on its domains, and
/// those of decided pairs that are of no one domain (any more). CROSS JOIN,
/// because SQLite keeps its order: JOIN walks all overlaps per batch.
const STORED: [&str; 2] = [
    "SELECT o.id, o.left_account, o.right_account, o.domain, o.evidence, o.confidence,
         o.left_population, o.right_population, o.left_rev, o.right_rev
     FROM pairing_taken t CROSS JOIN overlap o
     WHERE t.partnership_id = $1 AND o.live = 1
         AND o.partnership_id = t.partnership_id AND o.domain = t.domain",
    "SELECT o.id, o.left_account, o.right_account, o.domain, o.evidence, o.confidence,
         o.left_population, o.right_population, o.left_rev, o.right_rev
     FROM pairing_decision d CROSS JOIN overlap o
         LEFT JOIN account l ON l.id = o.left_account
         LEFT JOIN account r ON r.id = o.right_account
     WHERE d.partnership_id = $1 AND o.live = 1 AND o.partnership_id = d.partnership_id
         AND o.left_account = d.left_account AND o.right_account = d.right_account
         AND (l.id IS NULL OR r.id IS NULL OR l.domain <> r.domain OR l.domain = '')",
];

async fn stored(
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<HashMap<Key, Stored>, StoreError> {
    let mut all = HashMap::new();
    for sql in STORED {
        let rows = sqlx::query(sql).bind(id.to_string()).fetch_all(&mut *connection).await?;
        for row in &rows {
            let row = Row::new("overlap", row);
            let stored = Stored {
                id: row.text("id")?,
                domain: row.text("domain")?,
                evidence: row.text("evidence")?,
                confidence: row.text("confidence")?,
                left: Seen { population: row.text("left_population")?, rev: row.blob("left_rev")? },
                right: Seen {
                    population: row.text("right_population")?,
                    rev: row.blob("right_rev")?,
                },
            };
            all.insert((row.text("left_account")?, row.text("right_account")?), stored);
        }
    }
    Ok(all)
}

/// A pair that is new, stands again, or of which something changed.
struct Upsert<'a> {
    pair: &'a FoundPair,
    left: &'a PairingAccount,
    right: &'a PairingAccount,
    domain: &'a str,
    is_new: bool,
}

#[derive(Default)]
struct Changes<'a> {
    upserts: Vec<Upsert<'a>>,
    removed: Vec<&'a str>,
}

fn compare<'a>(
    batch: &'a Batch,
    found: &'a Found,
    stored: &'a HashMap<Key, Stored>,
) -> Changes<'a> {
    let by_id = |one: &'a [PairingAccount], two: &'a [PairingAccount]| -> HashMap<&str, _> {
        one.iter().chain(two).map(|account| (account.id.as_str(), account)).collect()
    };
    let lefts = by_id(&batch.left, &batch.tied_left);
    let rights = by_id(&batch.right, &batch.tied_right);
    let mut changes = Changes::default();
    let mut standing = HashSet::new();
    for pair in &found.pairs {
        // A pair of accounts that are not in the batch is not one of this batch.
        let (Some(left), Some(right)) =
            (lefts.get(pair.left.as_str()), rights.get(pair.right.as_str()))
        else {
            continue;
        };
        // A pair across domains lies on the left one's, if it has one.
        let domain = if left.domain.is_empty() { &right.domain } else { &left.domain };
        let old = stored.get(&(pair.left.clone(), pair.right.clone()));
        if let Some(old) = old {
            standing.insert(old.id.as_str());
        }
        if !old.is_some_and(|old| old.is_same(pair, left, right, domain)) {
            changes.upserts.push(Upsert { pair, left, right, domain, is_new: old.is_none() });
        }
    }
    let gone = stored.values().map(|old| old.id.as_str()).filter(|id| !standing.contains(id));
    changes.removed = gone.collect();
    changes.removed.sort_unstable();
    changes
}

impl Stored {
    fn is_same(
        &self,
        pair: &FoundPair,
        left: &PairingAccount,
        right: &PairingAccount,
        domain: &str,
    ) -> bool {
        let seen = |seen: &Seen, now: &PairingAccount| {
            seen.population == now.population && seen.rev == now.rev
        };
        self.domain == domain
            && self.evidence == pair.evidence
            && self.confidence == pair.confidence
            && seen(&self.left, left)
            && seen(&self.right, right)
    }
}

/// A pair that stood before keeps its id: also one that was gone meanwhile,
/// and one whose two accounts moved to another domain together.
async fn write_pair(
    store: &Store,
    connection: &mut AnyConnection,
    id: &PartnershipId,
    upsert: &Upsert<'_>,
    number: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO overlap (id, partnership_id, left_account, right_account, domain, evidence,
             confidence, left_population, right_population, left_rev, right_rev, live, paired_at,
             added_no, change_no)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $13)
         ON CONFLICT (partnership_id, left_account, right_account) DO UPDATE SET
             domain = excluded.domain, evidence = excluded.evidence,
             confidence = excluded.confidence, left_population = excluded.left_population,
             right_population = excluded.right_population, left_rev = excluded.left_rev,
             right_rev = excluded.right_rev, live = 1, change_no = excluded.change_no,
             added_no = CASE WHEN overlap.live = 1 THEN overlap.added_no
                             ELSE excluded.added_no END",
    )
    .bind(OverlapId::make(store.ids()).to_string())
    .bind(id.to_string())
    .bind(upsert.pair.left.clone())
    .bind(upsert.pair.right.clone())
    .bind(upsert.domain.to_owned())
    .bind(upsert.pair.evidence)
    .bind(upsert.pair.confidence)
    .bind(upsert.left.population.clone())
    .bind(upsert.right.population.clone())
    .bind(upsert.left.rev.clone())
    .bind(upsert.right.rev.clone())
    .bind(store.now().0)
    .bind(number)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the leftovers of the taken domains what was found.
async fn write_unpaired(
    connection: &mut AnyConnection,
    id: &PartnershipId,
    found: &[FoundUnpaired],
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT u.account_id, u.domain, u.is_left FROM pairing_taken t CROSS JOIN unpaired u
         WHERE t.partnership_id = $1
             AND u.partnership_id = t.partnership_id AND u.domain = t.domain",
    )
    .bind(id.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let mut before = HashSet::new();
    for row in &rows {
        let row = Row::new("unpaired", row);
        before.insert(FoundUnpaired {
            account: row.text("account_id")?,
            domain: row.text("domain")?,
            is_left: row.truth("is_left")?,
        });
    }
    let now: HashSet<_> = found.iter().cloned().collect();
    for gone in before.difference(&now) {
        sqlx::query(
            "DELETE FROM unpaired WHERE partnership_id = $1 AND account_id = $2 AND domain = $3",
        )
        .bind(id.to_string())
        .bind(gone.account.clone())
        .bind(gone.domain.clone())
        .execute(&mut *connection)
        .await?;
    }
    for new in now.difference(&before) {
        sqlx::query(
            "INSERT INTO unpaired (partnership_id, account_id, domain, is_left)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (partnership_id, account_id) DO UPDATE SET domain = excluded.domain",
        )
        .bind(id.to_string())
        .bind(new.account.clone())
        .bind(new.domain.clone())
        .bind(i64::from(new.is_left))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
