//! Taking a batch of domains, and reading what pairing them needs.
//!
//! Memory is bounded by the batch: accounts come by joins against the taken
//! domains. Decisions come whole, because a later one can undo an earlier one
//! of another domain; people made them one by one, so there are few.
use sqlx::{AnyConnection, Connection as _};
use venn_domain::id::PartnershipId;

use super::decision::DecisionKind;
use crate::{Store, StoreError, crash, row::Row};

/// An account as pairing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingAccount {
    /// The account's id.
    pub id: String,
    /// Name, as the CRM has it.
    pub name: String,
    /// Website, as the CRM has it.
    pub website: String,
    /// Registrable domain; empty if it has none.
    pub domain: String,
    /// The population's key.
    pub population: String,
    /// Hash of what the partner may see change.
    pub rev: Vec<u8>,
}

/// What a person decided about a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairDecision {
    /// The left account's id.
    pub left: String,
    /// The right account's id.
    pub right: String,
    /// What was decided.
    pub kind: DecisionKind,
}

/// All that pairing some domains of one partnership needs.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The partnership.
    pub partnership: PartnershipId,
    /// Accounts of the left side on the domains of the batch.
    pub left: Vec<PairingAccount>,
    /// Accounts of the right side on the domains of the batch.
    pub right: Vec<PairingAccount>,
    /// Every decision of the partnership, oldest first.
    pub decisions: Vec<PairDecision>,
    /// Existing left accounts that a decision ties to another, on any domain.
    pub tied_left: Vec<PairingAccount>,
    /// Existing right accounts that a decision ties to another, on any domain.
    pub tied_right: Vec<PairingAccount>,
    /// How many domains were taken.
    pub(crate) taken: u64,
    /// Which taking it was: somebody else's is another one.
    pub(crate) number: u64,
}

impl Batch {
    /// How many domains are in the batch.
    pub const fn domains(&self) -> u64 {
        self.taken
    }
}

impl Store {
    /// The next partnership after `after` that has pairing work, or the first
    /// one: so that a large one does not keep the others waiting.
    pub async fn partnership_with_work(
        &self,
        after: Option<&PartnershipId>,
    ) -> Result<Option<PartnershipId>, StoreError> {
        let mut connection = self.read().await?;
        let mut after = after.map(ToString::to_string).unwrap_or_default();
        loop {
            let row = sqlx::query(
                "SELECT p.id FROM partnership p WHERE p.state = 'active' AND p.id > $1 AND
                     (EXISTS (SELECT 1 FROM pairing_taken t WHERE t.partnership_id = p.id)
                      OR EXISTS (SELECT 1 FROM pairing_work w WHERE w.partnership_id = p.id))
                 ORDER BY p.id LIMIT 1",
            )
            .bind(after.clone())
            .fetch_optional(&mut *connection)
            .await?;
            match row {
                Some(row) => return Row::new("partnership", &row).parsed("id").map(Some),
                None if after.is_empty() => return Ok(None),
                None => after.clear(),
            }
        }
    }

    /// Takes up to `limit` domains of a partnership; what a crash left taken
    /// comes first. Returns how many there are; 0 if there is nothing to do.
    pub async fn take_pairing(&self, id: &PartnershipId, limit: u32) -> Result<u64, StoreError> {
        let id = id.to_string();
        self.write_data(move |connection| {
            Box::pin(async move {
                let left_over = taken(connection, &id).await?;
                if left_over > 0 {
                    return Ok(left_over);
                }
                take(connection, &id, limit).await?;
                taken(connection, &id).await
            })
        })
        .await
        .inspect(|taken| {
            if *taken > 0 {
                crash::point("pairing.taken");
            }
        })
    }

    /// Reads what pairing the taken domains needs, as of one moment.
    pub async fn pairing_batch(&self, id: &PartnershipId) -> Result<Option<Batch>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let sides = "SELECT left_id, right_id, pairing_no FROM partnership WHERE id = $1";
        let sides = sqlx::query(sides).bind(id.to_string()).fetch_optional(&mut *snapshot).await?;
        let Some(sides) = sides else { return Ok(None) };
        let sides = Row::new("partnership", &sides);
        let (left_id, right_id) = (sides.text("left_id")?, sides.text("right_id")?);
        let key = id.to_string();
        let batch = Batch {
            partnership: id.clone(),
            left: on_taken_domains(&mut snapshot, &key, &left_id).await?,
            right: on_taken_domains(&mut snapshot, &key, &right_id).await?,
            decisions: decisions(&mut snapshot, &key).await?,
            tied_left: tied(&mut snapshot, &key, "left_account", &left_id).await?,
            tied_right: tied(&mut snapshot, &key, "right_account", &right_id).await?,
            taken: taken(&mut snapshot, &key).await?,
            number: sides.count("pairing_no")?,
        };
        snapshot.rollback().await?;
        Ok(Some(batch))
    }
}

async fn taken(connection: &mut AnyConnection, id: &str) -> Result<u64, StoreError> {
    let taken: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM pairing_taken WHERE partnership_id = $1")
            .bind(id.to_owned())
            .fetch_one(connection)
            .await?;
    Ok(taken.unsigned_abs())
}

