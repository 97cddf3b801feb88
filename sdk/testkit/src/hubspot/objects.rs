//! One object at a time, and the list: `/crm/v3/objects/{type}` and `/{id}`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::Problem;
use super::record::{Record, put};
use super::routes::Ask;
use super::state::State;
use super::{Kind, associations, routes, validate};
use crate::party::{Answer, Call};

/// Documented: 10 a page unless asked otherwise, 100 at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MAX: usize = 100;

/// What a create sends, alone or in a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBody {
    #[serde(default)]
    pub(super) properties: Map<String, Value>,
    #[serde(default)]
    pub(super) associations: Vec<associations::Inline>,
    #[serde(default)]
    pub(super) object_write_trace_id: Option<String>,
}

#[derive(Deserialize)]
struct UpdateBody {
    properties: Map<String, Value>,
}

/// Checks and creates one object with its associations; nothing happens if a check fails.
pub(super) fn make(state: &mut State, ask: &Ask<'_>, body: &CreateBody) -> Result<Record, Problem> {
    let values = validate::values(state, ask.kind, &body.properties)?;
    validate::required(ask.kind, &values)?;
    validate::unique(state, ask.kind, &values, None)?;
    let targets = associations::targets(state, ask.kind, &body.associations)?;
    let record = state.create(ask.kind, values, ask.now_ms);
    for (to, to_id) in targets {
        associations::link(state, (ask.kind, record.id), (to, to_id))?;
    }
    Ok(record)
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let body: CreateBody = ask.body()?;
    let record = make(state, ask, &body)?;
    let location =
        format!("https://api.hubapi.com/crm/v3/objects/{}/{}", ask.kind.plural(), record.id);
    Ok(Answer::json(201, &record.view_whole(ask.kind)).header("location", location))
}

/// The record that a path names: by id, or by a unique property with `?idProperty=`.
fn find<'a>(state: &'a State, ask: &Ask<'_>, named: &str) -> Result<&'a Record, Problem> {
    let archived = flag(ask.call, "archived")?;
    let record = match ask.call.param("idProperty") {
        Some(property) => {
            let property = validate::unique_key(state, ask.kind, property)?;
            state.holder(ask.kind, property, named)
        }
        None => state.at(ask.kind, routes::id(named)?),
    };
    record.filter(|record| record.archived == archived).ok_or_else(Problem::not_found)
}

pub(super) fn get(state: &State, ask: &Ask<'_>, named: &str) -> Result<Answer, Problem> {
    let record = find(state, ask, named)?;
    Ok(Answer::json(200, &shown(state, ask, record)?))
}

pub(super) fn update(state: &mut State, ask: &Ask<'_>, named: &str) -> Result<Answer, Problem> {
    let body: UpdateBody = ask.body()?;
    let id = find(state, ask, named)?.id;
    let values = validate::values(state, ask.kind, &body.properties)?;
    validate::unique(state, ask.kind, &values, Some(id))?;
    let record = state.update(ask.kind, id, values, ask.now_ms).ok_or_else(Problem::not_found)?;
    Ok(Answer::json(200, &record.view_whole(ask.kind)))
}

/// Documented: archiving answers 204, whether or not there was something to archive.
pub(super) fn archive(state: &mut State, ask: &Ask<'_>, named: &str) -> Result<Answer, Problem> {
    state.archive(ask.kind, routes::id(named)?, ask.now_ms);
    Ok(Answer::empty(204))
}

pub(super) fn list(state: &State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let archived = flag(ask.call, "archived")?;
    let limit = number(ask.call, "limit")?.unwrap_or(PAGE_DEFAULT);
    if limit == 0 || limit > PAGE_MAX {
        return Err(Problem::validation(format!(
            "limit must be between 1 and {PAGE_MAX}, was {limit}"
        )));
    }
    let after = number(ask.call, "after")?.unwrap_or_default() as u64;
    let mut page = state
        .records(ask.kind)
        .range(after.saturating_add(1)..)
        .map(|(_, record)| record)
        .filter(|record| record.archived == archived);
    let shown_page: Vec<(u64, Value)> = page
        .by_ref()
        .take(limit)
        .map(|record| Ok((record.id, shown(state, ask, record)?)))
        .collect::<Result<_, Problem>>()?;
    let last_id = shown_page.last().map(|(id, _)| *id).filter(|_| page.next().is_some());
    let results: Vec<Value> = shown_page.into_iter().map(|(_, view)| view).collect();
    let mut body = json!({ "results": results });
    if let Some(last_id) = last_id {
        let next = json!({ "after": last_id.to_string(), "link": next_link(ask.call, last_id) });
        put(&mut body, "paging", json!({ "next": next }));
    }
    Ok(Answer::json(200, &body))
}

/// This page's address with another `after`.
fn next_link(call: &Call, after: u64) -> String {
    let kept = call.query.iter().filter(|(name, _)| name != "after");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("after", &after.to_string())
        .finish();
    format!("https://api.hubapi.com{}?{query}", call.path)
}

/// A record with the properties and associations that the query names.
fn shown(state: &State, ask: &Ask<'_>, record: &Record) -> Result<Value, Problem> {
    let mut view = record.view(ask.kind, &ask.named());
    let kinds = ask.call.list_param("associations").into_iter().map(Kind::parse);
    let kinds: Vec<Kind> = kinds.collect::<Result<_, Problem>>()?;
    let associations = associations::of_record(state, ask.kind, record.id, &kinds);
    if !associations.is_empty() {
        put(&mut view, "associations", associations);
    }
    Ok(view)
}

fn number(call: &Call, name: &str) -> Result<Option<usize>, Problem> {
    let parsed = call.param(name).map(str::parse).transpose();
    parsed.map_err(|_| Problem::validation(format!("{name} must be a whole number")))
}

fn flag(call: &Call, name: &str) -> Result<bool, Problem> {
    match call.param(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::validation(format!("{name} must be true or false"))),
    }
}
