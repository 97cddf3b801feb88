//! What waits for an organization's decision, or is to be known by it: computed
//! from the things themselves and kept nowhere, so that an item is there from the
//! moment that the thing waits, and gone once it is decided (decision 52).
//!
//! To add a kind: a member of [`WaitingKind`], a `SELECT` in [`ITEMS`] with the same
//! columns, the words in the server's `api/waiting.rs`.
use std::{fmt, str::FromStr};

use venn_domain::{id::OrganizationId, limits, time::Timestamp};

use crate::{Page, Store, StoreError, plugin::states, row::Row};

#[cfg(test)]
mod tests;

states! {
    /// What waits.
    WaitingKind {
        /// For the platform: a release that nobody has decided about.
        ReleaseToReview = "release-to-review",
        /// For the publisher: a release that was refused, and no newer one is there.
        ReleaseRefused = "release-refused",
        /// To the publisher: a release that was approved a short while ago.
        ReleaseApproved = "release-approved",
        /// For the publisher: a release that the platform withdrew, and no newer one is there.
        ReleaseStopped = "release-stopped",
        /// For the publisher: an approved release whose signing key is compromised, and
        /// no newer one is there.
        ReleaseDistrusted = "release-distrusted",
        /// For the publisher: a plugin that the platform stopped.
        PluginSuspended = "plugin-suspended",
        /// To the customer: a plugin of its installs that the platform stopped.
        IntegrationSuspended = "integration-suspended",
        /// To the publisher: a plugin of which the platform allows less, since a short while.
        PluginNarrowed = "plugin-narrowed",
        /// To the customer: the same of a plugin of its installs.
        IntegrationNarrowed = "integration-narrowed",
        /// For the publisher: the platform took back that it is verified.
        VerificationEnded = "verification-ended",
        /// For the customer: an install whose release was withdrawn.
        InstallStopped = "install-stopped",
        /// For the customer: an install whose release was signed with a key that is compromised.
        InstallDistrusted = "install-distrusted",
        /// To the customer: an install that rests after failures in a row, and tries by itself.
        InstallResting = "install-resting",
        /// To the publisher and the platform: a plugin of which installs rest.
        PluginResting = "plugin-resting",
        /// For the customer: a partnership that somebody proposed to it.
        PartnershipProposed = "partnership-proposed",
        /// To the customer: a partnership that the other side ended a short while ago.
        PartnershipEnded = "partnership-ended",
        /// For the customer: a source that asks before it removes many accounts.
        RemovalsToConfirm = "removals-to-confirm",
        /// For the customer: a connection that works still, and not for long.
        ConnectionExpiring = "connection-expiring",
        /// For the customer: a connection that has to be made anew.
        ConnectionToReconnect = "connection-to-reconnect",
        /// To the organization: a token that the platform made for one of its admins a short
        /// while ago.
        TokenRecovered = "token-recovered",
        /// For the customer: an install with a connection that is not what it needs any more.
        ConnectionUnfit = "connection-unfit",
        /// For the customer: events of an install that were given up a short while ago, because
        /// they waited for too long.
        EventsExpired = "events-expired",
        /// For the customer: an install that was not told of timeline entries a short while ago,
        /// because too much waited for it.
        EntriesUntold = "entries-untold",
        /// For the customer: an import that asks before it removes many accounts.
        ImportToConfirm = "import-to-confirm",
    }
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What it is.
    pub kind: WaitingKind,
    /// The id of the thing: release, plugin, install, partnership, token or import.
    pub subject: String,
    /// Its name: a plugin's, an install's, an organization's, a person's, a file's.
    pub name: String,
    /// What else it takes to name it: a version, a slug; the plugin's name of an
    /// install that is stopped; what a plugin lost; when an install that rests tries again, in
    /// microseconds; how many installs rest; how many events expired, or entries were not told; which of an install's
    /// connections do not fit, as JSON; empty if nothing.
    pub detail: String,
    /// Why, as somebody said it; empty if nobody did.
    pub reason: String,
    /// How many accounts would go; 0 where it is not about accounts.
    pub removes: u64,
    /// Since when.
    pub since: Timestamp,
}

impl Waiting {
    /// The same for the same thing, as long as it waits.
    pub fn id(&self) -> String {
        format!("{}:{}", self.kind.name(), self.subject)
    }
}

/// Where a page begins: after this item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPlace {
    since: Timestamp,
    id: String,
}

impl fmt::Display for WaitingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.since.0, self.id)
    }
}

impl FromStr for WaitingPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (since, id) = text.split_once('/').ok_or("not a time and an id")?;
        let since = since.parse().map(Timestamp).map_err(|_| "not a time")?;
        Ok(Self { since, id: id.to_owned() })
    }
}

