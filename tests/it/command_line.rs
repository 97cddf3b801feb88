//! The `venn` command against a real server: everything that the API can do
//! can be typed, and each line says what it did.
use std::{fs, path::Path, process::Output};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{
    Actor, CrmTasks, World, venn,
    world::{CRM_TOKEN, rows},
};

/// A shell in which one person types.
struct Shell {
    home: TempDir,
    url: String,
    token: String,
}

/// What a line printed.
struct Typed {
    line: String,
    code: i32,
    out: String,
    err: String,
}

impl Typed {
    /// The output of a line that worked.
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}\n{}", self.line, self.out, self.err);
        self.out
    }

    /// The answer that `--json` printed.
    #[track_caller]
    fn json(self) -> Value {
        let line = self.line.clone();
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}\n{text}"))
    }

    /// What stderr says of a line that ended so.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}\n{}", self.line, self.out, self.err);
        self.err
    }
}

impl Shell {
    fn new(actor: &Actor) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, url: actor.url.clone(), token: actor.token.clone() }
    }

    /// Types `venn LINE`; words are separated by one space.
    async fn venn(&self, line: &str) -> Typed {
        self.venn_with(line, "").await
    }

    /// The same with something on stdin.
    async fn venn_with(&self, line: &str, stdin: &str) -> Typed {
        let input = self.home.path().join("stdin");
        fs::write(&input, stdin).unwrap();
        let Output { status, stdout, stderr } = Command::new(venn())
            .args(line.split(' '))
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("VENN_SERVER", &self.url)
            .env("VENN_TOKEN", &self.token)
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

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.home.path().join(name), content).unwrap();
    }
}

/// Four people at their shells, and the world behind them.
struct Desk {
    world: World,
    platform: Shell,
    acme: Shell,
    globex: Shell,
    publisher: Shell,
}

impl Desk {
    async fn new() -> Self {
        // The command has the machine's clock: tokens must not look expired to it.
        let world = World::start_at(jiff::Timestamp::now().as_microsecond()).await;
        let [platform, acme, globex, publisher] =
            [&world.host.platform, &world.acme, &world.globex, &world.publisher].map(Shell::new);
        Self { world, platform, acme, globex, publisher }
    }

