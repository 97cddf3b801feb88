//! Two descriptions of an API, and what works with the one and not with the
//! other. New calls, new parameters that may be left out and new members of
//! answers are no break: the description says that they may appear.
//!
//! A schema is a set of alternatives: `"x"` for each value of an enumeration,
//! `a string`, `null`, `an object with result = "ok"`. A request must still be
//! able to be each alternative that it could be. An answer may not be one that
//! it never was, and a value that is never answered any more is waited for in
//! vain. A keyword that is not known here must stay as it is.
use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// Who makes what a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    /// The caller.
    Requests,
    /// We.
    Answers,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Answers => "answers",
        }
    }
}

/// Every break, by its place; each stands once, however many calls it concerns.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut compare = Compare { old, new, seen: HashSet::new(), found: Vec::new() };
    let now: BTreeMap<String, &Value> = operations(new).collect();
    for (name, before) in operations(old) {
        match now.get(&name) {
            Some(after) => compare.operation(&name, before, after),
            None => compare.say(&name, "the call is gone"),
        }
    }
    compare.found
}

/// Every operation: `GET /v1/me`. What a parameter of a path is called is nobody's concern.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    members(&document["paths"]).flat_map(|(path, item)| {
        let template: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        let template = template.join("/");
        members(item).map(move |(method, operation)| {
            (format!("{} {template}", method.to_uppercase()), operation)
        })
    })
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A reference is followed; the name that it had is told.
fn resolved<'v>(document: &'v Value, value: &'v Value) -> (Option<&'v str>, &'v Value) {
    let Some(place) = value["$ref"].as_str() else { return (None, value) };
    let found = document.pointer(place.trim_start_matches('#')).unwrap_or(&Value::Null);
    (place.rsplit('/').next(), found)
}

struct Compare<'d> {
    old: &'d Value,
    new: &'d Value,
    seen: HashSet<(Side, &'d str, &'d str)>,
    found: Vec<String>,
}

impl<'d> Compare<'d> {
    fn say(&mut self, place: &str, what: &str) {
        self.found.push(format!("{place}: {what}"));
    }

    fn operation(&mut self, name: &str, old: &'d Value, new: &'d Value) {
        self.parameters(name, old, new);
        self.body(name, &old["requestBody"], &new["requestBody"]);
        self.responses(name, &old["responses"], &new["responses"]);
        let scopes = |operation: &'d Value| texts(&operation["security"][0]["token"]);
        for scope in scopes(new).difference(&scopes(old)) {
            self.say(name, &format!("the token needs the scope `{scope}` now"));
        }
        let roles = |operation: &'d Value| texts(&operation["x-venn-roles"]);
        for role in roles(old).difference(&roles(new)) {
            self.say(name, &format!("the role `{role}` may not any more"));
        }
    }

    fn parameters(&mut self, name: &str, old: &'d Value, new: &'d Value) {
        // Those of the path are in its template, in order.
        let key = |(n, parameter): (usize, &'d Value)| match parameter["in"].as_str() {
            Some("path") => (format!("{n}. of the path"), parameter),
            place => {
                let name = parameter["name"].as_str().unwrap_or_default();
                (format!("{name} in the {}", place.unwrap_or_default()), parameter)
            }
        };
        let all = |operation: &'d Value| -> BTreeMap<String, &'d Value> {
            operation["parameters"].as_array().into_iter().flatten().enumerate().map(key).collect()
        };
        let (before, after) = (all(old), all(new));
        for (parameter, old) in &before {
            let place = format!("{name}, parameter {parameter}");
            let Some(new) = after.get(parameter) else {
                self.say(&place, "it is gone, and who sends it is refused");
                continue;
            };
            if new["required"] == true && old["required"] != true {
                self.say(&place, "it may not be left out any more");
            }
            self.schema(Side::Requests, &place, &old["schema"], &new["schema"]);
        }
        for (parameter, new) in after {
            if new["required"] == true && !before.contains_key(&parameter) {
                self.say(&format!("{name}, parameter {parameter}"), "it is new, and must be sent");
            }
        }
    }

    fn body(&mut self, name: &str, old: &'d Value, new: &'d Value) {
        let place = format!("{name}, body");
        if old.is_null() && new["required"] == true {
            self.say(&place, "it is new, and must be sent");
        }
        if new["required"] == true && old["required"] == false {
            self.say(&place, "it may not be left out any more");
        }
        self.content(Side::Requests, &place, &old["content"], &new["content"]);
    }

