//! Changing an install. Each change, its authority number, its audit entry and
//! the event that tells the plugin stand in one transaction.
//!
//! To add a change: a variant of [`InstallChange`] with its name in the audit,
//! the states in which it may happen, and an arm in `apply`.
use std::collections::BTreeSet;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    event,
    grant::Grant,
    id::{DeliveryId, InstallId, OrganizationId, PartnershipId, ReleaseId, UserId},
    manifest::Manifest,
};

use super::{
    ConnectionMap, Install, InstallState, can_run,
    farewell::{self, Holder, Reason},
    find,
};
use crate::{
    Store, StoreError, audit,
    audit::NewAudit,
    authority, breaker, crash,
    delivery::{self, Waiting},
    detect,
    event::{NewEvent, append},
    incident, pairing,
    plugin::Change,
    row::{self, Row},
    schedule, source, webhook,
};

mod unfit;

/// What a customer's admin does to an install.
#[derive(Debug, Clone)]
pub enum InstallChange {
    /// From draft to active; the recorded check must be good.
    Enable,
    /// From active to paused.
    Pause,
    /// From paused to active.
    Resume,
    /// Another consent.
    Grant(Grant),
    /// Another configuration.
    Config(serde_json::Value),
    /// Other connections.
    Connections(ConnectionMap),
    /// To another approved release of the plugin.
    Upgrade(Upgrade),
    /// Away for good, once the plugin has cleaned up if it asks for that: what it
    /// keeps is purged. At once if it is being removed already.
    Uninstall,
}

/// Another release, with what it asks for otherwise.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// The release.
    pub to: ReleaseId,
    /// The configuration from now on, if it is another one.
    pub config: Option<serde_json::Value>,
    /// The connections from now on, if they are others.
    pub connections: Option<ConnectionMap>,
}

impl From<ReleaseId> for Upgrade {
    fn from(to: ReleaseId) -> Self {
        Self { to, config: None, connections: None }
    }
}

impl InstallChange {
    /// The name in the audit.
    const fn action(&self) -> &'static str {
        match self {
            Self::Enable => "install.enabled",
            Self::Pause => "install.paused",
            Self::Resume => "install.resumed",
            Self::Grant(_) => "grant.changed",
            Self::Config(_) => "install.configured",
            Self::Connections(_) => "install.connected",
            Self::Upgrade(_) => "install.upgraded",
            Self::Uninstall => "install.uninstalled",
        }
    }

    /// Why it cannot happen to an install in this state, if so.
    const fn refused(&self, state: InstallState) -> Option<&'static str> {
        use InstallState::{Active, Draft, Paused, Uninstalled, Uninstalling};
        match (self, state) {
            (_, Uninstalled) => Some("uninstalled"),
            (Self::Uninstall, Uninstalling) => None,
            (_, Uninstalling) => Some("being removed"),
            (Self::Enable, Active | Paused) => Some("enabled already"),
            (Self::Pause | Self::Resume, Draft) => Some("not enabled yet"),
            (Self::Pause, Paused) => Some("paused already"),
            (Self::Resume, Active) => Some("active already"),
            _ => None,
        }
    }

    /// What the audit keeps: never the configuration itself.
    fn detail(&self, before: &Install) -> serde_json::Value {
        match self {
            Self::Grant(grant) => json!({ "before": before.grant, "after": grant }),
            Self::Connections(to) => json!({ "before": before.connections, "after": to }),
            Self::Upgrade(upgrade) => {
                let connections = upgrade.connections.as_ref().unwrap_or(&before.connections);
                json!({ "from": before.release, "to": upgrade.to,
                    "configured": upgrade.config.is_some(),
                    "connections": { "before": before.connections, "after": connections } })
            }
            _ => json!({ "plugin": before.plugin, "release": before.release }),
        }
    }
}

