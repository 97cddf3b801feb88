//! Erasing an organization or a person: every row of theirs, on the operator's word.
//!
//! What is left of an organization is its id, without name: partners' ended
//! partnerships and audits name it by that. To add a table: a line in [`OF_AN_ORGANIZATION`];
//! a test finds the tables that are missing.
use std::collections::BTreeMap;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::id::{OrganizationId, UserId};

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    authority,
    delivery::{
        lane,
        queue::{self, Of},
    },
    many::{self, Filling},
    organization::{self, member},
    password,
    row::Row,
    second_factor, timeline,
};

#[cfg(test)]
mod tests;

/// How many rows went, by table.
pub type Erased = BTreeMap<&'static str, u64>;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// All of it is gone.
    Done {
        /// What went.
        rows: Erased,
        /// Digests of components that no release names any more.
        components: Vec<String>,
    },
    /// There is no such organization or person.
    NotFound,
    /// It cannot be, in one sentence.
    Refused(&'static str),
}

/// Why a step does not come.
const ERASED: &str = "a partner whose accounts it had read was erased";

const INSTALLS: &str = "install_id IN (SELECT id FROM install WHERE organization_id = $1)";
const RUNS: &str = "run_id IN (SELECT id FROM run WHERE organization_id = $1)";
const INCIDENTS: &str = "organization_id = $1
    OR incident_id IN (SELECT id FROM incident WHERE organization_id = $1)";
const PARTNERSHIPS: &str =
    "partnership_id IN (SELECT id FROM partnership WHERE left_id = $1 OR right_id = $1)";
/// What partners' plugins derived of its rows goes too.
const DERIVED: &str = "install_id IN (SELECT id FROM install WHERE organization_id = $1)
    OR partition_key IN (SELECT id FROM partnership WHERE left_id = $1 OR right_id = $1)";
const GRANTED: &str = "install_id IN (SELECT id FROM install WHERE organization_id = $1)
    OR partnership_id IN (SELECT id FROM partnership WHERE left_id = $1 OR right_id = $1)";
const OWN: &str = "organization_id = $1";
const WEBHOOKS: &str = "webhook_id IN (SELECT id FROM webhook WHERE organization_id = $1)";
const CONNECTIONS: &str = "connection_id IN (SELECT id FROM connection WHERE organization_id = $1)";
const IMPORTS: &str = "import_id IN (SELECT id FROM import WHERE organization_id = $1)";
const PLUGINS: &str = "plugin_id IN (SELECT id FROM plugin WHERE organization_id = $1)";
const RELEASES: &str = "release_id IN (SELECT r.id FROM release r JOIN plugin p
    ON p.id = r.plugin_id WHERE p.organization_id = $1)";
/// Answers to others' calls name whom they were about. They are kept for a day, to be repeated.
const EVERYBODYS: &str = "$1 <> ''";
const PEOPLE: &str = "user_id IN (SELECT id FROM person WHERE organization_id = $1)";

/// The tables, and which of their rows are those of organization `$1`, in the order in which
/// they can go.
const OF_AN_ORGANIZATION: &[(&str, &str)] = &[
    ("tape", RUNS),
    ("run_log", RUNS),
    ("webhook_receipt", WEBHOOKS),
    ("webhook", OWN),
    ("schedule", INSTALLS),
    ("queue", OWN),
    ("breaker", OWN),
    ("pulse", INSTALLS),
    ("source_row", INSTALLS),
    ("source_removal", INSTALLS),
    ("source", OWN),
    ("route", INCIDENTS),
    ("incident", OWN),
    ("timeline", DERIVED),
    ("state", DERIVED),
    ("run", OWN),
    ("delivery", OWN),
    ("event", OWN),
    ("install_partnership", GRANTED),
    ("support_grant", "organization_id = $1 OR supporter_id = $1"),
    ("connect_attempt", OWN),
    ("install", OWN),
    ("oauth_connection", CONNECTIONS),
    ("connection", OWN),
    ("secret", OWN),
    ("pairing_work", PARTNERSHIPS),
    ("pairing_taken", PARTNERSHIPS),
    ("pairing_cause", PARTNERSHIPS),
    ("pairing_decision", PARTNERSHIPS),
    ("overlap", PARTNERSHIPS),
    ("unpaired", PARTNERSHIPS),
    ("count_snapshot", PARTNERSHIPS),
    ("sharing_rule", PARTNERSHIPS),
    ("import_row", IMPORTS),
    ("import", OWN),
    ("account_key", OWN),
    ("account", OWN),
    ("population", OWN),
    ("release_signature", RELEASES),
    ("release", PLUGINS),
    ("publisher_credential", OWN),
    ("publisher_verification", OWN),
    ("signing_key", OWN),
    ("plugin", OWN),
    ("api_usage", OWN),
    ("idempotency", EVERYBODYS),
    ("token", OWN),
    ("invitation", PEOPLE),
    ("password", PEOPLE),
    ("recovery_code", PEOPLE),
    ("second_factor", PEOPLE),
    ("member", OWN),
    ("person", OWN),
    ("audit", OWN),
    ("audit_head", OWN),
];

