//! Why nothing of an install may run, whatever its customer does: its plugin or
//! its release was stopped. The texts are shown to people.
use venn_domain::signing::{Trust, trust};

use crate::{StoreError, row::Row};

/// The columns that tell, beside those of [`crate::release::signature`]: of the
/// plugin `p` and of the release `r`.
pub(super) const COLUMNS: &str = "
    p.state AS plugin_state, p.suspended_reason, r.state AS release_state, r.decision_reason";

/// None if its own state decides.
pub(super) fn stopped(row: &Row<'_>) -> Result<Option<String>, StoreError> {
    if row.text("plugin_state")? == "suspended" {
        let reason = row.text("suspended_reason")?;
        return Ok(Some(format!("the platform suspended the plugin: {reason}")));
    }
    let release = row.text("release_state")?;
    if release == "yanked" {
        let reason = row.text("decision_reason")?;
        return Ok(Some(format!("the release was withdrawn: {reason}")));
    }
    if release != "approved" {
        return Ok(Some(format!("the release is {release}, not approved")));
    }
    let key = row.text_or_none("key_id")?.unwrap_or_default();
    let signed_at = row.time_or_none("signed_at")?;
    Ok(match trust(signed_at, row.time_or_none("distrusted_from")?) {
        Trust::Signed => None,
        Trust::Unsigned => Some("the release is not signed by its publisher".to_owned()),
        Trust::Distrusted => Some(format!("the key {key} that signed the release is compromised")),
    })
}
