//! The API's description, OpenAPI 3.1, made from the table of calls; served at
//! `/openapi.json`, and for people at `/docs`.
//!
//! Everything in it follows from the handlers' signatures, the doc comments of
//! their types, the table of codes and the route table. `docs/openapi.json` is
//! the same, committed, so that a change of it is read in a review.
#![allow(
    clippy::indexing_slicing,
    reason = "a JSON object takes any name; the document is built here"
)]
use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse as _, Response},
    routing::get,
};
use schemars::{JsonSchema as _, Schema};
use serde_json::{Map, Value, json};
use utoipa_swagger_ui::{Config, SwaggerUi};
use venn_domain::{
    id::{
        AccountId, ConnectionId, DeliveryId, ImportId, InstallId, OverlapId, PartnershipId,
        PluginId, ReleaseId, RouteId, RunId, SigningKeyId, SupportGrantId, TokenId, UserId,
    },
    limits,
};

use crate::{
    app::App,
    auth::session,
    call::{Access, Body, Call, Calls, Reply, Schemas},
    error::{Code, ProblemView},
    page::DEFAULT_LIMIT,
    routes,
};

/// Every id in an example ends in this, or in the next one for a second thing of
/// a kind.
pub const EXAMPLE_TAIL: &str = "01k5v2m8q4r7t9w3x6z1b0c5d8";

/// The document as it is served and committed.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        serde_json::to_string_pretty(&document(&routes::v1())).unwrap_or_default() + "\n"
    });
    &TEXT
}

/// `/openapi.json` and `/docs`.
pub fn routes() -> Router<App> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let page = Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(false);
    Router::new()
        .merge(SwaggerUi::new("/docs").config(page))
        .layer(map_response(only_from_here))
        .route("/openapi.json", get(async move || (json, text()).into_response()))
}

/// A token is typed into this page: it loads and calls nothing but this server.
async fn only_from_here(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                          img-src 'self' data:; frame-ancestors 'none'";
    let policy = HeaderValue::from_static(POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Describes calls.
pub fn document(calls: &Calls) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let schemas = Components::of(calls.schemas());
    for call in calls.all() {
        let path = paths.entry(format!("/v1{}", call.path)).or_default();
        path.insert(call.method.as_str().to_ascii_lowercase(), operation(call, &schemas));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Venn",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": ABOUT,
        },
        "servers": [{ "url": "/", "description": "This server." }],
        "tags": tags(calls),
        "paths": paths,
        "components": {
            "schemas": schemas.all,
            "responses": refusals(calls),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token of one member of one organization, `venn_…`. What it may do is the least of the member's role and the token's scopes.",
                },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": session::COOKIE,
                    "description": "A session of one member, made by a login; it may do what the member's role allows. A call that changes something carries the session's `csrf_token` as `x-csrf-token`.",
                },
            },
        },
    })
}

const ABOUT: &str = "\
Every answer has all its keys, always: a text that is not known is empty, a thing that is not there \
is null. Times are RFC 3339 in UTC with microseconds. Whole numbers are written without a fraction, \
keys stand once, and no text has the character U+0000. New keys, calls and parameters may appear in \
answers at any time; nothing that is here goes away without a `Deprecation` and a `Sunset` header first.

Errors are problem documents (RFC 9457) with a stable `code` and a `next_step`. What does not exist \
and what is not yours to see are answered alike, by `not-found`.

Listings answer `items` and `next`: give `next` as `cursor`, with the same address and filters, until \
it is null. `fields` keeps only the named members of each object. A GET answers an `ETag`; with it in \
`If-None-Match`, an answer that did not change is a 304 without a body. A POST under an \
`Idempotency-Key` has one effect, however often it is sent within a day.";

