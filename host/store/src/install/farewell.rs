//! How an install goes, and what it derived of a partnership.
//!
//! A plugin that asks for it is told, while it can still look at its state and call
//! the third party. Then all of it is purged, whatever the plugin answered, and at
//! the latest when its time for that is over.
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    admission::InstallState,
    authority::Authority,
    event::{ERASE, UNINSTALLING},
    id::{InstallId, OrganizationId, PartnershipId, ReleaseId},
    limits,
    sharing::SharingRule,
};

use super::{change::manifest, control_on};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    authority, breaker,
    delivery::queue,
    detect,
    event::{NewEvent, append},
    incident,
    row::{self, Row},
    timeline,
};

#[cfg(test)]
mod tests;

/// Why what was derived of a partnership goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Either side ended it.
    PartnershipEnded,
    /// The data owner does not let this install read any more.
    PurposeWithdrawn,
    /// The customer took it out of the grant.
    GrantWithdrawn,
}

impl Reason {
    /// As the plugin is told.
    const fn name(self) -> &'static str {
        match self {
            Self::PartnershipEnded => "partnership-ended",
            Self::PurposeWithdrawn => "purpose-withdrawn",
            Self::GrantWithdrawn => "grant-withdrawn",
        }
    }
}

/// An install that has derived something, or may have.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) id: InstallId,
    pub(crate) organization: OrganizationId,
    pub(crate) release: ReleaseId,
    pub(crate) state: InstallState,
}

/// The installs that this partnership was granted to, on both sides.
pub(crate) async fn holders(
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query(
        "SELECT i.id, i.organization_id, i.release_id, i.state FROM install i
         JOIN install_partnership g ON g.install_id = i.id
         WHERE g.partnership_id = $1 ORDER BY i.id",
    )
    .bind(partnership.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| holder(&Row::new("install", row))).collect()
}

fn holder(row: &Row<'_>) -> Result<Holder, StoreError> {
    Ok(Holder {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        release: row.parsed("release_id")?,
        state: row.named("state", InstallState::parse)?,
    })
}

/// The data owner of a partnership shows less: what those installs of its partner derived
/// that could read it before, and cannot any more, goes. The new rules are written already.
pub(crate) async fn narrowed(
    store: &Store,
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
    partner: &OrganizationId,
    (before, after): (&[SharingRule], &[SharingRule]),
) -> Result<(), StoreError> {
    let lets =
        |rules: &[SharingRule], egress| rules.iter().any(|rule| rule.lets_install_read(egress));
    let loses = |egress| lets(before, egress) && !lets(after, egress);
    if !loses(false) && !loses(true) {
        return Ok(());
    }
    for holder in holders(connection, partnership).await? {
        if holder.organization != *partner {
            continue;
        }
        let Some((control, _)) = control_on(connection, &holder.id, true).await? else { continue };
        if loses(Authority::new(control).has_egress()) {
            let reason = Reason::PurposeWithdrawn;
            erase(store, connection, &[holder], partnership, reason).await?;
        }
    }
    Ok(())
}

/// What these installs derived of a partnership goes, and the plugin is told why. Ring
/// `wake.deliveries` once it is committed.
pub(crate) async fn erase(
    store: &Store,
    connection: &mut AnyConnection,
    holders: &[Holder],
    partnership: &PartnershipId,
    reason: Reason,
) -> Result<(), StoreError> {
    for holder in holders {
        if !matches!(holder.state, InstallState::Active | InstallState::Paused) {
            continue;
        }
        let subject = partnership.as_str();
        // What waits of an ended partnership is refused in its turn, in words of its own.
        if reason != Reason::PartnershipEnded {
            give_up(store, connection, &holder.id, Some(subject), ERASED).await?;
        }
        if !manifest(connection, &holder.release).await?.wants(ERASE) {
            purge(store, connection, holder, Some(partnership)).await?;
            continue;
        }
        let mut erasing = erasing(connection, &holder.id).await?;
        if !erasing.contains(partnership) {
            erasing.push(partnership.clone());
        }
        set_erasing(connection, &holder.id, &erasing).await?;
        let payload = json!({ "reason": reason.name(), "since": null });
        tell(store, connection, holder, ERASE, subject, &payload).await?;
    }
    Ok(())
}

