//! Webhooks that customers opened: to whom an install listens, and with which secret.
//!
//! What the manifest says of them is the domain's ([`venn_domain::webhook`]); a call that
//! comes in is [`intake`]. A webhook has the install's own secret, sealed in
//! [`crate::secret`], or a routing key, where one URL with the publisher's secret serves all
//! installs of the plugin.
use std::sync::Arc;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, OrganizationId, PluginId, UserId, WebhookId},
    time::Timestamp,
    webhook::Webhook,
};
use zeroize::Zeroizing;

use crate::{
    Store, StoreError, audit,
    audit::NewAudit,
    crash,
    install::{Install, InstallState},
    plugin::Change,
    row::Row,
    secret::{self, Keys, SecretPlace},
};

pub mod intake;
#[cfg(test)]
mod tests;

/// A webhook that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWebhook {
    /// Its id: a part of its URL, where it has one of its own.
    pub id: WebhookId,
    /// The customer.
    pub organization: OrganizationId,
    /// The install.
    pub install: InstallId,
    /// The plugin.
    pub plugin: PluginId,
    /// The manifest's name of it.
    pub name: String,
    /// What the sender calls this customer; empty where the URL is the install's own.
    pub routing_key: String,
    /// Counts up with every secret; 0: the publisher's is used.
    pub secret_version: u64,
    /// The secret before is good until then, too.
    pub previous_until: Option<Timestamp>,
    /// When a call was taken last.
    pub received_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its secret or key last changed.
    pub updated_at: Timestamp,
}

impl OpenWebhook {
    fn place(&self, version: u64) -> SecretPlace {
        SecretPlace {
            organization: self.organization.clone(),
            credential: self.id.to_string(),
            version,
        }
    }
}

/// A webhook that was to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// As it is now.
    pub webhook: OpenWebhook,
    /// False: it was open already, and nothing changed.
    pub is_new: bool,
}

/// By what calls are known to be for an install.
pub enum By {
    /// The install's own URL, and this secret.
    Secret(Zeroizing<Vec<u8>>),
    /// The plugin's URL, and this key in them.
    Key(String),
}

const SELECT: &str = "
    SELECT id, organization_id, install_id, plugin_id, name, routing_key, secret_version,
           previous_until, received_at, created_at, updated_at FROM webhook";

