//! The publisher's own credentials: usable, never readable, and rotated without a gap.
use serde_json::{Value, json};
use venn_testkit::{Fault, fingerprint};

use super::{API, asked, call, connected, drafted, enabled, manifest, put_credential};
use crate::support::{
    World, guest,
    script::{Script, denied},
    world::CLIENT,
};

const KEY: &str = "bk-canary-77a1";

fn with_backend() -> Value {
    let mut manifest = manifest();
    manifest["connections"] = json!([{ "name": "backend", "title": "Our backend",
        "kind": "backend-key", "host": "echo.example" }]);
    manifest
}

fn backend_key(secret: &str) -> Value {
    json!({ "kind": "backend-key", "host": "echo.example", "secret": secret })
}

/// Acme with the plugin; it connects nothing.
async fn installed(world: &World) -> Script<'_> {
    world.listed(&with_backend(), guest("script")).await;
    let install = drafted(world, "main", json!({})).await;
    enabled(world, &install).await;
    Script { world, install }
}

/// The key that the backend was sent last, as a fingerprint.
fn sent(world: &World) -> Option<String> {
    let calls = world.echo.calls();
    calls.last().and_then(|call| call.token_fingerprint.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backends_key_goes_along_for_every_customer_to_that_backend_only() {
    let world = World::start().await;
    let script = installed(&world).await;
    let step = || json!([call("backend", "https://echo.example/x")]);
    // Nobody has put it yet: the publisher can.
    let did = script.does(step()).await;
    let why = "the publisher has put no key for it";
    assert_eq!(did.results[0], denied("http:egress", "credential backend", why, "publisher"));
    put_credential(&world, "backend", &backend_key(KEY)).await;
    let did = script.does(step()).await;
    assert!(did.results[0]["ok"]["body"].as_str().unwrap().contains("[redacted]"), "{}", did.run);
    let did = script.does(json!([call("backend", API)])).await;
    assert_eq!(did.results[0]["denied"]["why"], "the connection is bound to https://echo.example");
    // One that was put for another host does not follow the manifest.
    let mut moved = backend_key(KEY);
    moved["host"] = json!("api.example");
    put_credential(&world, "backend", &moved).await;
    let did = script.does(step()).await;
    assert_eq!(did.results[0], denied("http:egress", "credential backend", why, "publisher"));
    // Which is said when it is put, as is a name that nothing asks for.
    let path = "plugins/script/credentials";
    let unused = async |name: &str, body: &Value| {
        let path = world.publisher.own(&format!("{path}/{name}"));
        world.publisher.put(&path, body).await.good()["unused"].clone()
    };
    assert_eq!(
        unused("backend", &moved).await,
        "the newest release, 0.1.0, asks for `backend` at echo.example, and not at api.example"
    );
    assert_eq!(unused("backend", &backend_key(KEY)).await, "");
    assert_eq!(
        unused("nonsense", &backend_key(KEY)).await,
        "the newest release, 0.1.0, asks for no connection `nonsense` of the kind backend-key"
    );
    // Others neither see nor change it.
    for stranger in [&world.acme, &world.globex] {
        stranger.get(&stranger.own(path)).await.refused(404, "not-found");
        let other = format!("/v1/organizations/taskworks/{path}/backend");
        stranger.put(&other, &backend_key("x")).await.refused(404, "not-found");
    }
    let listed = world.publisher.get(&world.publisher.own(path)).await;
    assert!(!listed.text.contains(KEY), "{}", listed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backends_key_is_rotated_both_are_good_and_calls_go_on() {
    let world = World::start().await;
    let script = installed(&world).await;
    put_credential(&world, "backend", &backend_key(KEY)).await;
    let steps = json!([call("backend", "https://echo.example/x")]);
    script.does(steps.clone()).await;
    assert_eq!(sent(&world), Some(fingerprint(KEY)));
    let publisher = &world.publisher;
    let path = publisher.own("plugins/script/credentials/backend/rotate");
    let rotated = json!({ "secret": "bk-canary-next", "overlap_s": 60 });
    let now = publisher.post(&path, &rotated).await.good();
    assert_eq!(now["previous_until"], "2026-01-01T00:01:00.000000Z");
    script.does(steps.clone()).await;
    assert_eq!(sent(&world), Some(fingerprint("bk-canary-next")), "the newest first");
    // The backend does not know it yet: the one before.
    world.echo.fail_next(1, Fault::Unauthorized);
    let did = script.does(steps.clone()).await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    assert_eq!(sent(&world), Some(fingerprint(KEY)));
    // Its time is over.
    world.host.advance_ms(60_000);
    world.echo.fail_next(1, Fault::Unauthorized);
    let did = script.does(steps).await;
    assert_eq!(did.results[0]["ok"]["status"], 401, "{}", did.run);
    let told = publisher.all("audit?action=credential.").await;
    let told: Vec<_> = told.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["credential.rotated", "credential.set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_oauth_client_is_rotated_tokens_are_renewed_with_either_secret() {
    let world = World::start().await;
    let script = connected(&world).await;
    let publisher = &world.publisher;
    let path = publisher.own("plugins/script/credentials/crm/rotate");
    publisher.post(&path, &json!({ "secret": "cs-canary-next" })).await.good();
    let ok = async || {
        world.host.advance_ms(3_600_000);
        let did = script.does(json!([call("crm", API)])).await;
        assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    };
    // The service knows the old one only; then both; then the next one only.
    ok().await;
    assert_eq!(asked(&world), 3, "the newest was tried first");
    world.service.add_secret("cs-canary-next");
    ok().await;
    world.service.forget_secret(CLIENT.1);
    ok().await;
    assert_eq!(asked(&world), 5);
    // None: the fault is the publisher's, and not the customer's.
    world.service.forget_secret("cs-canary-next");
    world.host.advance_ms(3_600_000);
    script.set(&json!([call("crm", API), { "call": "fault", "code": "x", "cause": "customer-config" }])).await;
    script.start().await;
    let did = script.done().await;
    assert_eq!(did.run["verdict"]["class"], "plugin", "{}", did.run);
    assert_eq!(did.run["verdict"]["owner"], "publisher");
    // It puts the right one, and what waited goes on.
    world.service.add_secret("cs-canary-right");
    publisher.post(&path, &json!({ "secret": "cs-canary-right" })).await.good();
    ok().await;
}