fn tags(calls: &Calls) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for call in calls.all() {
        if !names.contains(&call.noun()) {
            names.push(call.noun());
        }
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn operation(call: &Call, schemas: &Components<'_>) -> Value {
    let access = call.access;
    let details =
        if call.details().is_empty() { String::new() } else { format!("{}\n\n", call.details()) };
    let mut operation = json!({
        "operationId": call.id,
        "tags": [call.noun()],
        "summary": call.summary(),
        "description": format!("{details}{}", who(access)),
        "security": security(access),
        "x-venn-roles": access.roles(),
        "parameters": parameters(call, schemas),
        "responses": responses(call, schemas),
    });
    if let Some(body) = request_body(call, schemas) {
        operation["requestBody"] = body;
    }
    if call.deprecated().is_some() {
        operation["deprecated"] = json!(true);
    }
    operation
}

fn who(access: Access) -> String {
    match access {
        Access::Public => "For anybody, without a token.".to_owned(),
        Access::Enrolling => format!("For {}, whatever the token's scopes.", access.words()),
        _ => format!("For {}; the token needs the scope `{}`.", access.words(), access.scope()),
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Enrolling => json!([{ "token": [] }, { "session": [] }]),
        _ => json!([{ "token": [access.scope()] }, { "session": [] }]),
    }
}

/// The parameters of paths: name, words, and what it is.
fn path_parameter(name: &str) -> Value {
    let id = |words: &str, schema: Schema| (words.to_owned(), schema.to_value());
    let mut generator = Schemas::default().taken;
    let generator = &mut generator;
    let text = |words: &str, example: &str| {
        (words.to_owned(), json!({ "type": "string", "minLength": 1, "examples": [example] }))
    };
    let (words, schema) = match name {
        "org" => text("The organization's slug or id.", "acme"),
        "plugin" => text("The plugin's id or name.", &example_id(PluginId::PREFIX)),
        "name" => text("The plugin's name.", "script"),
        "request" => text("The manifest's name of the connection.", "crm"),
        "credential" => text("The credential's name: that of the manifest's connection.", "crm"),
        "webhook" => text("The webhook's name in the manifest.", "orders"),
        "account" => id("The account's id.", AccountId::json_schema(generator)),
        "connection" => id("The connection's id.", ConnectionId::json_schema(generator)),
        "delivery" => id("The delivery's id.", DeliveryId::json_schema(generator)),
        "import" => id("The import's id.", ImportId::json_schema(generator)),
        "install" => id("The install's id.", InstallId::json_schema(generator)),
        "item" => id("The inbox item's id.", RouteId::json_schema(generator)),
        "overlap" => id("The overlap's id.", OverlapId::json_schema(generator)),
        "partnership" => id("The partnership's id.", PartnershipId::json_schema(generator)),
        "release" => id("The release's id.", ReleaseId::json_schema(generator)),
        "run" => id("The run's id.", RunId::json_schema(generator)),
        "key" => id("The signing key's id.", SigningKeyId::json_schema(generator)),
        "session" => id("The session's id.", TokenId::json_schema(generator)),
        "grant" => id("The leave's id.", SupportGrantId::json_schema(generator)),
        "token" => id("The token's id: its public part.", TokenId::json_schema(generator)),
        "user" => id("The person's id.", UserId::json_schema(generator)),
        // The lint says that it is not described.
        _ => (String::new(), json!({ "type": "string" })),
    };
    json!({ "name": name, "in": "path", "required": true, "description": words, "schema": schema })
}

fn example_id(prefix: &str) -> String {
    format!("{prefix}_{EXAMPLE_TAIL}")
}

fn parameters(call: &Call, schemas: &Components<'_>) -> Vec<Value> {
    let names = call.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let mut all: Vec<Value> = names.map(path_parameter).collect();
    if let Some(query) = &call.shape.query {
        let empty = Map::new();
        let required = query.get("required").and_then(Value::as_array);
        for (name, schema) in query.get("properties").and_then(Value::as_object).unwrap_or(&empty) {
            let mut schema = without_null(schema);
            let words = schema.remove("description").unwrap_or_default();
            let needed = required.is_some_and(|names| names.iter().any(|one| one == name));
            all.push(json!({
                "name": name, "in": "query", "required": needed, "description": words, "schema": schema,
            }));
        }
    }
    if call.shape.is_page {
        all.push(json!({
            "name": "limit", "in": "query", "required": false,
            "description": "Items in the page.",
            "schema": { "type": "integer", "minimum": 1, "maximum": limits::API_PAGE_ITEMS, "default": DEFAULT_LIMIT },
        }));
        all.push(json!({
            "name": "cursor", "in": "query", "required": false,
            "description": "The `next` of the page before; it belongs to this address and these filters.",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$" },
        }));
    }
    if call.has_fields() {
        let of = if call.shape.is_page { "each item" } else { "the answer" };
        all.push(json!({
            "name": "fields", "in": "query", "required": false, "style": "form", "explode": false,
            "description": format!("Only these members of {of}, separated by commas; the answer then lacks the others."),
            "schema": { "type": "array", "items": { "enum": call.members(schemas.collected) }, "minItems": 1 },
        }));
        all.push(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The `ETag` of an answer that the caller has.",
            "schema": { "type": "string" },
        }));
    }
    if call.takes_key() {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A fresh text per request, for example a UUID: the request has one effect, however often it is sent.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
        }));
    }
    all
}

