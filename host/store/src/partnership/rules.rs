//! Sharing rules: what each side shows the other, per population.
//!
//! A change raises the authority. A rule that newly shows something also gives
//! the overlaps concerned a new change number, in the same transaction: to the
//! partner's plugins a row that became readable is a change like any other. A
//! rule that shows less does not: those rows are simply not read any more.
use std::collections::BTreeMap;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, PartnershipId},
    lineage::Lineage,
    sharing::{Level, Purpose, SharingRule},
};

use super::{Partnership, PartnershipState, find};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    authority,
    delivery::{self, Waiting},
    install::farewell,
    pairing,
    row::{self, Row},
};

/// Both sides' rules as one side sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharingRules {
    /// Ours, all of them.
    pub ours: Vec<SharingRule>,
    /// The partner's, without those that hide a population.
    pub theirs: Vec<SharingRule>,
}

/// What came of replacing our rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesSet {
    /// Done. If events were made, ring `wake.deliveries`.
    Done {
        /// Both sides' rules now.
        rules: SharingRules,
        /// How many deliveries to the partner's installs were made.
        deliveries: u64,
    },
    /// There is no such partnership of ours.
    NotFound,
    /// The partnership has ended.
    Ended,
    /// These populations are not ours.
    UnknownPopulations(Vec<String>),
}

impl Store {
    /// The rules of a partnership of ours.
    pub async fn sharing_rules(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
    ) -> Result<Option<SharingRules>, StoreError> {
        let mut connection = self.read().await?;
        match find(&mut connection, us, id).await? {
            Some(found) => both(&mut connection, us, &found).await.map(Some),
            None => Ok(None),
        }
    }

    /// Replaces our rules of a partnership. The caller checked that no
    /// population comes twice.
    pub async fn set_sharing_rules(
        &self,
        actor: &str,
        us: &OrganizationId,
        id: &PartnershipId,
        rules: Vec<SharingRule>,
    ) -> Result<RulesSet, StoreError> {
        let (store, actor) = (self.clone(), actor.to_owned());
        let (us, id) = (us.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(found) = find(connection, &us, &id).await? else {
                    return Ok(RulesSet::NotFound);
                };
                if found.state == PartnershipState::Ended {
                    return Ok(RulesSet::Ended);
                }
                let unknown = unknown_populations(connection, &us, &rules).await?;
                if !unknown.is_empty() {
                    return Ok(RulesSet::UnknownPopulations(unknown));
                }
                let before = of(connection, &id, &us).await?;
                replace(&store, connection, &actor, (&us, &id), &rules).await?;
                let narrower = (before.as_slice(), rules.as_slice());
                farewell::narrowed(&store, connection, &id, &found.partner, narrower).await?;
                let wider = widened(&before, &rules);
                let deliveries = announce(&store, connection, &us, &found, &wider).await?;
                audit_rules(&store, connection, &actor, &us, &found, &rules).await?;
                authority::raise(&store, connection).await?;
                delivery::unpark(connection, store.now(), Waiting::Partnership(&id)).await?;
                let rules = both(connection, &us, &found).await?;
                Ok(RulesSet::Done { rules, deliveries })
            })
        })
        .await
    }
}

/// The rules of one owner, by population.
pub(crate) async fn of(
    connection: &mut AnyConnection,
    id: &PartnershipId,
    owner: &OrganizationId,
) -> Result<Vec<SharingRule>, StoreError> {
    let rows = sqlx::query(
        "SELECT population, level, fields_json, purpose FROM sharing_rule
         WHERE partnership_id = $1 AND owner_id = $2 ORDER BY population",
    )
    .bind(id.to_string())
    .bind(owner.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| rule(&Row::new("sharing_rule", row))).collect()
}

fn rule(row: &Row<'_>) -> Result<SharingRule, StoreError> {
    Ok(SharingRule {
        population: row.text("population")?,
        level: row.named("level", Level::parse)?,
        fields: row.json_always("fields_json")?,
        purpose: row.named("purpose", Purpose::parse)?,
    })
}

