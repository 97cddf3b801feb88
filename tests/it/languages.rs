//! What is particular to a guest language: what its programs throw, how they grow
//! and loop, what they see of clocks and chance. The guest is the same in each
//! (`tests/guests/typescript`, `tests/guests/python`). That the languages do the
//! same work is in [`crate::main_job`] and [`crate::faults`].
use serde_json::{Value, json};
use venn_domain::{limits, run::Ending};
use venn_sandbox::{Prepared, ReplayVerdict, RunLimits, Sandbox, Settings, Tape};

use crate::{
    sandbox::bed::{Bed, Ran, START, settings},
    support::{World, compile_program, guest},
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
        bed.limits = RunLimits { cpu_ms: 1_000, ..RunLimits::default() };
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
        ] {
            guest.throws(what, thrown).await;
        }
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
        ] {
            guest.throws(what, thrown).await;
        }
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
}
