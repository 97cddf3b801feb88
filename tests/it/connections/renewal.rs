//! Tokens that end, and services that fail: renewed once, nothing lost, and a person told
//! what only a person can mend.
use serde_json::{Value, json};
use venn_domain::limits;
use venn_testkit::{Fault, FaultRule};

use super::{API, asked, call, connect, connected, connection, drafted, enabled};
use crate::support::{
    World,
    script::{Script, denied},
};

const HOUR_MS: i64 = 3_600_000;

async fn ok(script: &Script<'_>) {
    let did = script.does(json!([call("crm", API)])).await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
}

fn failing() -> FaultRule {
    FaultRule::new(Fault::ServerError).path("/token")
}

async fn waits(world: &World) -> Vec<(Value, Value, Value)> {
    let items = world.acme.all("waiting").await;
    let line = |one: &Value| (one["kind"].clone(), one["text"].clone(), one["next_step"].clone());
    items.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_runs_at_once_one_renews_and_all_go_on() {
    let world = World::start().await;
    let script = connected(&world).await;
    let crm = connection(&world).await["id"].clone();
    let mut installs = vec![script.install.clone()];
    for number in 0..7 {
        let name = format!("more-{number}");
        let install = drafted(&world, &name, json!({ "crm": crm })).await;
        enabled(&world, &install).await;
        installs.push(install);
    }
    let steps = json!([{ "call": "times", "times": 5, "steps": [call("crm", API)] }]);
    for install in &installs {
        Script { world: &world, install: install.clone() }.set(&steps).await;
    }
    let before = (world.service.granted(), asked(&world));
    world.host.advance_ms(HOUR_MS);
    for install in &installs {
        Script { world: &world, install: install.clone() }.start().await;
    }
    for install in &installs {
        let did = Script { world: &world, install: install.clone() }.done().await;
        let all = did.results[0].as_array().unwrap_or_else(|| panic!("{}", did.run));
        assert!(all.iter().all(|one| one[0]["ok"]["status"] == 200), "{all:?}");
    }
    assert_eq!((world.service.granted(), asked(&world)), (before.0 + 1, before.1 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_before_its_time_is_renewed_and_the_call_sent_again() {
    let world = World::start().await;
    let script = connected(&world).await;
    ok(&script).await;
    world.host.advance_ms(limits::TOKEN_AGAIN_MS.cast_signed());
    world.service.end_access();
    ok(&script).await;
    assert_eq!(asked(&world), 2);
    // So shortly after, a 401 has another cause: the service is left alone, and the plugin told.
    world.service.end_access();
    let did = script.does(json!([call("crm", API), call("crm", API)])).await;
    assert_eq!(did.results[0]["ok"]["status"], 401, "{}", did.run);
    assert_eq!(asked(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_has_ended_is_asked_about_once_and_told_to_who_can_mend_it() {
    let world = World::start().await;
    let script = connected(&world).await;
    script.set(&json!([call("crm", API), { "call": "fault", "code": "x", "cause": "customer-config" }])).await;
    world.service.end_all();
    world.host.advance_ms(HOUR_MS);
    script.start().await;
    let did = script.done().await;
    let reason =
        "login.example says that the permission has ended (`invalid_grant`); connect it again";
    assert_eq!(did.run["verdict"]["class"], "customer-config", "{}", did.run);
    assert_eq!(did.run["verdict"]["field"], "crm");
    let now = connection(&world).await;
    assert_eq!(
        (&now["state"], &now["state_reason"]),
        (&json!("reconnect-required"), &json!(reason))
    );
    assert_eq!(
        waits(&world).await,
        [(
            json!("connection-to-reconnect"),
            json!(format!("{reason}. 1 install uses it.")),
            json!("venn installs connect main crm"),
        )]
    );
    let told = world.acme.all("audit?action=connection.reconnect-required").await;
    assert_eq!(told[0]["detail"]["reason"], reason);
    // Never a loop: nobody asks again, and nothing is sent.
    let (before, calls) = (asked(&world), world.login.calls().len());
    let another = script.does(json!([call("crm", API)])).await;
    assert_eq!(
        another.results[0],
        denied("http:egress", "connection crm", reason, "customer-admin")
    );
    assert_eq!((asked(&world), world.login.calls().len()), (before, calls));
    // Connected again it is the same connection, and works.
    connect(&world, &script.install).await;
    assert_eq!(world.acme.all("connections").await.len(), 1);
    assert_eq!(waits(&world).await, []);
    ok(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_service_fails_the_token_is_used_that_works_still() {
    let world = World::start().await;
    let script = connected(&world).await;
    world.login.script(failing());
    world.host.advance_ms(HOUR_MS - limits::TOKEN_EARLY_MS.cast_signed());
    ok(&script).await;
    let reason = "login.example answered 500 instead of a token";
    let now = connection(&world).await;
    assert_eq!((&now["state"], &now["state_reason"]), (&json!("expiring"), &json!(reason)));
    assert_eq!(waits(&world).await[0].0, "connection-expiring");
    // Not with every call.
    ok(&script).await;
    assert_eq!(asked(&world), 2);
    // Once it is over, the fault is the service's.
    world.host.advance_ms(limits::TOKEN_EARLY_MS.cast_signed());
    script
        .set(&json!([call("crm", API), { "call": "fault", "code": "x", "cause": "plugin" }]))
        .await;
    script.start().await;
    let did = script.done().await;
    assert_eq!(did.run["verdict"]["class"], "third-party", "{}", did.run);
    assert_eq!(did.run["calls"][0]["result"]["kind"], "credential");
    // It answers again: so is the connection.
    world.login.clear_faults();
    world.host.advance_ms(HOUR_MS);
    ok(&script).await;
    assert_eq!(connection(&world).await["state"], "active");
    assert_eq!(waits(&world).await, []);
    let told = world.acme.all("audit?action=connection.refresh-failed").await;
    assert_eq!(told.len(), 1, "the first failure is news, and no other");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_renewed_says_so_before_its_end() {
    let world = World::start().await;
    world.service.without_refresh();
    let script = connected(&world).await;
    world.host.advance_ms(HOUR_MS - 1_000);
    let now = connection(&world).await;
    let reason =
        "the service gave a token that ends and nothing to renew it with; connect it again";
    assert_eq!((&now["state"], &now["state_reason"]), (&json!("expiring"), &json!(reason)));
    assert_eq!(waits(&world).await[0].0, "connection-expiring");
    ok(&script).await;
    world.host.advance_ms(1_000);
    assert_eq!(connection(&world).await["state"], "reconnect-required");
    assert_eq!(waits(&world).await[0].0, "connection-to-reconnect");
    let did = script.does(json!([call("crm", API)])).await;
    assert_eq!(did.results[0], denied("http:egress", "connection crm", reason, "customer-admin"));
    assert_eq!(asked(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_died_while_it_renewed_keeps_nobody_for_long() {
    let world = World::start().await;
    let script = connected(&world).await;
    let app = &world.host.app;
    let acme = &app.store.organization("acme").await.unwrap().unwrap();
    let id = connection(&world).await["id"].as_str().unwrap().parse().unwrap();
    let found = app.store.connection(&acme.id, &id).await.unwrap().unwrap();
    world.host.advance_ms(HOUR_MS - limits::TOKEN_EARLY_MS.cast_signed());
    let until = app.clock.now().plus_ms(limits::TOKEN_LEASE_MS.cast_signed());
    app.store.lease_renewal(&found, "another process", until).await.unwrap();
    // The token works still: nobody waits.
    ok(&script).await;
    assert_eq!(asked(&world), 1);
    // It is over, and its lease ends: this process takes over.
    world.host.advance_ms(limits::TOKEN_EARLY_MS.cast_signed());
    ok(&script).await;
    assert_eq!(asked(&world), 2);
}