/// A parameter is left out rather than null.
fn without_null(schema: &Value) -> Map<String, Value> {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(any)) = schema.get("anyOf") {
        let some = any.iter().find(|one| one["type"] != "null").and_then(Value::as_object).cloned();
        schema.remove("anyOf");
        schema.extend(some.unwrap_or_default());
    }
    schema
}

fn request_body(call: &Call, schemas: &Components<'_>) -> Option<Value> {
    match &call.shape.body {
        Body::None => None,
        Body::Json(schema) => {
            let mut content = json!({ "schema": schemas.taken(schema) });
            if let Some(example) = call.example() {
                content["example"] = example.clone();
            }
            Some(json!({ "required": true, "content": { "application/json": content } }))
        }
        Body::Bytes(words) => Some(json!({
            "required": true,
            "description": words,
            "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } },
        })),
        Body::Form(parts) => {
            let part = |(name, kind, words): &(&str, &str, &str)| {
                let schema =
                    json!({ "type": "string", "description": words, "contentMediaType": kind });
                ((*name).to_owned(), schema)
            };
            let properties: Map<String, Value> = parts.iter().map(part).collect();
            let required: Vec<&str> = parts.iter().map(|(name, ..)| *name).collect();
            let encoding: Map<String, Value> = parts
                .iter()
                .map(|(name, kind, _)| ((*name).to_owned(), json!({ "contentType": kind })))
                .collect();
            let schema = json!({
                "type": "object", "properties": properties, "required": required,
                "additionalProperties": false,
            });
            Some(json!({
                "required": true,
                "content": { "multipart/form-data": { "schema": schema, "encoding": encoding } },
            }))
        }
    }
}

fn responses(call: &Call, schemas: &Components<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    for (status, reply) in &call.shape.replies {
        let mut response = json!({ "description": words_of(*status) });
        match reply {
            Reply::Empty => {}
            Reply::Json(schema) => {
                response["content"] =
                    json!({ "application/json": { "schema": schemas.answered(schema) } });
            }
            Reply::Text(kind) => {
                response["content"] = json!({ *kind: { "schema": { "type": "string" } } });
            }
        }
        response["headers"] = Value::Object(headers(call));
        all.insert(status.as_u16().to_string(), response);
    }
    if call.has_fields() {
        let words = "The caller has this answer already.";
        all.insert("304".to_owned(), json!({ "description": words }));
    }
    for (status, codes) in by_status(&call.errors()) {
        let place = format!("#/components/responses/{}", refusal_name(&codes));
        all.insert(status.to_string(), json!({ "$ref": place }));
    }
    all
}

/// The headers of a good answer.
fn headers(call: &Call) -> Map<String, Value> {
    let header = |words: &str| json!({ "description": words, "required": true, "schema": { "type": "string" } });
    let mut headers = Map::new();
    if call.has_fields() {
        headers.insert("ETag".to_owned(), header("Names this very answer."));
    }
    if call.deprecated().is_some() {
        let since = "Since when it should not be used: `@` and seconds since 1970.";
        headers.insert("Deprecation".to_owned(), header(since));
        headers.insert("Sunset".to_owned(), header("When it stops to answer."));
        headers.insert("Link".to_owned(), header("What to use instead, as `successor-version`."));
    }
    headers
}

fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
}

/// Many calls are refused in the same ways: each way stands once.
fn refusal_name(codes: &[Code]) -> String {
    codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(".")
}

fn refusals(calls: &Calls) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for call in calls.all() {
        for (status, codes) in by_status(&call.errors()) {
            all.insert(refusal_name(&codes), refusal(status, &codes));
        }
    }
    all
}

fn words_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::CREATED => "It was made.",
        StatusCode::ACCEPTED => "It is being worked on.",
        StatusCode::NO_CONTENT => "Done.",
        _ => "The answer.",
    }
}

fn refusal(status: u16, codes: &[Code]) -> Value {
    let words: Vec<String> =
        codes.iter().map(|code| format!("- `{}`: {}", code.name(), code.title())).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "properties": { "code": { "enum": names }, "status": { "const": status } } },
        ],
    });
    let mut response = json!({
        "description": words.join("\n"),
        "content": { "application/problem+json": { "schema": schema } },
    });
    if status == 503 || status == 429 {
        response["headers"] = json!({ "Retry-After": {
            "description": "Seconds to wait.", "required": true, "schema": { "type": "string" },
        } });
    }
    response
}

/// The named schemas. One that is taken and answered has two names where the
/// two differ: `Grant` as it is answered, `GrantInput` as it is taken.
struct Components<'s> {
    collected: &'s Schemas,
    all: Map<String, Value>,
    renamed: Vec<String>,
}

const PLACE: &str = "#/components/schemas/";

impl<'s> Components<'s> {
    fn of(schemas: &'s Schemas) -> Self {
        let mut answered = schemas.answered.clone();
        answered.subschema_for::<ProblemView<'_>>();
        let mut all = answered.take_definitions(true);
        let taken = schemas.taken.clone().take_definitions(true);
        let mut renamed: Vec<String> = Vec::new();
        // What refers to something that has another name has one, too.
        loop {
            let before = renamed.len();
            for (name, schema) in &taken {
                let differs = all.get(name).is_some_and(|answered| answered != schema);
                let refers = renamed.iter().any(|other| refers_to(schema, other));
                if (differs || refers) && !renamed.contains(name) {
                    renamed.push(name.clone());
                }
            }
            if renamed.len() == before {
                break;
            }
        }
        let mut components = Self { collected: schemas, all: Map::new(), renamed };
        for (name, schema) in taken {
            let (name, schema) = (components.name_of(&name), components.rename(schema));
            all.insert(name, schema);
        }
        all.sort_keys();
        components.all = all;
        components
    }

    fn name_of(&self, name: &str) -> String {
        let input = if self.renamed.iter().any(|one| one == name) { "Input" } else { "" };
        format!("{name}{input}")
    }

    fn rename(&self, mut schema: Value) -> Value {
        each_reference(&mut schema, &mut |name| self.name_of(name));
        schema
    }

    fn taken(&self, schema: &Schema) -> Value {
        self.rename(schema.clone().to_value())
    }

    #[expect(clippy::unused_self, reason = "it reads as the other half of `taken`")]
    fn answered(&self, schema: &Schema) -> Value {
        schema.clone().to_value()
    }
}

fn refers_to(schema: &Value, name: &str) -> bool {
    let mut found = false;
    each_reference(&mut schema.clone(), &mut |other| {
        found |= other == name;
        other.to_owned()
    });
    found
}

/// Gives every `$ref` another name.
fn each_reference(schema: &mut Value, name: &mut impl FnMut(&str) -> String) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(place)) = object.get_mut("$ref")
                && let Some(old) = place.strip_prefix(PLACE)
            {
                *place = format!("{PLACE}{}", name(old));
            }
            object.values_mut().for_each(|value| each_reference(value, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, name)),
        _ => {}
    }
}
