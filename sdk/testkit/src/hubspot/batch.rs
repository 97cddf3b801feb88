//! Up to 100 objects at a time: `/crm/v3/objects/{type}/batch/{create,read,update,upsert,archive}`.
//!
//! A batch is all or nothing, but for two documented cases that answer 207 with what failed: a
//! read of ids that do not exist, and a create whose inputs all have an `objectWriteTraceId`.
//! Where HubSpot documents a rule of batches without its words, the words are ours.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::Problem;
use super::objects::{CreateBody, make};
use super::record::{Record, Values, put};
use super::routes::{self, Ask};
use super::state::State;
use super::validate;
use crate::clock::timestamp_text;
use crate::party::Answer;

/// Documented for every batch endpoint of these object types.
const INPUTS_MAX: usize = 100;

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    inputs: Vec<Named>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// An update or an upsert of one object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Write {
    id: String,
    #[serde(default)]
    id_property: Option<String>,
    properties: Map<String, Value>,
}

/// What a batch came to.
struct Outcome {
    /// 200, or 201 for a create.
    status: u16,
    results: Vec<Value>,
    errors: Vec<Value>,
}

impl Outcome {
    fn answer(self, ask: &Ask<'_>) -> Answer {
        let now = timestamp_text(ask.now_ms);
        let mut body = json!({ "status": "COMPLETE", "results": self.results, "startedAt": now, "completedAt": now });
        if self.errors.is_empty() {
            return Answer::json(self.status, &body);
        }
        put(&mut body, "numErrors", self.errors.len());
        put(&mut body, "errors", self.errors);
        Answer::json(207, &body)
    }
}

fn sized<T>(inputs: &[T]) -> Result<(), Problem> {
    if inputs.is_empty() {
        return Err(Problem::validation("The batch must have at least one input"));
    }
    if inputs.len() > INPUTS_MAX {
        let count = inputs.len();
        return Err(Problem::validation(format!(
            "The maximum number of inputs supported in a batch request is {INPUTS_MAX}, received {count}"
        )));
    }
    Ok(())
}

fn distinct<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> = ids.filter(|id| !seen.insert(*id)).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let twice = twice.join(", ");
    Err(Problem::validation(format!(
        "Duplicate IDs found in batch input: [{twice}]. IDs must be unique"
    )))
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let Inputs { inputs } = ask.body::<Inputs<CreateBody>>()?;
    sized(&inputs)?;
    let traced = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let mut outcome = Outcome { status: 201, results: Vec::new(), errors: Vec::new() };
    let mut made = Vec::new();
    for input in &inputs {
        match make(state, ask, input) {
            Ok(record) => {
                made.push(record.id);
                outcome.results.push(record.view_whole(ask.kind));
            }
            Err(problem) if traced => {
                let trace = json!({ "objectWriteTraceId": [input.object_write_trace_id] });
                outcome.errors.push(problem.within_batch(&trace));
            }
            Err(problem) => {
                state.forget(ask.kind, &made);
                return Err(problem);
            }
        }
    }
    Ok(outcome.answer(ask))
}

pub(super) fn read(state: &State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let body: ReadBody = ask.body()?;
    sized(&body.inputs)?;
    let key = body.id_property.as_deref().filter(|name| *name != "hs_object_id");
    let key = key.map(|name| validate::unique_key(state, ask.kind, name)).transpose()?;
    let named: Vec<&str> = body.properties.iter().map(String::as_str).collect();
    let mut outcome = Outcome { status: 200, results: Vec::new(), errors: Vec::new() };
    let mut missing = Vec::new();
    for Named { id } in &body.inputs {
        match found(state, ask, key, id) {
            Some(record) => outcome.results.push(record.view(ask.kind, &named)),
            None => missing.push(id.as_str()),
        }
    }
    if !missing.is_empty() {
        outcome.errors.push(not_found(ask, &missing));
    }
    Ok(outcome.answer(ask))
}

