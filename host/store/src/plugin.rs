//! Plugins: one owner each, a name for ever, and the approval: the ceiling
//! under which all their releases stand.
//!
//! Releases are in `release`, what customers see of both in [`market`]. It does
//! not decide what an approval may hold; the API does, from the manifest.
use sqlx::AnyConnection;
use venn_domain::{
    grant::Approval,
    id::{OrganizationId, PluginId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    authority,
    delivery::{self, Waiting},
    row::{Row, json},
};

pub mod market;
#[cfg(test)]
pub(crate) mod tests;

/// A closed set of states with their names in the store and the API.
macro_rules! states {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant),* }

        impl $type {
            /// The name in the store and the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use states;

/// What came of a change that only some states allow.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<T> {
    /// Done; what it is now.
    Done(T),
    /// There is no such thing.
    NotFound,
    /// Not in this state: it *is* …
    WrongState(&'static str),
}

states! {
    /// Who owns a plugin.
    OwnerKind {
        /// The platform.
        FirstParty = "first-party",
        /// A publisher, for everyone.
        Publisher = "publisher",
        /// A publisher, for one customer.
        DevShop = "dev-shop",
    }
}

states! {
    /// Where a plugin stands.
    PluginState {
        /// No release was approved yet.
        Draft = "draft",
        /// Customers find it.
        Listed = "listed",
        /// An admin of the platform stopped all of it.
        Suspended = "suspended",
    }
}

/// A plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// Its id.
    pub id: PluginId,
    /// Its owner.
    pub organization: OrganizationId,
    /// Its key, unique on the platform.
    pub name: String,
    /// What its owner is.
    pub owner_kind: OwnerKind,
    /// Where it stands.
    pub state: PluginState,
    /// Why it is suspended.
    pub suspended_reason: String,
    /// The ceiling, once there is one.
    pub approval: Option<Approval>,
    /// Who set the ceiling.
    pub approved_by: Option<UserId>,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Who of the platform does something to somebody's plugin.
#[derive(Debug, Clone)]
pub struct Reviewer {
    /// The admin.
    pub user: UserId,
    /// The platform's organization.
    pub organization: OrganizationId,
}

pub(crate) const SELECT: &str = "
    SELECT p.id, p.organization_id, p.name, p.owner_kind, p.state, p.suspended_reason,
           p.approval_json, p.approved_by, p.approved_at, p.created_at
    FROM plugin p";

pub(crate) fn plugin(row: &sqlx::any::AnyRow) -> Result<Plugin, StoreError> {
    let row = Row::new("plugin", row);
    Ok(Plugin {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        name: row.text("name")?,
        owner_kind: row.named("owner_kind", OwnerKind::parse)?,
        state: row.named("state", PluginState::parse)?,
        suspended_reason: row.text("suspended_reason")?,
        approval: row.json("approval_json")?,
        approved_by: row.parsed_or_none("approved_by")?,
        approved_at: row.time_or_none("approved_at")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) async fn find(
    connection: &mut AnyConnection,
    id: &PluginId,
) -> Result<Option<Plugin>, StoreError> {
    let sql = format!("{SELECT} WHERE p.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(plugin).transpose()
}

impl Store {
    /// Makes a plugin of this organization. Taken, whoever has the name.
    pub async fn create_plugin(
        &self,
        organization: &OrganizationId,
        owner_kind: OwnerKind,
        name: &str,
        actor: &UserId,
    ) -> Result<Plugin, StoreError> {
        let store = self.clone();
        let made = Plugin {
            id: PluginId::make(self.ids()),
            organization: organization.clone(),
            name: name.to_owned(),
            owner_kind,
            state: PluginState::Draft,
            suspended_reason: String::new(),
            approval: None,
            approved_by: None,
            approved_at: None,
            created_at: self.now(),
        };
        let actor = actor.to_string();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO plugin (id, organization_id, name, owner_kind, state,
                         suspended_reason, approval_json, created_at)
                     VALUES ($1, $2, $3, $4, 'draft', '', '', $5)",
                )
                .bind(made.id.to_string())
                .bind(made.organization.to_string())
                .bind(made.name.clone())
                .bind(made.owner_kind.name())
                .bind(made.created_at.0)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::taken("The plugin's name"))?;
                let entry = NewAudit {
                    organization: made.organization.clone(),
                    actor,
                    action: "plugin.created",
                    subject: made.id.to_string(),
                    detail: serde_json::json!({ "name": made.name }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(made)
            })
        })
        .await
    }

    /// One plugin, whoever owns it, by id or name.
    pub async fn plugin(&self, id_or_name: &str) -> Result<Option<Plugin>, StoreError> {
        let mut connection = self.read().await?;
        // No name has an underscore, and every id has one.
        let sql = format!("{SELECT} WHERE p.id = $1 OR p.name = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id_or_name.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        row.as_ref().map(plugin).transpose()
    }

    /// Whose plugin it is: where its faults are told.
    pub async fn plugin_owner(&self, id: &PluginId) -> Result<OrganizationId, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT id, organization_id FROM plugin WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Row::new("plugin", &row).parsed("organization_id")
    }

    /// Whether somebody with this person's address is a member of the organization.
    /// Whoever is an admin there can say so of anyone; so it keeps from deciding in a
    /// publisher's favour, never from refusing or stopping.
    pub async fn is_insider(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM member m
             JOIN person insider ON insider.id = m.user_id
             JOIN person caller ON caller.email = insider.email
             WHERE m.organization_id = $1 AND caller.id = $2",
        )
        .bind(organization.to_string())
        .bind(user.to_string())
        .fetch_one(&mut *connection)
        .await?;
        Ok(found > 0)
    }

    /// An organization's plugins, oldest first.
    pub async fn plugins_page(
        &self,
        organization: &OrganizationId,
        after: Option<&PluginId>,
        limit: u32,
    ) -> Result<Page<Plugin>, StoreError> {
        let mut connection = self.read().await?;
        let sql =
            format!("{SELECT} WHERE p.organization_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(plugin).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |plugin| plugin.id.to_string()))
    }

    /// Sets the ceiling.
    pub async fn set_approval(
        &self,
        id: &PluginId,
        approval: Approval,
        reviewer: &Reviewer,
    ) -> Result<Change<Plugin>, StoreError> {
        self.review(id, reviewer, ReviewChange::Approval(approval)).await
    }

    /// Stops every install of the plugin, at once. The reason is for customers.
    pub async fn suspend_plugin(
        &self,
        id: &PluginId,
        reason: &str,
        reviewer: &Reviewer,
    ) -> Result<Change<Plugin>, StoreError> {
        self.review(id, reviewer, ReviewChange::Suspend(reason.to_owned())).await
    }

    /// Ends a suspension.
    pub async fn resume_plugin(
        &self,
        id: &PluginId,
        reviewer: &Reviewer,
    ) -> Result<Change<Plugin>, StoreError> {
        self.review(id, reviewer, ReviewChange::Resume).await
    }

    async fn review(
        &self,
        id: &PluginId,
        reviewer: &Reviewer,
        change: ReviewChange,
    ) -> Result<Change<Plugin>, StoreError> {
        let (store, id, reviewer) = (self.clone(), id.clone(), reviewer.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(before) = find(connection, &id).await? else {
                    return Ok(Change::NotFound);
                };
                if let Some(why) = change.apply(&store, connection, &before, &reviewer).await? {
                    return Ok(Change::WrongState(why));
                }
                authority::raise(&store, connection).await?;
                let (action, detail) = change.entry(&before);
                tell(&store, connection, &before, &reviewer, action, id.to_string(), &detail)
                    .await?;
                Ok(find(connection, &id).await?.map_or(Change::NotFound, Change::Done))
            })
        })
        .await
    }
}

