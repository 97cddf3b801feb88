//! The API's description, and answers held against it: every answer that a
//! test of the whole gets is one that is written down.
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The description, as the server serves it.
pub static SPEC: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(venn_server::openapi::text()).unwrap());

/// One operation of the description.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub told: &'a Value,
}

/// Every operation of a description.
pub fn operations(spec: &Value) -> impl Iterator<Item = Operation<'_>> {
    spec["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, told)| Operation { method: method.as_str(), path, told })
    })
}

/// The operation that an address with a method is, if it is one.
pub fn operation_of(method: &str, address: &str) -> Option<Operation<'static>> {
    let path = address.split('?').next().unwrap();
    let method = method.to_ascii_lowercase();
    let fits = |template: &str| {
        let (mut names, mut parts) = (template.split('/'), path.split('/'));
        loop {
            match (names.next(), parts.next()) {
                (None, None) => return true,
                (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {}
                (Some(name), Some(part)) if name == part => {}
                _ => return false,
            }
        }
    };
    let found = operations(&SPEC).filter(|one| one.method == method && fits(one.path));
    // `/a/b` before `/a/{b}`.
    found.min_by_key(|one| one.path.matches('{').count())
}

/// The schemas without room for members that are not written down. The
/// description itself leaves room: new members may appear.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut components = SPEC["components"].clone();
    close(&mut components);
    components
});

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object)
                && !object.contains_key("additionalProperties")
            {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            for (name, value) in object.iter_mut() {
                // The parts of an `allOf` are about the same object.
                if name != "allOf" {
                    close(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Of sparse answers: what may be left out.
fn without_required(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("required").is_some_and(Value::is_array) {
                object.remove("required");
            }
            object.values_mut().for_each(without_required);
        }
        Value::Array(items) => items.iter_mut().for_each(without_required),
        _ => {}
    }
}

/// A schema of the description, with everything that it refers to.
pub fn validator(schema: &Value, sparse: bool) -> Validator {
    let mut root = schema.clone();
    close(&mut root);
    root["components"] = CLOSED.clone();
    if sparse {
        without_required(&mut root);
    }
    jsonschema::options().should_validate_formats(true).build(&root).unwrap()
}

/// What an answer is held against.
#[derive(Clone)]
enum Told {
    Nothing,
    Text,
    Json(Arc<Validator>),
}

type Key = (String, String, u16, bool);

static TOLD: LazyLock<Mutex<HashMap<Key, Told>>> = LazyLock::new(Mutex::default);

/// Fails unless the answer is one that the description has.
#[track_caller]
pub fn check(method: &str, address: &str, status: u16, kind: &str, text: &str) {
    if !address.starts_with("/v1") || method == "HEAD" || method == "OPTIONS" {
        return;
    }
    let sparse = address.contains("fields=");
    let operation = operation_of(method, address);
    let (path, responses) = match operation {
        Some(operation) => (operation.path, operation.told["responses"].clone()),
        None => ("", elsewhere()),
    };
    let response = responses.get(status.to_string()).unwrap_or_else(|| {
        panic!(
            "{method} {address} answered {status}, which the API's description does not have: \
             add the code to `.fails([…])` of the call in host/server/src/routes/, or the status \
             to its answer type (host/server/src/answer.rs). The answer: {text}"
        )
    });
    let response = resolved(response);
    let key = (method.to_owned(), path.to_owned(), status, sparse);
    let known = TOLD.lock().unwrap().get(&key).cloned();
    let told = known.unwrap_or_else(|| {
        let told = told(response, sparse);
        TOLD.lock().unwrap().insert(key, told.clone());
        told
    });
    let kinds = response["content"].as_object().into_iter().flat_map(Map::keys);
    let kinds: Vec<_> = kinds.map(String::as_str).collect();
    match told {
        Told::Nothing => assert_eq!(text, "", "{method} {address} answers {status} with a body"),
        Told::Text => assert!(kinds.contains(&kind), "{method} {address}: {kind}"),
        Told::Json(validator) => {
            assert!(kinds.contains(&kind), "{method} {address} is {kind}, not {kinds:?}");
            let body: Value = serde_json::from_str(text).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&body)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(
                errors.is_empty(),
                "{method} {address} answered {status} with something else than the API's description \
                 says; correct the view's type or its schema: {errors:#?}\n{text}"
            );
        }
    }
}

/// A refusal stands once, and calls refer to it.
fn resolved(response: &Value) -> &Value {
    match response["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        Some(name) => &SPEC["components"]["responses"][name],
        None => response,
    }
}

fn told(response: &Value, sparse: bool) -> Told {
    let Some(content) = response["content"].as_object() else { return Told::Nothing };
    let json =
        content.iter().find(|(kind, _)| *kind == "application/json" || kind.ends_with("+json"));
    match json {
        Some((_, content)) => Told::Json(Arc::new(validator(&content["schema"], sparse))),
        None => Told::Text,
    }
}

/// What an address or a method that does not exist is answered.
fn elsewhere() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let problem = json!({ "content": { "application/problem+json": { "schema": schema } } });
    json!({ "400": problem, "401": problem, "404": problem, "405": problem })
}
