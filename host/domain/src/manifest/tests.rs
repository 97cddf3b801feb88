//! Manifests: what is read, and every problem with its whole text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Manifest, PROBLEM_LIMIT, check_config};

/// A sound manifest with one of everything.
pub(crate) const GOOD: &str = r#"
name = "crm-tasks"
version = "1.2.0"
title = "CRM tasks"
summary = "Makes a task in your CRM for each new overlap."
category = "crm"
events = ["overlaps-changed", "installed"]
fields = ["our-name", "their-name", "their-owner"]

[[capabilities]]
name = "overlaps:read"
reason = "To know which accounts overlap."

[[capabilities]]
name = "http:egress"
reason = "To write tasks."

[[capabilities]]
name = "state"
reason = "To remember how far it got."

[[capabilities]]
name = "timeline:write"
reason = "To note each task."

[[egress]]
host = "api.hubapi.com"
methods = ["GET", "POST"]
paths = ["/crm/v3"]
reason = "The CRM."
data = "Names of partners' accounts."
retention = "Until you delete the task."

[[connections]]
name = "crm"
title = "HubSpot"
kind = "api-key"
host = "api.hubapi.com"

[[faults]]
code = "crm-unauthorized"
title = "HubSpot refused the key"
answer = "Make a new private app key and connect it."
field = "crm"

[[faults]]
code = "portal-unknown"
title = "There is no such portal"
answer = "Look the number up in HubSpot."
field = "portal"

[support]
contact = "help@example.com"
url = "https://example.com/help"

[limits]
cpu_ms = 500

[config_schema]
type = "object"
required = ["portal"]
additionalProperties = false

[config_schema.properties.portal]
type = "string"
pattern = "^[a-z0-9-]+$"
minLength = 3

[config_schema.properties.due_days]
type = "integer"
minimum = 1
maximum = 30

[config_schema.properties.mode]
enum = ["all", "new"]
"#;

