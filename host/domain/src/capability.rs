//! Capabilities and fields: what a plugin can ask for, as small sets that a
//! host call checks without allocating.
//!
//! To add a capability: a variant with its name and its plain words here, a
//! file in the sandbox's `capability` folder, the WIT interface, a test guest.
//! One that only lets a plugin hear of something has an event kind instead.
use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::account::CoreField;

/// Something that a plugin may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Read overlaps.
    OverlapsRead,
    /// Write the customer's own accounts.
    AccountsWrite,
    /// Append to the timeline of accounts.
    TimelineWrite,
    /// Be told of what other plugins append to it.
    TimelineRead,
    /// Keep state between runs.
    State,
    /// Call third parties over HTTP.
    HttpEgress,
    /// Keep files while a run lasts.
    Scratch,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OverlapsRead,
        Self::AccountsWrite,
        Self::TimelineWrite,
        Self::TimelineRead,
        Self::State,
        Self::HttpEgress,
        Self::Scratch,
    ];

    /// The name in manifests, approvals, grants and denials.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OverlapsRead => "overlaps:read",
            Self::AccountsWrite => "accounts:write",
            Self::TimelineWrite => "timeline:write",
            Self::TimelineRead => "timeline:read",
            Self::State => "state",
            Self::HttpEgress => "http:egress",
            Self::Scratch => "scratch",
        }
    }

    /// What it lets a plugin do, for a customer's admin.
    pub const fn plain_words(self) -> &'static str {
        match self {
            Self::OverlapsRead => {
                "See which of your accounts overlap with those of the partners you choose"
            }
            Self::AccountsWrite => "Add, change and remove accounts in your list",
            Self::TimelineWrite => "Add entries to the timeline of your accounts",
            Self::TimelineRead => "Read what other plugins add to the timeline of your accounts",
            Self::State => "Remember small pieces of data between runs",
            Self::HttpEgress => "Send data to and receive data from the services listed below",
            Self::Scratch => "Keep files of its own for as long as one run lasts",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|c| c.name()).collect();
            D::Error::custom(format!("unknown capability `{name}`; known are {}", known.join(", ")))
        })
    }
}

impl JsonSchema for Capability {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Capability".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::name) })
    }
}

/// A set of capabilities; a check is one bit test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CapabilitySet(u8);

impl CapabilitySet {
    /// Whether `capability` is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members, in order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |set, capability| set | 1 << capability as u8))
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for CapabilitySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Capability>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl JsonSchema for CapabilitySet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CapabilitySet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": { "type": "string", "enum": Capability::ALL.map(Capability::name) },
        })
    }
}

/// A set of one side's account fields, by the owner's names (`name`, `owner`,
/// extra ones). Serialized as a sorted list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSet {
    core: u8,
    extra: BTreeSet<String>,
}

impl FieldSet {
    /// Every core field and no extra one.
    pub fn core() -> Self {
        CoreField::ALL.into_iter().map(CoreField::name).collect()
    }

    /// Whether the core field is in the set.
    pub const fn has(&self, field: CoreField) -> bool {
        self.core & (1 << field as u8) != 0
    }

    /// Whether the field of that name is in the set.
    pub fn has_name(&self, name: &str) -> bool {
        CoreField::parse(name).map_or_else(|| self.extra.contains(name), |field| self.has(field))
    }

    /// Adds a field by name.
    pub fn insert(&mut self, name: &str) {
        match CoreField::parse(name) {
            Some(field) => self.core |= 1 << field as u8,
            None => {
                self.extra.insert(name.to_owned());
            }
        }
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            core: self.core & other.core,
            extra: self.extra.intersection(&other.extra).cloned().collect(),
        }
    }

    /// Whether every field of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.core & !other.core == 0 && self.extra.is_subset(&other.extra)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.core == 0 && self.extra.is_empty()
    }

    /// The names, core ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        CoreField::ALL
            .into_iter()
            .filter(|field| self.has(*field))
            .map(|field| -> &str { field.name() })
            .chain(self.extra.iter().map(String::as_str))
    }

    /// The names of extra fields.
    pub fn extra(&self) -> impl Iterator<Item = &str> {
        self.extra.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for FieldSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut set = Self::default();
        names.into_iter().for_each(|name| set.insert(name));
        set
    }
}

