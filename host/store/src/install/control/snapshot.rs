//! What several installs have in common, read once in one transaction: in it,
//! nothing changes.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    authority::PartnershipControl,
    id::{ConnectionId, OrganizationId, PartnershipId, PluginId},
    manifest::{ConnectionKind, ConnectionRequest},
    sharing::{Level, Purpose, SharingRule},
};

use crate::{StoreError, install::ConnectionMap, row::Row};

/// One transaction, and what was read in it.
pub(super) struct Snapshot<'c> {
    connection: &'c mut AnyConnection,
    partnerships: HashMap<OrganizationId, Vec<PartnershipControl>>,
    rules: HashMap<(OrganizationId, PartnershipId), Vec<SharingRule>>,
    /// What a connection is bound to, if it is the customer's.
    connections: HashMap<(OrganizationId, ConnectionId), Option<Bound>>,
    /// Names and hosts of a publisher's keys for its backends.
    backend_keys: HashMap<PluginId, Vec<(String, String)>>,
}

/// What a credential is bound to: it goes nowhere else.
#[derive(Clone, PartialEq, Eq)]
struct Bound {
    kind: ConnectionKind,
    host: String,
    /// Where its tokens come from; empty where it has none.
    token_endpoint: String,
    /// To whose client a person said yes; of `oauth2` only.
    plugin: Option<PluginId>,
}

impl Bound {
    /// Whether it is what a release of this plugin asks for.
    fn fits(&self, request: &ConnectionRequest, plugin: &PluginId) -> bool {
        let plugin = (request.kind == ConnectionKind::Oauth2).then_some(plugin);
        self.kind == request.kind
            && self.host == request.host
            && self.token_endpoint == request.token_endpoint()
            && self.plugin.as_ref() == plugin
    }
}

impl<'c> Snapshot<'c> {
    pub(super) fn new(connection: &'c mut AnyConnection) -> Self {
        Self {
            connection,
            partnerships: HashMap::new(),
            rules: HashMap::new(),
            connections: HashMap::new(),
            backend_keys: HashMap::new(),
        }
    }

    /// The granted partnerships of the customer with the partner's rules toward it.
    pub(super) async fn partnerships(
        &mut self,
        organization: &OrganizationId,
        granted: &[PartnershipId],
    ) -> Result<Vec<PartnershipControl>, StoreError> {
        let mut partnerships = if let Some(all) = self.partnerships.get(organization) {
            all.clone()
        } else {
            let all = partnerships(self.connection, organization).await?;
            self.partnerships.insert(organization.clone(), all.clone());
            all
        };
        partnerships.retain(|partnership| granted.contains(&partnership.id));
        for partnership in &mut partnerships {
            partnership.rules = self.rules(organization, &partnership.id).await?;
        }
        Ok(partnerships)
    }

    async fn rules(
        &mut self,
        organization: &OrganizationId,
        partnership: &PartnershipId,
    ) -> Result<Vec<SharingRule>, StoreError> {
        let key = (organization.clone(), partnership.clone());
        if let Some(rules) = self.rules.get(&key) {
            return Ok(rules.clone());
        }
        let rules = rules(self.connection, organization, partnership).await?;
        self.rules.insert(key, rules.clone());
        Ok(rules)
    }

    /// The chosen connections that exist, are the customer's, and are bound to what the
    /// release asks for: a credential never follows a release to another host, another
    /// token endpoint or another plugin.
    pub(super) async fn in_place(
        &mut self,
        organization: &OrganizationId,
        plugin: &PluginId,
        asked: &[ConnectionRequest],
        chosen: &ConnectionMap,
    ) -> Result<ConnectionMap, StoreError> {
        let mut in_place = ConnectionMap::new();
        for request in asked {
            let Some(id) = chosen.get(&request.name) else { continue };
            let key = (organization.clone(), id.clone());
            let found = if let Some(found) = self.connections.get(&key) {
                found.clone()
            } else {
                let found = bound(self.connection, organization, id).await?;
                self.connections.insert(key, found.clone());
                found
            };
            if found.is_some_and(|bound| bound.fits(request, plugin)) {
                in_place.insert(request.name.clone(), id.clone());
            }
        }
        Ok(in_place)
    }

    /// The names of the keys that the publisher has put for its own backends, where the
    /// release asks for them.
    pub(super) async fn backend_keys(
        &mut self,
        plugin: &PluginId,
        asked: &[ConnectionRequest],
    ) -> Result<Vec<String>, StoreError> {
        let asked: Vec<_> =
            asked.iter().filter(|one| one.kind == ConnectionKind::BackendKey).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let found = if let Some(found) = self.backend_keys.get(plugin) {
            found.clone()
        } else {
            let found = backend_keys(self.connection, plugin).await?;
            self.backend_keys.insert(plugin.clone(), found.clone());
            found
        };
        let is_there = |one: &&ConnectionRequest| {
            found.iter().any(|(name, host)| *name == one.name && *host == one.host)
        };
        Ok(asked.into_iter().filter(is_there).map(|one| one.name.clone()).collect())
    }
}

/// All of the customer's partnerships, without rules.
async fn partnerships(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<Vec<PartnershipControl>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.state, o.name FROM partnership p
         JOIN organization o ON o.id = CASE WHEN p.left_id = $1 THEN p.right_id ELSE p.left_id END
         WHERE p.left_id = $1 OR p.right_id = $1 ORDER BY p.id",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let partnership = |row| {
        let row = Row::new("partnership", row);
        Ok(PartnershipControl {
            id: row.parsed("id")?,
            partner: row.text("name")?,
            active: row.text("state")? == "active",
            rules: Vec::new(),
        })
    };
    rows.iter().map(partnership).collect()
}

/// The partner's rules: those of the partnership that are not our own.
async fn rules(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    partnership: &PartnershipId,
) -> Result<Vec<SharingRule>, StoreError> {
    let rows = sqlx::query(
        "SELECT partnership_id, population, level, fields_json, purpose FROM sharing_rule
         WHERE partnership_id = $1 AND owner_id <> $2 ORDER BY population",
    )
    .bind(partnership.to_string())
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let rule = |row| {
        let row = Row::new("sharing_rule", row);
        Ok(SharingRule {
            population: row.text("population")?,
            level: row.named("level", Level::parse)?,
            fields: row.json("fields_json")?,
            purpose: row.named("purpose", Purpose::parse)?,
        })
    };
    rows.iter().map(rule).collect()
}

async fn bound(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ConnectionId,
) -> Result<Option<Bound>, StoreError> {
    let row = sqlx::query(
        "SELECT c.host, c.kind, o.plugin_id, o.token_endpoint
         FROM connection c LEFT JOIN oauth_connection o ON o.connection_id = c.id
         WHERE c.id = $1 AND c.organization_id = $2",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("connection", &row);
    Ok(Some(Bound {
        kind: row.named("kind", ConnectionKind::parse)?,
        host: row.text("host")?,
        token_endpoint: row.text_or_none("token_endpoint")?.unwrap_or_default(),
        plugin: row.parsed_or_none("plugin_id")?,
    }))
}

async fn backend_keys(
    connection: &mut AnyConnection,
    plugin: &PluginId,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, host FROM publisher_credential
         WHERE plugin_id = $1 AND kind = 'backend-key'",
    )
    .bind(plugin.to_string())
    .fetch_all(connection)
    .await?;
    let pair = |row| {
        let row = Row::new("publisher_credential", row);
        Ok((row.text("name")?, row.text("host")?))
    };
    rows.iter().map(pair).collect()
}
