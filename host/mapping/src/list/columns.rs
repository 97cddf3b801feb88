//! Which column of a file is what: the caller's map, or a recognised format.
//!
//! Every other column stays out: a CRM export holds more about people than a
//! mapping needs. The report names what was ignored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Code, ListProblem, excerpt};
use super::recognise::recognise;
use super::report::{ColumnUse, ListFormat};

/// Which CSV column is what, given by the caller for any other format. Names
/// are compared without regard to case and surrounding space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnMap {
    /// The CRM's own id of the account.
    pub external_id: String,
    /// The company's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The company's website or domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The stage, from which the population follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Who looks after the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The amount of open business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The day on which the account was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_on: Option<String>,
    /// Further columns to keep, under their own names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
}

/// Where each value stands in a record, counted from 0.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) external_id: usize,
    pub(super) name: Option<usize>,
    pub(super) website: Option<usize>,
    pub(super) stage: Option<usize>,
    pub(super) owner: Option<usize>,
    pub(super) amount: Option<usize>,
    pub(super) created_on: Option<usize>,
    pub(super) extra: Vec<usize>,
}

impl Layout {
    /// The fixed values with their columns, by the names that a row uses.
    fn fixed(&self) -> [(&'static str, Option<usize>); 7] {
        [
            ("external_id", Some(self.external_id)),
            ("name", self.name),
            ("website", self.website),
            ("stage", self.stage),
            ("owner", self.owner),
            ("amount", self.amount),
            ("created_on", self.created_on),
        ]
    }

    /// For the report: columns that are used, and those that aren't.
    pub(super) fn uses(&self, headers: &[String]) -> (Vec<ColumnUse>, Vec<String>) {
        let name = |at: usize| headers.get(at).map(|name| excerpt(name)).unwrap_or_default();
        let mut used: Vec<ColumnUse> = self
            .fixed()
            .iter()
            .filter_map(|(field, at)| {
                at.map(|at| ColumnUse { field: (*field).to_owned(), column: name(at) })
            })
            .collect();
        let extra =
            self.extra.iter().map(|at| ColumnUse { field: "extra".to_owned(), column: name(*at) });
        used.extend(extra);
        let is_used = |at: usize| {
            self.extra.contains(&at) || self.fixed().iter().any(|(_, used)| *used == Some(at))
        };
        let ignored = (0..headers.len()).filter(|at| !is_used(*at)).map(|at| shown(at, headers));
        (used, ignored.collect())
    }
}

fn shown(at: usize, headers: &[String]) -> String {
    match headers.get(at) {
        Some(name) if !name.is_empty() => excerpt(name),
        _ => format!("(column {} without a name)", at + 1),
    }
}

/// How many columns an error lists: more than any export that people read.
const COLUMNS_LISTED_MAX: usize = 60;

/// `"Id", "Name"`: what a reader needs to write a map.
pub(super) fn listed(headers: &[String]) -> String {
    let mut text = headers
        .iter()
        .take(COLUMNS_LISTED_MAX)
        .map(|name| format!("\"{}\"", excerpt(name)))
        .collect::<Vec<_>>()
        .join(", ");
    if headers.len() > COLUMNS_LISTED_MAX {
        text = format!("{text} and {} more", headers.len() - COLUMNS_LISTED_MAX);
    }
    text
}

/// Decides where each value stands.
pub(super) fn layout(
    headers: &[String],
    map: Option<&ColumnMap>,
    line: u64,
) -> Result<(Layout, ListFormat), ListProblem> {
    match map {
        Some(map) => Ok((mapped(headers, map, line)?, ListFormat::Mapped)),
        None => recognise(headers, line),
    }
}

fn mapped(headers: &[String], map: &ColumnMap, line: u64) -> Result<Layout, ListProblem> {
    let required = |name: &str| {
        find(headers, name, line)?.ok_or_else(|| {
            let reason = format!(
                "the column map names \"{}\", which the file lacks; it has {}",
                excerpt(name),
                listed(headers)
            );
            ListProblem::new(
                Code::MissingColumn,
                line,
                reason,
                "Correct the column map or the file's header.",
            )
        })
    };
    let optional = |name: &Option<String>| name.as_deref().map(required).transpose();
    let mut extra = Vec::new();
    for name in &map.extra {
        let at = required(name)?;
        if !extra.contains(&at) {
            extra.push(at);
        }
    }
    if map.name.is_none() && map.website.is_none() {
        let reason = "the column map names neither a name nor a website column";
        let next = format!("Name at least one of them; the file has {}.", listed(headers));
        return Err(ListProblem::new(Code::MissingColumn, line, reason, &next));
    }
    Ok(Layout {
        external_id: required(&map.external_id)?,
        name: optional(&map.name)?,
        website: optional(&map.website)?,
        stage: optional(&map.stage)?,
        owner: optional(&map.owner)?,
        amount: optional(&map.amount)?,
        created_on: optional(&map.created_on)?,
        extra,
    })
}

/// The column of this name; two of that name are an error, because either could
/// be meant.
pub(super) fn find(
    headers: &[String],
    name: &str,
    line: u64,
) -> Result<Option<usize>, ListProblem> {
    let name = name.trim().to_lowercase();
    let mut found = headers.iter().enumerate().filter(|(_, header)| header.to_lowercase() == name);
    let Some((first, _)) = found.next() else { return Ok(None) };
    match found.next() {
        None => Ok(Some(first)),
        Some((second, _)) => {
            let reason =
                format!("this column stands in the file twice: as column {} too", first + 1);
            let next = "Rename or remove one of them and import the file again.";
            Err(ListProblem::new(Code::DuplicateColumn, line, reason, next)
                .in_column(second, headers))
        }
    }
}