impl Store {
    /// Applies a change to an install of this organization.
    pub async fn change_install(
        &self,
        organization: &OrganizationId,
        id: &InstallId,
        change: InstallChange,
        actor: &UserId,
    ) -> Result<Change<Install>, StoreError> {
        let (store, organization, id) = (self.clone(), organization.clone(), id.clone());
        let actor = actor.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let Some(before) = find(connection, &organization, &id).await? else {
                    return Ok(Change::NotFound);
                };
                let changed = make(&store, connection, &before, &change, &actor).await?;
                crash::point("install.before-commit");
                Ok(changed)
            })
        })
        .await
        .inspect(|_| crash::point("install.committed"))
    }

    /// Makes the event that lets a plugin read a partnership from its start;
    /// none if the plugin does not want overlaps.
    pub async fn start_backfill(
        &self,
        install: &Install,
        partnership: &PartnershipId,
        cursor: String,
        actor: &UserId,
    ) -> Result<Option<DeliveryId>, StoreError> {
        let (store, install) = (self.clone(), install.clone());
        let (partnership, actor) = (partnership.clone(), actor.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let kind = event::OVERLAPS_CHANGED;
                if !manifest(connection, &install.release).await?.wants(kind) {
                    return Ok(None);
                }
                let payload =
                    event::OverlapsChanged { reason: "backfill".to_owned(), cursor: Some(cursor) };
                let entry = NewAudit {
                    organization: install.organization.clone(),
                    actor: actor.to_string(),
                    action: "install.backfilled",
                    subject: install.id.to_string(),
                    detail: json!({ "partnership": partnership }),
                };
                audit::append(&store, connection, &entry).await?;
                let new = NewEvent {
                    organization: install.organization,
                    install: install.id,
                    kind,
                    subject: partnership.to_string(),
                    payload: row::json(&payload),
                };
                let delivery = append(&store, connection, &new).await?;
                crash::point("backfill.before-commit");
                Ok(Some(delivery))
            })
        })
        .await
        .inspect(|_| crash::point("backfill.committed"))
    }
}

/// Makes a change in the caller's transaction.
pub(crate) async fn make(
    store: &Store,
    connection: &mut AnyConnection,
    before: &Install,
    change: &InstallChange,
    actor: &UserId,
) -> Result<Change<Install>, StoreError> {
    if let Some(why) = change.refused(before.state) {
        return Ok(Change::WrongState(why));
    }
    if let Some(why) = apply(store, connection, before, change, actor).await? {
        return Ok(Change::WrongState(why));
    }
    finish(store, connection, before, change, actor).await?;
    if !matches!(change, InstallChange::Uninstall) {
        unfit::note(store, connection, before).await?;
    }
    let after = find(connection, &before.organization, &before.id).await?;
    Ok(after.map_or(Change::NotFound, Change::Done))
}

/// Writes the change; the reason if it cannot happen after all.
async fn apply(
    store: &Store,
    connection: &mut AnyConnection,
    before: &Install,
    change: &InstallChange,
    actor: &UserId,
) -> Result<Option<&'static str>, StoreError> {
    match change {
        InstallChange::Enable => {
            if !before.check.as_ref().is_some_and(|check| check.ok) {
                return Ok(Some("not checked since its last change, or its check found errors"));
            }
            if !can_run(connection, &before.plugin, &before.release).await? {
                return Ok(Some("not listed in the marketplace with this release"));
            }
            let now = store.now().0;
            set(connection, before, "state = 'active', enabled_at", Value::Number(now)).await?;
            start_partnerships(connection, before, &before.grant).await?;
            let manifest = manifest(connection, &before.release).await?;
            schedule::plan(store, connection, &before.id, &manifest).await?;
        }
        InstallChange::Pause => set(connection, before, "state", "paused".into()).await?,
        InstallChange::Resume => {
            set(connection, before, "state", "active".into()).await?;
            pairing::notify_resumed(store, connection, &before.id).await?;
        }
        InstallChange::Grant(grant) => {
            let text = row::json(grant);
            set(connection, before, "check_json = '', grant_json", text.into()).await?;
            if before.state != InstallState::Draft {
                start_partnerships(connection, before, grant).await?;
                for gone in &before.grant.partnerships {
                    if !grant.partnerships.contains(gone) {
                        let holders = [holder(before)];
                        let reason = Reason::GrantWithdrawn;
                        farewell::erase(store, connection, &holders, gone, reason).await?;
                    }
                }
            }
        }
        InstallChange::Config(config) => {
            let text = row::json(config);
            set(connection, before, "check_json = '', config_json", text.into()).await?;
        }
        InstallChange::Connections(connections) => {
            let text = row::json(connections);
            set(connection, before, "check_json = '', connections_json", text.into()).await?;
        }
        InstallChange::Upgrade(Upgrade { to: release, config, connections }) => {
            if *release == before.release {
                return Ok(Some("at this release already"));
            }
            if !can_run(connection, &before.plugin, release).await? {
                return Ok(Some("not listed in the marketplace with this release"));
            }
            let text = release.to_string();
            set(connection, before, "check_json = '', release_id", text.into()).await?;
            breaker::forget(connection, before.id.as_str()).await?;
            if let Some(config) = config {
                set(connection, before, "config_json", row::json(config).into()).await?;
            }
            if let Some(connections) = connections {
                set(connection, before, "connections_json", row::json(connections).into()).await?;
            }
            if before.state != InstallState::Draft {
                let manifest = manifest(connection, release).await?;
                schedule::plan(store, connection, &before.id, &manifest).await?;
                let webhooks = &manifest.webhooks;
                webhook::close_others(store, connection, &before.id, webhooks, actor).await?;
            }
        }
        InstallChange::Uninstall => uninstall(store, connection, before, actor).await?,
    }
    Ok(None)
}

