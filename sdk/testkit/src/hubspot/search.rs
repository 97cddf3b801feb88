//! `/crm/v3/objects/{type}/search`: filters in groups (AND within a group, OR between groups),
//! one sort, pages by position. Archived records are never found.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Kind;
use super::error::Problem;
use super::record::{Record, put};
use super::routes::Ask;
use super::state::State;
use crate::party::Answer;

/// Documented limits of one search. The words of the refusals are ours.
const PAGE_DEFAULT: usize = 10;
const PAGE_MAX: usize = 200;
const RESULTS_MAX: usize = 10_000;
const GROUPS_MAX: usize = 5;
const GROUP_FILTERS_MAX: usize = 6;
const FILTERS_MAX: usize = 18;
const QUERY_CHARS_MAX: usize = 3_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Sort>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    /// Text in HubSpot's types, a number in its examples.
    #[serde(default)]
    after: Value,
    query: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: Operator,
    value: Option<Value>,
    high_value: Option<Value>,
    #[serde(default)]
    values: Vec<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

/// A property name alone sorts upwards, as the client's types have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sort {
    Name(String),
    #[serde(rename_all = "camelCase")]
    Full {
        property_name: String,
        direction: Option<Direction>,
    },
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Direction {
    Ascending,
    Descending,
}

pub(super) fn search(state: &State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    let body: SearchBody = ask.body()?;
    let (limit, after) = page(&body)?;
    check(state, ask.kind, &body)?;
    let query = body.query.as_deref().map(str::to_lowercase).unwrap_or_default();
    let mut found: Vec<&Record> = state
        .records(ask.kind)
        .values()
        .filter(|record| !record.archived && hit(state, ask.kind, record, &body.filter_groups))
        .filter(|record| {
            query.is_empty()
                || record.values.values().any(|value| value.to_lowercase().contains(&query))
        })
        .collect();
    if let Some(sort) = body.sorts.first() {
        let (name, direction) = match sort {
            Sort::Name(name) => (name, Direction::Ascending),
            Sort::Full { property_name, direction } => {
                (property_name, direction.unwrap_or(Direction::Ascending))
            }
        };
        let numeric = is_number(state, ask.kind, name);
        found.sort_by(|one, other| {
            let [one, other] =
                [one, other].map(|record| record.value(ask.kind, name).unwrap_or_default());
            let order = compare(&one, &other, numeric);
            if direction == Direction::Descending { order.reverse() } else { order }
        });
    }
    let named: Vec<&str> = body.properties.iter().map(String::as_str).collect();
    let results: Vec<Value> =
        found.iter().skip(after).take(limit).map(|record| record.view(ask.kind, &named)).collect();
    let next = after + results.len();
    let mut answer = json!({ "total": found.len(), "results": results });
    if next < found.len() {
        put(&mut answer, "paging", json!({ "next": { "after": next.to_string() } }));
    }
    Ok(Answer::json(200, &answer))
}

fn page(body: &SearchBody) -> Result<(usize, usize), Problem> {
    let limit = body.limit.unwrap_or(PAGE_DEFAULT);
    if limit > PAGE_MAX {
        return Err(Problem::validation(format!("limit must be at most {PAGE_MAX}, was {limit}")));
    }
    let after = match &body.after {
        Value::Null => Some(0),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|after| usize::try_from(after).ok()),
    };
    let after = after.ok_or_else(|| Problem::validation("after must be a whole number"))?;
    if after.saturating_add(limit) > RESULTS_MAX {
        return Err(Problem::validation(format!(
            "A search returns at most {RESULTS_MAX} results in all its pages"
        )));
    }
    Ok((limit, after))
}

fn check(state: &State, kind: Kind, body: &SearchBody) -> Result<(), Problem> {
    let filters = || body.filter_groups.iter().flat_map(|group| &group.filters);
    let too_many = body.filter_groups.len() > GROUPS_MAX
        || filters().count() > FILTERS_MAX
        || body.filter_groups.iter().any(|group| group.filters.len() > GROUP_FILTERS_MAX);
    if too_many {
        return Err(Problem::validation(format!(
            "A search has at most {GROUPS_MAX} filter groups with {GROUP_FILTERS_MAX} filters each, \
             {FILTERS_MAX} in all"
        )));
    }
    if body.sorts.len() > 1 {
        return Err(Problem::validation("Only one sort is supported"));
    }
    if body.query.as_deref().is_some_and(|query| query.chars().count() > QUERY_CHARS_MAX) {
        return Err(Problem::validation(format!(
            "A query has at most {QUERY_CHARS_MAX} characters"
        )));
    }
    for Filter { property_name: name, operator, value, high_value, values } in filters() {
        if state.property(kind, name).is_none() {
            return Err(Problem::validation(format!(
                "There was a problem with the request: property '{name}' does not exist"
            )));
        }
        let complete = match operator {
            Operator::HasProperty | Operator::NotHasProperty => true,
            Operator::In | Operator::NotIn => !values.is_empty(),
            Operator::Between => value.is_some() && high_value.is_some(),
            _ => value.is_some(),
        };
        if !complete {
            return Err(Problem::validation(format!(
                "The filter on '{name}' lacks the value that its operator needs"
            )));
        }
    }
    Ok(())
}

