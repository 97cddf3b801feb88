//! Everything that an install's authority is made of, and what a run needs
//! besides, in one read transaction.
//!
//! The authority number is read first: if anything changes in between, the
//! number is the older one, and the next host call reads all of it again.
//!
//! Runs that start together are read together. Nothing of it is kept for later
//! ones: the next run sees every change, also one behind our back.
use std::collections::HashMap;

use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    authority::{Control, Farewell},
    id::InstallId,
    manifest::Manifest,
    time::Timestamp,
};

use super::{ConnectionMap, InstallState, stopped};
use crate::{
    Store, StoreError,
    many::{padded, places},
    release::{Proof, signature},
    row::Row,
};

mod snapshot;

use snapshot::Snapshot;

/// What a run needs of an install besides its authority.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallFacts {
    /// The customer's name for it.
    pub name: String,
    /// Where it stands.
    pub state: InstallState,
    /// The configuration.
    pub config: serde_json::Value,
    /// The customer's connections that are in place; [`Control::connections`] has the
    /// publisher's keys besides.
    pub connections: ConnectionMap,
    /// What the release is believed by, and where its component is.
    pub proof: Proof,
    /// When it was first enabled.
    pub enabled_at: Option<Timestamp>,
    /// The platform stopped the plugin.
    pub plugin_suspended: bool,
    /// The release is approved and not withdrawn.
    pub release_live: bool,
    /// The number of the last run that wrote to its state.
    pub state_no: u64,
}

/// What a control is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// A run: the install must be active.
    Run,
    /// A check: a draft and a paused one will do.
    Check,
}

fn select(installs: usize) -> String {
    format!(
        "SELECT i.id, i.organization_id, i.plugin_id, i.release_id, i.name, i.state, i.grant_json,
                i.config_json, i.connections_json, i.erasing_json, i.enabled_at, i.state_no,
                p.name AS plugin_name,
                p.organization_id AS publisher_id, p.approval_json, r.version, r.digest,
                r.manifest_json, {}, {}
         FROM install i JOIN plugin p ON p.id = i.plugin_id
         JOIN release r ON r.id = i.release_id {} WHERE i.id IN ({})",
        stopped::COLUMNS,
        signature::COLUMNS,
        signature::JOIN,
        places(1, installs)
    )
}

/// An install's authority, and what else a run of it needs.
pub type InstallControl = (Control, InstallFacts);

impl Store {
    /// The same as [`Store::control`] of several installs, whose runs start now.
    pub async fn controls(
        &self,
        installs: &[&InstallId],
    ) -> Result<HashMap<InstallId, InstallControl>, StoreError> {
        self.controls_for(installs, For::Run).await
    }

    /// What an install may do now, and what a run of it needs.
    pub async fn control(&self, install: &InstallId) -> Result<Option<InstallControl>, StoreError> {
        self.control_for(install, For::Run).await
    }

    /// The same for a check: an install that is not enabled is not `stopped`.
    pub async fn control_for_check(
        &self,
        install: &InstallId,
    ) -> Result<Option<InstallControl>, StoreError> {
        self.control_for(install, For::Check).await
    }

    async fn control_for(
        &self,
        install: &InstallId,
        what_for: For,
    ) -> Result<Option<InstallControl>, StoreError> {
        Ok(self.controls_for(&[install], what_for).await?.remove(install))
    }

    async fn controls_for(
        &self,
        installs: &[&InstallId],
        what_for: For,
    ) -> Result<HashMap<InstallId, InstallControl>, StoreError> {
        let mut connection = self.read().await?;
        let mut tx = connection.begin().await?;
        let found = read(&mut tx, installs, what_for).await?;
        tx.rollback().await?;
        Ok(found)
    }
}

/// The same inside a transaction that is open already.
pub(crate) async fn control_on(
    connection: &mut AnyConnection,
    install: &InstallId,
    for_check: bool,
) -> Result<Option<InstallControl>, StoreError> {
    let what_for = if for_check { For::Check } else { For::Run };
    Ok(read(connection, &[install], what_for).await?.remove(install))
}

