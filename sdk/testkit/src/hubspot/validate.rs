//! Checks property values before anything is written: known, writable, of the right type, one of
//! the choices, unique. All failures of a record are reported at once, as HubSpot does.

use serde_json::{Map, Value};

use super::Kind;
use super::error::{Invalid, Problem};
use super::record::Values;
use super::schema::Property;
use super::state::State;
use crate::clock::timestamp_text;

/// Reads the `properties` object of an input.
pub(super) fn values(
    state: &State,
    kind: Kind,
    properties: &Map<String, Value>,
) -> Result<Values, Problem> {
    let mut values = Values::new();
    let mut invalid = Vec::new();
    for (name, value) in properties {
        match value_of(state, kind, name, value) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err((code, message)) => invalid.push(Invalid { name: name.clone(), code, message }),
        }
    }
    if invalid.is_empty() { Ok(values) } else { Err(Problem::properties(&invalid)) }
}

type Refused = (&'static str, String);

fn value_of(state: &State, kind: Kind, name: &str, value: &Value) -> Result<String, Refused> {
    let Some(property) = state.property(kind, name) else {
        return Err(("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")));
    };
    // HubSpot documents the codes below; where it gives no example, the words are ours.
    if property.read_only_value {
        return Err((
            "READ_ONLY_VALUE",
            format!("\"{name}\" is a read only property; its value cannot be set."),
        ));
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => {
            return Err(("INVALID_VALUE", format!("{name} was not a string, number or boolean")));
        }
    };
    if text.is_empty() { Ok(text) } else { typed(property, text) }
}

fn typed(property: &Property, text: String) -> Result<String, Refused> {
    let name = &property.name;
    match property.value_type.as_str() {
        "number" if text.parse::<f64>().is_ok_and(f64::is_finite) => Ok(text),
        "number" => Err(("INVALID_INTEGER", format!("{name} was not a valid number"))),
        "bool" if ["true", "false"].contains(&text.as_str()) => Ok(text),
        "bool" => Err((
            "INVALID_OPTION",
            format!("{text} was not one of the allowed options: [true, false]"),
        )),
        "date" | "datetime" => {
            moment(&text).ok_or_else(|| ("INVALID_DATE", format!("{text} was not a valid date")))
        }
        "enumeration" => choice(property, text),
        _ => Ok(text),
    }
}

/// Unix milliseconds or a date in text; kept as text in UTC, which is how it is read back.
fn moment(text: &str) -> Option<String> {
    let parsed = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    let midnight = || {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
    };
    let at_ms = text.parse::<i64>().ok().or_else(|| parsed.ok()).or_else(midnight)?;
    Some(timestamp_text(at_ms)).filter(|text| !text.is_empty())
}

fn choice(property: &Property, text: String) -> Result<String, Refused> {
    let allowed = |value: &str| property.options.iter().any(|choice| choice.value == value);
    // Several choices of one property are joined with semicolons.
    let many = property.field_type == "checkbox";
    if if many {
        text.split(';').filter(|value| !value.is_empty()).all(allowed)
    } else {
        allowed(&text)
    } {
        return Ok(text);
    }
    let options: Vec<&str> = property.options.iter().map(|choice| choice.value.as_str()).collect();
    let options = options.join(", ");
    Err(("INVALID_OPTION", format!("{text} was not one of the allowed options: [{options}]")))
}

/// Refuses a value that another live record already has. `id` is the record that is written to.
pub(super) fn unique(
    state: &State,
    kind: Kind,
    values: &Values,
    id: Option<u64>,
) -> Result<(), Problem> {
    let mut invalid = Vec::new();
    for property in state.properties(kind).iter().filter(|property| property.has_unique_value) {
        let name = &property.name;
        let Some(value) = values.get(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let Some(other) = state.holder(kind, name, value).filter(|other| Some(other.id) != id)
        else {
            continue;
        };
        if kind == Kind::Contacts && name == "email" {
            return Err(Problem::contact_exists(other.id));
        }
        let (portal, type_id, other) = (super::PORTAL_ID, kind.type_id(), other.id);
        let target = id.map_or_else(|| "a new record".to_owned(), |id| id.to_string());
        let message = format!(
            "Cannot set PropertyValueCoordinates{{portalId={portal}, objectTypeId={type_id}, \
             propertyName={name}, value={value}}} on {target}. {other} already has that value."
        );
        invalid.push(Invalid { name: name.clone(), code: "CONFLICTING_UNIQUE_VALUE", message });
    }
    if invalid.is_empty() { Ok(()) } else { Err(Problem::properties(&invalid)) }
}

/// Refuses a new record that lacks what its type needs.
pub(super) fn required(kind: Kind, values: &Values) -> Result<(), Problem> {
    let lacks = |name: &&str| values.get(*name).is_none_or(String::is_empty);
    let missing: Vec<&str> =
        super::defaults::required(kind).iter().copied().filter(lacks).collect();
    if missing.is_empty() { Ok(()) } else { Err(Problem::required(kind, &missing)) }
}

/// The property as a key of records, if its values are unique.
pub(super) fn unique_key<'a>(state: &State, kind: Kind, name: &'a str) -> Result<&'a str, Problem> {
    if state.property(kind, name).is_some_and(|property| property.has_unique_value) {
        return Ok(name);
    }
    let (type_id, portal) = (kind.type_id(), super::PORTAL_ID);
    Err(Problem::validation(format!(
        "Unable to perform update/upsert by non-unique {type_id} property {name} in portal ID {portal}"
    )))
}