    fn responses(&mut self, name: &str, old: &'d Value, new: &'d Value) {
        for (status, old) in members(old) {
            let place = format!("{name}, answer {status}");
            let Some(new) = new.get(status) else {
                self.say(&place, "it is gone");
                continue;
            };
            let ((_, old), (_, new)) = (resolved(self.old, old), resolved(self.new, new));
            if status.starts_with('2') {
                for (header, _) in members(&old["headers"]) {
                    if new["headers"][header].is_null() {
                        self.say(&place, &format!("the header `{header}` is gone"));
                    }
                }
                self.content(Side::Answers, &place, &old["content"], &new["content"]);
            } else {
                for code in codes(old).difference(&codes(new)) {
                    self.say(&place, &format!("the code `{code}` is gone"));
                }
            }
        }
        for (status, _) in members(new) {
            if status.starts_with('2') && old[status].is_null() {
                self.say(&format!("{name}, answer {status}"), "a success that nobody knows");
            }
        }
    }

    fn content(&mut self, side: Side, place: &str, old: &'d Value, new: &'d Value) {
        for (kind, old) in members(old) {
            match new.get(kind) {
                Some(new) => self.schema(side, place, &old["schema"], &new["schema"]),
                None => self.say(place, &format!("`{kind}` is gone")),
            }
        }
    }

    fn schema(&mut self, side: Side, place: &str, old: &'d Value, new: &'d Value) {
        let ((old_name, old), (new_name, new)) = (resolved(self.old, old), resolved(self.new, new));
        let named = match (old_name, new_name) {
            (Some(old_name), Some(new_name)) => {
                if !self.seen.insert((side, old_name, new_name)) {
                    return;
                }
                format!("{old_name} in {}", side.name())
            }
            _ => place.to_owned(),
        };
        let (before, after) = (alternatives(self.old, old), alternatives(self.new, new));
        self.kinds(side, &named, &before, &after);
        let object = |all: &Alternatives<'d>| all.keys().filter(|key| is_object(key)).count() == 1;
        for (kind, old) in &before {
            // One shape stays the same shape, whatever tells it apart now.
            let only = is_object(kind) && object(&before) && object(&after);
            let same = after.get(kind).or_else(|| {
                after.iter().find(|(key, _)| only && is_object(key)).map(|(_, schema)| schema)
            });
            if let Some(new) = same {
                self.same_kind(side, &named, old, new);
            }
        }
    }

