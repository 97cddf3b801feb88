//! A call of a webhook: what it is checked against, and taking it.
//!
//! Taking is one transaction: the event, its delivery and the receipt by which the same call
//! is known when it comes again. Nothing is written of a call that was not taken, and none is
//! taken while too much waits for the install.
use semver::Version;
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    id::{DeliveryId, PluginId, ReleaseId, WebhookId},
    limits,
    lineage::Lineage,
    manifest::Manifest,
    webhook::Webhook,
};

use super::{OpenWebhook, SELECT, webhook};
use crate::{
    Store, StoreError, crash,
    event::{
        NewEvent,
        bound::{self, append_within},
    },
    publisher_credential::CredentialKind,
    row::Row,
    secret::{self, Keys, Opened},
};

/// For how long a call that comes again is known.
pub const REMEMBERED_MS: i64 = limits::WEBHOOK_REMEMBERED_MS.cast_signed();

/// What a call is checked against.
pub struct Called {
    /// The plugin.
    pub plugin: PluginId,
    /// What the manifest says of it.
    pub webhook: Webhook,
    /// The secrets that are good now.
    pub secrets: Vec<Opened>,
}

/// A call that is the sender's.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// Which of the sender's events it is.
    pub event: String,
    /// The kind of the plugin's event.
    pub kind: &'static str,
    /// JSON text.
    pub payload: String,
}

/// A call that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its delivery: the same for the same event.
    pub delivery: DeliveryId,
    /// The event was not there before.
    pub is_new: bool,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is durable, now or since it came before.
    Call(Receipt),
    /// As much waits for the install as this limit allows.
    Full(&'static str),
    /// The webhook was closed meanwhile, or the install's release has none of this name.
    Closed,
}

impl Store {
    /// An install's own URL: what its calls are checked against; none if it is not open, or
    /// its release has no such webhook.
    pub async fn webhook_called(
        &self,
        keys: &Keys,
        id: &WebhookId,
    ) -> Result<Option<(OpenWebhook, Called)>, StoreError> {
        let mut reader = self.read().await?;
        let mut tx = reader.begin().await?;
        let Some(open) = by_id(&mut tx, id).await? else { return Ok(None) };
        let Some(webhook) = entry_of(&mut tx, &open).await? else { return Ok(None) };
        if webhook.routing.is_some() || open.secret_version == 0 {
            return Ok(None);
        }
        let mut secrets =
            vec![secret::open(&mut tx, keys, &open.place(open.secret_version)).await?];
        if open.previous_until.is_some_and(|until| until > self.now()) {
            secrets.push(secret::open(&mut tx, keys, &open.place(open.secret_version - 1)).await?);
        }
        tx.rollback().await?;
        let plugin = open.plugin.clone();
        Ok(Some((open, Called { plugin, webhook, secrets })))
    }

    /// A plugin's URL: what its calls are checked against, by its newest approved release;
    /// none if that has no such webhook for all installs.
    pub async fn plugin_webhook_called(
        &self,
        keys: &Keys,
        plugin: &str,
        name: &str,
    ) -> Result<Option<Called>, StoreError> {
        let mut reader = self.read().await?;
        let rows = sqlx::query(
            "SELECT r.id, r.version FROM release r JOIN plugin p ON p.id = r.plugin_id
             WHERE p.name = $1 AND r.state = 'approved'",
        )
        .bind(plugin.to_owned())
        .fetch_all(&mut *reader)
        .await?;
        let mut newest: Option<(Version, ReleaseId)> = None;
        for row in &rows {
            let row = Row::new("release", row);
            // Versions do not sort as text.
            let one: (Version, ReleaseId) = (row.parsed("version")?, row.parsed("id")?);
            newest = newest.max(Some(one));
        }
        let Some((_, release)) = newest else { return Ok(None) };
        let row = sqlx::query("SELECT id, plugin_id, manifest_json FROM release WHERE id = $1")
            .bind(release.to_string())
            .fetch_one(&mut *reader)
            .await?;
        drop(reader);
        let row = Row::new("release", &row);
        let (plugin, manifest): (PluginId, Manifest) =
            (row.parsed("plugin_id")?, row.json_always("manifest_json")?);
        let webhook = manifest.webhook(name).filter(|webhook| webhook.routing.is_some()).cloned();
        let Some(webhook) = webhook else { return Ok(None) };
        let of = (name, CredentialKind::WebhookSecret, "");
        let found = self.open_credential(keys, &plugin, of).await?;
        let secrets = found.map(|(_, secrets)| secrets).unwrap_or_default();
        Ok(Some(Called { plugin, webhook, secrets }))
    }