const ERASED: &str = "what was derived of its partnership is erased";
const REMOVED: &str = "the install was removed";
const TOO_LATE: &str = "its time to clean up is over";

/// The install is being removed: the plugin is told, or, where it does not ask for that
/// or must not run, the install is gone at once.
pub(super) async fn leave(
    store: &Store,
    connection: &mut AnyConnection,
    holder: &Holder,
    may_run: bool,
) -> Result<(), StoreError> {
    give_up(store, connection, &holder.id, None, REMOVED).await?;
    let enabled = matches!(holder.state, InstallState::Active | InstallState::Paused);
    let is_told =
        enabled && may_run && manifest(connection, &holder.release).await?.wants(UNINSTALLING);
    if !is_told {
        return gone(store, connection, holder).await;
    }
    sqlx::query("UPDATE install SET state = 'uninstalling' WHERE id = $1")
        .bind(holder.id.to_string())
        .execute(&mut *connection)
        .await?;
    tell(store, connection, holder, UNINSTALLING, "", &json!({ "reason": "customer" })).await
}

async fn tell(
    store: &Store,
    connection: &mut AnyConnection,
    holder: &Holder,
    kind: &'static str,
    subject: &str,
    payload: &serde_json::Value,
) -> Result<(), StoreError> {
    let new = NewEvent {
        organization: holder.organization.clone(),
        install: holder.id.clone(),
        kind,
        subject: subject.to_owned(),
        payload: row::json(payload),
    };
    append(store, connection, &new).await.map(drop)
}

/// A delivery has ended, done or dead. If it was the last word, what it was about goes.
pub(crate) async fn ended(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
    (kind, subject): (&str, &str),
) -> Result<(), StoreError> {
    if !matches!(kind, UNINSTALLING | ERASE) {
        return Ok(());
    }
    let row =
        sqlx::query("SELECT id, organization_id, release_id, state FROM install WHERE id = $1")
            .bind(install.to_string())
            .fetch_one(&mut *connection)
            .await?;
    let holder = holder(&Row::new("install", &row))?;
    if kind == UNINSTALLING {
        if holder.state == InstallState::Uninstalling {
            gone(store, connection, &holder).await?;
            authority::raise(store, connection).await?;
        }
        return Ok(());
    }
    let Ok(partnership) = subject.parse::<PartnershipId>() else { return Ok(()) };
    let mut erasing = erasing(connection, install).await?;
    let before = erasing.len();
    erasing.retain(|one| *one != partnership);
    // A delivery that ends a second time, sent again by a person, erases nothing new.
    if erasing.len() < before {
        set_erasing(connection, install, &erasing).await?;
        purge(store, connection, &holder, Some(&partnership)).await?;
        authority::raise(store, connection).await?;
    }
    Ok(())
}

async fn gone(
    store: &Store,
    connection: &mut AnyConnection,
    holder: &Holder,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE install SET state = 'uninstalled', uninstalled_at = $2, erasing_json = ''
         WHERE id = $1",
    )
    .bind(holder.id.to_string())
    .bind(store.now().0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM install_partnership WHERE install_id = $1")
        .bind(holder.id.to_string())
        .execute(&mut *connection)
        .await?;
    breaker::forget(connection, holder.id.as_str()).await?;
    detect::forget(connection, &holder.id).await?;
    incident::resolve_all(connection, &holder.id, store.now()).await?;
    purge(store, connection, holder, None).await
}

