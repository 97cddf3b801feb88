//! Releases: one immutable component and manifest each, under a version.
//!
//! The bytes are in `blob`; the gate ran before a release gets here. A version
//! is taken for ever: the same bytes and manifest again are the same release,
//! anything else is refused.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, PluginId, ReleaseId, UserId},
    manifest::Manifest,
    signing::{Trust, trust},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    authority, blob, crash,
    delivery::{self, Waiting},
    plugin::{self, Change, PluginState, Reviewer, states},
    row::{Row, json},
};

pub mod approved;
pub mod signature;
mod withdraw;

pub use signature::{NewSignature, Proof, Signature};

#[cfg(test)]
pub(crate) mod tests;

states! {
    /// Where a release stands.
    ReleaseState {
        /// The gate is looking at it.
        Checking = "checking",
        /// The gate refused it.
        Rejected = "rejected",
        /// Waits for an admin of the platform.
        Submitted = "submitted",
        /// Customers may have it.
        Approved = "approved",
        /// An admin of the platform refused it.
        Refused = "refused",
        /// Withdrawn; installs at it are stopped.
        Yanked = "yanked",
    }
}

/// A release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The plugin.
    pub plugin: PluginId,
    /// The plugin's key.
    pub plugin_name: String,
    /// Whose plugin it is.
    pub organization: OrganizationId,
    /// That organization's name in addresses.
    pub owner_slug: String,
    /// That organization's name.
    pub owner_name: String,
    /// Its version, as text.
    pub version: String,
    /// The component's SHA-256, hex.
    pub digest: String,
    /// Its size.
    pub component_bytes: u64,
    /// What it asks for.
    pub manifest: Manifest,
    /// The SHA-256 of the manifest's exact bytes, hex.
    pub manifest_digest: String,
    /// Where it stands.
    pub state: ReleaseState,
    /// What the gate found, as the gate said it.
    pub gate: serde_json::Value,
    /// Who uploaded it.
    pub uploaded_by: UserId,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// Why.
    pub decision_reason: String,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// Its publisher's; none if it is older than signing.
    pub signature: Option<Signature>,
}

impl Release {
    /// What the signature is worth, if it is sound.
    pub fn trust(&self) -> Trust {
        let signature = self.signature.as_ref();
        trust(signature.map(|s| s.signed_at), signature.and_then(|s| s.distrusted_from))
    }
}

/// A release that passed the gate.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// The plugin.
    pub plugin: PluginId,
    /// Its manifest; has the version.
    pub manifest: Manifest,
    /// The manifest's exact bytes: what was signed.
    pub manifest_text: String,
    /// The publisher's signature.
    pub signature: NewSignature,
    /// The component's SHA-256, hex.
    pub digest: String,
    /// Its size.
    pub component_bytes: u64,
    /// What the gate found.
    pub gate: serde_json::Value,
    /// Who uploads it.
    pub actor: UserId,
}

/// What came of an upload.
#[derive(Debug, Clone, PartialEq)]
pub enum Uploaded {
    /// A new release.
    New(Release),
    /// The same bytes and manifest were uploaded before.
    Same(Release),
    /// The version was published with other bytes or another manifest: by this one.
    VersionTaken(Release),
}

/// All columns of [`release`], and where they are from.
pub(crate) fn select() -> String {
    format!(
        "SELECT r.id, r.plugin_id, p.name AS plugin_name, p.organization_id, o.slug AS owner_slug,
                o.name AS owner_name, r.version, r.digest,
                r.component_bytes, r.manifest_json, r.state, r.gate_json, r.uploaded_by,
                r.decided_by, r.decision_reason, r.decided_at, r.created_at, {}
         FROM release r JOIN plugin p ON p.id = r.plugin_id
         JOIN organization o ON o.id = p.organization_id {}",
        signature::COLUMNS,
        signature::JOIN
    )
}