/// The manifest of [`GOOD`].
pub(crate) fn good() -> Manifest {
    Manifest::parse_toml(GOOD).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn texts(problems: &[super::Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn toml_and_json_read_as_the_same_manifest() {
    let manifest = good();
    let bytes = manifest.to_json();
    let again = Manifest::parse_json(&bytes).unwrap();
    assert_eq!(again, manifest);
    assert_eq!(again.to_json(), bytes);
    let order: Vec<_> = manifest.config_schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["portal", "due_days", "mode"], "forms keep the publisher's order");
}

#[test]
fn the_smallest_manifest_has_sound_defaults() {
    let text = "name='a'\nversion='0.1.0'\ntitle='A'\nsummary='S'\ncategory='other'\nsupport={contact='a@b.io'}";
    let manifest = Manifest::parse_toml(text).unwrap();
    assert_eq!(manifest.config_schema, json!({"type": "object", "additionalProperties": false}));
    assert!(manifest.egress.is_empty() && manifest.capabilities.is_empty());
}

/// The first problem of [`GOOD`] with one text put in another's place.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    texts(&Manifest::parse_toml(&GOOD.replacen(from, to, 1)).unwrap_err())
}

#[test]
fn a_source_has_one_run_at_a_time() {
    let source = GOOD.replacen("name = \"state\"", "name = \"accounts:write\"", 1);
    let asked = source.replacen("cpu_ms = 500", "concurrency = 2", 1);
    let problems = texts(&Manifest::parse_toml(&asked).unwrap_err());
    let expected = "limits.concurrency: `accounts:write` is asked for, and a source's rows come in order. Leave it out, or do without the capability";
    assert!(problems.contains(&expected.to_owned()), "{problems:?}");
    let one = source.replacen("cpu_ms = 500", "concurrency = 1", 1);
    let problems = Manifest::parse_toml(&one).err().map(|problems| texts(&problems));
    assert!(!problems.unwrap_or_default().contains(&expected.to_owned()));
}

#[test]
fn a_wrong_shape_is_told_with_line_and_column() {
    assert_eq!(
        broken("title = \"CRM tasks\"", "titel = \"CRM tasks\"")[0]
            .split(", expected")
            .next()
            .unwrap(),
        "line 4, column 1: unknown field `titel`"
    );
    assert_eq!(
        broken("version = \"1.2.0\"", "version = 1"),
        [
            "line 3, column 11: invalid type: integer `1`, expected semver version. Correct it; docs/manifest.md describes every member"
        ]
    );
    assert_eq!(
        broken("category = \"crm\"", "title = \"again\""),
        ["line 6, column 1: duplicate key. Keep one of them"]
    );
    assert_eq!(
        broken("name = \"overlaps:read\"", "name = \"root\""),
        [
            "line 11, column 8: unknown capability `root`; known are overlaps:read, accounts:write, timeline:write, timeline:read, state, http:egress, scratch. Correct it; docs/manifest.md describes every member"
        ]
    );
    let nul = "the text has the character U+0000, which cannot be kept";
    for escape in ["\\u0000", "\\U00000000"] {
        let problems = broken("title = \"", &format!("title = \"{escape}"));
        assert!(
            problems[0].starts_with("line 4, column 10: ") && problems[0].contains(nul),
            "{problems:?}"
        );
    }
    let egress = broken("retention = \"Until", "until = 1\nretention = \"Until");
    assert!(
        egress[0].contains("unknown field `until`. Correct the name or remove it"),
        "{egress:?}"
    );
    let missing = broken("category = \"crm\"\n", "");
    assert!(missing[0].contains("missing field `category`. Add it"), "{missing:?}");
    assert!(broken("name = ", "name = \u{0}")[0].starts_with("line 2, column "));
}

#[test]
fn json_with_a_key_twice_is_refused_wherever_it_stands() {
    let problem = |text: &str| texts(&Manifest::parse_json(text.as_bytes()).unwrap_err());
    let json = String::from_utf8(good().to_json()).unwrap();
    for (from, to) in [
        (r#"{"name":"crm-tasks""#, r#"{"name":"other","name":"crm-tasks""#),
        (r#""reason":"The CRM.""#, r#""reason":"x","reason":"The CRM.""#),
        (r#""host":"api.hubapi.com""#, r#""host":"evil.com","host":"api.hubapi.com""#),
        (r#""minimum":1"#, r#""minimum":0,"minimum":1"#),
        (r#""minimum":1"#, r#""\u006dinimum":0,"minimum":1"#),
    ] {
        assert!(json.contains(from), "{from} in {json}");
        let found = problem(&json.replacen(from, to, 1));
        assert!(found[0].contains(": duplicate key `"), "{found:?}");
        assert!(found[0].ends_with("`. Keep one of them"), "{found:?}");
    }
    assert!(problem("{\"name\":")[0].starts_with("line 1, column 8: EOF while parsing"));
    assert!(problem(&"[".repeat(100_000))[0].contains("recursion limit exceeded"));
    assert!(problem("\u{feff}{}")[0].starts_with("line 1, column 1"));
    assert!(Manifest::parse_json(b"\"\xff\"").is_err());
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(300_000));
    assert_eq!(
        problem(&long),
        [
            "the whole manifest: it has 300011 bytes, and at most 262144 are allowed (limit `release.manifest`). Shorten it; long texts belong on a page of yours"
        ]
    );
}

#[test]
fn what_must_hold_beyond_the_shape() {
    let key =
        "is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit";
    let schedule = "{ name = \"nightly\", title = \"Looks\", cron = \"0 2 * * *\" }";
    let nine: Vec<_> = (0..9).map(|n| schedule.replace("nightly", &format!("n{n}"))).collect();
    let cases = [
        ("name = \"crm-tasks\"", "name = \"CRM\"", format!("name: `CRM` {key}. Choose another name")),
        ("version = \"1.2.0\"", &format!("version = \"1.2.0-{}\"", "x".repeat(59)), "version: it is longer than 64 characters. Shorten the part after `-`".into()),
        ("version = \"1.2.0\"", "version = \"1.2.0+x\"", "version: versions that differ only after `+` would count as the same release. Leave out the part after `+`".into()),
        ("title = \"CRM tasks\"", "title = \" \"", "title: it is empty. Write it; people read it".into()),
        ("title = \"CRM tasks\"", "title = \"CRM \\u202Esksat\"", "title: it has control or hidden characters. Remove them".into()),
        ("category = \"crm\"", "category = \"games\"", "category: there is no such category. Use one of crm, marketing, sales, messaging, conversation-intelligence, data, other".into()),
        ("name = \"state\"", "name = \"overlaps:read\"", "capabilities[2].name: `overlaps:read` is asked for twice. Keep one of them".into()),
        ("name = \"overlaps:read\"", "name = \"accounts:write\"", "fields: fields of overlaps are read, but `overlaps:read` is not asked for. Ask for the capability, or leave the fields out".into()),
        ("name = \"http:egress\"", "name = \"accounts:write\"", "egress: destinations are named, but `http:egress` is not asked for. Ask for the capability, or leave the destinations out".into()),
        ("methods = [\"GET\", \"POST\"]", "methods = [\"CONNECT\"]", "egress[0].methods[0]: the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS. Correct it".into()),
        ("paths = [\"/crm/v3\"]", "paths = [\"/crm/%2e%2e\"]", "egress[0].paths[0]: the path has a dot segment (`.` or `..`). Correct it".into()),
        ("kind = \"api-key\"\nhost = \"api.hubapi.com\"", "kind = \"api-key\"\nhost = \"evil.com\"", "connections[0].host: it is not one of the egress hosts at port 443. Name it under `egress` too".into()),
        ("kind = \"api-key\"", "kind = \"api-key\"\nheader = \"cookie\"", "connections[0].header: the header `cookie` cannot carry a credential. Use `authorization` or the header that the service documents".into()),
        ("kind = \"api-key\"", "kind = \"api-key\"\nheader = \"host\"", "connections[0].header: the header `host` cannot carry a credential. Use `authorization` or the header that the service documents".into()),
        ("kind = \"api-key\"", "kind = \"api-key\"\nprefix = \"a\\r\\nx: \"", "connections[0].header: header and prefix do not make a sound HTTP header. Correct them".into()),
        ("\"installed\"]", "\"payday\"]", "events[1]: there is no such kind of event. Use some of overlaps-changed, timeline-added, schedule, webhook, request, installed, configured, grant-changed, upgraded, uninstalling, erase".into()),
        ("\"installed\"]", "\"timeline-added\"]", "events: `timeline-added` is one of them, but `timeline:read` is not asked for. Ask for the capability, or leave the kind out".into()),
        ("\"installed\"]", "\"overlaps-changed\"]", "events[1]: it stands twice. Keep one of them".into()),
        ("cpu_ms = 500", "cpu_ms = 5001", "limits.cpu_ms: it is 0 or more than the published limit. Ask for 1 to 5000 ms, or split the work with `again`".into()),
        ("cpu_ms = 500", "scratch_files = 100", "limits: room for files is asked for, but `scratch` is not. Ask for the capability, or leave the numbers out".into()),
        ("cpu_ms = 500", "concurrency = 0", "limits.concurrency: it is 0 or more than the published limit. Ask for 1 to 16 runs, or leave it out: then it is one".into()),
        ("cpu_ms = 500", "concurrency = 17", "limits.concurrency: it is 0 or more than the published limit. Ask for 1 to 16 runs, or leave it out: then it is one".into()),
        ("cpu_ms = 500", "wall_ms = 0", "limits.wall_ms: it is 0 or more than the published limit. Ask for 1 to 60000 ms, or split the work with `again`".into()),
        ("\"installed\"]", &format!("\"schedule\"]\nschedules = [{schedule}]").replace("nightly", "run-now"), "schedules[0].name: runs that a person asks for have this name. Choose another name".into()),
        ("\"installed\"]", &format!("\"schedule\"]\nschedules = [{schedule}, {schedule}]"), "schedules[1].name: the name stands twice. Choose another name".into()),
        ("\"installed\"]", &format!("\"installed\"]\nschedules = [{schedule}]"), "events: `schedule` is not one of them, and there are schedules. Add it, or leave the schedules out".into()),
        ("\"installed\"]", &format!("\"schedule\"]\nschedules = [{schedule}]").replace("0 2", "0 x"), "schedules[0].cron: `x` is no number, name, `*`, range or step of the hour. Write minute, hour, day of the month, month and day of the week, as in `0 2 * * *`".into()),
        ("\"installed\"]", &format!("\"schedule\"]\nschedules = [{}]", nine.join(", ")), "schedules: it has 9 entries, at most 8 are allowed. Leave some out, or do several things in one run".into()),
        ("code = \"portal-unknown\"", "code = \"crm-unauthorized\"", "faults[1].code: the code stands twice. Keep one of them".into()),
        ("answer = \"Look", "answer = \"\" # \"Look", "faults[1].answer: it is empty. Write it; people read it".into()),
        ("field = \"portal\"", "field = \"portals\"", "faults[1].field: it is neither a property of `config_schema` nor a connection. Correct the name or leave it out".into()),
        ("help@example.com", "help at example.com", "support.contact: it is not an e-mail address. Name one that a person reads".into()),
        ("help@example.com", "a@b@example", "support.contact: it is not an e-mail address. Name one that a person reads".into()),
        ("https://example.com/help", "http://example.com/help", "support.url: it is not `https`. Use an https page".into()),
        ("https://example.com/help", "javascript:alert(1)", "support.url: the URL is refused: it is not absolute; write `https://host/path`. Correct it".into()),
        ("[config_schema]\ntype = \"object\"", "[config_schema]\ntype = \"array\"", "config_schema/type: the configuration is an object, so `type` is `object`. Correct the schema (JSON Schema 2020-12)".into()),
    ];
    for (from, to, expected) in cases {
        assert_eq!(broken(from, to), [expected], "{to}");
    }
    let sizes = broken("cpu_ms = 500", "scratch_bytes = 268435457");
    assert_eq!(
        sizes,
        [
            "limits.scratch_bytes: it is 0 or more than the published limit. Ask for 1 to 268435456 bytes, or split the work with `again`",
            "limits: room for files is asked for, but `scratch` is not. Ask for the capability, or leave the numbers out",
        ]
    );
    let hosts = broken("[[egress]]\nhost = \"api.hubapi.com\"", "[[egress]]\nhost = \"*.co.uk\"");
    assert_eq!(
        hosts[0],
        "egress[0].host: the wildcard covers a public suffix, where anyone can register a name. Correct it"
    );
    let places = broken(
        "[[egress]]\nhost = \"api.hubapi.com\"",
        "[[egress]]\nhost = \"{portal_x}.hubapi.com\"",
    );
    assert_eq!(
        places[0],
        "egress[0].host: `portal_x` is not a text property of `config_schema`. \
         Add it there with `type = \"string\"`, or correct the name"
    );
    let places =
        broken("[[egress]]\nhost = \"api.hubapi.com\"", "[[egress]]\nhost = \"api.{x}.com\"");
    assert_eq!(
        places[0],
        "egress[0].host: a host that the customer completes is `{field}.example.com` or `{field}`. Correct it"
    );
    let places =
        broken("[[egress]]\nhost = \"api.hubapi.com\"", "[[egress]]\nhost = \"{x}.github.io\"");
    assert_eq!(
        places[0],
        "egress[0].host: the customer's word stands before a public suffix, where anyone can register a name. Correct it"
    );
    let many = GOOD.replace("events = [", &format!("events = [{}", "\"x\",".repeat(200)));
    assert_eq!(Manifest::parse_toml(&many).unwrap_err().len(), PROBLEM_LIMIT);
}

fn schema_problem(schema: Value) -> String {
    let mut manifest = good();
    manifest.faults.clear();
    manifest.config_schema = schema;
    manifest.check().map_or_else(|problems| problems[0].to_string(), |()| "accepted".to_owned())
}

#[test]
fn schemas_that_are_not_accepted() {
    let tail = ". Correct the schema (JSON Schema 2020-12)";
    let deep = (0..60).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
    let mut deep_object = deep.clone();
    deep_object["type"] = json!("object");
    // Each definition names the next one twice: two to the fortieth.
    let mut definitions = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [next.clone(), next]}));
    }
    definitions.insert("d40".into(), json!({}));
    let large = "it is too deep or too large with its references followed, or refers to itself";
    let cases = [
        (json!(true), "config_schema/type: the configuration is an object, so `type` is `object`".to_owned()),
        (json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}), "config_schema/$schema: the dialect is not `https://json-schema.org/draft/2020-12/schema`".into()),
        (json!({"type": "object", "properties": {"a": {"$ref": "https://evil.example/s"}}}), "config_schema/properties/a/$ref: references stay inside the schema: `#/$defs/…`".into()),
        (json!({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}), "config_schema/properties/a/$ref: references stay inside the schema: `#/$defs/…`".into()),
        (json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}), "config_schema/properties/a/$ref: the reference points to nothing".into()),
        (json!({"type": "object", "$id": "https://evil.example/"}), "config_schema/$id: only `$ref` and `$defs` are supported for references".into()),
        (json!({"type": "object", "properties": {"a": {"type": "text"}}}), "config_schema/properties/a/type: `anyOf` has no such form in JSON Schema 2020-12".into()),
    ];
    for (schema, expected) in cases {
        assert_eq!(schema_problem(schema), format!("{expected}{tail}"));
    }
    for schema in [
        deep_object,
        json!({"type": "object", "$ref": "#"}),
        json!({"type": "object", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"type": "object", "$defs": definitions}),
    ] {
        assert!(schema_problem(schema).contains(large));
    }
    for pattern in ["(a{1000}){1000}", "(?<=a)b", "(", "(a)\\1"] {
        let found =
            schema_problem(json!({"type": "object", "properties": {"a": {"pattern": pattern}}}));
        assert!(found.starts_with("config_schema") && found.ends_with(tail), "{pattern}: {found}");
    }
    let fine = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"day": {"type": "integer"}}, "properties": {"$ref": {"$ref": "#/$defs/day"}, "a": {"$ref": "#/$defs/day"}}
    });
    assert_eq!(schema_problem(fine), "accepted");
}

