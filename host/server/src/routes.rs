//! The table of calls, a file a noun, and nothing else: each line is a path, who
//! may, the handler, and what it is for.
//!
//! # How to add a call
//! 1. The handler in `api/<noun>.rs`. Its first line states its need:
//!    `resolve(&app, &caller, &org, Need::member)`. Its signature is its
//!    description: it takes `State`, `Caller`, `Path`, `PageOf<Filters>` for a
//!    listing, `QueryOf<Query>` or `JsonBody<Body>`, and answers `Json<View>`,
//!    `Created<View>`, `Accepted<View>`, `NoContent` … (`answer.rs`) or an
//!    `ApiError`. Bodies, queries and views derive `schemars::JsonSchema`, and
//!    every member has a doc comment: what it is, its unit, when it is empty.
//!    A view is flat: text, numbers, truths, and lists of them.
//! 2. A line in `routes/<noun>.rs`:
//!    `.get("/path", Access, noun::handler, about("One sentence."))`. The access is
//!    what the handler needs. A call that takes JSON has an `.example(…)` of its
//!    body; `.fails([Code::Taken])` names the codes beyond those that follow from
//!    the shape.
//! 3. A row in `tests/it/access/table.rs`, and one in `tests/it/audit/routes.rs`.
//! 4. `cargo xtask openapi` writes `docs/openapi.json` anew; commit it.
//!
//! The tests say what is missing: `openapi::lint` the documents, `openapi::examples`
//! the examples, `access` who may; and every answer in `tests/it` is held against
//! the description, a status that is not written down too.
use crate::call::Calls;

mod account;
mod action;
mod audit;
mod connection;
mod import;
mod inbox;
mod install;
mod install_change;
mod login;
mod marketplace;
mod organization;
mod partnership;
mod plugin;
mod publisher_credential;
mod review;
mod run;
mod signing_key;
mod source;
mod support;
mod webhook;

/// Every call of `/v1`.
pub fn v1() -> Calls {
    let nouns = [
        organization::calls,
        login::calls,
        import::calls,
        account::calls,
        source::calls,
        partnership::calls,
        plugin::calls,
        publisher_credential::calls,
        signing_key::calls,
        marketplace::calls,
        review::calls,
        connection::calls,
        install::calls,
        install_change::calls,
        action::calls,
        webhook::calls,
        run::calls,
        support::calls,
        inbox::calls,
        audit::calls,
    ];
    nouns.into_iter().fold(Calls::default(), |calls, noun| noun(calls))
}
