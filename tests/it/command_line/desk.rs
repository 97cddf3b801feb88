//! People who type, each in a shell of their own, and the world behind them.
use std::{collections::BTreeSet, fs, process::Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{
    Actor, CrmTasks, World, venn,
    world::{CRM_TOKEN, rows},
};

/// The tokens with which lines are typed.
const TYPED: &str = "typed";

/// A shell in which one person types.
pub struct Shell {
    pub home: TempDir,
    pub url: String,
    pub token: String,
}

/// What a line printed.
pub struct Typed {
    line: String,
    code: i32,
    pub out: String,
    err: String,
}

impl Typed {
    /// The output of a line that worked.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}\n{}", self.line, self.out, self.err);
        self.out
    }

    /// The answer that `--json` printed.
    #[track_caller]
    pub fn json(self) -> Value {
        let line = self.line.clone();
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}\n{text}"))
    }

    /// What stderr says of a line that ended so.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}\n{}", self.line, self.out, self.err);
        self.err
    }
}

impl Shell {
    /// With a token of its own, so that what was typed can be told from the rest.
    async fn of(actor: &Actor) -> Self {
        let home = tempfile::tempdir().unwrap();
        let body = json!({ "name": TYPED, "scopes": ["read", "write", "publish", "admin"] });
        let made = actor.post(&actor.own("tokens"), &body).await.good();
        let token = made["token"].as_str().unwrap().to_owned();
        Self { home, url: actor.url.clone(), token }
    }

    /// Types `venn LINE`; words are separated by one space.
    pub async fn venn(&self, line: &str) -> Typed {
        self.venn_with(line, "").await
    }

    /// The same with something on stdin.
    pub async fn venn_with(&self, line: &str, stdin: &str) -> Typed {
        let input = self.home.path().join("stdin");
        fs::write(&input, stdin).unwrap();
        let Output { status, stdout, stderr } = Command::new(venn())
            .args(line.split(' '))
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("VENN_SERVER", &self.url)
            .envs((!self.token.is_empty()).then_some(("VENN_TOKEN", &self.token)))
            .stdin(fs::File::open(input).unwrap())
            .output()
            .await
            .unwrap();
        Typed {
            line: format!("venn {line}"),
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.home.path().join(name), content).unwrap();
    }
}

/// Four people at their shells, and the world behind them.
pub struct Desk {
    pub world: World,
    pub platform: Shell,
    pub acme: Shell,
    pub globex: Shell,
    pub publisher: Shell,
}

impl Desk {
    pub async fn new() -> Self {
        // The command has the machine's clock: tokens must not look expired to it.
        let world = World::start_at(jiff::Timestamp::now().as_microsecond()).await;
        let platform = Shell::of(&world.host.platform).await;
        let (acme, globex) = (Shell::of(&world.acme).await, Shell::of(&world.globex).await);
        let publisher = Shell::of(&world.publisher).await;
        Self { world, platform, acme, globex, publisher }
    }

    /// The calls that were typed and worked, by their names.
    pub async fn reached(&self) -> BTreeSet<String> {
        self.world.host.app.write_usage().await.unwrap();
        let world = &self.world;
        let mut reached = BTreeSet::new();
        for actor in [&world.host.platform, &world.acme, &world.globex, &world.publisher] {
            let used = actor.all("api-usage").await;
            let worked = |one: &&Value| {
                // A session has the name of its program.
                let name = one["token_name"].as_str().unwrap();
                let typed = name == TYPED || name.starts_with("venn/");
                typed && one["calls"].as_u64() > one["errors"].as_u64()
            };
            let names = used.iter().filter(worked).map(|one| one["call"].as_str().unwrap());
            reached.extend(names.map(ToOwned::to_owned));
            // Calls without a token are counted for nobody; the audit has them.
            for (action, call) in
                [("session.created", "session-create"), ("password.set", "password-set")]
            {
                if !actor.all(&format!("audit?action={action}")).await.is_empty() {
                    reached.insert(call.to_owned());
                }
            }
        }
        reached
    }

    /// Both lists are in, and Globex lets plugins with egress read names.
    pub async fn with_overlaps(&self) {
        self.acme.file("list.csv", rows(0..9, "A"));
        self.globex.file("list.csv", rows(0..6, "G"));
        let done = self.acme.venn("import list.csv --mode replace").await.good();
        let added = done.lines().find(|line| line.starts_with("Added"));
        assert!(added.is_some_and(|line| line.ends_with(" 9")), "{done}");
        self.globex.venn("import list.csv --mode replace").await.good();
        self.globex
            .venn("partner rules acme --set customers:overlaps:egress:name,owner")
            .await
            .good();
        self.world.paired().await;
    }

    /// `crm-tasks` is published, approved and enabled at Acme.
    pub async fn with_an_install(&self) {
        self.publisher.file("manifest.json", CrmTasks::Rust.manifest().to_string());
        self.publisher.file("component.wasm", CrmTasks::Rust.component());
        let gate = self
            .publisher
            .venn("publish --manifest manifest.json --component component.wasm")
            .await
            .good();
        assert!(gate.contains("is submitted."), "{gate}");
        self.platform.venn("approve crm-tasks@0.1.0 --reason fine --yes").await.good();
        self.acme
            .venn_with("connections add hubspot --host api.hubapi.com", CRM_TOKEN)
            .await
            .good();
        let line = "install crm-tasks --name eu --partner globex --population customers \
                    --config {\"min_confidence\":\"likely\"} --connection crm=hubspot --enable --yes";
        let enabled = self.acme.venn(&line.split_whitespace().collect::<Vec<_>>().join(" ")).await;
        let enabled = enabled.good();
        assert!(enabled.starts_with("eu (ins_"), "{enabled}");
    }
}
