//! The company lists, and an import with fifty changed rows made from them.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use super::client::Client;
use crate::cargo;

/// Rows that the second import changes.
pub(crate) const CHANGED_ROWS: usize = 50;

/// The two exports, as their CRMs wrote them.
pub(crate) fn lists() -> (PathBuf, PathBuf) {
    let folder = cargo::root().join("data");
    (folder.join("hubspot-companies-export.csv"), folder.join("salesforce-accounts-export.csv"))
}

/// Fifty of their customers that have no overlap yet get the names and
/// websites of fifty of our companies that have none either.
pub(crate) fn fifty_changed_rows(
    ours: &Client,
    theirs: &Client,
    paired: &[Value],
    unpaired: &[Value],
    scratch: &Path,
) -> anyhow::Result<PathBuf> {
    let taken: Vec<&str> =
        paired.iter().chain(unpaired).filter_map(|one| one["domain"].as_str()).collect();
    let mut free = ours.all("/v1/organizations/acme/accounts")?;
    free.retain(|account| is_free(account, &taken));
    free.sort_by_key(|account| account["domain"].as_str().unwrap_or_default().to_owned());
    free.dedup_by_key(|account| account["domain"].as_str().unwrap_or_default().to_owned());
    let mut movers = theirs.all("/v1/organizations/globex/accounts?population=customers")?;
    movers.retain(|account| is_free(account, &taken));
    anyhow::ensure!(
        free.len() >= CHANGED_ROWS && movers.len() >= CHANGED_ROWS,
        "too few free accounts"
    );
    let mut csv = String::from("Id,Name,Website,Type,Owner.Name,Open_Opportunity_Amount\n");
    for (account, mover) in free.iter().zip(&movers).take(CHANGED_ROWS) {
        writeln!(
            csv,
            "{},{},{},Customer,{},",
            mover["external_id"].as_str().context("an account without external id")?,
            quoted(&account["name"]),
            quoted(&account["website"]),
            quoted(&mover["owner"]),
        )?;
    }
    let path = scratch.join("globex-changes.csv");
    fs::write(&path, csv)?;
    Ok(path)
}

fn is_free(account: &Value, taken: &[&str]) -> bool {
    let domain = account["domain"].as_str().unwrap_or_default();
    !domain.is_empty() && !taken.contains(&domain)
}

fn quoted(value: &Value) -> String {
    format!("\"{}\"", value.as_str().unwrap_or_default().replace('"', "\"\""))
}
