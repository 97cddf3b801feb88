//! What is particular to a guest language: what its programs throw, how they grow
//! and loop, what they see of clocks and chance. The guest is the same in each
//! (`tests/guests/typescript`, `tests/guests/python`). That the languages do the
//! same work is in [`crate::main_job`] and [`crate::faults`].
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use venn_domain::{limits, run::Ending};
use venn_sandbox::{Prepared, ReplayVerdict, RunLimits, Sandbox, Settings, Tape};

use crate::{
    sandbox::bed::{Bed, Ran, START, settings},
    support::{World, compile_program, files_with, guest, venn},
};

/// A guest language that brings an engine of its own.
struct Guest {
    bed: Bed,
    prepared: Prepared,
}

impl Guest {
    /// Compiled by the child, as in production: that can be remembered.
    async fn start(name: &str) -> Self {
        let mut bed = Bed::start().await;
        // Where much else runs, a second of CPU takes long.
        bed.limits =
            RunLimits { cpu_ms: 1_000, wall_ms: limits::RUN_WALL_MS_MAX, ..RunLimits::default() };
        bed.sandbox = Sandbox::new(Settings {
            compile_program: compile_program(),
            compile_args: vec!["compile-child".to_owned()],
            ..settings(&bed.echo)
        })
        .unwrap();
        let gated = bed.sandbox.gate(&guest(name)).await.unwrap();
        let artifact = gated.artifact.unwrap_or_else(|| panic!("{:?}", gated.inspection.findings));
        let prepared = bed.sandbox.load(&gated.inspection.digest, &artifact).unwrap();
        Self { bed, prepared }
    }

    async fn does(&self, payload: Value) -> Ran {
        self.bed.run_prepared(&self.prepared, "overlaps-changed", payload).await
    }

    /// The run repeated from its tape, which is the same, and sends nothing.
    async fn replays(&self, ran: &Ran) {
        let tape = Tape::decode(&ran.tape.encode().unwrap()).unwrap();
        let calls = self.bed.echo.calls().len();
        let replayed = self.bed.sandbox.replay(&self.prepared, &tape).await;
        assert_eq!(replayed.verdict, ReplayVerdict::Same, "{}", ran.tape.transcript());
        assert_eq!(replayed.outcome.effects, ran.outcome.effects);
        assert_eq!(self.bed.echo.calls().len(), calls, "a replay has no network");
    }

    /// Whatever is thrown ends in a fault with this message and the manifest's code.
    async fn throws(&self, what: &str, thrown: &str) {
        let ran = self.does(json!({ "do": what })).await;
        let Ending::Fault(fault) = &ran.outcome.ending else {
            panic!("{what}: {:?}", ran.outcome.ending)
        };
        assert_eq!((fault.code.as_str(), fault.cause.as_str()), ("unexpected", "plugin"), "{what}");
        assert!(fault.message.starts_with(thrown), "{what}: {}", fault.message);
        assert!(!fault.message.contains("secret"), "{what}: {}", fault.message);
        let levels: Vec<_> = ran.outcome.log.iter().map(|line| line.level.as_str()).collect();
        assert_eq!(levels, ["error"], "{what}");
        self.replays(&ran).await;
    }

    /// What it sees of clocks and chance is the host's, and no two runs draw the
    /// same, although both began with the memory of the build.
    async fn looks(&self) {
        let (first, second) =
            (self.does(json!({ "do": "look" })).await, self.does(json!({ "do": "look" })).await);
        let told = first.told();
        let (now, start) = (told["now"].as_i64().unwrap(), START.0 / 1_000);
        assert!((start..start + 1_000).contains(&now), "{told}");
        assert_eq!((&told["kind"], &told["at"]), (&json!("overlaps-changed"), &json!(START.0)));
        for draw in 0..2 {
            assert_ne!(told["random"][draw], second.told()["random"][draw]);
        }
        let log: Vec<_> = first.outcome.log.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(log, ["looked", "printed"]);
        self.replays(&first).await;
    }

    /// Every kind of host call, and a denial that is typed.
    async fn calls(&self) {
        let ran = self.does(json!({ "do": "calls", "url": "https://echo.example/any" })).await;
        let seen = json!(["Company 1 Ltd", "Company 2 Ltd"]);
        assert_eq!(ran.told(), json!({ "kept": { "seen": seen }, "keys": ["k"], "status": 200 }));
        self.replays(&ran).await;
        let evil = "https://evil.example.com/";
        let denied = self.does(json!({ "do": "denied", "url": evil })).await.told();
        assert_eq!((&denied[0], &denied[1]), (&json!("Denied"), &json!("denied")));
        assert!(denied[2].as_str().unwrap().starts_with("http:egress: "), "{denied}");
        let ran = self.does(json!({ "do": "uncaught", "url": evil })).await;
        let Ending::Fault(fault) = &ran.outcome.ending else { panic!("{:?}", ran.outcome.ending) };
        assert_eq!((fault.code.as_str(), fault.cause.as_str()), ("not-allowed", "grant-missing"));
        self.replays(&ran).await;
    }

