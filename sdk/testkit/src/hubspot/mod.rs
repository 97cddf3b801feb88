//! HubSpot's CRM API, version 3 (objects, properties) and 4 (associations), as documented.
//!
//! What is here: companies, contacts and tasks with single, batch, search and merge endpoints;
//! owners;
//! properties with `hasUniqueValue`; default associations; private app tokens with scopes; the
//! ten-second and daily limits, on the injected clock. Shapes follow HubSpot's reference, its
//! error-handling guide and the types of its own client, which is run against this in
//! `tests/it/hubspot_client.rs`. Where HubSpot documents a failure but not its words, the
//! comment beside the text says so.
//!
//! What is **not** here, because HubSpot does not have it: an idempotency header. A plugin that
//! must not create twice makes a property with `hasUniqueValue` and upserts by it. Nor does
//! search wait for its index here: in HubSpot it may miss what was written moments ago, so no
//! plugin may use search to find out whether it has written.
//!
//! To add an object type: a variant in `kind.rs`, its properties in `defaults.rs`.

mod associations;
mod auth;
mod batch;
mod defaults;
mod error;
mod kind;
mod limit;
mod merge;
mod objects;
mod owners;
mod properties;
mod record;
mod routes;
mod schema;
mod search;
mod state;
mod validate;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::party::{Answer, Call, ThirdParty, Token, Trouble};
use crate::{Clock, lock};

pub use kind::Kind;
pub use limit::RateLimit;
use state::State;

/// The portal (HubSpot's word for a customer's account) that every simulator is.
pub(crate) const PORTAL_ID: u64 = 21_939_747;

/// When companies were added that tests add: all at once, 2026-01-01T00:00:00Z.
const ADDED_MS: i64 = 1_767_225_600_000;

/// Ids of owners start here.
const FIRST_OWNER: u64 = 501;

/// A simulated HubSpot portal. Clones are the same portal.
#[derive(Clone, Default)]
pub struct HubSpot(Arc<Mutex<State>>);

impl HubSpot {
    /// A portal with one private app whose token may do everything.
    pub fn new(token: &str) -> Self {
        let portal = Self::default();
        portal.set_tokens(vec![Token { value: token.to_owned(), scopes: None }]);
        portal
    }

    /// Turns the documented rate limits on. Off by default, because time stands still here.
    #[must_use]
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        lock(&self.0).limits.set(limit);
        self
    }

    /// A user who can own records, as the portal's admin adds one. Returns the id.
    pub fn add_owner(&self, first_name: &str, last_name: &str) -> String {
        let mut state = lock(&self.0);
        let id = state.owners.last().map_or(FIRST_OWNER, |owner| owner.id + 1);
        state.owners.push(owners::Owner {
            id,
            email: format!("owner-{id}@example.com"),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            archived: false,
            created_ms: 0,
        });
        id.to_string()
    }

    /// A company, as people add one in the app. Returns the id.
    pub fn add_company(&self, name: &str, domain: &str) -> String {
        let pairs = [("name", name), ("domain", domain)];
        let values = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        lock(&self.0).create(Kind::Companies, values, ADDED_MS).id.to_string()
    }

    /// What people do in the app's recycle bin: an archived record is back as it was. HubSpot
    /// documents no new date of change for it, so there is none here. False if it is not there.
    pub fn restore(&self, kind: Kind, id: u64) -> bool {
        lock(&self.0).bring_back(kind, id)
    }

    /// What people do in the app's list view: one property of many records, all at one moment.
    pub fn edit_many(&self, kind: Kind, property: &str, value: &str, at_ms: i64) {
        let mut state = lock(&self.0);
        let live = state.records(kind).values().filter(|record| !record.archived);
        let ids: Vec<u64> = live.map(|record| record.id).collect();
        for id in ids {
            let values = [(property.to_owned(), value.to_owned())].into();
            state.update(kind, id, values, at_ms);
        }
    }

    /// All records of a kind with all their properties, archived ones left out, by id.
    pub fn records(&self, kind: Kind) -> Vec<Value> {
        let state = lock(&self.0);
        let records = state.records(kind).values().filter(|record| !record.archived);
        records.map(|record| record.view_whole(kind)).collect()
    }
}

impl ThirdParty for HubSpot {
    fn name(&self) -> &'static str {
        "hubspot"
    }

    fn host_names(&self) -> Vec<String> {
        vec!["api.hubapi.com".to_owned()]
    }

    fn answer(&self, call: &Call, clock: &Clock) -> Answer {
        let mut state = lock(&self.0);
        let outcome = state
            .authorize(call)
            .and_then(|token| state.limits.count(clock).map(|()| token))
            .and_then(|token| routes::answer(&mut state, &token, call, clock));
        let answer = outcome.unwrap_or_else(|problem| problem.answer(call));
        // Documented: search answers carry none of the rate limit headers.
        if call.path.ends_with("/search") {
            return answer;
        }
        state
            .limits
            .headers()
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    fn trouble(&self, trouble: &Trouble, call: &Call) -> Answer {
        let answer = error::Problem::scripted(trouble).answer(call);
        match trouble.retry_after_s() {
            Some(seconds) => answer.header("retry-after", seconds),
            None => answer,
        }
    }

    fn set_tokens(&self, tokens: Vec<Token>) {
        lock(&self.0).tokens = tokens;
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let state = lock(&self.0);
        let mut counts: BTreeMap<String, u64> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let live = state.records(kind).values().filter(|record| !record.archived).count();
                (kind.plural().to_owned(), live as u64)
            })
            .collect();
        counts.insert("associations".to_owned(), state.links.len() as u64);
        counts
    }

    fn objects(&self, kind: &str) -> Option<Value> {
        if kind == "associations" {
            let state = lock(&self.0);
            let links = state.links.iter().map(|link| {
                json!({
                    "from": { "type": link.from.plural(), "id": link.from_id.to_string() },
                    "to": { "type": link.to.plural(), "id": link.to_id.to_string() },
                    "typeId": link.type_id,
                })
            });
            return Some(links.collect());
        }
        Kind::parse(kind).ok().map(|kind| self.records(kind).into())
    }

    fn reset(&self) {
        lock(&self.0).reset();
    }
}