#[test]
fn a_configuration_is_told_what_is_wrong_without_its_values() {
    let schema = good().config_schema;
    let problems = |config: Value| texts(&check_config(&schema, &config).unwrap_err());
    assert_eq!(
        check_config(&schema, &json!({"portal": "eu-1", "due_days": 3, "mode": "new"})),
        Ok(())
    );
    assert_eq!(problems(json!({})), ["/portal: it is missing. Fill it in"]);
    assert_eq!(problems(json!([])), ["/: it is not of the type object. Correct it"]);
    assert_eq!(
        problems(json!({"portal": "S3CRET!", "due_days": 31, "mode": "S3CRET", "a/b": "S3CRET"})),
        [
            "/portal: it does not have the form `^[a-z0-9-]+$`. Correct it",
            "/due_days: it is more than 30. Correct it",
            "/mode: it is not one of `all`, `new`. Correct it",
            "/a~1b: the plugin knows no such field. Remove it",
        ]
    );
    let wrong_type = problems(json!({"portal": 7, "due_days": "S3CRET"}));
    assert_eq!(
        wrong_type,
        [
            "/portal: it is not of the type string. Correct it",
            "/due_days: it is not of the type integer. Correct it"
        ]
    );
    assert!(
        problems(json!({"portal": "S3CRET ✓", "due_days": 0}))
            .iter()
            .all(|text| !text.contains("S3CRET"))
    );
    let empty = json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}});
    assert_eq!(
        texts(&check_config(&empty, &json!({"a": ""})).unwrap_err()),
        ["/a: it is empty. Correct it"]
    );
}

