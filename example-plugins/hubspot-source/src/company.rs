//! A company as an account. Pure: HubSpot's JSON goes in, rows come out.
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use venn_sdk::accounts::AccountRow;

use crate::config::{Config, SKIP};

/// A company as HubSpot has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Company {
    pub(crate) id: String,
    pub(crate) properties: BTreeMap<String, Option<String>>,
}

/// Owners' names by id.
pub(crate) type Owners = BTreeMap<String, String>;

/// What a page of companies comes to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Writes {
    pub(crate) rows: Vec<AccountRow>,
    /// Ids that are not accounts (any more).
    pub(crate) gone: BTreeSet<String>,
    /// Companies of which there is nothing to say.
    pub(crate) nameless: u64,
}

/// Longer ones are texts, not values; the host takes 64 KiB.
const VALUE_BYTES: usize = 4_096;

impl Company {
    /// A property's value; empty if there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.properties.get(name).and_then(Option::as_deref).unwrap_or_default()
    }

    /// When it last changed, as HubSpot writes it.
    pub(crate) fn modified(&self) -> &str {
        self.value("hs_lastmodifieddate")
    }
}

/// Rows of companies; the last word on one that comes twice counts.
pub(crate) fn writes(companies: &[Company], config: &Config, owners: &Owners) -> Writes {
    let mut rows: BTreeMap<String, AccountRow> = BTreeMap::new();
    let mut writes = Writes::default();
    for company in companies {
        let id = account_id(&company.id, config);
        // What went into this one is nobody's id any more.
        let merged = company.value("hs_merged_object_ids").split(';').map(str::trim);
        let merged = merged.filter(|id| !id.is_empty() && *id != company.id);
        writes.gone.extend(merged.map(|id| account_id(id, config)));
        rows.remove(&id);
        match row(&id, company, config, owners) {
            Some(row) => {
                rows.insert(id, row);
            }
            None => {
                writes.nameless += u64::from(config.population(stage(company)) != SKIP);
                writes.gone.insert(id);
            }
        }
    }
    writes.gone.retain(|id| !rows.contains_key(id));
    writes.rows = rows.into_values().collect();
    writes
}

/// The account's id of a company's.
pub(crate) fn account_id(id: &str, config: &Config) -> String {
    format!("{}{id}", config.id_prefix)
}

fn stage(company: &Company) -> &str {
    company.value("lifecyclestage")
}

/// None if it is not to be an account: left out, or without a name.
fn row(id: &str, company: &Company, config: &Config, owners: &Owners) -> Option<AccountRow> {
    let population = config.population(stage(company));
    let website = [company.value("domain"), company.value("website")];
    let website = website.into_iter().map(str::trim).find(|text| !text.is_empty());
    let name = clean(company.value("name"));
    if population == SKIP || (name.is_empty() && website.is_none()) {
        return None;
    }
    let mut row = AccountRow::new(id, name);
    row.website = clean(website.unwrap_or_default());
    row.stage = clean(stage(company));
    row.population = population.into();
    row.owner = owners.get(company.value("hubspot_owner_id")).cloned().unwrap_or_default();
    row.created_on = company.value("createdate").get(..DATE_BYTES).unwrap_or_default().into();
    if !config.amount.is_empty() {
        row.amount = clean(company.value(&config.amount));
    }
    for name in &config.fields {
        let value = clean(company.value(name));
        if !value.is_empty() {
            row.add(name, value);
        }
    }
    Some(row)
}

/// `2026-01-02` of `2026-01-02T03:04:05.678Z`.
const DATE_BYTES: usize = 10;

/// Text that every list takes: no NUL, trimmed, cut.
fn clean(text: &str) -> String {
    let text = text.replace('\0', "");
    let text = text.trim();
    let mut end = text.len().min(VALUE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn company(id: &str, properties: &[(&str, &str)]) -> Company {
        let pair = |(name, value): &(&str, &str)| (String::from(*name), Some(String::from(*value)));
        Company { id: id.into(), properties: properties.iter().map(pair).collect() }
    }

    fn config() -> Config {
        serde_json::from_str(
            r#"{"fields":["tier"],"stages":{"customer":"vip","other":"skip"},
                "amount":"annualrevenue","id_prefix":"eu-"}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_company_becomes_an_account_with_its_owners_name() {
        let owners = Owners::from([("501".into(), "Ann Lee".into())]);
        let acme = company(
            "7",
            &[
                ("name", " Acme\0 "),
                ("website", "https://acme.example"),
                ("lifecyclestage", "customer"),
                ("hubspot_owner_id", "501"),
                ("createdate", "2026-01-02T03:04:05.678Z"),
                ("annualrevenue", "58000"),
                ("tier", "gold"),
            ],
        );
        let writes = writes(&[acme], &config(), &owners);
        let row = &writes.rows[0];
        assert_eq!(
            (&*row.external_id, &*row.name, &*row.website),
            ("eu-7", "Acme", "https://acme.example")
        );
        assert_eq!((&*row.population, &*row.stage, &*row.owner), ("vip", "customer", "Ann Lee"));
        assert_eq!((&*row.created_on, &*row.amount), ("2026-01-02", "58000"));
        assert_eq!((&*row.extra[0].name, &*row.extra[0].value), ("tier", "gold"));
    }

    #[test]
    fn what_was_merged_left_out_or_has_no_name_is_gone() {
        let companies = [
            company("1", &[("name", "Old"), ("lifecyclestage", "customer")]),
            company("9", &[("name", "New"), ("hs_merged_object_ids", "3;4;9")]),
            company("2", &[("name", "Out"), ("lifecyclestage", "other")]),
            company("5", &[]),
            company("1", &[("name", "Newer")]),
        ];
        let writes = writes(&companies, &config(), &Owners::new());
        let rows: Vec<_> = writes.rows.iter().map(|row| (&*row.external_id, &*row.name)).collect();
        assert_eq!(rows, [("eu-1", "Newer"), ("eu-9", "New")]);
        let gone: Vec<_> = writes.gone.iter().map(String::as_str).collect();
        assert_eq!((gone, writes.nameless), (vec!["eu-2", "eu-3", "eu-4", "eu-5"], 1));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(clean(&"é".repeat(4_096)).len(), 4_096);
        assert_eq!(clean(&format!("a{}", "é".repeat(4_096))).len(), 4_095);
    }
}