/// One value of an install's row.
enum Value {
    Text(String),
    Number(i64),
}

impl<T: Into<String>> From<T> for Value {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// Sets columns; `columns` is ours and ends with the one that gets the value.
async fn set(
    connection: &mut AnyConnection,
    install: &Install,
    columns: &'static str,
    value: Value,
) -> Result<(), StoreError> {
    let sql = format!("UPDATE install SET {columns} = $1 WHERE id = $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql));
    let query = match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
    };
    query.bind(install.id.to_string()).execute(connection).await?;
    Ok(())
}

/// Change cursors of newly granted partnerships start now; those of
/// partnerships that are not granted any more are forgotten, so that a later
/// grant is a new consent from then on.
async fn start_partnerships(
    connection: &mut AnyConnection,
    install: &Install,
    grant: &Grant,
) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT partnership_id FROM install_partnership WHERE install_id = $1")
        .bind(install.id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        let id: PartnershipId = Row::new("install_partnership", row).parsed("partnership_id")?;
        if !grant.partnerships.contains(&id) {
            sqlx::query(
                "DELETE FROM install_partnership WHERE install_id = $1 AND partnership_id = $2",
            )
            .bind(install.id.to_string())
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
        }
    }
    for id in &grant.partnerships {
        // The subquery keeps a partnership of others from ever getting in.
        sqlx::query(
            "INSERT INTO install_partnership (install_id, partnership_id, start_no, notified_no)
             SELECT $1, id, change_no, change_no FROM partnership
             WHERE id = $2 AND (left_id = $3 OR right_id = $3)
             ON CONFLICT (install_id, partnership_id) DO NOTHING",
        )
        .bind(install.id.to_string())
        .bind(id.to_string())
        .bind(install.organization.to_string())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn uninstall(
    store: &Store,
    connection: &mut AnyConnection,
    install: &Install,
    actor: &UserId,
) -> Result<(), StoreError> {
    source::forget(connection, &install.organization, &install.id).await?;
    breaker::forget(connection, install.id.as_str()).await?;
    detect::forget(connection, &install.id).await?;
    incident::resolve_all(connection, &install.id, store.now()).await?;
    schedule::forget(connection, &install.id).await?;
    webhook::close_others(store, connection, &install.id, &[], actor).await?;
    let may_run = can_run(connection, &install.plugin, &install.release).await?;
    farewell::leave(store, connection, &holder(install), may_run).await
}

fn holder(install: &Install) -> Holder {
    Holder {
        id: install.id.clone(),
        organization: install.organization.clone(),
        release: install.release.clone(),
        state: install.state,
    }
}

/// Raises authority, appends the audit entry, and tells the plugin.
async fn finish(
    store: &Store,
    connection: &mut AnyConnection,
    before: &Install,
    change: &InstallChange,
    actor: &UserId,
) -> Result<(), StoreError> {
    // A configuration says what a plugin does, and what it may do only where it
    // completes a host.
    let hosts = moved_hosts(connection, before, change).await?;
    if !matches!(change, InstallChange::Config(_)) || hosts.is_some() {
        authority::raise(store, connection).await?;
    }
    let mut detail = change.detail(before);
    if let (Some((from, to)), Some(detail)) = (hosts, detail.as_object_mut()) {
        detail.insert("hosts".to_owned(), json!({ "before": from, "after": to }));
    }
    let entry = NewAudit {
        organization: before.organization.clone(),
        actor: actor.to_string(),
        action: change.action(),
        subject: before.id.to_string(),
        detail,
    };
    audit::append(store, connection, &entry).await?;
    delivery::unpark(connection, store.now(), Waiting::Install(&before.id)).await?;
    let Some((kind, release, payload)) = told(connection, before, change).await? else {
        return Ok(());
    };
    // What is not enabled yet is told with `installed`.
    let enabled = before.state != InstallState::Draft || matches!(change, InstallChange::Enable);
    if !enabled || !manifest(connection, release).await?.wants(kind) {
        return Ok(());
    }
    let new = NewEvent {
        organization: before.organization.clone(),
        install: before.id.clone(),
        kind,
        subject: String::new(),
        payload: row::json(&payload),
    };
    append(store, connection, &new).await.map(drop)
}

/// The hosts that a configuration completed before and completes now, if they
/// differ.
async fn moved_hosts(
    connection: &mut AnyConnection,
    before: &Install,
    change: &InstallChange,
) -> Result<Option<(Vec<String>, Vec<String>)>, StoreError> {
    let (InstallChange::Config(after)
    | InstallChange::Upgrade(Upgrade { config: Some(after), .. })) = change
    else {
        return Ok(None);
    };
    let manifest = manifest(connection, &before.release).await?;
    let hosts = (manifest.customer_hosts(&before.config), manifest.customer_hosts(after));
    Ok((hosts.0 != hosts.1).then_some(hosts))
}

/// The event of a change: its kind, the release that gets it, the payload.
async fn told<'a>(
    connection: &mut AnyConnection,
    before: &'a Install,
    change: &'a InstallChange,
) -> Result<Option<(&'static str, &'a ReleaseId, serde_json::Value)>, StoreError> {
    Ok(match change {
        InstallChange::Enable => Some((event::INSTALLED, &before.release, json!({}))),
        InstallChange::Grant(after) => {
            let payload = json!({
                "gained": beyond(after, &before.grant), "lost": beyond(&before.grant, after),
            });
            Some((event::GRANT_CHANGED, &before.release, payload))
        }
        InstallChange::Config(after) => {
            let payload = json!({ "changed": differing(&before.config, after) });
            Some((event::CONFIGURED, &before.release, payload))
        }
        // Other credentials; no field of the configuration differs.
        InstallChange::Connections(_) => {
            Some((event::CONFIGURED, &before.release, json!({ "changed": [] })))
        }
        InstallChange::Upgrade(upgrade) => {
            let version = manifest(connection, &upgrade.to).await?.version.to_string();
            let payload = json!({ "old_version": before.version, "new_version": version });
            Some((event::UPGRADED, &upgrade.to, payload))
        }
        InstallChange::Pause | InstallChange::Resume | InstallChange::Uninstall => None,
    })
}

/// Names of the capabilities that `one` has and `other` lacks.
fn beyond(one: &Grant, other: &Grant) -> Vec<&'static str> {
    let only = one.capabilities.iter().filter(|capability| !other.capabilities.has(*capability));
    only.map(venn_domain::capability::Capability::name).collect()
}

/// Names of the top-level fields that differ.
fn differing(before: &serde_json::Value, after: &serde_json::Value) -> BTreeSet<String> {
    let members = [before, after].into_iter().filter_map(serde_json::Value::as_object).flatten();
    let differs = |name: &&String| before.get(name.as_str()) != after.get(name.as_str());
    members.map(|(name, _)| name).filter(differs).cloned().collect()
}

pub(super) async fn manifest(
    connection: &mut AnyConnection,
    release: &ReleaseId,
) -> Result<Manifest, StoreError> {
    let row = sqlx::query("SELECT id, manifest_json FROM release WHERE id = $1")
        .bind(release.to_string())
        .fetch_one(connection)
        .await?;
    Row::new("release", &row).json_always("manifest_json")
}