#[test]
fn a_pattern_takes_linear_time() {
    let schema = json!({"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}});
    // A backtracking engine would take two to the hundred thousandth steps.
    let config = json!({"a": format!("{}!", "a".repeat(60_000))});
    let problems = texts(&check_config(&schema, &config).unwrap_err());
    assert_eq!(problems, ["/a: it does not have the form `^(a+)+$`. Correct it"]);
}

/// A list of which each entry is compared with so many constants.
fn constants(count: usize) -> Value {
    let constants: Vec<_> = (10..count + 10).map(|number| json!({ "const": number })).collect();
    json!({ "type": "object", "properties": { "a": { "contains": { "anyOf": constants } } } })
}

#[test]
fn what_a_check_takes_is_bounded_before_it_begins() {
    let refused =
        |schema: &Value, config: Value| texts(&check_config(schema, &config).unwrap_err());
    assert_eq!(
        refused(&constants(4_900), json!({ "a": vec![9; 30_000] })),
        ["/: checking it against the plugin's schema takes up to 294179415 comparisons, \
          at most 1000000 are allowed (limit `config.work`). Shorten it, or ask the publisher \
          for a simpler schema"]
    );
    assert_eq!(
        refused(&json!({ "type": "object" }), json!({ "a": vec![7; 32_765] })),
        ["/: it has 65537 bytes as JSON, at most 65536 are allowed (limit `config.bytes`). \
          Shorten it; a larger table belongs to the third party"]
    );
    // A large schema for a small configuration, and the other way round.
    assert_eq!(check_config(&constants(4_900), &json!({ "a": vec![4_909; 90] })), Ok(()));
    assert_eq!(check_config(&constants(10), &json!({ "a": vec![19; 20_000] })), Ok(()));
    // Patterns read text: a long one counts, and so does each pattern.
    let pattern = |count: usize| {
        let one = json!({ "pattern": "^[a-z]*$" });
        json!({ "type": "object", "properties": { "a": { "allOf": vec![one; count] } } })
    };
    let text = json!({ "a": "a".repeat(60_000) });
    assert_eq!(check_config(&pattern(5), &text), Ok(()));
    assert!(refused(&pattern(6), text)[0].contains("takes up to 1145580 comparisons"));
}

#[test]
fn a_schema_that_is_slow_to_compile_is_refused() {
    let large = "it is too deep or too large with its references followed, or refers to itself";
    let alike = |count: usize| vec![json!({ "pattern": "^[a-z]{900}$" }); count];
    let schema = |all: Vec<Value>| json!({ "type": "object", "allOf": all });
    assert_eq!(schema_problem(schema(alike(90))), "accepted");
    assert!(schema_problem(schema(alike(100))).contains(large));
    let many: serde_json::Map<_, _> =
        (0..100).map(|number| (format!("^x{number}"), json!({}))).collect();
    let named = json!({ "type": "object", "patternProperties": many });
    assert!(schema_problem(named).contains(large));
    // Each asks again what lies below it: three to the twentieth.
    for key in ["unevaluatedProperties", "unevaluatedItems"] {
        let inside = |inner: Value| json!({ "allOf": [inner], key: false });
        let mut nested = (0..20).fold(json!({}), |inner, _| inside(inner));
        nested["type"] = json!("object");
        assert!(schema_problem(nested).contains(large), "{key}");
        let mut once = inside(inside(json!({ "properties": { "a": {} } })));
        once["type"] = json!("object");
        assert_eq!(schema_problem(once), "accepted", "{key}");
    }
}

#[test]
fn a_parameter_that_the_host_says_itself_is_refused_however_it_is_written() {
    for name in ["state", "STATE", "Redirect_URI"] {
        let mut manifest = good();
        let connection = json!({
            "name": "crm", "title": "CRM", "kind": "oauth2", "host": "api.hubapi.com",
            "oauth": { "token_endpoint": "https://api.hubapi.com/token",
                       "authorization_endpoint": "https://api.hubapi.com/authorize",
                       "parameters": { name: "x" } },
        });
        manifest.connections = vec![serde_json::from_value(connection).unwrap()];
        let told = texts(&manifest.check().unwrap_err());
        let expected = format!(
            "connections[0].oauth.parameters.{name}: the host says this itself, or asks nobody. \
             Leave it out"
        );
        assert!(told.contains(&expected), "{told:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        prop_assert!(Manifest::parse_toml(&text).is_err());
        prop_assert!(Manifest::parse_json(&bytes).is_err());
    }

    #[test]
    fn a_damaged_manifest_is_refused_or_reads_back(at in 0..GOOD.len(), with in "[ -~\n]{0,3}") {
        let mut text = GOOD.to_owned();
        text.replace_range(at..=at, &with);
        match Manifest::parse_toml(&text) {
            Ok(manifest) => prop_assert_eq!(Manifest::parse_json(&manifest.to_json()).unwrap(), manifest),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|p| !p.place.is_empty() && !p.reason.is_empty() && !p.next_step.is_empty()));
            }
        }
    }
}

