//! Attacks on scratch files: 30 and 95 to 101 of the catalogue.
use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::scene::{Scene, at_limit, once};
use crate::support::{guest, script::Did};

/// Room that this plugin asks for.
const BYTES: u64 = 8 << 20;
const FILES: u64 = 300;

/// A manifest with files.
fn manifest() -> Value {
    let mut manifest = once();
    let asked = manifest["capabilities"].as_array_mut().unwrap();
    asked.push(json!({ "name": "scratch", "reason": "To be tested." }));
    manifest["limits"]["scratch_bytes"] = json!(BYTES);
    manifest["limits"]["scratch_files"] = json!(FILES);
    manifest
}

/// Installs the guest under this name, with files, and lets it do these steps.
async fn does(scene: &Scene, name: &str, steps: Value) -> Did {
    let mut manifest = manifest();
    manifest["name"] = json!(name);
    scene.world.listed(&manifest, guest("scratch_files")).await;
    let mut grant = scene.world.grant();
    grant["capabilities"].as_array_mut().unwrap().push(json!("scratch"));
    let install = scene.world.enabled(name, &grant, &json!({ "files": steps })).await;
    let did = Did::of(scene.world.runs(&install).await.remove(0));
    let left = left(scene);
    assert!(left.is_empty(), "{left:?}");
    did
}

/// What the runs left on the disk.
fn left(scene: &Scene) -> Vec<PathBuf> {
    let entries = fs::read_dir(scene.world.host.data.path().join("scratch"));
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// That every step after the first `made` was refused with this code.
fn refused(did: &Did, made: usize, code: &str) {
    assert_eq!(did.run["ending"], "ok", "{}", did.run);
    let steps = &did.results[1..];
    assert!(steps.len() > made, "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        assert_eq!(
            step.get("error"),
            (number >= made).then(|| json!(code)).as_ref(),
            "{number}: {step}"
        );
    }
}

pub async fn paths_that_climb_out(scene: &Scene) -> String {
    let outside = [
        "/etc/passwd",
        "//etc/passwd",
        "/tmp/x",
        "/proc/self/environ",
        "..",
        "../..",
        "../venn.db",
        "../../keys.json",
        "a/../../keys.json",
        "a/../..",
        "a/..",
        "./../x",
        "a/./../../x",
        "/",
    ];
    let mut steps = vec![json!({ "do": "make-directory", "path": "a" })];
    for path in outside {
        for how in ["r", "cw", "d"] {
            steps.push(json!({ "do": "open", "path": path, "how": how }));
        }
        for name in
            ["make-directory", "remove-directory", "unlink", "stat", "readlink", "set-times"]
        {
            steps.push(json!({ "do": name, "path": path }));
        }
        steps.push(json!({ "do": "rename", "path": "a", "to": path }));
        steps.push(json!({ "do": "rename", "path": path, "to": "b" }));
    }
    let did = does(scene, "climbs", json!(steps)).await;
    refused(&did, 1, "not-permitted");
    // A backslash is a character, and the place where it was found is not there.
    let odd = json!([
        { "do": "open", "path": "..\\..\\keys.json", "how": "r" },
        { "do": "open", "path": "tmp/x", "how": "r" },
        { "do": "open", "path": "", "how": "cw" },
        { "do": "open", "path": "%2e%2e/keys.json", "how": "r" },
    ]);
    refused(&does(scene, "odd", odd).await, 0, "no-entry");
    let long = json!([
        { "do": "open", "path": "x".repeat(256), "how": "cw" },
        { "do": "open", "path": "x/".repeat(2_500), "how": "cw" },
    ]);
    refused(&does(scene, "long", long).await, 0, "name-too-long");
    format!("{} ways out are not permitted", steps.len() - 1)
}

pub async fn links_to_elsewhere(scene: &Scene) -> String {
    let targets = ["/", "/etc/passwd", "..", "../..", "a", "nobody", "link", "/proc/self/fd/0"];
    let steps: Vec<_> =
        targets.map(|target| json!({ "do": "symlink", "path": target, "to": "link" })).into();
    refused(&does(scene, "links", json!(steps)).await, 0, "not-permitted");
    let looks = json!([
        { "do": "symlink", "path": "/etc", "to": "link" },
        { "do": "stat", "path": "link" },
        { "do": "readlink", "path": "link" },
        { "do": "open", "path": "link/passwd", "how": "r" },
        { "do": "make-directory", "path": "a" },
        { "do": "readlink", "path": "a" },
    ]);
    let did = does(scene, "looks", looks).await;
    let errors: Vec<_> = did.results[1..].iter().map(|step| step["error"].clone()).collect();
    let none = "no-entry";
    assert_eq!(
        errors,
        [
            json!("not-permitted"),
            json!(none),
            json!(none),
            json!(none),
            Value::Null,
            json!("invalid")
        ]
    );
    "no link can be made, so none is ever followed".to_owned()
}

