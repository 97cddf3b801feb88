//! The route table: which documented endpoint a call is for, and which scopes it needs.

use http::Method;
use serde::de::DeserializeOwned;

use super::error::Problem;
use super::state::State;
use super::{Kind, associations, auth, batch, merge, objects, owners, properties, search};
use crate::Clock;
use crate::party::{Answer, Call, Token};

/// A call with what every endpoint needs to do it.
pub(super) struct Ask<'a> {
    pub(super) call: &'a Call,
    pub(super) kind: Kind,
    pub(super) now_ms: i64,
}

impl Ask<'_> {
    /// The body, read as that endpoint documents it.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.call.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::validation(format!(
                "Invalid input JSON on line {line}, column {column}: {error}"
            ))
        })
    }

    /// The properties that the caller names in the query.
    pub(super) fn named(&self) -> Vec<&str> {
        self.call.list_param("properties")
    }
}

/// A path's number, or the 404 that HubSpot gives for anything else.
pub(super) fn id(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

pub(super) fn answer(
    state: &mut State,
    token: &Token,
    call: &Call,
    clock: &Clock,
) -> Result<Answer, Problem> {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ask = |kind| Ask { call, kind, now_ms: clock.now_ms() };
    match segments.as_slice() {
        ["crm", "v3", "objects", kind, rest @ ..] => {
            let ask = ask(Kind::parse(kind)?);
            objects_route(state, token, &ask, rest)
        }
        ["crm", "v3", "owners", rest @ ..] => owners::answer(state, token, call, rest),
        ["crm", "v3", "properties", kind, rest @ ..] => {
            let ask = ask(Kind::parse(kind)?);
            properties_route(state, token, &ask, rest)
        }
        ["crm", "v4", "objects", kind, from, "associations", rest @ ..] => {
            let ask = ask(Kind::parse(kind)?);
            associations_route(state, token, &ask, from, rest)
        }
        ["crm", "v4", "associations", kind, to, "batch", "associate", "default"] => {
            let ask = ask(Kind::parse(kind)?);
            auth::require(token, &[format!("crm.objects.{}.write", ask.kind.scope())])?;
            if ask.call.method != Method::POST {
                return Err(Problem::wrong_method());
            }
            associations::batch_default(state, &ask, Kind::parse(to)?)
        }
        _ => Err(Problem::not_found()),
    }
}

fn objects_route(
    state: &mut State,
    token: &Token,
    ask: &Ask<'_>,
    rest: &[&str],
) -> Result<Answer, Problem> {
    let method = &ask.call.method;
    let reads = method == Method::GET || matches!(rest, ["search"] | ["batch", "read"]);
    let right = if reads { "read" } else { "write" };
    auth::require(token, &[format!("crm.objects.{}.{right}", ask.kind.scope())])?;
    match rest {
        [] if method == Method::GET => objects::list(state, ask),
        [] if method == Method::POST => objects::create(state, ask),
        ["search"] if method == Method::POST => search::search(state, ask),
        ["merge"] if method == Method::POST => merge::merge(state, ask),
        ["batch", "create"] if method == Method::POST => batch::create(state, ask),
        ["batch", "read"] if method == Method::POST => batch::read(state, ask),
        ["batch", "update"] if method == Method::POST => batch::update(state, ask),
        ["batch", "upsert"] if method == Method::POST => batch::upsert(state, ask),
        ["batch", "archive"] if method == Method::POST => batch::archive(state, ask),
        []
        | ["search" | "merge"]
        | ["batch", "create" | "read" | "update" | "upsert" | "archive"] => {
            Err(Problem::wrong_method())
        }
        [id] if method == Method::GET => objects::get(state, ask, id),
        [id] if method == Method::PATCH => objects::update(state, ask, id),
        [id] if method == Method::DELETE => objects::archive(state, ask, id),
        [_] => Err(Problem::wrong_method()),
        _ => Err(Problem::not_found()),
    }
}

fn properties_route(
    state: &mut State,
    token: &Token,
    ask: &Ask<'_>,
    rest: &[&str],
) -> Result<Answer, Problem> {
    let method = &ask.call.method;
    let scope = ask.kind.scope();
    if method == Method::GET {
        auth::require(
            token,
            &[format!("crm.schemas.{scope}.read"), format!("crm.objects.{scope}.read")],
        )?;
    } else {
        auth::require(token, &[format!("crm.schemas.{scope}.write")])?;
    }
    match rest {
        [] if method == Method::GET => Ok(properties::list(state, ask)),
        [] if method == Method::POST => properties::create(state, ask),
        ["groups"] if method == Method::GET => Ok(properties::groups(state, ask)),
        ["groups"] if method == Method::POST => properties::create_group(state, ask),
        [] | ["groups"] => Err(Problem::wrong_method()),
        [name] if method == Method::GET => properties::get(state, ask, name),
        [name] if method == Method::PATCH => properties::update(state, ask, name),
        [name] if method == Method::DELETE => properties::archive(state, ask, name),
        [_] => Err(Problem::wrong_method()),
        _ => Err(Problem::not_found()),
    }
}

fn associations_route(
    state: &mut State,
    token: &Token,
    ask: &Ask<'_>,
    from: &str,
    rest: &[&str],
) -> Result<Answer, Problem> {
    let method = &ask.call.method;
    let right = if method == Method::GET { "read" } else { "write" };
    auth::require(token, &[format!("crm.objects.{}.{right}", ask.kind.scope())])?;
    let from = id(from)?;
    match rest {
        ["default", to, to_id] if method == Method::PUT => {
            associations::put_default(state, ask, from, Kind::parse(to)?, id(to_id)?)
        }
        [to] if method == Method::GET => associations::list(state, ask, from, Kind::parse(to)?),
        [to, to_id] if method == Method::DELETE => {
            Ok(associations::remove(state, ask, from, Kind::parse(to)?, id(to_id)?))
        }
        ["default", _, _] | [_] | [_, _] => Err(Problem::wrong_method()),
        _ => Err(Problem::not_found()),
    }
}