    /// A loop without end stops at the CPU limit, one that eats memory at the
    /// limit of memory or before.
    async fn is_stopped(&self) {
        let ran = self.does(json!({ "do": "loop" })).await;
        let cpu = Ending::Limit { limit: "run.cpu".to_owned(), waiting_in: None };
        assert_eq!(ran.outcome.ending, cpu);
        let ran = self.does(json!({ "do": "grow" })).await;
        assert!(!matches!(ran.outcome.ending, Ending::Ok(_)), "{:?}", ran.outcome.ending);
        let peak = ran.outcome.usage.memory_bytes;
        assert!(
            peak > 32 << 20 && peak <= limits::RUN_MEMORY_BYTES,
            "{peak}: {:?}",
            ran.outcome.ending
        );
        // Whoever is next finds all of it.
        assert_eq!(self.does(json!({})).await.summary(), "");
    }
}

/// Through the server: the verdict on an endless loop and on a program that eats
/// memory is the plugin's, and the publisher hears of it.
async fn its_own_excess_is_the_plugins(name: &str) {
    let world = World::with_overlaps(2).await;
    world.listed(&World::manifest("guest"), guest(name)).await;
    for what in ["loop", "grow"] {
        let install = world.enabled_as("guest", what, &json!({ "do": what })).await;
        let run = world.backfilled(&install).await;
        let verdict = (&run["verdict"]["class"], &run["verdict"]["owner"]);
        assert_eq!(verdict, (&json!("plugin"), &json!("publisher")), "{what}: {run}");
    }
}

/// What `venn new` makes builds and passes the gate on any machine that has `venn`:
/// the folder is moved, and names nothing outside of itself.
fn a_new_plugin_builds_wherever_its_folder_lies(language: &str) {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (made, moved) = (place.path().join("made"), place.path().join("moved"));
    let run = |arguments: &[&str], dir: &Path| {
        let output = Command::new(venn()).args(arguments).arg(dir).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["new", "deal-notes", "--language", language, "--dir"], &made);
    std::fs::rename(&made, &moved).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap();
    assert_eq!(files_with(&moved, source.as_bytes()), Vec::<PathBuf>::new());
    run(&["build"], &moved);
    run(&["check"], &moved);
}

mod rust {
    #[test]
    fn a_new_plugin_builds_wherever_its_folder_lies() {
        super::a_new_plugin_builds_wherever_its_folder_lies("rust");
    }
}

mod typescript {
    use super::*;

    const NAME: &str = "guest-typescript";

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_is_thrown_is_a_fault_and_no_trap() {
        let guest = Guest::start(NAME).await;
        for (what, thrown) in [
            ("throw-error", "TypeError was thrown"),
            ("throw-string", "a value of type string was thrown"),
            ("throw-number", "a value of type number was thrown"),
            ("throw-null", "a value of type object was thrown"),
            ("throw-nothing", "a value of type undefined was thrown"),
            ("throw-unspeakable", "a value of type object was thrown"),
            ("reject-string", "a value of type string was thrown"),
            ("throw-deep", "InternalError was thrown"),
            ("throw-hostile", "a value of type object was thrown"),
            ("throw-revoked", "a value of type object was thrown"),
            ("reject-revoked", "a value of type object was thrown"),
            ("throw-nameless", "an Error without a name was thrown"),
            ("bad-report", "TypeError was thrown"),
        ] {
            guest.throws(what, thrown).await;
        }
        // Half a surrogate pair is no text: it becomes a replacement character.
        assert_eq!(guest.does(json!({ "do": "half-report" })).await.summary(), "a\u{fffd}");
    }

