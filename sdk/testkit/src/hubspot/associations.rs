//! Associations, version 4: the default type between two records, in both directions at once.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Kind;
use super::error::Problem;
use super::routes::{self, Ask};
use super::state::{Link, State};
use crate::clock::timestamp_text;
use crate::party::Answer;

/// An association in the body of a create.
#[derive(Debug, Deserialize)]
pub(super) struct Inline {
    to: Target,
    types: Vec<Spec>,
}

#[derive(Debug, Deserialize)]
struct Target {
    /// HubSpot's examples have numbers, its types have text; it takes both.
    id: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    association_category: String,
    association_type_id: u32,
}

/// The records that inline associations name. The type id says what type of object they are.
pub(super) fn targets(
    state: &State,
    from: Kind,
    inline: &[Inline],
) -> Result<Vec<(Kind, u64)>, Problem> {
    let mut targets = Vec::new();
    for association in inline {
        let id = match &association.to.id {
            Value::String(text) => text.parse().ok(),
            id => id.as_u64(),
        };
        for spec in &association.types {
            let matches = |to: &Kind| {
                from.default_association(*to)
                    .is_ok_and(|type_id| type_id == spec.association_type_id)
            };
            let to = Kind::ALL.into_iter().find(matches);
            let to = to.filter(|_| spec.association_category == "HUBSPOT_DEFINED");
            let to = to.ok_or_else(|| unknown_type(from, spec))?;
            let id = id.filter(|id| state.live(to, *id).is_some());
            targets.push((to, id.ok_or_else(|| invalid_target(to, &association.to.id))?));
        }
    }
    Ok(targets)
}

/// HubSpot refuses an association type that does not start at this object type; words are ours.
fn unknown_type(from: Kind, spec: &Spec) -> Problem {
    let Spec { association_category, association_type_id } = spec;
    let from = from.plural();
    Problem::validation(format!(
        "{association_category} association type {association_type_id} does not exist from {from}"
    ))
}

fn invalid_target(to: Kind, id: &Value) -> Problem {
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    Problem::validation(format!("{}={id} is not valid", to.singular().to_uppercase()))
}

/// Associates two records, both ways. Doing it again changes nothing.
pub(super) fn link(
    state: &mut State,
    from: (Kind, u64),
    to: (Kind, u64),
) -> Result<[Link; 2], Problem> {
    let one_way = |(from, from_id): (Kind, u64), (to, to_id): (Kind, u64)| {
        let type_id = from.default_association(to)?;
        Ok(Link { from, from_id, to, to_id, type_id })
    };
    let links = [one_way(from, to)?, one_way(to, from)?];
    state.links.extend(links);
    Ok(links)
}

pub(super) fn put_default(
    state: &mut State,
    ask: &Ask<'_>,
    from_id: u64,
    to: Kind,
    to_id: u64,
) -> Result<Answer, Problem> {
    check_ends(state, (ask.kind, from_id), (to, to_id))?;
    let links = link(state, (ask.kind, from_id), (to, to_id))?;
    Ok(complete(ask, &links))
}

/// Documented for the batch endpoints of version 4.
const PAIRS_MAX: usize = 2_000;

#[derive(Deserialize)]
struct Pairs {
    inputs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    from: End,
    to: End,
}

#[derive(Deserialize)]
struct End {
    id: String,
}

/// `POST /crm/v4/associations/{from}/{to}/batch/associate/default`; all pairs or none.
pub(super) fn batch_default(state: &mut State, ask: &Ask<'_>, to: Kind) -> Result<Answer, Problem> {
    let pairs: Pairs = ask.body()?;
    if pairs.inputs.is_empty() || pairs.inputs.len() > PAIRS_MAX {
        let count = pairs.inputs.len();
        let text = format!("The batch must have 1 to {PAIRS_MAX} inputs, got {count}");
        return Err(Problem::validation(text));
    }
    let mut ends = Vec::with_capacity(pairs.inputs.len());
    for pair in &pairs.inputs {
        let (from_id, to_id) = (routes::id(&pair.from.id)?, routes::id(&pair.to.id)?);
        check_ends(state, (ask.kind, from_id), (to, to_id))?;
        ends.push((from_id, to_id));
    }
    let mut links = Vec::with_capacity(ends.len() * 2);
    for (from_id, to_id) in ends {
        links.extend(link(state, (ask.kind, from_id), (to, to_id))?);
    }
    Ok(complete(ask, &links))
}

fn check_ends(state: &State, from: (Kind, u64), to: (Kind, u64)) -> Result<(), Problem> {
    for (kind, id) in [from, to] {
        if state.live(kind, id).is_none() {
            return Err(invalid_target(kind, &id.to_string().into()));
        }
    }
    Ok(())
}

fn complete(ask: &Ask<'_>, links: &[Link]) -> Answer {
    let results: Vec<Value> = links
        .iter()
        .map(|link| {
            json!({
                "from": { "id": link.from_id.to_string() },
                "to": { "id": link.to_id.to_string() },
                "associationSpec": {
                    "associationCategory": "HUBSPOT_DEFINED",
                    "associationTypeId": link.type_id,
                },
            })
        })
        .collect();
    let now = timestamp_text(ask.now_ms);
    let body =
        json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now });
    Answer::json(200, &body)
}

pub(super) fn list(
    state: &State,
    ask: &Ask<'_>,
    from_id: u64,
    to: Kind,
) -> Result<Answer, Problem> {
    if state.live(ask.kind, from_id).is_none() {
        return Err(Problem::not_found());
    }
    let results = links(state, ask.kind, from_id, to).map(|link| {
        json!({
            "toObjectId": link.to_id,
            "associationTypes": [{ "category": "HUBSPOT_DEFINED", "typeId": link.type_id, "label": null }],
        })
    });
    Ok(Answer::json(200, &json!({ "results": results.collect::<Vec<_>>() })))
}

/// Documented: 204, whether or not the two were associated.
pub(super) fn remove(
    state: &mut State,
    ask: &Ask<'_>,
    from_id: u64,
    to: Kind,
    to_id: u64,
) -> Answer {
    let (one, other) = ((ask.kind, from_id), (to, to_id));
    state.links.retain(|link| {
        let ends = ((link.from, link.from_id), (link.to, link.to_id));
        ends != (one, other) && ends != (other, one)
    });
    Answer::empty(204)
}

/// What `?associations=` adds to an object: ids and version 3 type names.
pub(super) fn of_record(
    state: &State,
    from: Kind,
    from_id: u64,
    to: &[Kind],
) -> Map<String, Value> {
    let mut shown = Map::new();
    for to in to {
        let results: Vec<Value> = links(state, from, from_id, *to)
            .map(|link| {
                let name = format!("{}_to_{}", from.singular(), to.singular());
                json!({ "id": link.to_id.to_string(), "type": name })
            })
            .collect();
        if !results.is_empty() {
            shown.insert(to.plural().to_owned(), json!({ "results": results }));
        }
    }
    shown
}

fn links(state: &State, from: Kind, from_id: u64, to: Kind) -> impl Iterator<Item = &Link> {
    state.links.iter().filter(move |link| (link.from, link.from_id, link.to) == (from, from_id, to))
}
