//! A person asks an install for something, and waits for what its plugin answers.
//!
//! The event, its delivery and the audit entry are one transaction. What was typed stands in
//! the event only: an audit is read by people who need not know it.
use serde_json::{Map, Value, json};
use sqlx::AnyConnection;
use venn_domain::{
    event::{REQUEST, Requested},
    id::{DeliveryId, InstallId, OrganizationId, UserId},
    lineage::Lineage,
};

use super::{Install, InstallState, change::manifest, find};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    breaker::Resting,
    event::{
        NewEvent,
        bound::{self, append_within},
    },
    row,
};

/// What a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// An action of the manifest.
    pub action: String,
    /// What the person typed; empty if nothing.
    pub text: String,
    /// Named values.
    pub input: Map<String, Value>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It is durable; this brings it.
    Taken(DeliveryId),
    /// The organization has no such install.
    NotFound,
    /// The install is not active.
    NotActive(Box<Install>),
    /// The install rests, and the moment of its next probe has not come.
    Rests(String, Resting),
    /// Its plugin or release was stopped, for this reason.
    Stopped(String),
    /// Its release has no such action; these it has.
    NoAction(Vec<String>),
    /// As much waits for the install as this limit allows.
    Full(&'static str),
}

impl Store {
    /// Takes what a person asks; once this returns the delivery, it is durable. Ring
    /// `wake.deliveries`.
    pub async fn ask(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
        ask: Ask,
        actor: &UserId,
    ) -> Result<Asked, StoreError> {
        let (store, actor) = (self.clone(), actor.clone());
        let (organization, install) = (organization.clone(), install.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                take(&store, connection, (&organization, &install), ask, actor).await
            })
        })
        .await
    }
}

async fn take(
    store: &Store,
    connection: &mut AnyConnection,
    (organization, install): (&OrganizationId, &InstallId),
    ask: Ask,
    actor: UserId,
) -> Result<Asked, StoreError> {
    let Some(install) = find(connection, organization, install).await? else {
        return Ok(Asked::NotFound);
    };
    if install.state != InstallState::Active {
        return Ok(Asked::NotActive(Box::new(install)));
    }
    if let Some(why) = install.stopped {
        return Ok(Asked::Stopped(why));
    }
    if let Some(resting) = install.resting.filter(|it| it.next_try_at > store.now()) {
        return Ok(Asked::Rests(install.name, resting));
    }
    let manifest = manifest(connection, &install.release).await?;
    if manifest.action(&ask.action).is_none() {
        let names = manifest.actions.into_iter().map(|action| action.name);
        return Ok(Asked::NoAction(names.collect()));
    }
    let entry = NewAudit {
        organization: install.organization.clone(),
        actor: actor.to_string(),
        action: "install.ask",
        subject: install.id.to_string(),
        detail: json!({ "plugin": install.plugin, "action": ask.action }),
    };
    // An ask that fails is mended by the next one that ends well: both are about the action.
    let subject = ask.action.clone();
    let Ask { action, text, input } = ask;
    let payload = Requested { action, text, input, user: Some(actor) };
    let new = NewEvent {
        organization: install.organization,
        install: install.id,
        kind: REQUEST,
        subject,
        payload: row::json(&payload),
    };
    let caused = Lineage::default();
    let delivery = match append_within(store, connection, &bound::CALLS, &new, &caused).await? {
        Ok(delivery) => delivery,
        Err(limit) => return Ok(Asked::Full(limit)),
    };
    audit::append(store, connection, &entry).await?;
    Ok(Asked::Taken(delivery))
}