fn webhook(row: &sqlx::any::AnyRow) -> Result<OpenWebhook, StoreError> {
    let row = Row::new("webhook", row);
    Ok(OpenWebhook {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        install: row.parsed("install_id")?,
        plugin: row.parsed("plugin_id")?,
        name: row.text("name")?,
        routing_key: row.text("routing_key")?,
        secret_version: row.count("secret_version")?,
        previous_until: row.time_or_none("previous_until")?,
        received_at: row.time_or_none("received_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

async fn of_install(
    db: &mut AnyConnection,
    install: &InstallId,
) -> Result<Vec<OpenWebhook>, StoreError> {
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE install_id = $1 ORDER BY name")))
            .bind(install.to_string())
            .fetch_all(db)
            .await?;
    rows.iter().map(webhook).collect()
}

async fn named(
    db: &mut AnyConnection,
    install: &InstallId,
    name: &str,
) -> Result<Option<OpenWebhook>, StoreError> {
    Ok(of_install(db, install).await?.into_iter().find(|one| one.name == name))
}

impl Store {
    /// The webhooks that are open for an install, by name.
    pub async fn webhooks(&self, install: &InstallId) -> Result<Vec<OpenWebhook>, StoreError> {
        of_install(&mut *self.read().await?, install).await
    }

    /// Opens a webhook for an install; another routing key takes the place of the one before, at
    /// once. What is open by a secret, or by this key, stays as it is. Taken: the routing key is
    /// another install's.
    pub async fn open_webhook(
        &self,
        keys: Arc<Keys>,
        install: &Install,
        name: &str,
        by: By,
        actor: &UserId,
    ) -> Result<Change<Opened>, StoreError> {
        let store = self.clone();
        let (install, name, actor) = (install.clone(), name.to_owned(), actor.clone());
        self.write(move |db| {
            Box::pin(async move { open(&store, db, &keys, &install, &name, &by, &actor).await })
        })
        .await
        .inspect(|_| crash::point("webhook.opened"))
    }

    /// Puts another secret; the one before is good until `previous_until`, too. Wrong state:
    /// it has none of its own.
    pub async fn rotate_webhook(
        &self,
        keys: Arc<Keys>,
        install: &InstallId,
        name: &str,
        secret: Zeroizing<Vec<u8>>,
        previous_until: Timestamp,
        actor: &UserId,
    ) -> Result<Change<OpenWebhook>, StoreError> {
        let store = self.clone();
        let (install, name, actor) = (install.clone(), name.to_owned(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(mut found) = named(db, &install, &name).await? else {
                    return Ok(Change::NotFound);
                };
                if found.secret_version == 0 {
                    return Ok(Change::WrongState("open by a routing key, without a secret"));
                }
                found.secret_version += 1;
                found.previous_until = Some(previous_until);
                found.updated_at = store.now();
                let place = found.place(found.secret_version);
                secret::put_beside(&store, db, &keys, &place, &secret).await?;
                put(db, &found, &actor).await?;
                note(&store, db, &found, actor.as_str(), "webhook.rotated").await?;
                Ok(Change::Done(found))
            })
        })
        .await
    }

    /// Closes a webhook; false if it is not open. What was taken already stays.
    pub async fn close_webhook(
        &self,
        install: &InstallId,
        name: &str,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        let (install, name, actor) = (install.clone(), name.to_owned(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(found) = named(db, &install, &name).await? else { return Ok(false) };
                remove(db, &found).await?;
                note(&store, db, &found, actor.as_str(), "webhook.closed").await?;
                Ok(true)
            })
        })
        .await
    }

    /// Forgets secrets whose time beside a newer one is over, and calls that no sender
    /// sends again.
    pub async fn sweep_webhooks(&self) -> Result<(), StoreError> {
        let now = self.now();
        self.write_data(move |db| {
            Box::pin(async move {
                for (sql, until) in [
                    (
                        "DELETE FROM secret WHERE EXISTS
                             (SELECT 1 FROM webhook w
                              WHERE w.id = secret.credential_id AND w.previous_until <= $1
                                AND secret.version < w.secret_version)",
                        now,
                    ),
                    ("UPDATE webhook SET previous_until = NULL WHERE previous_until <= $1", now),
                    (
                        "DELETE FROM webhook_receipt WHERE received_at <= $1",
                        now.plus_ms(-intake::REMEMBERED_MS),
                    ),
                ] {
                    sqlx::query(sql).bind(until.0).execute(&mut *db).await?;
                }
                crash::point("sweep.before-commit");
                Ok(())
            })
        })
        .await
        .inspect(|()| crash::point("sweep.committed"))
    }
}

async fn open(
    store: &Store,
    db: &mut AnyConnection,
    keys: &Keys,
    install: &Install,
    name: &str,
    by: &By,
    actor: &UserId,
) -> Result<Change<Opened>, StoreError> {
    // As it is now: it may have been removed meanwhile.
    let Some(install) = crate::install::find(db, &install.organization, &install.id).await? else {
        return Ok(Change::NotFound);
    };
    match install.state {
        InstallState::Active | InstallState::Paused => {}
        InstallState::Draft => return Ok(Change::WrongState("not enabled yet")),
        _ => return Ok(Change::WrongState("uninstalled")),
    }
    let (now, before) = (store.now(), named(db, &install.id, name).await?);
    if let Some(webhook) = before.as_ref().filter(|before| is_open_by(before, by)).cloned() {
        return Ok(Change::Done(Opened { webhook, is_new: false }));
    }
    let version = before.as_ref().map_or(0, |before| before.secret_version);
    let opened = OpenWebhook {
        id: before.as_ref().map_or_else(|| WebhookId::make(store.ids()), |one| one.id.clone()),
        organization: install.organization,
        install: install.id,
        plugin: install.plugin,
        name: name.to_owned(),
        routing_key: if let By::Key(key) = by { key.clone() } else { String::new() },
        secret_version: if matches!(by, By::Secret(_)) { version + 1 } else { 0 },
        previous_until: None,
        received_at: before.as_ref().and_then(|before| before.received_at),
        created_at: before.as_ref().map_or(now, |before| before.created_at),
        updated_at: now,
    };
    put(db, &opened, actor).await?;
    match by {
        By::Secret(value) => {
            secret::put(store, db, keys, &opened.place(opened.secret_version), value).await?;
        }
        By::Key(_) => secret::forget(db, opened.id.as_str()).await?,
    }
    let detail = json!({ "name": opened.name, "webhook": opened.id,
        "routing_key": opened.routing_key,
        "previous_routing_key": before.map_or_else(String::new, |before| before.routing_key) });
    audit::append(store, db, &entry(&opened, actor.as_str(), "webhook.opened", detail)).await?;
    Ok(Change::Done(Opened { webhook: opened, is_new: true }))
}

