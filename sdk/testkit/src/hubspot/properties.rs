//! Property definitions: `/crm/v3/properties/{type}`, and their groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Problem;
use super::routes::Ask;
use super::schema::{Choice, Property};
use super::state::{Group, State};
use crate::clock::timestamp_text;
use crate::party::Answer;

/// Documented: so many properties with `hasUniqueValue` of one's own per object type.
const UNIQUE_MAX: usize = 10;

/// What may change later. `hasUniqueValue`, `name` and `type` of a property with values may not;
/// HubSpot's types leave them out, and so they are ignored here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    label: Option<String>,
    description: Option<String>,
    group_name: Option<String>,
    options: Option<Vec<Choice>>,
    display_order: Option<i64>,
    hidden: Option<bool>,
    form_field: Option<bool>,
}

#[derive(Deserialize)]
struct GroupBody {
    name: String,
    label: String,
}

pub(super) fn list(state: &State, ask: &Ask<'_>) -> Answer {
    let results: Vec<Value> = state.properties(ask.kind).iter().map(Property::view).collect();
    Answer::json(200, &json!({ "results": results }))
}

pub(super) fn get(state: &State, ask: &Ask<'_>, name: &str) -> Result<Answer, Problem> {
    let property = state.property(ask.kind, name).ok_or_else(Problem::not_found)?;
    Ok(Answer::json(200, &property.view()))
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let mut property: Property = ask.body()?;
    property.check()?;
    grouped(state, ask, &property.group_name)?;
    if state.property(ask.kind, &property.name).is_some() {
        return Err(Problem::already_exists("property", &property.name));
    }
    let own_unique = |other: &&Property| other.has_unique_value && !other.hubspot_defined;
    let unique = state.properties(ask.kind).iter().filter(own_unique).count();
    if property.has_unique_value && unique >= UNIQUE_MAX {
        return Err(Problem::validation(format!(
            "An object type can have at most {UNIQUE_MAX} properties with unique values"
        )));
    }
    property.created_at = timestamp_text(ask.now_ms);
    property.updated_at.clone_from(&property.created_at);
    let view = property.view();
    state.properties_mut(ask.kind).push(property);
    Ok(Answer::json(201, &view))
}

pub(super) fn update(state: &mut State, ask: &Ask<'_>, name: &str) -> Result<Answer, Problem> {
    let body: UpdateBody = ask.body()?;
    own(state, ask, name)?;
    if let Some(group) = &body.group_name {
        grouped(state, ask, group)?;
    }
    let property = state.properties_mut(ask.kind).iter_mut().find(|property| property.name == name);
    let property = property.ok_or_else(Problem::not_found)?;
    let UpdateBody { label, description, group_name, options, display_order, hidden, form_field } =
        body;
    property.label = label.unwrap_or_else(|| property.label.clone());
    property.description = description.unwrap_or_else(|| property.description.clone());
    property.group_name = group_name.unwrap_or_else(|| property.group_name.clone());
    property.options = options.unwrap_or_else(|| property.options.clone());
    property.display_order = display_order.unwrap_or(property.display_order);
    property.hidden = hidden.unwrap_or(property.hidden);
    property.form_field = form_field.unwrap_or(property.form_field);
    property.updated_at = timestamp_text(ask.now_ms);
    Ok(Answer::json(200, &property.view()))
}

pub(super) fn archive(state: &mut State, ask: &Ask<'_>, name: &str) -> Result<Answer, Problem> {
    own(state, ask, name)?;
    state.drop_property(ask.kind, name);
    Ok(Answer::empty(204))
}

/// Documented: HubSpot's own properties have a read-only definition. The words are ours.
fn own(state: &State, ask: &Ask<'_>, name: &str) -> Result<(), Problem> {
    match state.property(ask.kind, name) {
        None => Err(Problem::not_found()),
        Some(property) if property.hubspot_defined => {
            Err(Problem::validation(format!("The definition of property '{name}' is read only")))
        }
        Some(_) => Ok(()),
    }
}

fn grouped(state: &State, ask: &Ask<'_>, group: &str) -> Result<(), Problem> {
    if state.groups(ask.kind).iter().any(|(name, _)| name == group) {
        return Ok(());
    }
    Err(Problem::validation(format!("Property group '{group}' does not exist")))
}

fn group_view((name, label): &Group) -> Value {
    json!({ "name": name, "label": label, "displayOrder": -1, "archived": false })
}

pub(super) fn groups(state: &State, ask: &Ask<'_>) -> Answer {
    let results: Vec<Value> = state.groups(ask.kind).iter().map(group_view).collect();
    Answer::json(200, &json!({ "results": results }))
}

pub(super) fn create_group(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let GroupBody { name, label } = ask.body()?;
    if grouped(state, ask, &name).is_ok() {
        return Err(Problem::already_exists("property group", &name));
    }
    let group = (name, label);
    let view = group_view(&group);
    state.groups_mut(ask.kind).push(group);
    Ok(Answer::json(201, &view))
}
