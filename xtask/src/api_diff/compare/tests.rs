//! Each class of break, by what is said of it; and what is none.
use serde_json::{Value, json};

use super::breaks;

/// A small description with one of everything.
fn description() -> Value {
    let refusal = json!({ "content": { "application/problem+json": { "schema": { "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "properties": { "code": { "enum": ["taken", "wrong-state"] }, "status": { "const": 409 } } },
    ] } } } });
    let answer = json!({
        "headers": { "ETag": { "required": true } },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/CarView" } } },
    });
    json!({
        "paths": {
            "/cars/{car}": {
                "get": {
                    "security": [{ "token": ["read"] }],
                    "x-venn-roles": ["admin", "user"],
                    "parameters": [
                        { "name": "car", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^car_" } },
                        { "name": "limit", "in": "query", "required": false, "schema": { "type": "integer", "minimum": 1, "maximum": 200 } },
                    ],
                    "responses": { "200": answer },
                },
                "put": {
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/CarBody" } } } },
                    "responses": { "200": answer, "409": { "$ref": "#/components/responses/taken" } },
                },
            },
        },
        "components": {
            "responses": { "taken": refusal },
            "schemas": {
                "Problem": { "type": "object" },
                "Colour": { "oneOf": [{ "type": "string", "const": "red" }, { "type": "string", "const": "blue" }] },
                "CarBody": {
                    "type": "object", "additionalProperties": false, "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "maxLength": 80 },
                        "colour": { "anyOf": [{ "$ref": "#/components/schemas/Colour" }, { "type": "null" }] },
                        "tags": { "type": "array", "items": { "type": "string" } },
                    },
                },
                "CarView": {
                    "type": "object", "required": ["name", "colour", "doors", "extra", "events"],
                    "properties": {
                        "name": { "type": "string" },
                        "colour": { "$ref": "#/components/schemas/Colour" },
                        "doors": { "type": "integer" },
                        "extra": { "type": "object", "additionalProperties": { "type": "string" } },
                        "events": { "type": "array", "items": { "$ref": "#/components/schemas/Event" } },
                    },
                },
                "Event": { "oneOf": [
                    { "type": "object", "required": ["kind"], "properties": { "kind": { "const": "sold" }, "price": { "type": "integer" } } },
                    { "type": "object", "required": ["kind"], "properties": { "kind": { "const": "lost" } } },
                ] },
            },
        },
    })
}

const PATH: &str = "/paths/~1cars~1{car}";
const GET: &str = "/paths/~1cars~1{car}/get";
const PUT: &str = "/paths/~1cars~1{car}/put";
const BODY: &str = "/components/schemas/CarBody";
const VIEW: &str = "/components/schemas/CarView";
const COLOUR: &str = "/components/schemas/Colour/oneOf";
const EVENT: &str = "/components/schemas/Event/oneOf";
const CODES: &str = "/components/responses/taken/content/application~1problem+json/schema/allOf/1/properties/code/enum";

/// What is said when something is set; null takes it away, `-` adds to a list.
fn said(edits: &[(&str, &str, Value)]) -> Vec<String> {
    let mut new = description();
    for (place, rest, value) in edits {
        let place = format!("{place}{rest}");
        let (parent, name) = place.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match new.pointer_mut(parent).unwrap() {
            Value::Array(items) if name == "-" => items.push(value.clone()),
            Value::Array(items) if value.is_null() => {
                items.remove(name.parse().unwrap());
            }
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            Value::Object(object) if value.is_null() => {
                object.remove(&name);
            }
            parent => parent[name] = value.clone(),
        }
    }
    breaks(&description(), &new)
}

#[track_caller]
fn check(place: &str, rest: &str, value: Value, expected: &str) {
    assert_eq!(said(&[(place, rest, value)]).join("\n"), expected, "{place}{rest}");
}

#[test]
fn a_call_that_is_gone_or_asks_for_more_power() {
    let gone = "GET /cars/{}: the call is gone";
    check(GET, "", Value::Null, gone);
    check(PATH, "", Value::Null, &format!("{gone}\nPUT /cars/{{}}: the call is gone"));
    let scope = "GET /cars/{}: the token needs the scope `admin` now";
    check(GET, "/security/0/token/0", json!("admin"), scope);
    let role = "GET /cars/{}: the role `user` may not any more";
    check(GET, "/x-venn-roles", json!(["admin"]), role);
}

#[test]
fn a_parameter_that_is_gone_is_needed_or_takes_less() {
    let limit = |what: &str| format!("GET /cars/{{}}, parameter limit in the query: {what}");
    let refused = limit("it is gone, and who sends it is refused");
    check(GET, "/parameters/1", Value::Null, &refused);
    let needed = limit("it may not be left out any more");
    check(GET, "/parameters/1/required", json!(true), &needed);
    check(GET, "/parameters/1/schema/maximum", json!(100), &limit("its maximum is 100 now"));
    check(GET, "/parameters/1/schema/minimum", json!(2), &limit("its minimum is 2 now"));
    let number = limit("an integer is not taken any more");
    check(GET, "/parameters/1/schema/type", json!("boolean"), &number);
    let year =
        json!({ "name": "year", "in": "query", "required": true, "schema": { "type": "integer" } });
    let new = "GET /cars/{}, parameter year in the query: it is new, and must be sent";
    check(GET, "/parameters/-", year, new);
    let pattern = "GET /cars/{}, parameter 0. of the path: its pattern is \"^auto_\" now";
    check(GET, "/parameters/0/schema/pattern", json!("^auto_"), pattern);
}

