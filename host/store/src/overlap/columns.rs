//! The select list of an overlap, and a row as the domain's [`Overlap`].
//!
//! Only columns that are asked for are read, and a partner's value only counts
//! if the rule that was joined to its row shares it.
//!
//! To add a core field: its line in [`FIELDS`] and in `fill`.
use std::collections::{BTreeMap, HashMap};

use sqlx::{Row as _, any::AnyRow};
use venn_domain::{
    account::CoreField,
    capability::{FieldSet, OverlapFields},
    overlap::Overlap,
    time::Timestamp,
};

use super::view::View;
use crate::{StoreError, sql::Sql};

/// The core fields with their columns, in the order of the select list.
const FIELDS: [(CoreField, &str); 6] = [
    (CoreField::Name, "name"),
    (CoreField::Website, "website"),
    (CoreField::Owner, "owner"),
    (CoreField::Stage, "stage"),
    (CoreField::Amount, "amount"),
    (CoreField::CreatedOn, "created_on"),
];

/// Where the columns of our account, of the partner's, the extra ones and those
/// of a change begin.
const OURS_AT: usize = 10;
const THEIRS_AT: usize = 16;
const OUR_EXTRA_AT: usize = 22;
const THEIR_EXTRA_AT: usize = 23;
const CHANGE_AT: usize = 24;

/// What a reader asks for.
pub(super) enum Asked<'a> {
    /// These fields of ours and of the partner's.
    Fields(&'a OverlapFields),
    /// All of ours, and all that the partner shares.
    Everything,
}

impl Asked<'_> {
    fn ours(&self, field: CoreField) -> bool {
        match self {
            Self::Fields(fields) => fields.ours.has(field),
            Self::Everything => true,
        }
    }

    fn theirs(&self, field: CoreField) -> bool {
        match self {
            Self::Fields(fields) => fields.theirs.has(field),
            Self::Everything => true,
        }
    }

    fn extra(&self) -> (bool, bool) {
        match self {
            Self::Fields(fields) => {
                (fields.ours.extra().next().is_some(), fields.theirs.extra().next().is_some())
            }
            Self::Everything => (true, true),
        }
    }
}

/// Where a row stands in the order of changes.
pub(super) struct ChangeColumns {
    pub(super) live: bool,
    pub(super) change_no: i64,
    pub(super) added_no: i64,
}

/// `SELECT …`, up to where `FROM` follows.
pub(super) fn select(sql: &mut Sql, view: &View, asked: &Asked<'_>) {
    let (ours, theirs) = view.sides();
    sql.add("SELECT o.id, o.domain, o.evidence, o.confidence, o.paired_at");
    for (side, alias) in [(ours, "oa"), (theirs, "ta")] {
        sql.add(&format!(
            ", o.{side}_account, CASE WHEN o.live = 1 THEN {alias}.population ELSE o.{side}_population END"
        ));
    }
    sql.add(", s.fields_json");
    for (field, column) in FIELDS {
        column_or_empty(sql, asked.ours(field), "oa", column);
    }
    for (field, column) in FIELDS {
        column_or_empty(sql, asked.theirs(field), "ta", column);
    }
    let (ours, theirs) = asked.extra();
    column_or_empty(sql, ours, "oa", "extra_json");
    column_or_empty(sql, theirs, "ta", "extra_json");
    sql.add(", o.live, o.change_no, o.added_no");
}

fn column_or_empty(sql: &mut Sql, wanted: bool, alias: &str, column: &str) {
    // An account that is gone has no row: its columns are empty, not missing.
    let part = if wanted { format!(", COALESCE({alias}.{column}, '')") } else { ", ''".to_owned() };
    sql.add(&part);
}

/// Turns rows of one partnership into overlaps.
pub(super) struct Reading<'a> {
    view: &'a View,
    asked: &'a Asked<'a>,
    /// Rules repeat from row to row: each text is read once.
    shared: HashMap<String, FieldSet>,
    withheld: FieldSet,
}

impl<'a> Reading<'a> {
    pub(super) fn new(view: &'a View, asked: &'a Asked<'a>) -> Self {
        Self { view, asked, shared: HashMap::new(), withheld: FieldSet::default() }
    }

    /// The fields of the partner's that were asked for and that at least one
    /// row's rule withholds.
    pub(super) fn into_withheld(self) -> FieldSet {
        self.withheld
    }

