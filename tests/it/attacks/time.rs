//! Attacks on CPU and time: 1 to 10 of the catalogue.
use futures::{StreamExt as _, future, stream};
use serde_json::{Value, json};

use super::{
    hostile::hostile,
    scene::{Scene, at_limit, once},
};
use crate::support::{World, guest};

/// What an organization that is alone may have of a server's room: half.
pub const SHARE: usize = 32;

/// Installs of the sleeper: half as many again.
const SLEEPERS: usize = SHARE + SHARE / 2;

pub async fn a_loop_without_end(scene: &Scene) -> String {
    let run = scene.run(guest("cpu_loop")).await;
    let used_ms = run["usage"]["cpu_us"].as_u64().unwrap() / 1_000;
    assert!((5_000..10_000).contains(&used_ms), "{used_ms} ms of the 5000 that it asked for");
    at_limit(&run, "run.cpu")
}

/// The check before it is enabled meets it first.
pub async fn a_loop_while_it_is_instantiated(scene: &Scene) -> String {
    let reason = scene.fails_its_check(guest("cpu_loop_start")).await;
    assert_eq!(reason, "the plugin's check was stopped by the limit run.cpu");
    format!("not enabled: {reason}")
}

pub async fn a_loop_in_its_allocator(scene: &Scene) -> String {
    scene.limited(hostile("cpu_realloc"), "run.cpu").await
}

pub async fn a_storm_of_tiny_host_calls(scene: &Scene) -> String {
    let run = scene.run(hostile("cpu_calls")).await;
    let limit = run["ending_detail"]["limit"].as_str().unwrap_or_default();
    // On a slow machine a hundred thousand calls take more than five seconds.
    assert!(matches!(limit, "run.calls" | "run.cpu"), "{run}");
    at_limit(&run, limit)
}

pub async fn a_timer_of_centuries(scene: &Scene) -> String {
    let mut manifest = once();
    manifest["limits"] = json!({ "wall_ms": 300 });
    let run = scene.run_as(&manifest, hostile("wall_century")).await;
    assert!(run["usage"]["cpu_us"].as_u64().unwrap() < 200_000, "it slept: {run}");
    at_limit(&run, "run.wall")
}

pub async fn megabytes_in_one_instruction(scene: &Scene) -> String {
    let run = scene.run(hostile("cpu_fill")).await;
    let used_ms = run["usage"]["cpu_us"].as_u64().unwrap() / 1_000;
    assert!((5_000..10_000).contains(&used_ms), "{used_ms} ms of the 5000 that it asked for");
    at_limit(&run, "run.cpu")
}

pub async fn sleepers_in_every_slot(scene: &Scene) -> String {
    let most = asleep(&scene.world).await;
    format!("{SLEEPERS} installs want to sleep, {most} slept at once; the others waited")
}

/// Installs a plugin that takes its memory and sleeps, many times; returns how many
/// of them ran at once at most. All of them end well.
pub async fn asleep(world: &World) -> usize {
    world.listed(&once(), hostile("wall_hold")).await;
    world.connection().await;
    let names: Vec<_> = (0..SLEEPERS).map(|number| format!("sleeper-{number}")).collect();
    let config = json!({});
    let enabling = names.iter().map(|name| world.enabled_as("hostile", name, &config));
    // Each is checked first, and so many checks are taken at once.
    let enabling = stream::iter(enabling).buffer_unordered(4).count();
    let watching = async {
        let mut most = 0;
        loop {
            let of = |state: &str| format!("deliveries?state={state}");
            let leased = world.acme.all(&of("leased")).await.len();
            assert!(leased <= SHARE, "{leased} runs of one organization at once");
            most = most.max(leased);
            let done = world.acme.all(&of("done")).await.len();
            if done == SLEEPERS {
                return most;
            }
        }
    };
    let (_, most) = tokio::join!(enabling, watching);
    let runs: Vec<Value> = world.acme.all("runs").await;
    assert_eq!(runs.len(), SLEEPERS);
    assert!(runs.iter().all(|run| run["ending"] == "ok"), "{runs:?}");
    most
}

/// A check holds an instance as a run does, and its caller need not wait for it.
pub async fn checks_in_every_slot(scene: &Scene) -> String {
    let world = &scene.world;
    world.listed(&once(), hostile("wall_check")).await;
    let body = json!({ "plugin": "hostile", "name": "main", "grant": world.grant(), "config": {},
                       "connections": { "crm": world.connection().await } });
    let made = world.acme.post(&world.acme.own("installs"), &body).await.good();
    let check = world.acme.own(&format!("installs/{}/check", made["id"].as_str().unwrap()));
    let body = json!({});
    let asked = (0..60).map(|_| world.acme.post(&check, &body));
    let answers = future::join_all(asked).await;
    let busy = answers.iter().filter(|answer| answer.body["code"] == "busy").count();
    let checked = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(busy + checked, answers.len(), "{answers:?}");
    assert!(checked > 0 && busy > 0, "{checked} checked, {busy} told to come again");
    format!("of 60 checks at once {checked} were made, {busy} told to come again")
}

/// A pattern of the publisher is run on what customers type.
pub async fn a_pattern_that_backtracks(scene: &Scene) -> String {
    let world = &scene.world;
    let mut manifest = once();
    let schema = |pattern: &str| json!({ "type": "object", "properties": { "name": { "type": "string", "pattern": pattern } } });
    manifest["config_schema"] = schema(r"^(?=(a+)+$)\1$");
    let refused = world.publisher.publish(&manifest, guest("script")).await;
    refused.refused(422, "bad-manifest");
    manifest["config_schema"] = schema("^(a+)+$");
    world.listed(&manifest, guest("script")).await;
    let name = format!("{}!", "a".repeat(50_000));
    let body = json!({ "plugin": "hostile", "name": "main", "grant": world.grant(),
                       "config": { "name": name }, "connections": { "crm": world.connection().await } });
    let refused = world.acme.post(&world.acme.own("installs"), &body).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    "patterns take linear time; those that cannot are refused at publish".to_owned()
}

/// As much as a check may take, and three hundred times that, eight times at once.
pub async fn a_schema_that_multiplies(scene: &Scene) -> String {
    let world = &scene.world;
    let mut manifest = once();
    let constants: Vec<_> = (10..4_910).map(|number| json!({ "const": number })).collect();
    let list = json!({ "contains": { "anyOf": constants } });
    manifest["config_schema"] = json!({ "type": "object", "properties": { "a": list } });
    world.listed(&manifest, guest("script")).await;
    let connection = world.connection().await;
    let (place, grant) = (world.acme.own("installs"), world.grant());
    for (entries, reason) in [
        (90, "it does not satisfy `contains` of the plugin's schema"),
        (
            30_000,
            "checking it against the plugin's schema takes up to 294179415 comparisons, at most 1000000 are allowed (limit `config.work`)",
        ),
    ] {
        let all = (0..8).map(|number| {
            let body = json!({ "plugin": "hostile", "name": format!("{entries}-{number}"), "grant": grant,
                               "config": { "a": vec![9; entries] }, "connections": { "crm": connection } });
            let (acme, place) = (&world.acme, &place);
            async move { acme.post(place, &body).await.refused(422, "bad-config") }
        });
        for refused in future::join_all(all).await {
            assert_eq!(refused["problems"][0]["reason"], reason);
        }
    }
    "what a check takes is known before, and bounded".to_owned()
}
