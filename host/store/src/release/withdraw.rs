//! Withdrawing one approved release: nothing new is installed with it, and what runs
//! with it stops at its next host call. Other releases of the plugin go on; the
//! newest of them is what customers find. It stays withdrawn.
use venn_domain::id::{ReleaseId, UserId};

use super::{BY_ID, Release, ReleaseState, find};
use crate::{
    Store, StoreError, authority,
    plugin::{self, Change, Reviewer},
};

impl Store {
    /// Withdraws an approved release, for its publisher or for the platform; both
    /// have it in their audits. The reason is for the publisher and its customers.
    pub async fn withdraw_release(
        &self,
        id: &ReleaseId,
        reason: &str,
        actor: &UserId,
    ) -> Result<Change<Release>, StoreError> {
        let (store, id, reason) = (self.clone(), id.clone(), reason.to_owned());
        let teller = Reviewer { user: actor.clone(), organization: self.platform().await? };
        self.write(move |connection| {
            Box::pin(async move {
                let values = || [id.to_string(), id.to_string()];
                let Some(found) = find(connection, BY_ID, values()).await? else {
                    return Ok(Change::NotFound);
                };
                if found.state != ReleaseState::Approved {
                    return Ok(Change::WrongState(found.state.name()));
                }
                let Some(plugin) = plugin::find(connection, &found.plugin).await? else {
                    return Ok(Change::NotFound);
                };
                sqlx::query(
                    "UPDATE release SET state = 'yanked', decided_by = $1, decision_reason = $2,
                         decided_at = $3
                     WHERE id = $4",
                )
                .bind(teller.user.to_string())
                .bind(reason.clone())
                .bind(store.now().0)
                .bind(id.to_string())
                .execute(&mut *connection)
                .await?;
                authority::raise(&store, connection).await?;
                let detail = serde_json::json!({
                    "version": found.version, "digest": found.digest, "reason": reason,
                });
                let (action, subject) = ("release.withdrawn", id.to_string());
                plugin::tell(&store, connection, &plugin, &teller, action, subject, &detail)
                    .await?;
                Ok(find(connection, BY_ID, values()).await?.map_or(Change::NotFound, Change::Done))
            })
        })
        .await
    }
}
