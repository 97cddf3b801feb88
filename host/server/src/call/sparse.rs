//! `?fields=a,b`: only these members of the answer, or of each item of a page.
#![allow(clippy::indexing_slicing, reason = "a JSON value answers null for what is not there")]
use axum::body::Bytes;
use schemars::Schema;
use serde_json::{Map, Value};

use crate::{
    body::cut,
    error::{ApiError, Code},
};

/// Which members are wanted.
#[derive(Debug)]
pub(super) struct Fields {
    wanted: Vec<String>,
    of_items: bool,
}

impl Fields {
    /// Reads the parameter; a name that the answer does not have is refused
    /// with those that it has.
    pub(super) fn read(text: &str, known: &[String], of_items: bool) -> Result<Self, ApiError> {
        let wanted: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
            return Err(ApiError::new(
                Code::BadQuery,
                format!(
                    "fields: `{}` is not a member of this answer; it has {}.",
                    cut(unknown),
                    known.join(", ")
                ),
                "Name members of the answer, separated by commas, or leave `fields` out.",
            ));
        }
        Ok(Self { wanted, of_items })
    }

    /// Keeps only the wanted members, in the answer's own order.
    pub(super) fn keep(&self, bytes: &[u8]) -> serde_json::Result<Bytes> {
        let mut answer: Value = serde_json::from_slice(bytes)?;
        let items = match answer.get_mut("items") {
            Some(Value::Array(items)) if self.of_items => items.as_mut_slice(),
            _ => std::slice::from_mut(&mut answer),
        };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.retain(|name, _| self.wanted.contains(name));
        }
        serde_json::to_vec(&answer).map(Bytes::from)
    }
}

/// The names of an answer's members, or of its items'.
pub(super) fn members(schema: &Schema, definitions: &Map<String, Value>) -> Vec<String> {
    let resolve = |value: &Value| -> Value {
        let name = value["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        name.and_then(|name| definitions.get(name)).unwrap_or(value).clone()
    };
    let mut object = resolve(schema.as_value());
    let items = &object["properties"]["items"]["items"];
    if !items.is_null() {
        object = resolve(&items.clone());
    }
    object["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect()
}
