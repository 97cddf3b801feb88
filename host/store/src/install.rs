//! Installs: a plugin enabled by one customer under a name.
//!
//! - [`control`]: everything that an authority needs, in one read.
//! - [`change`]: enable, pause, resume, grant, configuration, connections,
//!   upgrade, uninstall: each with its authority, audit and event in one
//!   transaction.
//! - [`ask`]: what a person asks its plugin.
//! - [`facts`]: what a grant is checked against, and the size of a backfill.
//!
//! It does not decide whether a grant or a configuration is acceptable: the
//! API does that with the domain's rules, from what is read here. What it does
//! hold is the state machine: draft → active ⇄ paused → uninstalling → uninstalled.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use venn_domain::{
    grant::Grant,
    id::{ConnectionId, InstallId, OrganizationId, PluginId, ReleaseId, UserId},
    manifest::ConnectionKind,
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    breaker::{self, Resting},
    crash,
    plugin::Change,
    release::signature::{self, TRUSTED},
    row::{Row, json},
};

pub mod ask;
pub mod change;
pub mod control;
pub mod facts;
pub(crate) mod farewell;
pub mod run_now;
mod stopped;
pub(crate) use control::control_on;
pub use control::{InstallControl, InstallFacts};
pub use venn_domain::admission::InstallState;
#[cfg(test)]
pub(crate) mod tests;

/// What the plugin's check said about a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// When.
    pub at: Timestamp,
    /// Its remarks.
    pub findings: Vec<CheckFinding>,
    /// No remark is an error, and the check itself ended well.
    pub ok: bool,
}

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckFinding {
    /// `ok`, `warning` or `error`.
    pub level: String,
    /// The configuration field or connection concerned.
    pub field: Option<String>,
    /// For people.
    pub message: String,
}

/// The manifest's connection names, each with the customer's connection.
pub type ConnectionMap = BTreeMap<String, ConnectionId>;

/// An install.
#[derive(Debug, Clone, PartialEq)]
pub struct Install {
    /// Its id.
    pub id: InstallId,
    /// The customer.
    pub organization: OrganizationId,
    /// The plugin.
    pub plugin: PluginId,
    /// The plugin's key.
    pub plugin_name: String,
    /// The release that runs.
    pub release: ReleaseId,
    /// That release's version.
    pub version: String,
    /// The customer's name for it.
    pub name: String,
    /// Where it stands.
    pub state: InstallState,
    /// Why nothing of it runs although its customer wants it: somebody else stopped
    /// its plugin or its release.
    pub stopped: Option<String>,
    /// Nothing of it runs for a while, after failures in a row; it tries again by itself.
    pub resting: Option<Resting>,
    /// The consent.
    pub grant: Grant,
    /// The configuration.
    pub config: serde_json::Value,
    /// The connections.
    pub connections: ConnectionMap,
    /// Connections of them that its release does not ask for any more, since the
    /// configuration completes another host.
    pub unfit: Vec<Unfit>,
    /// The newest check of what it is now, if there was one.
    pub check: Option<CheckRecord>,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was first enabled.
    pub enabled_at: Option<Timestamp>,
    /// When it was removed.
    pub uninstalled_at: Option<Timestamp>,
}

/// What a release asks for in the place of a connection that is not it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfit {
    /// The manifest's name of the connection.
    pub connection: String,
    /// Of which kind it has to be.
    pub kind: ConnectionKind,
    /// For which host.
    pub host: String,
}

/// A draft to make.
#[derive(Debug, Clone)]
pub struct NewInstall {
    /// The customer.
    pub organization: OrganizationId,
    /// The plugin.
    pub plugin: PluginId,
    /// An approved release of it.
    pub release: ReleaseId,
    /// The customer's name for it.
    pub name: String,
    /// The consent.
    pub grant: Grant,
    /// The configuration.
    pub config: serde_json::Value,
    /// The connections.
    pub connections: ConnectionMap,
    /// Who makes it.
    pub actor: UserId,
}

/// One statement, up to where `WHERE` follows.
fn select() -> String {
    format!(
        "SELECT i.id, i.organization_id, i.plugin_id, i.release_id, i.name, i.state, i.grant_json,
                i.config_json, i.connections_json, i.check_json, i.unfit_json, i.created_by,
                i.created_at, i.enabled_at, i.uninstalled_at, p.name AS plugin_name, r.version,
                s.key_id, s.signed_at, k.distrusted_from, {}, {}
         FROM install i JOIN plugin p ON p.id = i.plugin_id JOIN release r ON r.id = i.release_id
         LEFT JOIN breaker b ON b.id = i.id {}",
        stopped::COLUMNS,
        breaker::RESTING,
        signature::JOIN
    )
}