    /// The one trap: nothing is left to run, and the engine ends the program.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_promise_that_never_settles_is_a_trap_and_the_log_says_why() {
        let guest = Guest::start(NAME).await;
        let ran = guest.does(json!({ "do": "never" })).await;
        let Ending::Trap { code, message } = &ran.outcome.ending else {
            panic!("{:?}", ran.outcome.ending)
        };
        assert_eq!(code, "unreachable");
        assert!(message.contains("in proc_exit < venn:plugin/entry@"), "{message}");
        let log: Vec<_> = ran.outcome.log.iter().map(|line| line.message.as_str()).collect();
        let why = "Error while (call) event loop error, but no exception is pending. Aborting, since that doesn't seem recoverable at all.";
        assert_eq!(log, [why]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_sees_the_hosts_clock_and_chance_and_makes_every_call() {
        let guest = Guest::start(NAME).await;
        guest.looks().await;
        guest.calls().await;
        // The other door, and its guard.
        let url = "https://echo.example/any";
        let fetched = guest.does(json!({ "do": "fetch", "url": url })).await;
        assert_eq!(fetched.told(), json!({ "status": 200, "body": true }));
        guest.replays(&fetched).await;
        let denied = guest.does(json!({ "do": "fetch", "url": "https://evil.example.com/" })).await;
        assert!(denied.told()["denied"].is_string(), "{}", denied.told());
        guest.replays(&denied).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_stopped_at_the_limits() {
        Guest::start(NAME).await.is_stopped().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn its_own_excess_is_the_plugins() {
        super::its_own_excess_is_the_plugins(NAME).await;
    }

    #[test]
    fn a_new_plugin_builds_wherever_its_folder_lies() {
        super::a_new_plugin_builds_wherever_its_folder_lies("typescript");
    }
}

mod python {
    use super::*;

    const NAME: &str = "guest-python";

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_is_raised_is_a_fault_and_no_trap() {
        let guest = Guest::start(NAME).await;
        for (what, thrown) in [
            ("throw-error", "TypeError was raised"),
            ("throw-exit", "SystemExit was raised"),
            ("throw-deep", "RecursionError was raised"),
            ("throw-half", "ValueError was raised"),
            ("bad-report", "TypeError was raised"),
            ("half-report", "ValueError was raised"),
            ("bad-call", "TypeError was raised"),
        ] {
            guest.throws(what, thrown).await;
        }
        // A third party's JSON may hold half a surrogate pair: a line is told all the same.
        let ran = guest.does(json!({ "do": "half-log" })).await;
        assert_eq!(ran.summary(), "");
        let log: Vec<_> = ran.outcome.log.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(log, [r"a\ud800"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_sees_the_hosts_clock_and_chance_and_makes_every_call() {
        let guest = Guest::start(NAME).await;
        guest.looks().await;
        guest.calls().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_stopped_at_the_limits() {
        Guest::start(NAME).await.is_stopped().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn its_own_excess_is_the_plugins() {
        super::its_own_excess_is_the_plugins(NAME).await;
    }

    #[test]
    fn a_new_plugin_builds_wherever_its_folder_lies() {
        super::a_new_plugin_builds_wherever_its_folder_lies("python");
    }
}

/// No SDK, no `venn new`: bindings of the WIT, a C compiler, a manifest by hand.
mod c {
    use venn_domain::manifest::Manifest;
    use venn_testkit::Token;

    use super::*;
    use crate::support::world::rows;

    const NAME: &str = "guest-c";

    fn manifest() -> Value {
        let manifest = Manifest::parse_toml(include_str!("../guests/c/venn.toml")).unwrap();
        serde_json::from_slice(&manifest.to_json()).unwrap()
    }

    /// The newest run after both lists have grown to `shared` companies.
    async fn grown(world: &World, install: &str, shared: usize) -> Value {
        world.acme.import("merge", rows(0..shared, "A")).await;
        world.globex.import("merge", rows(0..shared, "G")).await;
        world.paired().await;
        world.runs(install).await.remove(0)
    }

    /// Its install at Acme, with all that its manifest asks for.
    async fn enabled(world: &World) -> String {
        world.listed(&manifest(), guest(NAME)).await;
        let grant = json!({
            "capabilities": ["overlaps:read", "state", "http:egress"],
            "partnerships": [world.partnership], "populations": ["customers"],
            "fields": ["their-name"], "egress_hosts": ["api.hubapi.com"],
        });
        world.enabled(NAME, &grant, &json!({})).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_plugin_of_the_contract_alone_does_the_whole_job() {
        let world = World::with_overlaps(2).await;
        let install = enabled(&world).await;
        let run = grown(&world, &install, 5).await;
        assert_eq!((&run["ending"], &run["summary"]), (&json!("ok"), &json!("3 changes")), "{run}");
        let tasks = || world.sim.counts().get("tasks").copied();
        assert_eq!(tasks(), Some(1));
        // It kept in its state how far it has read.
        let run = grown(&world, &install, 6).await;
        assert_eq!(run["summary"], "1 changes", "{run}");
        assert_eq!(tasks(), Some(2));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refused_token_is_a_fault_that_the_host_saw_too() {
        let world = World::with_overlaps(2).await;
        let install = enabled(&world).await;
        world.sim.set_tokens(vec![Token { value: "another".to_owned(), scopes: None }]);
        let run = grown(&world, &install, 3).await;
        assert_eq!(run["ending_detail"]["code"], "crm-unauthorized", "{run}");
        assert_eq!(run["verdict"]["class"], "customer-config", "{run}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_denial_is_a_value_too_and_a_kind_of_tomorrow_is_no_error() {
        let guest = Guest::start(NAME).await;
        let ran = guest.does(json!({})).await;
        let Ending::Fault(fault) = &ran.outcome.ending else { panic!("{:?}", ran.outcome.ending) };
        assert_eq!((fault.code.as_str(), fault.cause.as_str()), ("not-allowed", "grant-missing"));
        assert_eq!(fault.message, "POST https://api.hubapi.com/crm/v3/objects/tasks");
        guest.replays(&ran).await;
        let other = guest.bed.run_prepared(&guest.prepared, "of-tomorrow", json!({})).await;
        assert_eq!(other.summary(), "");
    }
}
