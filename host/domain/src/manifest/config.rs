//! A customer's configuration against its release's schema: every problem with
//! a JSON pointer and a plain sentence. The sentences hold no values, because
//! they are shown and logged where the configuration itself is not.
//!
//! To word one more kind of problem: an arm in `explain`.
use jsonschema::{ValidationError, error::ValidationErrorKind as Kind};
use serde_json::Value;

use super::{
    Manifest,
    check::{PROBLEM_LIMIT, Problem},
    schema::{self, BadSchema},
};
use crate::{egress::customer_host::CustomerHost, limits};

/// Text of which that many bytes count as one more value: a pattern reads all of it.
const TEXT_BYTES: usize = 32;

/// Checks a configuration; the problems in the order of the schema.
pub fn check_config(schema: &Value, config: &Value) -> Result<(), Vec<Problem>> {
    check_room(schema, config).map_err(|problem| vec![problem])?;
    let validator = schema::compile(schema).map_err(|bad| vec![publishers(bad)])?;
    let errors = validator.iter_errors(config);
    let problems: Vec<_> = errors.flat_map(|error| explain(&error)).take(PROBLEM_LIMIT).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Whether a configuration is small enough to be checked against the schema.
pub fn check_room(schema: &Value, config: &Value) -> Result<(), Problem> {
    let too_large = |reason: String, next_step: &str| {
        Err(Problem { place: "/".to_owned(), reason, next_step: next_step.to_owned() })
    };
    let bytes = config.to_string().len() as u64;
    if bytes > limits::CONFIG_BYTES {
        let most = limits::CONFIG_BYTES;
        let reason = format!(
            "it has {bytes} bytes as JSON, at most {most} are allowed (limit `config.bytes`)"
        );
        return too_large(reason, "Shorten it; a larger table belongs to the third party");
    }
    let work = (schema::weigh(schema).map_err(publishers)? * weigh(config)) as u64;
    if work > limits::CONFIG_WORK {
        let most = limits::CONFIG_WORK;
        let reason = format!(
            "checking it against the plugin's schema takes up to {work} comparisons, \
             at most {most} are allowed (limit `config.work`)"
        );
        return too_large(reason, "Shorten it, or ask the publisher for a simpler schema");
    }
    Ok(())
}

/// Values, names and text of a configuration, as [`schema::weigh`] counts a schema's.
fn weigh(config: &Value) -> usize {
    1 + match config {
        Value::String(text) => text.len() / TEXT_BYTES,
        Value::Array(items) => items.iter().map(weigh).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| 1 + name.len() / TEXT_BYTES + weigh(value)).sum()
        }
        _ => 0,
    }
}

/// What only the publisher can correct.
fn publishers(bad: BadSchema) -> Problem {
    Problem {
        place: format!("config_schema{}", bad.place),
        reason: bad.reason,
        next_step: "The publisher has to correct the schema and publish a new release".to_owned(),
    }
}

impl Manifest {
    /// Checks a configuration against the schema, and the hosts that it
    /// completes.
    pub fn check_config(&self, config: &Value) -> Result<(), Vec<Problem>> {
        let mut problems = check_config(&self.config_schema, config).err().unwrap_or_default();
        let egress = self.egress.iter().map(|request| request.rule.host.as_str());
        let connections = self.connections.iter().map(|request| request.host.as_str());
        let mut hosts: Vec<_> = egress.chain(connections).collect();
        hosts.sort_unstable();
        hosts.dedup();
        for place in hosts.into_iter().filter_map(CustomerHost::parse) {
            let word = config.get(place.field).and_then(Value::as_str);
            if let Some(Err(reason)) = word.map(|word| place.complete(word)) {
                problems.push(Problem {
                    place: format!("/{}", place.field),
                    reason,
                    next_step: "Correct it; the plugin sends data to this host".to_owned(),
                });
            }
        }
        problems.truncate(PROBLEM_LIMIT);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn explain(error: &ValidationError<'_>) -> Vec<Problem> {
    let here = error.instance_path().as_str();
    let below = |name: &str| format!("{here}{}", schema::pointer(&[name.to_owned()]));
    let problem = |place: String, reason: String, next_step: &str| Problem {
        place: if place.is_empty() { "/".to_owned() } else { place.chars().take(200).collect() },
        reason,
        next_step: next_step.to_owned(),
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![problem(below(name), "it is missing".to_owned(), "Fill it in")]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let unknown = "the plugin knows no such field";
            let one = |name: &String| problem(below(name), unknown.to_owned(), "Remove it");
            unexpected.iter().map(one).collect()
        }
        kind => vec![problem(here.to_owned(), reason(kind), "Correct it")],
    }
}

fn reason(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => format!("it is not of the type {}", type_names(kind)),
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let shown: Vec<_> = options.iter().take(20).map(|o| format!("`{}`", text(o))).collect();
            format!("it is not one of {}", shown.join(", "))
        }
        Kind::Constant { expected_value } => format!("it is not `{}`", text(expected_value)),
        Kind::MinLength { limit: 1 } => "it is empty".to_owned(),
        Kind::MinLength { limit } => format!("it is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("it is longer than {limit} characters"),
        Kind::Minimum { limit } => format!("it is less than {limit}"),
        Kind::Maximum { limit } => format!("it is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("it is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("it is not less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("it is not a multiple of {multiple_of}"),
        Kind::MinItems { limit } => format!("it has fewer than {limit} entries"),
        Kind::MaxItems { limit } => format!("it has more than {limit} entries"),
        Kind::UniqueItems => "it has an entry twice".to_owned(),
        Kind::Pattern { pattern } => {
            let shown: String = pattern.chars().take(100).collect();
            format!("it does not have the form `{shown}`")
        }
        Kind::Format { format } => format!("it is not a valid {format}"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "it fits none of the forms that the plugin accepts".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => "it fits more than one form, and may be only one".into(),
        other => format!("it does not satisfy `{}` of the plugin's schema", other.keyword()),
    }
}

fn type_names(kind: &jsonschema::error::TypeKind) -> String {
    use jsonschema::error::TypeKind;
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// A value of the schema (never of the configuration) as people read it.
fn text(value: &Value) -> String {
    let whole = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    whole.chars().take(60).collect()
}
