//! The calls to HubSpot. Decides nothing: it sends, and turns an answer that is
//! no success into a fault. Every call names its connection (the host adds the
//! token) and its operation (the host makes the idempotency key of it).
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use venn_sdk::{
    Cause, Fault,
    http::{Request, Response},
};

use crate::task::OVERLAP_PROPERTY;

/// The connection's name in `venn.toml`.
pub(crate) const CONNECTION: &str = "crm";
/// Where HubSpot's API is.
const API: &str = "https://api.hubapi.com";
/// HubSpot answers 409 to a property that is there already.
const CONFLICT: u16 = 409;
/// HubSpot answers 207 to a batch of which a part did not work.
const MULTI_STATUS: u16 = 207;

/// Makes the unique property of tasks that holds the overlap's id.
pub(crate) fn create_property() -> Result<(), Fault> {
    let property = json!({
        "name": OVERLAP_PROPERTY,
        "label": "Venn overlap",
        "description": "The overlap that this task is about. Set by Venn.",
        "groupName": "task",
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": true,
    });
    let answer = call(post("/crm/v3/properties/tasks", &property).operation("property"))?;
    if answer.status == CONFLICT { Ok(()) } else { success(answer).map(drop) }
}

/// Whether the token works: reads one task.
pub(crate) fn probe() -> Result<(), Fault> {
    let request = Request::get(format!("{API}/crm/v3/objects/tasks?limit=1"));
    success(call(request.connection(CONNECTION).operation("probe"))?).map(drop)
}

/// Makes or changes tasks, at most 100; answers the task's id per overlap.
pub(crate) fn upsert_tasks(
    inputs: &[Value],
    operation: String,
) -> Result<BTreeMap<String, String>, Fault> {
    let request = post("/crm/v3/objects/tasks/batch/upsert", &json!({ "inputs": inputs }));
    let answer = success(call(request.operation(operation))?)?;
    if answer.status == MULTI_STATUS {
        let text = "HubSpot did not accept a part of the tasks";
        return Err(Fault::new("crm-rejected", Cause::Plugin, text));
    }
    Ok(by_property(answer.json::<Records>()?, OVERLAP_PROPERTY))
}

/// Which of these overlaps, at most 100, have a task already: the task's id per
/// overlap. HubSpot answers 207 if some have none, and that is fine here.
pub(crate) fn known_tasks(
    overlaps: &BTreeSet<&str>,
    operation: String,
) -> Result<BTreeMap<String, String>, Fault> {
    let inputs: Vec<_> = overlaps.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({
        "idProperty": OVERLAP_PROPERTY,
        "properties": [OVERLAP_PROPERTY],
        "inputs": inputs,
    });
    let request = post("/crm/v3/objects/tasks/batch/read", &body);
    let answer = success(call(request.operation(operation))?)?;
    Ok(by_property(answer.json::<Records>()?, OVERLAP_PROPERTY))
}

/// The companies on these domains, at most 100: the company's id per domain.
/// Where several share one, the oldest.
pub(crate) fn companies(
    domains: &BTreeSet<&str>,
    operation: String,
) -> Result<BTreeMap<String, String>, Fault> {
    let filter = json!({ "propertyName": "domain", "operator": "IN", "values": domains });
    let body = json!({
        "filterGroups": [{ "filters": [filter] }],
        "properties": ["domain"],
        "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
        // HubSpot's most; twice what is asked for, as domains may be shared.
        "limit": 200,
    });
    let request = post("/crm/v3/objects/companies/search", &body);
    let answer = success(call(request.operation(operation))?)?;
    Ok(by_property(answer.json::<Records>()?, "domain"))
}

/// Links tasks to companies, at most 100 pairs of (task, company).
pub(crate) fn link_companies(pairs: &[(&str, &str)], operation: String) -> Result<(), Fault> {
    let pair =
        |(task, company): &(&str, &str)| json!({ "from": { "id": task }, "to": { "id": company } });
    let inputs: Vec<_> = pairs.iter().map(pair).collect();
    let path = "/crm/v4/associations/tasks/companies/batch/associate/default";
    let request = post(path, &json!({ "inputs": inputs }));
    success(call(request.operation(operation))?).map(drop)
}

/// What a batch or a search answers.
#[derive(Debug, Deserialize)]
struct Records {
    results: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    properties: BTreeMap<String, Option<String>>,
}

/// Ids by the value of a property; the first record with a value counts.
fn by_property(records: Records, property: &str) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for Record { id, mut properties } in records.results {
        if let Some(value) = properties.remove(property).flatten() {
            ids.entry(value).or_insert(id);
        }
    }
    ids
}

fn post(path: &str, body: &Value) -> Request {
    Request::post(format!("{API}{path}")).json(body).connection(CONNECTION)
}

fn call(request: Request) -> Result<Response, Fault> {
    request.send().map_err(|error| Fault::of_call(CONNECTION, error))
}

fn success(answer: Response) -> Result<Response, Fault> {
    if answer.is_success() {
        Ok(answer)
    } else {
        Err(Fault::of_status(CONNECTION, CONNECTION, &answer))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn records_without_the_property_are_left_out_and_the_first_of_equals_counts() {
        let text = r#"{"total":3,"results":[
            {"id":"1","properties":{"domain":"acme.com","name":"Acme"},"archived":false},
            {"id":"2","properties":{"domain":"acme.com"}},
            {"id":"3","properties":{"domain":null}}]}"#;
        let ids = by_property(serde_json::from_str(text).unwrap(), "domain");
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), [("acme.com".into(), "1".into())]);
    }

    #[test]
    fn an_expired_token_is_the_customers_and_points_to_the_connection() {
        let answer = Response { status: 401, headers: Vec::new(), body: Vec::new() };
        let fault = success(answer).unwrap_err();
        assert_eq!((fault.code(), fault.cause()), ("crm-unauthorized", Cause::CustomerConfig));
    }
}