fn hit(state: &State, kind: Kind, record: &Record, groups: &[Group]) -> bool {
    groups.is_empty()
        || groups
            .iter()
            .any(|group| group.filters.iter().all(|filter| passes(state, kind, record, filter)))
}

fn passes(state: &State, kind: Kind, record: &Record, filter: &Filter) -> bool {
    let held = record.value(kind, &filter.property_name);
    let Some(held) = held else {
        return matches!(
            filter.operator,
            Operator::NotHasProperty | Operator::Neq | Operator::NotIn | Operator::NotContainsToken
        );
    };
    let numeric = is_number(state, kind, &filter.property_name);
    let moment = state
        .property(kind, &filter.property_name)
        .is_some_and(|property| property.value_type.starts_with("date"));
    let wanted = |value: &Option<Value>| {
        value.as_ref().map(|value| plain(value, moment)).unwrap_or_default()
    };
    let order = compare(&held, &wanted(&filter.value), numeric);
    let listed =
        || filter.values.iter().any(|value| compare(&held, &plain(value, moment), numeric).is_eq());
    match filter.operator {
        Operator::Eq => order.is_eq(),
        Operator::Neq => order.is_ne(),
        Operator::Lt => order.is_lt(),
        Operator::Lte => order.is_le(),
        Operator::Gt => order.is_gt(),
        Operator::Gte => order.is_ge(),
        Operator::Between => {
            order.is_ge() && compare(&held, &wanted(&filter.high_value), numeric).is_le()
        }
        Operator::In => listed(),
        Operator::NotIn => !listed(),
        Operator::HasProperty => true,
        Operator::NotHasProperty => false,
        Operator::ContainsToken => contains_token(&held, &wanted(&filter.value)),
        Operator::NotContainsToken => !contains_token(&held, &wanted(&filter.value)),
    }
}

fn is_number(state: &State, kind: Kind, name: &str) -> bool {
    state.property(kind, name).is_some_and(|property| property.value_type == "number")
}

/// A filter's value as text; documented: moments are given in Unix milliseconds.
fn plain(value: &Value, moment: bool) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let at_ms = moment.then(|| text.parse().ok()).flatten();
    at_ms.map_or(text, crate::clock::timestamp_text)
}

/// Text compares without regard to case, as HubSpot's index does.
fn compare(one: &str, other: &str, numeric: bool) -> Ordering {
    if numeric && let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    one.to_lowercase().cmp(&other.to_lowercase())
}

/// Whole words, with `*` at either end of the pattern standing for the rest of a word.
fn contains_token(held: &str, pattern: &str) -> bool {
    let (held, pattern) = (held.to_lowercase(), pattern.to_lowercase());
    let core = pattern.trim_matches('*');
    let (open_start, open_end) = (pattern.starts_with('*'), pattern.ends_with('*'));
    let boundary = |neighbour: Option<char>| neighbour.is_none_or(|next| !next.is_alphanumeric());
    !core.is_empty()
        && held.match_indices(core).any(|(at, _)| {
            let before = held.get(..at).and_then(|before| before.chars().next_back());
            let after = held.get(at + core.len()..).and_then(|after| after.chars().next());
            (open_start || boundary(before)) && (open_end || boundary(after))
        })
}

#[cfg(test)]
mod tests {
    use super::contains_token;

    #[test]
    fn tokens_are_words_unless_a_star_opens_them() {
        assert!(contains_token("Acme Rockets", "acme"));
        assert!(!contains_token("Acmeville", "acme"));
        assert!(contains_token("Acmeville", "acme*"));
        assert!(contains_token("ann@hubspot.com", "*@hubspot.com"));
        assert!(!contains_token("ann@hubspot.community", "*@hubspot.com"));
        assert!(!contains_token("anything", "*"));
    }
}