fn is_open_by(before: &OpenWebhook, by: &By) -> bool {
    match by {
        By::Secret(_) => before.secret_version > 0,
        By::Key(key) => before.routing_key == *key,
    }
}

async fn put(
    db: &mut AnyConnection,
    webhook: &OpenWebhook,
    actor: &UserId,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO webhook (id, organization_id, install_id, plugin_id, name, routing_key,
             secret_version, previous_until, received_at, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (install_id, name) DO UPDATE SET routing_key = excluded.routing_key,
             secret_version = excluded.secret_version, previous_until = excluded.previous_until,
             updated_at = excluded.updated_at",
    )
    .bind(webhook.id.to_string())
    .bind(webhook.organization.to_string())
    .bind(webhook.install.to_string())
    .bind(webhook.plugin.to_string())
    .bind(webhook.name.clone())
    .bind(webhook.routing_key.clone())
    .bind(i64::try_from(webhook.secret_version).unwrap_or(i64::MAX))
    .bind(webhook.previous_until.map(|until| until.0))
    .bind(webhook.received_at.map(|at| at.0))
    .bind(actor.to_string())
    .bind(webhook.created_at.0)
    .bind(webhook.updated_at.0)
    .execute(db)
    .await
    .map_err(StoreError::taken("The routing key"))?;
    Ok(())
}

async fn remove(db: &mut AnyConnection, webhook: &OpenWebhook) -> Result<(), StoreError> {
    secret::forget(db, webhook.id.as_str()).await?;
    for sql in
        ["DELETE FROM webhook_receipt WHERE webhook_id = $1", "DELETE FROM webhook WHERE id = $1"]
    {
        sqlx::query(sql).bind(webhook.id.to_string()).execute(&mut *db).await?;
    }
    Ok(())
}

/// Closes what an install's release does not have, or has otherwise: all of them, if it has none.
pub(crate) async fn close_others(
    store: &Store,
    db: &mut AnyConnection,
    install: &InstallId,
    declared: &[Webhook],
    actor: &UserId,
) -> Result<(), StoreError> {
    for open in of_install(db, install).await? {
        let stays = declared.iter().any(|entry| {
            entry.name == open.name && entry.routing.is_none() == open.routing_key.is_empty()
        });
        if !stays {
            remove(db, &open).await?;
            note(store, db, &open, actor.as_str(), "webhook.closed").await?;
        }
    }
    Ok(())
}

/// All secrets are lost with the keys, and URLs are others: customers open them anew.
pub(crate) async fn lose_all(
    store: &Store,
    db: &mut AnyConnection,
    reason: &str,
) -> Result<(), StoreError> {
    let sql = format!("{SELECT} WHERE secret_version > 0 ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *db).await?;
    for row in &rows {
        let lost = webhook(row)?;
        remove(db, &lost).await?;
        let entry =
            entry(&lost, "host", "webhook.lost", json!({ "name": lost.name, "reason": reason }));
        audit::append(store, db, &entry).await?;
    }
    Ok(())
}

async fn note(
    store: &Store,
    db: &mut AnyConnection,
    about: &OpenWebhook,
    actor: &str,
    action: &'static str,
) -> Result<(), StoreError> {
    let detail =
        json!({ "name": about.name, "webhook": about.id, "routing_key": about.routing_key });
    audit::append(store, db, &entry(about, actor, action, detail)).await
}

fn entry(
    about: &OpenWebhook,
    actor: &str,
    action: &'static str,
    detail: serde_json::Value,
) -> NewAudit {
    NewAudit {
        organization: about.organization.clone(),
        actor: actor.to_owned(),
        action,
        subject: about.install.to_string(),
        detail,
    }
}
