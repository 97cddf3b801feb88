//! Everything that an install's authority is made of, and what a run needs
//! besides, in one read transaction.
//!
//! The authority number is read first: if anything changes in between, the
//! number is the older one, and the next host call reads all of it again.
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    authority::{Control, PartnershipControl},
    id::{InstallId, OrganizationId, PartnershipId},
    manifest::{ConnectionRequest, Manifest},
    sharing::{Level, Purpose, SharingRule},
    signing::Trust,
    time::Timestamp,
};

use super::{ConnectionMap, InstallState};
use crate::{
    Store, StoreError,
    connection::kind_name,
    release::{Proof, signature},
    row::Row,
};

/// What a run needs of an install besides its authority.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallFacts {
    /// The customer's name for it.
    pub name: String,
    /// Where it stands.
    pub state: InstallState,
    /// The configuration.
    pub config: serde_json::Value,
    /// The connections that are in place: those of [`Control::connections`].
    pub connections: ConnectionMap,
    /// What the release is believed by, and where its component is.
    pub proof: Proof,
    /// When it was first enabled.
    pub enabled_at: Option<Timestamp>,
    /// The platform stopped the plugin.
    pub plugin_suspended: bool,
    /// The release is approved and not withdrawn.
    pub release_live: bool,
}

/// What a control is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// A run: the install must be active.
    Run,
    /// A check: a draft and a paused one will do.
    Check,
}

fn select() -> String {
    format!(
        "SELECT i.id, i.organization_id, i.plugin_id, i.release_id, i.name, i.state, i.grant_json,
                i.config_json, i.connections_json, i.enabled_at, p.name AS plugin_name,
                p.organization_id AS publisher_id, p.state AS plugin_state, p.suspended_reason,
                p.approval_json, r.version, r.digest, r.manifest_json, r.state AS release_state,
                {}
         FROM install i JOIN plugin p ON p.id = i.plugin_id
         JOIN release r ON r.id = i.release_id {} WHERE i.id = $1",
        signature::COLUMNS,
        signature::JOIN
    )
}

impl Store {
    /// What an install may do now, and what a run of it needs.
    pub async fn control(
        &self,
        install: &InstallId,
    ) -> Result<Option<(Control, InstallFacts)>, StoreError> {
        self.control_for(install, For::Run).await
    }

    /// The same for a check: an install that is not enabled is not `stopped`.
    pub async fn control_for_check(
        &self,
        install: &InstallId,
    ) -> Result<Option<(Control, InstallFacts)>, StoreError> {
        self.control_for(install, For::Check).await
    }

    async fn control_for(
        &self,
        install: &InstallId,
        what_for: For,
    ) -> Result<Option<(Control, InstallFacts)>, StoreError> {
        let mut connection = self.read().await?;
        let mut tx = connection.begin().await?;
        let found = read(&mut tx, install, what_for).await?;
        tx.rollback().await?;
        Ok(found)
    }
}

/// The same inside a transaction that is open already.
pub(crate) async fn control_on(
    connection: &mut AnyConnection,
    install: &InstallId,
    for_check: bool,
) -> Result<Option<(Control, InstallFacts)>, StoreError> {
    read(connection, install, if for_check { For::Check } else { For::Run }).await
}

async fn read(
    connection: &mut AnyConnection,
    install: &InstallId,
    what_for: For,
) -> Result<Option<(Control, InstallFacts)>, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT number FROM authority WHERE one = 1")
        .fetch_one(&mut *connection)
        .await?;
    let row = sqlx::query(sqlx::AssertSqlSafe(select()))
        .bind(install.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("install", &row);
    let manifest: Manifest = row.json_always("manifest_json")?;
    let state = row.named("state", InstallState::parse)?;
    let proof = Proof {
        publisher: row.parsed("publisher_id")?,
        plugin: row.text("plugin_name")?,
        version: row.text("version")?,
        digest: row.text("digest")?,
        manifest: row.text("manifest_json")?,
        signature: signature::signature(&row)?,
    };
    let mut control = Control {
        number: number.unsigned_abs(),
        organization: row.parsed("organization_id")?,
        install: row.parsed("id")?,
        plugin: row.parsed("plugin_id")?,
        release: row.parsed("release_id")?,
        manifest,
        approval: row.json("approval_json")?,
        grant: row.json_always("grant_json")?,
        stopped: stopped(&row, &proof, state, what_for)?,
        partnerships: Vec::new(),
        connections: Vec::new(),
    };
    control.partnerships =
        partnerships(connection, &control.organization, &control.grant.partnerships).await?;
    let chosen: ConnectionMap = row.json_always("connections_json")?;
    let asked = &control.manifest.connections;
    let connections = in_place(connection, &control.organization, asked, &chosen).await?;
    control.connections = connections.keys().cloned().collect();
    let facts = InstallFacts {
        name: row.text("name")?,
        state,
        config: row.json_always("config_json")?,
        connections,
        proof,
        enabled_at: row.time_or_none("enabled_at")?,
        plugin_suspended: row.text("plugin_state")? == "suspended",
        release_live: row.text("release_state")? == "approved",
    };
    Ok(Some((control, facts)))
}