    /// The install that is this customer of the sender's; none if nobody said so.
    pub async fn webhook_of_key(
        &self,
        plugin: &PluginId,
        name: &str,
        key: &str,
    ) -> Result<Option<OpenWebhook>, StoreError> {
        let mut reader = self.read().await?;
        let sql = format!(
            "{SELECT} WHERE plugin_id = $1 AND name = $2 AND routing_key = $3 AND routing_key <> ''"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(plugin.to_string())
            .bind(name.to_owned())
            .bind(key.to_owned())
            .fetch_optional(&mut *reader)
            .await?;
        row.as_ref().map(webhook).transpose()
    }

    /// The receipt of a call that came before; none if it is new.
    pub async fn known_call(
        &self,
        id: &WebhookId,
        event: &str,
    ) -> Result<Option<Receipt>, StoreError> {
        known(self, &mut *self.read().await?, id, event).await
    }

    /// Takes a call; once this returns its receipt, it is durable. Ring `wake.deliveries`.
    pub async fn take_call(&self, to: &OpenWebhook, call: NewCall) -> Result<Taken, StoreError> {
        let (store, id) = (self.clone(), to.id.clone());
        let taken = self
            .write_data(move |db| {
                Box::pin(async move {
                    let taken = take(&store, db, &id, call).await?;
                    crash::point("webhook.before-commit");
                    Ok(taken)
                })
            })
            .await?;
        crash::point("webhook.committed");
        Ok(taken)
    }
}

async fn by_id(db: &mut AnyConnection, id: &WebhookId) -> Result<Option<OpenWebhook>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1")))
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(webhook).transpose()
}

/// What the install's release says of it.
async fn entry_of(
    db: &mut AnyConnection,
    open: &OpenWebhook,
) -> Result<Option<Webhook>, StoreError> {
    let row = sqlx::query(
        "SELECT r.id, r.manifest_json FROM install i JOIN release r ON r.id = i.release_id
         WHERE i.id = $1 AND i.state IN ('active', 'paused')",
    )
    .bind(open.install.to_string())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let manifest: Manifest = Row::new("release", &row).json_always("manifest_json")?;
    Ok(manifest.webhook(&open.name).cloned())
}

async fn known(
    store: &Store,
    db: &mut AnyConnection,
    id: &WebhookId,
    event: &str,
) -> Result<Option<Receipt>, StoreError> {
    let row = sqlx::query(
        "SELECT event, delivery_id FROM webhook_receipt
         WHERE webhook_id = $1 AND event = $2 AND received_at > $3",
    )
    .bind(id.to_string())
    .bind(event.to_owned())
    .bind(store.now().plus_ms(-REMEMBERED_MS).0)
    .fetch_optional(db)
    .await?;
    let Some(row) = &row else { return Ok(None) };
    let delivery = Row::new("webhook_receipt", row).parsed("delivery_id")?;
    Ok(Some(Receipt { delivery, is_new: false }))
}

async fn take(
    store: &Store,
    db: &mut AnyConnection,
    id: &WebhookId,
    call: NewCall,
) -> Result<Taken, StoreError> {
    let Some(open) = by_id(db, id).await? else { return Ok(Taken::Closed) };
    if entry_of(db, &open).await?.is_none() {
        return Ok(Taken::Closed);
    }
    // One writer: nobody takes the same in between.
    if let Some(before) = known(store, db, id, &call.event).await? {
        return Ok(Taken::Call(before));
    }
    // One that fails and is tried again holds up only what is like it.
    let subject = if open.routing_key.is_empty() { open.name } else { open.routing_key };
    let new = NewEvent {
        organization: open.organization,
        install: open.install,
        kind: call.kind,
        subject,
        payload: call.payload,
    };
    let caused = Lineage::default();
    let delivery = match append_within(store, db, &bound::CALLS, &new, &caused).await? {
        Ok(delivery) => delivery,
        Err(limit) => return Ok(Taken::Full(limit)),
    };
    sqlx::query(
        "INSERT INTO webhook_receipt (webhook_id, event, delivery_id, received_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (webhook_id, event) DO UPDATE SET delivery_id = excluded.delivery_id,
             received_at = excluded.received_at",
    )
    .bind(id.to_string())
    .bind(call.event)
    .bind(delivery.to_string())
    .bind(store.now().0)
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE webhook SET received_at = $1 WHERE id = $2")
        .bind(store.now().0)
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(Taken::Call(Receipt { delivery, is_new: true }))
}
