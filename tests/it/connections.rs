//! Credentials for third parties: made, used, renewed, rotated, and nowhere to be read.
//!
//! - [`oauth`]: a person says yes at a service's page, and comes back
//! - [`renewal`]: tokens that end, and services that fail
//! - [`kinds`]: names with passwords, clients of a customer's own
//! - [`publisher`]: the publisher's own credentials, also while they are rotated
//! - [`searched`]: none of them lies anywhere in the clear
mod kinds;
mod oauth;
mod publisher;
mod renewal;
mod searched;

use serde_json::{Value, json};
use venn_testkit::{Call, Clock, ThirdParty as _};

use crate::support::{Actor, World, guest, host::PUBLIC_URL, script::Script, world::CLIENT};

const TOKEN_ENDPOINT: &str = "https://login.example/token";
pub const API: &str = "https://api.example/me";

/// The guest `script` with a connection `crm` by OAuth at `api.example`.
pub fn manifest() -> Value {
    let mut manifest = World::manifest("script");
    let egress = |host: &str, methods: Value, paths: Value| {
        json!({ "host": host, "methods": methods, "paths": paths, "reason": "To be tested.",
                "data": "Test data.", "retention": "None." })
    };
    manifest["egress"] = json!([
        egress("api.example", json!([]), json!([])),
        egress("login.example", json!(["GET", "POST"]), json!(["/authorize", "/token"])),
        egress("echo.example", json!([]), json!([])),
    ]);
    manifest["connections"] = json!([{
        "name": "crm", "title": "The CRM", "kind": "oauth2", "host": "api.example",
        "oauth": { "authorization_endpoint": "https://login.example/authorize",
                   "token_endpoint": TOKEN_ENDPOINT, "scopes": ["crm.read"],
                   "parameters": { "access_type": "offline" } },
    }]);
    manifest
}

/// A call with this connection.
pub fn call(connection: &str, url: &str) -> Value {
    json!({ "call": "http.send", "method": "GET", "url": url, "connection": connection })
}

fn grant(world: &World) -> Value {
    let mut grant = world.grant();
    grant["egress_hosts"] = json!(["api.example", "login.example", "echo.example"]);
    grant
}

/// The plugin listed, with its publisher's OAuth client.
pub async fn listed(world: &World, manifest: &Value) {
    world.listed(manifest, guest("script")).await;
    let client = json!({ "kind": "oauth-client", "host": "login.example", "client_id": CLIENT.0,
                         "secret": CLIENT.1 });
    put_credential(world, "crm", &client).await;
}

async fn put_credential(world: &World, name: &str, body: &Value) {
    let path = world.publisher.own(&format!("plugins/script/credentials/{name}"));
    world.publisher.put(&path, body).await.good();
}

/// A draft of it at Acme; its id.
pub async fn drafted(world: &World, name: &str, connections: Value) -> String {
    let acme = &world.acme;
    let body = json!({ "plugin": "script", "name": name, "grant": grant(world), "config": {},
                       "connections": connections });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    made["id"].as_str().unwrap().to_owned()
}

async fn enabled(world: &World, install: &str) {
    let path = world.acme.own(&format!("installs/{install}/enable"));
    world.acme.post(&path, &json!({})).await.good();
    world.runs(install).await;
}

/// An enabled install that is connected.
pub async fn connected(world: &World) -> Script<'_> {
    listed(world, &manifest()).await;
    let install = drafted(world, "main", json!({})).await;
    connect(world, &install).await;
    enabled(world, &install).await;
    Script { world, install }
}

/// The whole way: to the page, back, and the word.
async fn connect(world: &World, install: &str) -> Value {
    let link = began(&world.acme, install).await;
    let (status, page) = came_back(world, &said(world, &link, "")).await;
    assert_eq!(status, 200, "{page}");
    finished(&world.acme, install, &word(&page)).await.good()
}

fn place(actor: &Actor, install: &str) -> String {
    actor.own(&format!("installs/{install}/connections/crm/connect"))
}

/// The link to the service's page.
async fn began(actor: &Actor, install: &str) -> String {
    let link = actor.post(&place(actor, install), &json!({})).await.good();
    link["url"].as_str().unwrap().to_owned()
}

async fn finished(actor: &Actor, install: &str, word: &str) -> crate::support::Answer {
    actor.post(&(place(actor, install) + "/finish"), &json!({ "word": word })).await
}

/// What a person's browser does at the service's page; where it is sent.
pub fn said(world: &World, link: &str, more: &str) -> String {
    let link = reqwest::Url::parse(&format!("{link}{more}")).unwrap();
    let call = Call {
        order: 1,
        method: reqwest::Method::GET,
        path: link.path().to_owned(),
        query: link.query_pairs().into_owned().collect(),
        headers: reqwest::header::HeaderMap::new(),
        body: Vec::new().into(),
    };
    let answer = world.service.answer(&call, &Clock::default());
    let location = answer.headers.iter().find(|(name, _)| name == "location");
    location.unwrap_or_else(|| panic!("{answer:?}")).1.clone()
}

/// Opens an address of the public server's; status and page.
pub async fn came_back(world: &World, location: &str) -> (u16, String) {
    let here = location.replacen(PUBLIC_URL, &world.host.url, 1);
    assert_ne!(here, location, "it is not an address of ours");
    let answer = reqwest::get(here).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The word that a page shows.
pub fn word(page: &str) -> String {
    let rest = page.split("say this word: ").nth(1).unwrap_or_else(|| panic!("{page}"));
    rest.split('.').next().unwrap().to_owned()
}

/// Acme's only connection.
async fn connection(world: &World) -> Value {
    world.acme.all("connections").await.into_iter().next().expect("a connection")
}

/// How often the token endpoint was asked.
fn asked(world: &World) -> usize {
    world.login.calls().iter().filter(|call| call.path == "/token").count()
}
