//! The contract over time: old plugins on a newer host, newer plugins on this
//! one, published payloads, and a WIT that does not change behind anyone's back.
use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};
use venn_domain::{event::KINDS, run::Ending};

use crate::{
    sandbox::bed::Bed,
    support::{World, guest},
};

fn wit() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn files(folder: PathBuf, extension: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let entries = entries.filter(|path| path.to_string_lossy().ends_with(extension));
    entries
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect()
}

#[test]
fn the_published_contract_is_unchanged() {
    // Changed on purpose? Then wit/README.md says what that takes; before 1.0.0
    // a breaking change raises the version.
    let digests: BTreeMap<_, _> = files(wit(), ".wit")
        .into_iter()
        .map(|(name, bytes)| (name, venn_sandbox::digest(&bytes)))
        .collect();
    insta::assert_json_snapshot!(digests);
}

#[test]
fn every_kind_of_event_has_a_schema_that_lets_payloads_grow() {
    let schemas = files(wit().join("events"), ".schema.json");
    let names: Vec<_> =
        schemas.keys().map(|name| name.strip_suffix(".schema.json").unwrap()).collect();
    let mut kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    assert_eq!(names, kinds);
    for (name, bytes) in &schemas {
        let schema: Value = serde_json::from_slice(bytes).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name} is no JSON Schema");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert_eq!(
            (&schema["type"], &schema["additionalProperties"]),
            (&json!("object"), &json!(true)),
            "{name}"
        );
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(!validator.is_valid(&json!([])), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_sends_is_what_the_schemas_say() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let schemas = files(wit().join("events"), ".schema.json");
    let steps = json!([{ "call": "event" }]);
    let every = ["installed", "configured", "grant-changed", "overlaps-changed"];
    let config = json!({ "steps": every.map(|kind| (kind.to_owned(), steps.clone())).into_iter().collect::<serde_json::Map<_, _>>() });
    let path = world.acme.own(&format!("installs/{}/config", script.install));
    world.acme.put(&path, &config).await.good();
    world.runs(&script.install).await;
    let mut narrower = world.grant();
    narrower["capabilities"] = json!(["overlaps:read", "state"]);
    world.regrant(&script.install, &narrower).await;
    script.start().await;
    let runs = world.runs(&script.install).await;
    for kind in &every[1..] {
        let run = runs.iter().find(|run| run["event_kind"] == *kind);
        let run = run.unwrap_or_else(|| panic!("no run on {kind}: {runs:?}"));
        let summary: Value = serde_json::from_str(run["summary"].as_str().unwrap()).unwrap();
        let payload: Value = serde_json::from_str(summary[0]["payload"].as_str().unwrap()).unwrap();
        let schema: Value =
            serde_json::from_slice(&schemas[&format!("{kind}.schema.json")]).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&payload).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{kind} {payload}: {errors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_plugin_answers_a_kind_that_it_does_not_know() {
    let bed = Bed::start().await;
    for (kind, summary) in [("installed", "installed"), ("deal-won", "")] {
        let ran = bed.run_on("old_guest", kind, json!({ "surprise": [1, 2] })).await;
        let Ending::Ok(report) = ran.outcome.ending else { panic!("{:?}", ran.outcome.ending) };
        assert_eq!(report.summary, summary);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_plugin_is_refused_by_what_this_host_lacks() {
    let world = World::start().await;
    let missing = "build with an SDK that is not newer than this host, or without what is missing";
    let version = "build with the SDK of this host's version of the contract";
    for (name, check, reason, hint) in [
        (
            "newer_missing",
            "contract.types",
            "it imports `rank` of `venn:plugin/overlaps@0.1.0`, which this host does not have",
            missing,
        ),
        (
            "newer_differs",
            "contract.types",
            "it imports `counts` of `venn:plugin/overlaps@0.1.0` with another type than this host's: ",
            missing,
        ),
        (
            "newer_interface",
            "import.version",
            "`venn:plugin/audiences@0.1.0` is not an interface of the contract venn:plugin@0.1.0 on this host; build with an SDK that is not newer, or ask the platform for an update",
            version,
        ),
    ] {
        let manifest = World::manifest("newer");
        let refused =
            world.publisher.publish(&manifest, guest(name)).await.refused(422, "gate-failed");
        let problem = &refused["problems"][0];
        assert_eq!(
            (&problem["place"], &problem["next_step"]),
            (&json!(check), &json!(hint)),
            "{refused}"
        );
        let text = problem["reason"].as_str().unwrap();
        // What differs is in the engine's words, and they may change.
        let differs =
            name == "newer_differs" && text.starts_with(reason) && text.len() > reason.len();
        assert!(text == reason || differs, "{name}: {text}");
        assert_eq!(refused["problems"].as_array().unwrap().len(), 1, "{refused}");
    }
}