    /// Which alternatives there are.
    fn kinds(&mut self, side: Side, place: &str, old: &Alternatives<'d>, new: &Alternatives<'d>) {
        let is_in = |kind: &str, all: &Alternatives<'d>| {
            all.contains_key(kind)
                || all.contains_key(ANYTHING)
                || kind.starts_with('"') && all.contains_key("a string")
                || kind == "an integer" && all.contains_key("a number")
        };
        for kind in old.keys().filter(|kind| !is_in(kind, new)) {
            match side {
                Side::Requests => self.say(place, &format!("{kind} is not taken any more")),
                // A value is waited for in vain; a text that is one of a few now is one still.
                Side::Answers if kind.starts_with('"') => {
                    self.say(place, &format!("{kind} is never answered any more"));
                }
                Side::Answers => {}
            }
        }
        if side == Side::Answers {
            for kind in new.keys().filter(|kind| !is_in(kind, old)) {
                self.say(place, &format!("it may be {kind} now"));
            }
        }
    }

    /// The same alternative, before and after.
    fn same_kind(&mut self, side: Side, place: &str, old: &'d Value, new: &'d Value) {
        self.object(side, place, old, new);
        if !old["items"].is_null() && !new["items"].is_null() {
            self.schema(side, &format!("{place}[]"), &old["items"], &new["items"]);
        }
        if side == Side::Requests {
            self.bounds(place, old, new);
        }
        for keyword in ["pattern", "format"] {
            let loosened = match side {
                Side::Requests => new[keyword].is_null(),
                Side::Answers => old[keyword].is_null(),
            };
            // The width of an integer is told by its bounds.
            let is_width = old["type"] == "integer" && new["type"] == "integer";
            if old[keyword] != new[keyword] && !loosened && !is_width {
                let told = if new[keyword].is_null() { "none" } else { &new[keyword].to_string() };
                self.say(place, &format!("its {keyword} is {told} now"));
            }
        }
        let unknown = |keyword: &&String| !KNOWN.contains(&keyword.as_str());
        let keywords: BTreeSet<&String> =
            [old, new].into_iter().flat_map(members).map(|(keyword, _)| keyword).collect();
        for keyword in keywords.into_iter().filter(unknown) {
            if old[keyword] != new[keyword] {
                self.say(
                    place,
                    &format!("`{keyword}` is another; whether that breaks is not known"),
                );
            }
        }
    }

    fn object(&mut self, side: Side, place: &str, old: &'d Value, new: &'d Value) {
        let (needed_before, needed) = (texts(&old["required"]), texts(&new["required"]));
        let closed = |schema: &Value| schema["additionalProperties"] == false;
        for (member, before) in members(&old["properties"]) {
            let here = format!("{place}, {member}");
            let after = &new["properties"][member];
            match side {
                Side::Requests if after.is_null() && closed(new) => {
                    self.say(&here, "it is gone, and who sends it is refused");
                }
                Side::Answers if after.is_null() => self.say(&here, "it is gone"),
                _ if after.is_null() => {}
                _ => self.schema(side, &here, before, after),
            }
            let name = member.as_str();
            let (was, is) = (needed_before.contains(name), needed.contains(name));
            if side == Side::Answers && was && !is && !after.is_null() {
                self.say(&here, "it may be missing now");
            }
            if side == Side::Requests && !was && is {
                self.say(&here, "it may not be left out any more");
            }
        }
        if side == Side::Requests {
            for member in needed.iter().filter(|name| old["properties"][**name].is_null()) {
                self.say(&format!("{place}, {member}"), "it is new, and must be sent");
            }
            if closed(new) && !closed(old) && old["type"] == "object" {
                self.say(place, "further members are refused now");
            }
        }
        let (before, after) = (&old["additionalProperties"], &new["additionalProperties"]);
        if before.is_object() && after.is_object() {
            self.schema(side, &format!("{place}, each member"), before, after);
        }
    }

    /// What is asked of a request may get less, not more.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value) {
        let bound =
            |schema: &Value, keyword: &str, none: f64| schema[keyword].as_f64().unwrap_or(none);
        let least = [("minimum", f64::NEG_INFINITY), ("minLength", 0.0), ("minItems", 0.0)];
        for (keyword, none) in least {
            if bound(new, keyword, none) > bound(old, keyword, none) {
                self.say(place, &format!("its {keyword} is {} now", new[keyword]));
            }
        }
        for keyword in ["maximum", "maxLength", "maxItems"] {
            if bound(new, keyword, f64::INFINITY) < bound(old, keyword, f64::INFINITY) {
                self.say(place, &format!("its {keyword} is {} now", new[keyword]));
            }
        }
    }
}

/// The codes of a refusal.
fn codes(response: &Value) -> BTreeSet<&str> {
    let schema = &response["content"]["application/problem+json"]["schema"];
    texts(&schema["allOf"][1]["properties"]["code"]["enum"])
}

/// Words for a schema that says nothing about its type.
const ANYTHING: &str = "anything";

/// The alternatives of a schema, by their words.
type Alternatives<'v> = BTreeMap<String, &'v Value>;

fn is_object(kind: &str) -> bool {
    kind.starts_with("an object")
}

fn alternatives<'v>(document: &'v Value, schema: &'v Value) -> Alternatives<'v> {
    let schema = resolved(document, schema).1;
    let mut all = BTreeMap::new();
    for word in ["oneOf", "anyOf"] {
        for one in schema[word].as_array().into_iter().flatten() {
            all.extend(alternatives(document, one));
        }
    }
    if !all.is_empty() {
        return all;
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| (value.to_string(), schema)).collect();
    }
    if let Some(value) = schema.get("const") {
        return BTreeMap::from([(value.to_string(), schema)]);
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::String(kind) => vec![kind.as_str()],
        _ => Vec::new(),
    };
    if kinds.is_empty() {
        return BTreeMap::from([(ANYTHING.to_owned(), schema)]);
    }
    kinds.into_iter().map(|kind| (words(kind, schema), schema)).collect()
}

fn words(kind: &str, schema: &Value) -> String {
    match kind {
        "null" => "null".to_owned(),
        "object" => match schema["properties"].as_object().and_then(tag) {
            Some((name, value)) => format!("an object with {name} = {value}"),
            None => "an object".to_owned(),
        },
        "array" | "integer" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// The member that tells an object from its alternatives.
fn tag(properties: &Map<String, Value>) -> Option<(&String, &Value)> {
    properties.iter().find_map(|(name, schema)| schema.get("const").map(|value| (name, value)))
}

/// Keywords that are compared above, or say nothing that could break.
const KNOWN: &[&str] = &[
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "contentMediaType",
    "default",
    "deprecated",
    "description",
    "enum",
    "example",
    "examples",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];
