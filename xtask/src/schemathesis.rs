//! `cargo xtask schemathesis`: a real server on which the whole job was done, and
//! schemathesis, which reads its description and tries whether it is true: for an
//! admin of each kind of organization, for somebody who may only read, and for a
//! stranger. `tests/schemathesis` says how; nothing may be found.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cargo,
    demo::{Client, Town},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Requests that are made up for each call and caller, beside the systematic ones.
    #[arg(long, default_value_t = 20)]
    examples: u32,
    /// The same number makes up the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Somebody who calls.
struct Caller {
    name: &'static str,
    token: String,
    /// What stands for `{org}` and the like.
    places: Vec<(&'static str, String)>,
    /// What is taken instead where something ends.
    spares: Vec<(&'static str, &'static str, String)>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let tools = tools()?;
    let scratch = tempfile::tempdir()?;
    let town = Town::start(&scratch.path().join("data"), 0, scratch.path())?;
    let mut failed = Vec::new();
    for caller in callers(&town)? {
        println!("\n== {} with seed {}", caller.name, options.seed);
        if !caller.tries(&tools, &town.server.url, scratch.path(), options)? {
            failed.push(caller.name);
        }
    }
    ensure!(failed.is_empty(), "schemathesis found something, as {}", failed.join(", "));
    Ok(())
}

/// A Python environment with what is pinned.
fn tools() -> anyhow::Result<PathBuf> {
    let pins = cargo::root().join("tests/schemathesis/requirements.txt");
    let place = cargo::target().join("schemathesis");
    let (wanted, done) = (fs::read_to_string(&pins)?, place.join("installed.txt"));
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(place);
    }
    cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))
        .context("Debian has it in a package of its own: `apt-get install python3-venv`")?;
    let mut pip = Command::new(place.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
    cargo::run(pip.arg(&pins))?;
    fs::write(done, wanted)?;
    Ok(place)
}

/// The first of a listing.
fn first(client: &Client, path: &str, member: &str) -> anyhow::Result<String> {
    let page = client.get(path)?;
    let text = page["items"][0][member].as_str();
    Ok(text.with_context(|| format!("{path} is empty"))?.to_owned())
}

fn made(answer: &Value, member: &str) -> anyhow::Result<String> {
    Ok(answer[member].as_str().with_context(|| format!("no {member}"))?.to_owned())
}

const ACME: &str = "/v1/organizations/acme";
const PUBLISHER: &str = "/v1/organizations/taskworks";