/// Why nothing of this install may run, if so; the text is shown to people.
fn stopped(
    row: &Row<'_>,
    proof: &Proof,
    state: InstallState,
    what_for: For,
) -> Result<Option<String>, StoreError> {
    if row.text("plugin_state")? == "suspended" {
        let reason = row.text("suspended_reason")?;
        return Ok(Some(format!("the platform suspended the plugin: {reason}")));
    }
    let release = row.text("release_state")?;
    if release != "approved" {
        return Ok(Some(format!("the release is {release}, not approved")));
    }
    match (proof.trust(), &proof.signature) {
        (Trust::Unsigned, _) => {
            return Ok(Some("the release is not signed by its publisher".to_owned()));
        }
        (Trust::Distrusted, Some(signature)) => {
            let key = &signature.key;
            return Ok(Some(format!("the key {key} that signed the release is compromised")));
        }
        _ => {}
    }
    let why = match (state, what_for) {
        (InstallState::Active, _) | (InstallState::Draft | InstallState::Paused, For::Check) => {
            return Ok(None);
        }
        (InstallState::Draft, For::Run) => "the install is not enabled yet",
        (InstallState::Paused, For::Run) => "the install is paused",
        (InstallState::Uninstalling, _) => "the install is being removed",
        (InstallState::Uninstalled, _) => "the install was removed",
    };
    Ok(Some(why.to_owned()))
}

/// The granted partnerships of the customer with the partner's rules toward it.
async fn partnerships(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    granted: &[PartnershipId],
) -> Result<Vec<PartnershipControl>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.state, o.name FROM partnership p
         JOIN organization o ON o.id = CASE WHEN p.left_id = $1 THEN p.right_id ELSE p.left_id END
         WHERE p.left_id = $1 OR p.right_id = $1 ORDER BY p.id",
    )
    .bind(organization.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let mut partnerships = Vec::new();
    for row in &rows {
        let row = Row::new("partnership", row);
        let id: PartnershipId = row.parsed("id")?;
        if granted.contains(&id) {
            partnerships.push(PartnershipControl {
                rules: rules(connection, organization, &id).await?,
                id,
                partner: row.text("name")?,
                active: row.text("state")? == "active",
            });
        }
    }
    Ok(partnerships)
}

/// The partner's rules: those of the partnership that are not our own.
async fn rules(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    partnership: &PartnershipId,
) -> Result<Vec<SharingRule>, StoreError> {
    let rows = sqlx::query(
        "SELECT partnership_id, population, level, fields_json, purpose FROM sharing_rule
         WHERE partnership_id = $1 AND owner_id <> $2 ORDER BY population",
    )
    .bind(partnership.to_string())
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let rule = |row| {
        let row = Row::new("sharing_rule", row);
        Ok(SharingRule {
            population: row.text("population")?,
            level: row.named("level", Level::parse)?,
            fields: row.json("fields_json")?,
            purpose: row.named("purpose", Purpose::parse)?,
        })
    };
    rows.iter().map(rule).collect()
}

/// The chosen connections that exist, are the customer's, and are of the kind
/// and for the host that the release asks for: a credential never follows a
/// release to another host.
async fn in_place(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    asked: &[ConnectionRequest],
    chosen: &ConnectionMap,
) -> Result<ConnectionMap, StoreError> {
    let mut in_place = ConnectionMap::new();
    for request in asked {
        let Some(id) = chosen.get(&request.name) else { continue };
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM connection
             WHERE id = $1 AND organization_id = $2 AND host = $3 AND kind = $4",
        )
        .bind(id.to_string())
        .bind(organization.to_string())
        .bind(request.host.clone())
        .bind(kind_name(request.kind))
        .fetch_one(&mut *connection)
        .await?;
        if found == 1 {
            in_place.insert(request.name.clone(), id.clone());
        }
    }
    Ok(in_place)
}
