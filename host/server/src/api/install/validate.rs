//! Whether a draft can be: every problem at once, each with its place.
//!
//! The judgement is pure. It is for good messages before something is kept; at run time only
//! the authority counts, which looks at all of it again.
use serde_json::Value;
use venn_domain::{
    grant::{Approval, Grant},
    id::OrganizationId,
    limits,
    manifest::{ConnectionKind, ConnectionRequest, Manifest, Problem, check_room},
};
use venn_store::{
    connection::Connection,
    install::{ConnectionMap, facts::CustomerFacts},
};

use crate::{
    api::review,
    app::App,
    error::{ApiError, Code},
};

/// Longest name, as for every title.
const NAME_CHARS_MAX: usize = 80;

/// Problems in one answer, of each kind.
const PROBLEMS: usize = venn_domain::manifest::PROBLEM_LIMIT;

/// What is looked at; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The customer's name for it.
    pub name: Option<String>,
    /// The consent.
    pub grant: Option<Grant>,
    /// The configuration.
    pub config: Option<Value>,
    /// The connections.
    pub connections: Option<ConnectionMap>,
}

impl Draft {
    /// The same, off the threads that answer: the schema is a stranger's.
    pub async fn validated(
        self,
        app: &App,
        organization: &OrganizationId,
        manifest: Manifest,
        ceiling: Option<Approval>,
    ) -> Result<(), ApiError> {
        let facts = app.store.customer_facts(organization).await?;
        let check = move || self.validate(&manifest, ceiling.as_ref(), &facts);
        app.checking.asked(organization, check).await?
    }

    /// Fine for a release with this manifest under this ceiling, or an error
    /// whose code names the first kind of problem.
    pub fn validate(
        &self,
        manifest: &Manifest,
        ceiling: Option<&Approval>,
        facts: &CustomerFacts,
    ) -> Result<(), ApiError> {
        let config = self.config.as_ref();
        let room = config.map(|config| check_room(&manifest.config_schema, config));
        let name = self.name.as_deref().map(check_name).unwrap_or_default();
        let grant = self.grant.as_ref().map(|grant| check_grant(grant, ceiling, facts));
        let grant = grant.unwrap_or_default();
        let mut completed = manifest.clone();
        completed.complete(config.unwrap_or(&Value::Null));
        let config = config.map(|config| config_problems(manifest, config)).unwrap_or_default();
        let connections =
            self.connections.as_ref().map(|chosen| check_connections(&completed, chosen, facts));
        let connections = connections.unwrap_or_default();
        let (code, detail) = if !grant.is_empty() {
            (Code::BadGrant, "The grant goes beyond what was approved, or names what is not there.")
        } else if let Some(Err(_)) = room {
            (Code::BadConfig, "The configuration is too large to be checked.")
        } else if !config.is_empty() {
            (Code::BadConfig, "The configuration breaks the plugin's schema.")
        } else if !connections.is_empty() || !name.is_empty() {
            (Code::Invalid, "The install's name or its connections are not right.")
        } else {
            return Ok(());
        };
        let all = [grant, config, connections, name];
        let problems = all.into_iter().flat_map(|kind| kind.into_iter().take(PROBLEMS)).collect();
        Err(ApiError::new(code, detail, "Correct what is listed.").with_problems(problems))
    }
}

/// The lists that are too long to be looked at.
fn check_counts(grant: &Grant) -> Vec<Problem> {
    let counts = [
        ("partnerships", grant.partnerships.len()),
        ("populations", grant.populations.len()),
        ("fields", grant.fields.names().count()),
        ("egress_hosts", grant.egress_hosts.len()),
    ];
    let most = limits::GRANT_ENTRIES;
    let too_long = counts.into_iter().filter(|(_, count)| *count > most);
    too_long
        .map(|(list, count)| {
            let reason = format!(
                "it has {count} entries, at most {most} are allowed (limit `grant.entries`)"
            );
            problem(format!("grant.{list}"), &reason, "Leave some out")
        })
        .collect()
}

