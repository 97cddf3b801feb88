//! A person says yes or no to what a source wants removed.
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, OrganizationId, UserId},
    lineage::Lineage,
};

use super::{
    Source, find,
    record::{forget_removals, remove, wanted},
};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    import::Confirm,
    row::Row,
};

/// What a yes or no came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It counts.
    Done(Source),
    /// Nothing is asked, or there is no such source.
    NotAsked,
    /// Another number is asked about by now.
    Differs(Confirm),
}

impl Store {
    /// Yes: the accounts go. `removes` is how many the person was asked about,
    /// so that nobody says yes to more than they saw.
    pub async fn confirm_source(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
        removes: u64,
        actor: &UserId,
    ) -> Result<Answered, StoreError> {
        self.answer_source(organization, install, Some(removes), actor).await
    }

    /// No: the accounts stay, until the source asks again.
    pub async fn cancel_source(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
        actor: &UserId,
    ) -> Result<Answered, StoreError> {
        self.answer_source(organization, install, None, actor).await
    }

    async fn answer_source(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
        yes: Option<u64>,
        actor: &UserId,
    ) -> Result<Answered, StoreError> {
        let (store, organization) = (self.clone(), organization.clone());
        let (install, actor) = (install.clone(), actor.clone());
        self.write(move |connection| {
            Box::pin(async move {
                if asked(connection, &organization, &install).await? == 0 {
                    return Ok(Answered::NotAsked);
                }
                let (removes, of) = wanted(connection, &organization, &install).await?;
                if yes.is_some_and(|seen| seen != removes) {
                    set_asked(connection, &install, removes, 0).await?;
                    return Ok(Answered::Differs(Confirm::of_source(removes, of)));
                }
                let gone = if yes.is_some() {
                    // That is the person's doing, whatever the source wanted.
                    let lineage = Lineage::default();
                    remove(&store, connection, &organization, &install, lineage).await?
                } else {
                    forget_removals(connection, &install).await?;
                    0
                };
                set_asked(connection, &install, 0, gone).await?;
                let entry = NewAudit {
                    organization: organization.clone(),
                    actor: actor.to_string(),
                    action: if yes.is_some() { "source.confirmed" } else { "source.cancelled" },
                    subject: install.to_string(),
                    detail: serde_json::json!({ "asked": removes, "removed": gone }),
                };
                audit::append(&store, connection, &entry).await?;
                let source = find(connection, &organization, &install).await?;
                Ok(source.map_or(Answered::NotAsked, Answered::Done))
            })
        })
        .await
    }
}

async fn asked(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    install: &InstallId,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT install_id, asked FROM source WHERE organization_id = $1 AND install_id = $2",
    )
    .bind(organization.to_string())
    .bind(install.to_string())
    .fetch_optional(connection)
    .await?;
    row.map_or(Ok(0), |row| Row::new("source", &row).count("asked"))
}

async fn set_asked(
    connection: &mut AnyConnection,
    install: &InstallId,
    asked: u64,
    removed: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET asked = $2, removed = removed + $3 WHERE install_id = $1")
        .bind(install.to_string())
        .bind(asked.cast_signed())
        .bind(removed.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}