/// What an admin of the platform does to a plugin.
enum ReviewChange {
    Approval(Approval),
    Suspend(String),
    Resume,
}

impl ReviewChange {
    /// Writes it; the reason if it cannot happen.
    async fn apply(
        &self,
        store: &Store,
        connection: &mut AnyConnection,
        before: &Plugin,
        reviewer: &Reviewer,
    ) -> Result<Option<&'static str>, StoreError> {
        let suspended = before.state == PluginState::Suspended;
        let query = match self {
            Self::Approval(approval) => {
                let lost = before.approval.as_ref().map(|before| before.lacking_in(approval));
                let lost = lost.unwrap_or_default().join(", ");
                let narrowed_at = (!lost.is_empty()).then_some(store.now().0);
                sqlx::query(
                    "UPDATE plugin SET approval_json = $1, approved_by = $2, approved_at = $3,
                         narrowed = $4, narrowed_at = $5
                     WHERE id = $6",
                )
                .bind(json(approval))
                .bind(reviewer.user.to_string())
                .bind(store.now().0)
                .bind(lost)
                .bind(narrowed_at)
            }
            Self::Suspend(_) if suspended => return Ok(Some("suspended already")),
            Self::Suspend(reason) => sqlx::query(
                "UPDATE plugin SET state = 'suspended', suspended_reason = $1, suspended_at = $2
                 WHERE id = $3",
            )
            .bind(reason.clone())
            .bind(store.now().0),
            Self::Resume if !suspended => return Ok(Some("not suspended")),
            Self::Resume => sqlx::query(
                "UPDATE plugin SET suspended_reason = '', suspended_at = NULL, state =
                     CASE WHEN EXISTS (SELECT 1 FROM release
                                       WHERE plugin_id = plugin.id AND state = 'approved')
                          THEN 'listed' ELSE 'draft' END
                 WHERE id = $1",
            ),
        };
        query.bind(before.id.to_string()).execute(&mut *connection).await?;
        if !matches!(self, Self::Suspend(_)) {
            delivery::unpark(connection, store.now(), Waiting::Plugin(&before.id)).await?;
        }
        Ok(None)
    }

    fn entry(&self, before: &Plugin) -> (&'static str, serde_json::Value) {
        match self {
            Self::Approval(after) => {
                let detail = serde_json::json!({ "before": before.approval, "after": after });
                ("approval.changed", detail)
            }
            Self::Suspend(reason) => ("plugin.suspended", serde_json::json!({ "reason": reason })),
            Self::Resume => ("plugin.resumed", serde_json::json!({})),
        }
    }
}

/// What the platform does to a plugin stands in both audits.
pub(crate) async fn tell(
    store: &Store,
    connection: &mut AnyConnection,
    plugin: &Plugin,
    reviewer: &Reviewer,
    action: &'static str,
    subject: String,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    let mut whose = vec![reviewer.organization.clone()];
    if plugin.organization != reviewer.organization {
        whose.push(plugin.organization.clone());
    }
    for organization in whose {
        let entry = NewAudit {
            organization,
            actor: reviewer.user.to_string(),
            action,
            subject: subject.clone(),
            detail: detail.clone(),
        };
        audit::append(store, connection, &entry).await?;
    }
    Ok(())
}