pub(crate) fn release(row: &sqlx::any::AnyRow) -> Result<Release, StoreError> {
    let row = Row::new("release", row);
    Ok(Release {
        id: row.parsed("id")?,
        plugin: row.parsed("plugin_id")?,
        plugin_name: row.text("plugin_name")?,
        organization: row.parsed("organization_id")?,
        owner_slug: row.text("owner_slug")?,
        owner_name: row.text("owner_name")?,
        version: row.text("version")?,
        digest: row.text("digest")?,
        component_bytes: row.count("component_bytes")?,
        manifest: row.json_always("manifest_json")?,
        manifest_digest: blob::digest(row.text("manifest_json")?.as_bytes()),
        state: row.named("state", ReleaseState::parse)?,
        gate: row.json_always("gate_json")?,
        uploaded_by: row.parsed("uploaded_by")?,
        decided_by: row.parsed_or_none("decided_by")?,
        decision_reason: row.text("decision_reason")?,
        decided_at: row.time_or_none("decided_at")?,
        created_at: row.time("created_at")?,
        signature: signature::signature(&row)?,
    })
}

async fn find(
    connection: &mut AnyConnection,
    clause: &'static str,
    values: [String; 2],
) -> Result<Option<Release>, StoreError> {
    let [first, second] = values;
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{} WHERE {clause}", select())))
        .bind(first)
        .bind(second)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(release).transpose()
}

const BY_VERSION: &str = "r.plugin_id = $1 AND r.version = $2";
const BY_ID: &str = "r.id = $1 AND r.id = $2";

impl Store {
    /// Looks an upload up before the gate runs: what [`Store::create_release`]
    /// would answer, none if the version is free.
    pub async fn release_of_version(
        &self,
        plugin: &PluginId,
        manifest: &Manifest,
        digest: &str,
    ) -> Result<Option<Uploaded>, StoreError> {
        let mut connection = self.read().await?;
        let values = [plugin.to_string(), manifest.version.to_string()];
        let found = find(&mut connection, BY_VERSION, values).await?;
        Ok(found.map(|found| same_or_taken(found, manifest, digest)))
    }

    /// Keeps a release that passed the gate, as submitted.
    pub async fn create_release(&self, new: NewRelease) -> Result<Uploaded, StoreError> {
        let store = self.clone();
        self.write(move |connection| Box::pin(async move { create(&store, connection, new).await }))
            .await
            .inspect(|_| crash::point("release.committed"))
    }

    /// One release, whoever owns it.
    pub async fn release(&self, id: &ReleaseId) -> Result<Option<Release>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, BY_ID, [id.to_string(), id.to_string()]).await
    }

    /// A plugin's releases, newest first.
    pub async fn releases_page(
        &self,
        plugin: &PluginId,
        before: Option<&ReleaseId>,
        limit: u32,
    ) -> Result<Page<Release>, StoreError> {
        self.page("r.plugin_id = $1", plugin.to_string(), before, limit).await
    }

    /// Releases of all publishers, of one state or all, newest first.
    pub async fn releases_in_state(
        &self,
        state: Option<ReleaseState>,
        before: Option<&ReleaseId>,
        limit: u32,
    ) -> Result<Page<Release>, StoreError> {
        let state = state.map_or("", ReleaseState::name).to_owned();
        self.page("($1 = '' OR r.state = $1)", state, before, limit).await
    }

    async fn page(
        &self,
        clause: &'static str,
        value: String,
        before: Option<&ReleaseId>,
        limit: u32,
    ) -> Result<Page<Release>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{} WHERE {clause} AND r.id < $2 ORDER BY r.id DESC LIMIT $3", select());
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(value)
            // `~` sorts after every character of an id.
            .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        Page::read(rows, limit, release, |release| release.id.to_string()).await
    }

    /// Approves or refuses a submitted release. An approved one makes its
    /// plugin listed, unless that is suspended.
    pub async fn decide_release(
        &self,
        id: &ReleaseId,
        go: bool,
        reason: &str,
        reviewer: &Reviewer,
    ) -> Result<Change<Release>, StoreError> {
        let (store, id, reviewer) = (self.clone(), id.clone(), reviewer.clone());
        let reason = reason.to_owned();
        self.write(move |connection| {
            Box::pin(async move { decide(&store, connection, &id, go, reason, &reviewer).await })
        })
        .await
        .inspect(|_| crash::point("approval.committed"))
    }
}

