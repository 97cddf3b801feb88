//! Owners: `/crm/v3/owners` and `/crm/v3/owners/{id}`. Read only, as in HubSpot: an owner is a
//! user of the portal, whom its admins add ([`super::HubSpot::add_owner`]).

use serde_json::{Value, json};

use super::auth;
use super::error::Problem;
use super::state::State;
use crate::clock::timestamp_text;
use crate::party::{Answer, Call, Token};

/// Documented: 100 a page unless asked otherwise, 500 at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

/// A user who can own records.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) id: u64,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) archived: bool,
    pub(super) created_ms: i64,
}

impl Owner {
    fn view(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": self.id,
            "userIdIncludingInactive": self.id,
            "createdAt": timestamp_text(self.created_ms),
            "updatedAt": timestamp_text(self.created_ms),
            "archived": self.archived,
        })
    }
}

pub(super) fn answer(
    state: &State,
    token: &Token,
    call: &Call,
    rest: &[&str],
) -> Result<Answer, Problem> {
    auth::require(token, &["crm.objects.owners.read".to_owned()])?;
    if call.method != http::Method::GET {
        return Err(Problem::wrong_method());
    }
    let archived = call.param("archived") == Some("true");
    match rest {
        [] => list(state, call, archived),
        [id] => {
            let found = state.owners.iter().find(|owner| owner.id.to_string() == *id);
            let found = found.filter(|owner| owner.archived == archived);
            Ok(Answer::json(200, &found.ok_or_else(Problem::not_found)?.view()))
        }
        _ => Err(Problem::not_found()),
    }
}

fn list(state: &State, call: &Call, archived: bool) -> Result<Answer, Problem> {
    let number = |name: &str, default: usize| match call.param(name) {
        None => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| Problem::validation(format!("{name} must be a whole number")))
        }
    };
    let limit = number("limit", PAGE_DEFAULT)?;
    if limit == 0 || limit > PAGE_MAX {
        return Err(Problem::validation(format!(
            "limit must be between 1 and {PAGE_MAX}, was {limit}"
        )));
    }
    let after = number("after", 0)? as u64;
    let email = call.param("email");
    let mut found = state.owners.iter().filter(|owner| {
        owner.archived == archived
            && owner.id > after
            && email.is_none_or(|email| owner.email == email)
    });
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let results: Vec<Value> = page.iter().map(|owner| owner.view()).collect();
    let mut body = json!({ "results": results });
    if let (Some(last), true) = (page.last(), found.next().is_some()) {
        let next = json!({ "after": last.id.to_string() });
        super::record::put(&mut body, "paging", json!({ "next": next }));
    }
    Ok(Answer::json(200, &body))
}