async fn read(
    connection: &mut AnyConnection,
    installs: &[&InstallId],
    what_for: For,
) -> Result<HashMap<InstallId, InstallControl>, StoreError> {
    let mut found = HashMap::new();
    let ids = padded(installs.iter().map(ToString::to_string));
    if ids.is_empty() {
        return Ok(found);
    }
    let number: i64 = sqlx::query_scalar("SELECT number FROM authority WHERE one = 1")
        .fetch_one(&mut *connection)
        .await?;
    let mut query = sqlx::query(sqlx::AssertSqlSafe(select(ids.len())));
    for id in ids {
        query = query.bind(id);
    }
    let rows = query.fetch_all(&mut *connection).await?;
    let mut snapshot = Snapshot::new(connection);
    for row in &rows {
        let row = Row::new("install", row);
        let (control, facts) = one(&mut snapshot, &row, number.unsigned_abs(), what_for).await?;
        found.insert(control.install.clone(), (control, facts));
    }
    Ok(found)
}

async fn one(
    snapshot: &mut Snapshot<'_>,
    row: &Row<'_>,
    number: u64,
    what_for: For,
) -> Result<InstallControl, StoreError> {
    let manifest: Manifest = row.json_always("manifest_json")?;
    let state = row.named("state", InstallState::parse)?;
    let proof = Proof {
        publisher: row.parsed("publisher_id")?,
        plugin: row.text("plugin_name")?,
        version: row.text("version")?,
        digest: row.text("digest")?,
        manifest: row.text("manifest_json")?,
        signature: signature::signature(row)?,
    };
    let mut control = Control {
        number,
        organization: row.parsed("organization_id")?,
        install: row.parsed("id")?,
        plugin: row.parsed("plugin_id")?,
        release: row.parsed("release_id")?,
        manifest,
        approval: row.json("approval_json")?,
        grant: row.json_always("grant_json")?,
        stopped: why_not(row, state, what_for)?,
        partnerships: Vec::new(),
        connections: Vec::new(),
        customer_hosts: Vec::new(),
        farewell: Farewell {
            leaving: state == InstallState::Uninstalling,
            erasing: row.json("erasing_json")?,
        },
    };
    if control.farewell.leaving {
        control.farewell.erasing.clone_from(&control.grant.partnerships);
    }
    let config = row.json_always("config_json")?;
    control.complete(&config);
    let granted = &control.grant.partnerships;
    control.partnerships = snapshot.partnerships(&control.organization, granted).await?;
    let chosen: ConnectionMap = row.json_always("connections_json")?;
    let asked = &control.manifest.connections;
    let connections =
        snapshot.in_place(&control.organization, &control.plugin, asked, &chosen).await?;
    let backend_keys = snapshot.backend_keys(&control.plugin, asked).await?;
    control.connections = connections.keys().cloned().chain(backend_keys).collect();
    let facts = InstallFacts {
        name: row.text("name")?,
        state,
        config,
        connections,
        proof,
        enabled_at: row.time_or_none("enabled_at")?,
        plugin_suspended: row.text("plugin_state")? == "suspended",
        release_live: row.text("release_state")? == "approved",
        state_no: row.count("state_no")?,
    };
    Ok((control, facts))
}

/// Why nothing of this install may run, if so; the text is shown to people.
fn why_not(
    row: &Row<'_>,
    state: InstallState,
    what_for: For,
) -> Result<Option<String>, StoreError> {
    if let Some(why) = stopped::stopped(row)? {
        return Ok(Some(why));
    }
    let why = match (state, what_for) {
        (InstallState::Active, _)
        | (InstallState::Draft | InstallState::Paused, For::Check)
        | (InstallState::Uninstalling, For::Run) => return Ok(None),
        (InstallState::Draft, For::Run) => "the install is not enabled yet",
        (InstallState::Paused, For::Run) => "the install is paused",
        (InstallState::Uninstalling, For::Check) => "the install is being removed",
        (InstallState::Uninstalled, _) => "the install was removed",
    };
    Ok(Some(why.to_owned()))
}