    /// One row, with all that its rule withholds emptied; a removed one has ids,
    /// populations and domain only.
    pub(super) fn overlap(&mut self, row: &AnyRow) -> Result<Overlap, StoreError> {
        let mut overlap = self.bare(row)?;
        let rule: String = get(row, 9)?;
        if !self.shared.contains_key(&rule) {
            let fields = serde_json::from_str(&rule).map_err(|error| bad(row, 9, &error))?;
            self.note_withheld(&fields);
            self.shared.insert(rule.clone(), fields);
        }
        if !change(row)?.live {
            overlap.evidence.clear();
            overlap.confidence.clear();
            return Ok(overlap);
        }
        let Some(shared) = self.shared.get(&rule) else { return Ok(overlap) };
        let mut allowed = match self.asked {
            Asked::Fields(fields) => (*fields).clone(),
            Asked::Everything => OverlapFields { ours: FieldSet::core(), theirs: shared.clone() },
        };
        allowed.theirs = allowed.theirs.and(shared);
        for (name, value) in extra(row, OUR_EXTRA_AT)? {
            if matches!(self.asked, Asked::Everything) {
                allowed.ours.insert(&name);
            }
            overlap.extra.insert(format!("our-{name}"), value);
        }
        for (name, value) in extra(row, THEIR_EXTRA_AT)? {
            overlap.extra.insert(format!("their-{name}"), value);
        }
        fill(&mut overlap, row)?;
        overlap.keep_only(&allowed);
        Ok(overlap)
    }

    fn note_withheld(&mut self, shared: &FieldSet) {
        if let Asked::Fields(fields) = self.asked {
            let withheld = fields.theirs.names().filter(|name| !shared.has_name(name));
            withheld.for_each(|name| self.withheld.insert(name));
        }
    }

    fn bare(&self, row: &AnyRow) -> Result<Overlap, StoreError> {
        Ok(Overlap {
            id: parsed(row, 0)?,
            partnership: self.view.id.clone(),
            partner: self.view.partner_name.clone(),
            domain: get(row, 1)?,
            evidence: get(row, 2)?,
            confidence: get(row, 3)?,
            paired_at: Timestamp(get(row, 4)?),
            our_account: parsed(row, 5)?,
            our_population: get(row, 6)?,
            our_name: String::new(),
            our_website: String::new(),
            our_owner: String::new(),
            our_stage: String::new(),
            our_amount: String::new(),
            our_created_on: String::new(),
            their_account: parsed(row, 7)?,
            their_population: get(row, 8)?,
            their_name: String::new(),
            their_website: String::new(),
            their_owner: String::new(),
            their_stage: String::new(),
            their_amount: String::new(),
            their_created_on: String::new(),
            extra: BTreeMap::new(),
        })
    }
}

fn fill(overlap: &mut Overlap, row: &AnyRow) -> Result<(), StoreError> {
    let ours = [
        &mut overlap.our_name,
        &mut overlap.our_website,
        &mut overlap.our_owner,
        &mut overlap.our_stage,
        &mut overlap.our_amount,
        &mut overlap.our_created_on,
    ];
    for (offset, value) in ours.into_iter().enumerate() {
        *value = get(row, OURS_AT + offset)?;
    }
    let theirs = [
        &mut overlap.their_name,
        &mut overlap.their_website,
        &mut overlap.their_owner,
        &mut overlap.their_stage,
        &mut overlap.their_amount,
        &mut overlap.their_created_on,
    ];
    for (offset, value) in theirs.into_iter().enumerate() {
        *value = get(row, THEIRS_AT + offset)?;
    }
    Ok(())
}

/// Where a row stands in the order of changes.
pub(super) fn change(row: &AnyRow) -> Result<ChangeColumns, StoreError> {
    Ok(ChangeColumns {
        live: get::<i64>(row, CHANGE_AT)? != 0,
        change_no: get(row, CHANGE_AT + 1)?,
        added_no: get(row, CHANGE_AT + 2)?,
    })
}

fn extra(row: &AnyRow, at: usize) -> Result<Vec<(String, String)>, StoreError> {
    let text: String = get(row, at)?;
    // The common case costs no parser.
    if text.len() <= 2 {
        return Ok(Vec::new());
    }
    serde_json::from_str(&text).map_err(|error| bad(row, at, &error))
}

fn get<'r, T>(row: &'r AnyRow, at: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(at).map_err(|error| bad(row, at, &error))
}

fn parsed<T: std::str::FromStr>(row: &AnyRow, at: usize) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    let text: &str = get(row, at)?;
    text.parse().map_err(|error: T::Err| bad(row, at, &error))
}

fn bad(row: &AnyRow, at: usize, reason: &dyn std::fmt::Display) -> StoreError {
    let column = match at {
        9 => "fields_json",
        OURS_AT.. => "an account's column",
        _ => "a column of the overlap",
    };
    let key = row.try_get::<String, _>(0).unwrap_or_else(|_| "?".to_owned());
    StoreError::BadRow { table: "overlap", column, row: key, reason: reason.to_string() }
}