pub(crate) fn install(row: &sqlx::any::AnyRow) -> Result<Install, StoreError> {
    let row = Row::new("install", row);
    Ok(Install {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        plugin: row.parsed("plugin_id")?,
        plugin_name: row.text("plugin_name")?,
        release: row.parsed("release_id")?,
        version: row.text("version")?,
        name: row.text("name")?,
        state: row.named("state", InstallState::parse)?,
        stopped: stopped::stopped(&row)?,
        resting: breaker::resting(&row)?,
        grant: row.json_always("grant_json")?,
        config: row.json_always("config_json")?,
        connections: row.json_always("connections_json")?,
        unfit: row.json("unfit_json")?,
        check: row.json("check_json")?,
        created_by: row.parsed("created_by")?,
        created_at: row.time("created_at")?,
        enabled_at: row.time_or_none("enabled_at")?,
        uninstalled_at: row.time_or_none("uninstalled_at")?,
    })
}

/// Reads one install of an organization on any connection.
pub(crate) async fn find(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &InstallId,
) -> Result<Option<Install>, StoreError> {
    let sql = format!("{} WHERE i.organization_id = $1 AND i.id = $2", select());
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(install).transpose()
}

impl Store {
    /// Makes a draft. Wrong state: the plugin is not listed any more.
    pub async fn create_install(&self, new: NewInstall) -> Result<Change<Install>, StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move { create(&store, connection, &new).await })
        })
        .await
        .inspect(|_| crash::point("install.created"))
    }

    /// One install of an organization.
    pub async fn install(
        &self,
        organization: &OrganizationId,
        id: &InstallId,
    ) -> Result<Option<Install>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, organization, id).await
    }

    /// An organization's installs without the removed ones, oldest first.
    pub async fn installs_page(
        &self,
        organization: &OrganizationId,
        after: Option<&InstallId>,
        limit: u32,
    ) -> Result<Page<Install>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "{} WHERE i.organization_id = $1 AND i.id > $2 AND i.state <> 'uninstalled'
             ORDER BY i.id LIMIT $3",
            select()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        Page::read(rows, limit, install, |install| install.id.to_string()).await
    }

    /// Keeps what a check said, unless the install was changed meanwhile
    /// (`seen` is the install that was checked); returns it as it is now.
    pub async fn record_check(
        &self,
        seen: &Install,
        check: &CheckRecord,
    ) -> Result<Option<Install>, StoreError> {
        let (organization, id) = (seen.organization.clone(), seen.id.clone());
        let same = [json(&seen.grant), json(&seen.config), json(&seen.connections)];
        let (release, check) = (seen.release.to_string(), json(check));
        self.write(move |connection| {
            Box::pin(async move {
                let [grant, config, connections] = same;
                sqlx::query(
                    "UPDATE install SET check_json = $1
                     WHERE id = $2 AND organization_id = $3 AND grant_json = $4
                       AND config_json = $5 AND connections_json = $6 AND release_id = $7",
                )
                .bind(check)
                .bind(id.to_string())
                .bind(organization.to_string())
                .bind(grant)
                .bind(config)
                .bind(connections)
                .bind(release)
                .execute(&mut *connection)
                .await?;
                find(connection, &organization, &id).await
            })
        })
        .await
    }
}

async fn create(
    store: &Store,
    connection: &mut AnyConnection,
    new: &NewInstall,
) -> Result<Change<Install>, StoreError> {
    if !can_run(connection, &new.plugin, &new.release).await? {
        return Ok(Change::WrongState("not listed in the marketplace with this release"));
    }
    let id = InstallId::make(store.ids());
    sqlx::query(
        "INSERT INTO install (id, organization_id, plugin_id, release_id, name, state, grant_json,
             config_json, connections_json, check_json, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, '', $9, $10)",
    )
    .bind(id.to_string())
    .bind(new.organization.to_string())
    .bind(new.plugin.to_string())
    .bind(new.release.to_string())
    .bind(new.name.clone())
    .bind(json(&new.grant))
    .bind(json(&new.config))
    .bind(json(&new.connections))
    .bind(new.actor.to_string())
    .bind(store.now().0)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::taken("The install's name"))?;
    let entry = NewAudit {
        organization: new.organization.clone(),
        actor: new.actor.to_string(),
        action: "install.created",
        subject: id.to_string(),
        detail: serde_json::json!({ "plugin": new.plugin, "release": new.release }),
    };
    audit::append(store, connection, &entry).await?;
    Ok(find(connection, &new.organization, &id).await?.map_or(Change::NotFound, Change::Done))
}

/// Whether the plugin is listed and the release is an approved one of it whose
/// signature is believed.
pub(crate) async fn can_run(
    connection: &mut AnyConnection,
    plugin: &PluginId,
    release: &ReleaseId,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM release r JOIN plugin p ON p.id = r.plugin_id
         WHERE p.id = $1 AND r.id = $2 AND p.state = 'listed' AND r.state = 'approved' AND {TRUSTED}"
    );
    let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(plugin.to_string())
        .bind(release.to_string())
        .fetch_one(connection)
        .await?;
    Ok(found == 1)
}