async fn both(
    connection: &mut AnyConnection,
    us: &OrganizationId,
    found: &Partnership,
) -> Result<SharingRules, StoreError> {
    let ours = of(connection, &found.id, us).await?;
    let mut theirs = of(connection, &found.id, &found.partner).await?;
    // That a population exists is part of what `hidden` hides.
    theirs.retain(|rule| rule.level != Level::Hidden);
    Ok(SharingRules { ours, theirs })
}

async fn unknown_populations(
    connection: &mut AnyConnection,
    us: &OrganizationId,
    rules: &[SharingRule],
) -> Result<Vec<String>, StoreError> {
    let known: Vec<String> =
        sqlx::query_scalar("SELECT key FROM population WHERE organization_id = $1")
            .bind(us.to_string())
            .fetch_all(connection)
            .await?;
    let unknown = rules.iter().map(|rule| &rule.population).filter(|key| !known.contains(*key));
    Ok(unknown.cloned().collect())
}

async fn replace(
    store: &Store,
    connection: &mut AnyConnection,
    actor: &str,
    (us, id): (&OrganizationId, &PartnershipId),
    rules: &[SharingRule],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sharing_rule WHERE partnership_id = $1 AND owner_id = $2")
        .bind(id.to_string())
        .bind(us.to_string())
        .execute(&mut *connection)
        .await?;
    for rule in rules {
        sqlx::query(
            "INSERT INTO sharing_rule (partnership_id, owner_id, population, level, fields_json,
                 purpose, updated_by, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id.to_string())
        .bind(us.to_string())
        .bind(rule.population.clone())
        .bind(rule.level.name())
        .bind(row::json(&rule.fields))
        .bind(rule.purpose.name())
        .bind(actor.to_owned())
        .bind(store.now().0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The populations of which the partner can now read something that it could
/// not before.
fn widened(before: &[SharingRule], now: &[SharingRule]) -> Vec<String> {
    let before: BTreeMap<_, _> = before.iter().map(|rule| (&rule.population, rule)).collect();
    let hidden = SharingRule::default();
    let wider = |rule: &&SharingRule| {
        let old = before.get(&rule.population).copied().unwrap_or(&hidden);
        rule.lets_people_read()
            && (rule.level > old.level
                || rule.purpose > old.purpose
                || !rule.fields.is_within(&old.fields))
    };
    now.iter().filter(wider).map(|rule| rule.population.clone()).collect()
}

/// Gives the live overlaps of these populations a new change number, and the
/// partner's installs an event.
async fn announce(
    store: &Store,
    connection: &mut AnyConnection,
    us: &OrganizationId,
    found: &Partnership,
    populations: &[String],
) -> Result<u64, StoreError> {
    if populations.is_empty() || found.state != PartnershipState::Active {
        return Ok(0);
    }
    let number = pairing::next_change_no(connection, &found.id).await?;
    let ours = if found.proposed_by_us { "left_account" } else { "right_account" };
    let sql = format!(
        "UPDATE overlap SET change_no = $1
         WHERE partnership_id = $2 AND live = 1 AND {ours} IN
             (SELECT id FROM account WHERE organization_id = $3 AND population = $4)"
    );
    let mut touched = 0;
    for population in populations {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone()))
            .bind(number)
            .bind(found.id.to_string())
            .bind(us.to_string())
            .bind(population.clone())
            .execute(&mut *connection)
            .await?;
        touched += done.rows_affected();
    }
    if touched == 0 {
        return Ok(0);
    }
    let told = pairing::Told::Organization(&found.partner);
    pairing::notify_installs(store, connection, &found.id, number, told, &Lineage::default()).await
}

/// Both audits say what is shown; only ours says what is hidden.
async fn audit_rules(
    store: &Store,
    connection: &mut AnyConnection,
    actor: &str,
    us: &OrganizationId,
    found: &Partnership,
    rules: &[SharingRule],
) -> Result<(), StoreError> {
    let shown: Vec<_> = rules.iter().filter(|rule| rule.level != Level::Hidden).collect();
    let details = [(us, json!({ "rules": rules })), (&found.partner, json!({ "rules": shown }))];
    for (organization, detail) in details {
        let entry = NewAudit {
            organization: organization.clone(),
            actor: actor.to_owned(),
            action: "sharing.changed",
            subject: found.id.to_string(),
            detail,
        };
        audit::append(store, connection, &entry).await?;
    }
    Ok(())
}
