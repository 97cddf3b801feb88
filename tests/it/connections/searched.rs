//! A search for every credential in everything that is kept, told and shown: it finds none,
//! and it does find what is there.
use std::{
    io,
    sync::{Arc, Mutex},
};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use tracing_subscriber::{
    Registry, filter::LevelFilter, fmt::format::FmtSpan, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use super::{API, call, connect, drafted, enabled, listed, manifest, put_credential};
use crate::support::{
    World,
    script::{Did, Script},
    world::{CLIENT, CRM_TOKEN},
};

const PASSWORD: &str = "pw-canary-3e8b+/x";
const KEY: &str = "bk-canary-77a1+/x";
const WEBHOOK: &str = "wh-canary-11c9+/x";

/// One of each kind.
fn every_kind() -> Value {
    let mut manifest = manifest();
    let connections = manifest["connections"].as_array_mut().unwrap();
    connections
        .push(json!({ "name": "login", "title": "L", "kind": "basic", "host": "echo.example" }));
    connections.push(json!({ "name": "backend", "title": "B", "kind": "backend-key",
                             "host": "echo.example", "header": "x-backend-key", "prefix": "" }));
    connections
        .push(json!({ "name": "key", "title": "K", "kind": "api-key", "host": "echo.example",
                             "header": "x-api-key", "prefix": "" }));
    connections.push(json!({ "name": "client", "title": "C", "kind": "client-credentials",
                             "host": "api.example", "oauth": { "token_endpoint": super::TOKEN_ENDPOINT } }));
    manifest
}

/// A secret as it could be written down.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = reqwest::Url::parse_with_params("https://x.example", [("q", secret)])
        .unwrap()
        .query()
        .unwrap()[2..]
        .to_owned();
    vec![
        secret.to_owned(),
        BASE64.encode(secret.as_bytes()),
        BASE64_NOPAD.encode(secret.as_bytes()),
        BASE64URL_NOPAD.encode(secret.as_bytes()),
        HEXLOWER.encode(secret.as_bytes()),
        percent,
    ]
}

/// Every span with its fields and every event at every level: what logs and traces are
/// made of. Of the whole process, for there is one watcher; until its text is asked for.
struct Watched {
    said: Said,
    level: reload::Handle<LevelFilter, Registry>,
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Watched {
    fn start() -> Self {
        let said = Said::default();
        let writer = said.clone();
        let (filter, level) = reload::Layer::new(LevelFilter::TRACE);
        let lines = tracing_subscriber::fmt::layer()
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing_subscriber::registry().with(filter).with(lines).init();
        Self { said, level }
    }

    fn text(self) -> String {
        // The tests that come after it would fill the memory.
        self.level.modify(|level| *level = LevelFilter::OFF).unwrap();
        let said = std::mem::take(&mut *self.said.0.lock().unwrap());
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The run, and what the guest said of all that it saw.
fn all_of(did: &Did) -> String {
    format!("{} {}", did.run, json!(did.results))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_of_any_kind_is_found_anywhere_in_any_form() {
    let watched = Watched::start();
    let world = World::with_overlaps(1).await;
    listed(&world, &every_kind()).await;
    put_credential(
        &world,
        "backend",
        &json!({ "kind": "backend-key", "host": "echo.example", "secret": KEY }),
    )
    .await;
    put_credential(&world, "hook", &json!({ "kind": "webhook-secret", "secret": WEBHOOK })).await;
    let acme = &world.acme;
    let make =
        async |body: Value| acme.post(&acme.own("connections"), &body).await.good()["id"].clone();
    let login = make(json!({ "name": "login", "kind": "basic", "host": "echo.example", "user": "u", "secret": PASSWORD })).await;
    let key = make(
        json!({ "name": "key", "kind": "api-key", "host": "echo.example", "secret": CRM_TOKEN }),
    )
    .await;
    let client =
        make(json!({ "name": "client", "kind": "client-credentials", "host": "api.example",
        "client_id": CLIENT.0, "secret": CLIENT.1, "token_endpoint": super::TOKEN_ENDPOINT }))
        .await;
    let connections = json!({ "login": login, "key": key, "client": client });
    let install = drafted(&world, "main", connections).await;
    connect(&world, &install).await;
    enabled(&world, &install).await;
    let script = Script { world: &world, install };
    let steps = json!([
        call("crm", API),
        call("client", API),
        call("login", "https://echo.example/a"),
        call("backend", "https://echo.example/b"),
        call("key", "https://echo.example/c"),
        { "call": "config.get" },
        { "call": "host.info" },
    ]);
    let mut told = String::new();
    // One run that ends well, and says all that it has seen; one by a newer token; one that
    // fails, and goes to the publisher with a bundle.
    told += &all_of(&script.does(steps.clone()).await);
    world.host.advance_ms(3_600_000);
    told += &all_of(&script.does(steps.clone()).await);
    let mut failing = steps.as_array().unwrap().clone();
    failing.push(json!({ "call": "panic", "message": "all over" }));
    told += &all_of(&script.does(json!(failing)).await);

    for run in acme.all("runs").await {
        let id = run["id"].as_str().unwrap();
        for part in ["", "/log", "/transcript"] {
            told += &acme.get(&acme.own(&format!("runs/{id}{part}"))).await.text;
        }
        told += &acme.post(&acme.own(&format!("runs/{id}/replay")), &json!({})).await.text;
    }
    for actor in [&world.acme, &world.publisher, &world.host.platform] {
        for noun in ["inbox", "audit", "waiting", "incidents"] {
            told += &json!(actor.all(noun).await).to_string();
        }
    }
    for item in world.publisher.all("inbox").await {
        let path = world.publisher.own(&format!("inbox/{}", item["id"].as_str().unwrap()));
        told += &world.publisher.get(&path).await.text;
    }
    told += &json!(acme.all("connections").await).to_string();
    told += &world.publisher.get(&world.publisher.own("plugins/script/credentials")).await.text;
    assert!(told.contains("all over"), "the search looks at what is there");

    let mut secrets = world.service.secrets();
    assert!(secrets.len() > 6, "{secrets:?}");
    secrets.extend([PASSWORD, KEY, WEBHOOK, CRM_TOKEN].map(ToOwned::to_owned));
    secrets.push(format!("u:{PASSWORD}"));
    let data = world.host.stop().await;
    let watched = watched.text();
    assert!(watched.contains("egress.call"), "the search looks at what is there");
    told += &watched;
    let mut found = Vec::new();
    for secret in &secrets {
        for form in forms(secret) {
            if told.contains(&form) {
                found.push(format!("{form} was told"));
            }
            found.extend(
                data.places_with(form.as_bytes())
                    .iter()
                    .map(|place| format!("{form} is in {place}")),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(!data.places_with(CLIENT.0.as_bytes()).is_empty(), "the search finds what is there");
}
