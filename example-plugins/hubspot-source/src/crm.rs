//! The calls to HubSpot. Decides nothing: it asks, and turns an answer that is
//! no success into a fault. Every call names its connection: the host adds the
//! token.
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use venn_sdk::{
    Fault,
    http::{Request, Response},
};

use crate::{
    company::{Company, Owners},
    place::SEARCH_PAGE,
};

/// The connection's name in `venn.toml`.
pub(crate) const CONNECTION: &str = "crm";
/// Where HubSpot's API is.
const API: &str = "https://api.hubapi.com";
/// HubSpot's most in one page of a list, and in one batch.
pub(crate) const LIST_PAGE: usize = 100;
/// What the connection's answer to a property that is not there is.
const NOT_FOUND: u16 = 404;

/// A page, and where the next one begins.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) results: Vec<T>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    after: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    id: String,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn next(&self) -> Option<String> {
        Some(self.paging.as_ref()?.next.as_ref()?.after.clone())
    }
}

/// Whether the token works: reads one company.
pub(crate) fn probe() -> Result<(), Fault> {
    get::<Value>("/crm/v3/objects/companies?limit=1").map(drop)
}

/// Whether companies have a property of that name.
pub(crate) fn has_property(name: &str) -> Result<bool, Fault> {
    let answer = send(Request::get(format!("{API}/crm/v3/properties/companies/{name}")))?;
    if answer.status == NOT_FOUND { Ok(false) } else { success(answer).map(|_| true) }
}

/// Names of owners, also of those who have left: their companies may be theirs still.
pub(crate) fn owners() -> Result<Owners, Fault> {
    let mut owners = Owners::new();
    for archived in [true, false] {
        let mut after = String::new();
        loop {
            let path = format!("/crm/v3/owners?limit={LIST_PAGE}&archived={archived}{after}");
            let page: Page<Owner> = get(&path)?;
            let next = page.next();
            for Owner { id, first_name, last_name, email } in page.results {
                let names = [first_name, last_name].map(Option::unwrap_or_default).join(" ");
                let name = names.trim();
                let name = if name.is_empty() { email.unwrap_or_default() } else { name.into() };
                owners.insert(id, name);
            }
            match next {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
    }
    Ok(owners)
}

/// A page of all companies, or of the archived ones.
pub(crate) fn list(
    properties: &[&str],
    archived: bool,
    after: Option<&str>,
) -> Result<Page<Company>, Fault> {
    let names = properties.join(",");
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    get(&format!(
        "/crm/v3/objects/companies?limit={LIST_PAGE}&archived={archived}&properties={names}{after}"
    ))
}

/// The newest date of change of all companies; none if there are none.
pub(crate) fn newest() -> Result<Option<Company>, Fault> {
    let body = json!({
        "filterGroups": [],
        "properties": ["hs_lastmodifieddate"],
        "sorts": [{ "propertyName": "hs_lastmodifieddate", "direction": "DESCENDING" }],
        "limit": 1,
    });
    Ok(search(&body)?.into_iter().next())
}

/// What changed at a moment or later, oldest first.
pub(crate) fn changed(properties: &[&str], since_ms: i64) -> Result<Vec<Company>, Fault> {
    let filters = json!([{ "propertyName": "hs_lastmodifieddate", "operator": "GTE",
                           "value": since_ms.to_string() }]);
    page_of(properties, &filters, "hs_lastmodifieddate")
}

/// What changed at exactly this moment, by id after one.
pub(crate) fn changed_at(properties: &[&str], at_ms: i64, id: u64) -> Result<Vec<Company>, Fault> {
    let filters = json!([
        { "propertyName": "hs_lastmodifieddate", "operator": "EQ", "value": at_ms.to_string() },
        { "propertyName": "hs_object_id", "operator": "GT", "value": id.to_string() },
    ]);
    page_of(properties, &filters, "hs_object_id")
}

/// Companies by id, at most 100; those that are not there are left out. One
/// that was merged answers as the one that it went into.
pub(crate) fn read(properties: &[&str], ids: &[String]) -> Result<Vec<Company>, Fault> {
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({ "properties": properties, "propertiesWithHistory": [], "inputs": inputs });
    post::<Page<Company>>("/crm/v3/objects/companies/batch/read", &body).map(|page| page.results)
}

fn page_of(properties: &[&str], filters: &Value, sort: &str) -> Result<Vec<Company>, Fault> {
    search(&json!({
        "filterGroups": [{ "filters": filters }],
        "properties": properties,
        "sorts": [{ "propertyName": sort, "direction": "ASCENDING" }],
        "limit": SEARCH_PAGE,
    }))
}

fn search(body: &Value) -> Result<Vec<Company>, Fault> {
    post::<Page<Company>>("/crm/v3/objects/companies/search", body).map(|page| page.results)
}

fn get<T: DeserializeOwned>(path: &str) -> Result<T, Fault> {
    Ok(success(send(Request::get(format!("{API}{path}")))?)?.json()?)
}

fn post<T: DeserializeOwned>(path: &str, body: &Value) -> Result<T, Fault> {
    Ok(success(send(Request::post(format!("{API}{path}")).json(body))?)?.json()?)
}

fn send(request: Request) -> Result<Response, Fault> {
    let sent = request.connection(CONNECTION).send();
    sent.map_err(|error| Fault::of_call(CONNECTION, error))
}

fn success(answer: Response) -> Result<Response, Fault> {
    if answer.is_success() {
        Ok(answer)
    } else {
        Err(Fault::of_status(CONNECTION, CONNECTION, &answer))
    }
}