    /// Both lists are in, and Globex lets plugins with egress read names.
    async fn with_overlaps(&self) {
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
    async fn with_an_install(&self) {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_brought_in_and_looked_at() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    let acme = &desk.acme;
    assert!(acme.venn("whoami").await.good().contains("acme admin"));
    let accounts = acme.venn("accounts --all --json").await.json();
    assert_eq!(accounts["items"].as_array().unwrap().len(), 9);
    let account = accounts["items"][0]["id"].as_str().unwrap();
    assert!(acme.venn(&format!("accounts show {account}")).await.good().contains("Company"));
    acme.venn(&format!("accounts timeline {account}")).await.good();
    acme.venn("accounts populations --add key-accounts --title Keys").await.good();
    assert!(acme.venn("accounts populations").await.good().contains("key-accounts"));

    // A replace that removes too much waits: it can be dropped, or agreed to.
    for (answer, state) in [("cancel", "cancelled"), ("confirm", "done")] {
        let import = desk.world.acme.import("replace", rows(0..3, "A")).await;
        let id = import["id"].as_str().unwrap();
        let shown = acme.venn(&format!("imports show {id}")).await.good();
        assert!(shown.contains(&format!("yes: `venn imports confirm {id}`")), "{shown}");
        acme.venn(&format!("imports {answer} {id}")).await.good();
        let place = desk.world.acme.own(&format!("imports/{id}"));
        desk.world.acme.until(&place, |import| import["state"] == state).await;
    }
    assert!(acme.venn("imports list").await.good().contains("cancelled"));
    assert_eq!(
        acme.venn("accounts --all --json").await.json()["items"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partnership_is_made_looked_into_and_ended() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    let acme = &desk.acme;
    assert!(acme.venn("partner list").await.good().contains("globex"));
    acme.venn("partner show globex").await.good();
    assert!(acme.venn("partner rules globex").await.good().contains("customers"));
    let matrix = acme.venn("partner matrix globex").await.good();
    assert!(matrix.contains("customers           customers         6\n"), "{matrix}");
    assert!(matrix.contains("\n6 overlaps\n"), "{matrix}");
    let overlaps = acme.venn("partner overlaps globex --all --json").await.json();
    let overlap = &overlaps["items"][0];
    let (ours, theirs) =
        (overlap["our_account"].as_str().unwrap(), overlap["their_account"].as_str().unwrap());
    acme.venn("partner unpaired globex").await.good();
    acme.venn(&format!("partner why-not globex {ours}")).await.good();
    acme.venn(&format!("partner pair globex {ours} {theirs} --decision reject")).await.good();
    acme.venn("partner end globex --yes").await.good();
    assert!(acme.venn("partner list").await.good().contains("ended"));
    acme.venn("partner propose globex").await.good();
    desk.globex.venn("partner accept acme").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_published_reviewed_enabled_and_watched() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let Desk { acme, publisher, platform, world, .. } = &desk;

    assert!(publisher.venn("plugins list").await.good().contains("crm-tasks"));
    publisher.venn("plugins show crm-tasks").await.good();
    let releases = publisher.venn("plugins releases crm-tasks --json").await.json();
    let release = releases["items"][0]["id"].as_str().unwrap();
    let shown = publisher.venn("plugins release crm-tasks@0.1.0").await.good();
    assert!(shown.contains(release) && shown.contains("component.too-large"), "{shown}");
    let unknown = publisher.venn("plugins release crm-tasks@9.9.9").await.failed(4);
    assert_eq!(
        unknown,
        "error: crm-tasks has no release 9.9.9.\n  next: `venn plugins releases crm-tasks` shows them.\n"
    );
    assert!(acme.venn("marketplace list --q tasks").await.good().contains("crm-tasks"));
    let listing = acme.venn("marketplace show crm-tasks").await.good();
    assert!(listing.contains("Data goes to:") && listing.contains("api.hubapi.com"), "{listing}");

    let install = acme.venn("installs show eu --json").await.json();
    let id = install["id"].as_str().unwrap();
    world.runs(id).await;
    acme.venn("installs backfill eu --partner globex --yes").await.good();
    world.runs(id).await;
    let runs = acme.venn("runs --json").await.json();
    let run = runs["items"][0]["id"].as_str().unwrap();
    acme.venn(&format!("runs show {run}")).await.good();
    acme.venn(&format!("logs {run}")).await.good();
    acme.venn(&format!("logs {run} --transcript")).await.good();
    assert!(acme.venn(&format!("replay {run}")).await.good().contains("ended as the recorded"));
    let deliveries = acme.venn("deliveries list --json").await.json();
    let delivery = deliveries["items"][0]["id"].as_str().unwrap();
    acme.venn(&format!("deliveries show {delivery}")).await.good();
    let done = acme.venn(&format!("deliveries redeliver {delivery}")).await.failed(6);
    assert!(done.contains("code: wrong-state"), "{done}");
    for line in [
        "inbox",
        "inbox --incidents",
        "audit --action grant",
        "installs check eu",
        "installs pause eu",
        "installs resume eu",
        "connections list",
        "connections show hubspot",
        "installs connections eu --set crm=hubspot",
    ] {
        acme.venn(line).await.good();
    }
    acme.file("grant.json", install["grant"].to_string());
    acme.venn("installs grant eu --set @grant.json").await.good();
    acme.venn("installs config eu --set {\"min_confidence\":\"sure\"}").await.good();
    acme.venn_with("connections rotate hubspot", CRM_TOKEN).await.good();
    let same = acme.venn(&format!("installs upgrade eu --release {release}")).await.failed(6);
    assert!(same.starts_with("error: The install is at this release already.\n"), "{same}");
    acme.venn("installs uninstall eu --yes").await.good();
    acme.venn("connections remove hubspot --yes").await.good();

    assert!(platform.venn("review list --state approved").await.good().contains("crm-tasks"));
    platform.venn("review show crm-tasks@0.1.0").await.good();
    platform.venn("review suspend crm-tasks --reason looks-odd --yes").await.good();
    platform.venn("review resume crm-tasks").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_come_and_go() {
    let desk = Desk::new().await;
    let Desk { acme, platform, .. } = &desk;
    platform.venn("orgs create hooli --customer --admin-email a@hooli.example").await.good();
    assert!(platform.venn("orgs list --ids").await.good().contains("hooli"));
    platform.venn("orgs show hooli").await.good();
    assert!(acme.venn("orgs list").await.good().contains("hooli"));
    let added = "orgs members --add b@acme.example --role user --json";
    let added = acme.venn(added).await.json();
    let user = added["user_id"].as_str().unwrap();
    let made = format!("orgs tokens --create ci --scope read --user {user} --json");
    let made = acme.venn(&made).await.json();
    let token = made["id"].as_str().unwrap();
    assert!(acme.venn("orgs tokens").await.good().contains(token));
    acme.venn(&format!("orgs tokens --revoke {token} --yes")).await.good();
    acme.venn(&format!("orgs members --remove {user} --yes")).await.good();
    assert!(!acme.venn("orgs members").await.good().contains(user));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_call_can_be_typed() {
    let desk = Desk::new().await;
    let acme = &desk.acme;
    let me = acme.venn("api me --json").await.json();
    assert_eq!(me["organization_slug"], "acme");
    let made = acme
        .venn(
            "api organizations/{org}/populations --data {\"key\":\"vip\",\"title\":\"VIP\"} --json",
        )
        .await
        .json();
    assert_eq!(made["key"], "vip");
    let gone = acme.venn("api organizations/globex/accounts").await.failed(4);
    assert!(gone.contains("code: not-found"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_well_and_what_to_type() {
    let desk = Desk::new().await;
    let mut acme = desk.acme;
    let well = acme.venn("doctor").await.good();
    assert!(well.contains("ok     server") && well.contains("ok     token"), "{well}");
    acme.token = "venn_nonsense".to_owned();
    let ill = acme.venn("doctor").await;
    assert!(ill.out.contains("broken token"), "{}", ill.out);
    assert_eq!(
        ill.failed(8),
        "error: One check failed.\n  next: Do what stands beside it, then `venn doctor` again.\n"
    );
    acme.url = "http://127.0.0.1:9".to_owned();
    let away = acme.venn("doctor").await;
    assert!(
        away.out.contains("broken server") && away.out.contains("`venn serve`"),
        "{}",
        away.out
    );
    away.failed(8);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_the_manual_are_written() {
    let desk = Desk::new().await;
    assert!(desk.acme.venn("completions bash").await.good().contains("complete -F _venn"));
    desk.acme.venn("man --to man").await.good();
    let pages: Vec<_> = ["venn.1", "venn-publish.1", "venn-partner-overlaps.1"]
        .map(|page| desk.acme.home.path().join("man").join(page))
        .to_vec();
    assert!(pages.iter().all(|page| Path::new(page).exists()), "{pages:?}");
}
