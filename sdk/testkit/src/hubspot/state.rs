//! Everything that a portal holds, and the few ways to change it. Callers check first
//! (`validate.rs`); what is here cannot fail.

use std::collections::{BTreeMap, BTreeSet};

use super::limit::Limits;
use super::owners::Owner;
use super::record::{Record, Values};
use super::schema::Property;
use super::{Kind, defaults};
use crate::party::Token;

/// Ids start here: plainly not a position in a list.
const FIRST_ID: u64 = 1001;

/// One direction of an association. Both directions are always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) from: Kind,
    pub(super) from_id: u64,
    pub(super) to: Kind,
    pub(super) to_id: u64,
    pub(super) type_id: u32,
}

/// A property group's name and label.
pub(super) type Group = (String, String);

#[derive(Default)]
struct Table {
    records: BTreeMap<u64, Record>,
    properties: Vec<Property>,
    groups: Vec<Group>,
}

impl Table {
    fn new(kind: Kind) -> Self {
        let name = defaults::group(kind).to_owned();
        let groups = vec![(name.clone(), name)];
        Self { records: BTreeMap::new(), properties: defaults::properties(kind), groups }
    }
}

pub(super) struct State {
    pub(super) tokens: Vec<Token>,
    pub(super) limits: Limits,
    pub(super) links: BTreeSet<Link>,
    pub(super) owners: Vec<Owner>,
    /// Where a merged record's id leads.
    merged: BTreeMap<(Kind, u64), u64>,
    last_id: u64,
    companies: Table,
    contacts: Table,
    tasks: Table,
}

impl Default for State {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            limits: Limits::default(),
            links: BTreeSet::new(),
            owners: Vec::new(),
            merged: BTreeMap::new(),
            last_id: FIRST_ID - 1,
            companies: Table::new(Kind::Companies),
            contacts: Table::new(Kind::Contacts),
            tasks: Table::new(Kind::Tasks),
        }
    }
}

impl State {
    fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Companies => &self.companies,
            Kind::Contacts => &self.contacts,
            Kind::Tasks => &self.tasks,
        }
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Companies => &mut self.companies,
            Kind::Contacts => &mut self.contacts,
            Kind::Tasks => &mut self.tasks,
        }
    }

    pub(super) fn records(&self, kind: Kind) -> &BTreeMap<u64, Record> {
        &self.table(kind).records
    }

    pub(super) fn properties(&self, kind: Kind) -> &[Property] {
        &self.table(kind).properties
    }

    pub(super) fn properties_mut(&mut self, kind: Kind) -> &mut Vec<Property> {
        &mut self.table_mut(kind).properties
    }

    pub(super) fn groups(&self, kind: Kind) -> &[Group] {
        &self.table(kind).groups
    }

    pub(super) fn groups_mut(&mut self, kind: Kind) -> &mut Vec<Group> {
        &mut self.table_mut(kind).groups
    }

    pub(super) fn property(&self, kind: Kind, name: &str) -> Option<&Property> {
        self.properties(kind).iter().find(|property| property.name == name)
    }

    /// The record with that id, or the one that it was merged into.
    pub(super) fn at(&self, kind: Kind, mut id: u64) -> Option<&Record> {
        while let Some(into) = self.merged.get(&(kind, id)) {
            id = *into;
        }
        self.records(kind).get(&id)
    }

    /// The live record with that id.
    pub(super) fn live(&self, kind: Kind, id: u64) -> Option<&Record> {
        self.at(kind, id).filter(|record| !record.archived)
    }

    /// Records went into another one: their links go over, and their ids lead there.
    pub(super) fn merged(&mut self, kind: Kind, ids: &[u64], into: u64) {
        let moved = |of: Kind, id: u64| if of == kind && ids.contains(&id) { into } else { id };
        let links = std::mem::take(&mut self.links).into_iter().map(|link| Link {
            from_id: moved(link.from, link.from_id),
            to_id: moved(link.to, link.to_id),
            ..link
        });
        self.links = links.collect();
        for id in ids {
            self.table_mut(kind).records.remove(id);
            self.merged.insert((kind, *id), into);
        }
    }

    /// An archived record is back as it was; false if there is none.
    pub(super) fn bring_back(&mut self, kind: Kind, id: u64) -> bool {
        let records = &mut self.table_mut(kind).records;
        let record = records.get_mut(&id).filter(|record| record.archived);
        record.map(|record| record.archived = false).is_some()
    }

    /// The live record that has that value.
    pub(super) fn holder(&self, kind: Kind, property: &str, value: &str) -> Option<&Record> {
        self.records(kind).values().find(|record| {
            !record.archived && record.values.get(property).is_some_and(|held| held == value)
        })
    }

    pub(super) fn create(&mut self, kind: Kind, values: Values, now_ms: i64) -> Record {
        self.last_id += 1;
        let (id, values) = (self.last_id, without_empty(values));
        let record = Record { id, values, created_ms: now_ms, updated_ms: now_ms, archived: false };
        self.table_mut(kind).records.insert(id, record.clone());
        record
    }

    pub(super) fn update(
        &mut self,
        kind: Kind,
        id: u64,
        values: Values,
        now_ms: i64,
    ) -> Option<Record> {
        let record = self.table_mut(kind).records.get_mut(&id)?;
        record.values.extend(values);
        record.values = without_empty(std::mem::take(&mut record.values));
        record.updated_ms = now_ms;
        Some(record.clone())
    }

    /// Archives a record; its associations go with it. An unknown id is nothing to do.
    pub(super) fn archive(&mut self, kind: Kind, id: u64, now_ms: i64) {
        if let Some(record) =
            self.table_mut(kind).records.get_mut(&id).filter(|record| !record.archived)
        {
            (record.archived, record.updated_ms) = (true, now_ms);
        }
        self.links.retain(|link| {
            (link.from, link.from_id) != (kind, id) && (link.to, link.to_id) != (kind, id)
        });
    }

    /// Removes a property and every value of it.
    pub(super) fn drop_property(&mut self, kind: Kind, name: &str) {
        let table = self.table_mut(kind);
        table.properties.retain(|property| property.name != name);
        for record in table.records.values_mut() {
            record.values.remove(name);
        }
    }

    /// Takes back records that this very call created.
    pub(super) fn forget(&mut self, kind: Kind, ids: &[u64]) {
        self.table_mut(kind).records.retain(|id, _| !ids.contains(id));
        let gone = |(of, id): (Kind, u64)| of == kind && ids.contains(&id);
        self.links.retain(|link| !gone((link.from, link.from_id)) && !gone((link.to, link.to_id)));
    }

    /// The records of a type, to go back to if a batch fails half way.
    pub(super) fn snapshot(&self, kind: Kind) -> BTreeMap<u64, Record> {
        self.records(kind).clone()
    }

    pub(super) fn restore(&mut self, kind: Kind, records: BTreeMap<u64, Record>) {
        self.table_mut(kind).records = records;
    }

    pub(super) fn reset(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        let mut limits = std::mem::take(&mut self.limits);
        limits.reset();
        *self = Self { tokens, limits, ..Self::default() };
    }
}

/// Documented: an empty string clears a value.
fn without_empty(mut values: Values) -> Values {
    values.retain(|_, value| !value.is_empty());
    values
}
