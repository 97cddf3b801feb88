//! Attacks on memory, tables and stacks: 11 to 20 of the catalogue.
use serde_json::json;

use super::{
    hostile::{hostile, with_instances},
    process,
    scene::{Scene, once},
    time::{SHARE, asleep},
};
use crate::{publish::components::with_entry, support::guest};

pub async fn memory_without_end(scene: &Scene) -> String {
    let run = scene.run(guest("memory_grow")).await;
    assert_eq!(run["ending"], "ok", "{run}");
    let got = run["summary"].as_str().unwrap().to_owned();
    let mib: u64 = got.strip_suffix(" MiB").unwrap().parse().unwrap();
    assert!((50..64).contains(&mib), "{got}");
    assert!(run["usage"]["memory_bytes"].as_u64().unwrap() <= 64 << 20, "{run}");
    format!("declined after {got}")
}

/// Three memories of 40 MiB in one component, each below the limit.
pub async fn many_instances_that_are_small_each(scene: &Scene) -> String {
    let component = with_instances(hostile("quiet"), "(module (memory 640))", 3);
    let reason = scene.fails_its_check(component).await;
    assert_eq!(reason, "the plugin's check was stopped by the limit run.memory");
    format!("not enabled: {reason}")
}

pub async fn more_instances_than_there_is_room_for(scene: &Scene) -> String {
    let twenty = with_instances(hostile("quiet"), "(module (memory 900))", 20);
    scene.refused(twenty, "component.too-complex").await;
    let empty = with_instances(hostile("quiet"), "(module)", 120);
    scene.refused(empty, "component.too-complex").await;
    let large = with_instances(hostile("quiet"), "(module (memory 1025))", 1);
    scene.refused(large, "component.too-complex").await
}

pub async fn tables_without_end(scene: &Scene) -> String {
    let run = scene.run(hostile("memory_table")).await;
    assert_eq!(run["ending"], "ok", "{run}");
    "declined beyond the limit; a modest one is given".to_owned()
}

pub async fn a_table_that_begins_too_large(scene: &Scene) -> String {
    let large = with_instances(hostile("quiet"), "(module (table 20001 funcref))", 1);
    scene.refused(large, "component.too-complex").await;
    let huge = with_entry("(core module (table 0xffffffff funcref))");
    let refused = scene.world.publisher.publish(&once(), huge).await;
    refused.refused(422, "gate-failed")["problems"][0]["reason"].as_str().unwrap().to_owned()
}

pub async fn recursion_without_end(scene: &Scene) -> String {
    scene.trapped(guest("trap_stack"), "stack-overflow").await
}

pub async fn a_call_back_into_the_host(scene: &Scene) -> String {
    let run = scene.run(hostile("memory_reenter")).await;
    assert_eq!(run["ending"], "trap", "{run}");
    let message = run["ending_detail"]["message"].as_str().unwrap();
    assert!(message.contains("cannot leave component instance"), "{message}");
    message.to_owned()
}

pub async fn a_look_for_what_was_left_in_memory(scene: &Scene) -> String {
    let world = &scene.world;
    world.listed(&once(), guest("isolate_memory")).await;
    for number in 0..8 {
        let name = format!("look-{number}");
        let install = world.enabled_as("hostile", &name, &json!({})).await;
        let run = world.runs(&install).await.remove(0);
        assert_eq!((&run["ending"], &run["summary"]), (&json!("ok"), &json!("fresh")), "{run}");
    }
    "fresh in each of 8 runs, with others between them".to_owned()
}

pub async fn runs_that_hold_what_they_have(scene: &Scene) -> String {
    let before = process::Use::now().memory_bytes;
    let most = asleep(&scene.world).await;
    let held = process::memory_peak_bytes().saturating_sub(before) >> 20;
    let bound = SHARE as u64 * 64 + 256;
    assert!(held < bound, "{held} MiB for {SHARE} runs of at most 64");
    format!("{most} runs at once held 56 MiB each; the others waited")
}