fn check_grant(grant: &Grant, ceiling: Option<&Approval>, facts: &CustomerFacts) -> Vec<Problem> {
    let too_long = check_counts(grant);
    if !too_long.is_empty() {
        return too_long;
    }
    let none = Approval::default();
    let excess = grant.excess(ceiling.unwrap_or(&none));
    let mut problems: Vec<_> = excess
        .iter()
        .map(|excess| {
            let mut problem = review::problem(excess);
            if problem.place == "egress" {
                "egress_hosts".clone_into(&mut problem.place);
            }
            problem.place = format!("grant.{}", problem.place);
            problem
        })
        .collect();
    for (index, id) in grant.partnerships.iter().enumerate() {
        let found = facts.partnerships.iter().find(|(known, _)| known == id);
        let reason = match found {
            Some((_, true)) => continue,
            Some((_, false)) => "the partnership is not active",
            None => "there is no such partnership of yours",
        };
        let place = format!("grant.partnerships[{index}]");
        problems.push(problem(place, reason, "Choose one of your active partnerships"));
    }
    for (index, key) in grant.populations.iter().enumerate() {
        if !facts.populations.contains(key) {
            let place = format!("grant.populations[{index}]");
            let next = format!("Use some of {}", facts.populations.join(", "));
            problems.push(problem(place, "there is no such population of yours", &next));
        }
    }
    problems
}

fn config_problems(manifest: &Manifest, config: &Value) -> Vec<Problem> {
    let problems = manifest.check_config(config).err().unwrap_or_default();
    let placed = |mut problem: Problem| {
        problem.place = format!("config{}", problem.place.trim_end_matches('/'));
        problem
    };
    problems.into_iter().map(placed).collect()
}

fn check_connections(
    manifest: &Manifest,
    chosen: &ConnectionMap,
    facts: &CustomerFacts,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let asked = manifest.connections.iter();
    for request in asked.filter(|request| request.kind != ConnectionKind::BackendKey) {
        let place = format!("connections.{}", request.name);
        let needs = needs(request);
        let Some(id) = chosen.get(&request.name) else {
            // Who connects at the service's page needs a draft first.
            if request.kind != ConnectionKind::Oauth2 {
                problems.push(problem(place, "it is missing", &needs));
            }
            continue;
        };
        let Some(found) = facts.connections.iter().find(|known| known.id == *id) else {
            problems.push(problem(place, "there is no such connection of yours", &needs));
            continue;
        };
        if request.is_met_by(found.kind, &found.host, token_endpoint(found)) {
            continue;
        }
        if found.host != request.host || found.kind != request.kind {
            let reason =
                format!("the connection is of the kind {} for {}", found.kind.name(), found.host);
            problems.push(problem(place, &reason, &needs));
        } else {
            let reason = format!("its tokens come from {}", token_endpoint(found));
            problems.push(problem(place, &reason, &needs));
        }
    }
    for name in chosen.keys() {
        if !manifest.connections.iter().any(|request| request.name == *name) {
            let place = format!("connections.{name}");
            problems.push(problem(place, "the plugin asks for no such connection", "Remove it"));
        }
    }
    problems
}

fn token_endpoint(connection: &Connection) -> &str {
    connection.tokens.as_ref().map_or("", |tokens| tokens.endpoint.as_str())
}

fn needs(request: &ConnectionRequest) -> String {
    let (kind, host) = (request.kind.name(), &request.host);
    match request.kind {
        ConnectionKind::Oauth2 => {
            format!("Connect it: `venn installs connect NAME {}`", request.name)
        }
        ConnectionKind::ClientCredentials => format!(
            "Give it a connection of the kind {kind} for {host} with tokens from {}",
            request.token_endpoint()
        ),
        _ => format!("Give it a connection of the kind {kind} for {host}"),
    }
}

fn check_name(name: &str) -> Vec<Problem> {
    let good = !name.trim().is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(venn_domain::text::is_hidden);
    if good {
        return Vec::new();
    }
    let reason =
        format!("it is empty, longer than {NAME_CHARS_MAX} characters, or has control characters");
    vec![problem("name".to_owned(), &reason, "Choose another name")]
}

fn problem(place: String, reason: &str, next_step: &str) -> Problem {
    Problem { place, reason: reason.to_owned(), next_step: next_step.to_owned() }
}

#[cfg(test)]
mod tests;