#[test]
fn a_body_that_takes_less_or_needs_more() {
    let body = |what: &str| format!("CarBody in requests{what}");
    let gone = body(", tags: it is gone, and who sends it is refused");
    check(BODY, "/properties/tags", Value::Null, &gone);
    let needed = body(", colour: it may not be left out any more");
    check(BODY, "/required/-", json!("colour"), &needed);
    let wheels = [
        (BODY, "/properties/wheels", json!({ "type": "integer" })),
        (BODY, "/required/-", json!("wheels")),
    ];
    assert_eq!(said(&wheels), [body(", wheels: it is new, and must be sent")]);
    let length = body(", name: its maxLength is 40 now");
    check(BODY, "/properties/name/maxLength", json!(40), &length);
    let null = body(", colour: null is not taken any more");
    check(BODY, "/properties/colour/anyOf/1", Value::Null, &null);
    let text = body(", tags[]: a string is not taken any more");
    check(BODY, "/properties/tags/items/type", json!("integer"), &text);
    let pattern = body(", tags[]: its pattern is \"^a\" now");
    check(BODY, "/properties/tags/items/pattern", json!("^a"), &pattern);
    let json_gone = "PUT /cars/{}, body: `application/json` is gone";
    check(PUT, "/requestBody/content/application~1json", Value::Null, json_gone);
    let new = "GET /cars/{}, body: it is new, and must be sent";
    check(GET, "/requestBody", json!({ "required": true, "content": {} }), new);
}

#[test]
fn a_value_that_is_gone_concerns_both_sides() {
    let both = "Colour in answers: \"blue\" is never answered any more\n\
                CarBody in requests, colour: \"blue\" is not taken any more";
    check(COLOUR, "/1", Value::Null, both);
    let green = json!({ "type": "string", "const": "green" });
    check(COLOUR, "/-", green, "Colour in answers: it may be \"green\" now");
}

#[test]
fn an_answer_that_is_less_or_something_else() {
    let view = |what: &str| format!("CarView in answers, {what}");
    check(VIEW, "/properties/doors", Value::Null, &view("doors: it is gone"));
    check(VIEW, "/required/2", Value::Null, &view("doors: it may be missing now"));
    let null = json!(["integer", "null"]);
    check(VIEW, "/properties/doors/type", null, &view("doors: it may be null now"));
    let array = json!({ "type": "array", "items": { "type": "string" } });
    check(VIEW, "/properties/extra", array, &view("extra: it may be an array now"));
    let each = view("extra, each member: it may be an integer now");
    check(VIEW, "/properties/extra/additionalProperties/type", json!("integer"), &each);
    check(EVENT, "/0/properties/price", Value::Null, "Event in answers, price: it is gone");
    let stolen = json!({ "type": "object", "properties": { "kind": { "const": "stolen" } } });
    let new = "Event in answers: it may be an object with kind = \"stolen\" now";
    check(EVENT, "/-", stolen, new);
    let unknown = view("doors: `multipleOf` is another; whether that breaks is not known");
    check(VIEW, "/properties/doors/multipleOf", json!(2), &unknown);
}

#[test]
fn a_status_a_header_or_a_code_that_is_gone() {
    check(PUT, "/responses/409", Value::Null, "PUT /cars/{}, answer 409: it is gone");
    check(CODES, "/0", Value::Null, "PUT /cars/{}, answer 409: the code `taken` is gone");
    let get = |what: &str| format!("GET /cars/{{}}, answer {what}");
    let header = get("200: the header `ETag` is gone");
    check(GET, "/responses/200/headers", Value::Null, &header);
    check(GET, "/responses/202", json!({}), &get("202: a success that nobody knows"));
    let kind = get("200: `application/json` is gone");
    check(GET, "/responses/200/content/application~1json", Value::Null, &kind);
}

#[test]
fn what_only_adds_or_takes_more_is_no_break() {
    let edits = [
        ("/paths/~1planes", "", json!({ "get": {} })),
        (
            GET,
            "/parameters/-",
            json!({ "name": "q", "in": "query", "schema": { "type": "string" } }),
        ),
        (GET, "/parameters/0/name", json!("vehicle")),
        (GET, "/parameters/1/schema/maximum", json!(500)),
        (GET, "/x-venn-roles/-", json!("support")),
        (GET, "/responses/404", json!({})),
        (VIEW, "/properties/wheels", json!({ "type": "integer" })),
        (VIEW, "/required/-", json!("wheels")),
        (VIEW, "/properties/doors/maximum", json!(5)),
        (VIEW, "/properties/name/description", json!("Its name.")),
        (BODY, "/properties/wheels", json!({ "type": "integer" })),
        (BODY, "/properties/name/type", json!(["string", "null"])),
        (BODY, "/required/0", Value::Null),
        (CODES, "/-", json!("busy")),
    ];
    assert_eq!(said(&edits), Vec::<String>::new());
    assert_eq!(breaks(&description(), &description()), Vec::<String>::new());
}
