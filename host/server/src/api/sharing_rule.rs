//! Sharing rules: what our populations show to one partner.
//!
//! A rule that names a field which no account has shares nothing and says
//! nothing, so a field must be known: one that every account has, a further
//! value that one of the organization's accounts has now, or one that this
//! partnership's rules name already. Who writes rules before the list is in
//! writes `extra.NAME`: that is taken as it is, and kept and shown as `NAME`.
use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    account::CoreField,
    capability::FieldSet,
    id::{OrganizationId, PartnershipId},
    limits,
    manifest::PROBLEM_LIMIT,
    organization::Need,
    sharing::SharingRule,
};
use venn_store::partnership::{PartnershipState, RulesSet, SharingRules};

use crate::{
    api::{
        check::{Problems, nearest},
        organization::resolve,
        partnership::wrong_state,
    },
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
///
/// A rule's fields are `name`, `website`, `owner`, `stage`, `amount`,
/// `created-on`, and further values that one of our accounts has. `extra.NAME`
/// is the further value `NAME` whether an account has it yet or not.
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
    let before = app.store.sharing_rules(&org.id, &id).await?.ok_or_else(ApiError::not_found)?;
    let rules = known_fields(&app, &org.id, &before.ours, body.rules).await?;
    let actor = caller.user().to_string();
    let places = rules.iter().map(|rule| rule.population.clone()).collect::<Vec<_>>();
    match app.store.set_sharing_rules(&actor, &org.id, &id, rules).await? {
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
        let (count, most) = (rule.fields.names().count(), limits::SHARING_FIELDS);
        if count > most {
            let reason = format!(
                "it has {count} entries, at most {most} are allowed (limit `sharing.fields`)"
            );
            problems.add(&format!("rules[{n}].fields"), reason, "Name fewer fields");
        }
        for name in rule.fields.names().take(most) {
            let odd = name.trim().is_empty() || name.chars().any(venn_domain::text::is_hidden);
            if odd || name.chars().count() > FIELD_CHARS_MAX {
                let reason = format!("`{}` is not the name of a field", short(name));
                let next_step = "Use `name`, `website`, `owner`, `stage`, `amount`, `created-on`, \
                                 or the name of an extra column";
                problems.add(&format!("rules[{n}].fields"), reason, next_step);
            } else if further(name).is_some_and(|name| CoreField::parse(name).is_some()) {
                let reason = format!("`{name}` would be a field that every account has");
                let next_step = "Share the field by its name; a further value of that name \
                                 cannot be shared, so rename its column";
                problems.add(&format!("rules[{n}].fields"), reason, next_step);
            }
        }
    }
    problems.into_result()
}

/// The name in `extra.NAME`.
fn further(field: &str) -> Option<&str> {
    field.strip_prefix("extra.").filter(|name| !name.is_empty())
}

/// The rules with `extra.NAME` as `NAME`, or the fields that no account has.
async fn known_fields(
    app: &App,
    org: &OrganizationId,
    before: &[SharingRule],
    rules: Vec<SharingRule>,
) -> Result<Vec<SharingRule>, ApiError> {
    let mut known: BTreeSet<String> =
        before.iter().flat_map(|rule| rule.fields.extra()).map(ToOwned::to_owned).collect();
    let names = rules.iter().flat_map(|rule| rule.fields.extra());
    let asked = names.filter(|name| !known.contains(*name)).map(ToOwned::to_owned).collect();
    known.extend(app.store.known_extras(org, &asked).await?);
    let mut unknown = Vec::new();
    let mut resolved = Vec::with_capacity(rules.len());
    for (n, rule) in rules.into_iter().enumerate() {
        let mut fields = FieldSet::default();
        for name in rule.fields.names() {
            if CoreField::parse(name).is_some() || known.contains(name) {
                fields.insert(name);
            } else if let Some(name) = further(name) {
                fields.insert(name);
            } else {
                unknown.push((n, name.to_owned()));
            }
        }
        resolved.push(SharingRule { fields, ..rule });
    }
    if unknown.is_empty() {
        return Ok(resolved);
    }
    known.extend(app.store.some_extras(org).await?);
    known.retain(|name| CoreField::parse(name).is_none());
    let allowed: Vec<&str> = CoreField::ALL
        .map(CoreField::name)
        .into_iter()
        .chain(known.iter().map(String::as_str))
        .collect();
    let mut problems = Problems::default();
    for (n, name) in unknown.into_iter().take(PROBLEM_LIMIT) {
        let meant = nearest(&name, &allowed)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        let reason = format!("none of your accounts has a field `{name}`{meant}");
        let next_step = format!(
            "Use {}; or `extra.{name}` for a further value that a later list brings",
            listed(&allowed)
        );
        problems.add(&format!("rules[{n}].fields"), reason, next_step);
    }
    problems.into_result().map(|()| resolved)
}

/// Most names of fields that an error lists.
const LISTED_MAX: usize = 30;

fn listed(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
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
