//! What runs by itself, as its customer sees it.
use serde_json::{Value, json};

use crate::support::{World, guest};

/// Half past two in Berlin, where it is winter: half past one in UTC.
async fn world() -> (World, String) {
    let world = World::start().await;
    let mut manifest = World::manifest("script");
    manifest["schedules"] = json!([{
        "name": "nightly", "title": "Looks for changes", "cron": "30 2 * * *",
        "time_zone": "Europe/Berlin", "spread_s": 0,
    }]);
    world.listed(&manifest, guest("script")).await;
    let config = json!({ "steps": { "schedule": [{ "call": "event" }] } });
    let install = world.enabled("script", &world.grant(), &config).await;
    world.runs(&install).await;
    (world, install)
}

async fn next(world: &World, install: &str) -> Value {
    let path = world.acme.own(&format!("installs/{install}/schedules"));
    world.acme.get(&path).await.good()["schedules"][0]["next_at"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_runs_by_itself_at_its_time() {
    let (world, install) = world().await;
    let path = world.acme.own(&format!("installs/{install}/schedules"));
    let told = world.acme.get(&path).await.good();
    let expected = json!({ "schedules": [{
        "name": "nightly", "title": "Looks for changes", "cron": "30 2 * * *",
        "words": "At 02:30.", "time_zone": "Europe/Berlin", "missed": "once",
        "next_at": "2026-01-01T01:30:00.000000Z",
    }] });
    assert_eq!(told, expected);
    world.host.advance_ms(90 * 60_000);
    let runs = world.acme.own(&format!("runs?install={install}"));
    let scheduled = |page: &Value| {
        page["items"].as_array().unwrap().iter().any(|run| run["event_kind"] == "schedule")
    };
    world.acme.until(&runs, scheduled).await;
    let runs = world.runs(&install).await;
    assert_eq!((&runs[0]["subject"], &runs[0]["ending"]), (&json!("nightly"), &json!("ok")));
    let summary: Value = serde_json::from_str(runs[0]["summary"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_str(summary[0]["payload"].as_str().unwrap()).unwrap();
    let due_at = 1_767_231_000_000_000_i64;
    assert_eq!(payload, json!({ "schedule": "nightly", "due_at": due_at, "asked_by": null }));
    assert_eq!(next(&world, &install).await, "2026-01-02T01:30:00.000000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_is_refused_with_its_place() {
    let world = World::start().await;
    let mut manifest = World::manifest("script");
    manifest["schedules"] = json!([
        { "name": "run-now", "title": "x", "cron": "0 0 31 2 *", "time_zone": "Mars/Olympus" },
        { "name": "b", "title": "y", "cron": "0 0 * * *", "time_zone": "Europe/Bonn" },
    ]);
    let refused = world.publisher.publish(&manifest, guest("script")).await;
    let problems = refused.refused(422, "bad-manifest");
    let told: Vec<_> = problems["problems"].as_array().unwrap().iter().collect();
    let places: Vec<_> = told.iter().map(|problem| problem["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["schedules[0].name", "schedules[0].time_zone", "schedules[1].time_zone"]);
}