fn same_or_taken(found: Release, manifest: &Manifest, digest: &str) -> Uploaded {
    if found.digest == digest && found.manifest == *manifest {
        Uploaded::Same(found)
    } else {
        Uploaded::VersionTaken(found)
    }
}

async fn create(
    store: &Store,
    connection: &mut AnyConnection,
    new: NewRelease,
) -> Result<Uploaded, StoreError> {
    let version = new.manifest.version.to_string();
    let values = [new.plugin.to_string(), version.clone()];
    if let Some(found) = find(connection, BY_VERSION, values).await? {
        return Ok(same_or_taken(found, &new.manifest, &new.digest));
    }
    let id = ReleaseId::make(store.ids());
    sqlx::query(
        "INSERT INTO release (id, plugin_id, version, digest, manifest_json, component_bytes,
             state, gate_json, uploaded_by, decision_reason, created_at, concurrency)
         VALUES ($1, $2, $3, $4, $5, $6, 'submitted', $7, $8, '', $9, $10)",
    )
    .bind(id.to_string())
    .bind(new.plugin.to_string())
    .bind(version.clone())
    .bind(new.digest.clone())
    .bind(new.manifest_text)
    .bind(i64::try_from(new.component_bytes).unwrap_or(i64::MAX))
    .bind(json(&new.gate))
    .bind(new.actor.to_string())
    .bind(store.now().0)
    .bind(new.manifest.limits.runs_at_once().cast_signed())
    .execute(&mut *connection)
    .await?;
    signature::insert(connection, &id, &new.signature).await?;
    let values = [id.to_string(), id.to_string()];
    let made = find(connection, BY_ID, values).await?.ok_or(StoreError::NotCommitted)?;
    let entry = NewAudit {
        organization: made.organization.clone(),
        actor: new.actor.to_string(),
        action: "release.uploaded",
        subject: id.to_string(),
        detail: serde_json::json!({
            "version": version, "digest": new.digest, "key": new.signature.key,
        }),
    };
    audit::append(store, connection, &entry).await?;
    crash::point("release.before-commit");
    Ok(Uploaded::New(made))
}

async fn decide(
    store: &Store,
    connection: &mut AnyConnection,
    id: &ReleaseId,
    go: bool,
    reason: String,
    reviewer: &Reviewer,
) -> Result<Change<Release>, StoreError> {
    let values = || [id.to_string(), id.to_string()];
    let Some(found) = find(connection, BY_ID, values()).await? else {
        return Ok(Change::NotFound);
    };
    if found.state != ReleaseState::Submitted {
        return Ok(Change::WrongState(found.state.name()));
    }
    let Some(plugin) = plugin::find(connection, &found.plugin).await? else {
        return Ok(Change::NotFound);
    };
    if go && plugin.approval.is_none() {
        return Ok(Change::WrongState("of a plugin without an approval"));
    }
    match found.trust() {
        Trust::Unsigned if go => return Ok(Change::WrongState("not signed by its publisher")),
        Trust::Distrusted if go => {
            return Ok(Change::WrongState("signed with a key that is compromised"));
        }
        _ => {}
    }
    sqlx::query(
        "UPDATE release SET state = $1, decided_by = $2, decision_reason = $3, decided_at = $4
         WHERE id = $5",
    )
    .bind(if go { "approved" } else { "refused" })
    .bind(reviewer.user.to_string())
    .bind(reason.clone())
    .bind(store.now().0)
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    if go && found.decided_at.is_some() {
        // A release that was signed anew has installs that wait for this.
        authority::raise(store, connection).await?;
        delivery::unpark(connection, store.now(), Waiting::Plugin(&plugin.id)).await?;
    }
    if go && plugin.state == PluginState::Draft {
        sqlx::query("UPDATE plugin SET state = 'listed' WHERE id = $1")
            .bind(plugin.id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    let detail =
        serde_json::json!({ "version": found.version, "digest": found.digest, "reason": reason });
    let action = if go { "release.approved" } else { "release.refused" };
    plugin::tell(store, connection, &plugin, reviewer, action, id.to_string(), &detail).await?;
    crash::point("approval.before-commit");
    Ok(find(connection, BY_ID, values()).await?.map_or(Change::NotFound, Change::Done))
}