impl Serialize for FieldSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for FieldSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().map(String::as_str).collect())
    }
}

impl JsonSchema for FieldSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FieldSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "string" } })
    }
}

/// The fields of an overlap: ours (`our-name`) and the partner's (`their-name`).
/// Serialized as one list of such names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OverlapFields {
    /// Fields of the customer's account.
    pub ours: FieldSet,
    /// Fields of the partner's account.
    pub theirs: FieldSet,
}

impl OverlapFields {
    /// Every core field of both sides.
    pub fn core() -> Self {
        Self { ours: FieldSet::core(), theirs: FieldSet::core() }
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { ours: self.ours.and(&other.ours), theirs: self.theirs.and(&other.theirs) }
    }

    /// Whether every field of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.ours.is_within(&other.ours) && self.theirs.is_within(&other.theirs)
    }

    /// Whether the field of that name (`our-…`, `their-…`) is in the set.
    pub fn has_name(&self, name: &str) -> bool {
        match split_side(name) {
            Some((true, field)) => self.ours.has_name(field),
            Some((false, field)) => self.theirs.has_name(field),
            None => false,
        }
    }

    /// Adds a field by name; false if the name has no side.
    pub fn insert(&mut self, name: &str) -> bool {
        match split_side(name) {
            Some((true, field)) => self.ours.insert(field),
            Some((false, field)) => self.theirs.insert(field),
            None => return false,
        }
        true
    }

    /// The names, ours first.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let ours = self.ours.names().map(|name| format!("our-{name}"));
        ours.chain(self.theirs.names().map(|name| format!("their-{name}")))
    }
}

/// Splits `our-name` into (true, `name`) and `their-name` into (false, `name`).
fn split_side(name: &str) -> Option<(bool, &str)> {
    let ours = name.strip_prefix("our-").map(|field| (true, field));
    ours.or_else(|| name.strip_prefix("their-").map(|field| (false, field)))
        .filter(|(_, field)| !field.is_empty())
}

impl Serialize for OverlapFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for OverlapFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Self::default();
        for name in Vec::<String>::deserialize(deserializer)? {
            if !fields.insert(&name) {
                return Err(D::Error::custom(format!(
                    "`{name}` is not a field of an overlap: names start with `our-` or `their-`"
                )));
            }
        }
        Ok(fields)
    }
}

impl JsonSchema for OverlapFields {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OverlapFields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": { "type": "string", "pattern": "^(our|their)-." },
            "examples": [["our-name", "their-owner"]],
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn field_sets_intersect_and_read_back() {
        let a: OverlapFields =
            serde_json::from_str(r#"["our-name","their-name","their-tier"]"#).unwrap();
        let b: OverlapFields = serde_json::from_str(r#"["their-tier","their-amount"]"#).unwrap();
        assert_eq!(serde_json::to_string(&a.and(&b)).unwrap(), r#"["their-tier"]"#);
        assert!(a.has_name("their-tier") && !a.has_name("their-amount") && !a.has_name("tier"));
        assert!(a.and(&b).is_within(&a));
        let error = serde_json::from_str::<OverlapFields>(r#"["name"]"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`name` is not a field of an overlap: names start with `our-` or `their-`"
        );
    }

    #[test]
    fn an_unknown_capability_is_named_with_the_known_ones() {
        let error = serde_json::from_str::<CapabilitySet>(r#"["root"]"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown capability `root`; known are overlaps:read, accounts:write, timeline:write, timeline:read, state, http:egress, scratch at line 1 column 8"
        );
    }
}