/// Tables that have no rows of an organization, or one that stays without a name. Attempts to
/// log in are of places, under a hash, and go within the hour.
#[cfg(test)]
const OF_NOBODY: &[&str] =
    &["organization", "partnership", "authority", "host_keys", "login_attempt", "login_together"];

impl Store {
    /// Erases an organization with everything of it, and what partners' plugins derived or
    /// recorded of its accounts. Not the platform, and no publisher whose plugins others have
    /// installed: what they did is those others' history.
    pub async fn erase_organization(&self, id: &OrganizationId) -> Result<Erasure, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write(move |connection| Box::pin(async move { whole(&store, connection, &id).await }))
            .await
    }

    /// Erases a person: the address, the name, and every way in. What they did stays, under
    /// an id that says no more who it was. The last admin of an organization cannot be erased
    /// without it.
    pub async fn erase_person(
        &self,
        organization: &OrganizationId,
        email: &str,
    ) -> Result<(Erasure, Option<UserId>), StoreError> {
        let (store, organization, email) = (self.clone(), organization.clone(), email.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT id FROM person
                     WHERE organization_id = $1 AND (email = $2 OR id = $2)",
                )
                .bind(organization.to_string())
                .bind(email)
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = row else { return Ok((Erasure::NotFound, None)) };
                let user: UserId = Row::new("person", &row).parsed("id")?;
                let erasure = person(&store, connection, &organization, &user).await?;
                Ok((erasure, Some(user)))
            })
        })
        .await
    }
}

async fn whole(
    store: &Store,
    connection: &mut AnyConnection,
    id: &OrganizationId,
) -> Result<Erasure, StoreError> {
    let row = sqlx::query(
        "SELECT o.is_platform, (SELECT COUNT(*) FROM install i JOIN plugin p ON p.id = i.plugin_id
             WHERE p.organization_id = o.id AND i.organization_id <> o.id) AS elsewhere
         FROM organization o WHERE o.id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Erasure::NotFound) };
    let row = Row::new("organization", &row);
    if row.truth("is_platform")? {
        return Ok(Erasure::Refused("it is the platform"));
    }
    if row.count("elsewhere")? > 0 {
        return Ok(Erasure::Refused("others have, or had, its plugins installed"));
    }
    let digests = components(connection, id).await?;
    let mut erased = Erased::new();
    recorded_elsewhere(store, connection, id, &mut erased).await?;
    timeline::forget_all_of(connection, id).await?;
    ended(store, connection, id).await?;
    for (table, rows) in OF_AN_ORGANIZATION {
        let sql = format!("DELETE FROM {table} WHERE {rows}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string());
        let gone = query.execute(&mut *connection).await?.rows_affected();
        *erased.entry(table).or_default() += gone;
    }
    erased.retain(|_, rows| *rows > 0);
    sqlx::query(
        "UPDATE organization SET slug = id, name = 'An erased organization', is_customer = 0,
             is_publisher = 0, demands_second_factor = 0
         WHERE id = $1",
    )
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    if let Some(platform) = organization::platform(connection).await? {
        told(store, connection, platform, "organization.erased", id.as_str(), &erased).await?;
    }
    authority::raise(store, connection).await?;
    Ok(Erasure::Done { rows: erased, components: digests })
}

/// The components of its releases that nobody else has published.
async fn components(
    connection: &mut AnyConnection,
    id: &OrganizationId,
) -> Result<Vec<String>, StoreError> {
    let digests = sqlx::query_scalar(
        "SELECT DISTINCT r.digest FROM release r JOIN plugin p ON p.id = r.plugin_id
         WHERE p.organization_id = $1 AND NOT EXISTS
             (SELECT 1 FROM release o JOIN plugin q ON q.id = o.plugin_id
              WHERE o.digest = r.digest AND q.organization_id <> $1)
         ORDER BY r.digest",
    );
    Ok(digests.bind(id.to_string()).fetch_all(connection).await?)
}

