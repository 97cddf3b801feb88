//! Which configuration schemas are accepted, and compiling them.
//!
//! JSON Schema 2020-12 whose references stay inside the document and end
//! somewhere. It comes from a publisher and is run on every configuration, so
//! its size is bounded with references followed, and patterns run on an
//! engine without backtracking. It fetches nothing.
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// The dialect that `$schema` may name.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Forms are flat; this allows every schema that we have seen several times over.
const DEPTH_MAX: usize = 48;
/// Values visited with every reference followed: a schema that doubles at each
/// of twenty references ends here and not after a million.
const VALUES_MAX: usize = 10_000;
/// What a pattern counts beside other values: compiling and running one takes
/// that much longer. So a schema has at most a hundred.
const PATTERN_VALUES: usize = 100;
/// How often what lies beside `unevaluatedProperties` or `unevaluatedItems` is
/// compiled and asked, at most: one such below another doubles it, and more.
const UNEVALUATED_TIMES: usize = 3;
/// Compiled size of one pattern: what `regex` needs for some hundred
/// characters, and far below what `(a{1000}){1000}` takes.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// Everything that a schema says about itself in this crate: where and why it
/// is not accepted.
pub(super) struct BadSchema {
    /// JSON pointer into the schema.
    pub(super) place: String,
    /// What is wrong.
    pub(super) reason: String,
}

/// Checks a schema as a manifest brings it.
pub(super) fn check(schema: &Value) -> Result<(), BadSchema> {
    let bad = |place: &str, reason: String| Err(BadSchema { place: place.to_owned(), reason });
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return bad("/type", "the configuration is an object, so `type` is `object`".to_owned());
    }
    if let Some(dialect) = schema.get("$schema")
        && dialect.as_str().map(|text| text.trim_end_matches('#')) != Some(DIALECT)
    {
        return bad("/$schema", format!("the dialect is not `{DIALECT}`"));
    }
    weigh(schema)?;
    if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
        let reason =
            format!("`{}` has no such form in JSON Schema 2020-12", error.kind().keyword());
        return bad(error.instance_path().as_str(), reason);
    }
    compile(schema).map(drop)
}

/// What checking one value against the schema takes at most: its values with
/// every reference followed, or why it is too much for any value.
pub(super) fn weigh(schema: &Value) -> Result<usize, BadSchema> {
    let mut walk = Walk { root: schema, values: 0 };
    walk.visit(schema, &mut Vec::new(), 0)?;
    Ok(walk.values)
}

/// Compiles a checked schema.
pub(super) fn compile(schema: &Value) -> Result<Validator, BadSchema> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .should_validate_formats(true)
        .offline();
    options.build(schema).map_err(|error| BadSchema {
        place: error.instance_path().as_str().to_owned(),
        reason: format!(
            "it cannot be used: {}",
            error.to_string().chars().take(300).collect::<String>()
        ),
    })
}

struct Walk<'a> {
    root: &'a Value,
    values: usize,
}

impl<'a> Walk<'a> {
    /// Visits a value and, through references, what it stands for.
    fn visit(
        &mut self,
        value: &'a Value,
        place: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), BadSchema> {
        self.count(1, place, depth)?;
        match value {
            Value::Object(members) => {
                let asked_again = ["unevaluatedProperties", "unevaluatedItems"];
                let of_those = asked_again.iter().filter(|key| members.contains_key(**key));
                let times: usize = of_those.map(|_| UNEVALUATED_TIMES).product();
                for (key, member) in (0..times).flat_map(|_| members) {
                    place.push(key.clone());
                    self.member(key, member, place, depth)?;
                    place.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    place.push(index.to_string());
                    self.visit(item, place, depth + 1)?;
                    place.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, values: usize, place: &[String], depth: usize) -> Result<(), BadSchema> {
        self.values += values;
        if depth <= DEPTH_MAX && self.values <= VALUES_MAX {
            return Ok(());
        }
        let reason =
            "it is too deep or too large with its references followed, or refers to itself";
        Err(BadSchema { place: pointer(place), reason: reason.to_owned() })
    }

    fn member(
        &mut self,
        key: &str,
        member: &'a Value,
        place: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), BadSchema> {
        let refuse = |place: &[String], reason: &str| {
            Err(BadSchema { place: pointer(place), reason: reason.to_owned() })
        };
        // A property may have such a name too: then its value is a schema.
        let Value::String(text) = member else {
            if let ("patternProperties", Value::Object(patterns)) = (key, member) {
                self.count(patterns.len() * PATTERN_VALUES, place, depth)?;
            }
            return self.visit(member, place, depth + 1);
        };
        match key {
            "pattern" => self.count(PATTERN_VALUES, place, depth),
            "$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef" => {
                refuse(place, "only `$ref` and `$defs` are supported for references")
            }
            "$ref" => {
                let inner = text.strip_prefix('#');
                let Some(path) = inner.filter(|path| path.is_empty() || path.starts_with('/'))
                else {
                    return refuse(place, "references stay inside the schema: `#/$defs/…`");
                };
                match self.root.pointer(path) {
                    Some(target) => self.visit(target, place, depth + 1),
                    None => refuse(place, "the reference points to nothing"),
                }
            }
            _ if key.starts_with("$__toml") => refuse(place, "dates are written as text in quotes"),
            _ => Ok(()),
        }
    }
}

/// A JSON pointer from its parts.
pub(super) fn pointer(parts: &[String]) -> String {
    parts.iter().flat_map(|part| ["/".into(), part.replace('~', "~0").replace('/', "~1")]).collect()
}
