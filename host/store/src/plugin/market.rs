//! The marketplace: listed plugins with the newest release that was approved.
//! What was not approved is never read here.
use venn_domain::manifest::Manifest;

use super::{Plugin, SELECT as PLUGINS, plugin};
use crate::{
    Page, Store, StoreError,
    publisher::{self, Verification},
    release::{self, Release, release, signature::TRUSTED},
    row::Row,
};

/// A plugin as customers find it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The plugin.
    pub plugin: Plugin,
    /// Its owner's name.
    pub owner_name: String,
    /// How the platform knows who that is.
    pub verification: Option<Verification>,
    /// The approved release with the highest version.
    pub release: Release,
    /// Installs that are enabled, of all customers.
    pub installs: u64,
}

impl Listing {
    /// The release's manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.release.manifest
    }
}

/// Plugins looked at in one query while a filter is applied.
const LOOK: u32 = 100;

impl Store {
    /// Listed plugins by name, those that `wanted` says; `after` is a name.
    pub async fn market_page(
        &self,
        after: Option<&str>,
        limit: u32,
        wanted: impl Fn(&Manifest) -> bool + Send,
    ) -> Result<Page<Listing>, StoreError> {
        let mut items = Vec::new();
        let mut after = after.unwrap_or_default().to_owned();
        loop {
            let plugins = self.listed(&after, LOOK).await?;
            for found in &plugins {
                after.clone_from(&found.name);
                let Some(listing) = self.listing_of(found.clone()).await? else { continue };
                if wanted(listing.manifest()) {
                    items.push(listing);
                }
                if items.len() > limit as usize {
                    break;
                }
            }
            if items.len() > limit as usize || plugins.len() < LOOK as usize {
                return Ok(Page::cut(items, limit, |listing| listing.plugin.name.clone()));
            }
        }
    }

    /// One listed plugin by name.
    pub async fn market(&self, name: &str) -> Result<Option<Listing>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{PLUGINS} WHERE p.name = $1 AND p.state = 'listed'");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(name.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        drop(connection);
        match row.as_ref().map(plugin).transpose()? {
            Some(found) => self.listing_of(found).await,
            None => Ok(None),
        }
    }

    async fn listed(&self, after: &str, limit: u32) -> Result<Vec<Plugin>, StoreError> {
        let mut connection = self.read().await?;
        let sql =
            format!("{PLUGINS} WHERE p.state = 'listed' AND p.name > $1 ORDER BY p.name LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after.to_owned())
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(plugin).collect()
    }

    async fn listing_of(&self, plugin: Plugin) -> Result<Option<Listing>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "{} WHERE r.plugin_id = $1 AND r.state = 'approved' AND {TRUSTED}",
            release::select()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(plugin.id.to_string())
            .fetch_all(&mut *connection)
            .await?;
        let releases = rows.iter().map(release).collect::<Result<Vec<_>, _>>()?;
        // Versions do not sort as text: 0.10.0 is newer than 0.9.0.
        let newest =
            releases.into_iter().max_by(|a, b| a.manifest.version.cmp(&b.manifest.version));
        let Some(release) = newest else { return Ok(None) };
        let row = sqlx::query(
            "SELECT o.name,
                    (SELECT COUNT(*) FROM install
                     WHERE plugin_id = $1 AND state = 'active') AS installs
             FROM organization o WHERE o.id = $2",
        )
        .bind(plugin.id.to_string())
        .bind(plugin.organization.to_string())
        .fetch_one(&mut *connection)
        .await?;
        let row = Row::new("organization", &row);
        let (owner_name, installs) = (row.text("name")?, row.count("installs")?);
        let verification = publisher::find(&mut connection, &plugin.organization).await?;
        Ok(Some(Listing { plugin, owner_name, verification, release, installs }))
    }
}