/// What people read about it.
const DOCUMENT: &str = include_str!("../../../../docs/manifest.md");

#[test]
fn the_documents_example_is_a_manifest_as_it_stands() {
    let (_, rest) = DOCUMENT.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let manifest = Manifest::parse_toml(example).unwrap();
    assert_eq!(manifest.name, "deal-notes");
}

#[test]
fn every_member_and_every_name_is_documented() {
    let schema = serde_json::to_value(schemars::schema_for!(Manifest)).unwrap();
    let mut names = Vec::new();
    names_of(&schema, &mut names);
    let capabilities = crate::capability::Capability::ALL.map(|one| one.name().to_owned());
    let kinds = crate::event::KINDS.map(|(kind, _)| kind.to_owned());
    let fields = crate::account::CoreField::ALL.map(|field| field.name().to_owned());
    let categories = super::CATEGORIES.map(str::to_owned);
    let all = names.into_iter().chain(capabilities).chain(kinds).chain(fields).chain(categories);
    let lacks: Vec<_> = all
        .filter(|name| !DOCUMENT.contains(&format!("`{name}`")))
        .filter(|name| !DOCUMENT.contains(&format!(".{name}`")))
        .collect();
    assert_eq!(lacks, Vec::<String>::new());
}

/// The members of every object in a schema.
fn names_of(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| names_of(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| names_of(item, names)),
        _ => {}
    }
}

#[test]
fn the_customers_word_is_checked_where_the_configuration_is() {
    let mut manifest = good();
    manifest.egress[0].rule.host = "{portal}.hubapi.com".into();
    manifest.connections[0].host = "{portal}.hubapi.com".into();
    manifest.config_schema =
        json!({ "type": "object", "properties": { "portal": { "type": "string" } } });
    assert_eq!(manifest.check(), Ok(()));
    assert_eq!(manifest.check_config(&json!({})), Ok(()));
    assert_eq!(manifest.check_config(&json!({ "portal": "eu1" })), Ok(()));
    assert_eq!(
        texts(&manifest.check_config(&json!({ "portal": "evil.com/" })).unwrap_err()),
        ["/portal: it is not one label of lower-case letters, digits and `-`; \
          for `acme.hubapi.com` it is `acme`. Correct it; the plugin sends data to this host"]
    );
    assert_eq!(manifest.customer_hosts(&json!({ "portal": "eu1" })), ["eu1.hubapi.com"]);
    assert!(manifest.customer_hosts(&json!({ "portal": "a.b" })).is_empty());
}