/// Those who call; what takes most away comes last.
fn callers(town: &Town) -> anyhow::Result<Vec<Caller>> {
    let (acme, globex) = (town.client("acme")?, town.client("globex")?);
    let (publisher, platform) = (town.client("taskworks")?, town.client("platform")?);
    let listing = |noun: &str| first(&acme, &format!("{ACME}/{noun}"), "id");
    let partnership = listing("partnerships")?;
    let overlaps = format!("{ACME}/partnerships/{partnership}/overlaps");
    let customers = vec![
        ("org", "acme".to_owned()),
        ("name", "crm-tasks".to_owned()),
        ("account", first(&acme, &overlaps, "our_account")?),
        ("overlap", first(&acme, &overlaps, "id")?),
        ("connection", listing("connections")?),
        ("delivery", listing("deliveries")?),
        ("import", listing("imports")?),
        ("install", listing("installs")?),
        ("run", listing("runs")?),
        ("partnership", partnership),
    ];
    // Not the one that the publisher's admin calls with.
    let spare = json!({ "name": "spare", "scopes": ["read"] });
    let spare = made(&publisher.post(&format!("{PUBLISHER}/tokens"), &spare)?, "id")?;
    let releases = format!("{PUBLISHER}/plugins/crm-tasks/releases");
    let publishers = vec![
        ("org", "taskworks".to_owned()),
        ("name", "crm-tasks".to_owned()),
        ("plugin", "crm-tasks".to_owned()),
        ("release", first(&publisher, &releases, "id")?),
        ("key", first(&publisher, &format!("{PUBLISHER}/signing-keys"), "id")?),
        ("token", spare),
    ];
    let person = json!({ "email": "sam@acme.example", "name": "Sam", "role": "support" });
    let sam = made(&acme.post(&format!("{ACME}/members"), &person)?, "user_id")?;
    let token = json!({ "name": "reads", "scopes": ["read"], "user": sam });
    let reads = made(&acme.post(&format!("{ACME}/tokens"), &token)?, "token")?;
    let caller = |name, token: &str, places: &[(&'static str, String)], spares| Caller {
        name,
        token: token.to_owned(),
        places: places.to_vec(),
        spares,
    };
    let spares = spares(&platform, &acme, &listing("connections")?)?;
    Ok(vec![
        caller("somebody of another organization", globex.token(), &customers, Vec::new()),
        caller("a supporter, who reads", &reads, &customers, Vec::new()),
        caller("a customer's admin", acme.token(), &customers, spares),
        caller("a publisher's admin", publisher.token(), &publishers, Vec::new()),
        caller("the platform's admin", platform.token(), &publishers, Vec::new()),
    ])
}

/// Things that may end.
fn spares(
    platform: &Client,
    acme: &Client,
    hubspot: &str,
) -> anyhow::Result<Vec<(&'static str, &'static str, String)>> {
    let make = |noun: &str, body: Value, member: &str| {
        made(&acme.post(&format!("{ACME}/{noun}"), &body)?, member)
    };
    let hooli = json!({
        "slug": "hooli", "name": "Hooli", "customer": true, "publisher": false,
        "admin_email": "admin@hooli.example", "admin_name": "Hooli admin",
    });
    platform.post("/v1/organizations", &hooli)?;
    let person = json!({ "email": "spare@acme.example", "name": "Spare", "role": "user" });
    let token = json!({ "name": "spare", "scopes": ["read"] });
    let connection = json!({
        "name": "spare", "kind": "api-key", "host": "api.example.com", "secret": "spare",
    });
    let install = json!({
        "plugin": "crm-tasks", "name": "spare", "config": {}, "connections": { "crm": hubspot },
        "grant": { "capabilities": [], "partnerships": [], "populations": [], "fields": [], "egress_hosts": [] },
    });
    Ok(vec![
        (
            "partnership-end",
            "partnership",
            make("partnerships", json!({ "partner": "hooli" }), "id")?,
        ),
        ("member-remove", "user", make("members", person, "user_id")?),
        ("token-revoke", "token", make("tokens", token, "id")?),
        ("connection-delete", "connection", make("connections", connection, "id")?),
        ("install-change-uninstall", "install", make("installs", install, "id")?),
    ])
}

impl Caller {
    /// Whether nothing was found.
    fn tries(
        &self,
        tools: &Path,
        url: &str,
        scratch: &Path,
        options: &Options,
    ) -> anyhow::Result<bool> {
        let folder = cargo::root().join("tests/schemathesis");
        let config = scratch.join("schemathesis.toml");
        fs::copy(folder.join("hooks.py"), scratch.join("hooks.py"))?;
        fs::write(
            &config,
            fs::read_to_string(folder.join("schemathesis.toml"))? + &self.config()?,
        )?;
        let mut tries = Command::new(tools.join("bin/st"));
        tries.current_dir(scratch).arg("--config-file").arg(config).arg("run");
        tries.arg(format!("{url}/openapi.json"));
        tries.args(["--max-examples", &options.examples.to_string()]);
        tries.args(["--seed", &options.seed.to_string()]);
        let status = tries.status().context("cannot run schemathesis")?;
        // Whoever loses the own token is let in nowhere, and finds nothing.
        Client::new(url, Some(&self.token))?.get("/v1/me")?;
        Ok(status.success())
    }

    /// Who calls and what is there, as schemathesis reads it.
    fn config(&self) -> anyhow::Result<String> {
        let mut text =
            format!("\n[auth.openapi.token]\nbearer = \"{}\"\n\n[parameters]\n", self.token);
        for (name, id) in &self.places {
            writeln!(text, "\"path.{name}\" = \"{id}\"")?;
        }
        for (call, name, id) in &self.spares {
            writeln!(text, "\n[[operations]]\ninclude-operation-id = \"{call}\"")?;
            writeln!(text, "parameters = {{ \"path.{name}\" = \"{id}\" }}")?;
        }
        Ok(text)
    }
}