/// Purges what an install keeps: of one partnership, or all of it. The audit says how much.
async fn purge(
    store: &Store,
    connection: &mut AnyConnection,
    holder: &Holder,
    partnership: Option<&PartnershipId>,
) -> Result<(), StoreError> {
    let partition = partnership.map(ToString::to_string).unwrap_or_default();
    let mut purged = [0; 2];
    // What a run handed on to the next one may be of it.
    sqlx::query(
        "UPDATE delivery SET continuation = NULL
         WHERE install_id = $1 AND ($2 = '' OR subject = $2) AND continuation IS NOT NULL",
    )
    .bind(holder.id.to_string())
    .bind(partition.clone())
    .execute(&mut *connection)
    .await?;
    let all = [
        "DELETE FROM state WHERE install_id = $1 AND ($2 = '' OR partition_key = $2)",
        "DELETE FROM timeline WHERE install_id = $1 AND ($2 = '' OR partition_key = $2)",
    ];
    for (sql, purged) in all.into_iter().zip(&mut purged) {
        let query = sqlx::query(sql).bind(holder.id.to_string()).bind(partition.clone());
        *purged = query.execute(&mut *connection).await?.rows_affected();
    }
    timeline::forget(connection, &holder.id, partnership).await?;
    let [state, entries] = purged;
    let entry = NewAudit {
        organization: holder.organization.clone(),
        actor: "host".to_owned(),
        action: "install.erased",
        subject: holder.id.to_string(),
        detail: json!({ "partnership": partnership, "state_keys": state, "timeline_entries": entries }),
    };
    audit::append(store, connection, &entry).await
}

/// Ends what waits of an install, or of one of its subjects. What runs ends by itself.
async fn give_up(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
    subject: Option<&str>,
    reason: &str,
) -> Result<(), StoreError> {
    // All that waits in a lane goes; what runs there is next in it already.
    sqlx::query(
        "UPDATE delivery SET state = 'dead', state_reason = $4, finished_at = $5,
             expires_at = NULL
         WHERE install_id = $1 AND ($2 = 0 OR subject = $3) AND state IN ('ready', 'parked')",
    )
    .bind(install.to_string())
    .bind(i64::from(subject.is_some()))
    .bind(subject.unwrap_or_default().to_owned())
    .bind(reason.to_owned())
    .bind(store.now().0)
    .execute(&mut *connection)
    .await?;
    queue::changed(connection, store.now(), queue::Of::Installs(vec![install.to_string()])).await
}

async fn erasing(
    connection: &mut AnyConnection,
    install: &InstallId,
) -> Result<Vec<PartnershipId>, StoreError> {
    let row = sqlx::query("SELECT id, erasing_json FROM install WHERE id = $1")
        .bind(install.to_string())
        .fetch_one(connection)
        .await?;
    Row::new("install", &row).json("erasing_json")
}

async fn set_erasing(
    connection: &mut AnyConnection,
    install: &InstallId,
    erasing: &[PartnershipId],
) -> Result<(), StoreError> {
    let text = if erasing.is_empty() { String::new() } else { row::json(&erasing) };
    sqlx::query("UPDATE install SET erasing_json = $2 WHERE id = $1")
        .bind(install.to_string())
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Ends the farewells whose time is over: what waits to be told does not keep
    /// anything any longer.
    pub async fn sweep_farewells(&self) -> Result<(), StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let before = store.now().plus_ms(-limits::FAREWELL_MS.cast_signed());
                let rows = sqlx::query(
                    "SELECT d.id, d.install_id, e.kind, e.subject FROM install i JOIN delivery d ON d.install_id = i.id
                     JOIN event e ON e.id = d.event_id
                     WHERE (i.state = 'uninstalling' OR i.erasing_json <> '')
                       AND d.state IN ('ready', 'parked') AND d.created_at <= $1
                       AND e.kind IN ('uninstalling', 'erase') ORDER BY d.id",
                )
                .bind(before.0)
                .fetch_all(&mut *connection)
                .await?;
                for row in &rows {
                    let row = Row::new("delivery", row);
                    let install: InstallId = row.parsed("install_id")?;
                    let (kind, subject) = (row.text("kind")?, row.text("subject")?);
                    give_up(&store, connection, &install, Some(&subject), TOO_LATE).await?;
                    ended(&store, connection, &install, (&kind, &subject)).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
