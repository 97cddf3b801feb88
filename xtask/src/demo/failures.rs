//! Step 8: what goes wrong: a refused credential, a service that is down, a
//! release that traps. Three verdicts, three routes, and a replay of each.
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    denials::ended_run,
    note,
    process::CRM_TOKEN,
    say,
    story::{ACME, Story},
};

pub(crate) fn show(story: &mut Story<'_>, broken: &Path) -> anyhow::Result<()> {
    say("8. What goes wrong, and whose it is");
    story.all_delivered()?;
    credential_refused(story)?;
    service_down(story)?;
    release_traps(story, broken)
}

fn credential_refused(story: &Story<'_>) -> anyhow::Result<()> {
    story.sim.control.put("/tokens", &json!([{ "value": "another-token" }]))?;
    let run = failed_run(story, "customer-config")?;
    told(&story.acme.get(&format!("{ACME}/inbox"))?, "faq", &run)?;
    story.sim.control.put("/tokens", &json!([{ "value": CRM_TOKEN }]))?;
    let path = format!("{ACME}/connections/{}/secret", story.connection);
    story.acme.put(&path, &json!({ "secret": CRM_TOKEN }))?;
    note("the customer puts a good token into the connection: the delivery goes on by itself");
    story.all_delivered()
}

fn service_down(story: &Story<'_>) -> anyhow::Result<()> {
    story.sim.control.post("/faults", &json!({ "fault": "unavailable", "times": 1 }))?;
    let run = failed_run(story, "third-party")?;
    told(&story.acme.get(&format!("{ACME}/inbox"))?, "status-note", &run)?;
    note("HubSpot is back: the retry goes through");
    story.all_delivered()
}

fn release_traps(story: &Story<'_>, broken: &Path) -> anyhow::Result<()> {
    let release = story.venn_publish(broken)?;
    story.server.venn(
        story.platform.token(),
        &["approve", "crm-tasks@0.2.0", "--deny", "their-owner", "--reason", "as before", "--yes"],
    )?;
    let path = format!("{ACME}/installs/{}/upgrade", story.install);
    story.acme.post(&path, &json!({ "release": release["id"] }))?;
    let run = failed_run(story, "plugin")?;
    let inbox = story.publisher.get("/v1/organizations/taskworks/inbox")?;
    told(&inbox, "publisher-inbox", &run)
}

/// Starts a backfill that fails; shows verdict and evidence; replays it.
fn failed_run(story: &Story<'_>, class: &str) -> anyhow::Result<Value> {
    let delivery = story.start_backfill()?;
    let run = ended_run(story, &delivery)?;
    let verdict = &run["verdict"];
    anyhow::ensure!(verdict["class"] == class, "expected the verdict {class}: {run}");
    note(&format!("the run ended {}: {}", run["ending"], run["summary"]));
    note(&format!("verdict {class}, owner {}: {}", verdict["owner"], verdict["evidence"]));
    let id = run["id"].as_str().context("no run id")?;
    let said = story.server.venn(story.acme.token(), &["replay", id, "--json"])?;
    let replay: Value = serde_json::from_str(&said)?;
    anyhow::ensure!(replay["result"] == "same", "the replay differs: {replay}");
    note("replayed from its tape, without network: the same outcome");
    Ok(run)
}

/// Shows the route that opened for this run.
fn told(inbox: &Value, kind: &str, run: &Value) -> anyhow::Result<()> {
    let routes = inbox["items"].as_array().into_iter().flatten();
    let route = routes.into_iter().find(|route| route["kind"] == kind && route["run"] == run["id"]);
    let route = route.with_context(|| format!("no {kind} for {} in {inbox}", run["id"]))?;
    note(&format!("{kind}: {}: {}", route["title"], route["text"]));
    if let Some(field) = route["detail"]["faq"]["field"].as_str() {
        note(&format!("field to fix: {field}"));
    }
    Ok(())
}