fn found<'a>(state: &'a State, ask: &Ask<'_>, key: Option<&str>, id: &str) -> Option<&'a Record> {
    match key {
        Some(property) => state.holder(ask.kind, property, id),
        None => state.live(ask.kind, id.parse().ok()?),
    }
}

fn not_found(ask: &Ask<'_>, ids: &[&str]) -> Value {
    let kind = ask.kind.singular().to_uppercase();
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": format!(
            "Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid."
        ),
        "context": { "ids": ids },
    })
}

/// The property by which a write finds its record; `None` is the record's id.
fn key<'a>(state: &State, ask: &Ask<'_>, input: &'a Write) -> Result<Option<&'a str>, Problem> {
    let named = input.id_property.as_deref();
    named.map(|name| validate::unique_key(state, ask.kind, name)).transpose()
}

pub(super) fn update(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let Inputs { inputs } = ask.body::<Inputs<Write>>()?;
    sized(&inputs)?;
    distinct(inputs.iter().map(|input| input.id.as_str()))?;
    let mut planned = Vec::new();
    let mut missing = Vec::new();
    for input in &inputs {
        let key = key(state, ask, input)?;
        let values = validate::values(state, ask.kind, &input.properties)?;
        match found(state, ask, key, &input.id).map(|record| record.id) {
            Some(id) => planned.push((Some(id), values)),
            None => missing.push(input.id.as_str()),
        }
    }
    let results = apply(state, ask, planned)?;
    let results = results.iter().map(|(record, _)| record.view_whole(ask.kind)).collect();
    let errors = if missing.is_empty() { Vec::new() } else { vec![not_found(ask, &missing)] };
    Ok(Outcome { status: 200, results, errors }.answer(ask))
}

pub(super) fn upsert(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let Inputs { inputs } = ask.body::<Inputs<Write>>()?;
    sized(&inputs)?;
    distinct(inputs.iter().map(|input| input.id.as_str()))?;
    let mut planned = Vec::new();
    for input in &inputs {
        let Some(key) = key(state, ask, input)? else {
            return Err(Problem::validation("idProperty is required to upsert a batch of objects"));
        };
        let mut values = validate::values(state, ask.kind, &input.properties)?;
        let id = state.holder(ask.kind, key, &input.id).map(|record| record.id);
        if id.is_none() {
            values.entry(key.to_owned()).or_insert_with(|| input.id.clone());
            validate::required(ask.kind, &values)?;
        }
        planned.push((id, values));
    }
    let results = apply(state, ask, planned)?;
    let results = results.iter().map(|(record, new)| {
        let mut view = record.view_whole(ask.kind);
        put(&mut view, "new", *new);
        view
    });
    Ok(Outcome { status: 200, results: results.collect(), errors: Vec::new() }.answer(ask))
}

/// Writes what was planned; a plan without an id is a new record. Uniqueness is checked as each
/// is written, because two inputs of one batch can collide with each other; then all is undone.
fn apply(
    state: &mut State,
    ask: &Ask<'_>,
    planned: Vec<(Option<u64>, Values)>,
) -> Result<Vec<(Record, bool)>, Problem> {
    let before = state.snapshot(ask.kind);
    let mut written = Vec::new();
    for (id, values) in planned {
        if let Err(problem) = validate::unique(state, ask.kind, &values, id) {
            state.restore(ask.kind, before);
            return Err(problem);
        }
        match id {
            Some(id) => written.extend(
                state.update(ask.kind, id, values, ask.now_ms).map(|record| (record, false)),
            ),
            None => written.push((state.create(ask.kind, values, ask.now_ms), true)),
        }
    }
    Ok(written)
}

/// Documented: 204, and unknown ids are nothing to do.
pub(super) fn archive(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let Inputs { inputs } = ask.body::<Inputs<Named>>()?;
    sized(&inputs)?;
    for Named { id } in &inputs {
        state.archive(ask.kind, routes::id(id)?, ask.now_ms);
    }
    Ok(Answer::empty(204))
}