/// What was recorded, logged and said by partners' runs that were told of its accounts: its
/// audit knows them.
async fn recorded_elsewhere(
    store: &Store,
    connection: &mut AnyConnection,
    id: &OrganizationId,
    erased: &mut Erased,
) -> Result<(), StoreError> {
    let details: Vec<String> = sqlx::query_scalar(
        "SELECT detail_json FROM audit WHERE organization_id = $1 AND action = 'partner.read'",
    )
    .bind(id.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let run = |detail: &String| {
        let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
        Some(detail.get("run")?.as_str()?.to_owned())
    };
    let runs: Vec<String> = details.iter().filter_map(run).collect();
    for some in runs.chunks(64) {
        handed_on(store, connection, some).await?;
        for (table, what) in [
            ("tape", "DELETE FROM tape WHERE run_id IN ({ids})"),
            ("run_log", "DELETE FROM run_log WHERE run_id IN ({ids})"),
            (
                "run",
                "UPDATE run SET summary = '', ending_json = '', calls_json = '[]' WHERE id IN ({ids})",
            ),
        ] {
            let gone = with_ids(what, some).execute(&mut *connection).await?.rows_affected();
            *erased.entry(table).or_default() += gone;
        }
    }
    Ok(())
}

/// The statement for these ids, which stand where it says `{ids}`.
fn with_ids(sql: &str, ids: &[String]) -> Filling<'static> {
    let ids = many::padded(ids.iter().cloned());
    let sql = sql.replace("{ids}", &many::places(1, ids.len()));
    ids.into_iter().fold(sqlx::query(sqlx::AssertSqlSafe(sql)), sqlx::query::Query::bind)
}

/// What these runs handed on to the next step goes; a step that would have begun with it does
/// not come.
async fn handed_on(
    store: &Store,
    connection: &mut AnyConnection,
    runs: &[String],
) -> Result<(), StoreError> {
    const OF_RUNS: &str = "SELECT delivery_id FROM run WHERE id IN ({ids})";
    let now = store.now();
    let ending = format!(
        "UPDATE delivery SET state = 'dead', state_reason = '{ERASED}', finished_at = {},
             lease_until = NULL, expires_at = NULL
         WHERE state IN ('ready', 'leased', 'parked') AND continuation IS NOT NULL
             AND id IN ({OF_RUNS}) RETURNING id, install_id",
        now.0
    );
    let rows = with_ids(&ending, runs).fetch_all(&mut *connection).await?;
    let of = |column: &'static str| {
        let texts = rows.iter().map(|row| Row::new("delivery", row).text(column));
        texts.collect::<Result<Vec<_>, _>>()
    };
    lane::ended(connection, of("id")?).await?;
    queue::changed(connection, now, Of::Installs(of("install_id")?)).await?;
    let forget = format!(
        "UPDATE delivery SET continuation = NULL WHERE continuation IS NOT NULL AND id IN ({OF_RUNS})"
    );
    with_ids(&forget, runs).execute(connection).await?;
    Ok(())
}

/// Ends its partnerships; the other sides' audits say so.
async fn ended(
    store: &Store,
    connection: &mut AnyConnection,
    id: &OrganizationId,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT id, CASE WHEN left_id = $1 THEN right_id ELSE left_id END AS partner
         FROM partnership WHERE (left_id = $1 OR right_id = $1) AND state <> 'ended' ORDER BY id",
    )
    .bind(id.to_string())
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let row = Row::new("partnership", row);
        let entry = NewAudit {
            organization: row.parsed("partner")?,
            actor: "host".to_owned(),
            action: "partnership.ended",
            subject: row.text("id")?,
            detail: json!({ "by": id, "erased": true }),
        };
        audit::append(store, connection, &entry).await?;
    }
    sqlx::query(
        "UPDATE partnership SET state = 'ended', ended_at = $2, ended_by = 'host'
         WHERE (left_id = $1 OR right_id = $1) AND state <> 'ended'",
    )
    .bind(id.to_string())
    .bind(store.now().0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn person(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<Erasure, StoreError> {
    if member::is_last_admin(connection, organization, user).await? {
        return Ok(Erasure::Refused("it is the last admin of its organization"));
    }
    password::forget(connection, user).await?;
    second_factor::forget(connection, user).await?;
    let mut erased = Erased::new();
    for (table, sql) in [
        ("idempotency", "DELETE FROM idempotency WHERE $1 <> ''"),
        ("connect_attempt", "DELETE FROM connect_attempt WHERE person_id = $1"),
        ("member", "DELETE FROM member WHERE user_id = $1"),
        // Their ids stand where their calls are counted, and in the audit.
        (
            "token",
            "UPDATE token SET name = '', recovered_why = NULL,
                 revoked_at = COALESCE(revoked_at, created_at) WHERE user_id = $1",
        ),
        ("person", "UPDATE person SET email = id, name = '' WHERE id = $1"),
    ] {
        let gone = sqlx::query(sql).bind(user.to_string()).execute(&mut *connection).await?;
        if gone.rows_affected() > 0 {
            erased.insert(table, gone.rows_affected());
        }
    }
    let subject = user.as_str();
    told(store, connection, organization.clone(), "person.erased", subject, &erased).await?;
    authority::raise(store, connection).await?;
    Ok(Erasure::Done { rows: erased, components: Vec::new() })
}

async fn told(
    store: &Store,
    connection: &mut AnyConnection,
    organization: OrganizationId,
    action: &'static str,
    subject: &str,
    erased: &Erased,
) -> Result<(), StoreError> {
    let entry = NewAudit {
        organization,
        actor: "host".to_owned(),
        action,
        subject: subject.to_owned(),
        detail: json!({ "rows": erased }),
    };
    audit::append(store, connection, &entry).await
}
