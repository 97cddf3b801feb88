//! What several installs have in common, read once in one transaction: in it,
//! nothing changes.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    authority::PartnershipControl,
    id::{ConnectionId, OrganizationId, PartnershipId},
    manifest::ConnectionRequest,
    sharing::{Level, Purpose, SharingRule},
};

use crate::{StoreError, connection::kind_name, install::ConnectionMap, row::Row};

/// One transaction, and what was read in it.
pub(super) struct Snapshot<'c> {
    connection: &'c mut AnyConnection,
    partnerships: HashMap<OrganizationId, Vec<PartnershipControl>>,
    rules: HashMap<(OrganizationId, PartnershipId), Vec<SharingRule>>,
    /// The host and kind of a connection, if it is the customer's.
    connections: HashMap<(OrganizationId, ConnectionId), Option<(String, String)>>,
}

impl<'c> Snapshot<'c> {
    pub(super) fn new(connection: &'c mut AnyConnection) -> Self {
        Self {
            connection,
            partnerships: HashMap::new(),
            rules: HashMap::new(),
            connections: HashMap::new(),
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

    /// The chosen connections that exist, are the customer's, and are of the kind
    /// and for the host that the release asks for: a credential never follows a
    /// release to another host.
    pub(super) async fn in_place(
        &mut self,
        organization: &OrganizationId,
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
                let found = host_and_kind(self.connection, organization, id).await?;
                self.connections.insert(key, found.clone());
                found
            };
            let fits = |(host, kind): (String, String)| {
                host == request.host && kind == kind_name(request.kind)
            };
            if found.is_some_and(fits) {
                in_place.insert(request.name.clone(), id.clone());
            }
        }
        Ok(in_place)
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

async fn host_and_kind(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ConnectionId,
) -> Result<Option<(String, String)>, StoreError> {
    let row =
        sqlx::query("SELECT host, kind FROM connection WHERE id = $1 AND organization_id = $2")
            .bind(id.to_string())
            .bind(organization.to_string())
            .fetch_optional(connection)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("connection", &row);
    Ok(Some((row.text("host")?, row.text("kind")?)))
}
