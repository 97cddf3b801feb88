//! One CRM object, and how HubSpot shows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Kind;
use crate::clock::timestamp_text;

/// Names and values of properties. An empty value is no value.
pub(super) type Values = BTreeMap<String, String>;

/// Adds a field to a JSON object.
pub(super) fn put(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) values: Values,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) archived: bool,
}

impl Record {
    /// A property's value, those that HubSpot keeps itself included.
    pub(super) fn value(&self, kind: Kind, name: &str) -> Option<String> {
        if name == "hs_object_id" {
            Some(self.id.to_string())
        } else if name == kind.created_property() {
            Some(timestamp_text(self.created_ms))
        } else if name == kind.modified_property() {
            Some(timestamp_text(self.updated_ms))
        } else {
            self.values.get(name).cloned()
        }
    }

    /// The record with the named properties; with the type's default ones if none are named.
    /// Named properties without a value are null, as in HubSpot.
    pub(super) fn view(&self, kind: Kind, named: &[&str]) -> Value {
        let wanted = if named.is_empty() { kind.default_properties() } else { named };
        self.shown(kind, wanted.iter().copied())
    }

    /// The record with every property that has a value: what a write returns.
    pub(super) fn view_whole(&self, kind: Kind) -> Value {
        self.shown(kind, self.values.keys().map(String::as_str))
    }

    fn shown<'a>(&self, kind: Kind, names: impl Iterator<Item = &'a str>) -> Value {
        let kept = [kind.created_property(), kind.modified_property(), "hs_object_id"];
        let properties: Map<String, Value> = kept
            .into_iter()
            .chain(names)
            .map(|name| (name.to_owned(), self.value(kind, name).map_or(Value::Null, Value::from)))
            .collect();
        let mut view = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": timestamp_text(self.created_ms),
            "updatedAt": timestamp_text(self.updated_ms),
            "archived": self.archived,
        });
        if self.archived {
            // Archiving is the last change that a record sees.
            put(&mut view, "archivedAt", timestamp_text(self.updated_ms));
        }
        view
    }
}