/// Two accounts that a person tied across domains change together: where one
/// domain is taken, the other's is too. Where one of the two accounts is gone,
/// the other's domain is: it may pair by rule again.
const EXPAND: [&str; 3] = [
    "INSERT INTO pairing_taken (partnership_id, domain)
     SELECT DISTINCT d.partnership_id, r.domain FROM pairing_decision d
         JOIN account l ON l.id = d.left_account
         JOIN account r ON r.id = d.right_account
         JOIN pairing_taken t ON t.partnership_id = d.partnership_id AND t.domain = l.domain
     WHERE d.partnership_id = $1 AND d.decision <> 'reject'
         AND r.domain <> '' AND r.domain <> l.domain
     ON CONFLICT (partnership_id, domain) DO NOTHING",
    "INSERT INTO pairing_taken (partnership_id, domain)
     SELECT DISTINCT d.partnership_id, l.domain FROM pairing_decision d
         JOIN account l ON l.id = d.left_account
         JOIN account r ON r.id = d.right_account
         JOIN pairing_taken t ON t.partnership_id = d.partnership_id AND t.domain = r.domain
     WHERE d.partnership_id = $1 AND d.decision <> 'reject'
         AND l.domain <> '' AND l.domain <> r.domain
     ON CONFLICT (partnership_id, domain) DO NOTHING",
    "INSERT INTO pairing_taken (partnership_id, domain)
     SELECT DISTINCT d.partnership_id, COALESCE(l.domain, r.domain) FROM pairing_decision d
         JOIN overlap o ON o.partnership_id = d.partnership_id AND o.live = 1
             AND o.left_account = d.left_account AND o.right_account = d.right_account
         LEFT JOIN account l ON l.id = d.left_account
         LEFT JOIN account r ON r.id = d.right_account
     WHERE d.partnership_id = $1 AND (l.id IS NULL OR r.id IS NULL)
         AND COALESCE(l.domain, r.domain, '') <> ''
     ON CONFLICT (partnership_id, domain) DO NOTHING",
];

async fn take(connection: &mut AnyConnection, id: &str, limit: u32) -> Result<(), StoreError> {
    sqlx::query("UPDATE partnership SET pairing_no = pairing_no + 1 WHERE id = $1")
        .bind(id.to_owned())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO pairing_taken (partnership_id, domain, lineage, lineage_runs)
         SELECT w.partnership_id, w.domain, w.lineage, w.lineage_runs FROM pairing_work w
         WHERE w.partnership_id = $1 ORDER BY w.domain LIMIT $2
         ON CONFLICT (partnership_id, domain) DO NOTHING",
    )
    .bind(id.to_owned())
    .bind(i64::from(limit))
    .execute(&mut *connection)
    .await?;
    for sql in EXPAND {
        sqlx::query(sql).bind(id.to_owned()).execute(&mut *connection).await?;
    }
    sqlx::query(
        "DELETE FROM pairing_work WHERE partnership_id = $1 AND domain IN
             (SELECT t.domain FROM pairing_taken t WHERE t.partnership_id = $1)",
    )
    .bind(id.to_owned())
    .execute(connection)
    .await?;
    Ok(())
}

async fn on_taken_domains(
    connection: &mut AnyConnection,
    id: &str,
    organization: &str,
) -> Result<Vec<PairingAccount>, StoreError> {
    // Accounts without a domain are never paired by rule: there may be a million.
    // CROSS JOIN, because SQLite keeps its order: JOIN walks all accounts per batch.
    let rows = sqlx::query(
        "SELECT a.id, a.name, a.website, a.domain, a.population, a.rev
         FROM pairing_taken t CROSS JOIN account a
         WHERE t.partnership_id = $1 AND t.domain <> ''
             AND a.organization_id = $2 AND a.domain = t.domain",
    )
    .bind(id.to_owned())
    .bind(organization.to_owned())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| account(&Row::new("account", row))).collect()
}

async fn tied(
    connection: &mut AnyConnection,
    id: &str,
    side: &'static str,
    organization: &str,
) -> Result<Vec<PairingAccount>, StoreError> {
    let sql = format!(
        "SELECT a.id, a.name, a.website, a.domain, a.population, a.rev
         FROM (SELECT DISTINCT d.{side} AS id FROM pairing_decision d
               WHERE d.partnership_id = $1 AND d.decision <> 'reject') t CROSS JOIN account a
         WHERE a.id = t.id AND a.organization_id = $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_owned())
        .bind(organization.to_owned())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| account(&Row::new("account", row))).collect()
}

pub(crate) fn account(row: &Row<'_>) -> Result<PairingAccount, StoreError> {
    Ok(PairingAccount {
        id: row.text("id")?,
        name: row.text("name")?,
        website: row.text("website")?,
        domain: row.text("domain")?,
        population: row.text("population")?,
        rev: row.blob("rev")?,
    })
}

pub(crate) async fn decisions(
    connection: &mut AnyConnection,
    id: &str,
) -> Result<Vec<PairDecision>, StoreError> {
    let rows = sqlx::query(
        "SELECT left_account, right_account, decision FROM pairing_decision
         WHERE partnership_id = $1 ORDER BY decided_at, left_account, right_account",
    )
    .bind(id.to_owned())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Row::new("pairing_decision", row);
            Ok(PairDecision {
                left: row.text("left_account")?,
                right: row.text("right_account")?,
                kind: row.named("decision", DecisionKind::parse)?,
            })
        })
        .collect()
}
