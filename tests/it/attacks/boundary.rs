//! Attacks at the border between guest and host: 21 to 34 of the catalogue, and
//! what of WASI is linked and gives nothing (43, 75).
use serde_json::{Value, json};
use wit_component::StringEncoding;

use super::{
    hostile::{hostile, hostile_in},
    scene::{Scene, at_limit, once},
};
use crate::support::guest;

pub async fn a_length_that_lies(scene: &Scene) -> String {
    scene.trapped(hostile("boundary_length"), "abi").await
}

/// A true one: the guest has them. Its default door is `state.set`.
pub async fn sixteen_megabytes_in_one_argument(scene: &Scene) -> String {
    scene.limited(guest("hostcall_big"), "run.hostcall").await
}

pub async fn a_list_that_names_the_same_bytes(scene: &Scene) -> String {
    scene.limited(hostile("boundary_alias"), "run.hostcall").await
}

pub async fn headers_without_end(scene: &Scene) -> String {
    scene.limited(hostile("boundary_headers"), "http.fields").await
}

pub async fn a_header_of_megabytes(scene: &Scene) -> String {
    scene.limited(hostile("boundary_header"), "run.hostcall").await
}

pub async fn resources_that_are_never_dropped(scene: &Scene) -> String {
    scene.limited(hostile("boundary_handles"), "run.handles").await
}

pub async fn timers_that_are_never_dropped(scene: &Scene) -> String {
    scene.limited(hostile("boundary_pollables"), "run.handles").await
}

pub async fn randomness_without_end(scene: &Scene) -> String {
    scene.limited(hostile("boundary_random"), "run.random").await
}

pub async fn a_terabyte_of_zeros(scene: &Scene) -> String {
    let run = scene.run(hostile("boundary_zeroes")).await;
    assert_eq!(run["ending"], "trap", "{run}");
    run["ending_detail"]["message"].as_str().unwrap().to_owned()
}

pub async fn text_that_is_none(scene: &Scene) -> String {
    let world = &scene.world;
    let utf16 = StringEncoding::UTF16;
    let guests = [
        hostile("boundary_text"),
        hostile_in("boundary_text", utf16),
        hostile_in("boundary_surrogates", utf16),
        hostile_in("boundary_text", StringEncoding::CompactUTF16),
    ];
    for (number, component) in guests.into_iter().enumerate() {
        let mut manifest = once();
        let name = format!("hostile-{number}");
        manifest["name"] = json!(name);
        world.listed(&manifest, component).await;
        let install = world.enabled_as(&name, &name, &json!({})).await;
        let run = world.runs(&install).await.remove(0);
        let found = (&run["ending"], &run["ending_detail"]["code"]);
        assert_eq!(found, (&json!("trap"), &json!("abi")), "{run}");
    }
    "trap abi in UTF-8, UTF-16 and latin1+UTF-16".to_owned()
}

pub async fn an_answer_of_megabytes(scene: &Scene) -> String {
    let run = scene.run(hostile("answer_big")).await;
    let limit = run["ending_detail"]["limit"].as_str().unwrap_or_default();
    assert!(matches!(limit, "report.answer" | "run.hostcall"), "{run}");
    at_limit(&run, limit)
}

/// Nothing of ours parses what a plugin answers.
pub async fn an_answer_that_nests_a_million_deep(scene: &Scene) -> String {
    let run = scene.run(hostile("answer_deep")).await;
    assert_eq!(run["ending"], "ok", "{run}");
    assert_eq!(run["ending_detail"]["answer"][1].as_array().unwrap().len(), 1 << 20);
    "kept as bytes, and read by nobody".to_owned()
}

/// Two hundred of them are a page, and more than a server has memory for.
pub async fn a_listing_of_large_answers(scene: &Scene) -> String {
    let world = &scene.world;
    world.listed(&once(), hostile("answer_deep")).await;
    for number in 0..6 {
        let install = world.enabled_as("hostile", &format!("large-{number}"), &json!({})).await;
        world.runs(&install).await;
    }
    let page = world.acme.get(&world.acme.own("runs?limit=200")).await;
    let (items, bytes) = (page.body["items"].as_array().unwrap().len(), page.text.len());
    assert!(items < 6 && page.body["next"].is_string(), "{items} runs on one page");
    assert!(bytes < 8 << 20, "{bytes} bytes");
    assert_eq!(world.acme.all("runs").await.len(), 6, "all of them, page by page");
    format!("{items} of 6 on the first page, {} MiB", bytes >> 20)
}

pub async fn a_flood_of_log_lines(scene: &Scene) -> String {
    let run = scene.run(guest("log_flood")).await;
    assert_eq!((&run["ending"], &run["log_dropped"]), (&json!("ok"), &json!(744)), "{run}");
    let log = scene.world.acme.own(&format!("runs/{}/log", run["id"].as_str().unwrap()));
    let lines = scene.world.acme.get(&log).await.good()["items"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 256);
    for line in lines.as_array().unwrap() {
        let message = line["message"].as_str().unwrap();
        assert!(!message.chars().any(char::is_control) && message.len() <= 4_112, "{line}");
    }
    "256 lines kept, 744 counted as dropped, nothing but text in them".to_owned()
}

pub async fn state_without_end(scene: &Scene) -> String {
    let run = scene.run(guest("state_flood")).await;
    assert_eq!(run["ending"], "ok", "{run}");
    let told = run["summary"].as_str().unwrap();
    assert!(told.contains("state.keys: an install keeps at most 10000 keys"), "{told}");
    told.to_owned()
}

pub async fn a_look_around_the_host(scene: &Scene) -> String {
    let run = scene.run(hostile("ambient_look")).await;
    let found = (&run["ending"], &run["ending_detail"]["done"]);
    assert_eq!(found, (&json!("ok"), &json!(0)), "{run}");
    "no variable, argument or directory".to_owned()
}

pub async fn sockets_and_names(scene: &Scene) -> String {
    let run = scene.run(hostile("ambient_socket")).await;
    assert_eq!(run["ending"], "ok", "it traps where one is not refused: {run}");
    assert_eq!(scene.world.sim.calls().len(), 0);
    assert_eq!(run["denials"], Value::from(0), "they are not even calls of ours");
    "looking up a name and connecting are refused".to_owned()
}
