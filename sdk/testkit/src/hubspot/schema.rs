//! What a property is: its definition as HubSpot shows it, and the rules for a new one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Problem;

/// One choice of an enumeration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) value: String,
    #[serde(default)]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) hidden: bool,
}

/// A property's definition. Field names are HubSpot's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the flags are HubSpot's")]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) label: String,
    #[serde(rename = "type")]
    pub(super) value_type: String,
    pub(super) field_type: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) group_name: String,
    #[serde(default)]
    pub(super) options: Vec<Choice>,
    #[serde(default = "unordered")]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) has_unique_value: bool,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) form_field: bool,
    /// Ours to say, never the caller's.
    #[serde(skip_deserializing)]
    pub(super) hubspot_defined: bool,
    #[serde(skip)]
    pub(super) read_only_value: bool,
    #[serde(skip_deserializing)]
    pub(super) created_at: String,
    #[serde(skip_deserializing)]
    pub(super) updated_at: String,
}

/// HubSpot's `displayOrder` of a property that was given none.
fn unordered() -> i64 {
    -1
}

/// The value types of the properties guide, each with the field types that it allows.
const TYPES: [(&str, &[&str]); 6] = [
    ("bool", &["booleancheckbox", "calculation_equation"]),
    ("enumeration", &["booleancheckbox", "checkbox", "radio", "select", "calculation_equation"]),
    ("date", &["date"]),
    ("datetime", &["date"]),
    ("string", &["file", "text", "textarea", "calculation_equation", "html", "phonenumber"]),
    ("number", &["number", "calculation_equation"]),
];

impl Property {
    /// Checks a definition that a caller sent. The rules are documented; the words are ours.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let mut letters = self.name.chars();
        let first_ok = letters.next().is_some_and(|first| first.is_ascii_lowercase());
        if !first_ok
            || !letters
                .all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
        {
            return Err(Problem::validation(format!(
                "Property name '{}' is not valid: it must start with a letter and may only contain \
                 lowercase letters, numbers and underscores",
                self.name
            )));
        }
        let Some((_, fields)) = TYPES.iter().find(|(value_type, _)| *value_type == self.value_type)
        else {
            return Err(Problem::validation(format!(
                "'{}' is not a valid property type",
                self.value_type
            )));
        };
        if !fields.contains(&self.field_type.as_str()) {
            return Err(Problem::validation(format!(
                "fieldType '{}' is not valid for type '{}'",
                self.field_type, self.value_type
            )));
        }
        if self.value_type == "enumeration" && self.options.is_empty() {
            return Err(Problem::validation("An enumeration property must have options"));
        }
        if self.has_unique_value && !["string", "number"].contains(&self.value_type.as_str()) {
            return Err(Problem::validation(
                "hasUniqueValue is only available for string and number properties",
            ));
        }
        Ok(())
    }

    /// The definition as HubSpot shows it.
    pub(super) fn view(&self) -> Value {
        let mut view = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = view.as_object_mut() {
            fields.insert("calculated".to_owned(), false.into());
            fields.insert("externalOptions".to_owned(), false.into());
            fields.insert("archived".to_owned(), false.into());
            let metadata = json!({
                "archivable": !self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.read_only_value,
            });
            fields.insert("modificationMetadata".to_owned(), metadata);
        }
        view
    }
}