pub async fn holes_and_second_names(scene: &Scene) -> String {
    let links = json!([
        { "do": "open", "path": "a", "how": "cw" },
        { "do": "link", "path": "a", "to": "b" },
        { "do": "link", "path": "/etc/passwd", "to": "b" },
        { "do": "link", "path": "../keys.json", "to": "b" },
    ]);
    refused(&does(scene, "second", links).await, 1, "not-permitted");
    let holes = json!([
        { "do": "open", "path": "a", "how": "cwr", "to": "a" },
        { "do": "set-size", "at": "a", "number": 1_u64 << 40 },
        { "do": "set-size", "at": "a", "number": u64::MAX },
        { "do": "write", "at": "a", "text": "x", "number": 1_u64 << 40 },
        { "do": "write", "at": "a", "text": "x", "number": u64::MAX },
        { "do": "stream", "at": "a", "text": "x", "number": u64::MAX - 1 },
        { "do": "write", "at": "a", "text": "x", "number": BYTES },
    ]);
    refused(&does(scene, "holes", holes).await, 1, "insufficient-space");
    "no second names; a hole counts like what could be written into it".to_owned()
}

pub async fn a_disk_to_be_filled(scene: &Scene) -> String {
    // In many files, by every way to write, and removed while they are open.
    let steps = json!([
        { "do": "open", "path": "a", "how": "cwr", "to": "a" },
        { "do": "fill", "at": "a", "times": 100 },
        { "do": "unlink", "path": "a" },
        { "do": "open", "path": "b", "how": "cwr", "to": "b" },
        { "do": "fill", "at": "b", "times": 100 },
        { "do": "close", "at": "a" },
        { "do": "fill", "at": "b", "times": 1_000 },
    ]);
    let did = does(scene, "fills", steps).await;
    let filled: Vec<_> = [2, 5, 7].iter().map(|step| did.results[*step].clone()).collect();
    let full = |times: u64| json!({ "times": times, "error": "insufficient-space" });
    // Chunks of 64 KiB: 100 of them, 28 beside them, 128 in all.
    assert_eq!(filled, [json!({ "times": 100 }), full(28), full(100)], "{:?}", did.results);
    let log = format!("runs/{}/log", did.run["id"].as_str().unwrap());
    let log = scene.world.acme.get(&scene.world.acme.own(&log)).await;
    assert!(log.text.contains("the limit scratch.bytes was reached"), "{}", log.text);
    format!("no space left after {} MiB", BYTES >> 20)
}

pub async fn files_and_directories_without_end(scene: &Scene) -> String {
    let full = |times: u64| json!({ "times": times, "error": "insufficient-space" });
    let name = format!("$n{}", "x".repeat(250));
    for (plugin, step) in [
        ("empty", json!({ "do": "open", "path": name, "how": "cw", "times": 1_000 })),
        ("wide", json!({ "do": "make-directory", "path": name, "times": 1_000 })),
        ("deep", json!({ "do": "go-down", "path": name, "times": 10_000 })),
    ] {
        let did = does(scene, plugin, json!([step])).await;
        assert_eq!(did.results[1], full(FILES), "{plugin}");
    }
    format!("no space left after {FILES}, however they lie")
}

pub async fn more_open_files_than_there_are(scene: &Scene) -> String {
    let steps = json!([
        { "do": "open", "path": "a", "how": "cw" },
        { "do": "open", "path": "a", "how": "r", "times": 10_000 },
    ]);
    at_limit(&does(scene, "opens", steps).await.run, "run.handles")
}

pub async fn a_look_for_what_was_left_on_the_disk(scene: &Scene) -> String {
    let leaves = |text: &str| {
        json!([
            { "do": "list" },
            { "do": "open", "path": "left", "how": "cwr", "to": "left" },
            { "do": "pour", "at": "left" },
            { "do": "stream", "at": "left", "text": text },
            { "do": "open", "path": "grown", "how": "cwr", "to": "grown" },
            { "do": "set-size", "at": "grown", "number": 4_096 },
            { "do": "pour", "at": "grown" },
        ])
    };
    for name in ["one", "another", "third"] {
        let did = does(scene, name, leaves("what a run left")).await;
        assert_eq!(did.results[1], json!({ "ok": [] }), "{name}");
        assert_eq!(did.results[3], json!({ "ok": "" }), "{name}");
        assert_eq!(did.results[7], json!({ "ok": "\0".repeat(4_096) }), "{name}");
    }
    "an empty directory in each run, and zeros in what grows".to_owned()
}

pub async fn times_that_no_calendar_has(scene: &Scene) -> String {
    let set = |seconds: u64| json!({ "do": "set-times", "path": "a", "number": seconds });
    let steps = json!([
        { "do": "open", "path": "a", "how": "cw" }, set(0), set(u64::MAX), set(1_u64 << 63),
    ]);
    refused(&does(scene, "times", steps).await, 1, "invalid");
    "more nanoseconds than a second has are invalid".to_owned()
}
