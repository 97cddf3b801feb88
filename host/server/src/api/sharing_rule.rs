//! Sharing rules: what our populations show to one partner.
use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{id::PartnershipId, organization::Need, sharing::SharingRule};
use venn_store::partnership::{PartnershipState, RulesSet, SharingRules};

use crate::{
    api::{check::Problems, organization::resolve, partnership::wrong_state},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
};

/// Longest name of a field; column names of real exports stay below.
const FIELD_CHARS_MAX: usize = 80;

/// Both sides' rules.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SharingRulesView {
    /// What our populations show to the partner.
    ours: Vec<SharingRule>,
    /// What the partner's show to us, without those that hide a population.
    theirs: Vec<SharingRule>,
}

/// `PUT …/sharing-rules`: all of our rules; a population without one is hidden.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharingRulesBody {
    /// At most one per population.
    rules: Vec<SharingRule>,
}

/// `GET …/sharing-rules`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<SharingRulesView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let rules = app.store.sharing_rules(&org.id, &id.parse()?).await?;
    Ok(Json(view(rules.ok_or_else(ApiError::not_found)?)))
}

/// `PUT …/sharing-rules`: an admin of the data owner.
pub async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<SharingRulesBody>,
) -> Result<Json<SharingRulesView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let id: PartnershipId = id.parse()?;
    check(&body.rules)?;
    let actor = caller.user().to_string();
    let places = body.rules.iter().map(|rule| rule.population.clone()).collect::<Vec<_>>();
    match app.store.set_sharing_rules(&actor, &org.id, &id, body.rules).await? {
        RulesSet::Done { rules, deliveries } => {
            if deliveries > 0 {
                app.wake.deliveries.notify_one();
            }
            Ok(Json(view(rules)))
        }
        RulesSet::NotFound => Err(ApiError::not_found()),
        RulesSet::Ended => Err(wrong_state(PartnershipState::Ended, "changed")),
        RulesSet::UnknownPopulations(unknown) => Err(unknown_populations(&places, &unknown)),
    }
}

fn check(rules: &[SharingRule]) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    let mut seen = BTreeSet::new();
    for (n, rule) in rules.iter().enumerate() {
        if !seen.insert(&rule.population) {
            let reason = format!("there are two rules for `{}`", short(&rule.population));
            problems.add(&format!("rules[{n}].population"), reason, "Keep one of them");
        }
        for name in rule.fields.names() {
            let odd = name.trim().is_empty() || name.chars().any(char::is_control);
            if odd || name.chars().count() > FIELD_CHARS_MAX {
                let reason = format!("`{}` is not the name of a field", short(name));
                let next_step = "Use `name`, `website`, `owner`, `stage`, `amount`, `created-on`, \
                                 or the name of an extra column";
                problems.add(&format!("rules[{n}].fields"), reason, next_step);
            }
        }
    }
    problems.into_result()
}

fn unknown_populations(places: &[String], unknown: &[String]) -> ApiError {
    let mut problems = Problems::default();
    for (n, population) in places.iter().enumerate().filter(|(_, key)| unknown.contains(key)) {
        let reason = format!("you have no population `{}`", short(population));
        let next_step = "`GET …/populations` lists yours; `POST` there makes one";
        problems.add(&format!("rules[{n}].population"), reason, next_step);
    }
    problems.into_result().err().unwrap_or_else(ApiError::not_found)
}

fn short(text: &str) -> String {
    text.chars().take(FIELD_CHARS_MAX).collect()
}

fn view(rules: SharingRules) -> SharingRulesView {
    SharingRulesView { ours: rules.ours, theirs: rules.theirs }
}