/// For how long something is news: over a week-end and a holiday.
pub(crate) const NEWS_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// `$1` is the organization, `$2` the moment before which what others did is no news, `$6`
/// now, and `$7` the moment until which a token that cannot be renewed is told to end.
const ITEMS: &str = "
    SELECT 'release-to-review' AS kind, r.id AS subject, p.name AS name, r.version AS detail,
           '' AS reason, 0 AS removes, r.created_at AS since
    FROM release r JOIN plugin p ON p.id = r.plugin_id
    WHERE r.state = 'submitted'
      AND EXISTS (SELECT 1 FROM organization o WHERE o.id = $1 AND o.is_platform = 1)
  UNION ALL
    SELECT CASE r.state WHEN 'approved' THEN 'release-approved' WHEN 'refused' THEN 'release-refused'
                        ELSE 'release-stopped' END,
           r.id, p.name, r.version, r.decision_reason, 0, COALESCE(r.decided_at, r.created_at)
    FROM plugin p JOIN release r ON r.plugin_id = p.id
    WHERE p.organization_id = $1
      AND NOT EXISTS (SELECT 1 FROM release n WHERE n.plugin_id = p.id AND n.id > r.id)
      AND (r.state = 'refused' OR (r.state = 'approved' AND r.decided_at > $2 AND NOT EXISTS
               (SELECT 1 FROM release_signature s JOIN signing_key k ON k.id = s.key_id
                WHERE s.release_id = r.id AND s.signed_at >= k.distrusted_from))
           OR (r.state = 'yanked' AND NOT EXISTS
               (SELECT 1 FROM person d WHERE d.id = r.decided_by AND d.organization_id = $1)))
  UNION ALL
    SELECT 'release-distrusted', r.id, p.name, r.version, s.key_id, 0, k.revoked_at
    FROM plugin p JOIN release r ON r.plugin_id = p.id
    JOIN release_signature s ON s.release_id = r.id JOIN signing_key k ON k.id = s.key_id
    WHERE p.organization_id = $1 AND r.state = 'approved' AND s.signed_at >= k.distrusted_from
      AND NOT EXISTS (SELECT 1 FROM release n WHERE n.plugin_id = p.id AND n.id > r.id)
  UNION ALL
    SELECT 'plugin-suspended', p.id, p.name, '', p.suspended_reason, 0,
           COALESCE(p.suspended_at, p.created_at)
    FROM plugin p WHERE p.organization_id = $1 AND p.state = 'suspended'
  UNION ALL
    SELECT 'integration-suspended', p.id, p.name, '', p.suspended_reason, 0,
           COALESCE(p.suspended_at, p.created_at)
    FROM plugin p
    WHERE p.state = 'suspended'
      AND EXISTS (SELECT 1 FROM install i WHERE i.plugin_id = p.id AND i.organization_id = $1
                                            AND i.state <> 'uninstalled')
  UNION ALL
    SELECT 'plugin-narrowed', p.id, p.name, p.narrowed, '', 0, p.narrowed_at
    FROM plugin p WHERE p.organization_id = $1 AND p.narrowed_at > $2
  UNION ALL
    SELECT 'integration-narrowed', p.id, p.name, p.narrowed, '', 0, p.narrowed_at
    FROM plugin p
    WHERE p.narrowed_at > $2
      AND EXISTS (SELECT 1 FROM install i WHERE i.plugin_id = p.id AND i.organization_id = $1
                                            AND i.state <> 'uninstalled')
  UNION ALL
    SELECT 'verification-ended', o.id, o.name, o.slug, v.ended_reason, 0, v.ended_at
    FROM publisher_verification v JOIN organization o ON o.id = v.organization_id
    WHERE v.organization_id = $1 AND v.ended_at IS NOT NULL
  UNION ALL
    SELECT 'install-stopped', i.id, i.name, p.name, r.decision_reason, 0,
           COALESCE(r.decided_at, i.created_at)
    FROM install i JOIN release r ON r.id = i.release_id JOIN plugin p ON p.id = i.plugin_id
    WHERE i.organization_id = $1 AND i.state <> 'uninstalled' AND r.state = 'yanked'
  UNION ALL
    SELECT 'install-distrusted', i.id, i.name, p.name, s.key_id, 0, k.revoked_at
    FROM install i JOIN release r ON r.id = i.release_id JOIN plugin p ON p.id = i.plugin_id
    JOIN release_signature s ON s.release_id = r.id JOIN signing_key k ON k.id = s.key_id
    WHERE i.organization_id = $1 AND i.state <> 'uninstalled' AND r.state = 'approved'
      AND s.signed_at >= k.distrusted_from
  UNION ALL
    SELECT 'install-resting', i.id, i.name, CAST(b.rests_until AS text), b.why, 0, b.rests_since
    FROM breaker b JOIN install i ON i.id = b.id
    WHERE b.organization_id = $1 AND b.rests_until IS NOT NULL AND i.state = 'active'
  UNION ALL
    SELECT 'plugin-resting', p.id, p.name, CAST(COUNT(*) AS text), '', 0, MIN(b.rests_since)
    FROM breaker b JOIN install i ON i.id = b.id JOIN plugin p ON p.id = i.plugin_id
    WHERE b.rests_until IS NOT NULL AND i.state = 'active'
      AND (p.organization_id = $1
           OR EXISTS (SELECT 1 FROM organization o WHERE o.id = $1 AND o.is_platform = 1))
    GROUP BY p.id, p.name
  UNION ALL
    SELECT 'partnership-proposed', y.id, o.name, o.slug, '', 0, y.created_at
    FROM partnership y JOIN organization o ON o.id = y.left_id
    WHERE y.right_id = $1 AND y.state = 'proposed'
  UNION ALL
    SELECT 'partnership-ended', y.id, o.name,
           CASE WHEN o.slug = o.id THEN '' ELSE o.slug END, '', 0, y.ended_at
    FROM partnership y JOIN organization o
      ON o.id = CASE WHEN y.left_id = $1 THEN y.right_id ELSE y.left_id END
    WHERE (y.left_id = $1 OR y.right_id = $1) AND y.state = 'ended' AND y.ended_at > $2
      AND y.accepted_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM person d WHERE d.id = y.ended_by AND d.organization_id = $1)
      AND NOT EXISTS (SELECT 1 FROM partnership n WHERE n.pair_key = y.pair_key AND n.id > y.id)
  UNION ALL
    SELECT 'removals-to-confirm', i.id, i.name, '', '', s.asked, COALESCE(s.ended_at, s.started_at)
    FROM source s JOIN install i ON i.id = s.install_id
    WHERE s.organization_id = $1 AND s.asked > 0 AND i.state <> 'uninstalled'
  UNION ALL
    SELECT 'token-recovered', t.id, u.name, u.email, t.recovered_why, 0, t.created_at
    FROM token t JOIN person u ON u.id = t.user_id
    WHERE t.organization_id = $1 AND t.recovered_why IS NOT NULL AND t.revoked_at IS NULL
      AND t.created_at > $2
  UNION ALL
    SELECT 'connection-unfit', i.id, i.name, i.unfit_json, '', 0, i.unfit_at
    FROM install i
    WHERE i.organization_id = $1 AND i.state <> 'uninstalled' AND i.unfit_json <> ''
  UNION ALL
    SELECT 'events-expired', i.id, i.name, CAST(COUNT(*) AS text), '', 0, MIN(d.finished_at)
    FROM delivery d JOIN install i ON i.id = d.install_id
    WHERE d.organization_id = $1 AND d.expires_at IS NOT NULL AND d.state = 'dead'
      AND d.finished_at > $2 AND i.state <> 'uninstalled'
    GROUP BY i.id, i.name
  UNION ALL
    SELECT 'entries-untold', i.id, i.name, CAST(i.untold AS text), '', 0, i.untold_at
    FROM install i
    WHERE i.organization_id = $1 AND i.state <> 'uninstalled' AND i.untold_at > $2
  UNION ALL
    SELECT 'import-to-confirm', m.id, m.file_name, '', '', 0, m.created_at
    FROM import m WHERE m.organization_id = $1 AND m.state = 'waiting-for-confirmation'
  UNION ALL
    SELECT CASE WHEN c.state = 'reconnect-required' OR (o.renewable = 0 AND o.expires_at <= $6)
                THEN 'connection-to-reconnect' ELSE 'connection-expiring' END,
           c.id, c.name, c.host, c.state_reason, 0, c.updated_at
    FROM connection c LEFT JOIN oauth_connection o ON o.connection_id = c.id
    WHERE c.organization_id = $1
      AND (c.state <> 'active' OR (o.renewable = 0 AND o.expires_at <= $7))";

impl Store {
    /// What waits for an organization, newest first.
    pub async fn waiting(
        &self,
        organization: &OrganizationId,
        after: Option<&WaitingPlace>,
        limit: u32,
    ) -> Result<Page<Waiting>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT w.* FROM ({ITEMS}) w
             WHERE w.since < $3 OR (w.since = $3 AND w.kind || ':' || w.subject < $4)
             ORDER BY w.since DESC, w.kind || ':' || w.subject DESC LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(self.now().plus_ms(-NEWS_MS).0)
            .bind(after.map_or(i64::MAX, |place| place.since.0))
            .bind(after.map(|place| place.id.clone()).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .bind(self.now().0)
            .bind(self.now().plus_ms(limits::TOKEN_EARLY_MS.cast_signed()).0)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| waiting(&Row::new("waiting", row)));
        let place = |item: &Waiting| WaitingPlace { since: item.since, id: item.id() }.to_string();
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, place))
    }
}

fn waiting(row: &Row<'_>) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        kind: row.named("kind", WaitingKind::parse)?,
        subject: row.text("subject")?,
        name: row.text("name")?,
        detail: row.text("detail")?,
        reason: row.text("reason")?,
        removes: row.count("removes")?,
        since: row.time("since")?,
    })
}
