//! Rules that every description keeps: names, words, flatness, listings.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::description::{SPEC, operations};

/// Members whose value is an object, or a list of objects, and why. Everything
/// else is text, a number, a truth, a moment, or a list of such.
const DEEP: &[(&str, &str)] = &[
    ("actions", "what people may ask, one by one"),
    ("advisories", "advisories, one by one"),
    ("answer", "what a plugin answered, which may not be there"),
    ("approval", "a ceiling is set and compared as a whole"),
    ("broken", "an entry that does not fit, which may not be there"),
    ("calls", "what a run called, one by one"),
    ("capabilities", "a manifest's own shape: a capability and its reason"),
    ("cells", "a matrix is its cells"),
    ("check", "the newest check, which may not be there, with its findings"),
    ("columns", "a map of the file's columns, of the caller's own"),
    ("config", "its members are the plugin's"),
    ("config_schema", "a JSON Schema"),
    ("confirm", "a question that may not be there"),
    (
        "connections",
        "the manifest's names, each with a connection; in a listing, each with its host",
    ),
    ("denial", "why a call was denied, as the plugin was told"),
    ("destinations", "where data goes, one by one"),
    ("detail", "its members depend on the kind"),
    ("details", "reasons, one by one"),
    ("egress", "destinations, one by one"),
    ("ending", "its members depend on how a replay ended"),
    ("ending_detail", "its members depend on the ending"),
    ("error", "a problem that may not be there"),
    ("extra", "columns of the customer's own, by name"),
    ("faults", "a manifest's own shape: a code and its FAQ entry"),
    ("fields", "a field, and whether it was approved"),
    ("findings", "remarks, one by one"),
    ("gate", "findings and imports, as the gate made them"),
    ("grant", "a consent is given and compared as a whole"),
    ("head", "an entry's place and its hash, which mean nothing alone"),
    ("input", "values of the caller's own, by name"),
    ("items", "a listing"),
    ("limits", "a manifest's own shape"),
    ("manifest", "what the publisher sent, as it was sent"),
    ("moved_hosts", "hosts that were moved, one by one"),
    ("oauth", "a manifest's own shape: where tokens come from, which most do not have"),
    ("packages", "crates, one by one"),
    ("ours", "our rules, one by one"),
    ("parameters", "a map of a service's own parameters, by name"),
    ("permissions", "what a plugin may do, one by one"),
    ("problems", "what is wrong, one by one"),
    ("refused", "calls that were refused, by reason"),
    ("resting", "since when, why and until when it rests, which it may not"),
    ("result", "what came of a host call; its members depend on it"),
    ("rules", "sharing rules, one by one"),
    ("sbom", "a CycloneDX document, which may not be there"),
    ("schedules", "schedules, one by one"),
    ("signature", "it may not be there, with what was signed"),
    ("stages", "stages of the caller's own, each with a population"),
    ("support", "a manifest's own shape"),
    ("theirs", "the partner's rules, one by one"),
    ("unfit_connections", "connections that do not fit, one by one"),
    ("unknown_stages", "stages with their counts, one by one"),
    ("usage", "what a run used, measured together"),
    ("verdict", "a conclusion that may not be there, with its evidence"),
    ("webhooks", "what third parties can tell it, one by one"),
];

fn resolve(schema: &Value) -> &Value {
    match schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        Some(name) => &SPEC["components"]["schemas"][name],
        None => schema,
    }
}

/// Whether a value of this schema can be an object, or have one.
fn is_deep(schema: &Value) -> bool {
    let schema = resolve(schema);
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let any = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array());
    kinds.contains(&json!("object"))
        || schema["properties"].is_object()
        || !schema["items"].is_null() && is_deep(&schema["items"])
        || any.flatten().any(is_deep)
        // No type at all: anything.
        || schema["type"].is_null() && schema["enum"].is_null() && schema["const"].is_null()
            && ["anyOf", "oneOf", "allOf"].iter().all(|word| schema[*word].is_null())
}

fn is_snake(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Calls `look` with every object of a schema: its place and its members.
fn objects(place: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    match schema {
        Value::Object(object) => {
            if schema["properties"].is_object() {
                look(place, schema);
            }
            for (name, value) in object.iter().filter(|(name, _)| *name != "example") {
                objects(&format!("{place}/{name}"), value, look);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| objects(place, item, look)),
        _ => {}
    }
}

#[test]
fn every_member_has_words_a_plain_name_and_is_flat() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    let schemas = SPEC["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        objects(name, schema, &mut |place, object| {
            for (member, schema) in object["properties"].as_object().unwrap() {
                let here = format!("{place}.{member}");
                let tag = !schema["const"].is_null();
                if !tag && schema["description"].as_str().is_none_or(|words| words.len() < 4) {
                    wrong.push(format!("{here} has no description: a doc comment on the member"));
                }
                if !is_snake(member) {
                    wrong.push(format!("{here} is not in snake_case"));
                }
                if is_deep(schema) {
                    used.insert(member.clone());
                    if !DEEP.iter().any(|(name, _)| name == member) {
                        wrong.push(format!("{here} is not flat: make it members of their own (`partner_id`, not `partner.id`), or name it in DEEP with the reason"));
                    }
                }
                if member.ends_with("_ms") || member.ends_with("_us") || member.ends_with("_bytes")
                {
                    let kind = &schema["type"];
                    assert!(kind == "integer" || kind[0] == "integer", "{here}: {schema}");
                }
            }
        });
        if schema["description"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{name} has no description: a doc comment on the type"));
        }
    }
    let idle: Vec<_> =
        DEEP.iter().map(|(name, _)| *name).filter(|name| !used.contains(*name)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(idle.is_empty(), "DEEP names what is not there (any more): {idle:?}");
}

