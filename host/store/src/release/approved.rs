//! The releases that customers may choose: approved, of a listed plugin, with a
//! signature that is believed.
use venn_domain::id::{PluginId, ReleaseId};

use super::signature::TRUSTED;
use crate::{Store, StoreError, row::Row};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedRelease {
    /// Its id.
    pub id: ReleaseId,
    /// Its version.
    pub version: semver::Version,
}

impl Store {
    /// A plugin's approved releases, newest version first; none of one that is
    /// not listed.
    pub async fn approved_releases(
        &self,
        plugin: &PluginId,
    ) -> Result<Vec<ApprovedRelease>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT r.id, r.version FROM release r JOIN plugin p ON p.id = r.plugin_id
             WHERE p.id = $1 AND p.state = 'listed' AND r.state = 'approved' AND {TRUSTED}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(plugin.to_string())
            .fetch_all(&mut *connection)
            .await?;
        let read = |row| {
            let row = Row::new("release", row);
            Ok(ApprovedRelease { id: row.parsed("id")?, version: row.parsed("version")? })
        };
        let mut found = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        // Versions do not sort as text: 0.10.0 is newer than 0.9.0.
        found.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(found)
    }
}