#[test]
fn every_answer_has_all_its_keys() {
    let mut wrong = Vec::new();
    for operation in operations(&SPEC) {
        for (status, response) in operation.told["responses"].as_object().unwrap() {
            let Some(schema) = response["content"].get("application/json") else { continue };
            let answer = resolve(&schema["schema"]);
            let mut all = vec![answer];
            if answer["properties"]["items"].is_object() {
                all.push(resolve(&answer["properties"]["items"]["items"]));
            }
            for object in all {
                let members = object["properties"].as_object().unwrap();
                let required: Vec<_> =
                    object["required"].as_array().into_iter().flatten().collect();
                for member in members.keys().filter(|name| !required.contains(&&json!(name))) {
                    wrong.push(format!(
                        "{} {} {status}: {member} may be left out",
                        operation.method, operation.path
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "an answer has all keys always; null where there is nothing: {wrong:#?}"
    );
}

#[test]
fn every_operation_has_its_words_and_listings_are_all_alike() {
    let (mut ids, mut wrong) = (BTreeSet::new(), Vec::new());
    for operation in operations(&SPEC) {
        let (place, told) = (format!("{} {}", operation.method, operation.path), operation.told);
        let id = told["operationId"].as_str().unwrap().to_owned();
        if !ids.insert(id.clone()) {
            wrong.push(format!("{place}: `{id}` is another call's name, too"));
        }
        let summary = told["summary"].as_str().unwrap();
        if !summary.ends_with('.') || summary.chars().count() < 12 {
            wrong.push(format!("{place}: the summary is not a sentence"));
        }
        for parameter in told["parameters"].as_array().unwrap() {
            if parameter["description"].as_str().is_none_or(str::is_empty) {
                let hint = "a doc comment on the query's member, or a line in `path_parameter` of host/server/src/openapi.rs";
                wrong.push(format!(
                    "{place}: parameter {} has no description: {hint}",
                    parameter["name"]
                ));
            }
        }
        let names: Vec<_> = told["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let answer = &told["responses"]["200"]["content"]["application/json"]["schema"];
        let members = resolve(answer)["properties"].as_object();
        let is_page = members.is_some_and(|members| members.contains_key("items"));
        if is_page {
            let keys: Vec<_> = members.unwrap().keys().collect();
            if keys != ["items", "next"] {
                wrong.push(format!("{place}: a listing answers `items` and `next`, not {keys:?}"));
            }
        }
        if names.contains(&"limit") != names.contains(&"cursor")
            || names.contains(&"limit") && !is_page
        {
            wrong.push(format!("{place}: take a `PageOf` and answer its `PageView`"));
        }
        let body = &told["requestBody"]["content"]["application/json"];
        if body.is_object() && body["example"].is_null() {
            wrong.push(format!(
                "{place}: takes JSON and has no `.example(…)` in host/server/src/routes/"
            ));
        }
        for open in open_objects(&body["schema"]) {
            wrong.push(format!("{place}: {open} lacks `#[serde(deny_unknown_fields)]`"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The objects in a body that take members which nobody knows.
fn open_objects(schema: &Value) -> Vec<String> {
    let name = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next());
    let schema = resolve(schema);
    let mut open = Vec::new();
    if schema["properties"].is_object() && schema["additionalProperties"] != false {
        open.push(name.unwrap_or("an object").to_owned());
    }
    match schema {
        Value::Object(object) => open.extend(object.values().flat_map(open_objects)),
        Value::Array(items) => open.extend(items.iter().flat_map(open_objects)),
        _ => {}
    }
    open
}

#[test]
fn the_description_is_openapi() {
    assert_eq!(SPEC["openapi"], "3.1.0");
    let mut missing = Vec::new();
    let mut names = BTreeSet::new();
    objects_and_references(&SPEC, &mut |name| {
        names.insert(name.to_owned());
        if SPEC["components"]["schemas"][name].is_null() {
            missing.push(name.to_owned());
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    let schemas = SPEC["components"]["schemas"].as_object().unwrap();
    let idle: Vec<_> = schemas.keys().filter(|name| !names.contains(*name)).collect();
    assert!(idle.is_empty(), "schemas that nothing refers to: {idle:?}");
}

fn objects_and_references(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(place)) = object.get("$ref")
                && let Some(name) = place.strip_prefix("#/components/schemas/")
            {
                look(name);
            }
            object.values().for_each(|value| objects_and_references(value, look));
        }
        Value::Array(items) => items.iter().for_each(|item| objects_and_references(item, look)),
        _ => {}
    }
}
