//! Step 7: what the plugin may not do. Each time a typed denial, an audit
//! entry, no trap, and nothing committed for what was revoked.
use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    note, say,
    story::{ACME, Story},
};

pub(crate) fn show(story: &mut Story<'_>) -> anyhow::Result<()> {
    say("7. What it may not do");
    let mut without_field = story.grant();
    without_field["fields"] = json!(["our-name"]);
    denied_backfill(story, "a field that was not granted", Some(&without_field))?;

    story.all_delivered()?;
    story.share("plugins")?;
    denied_backfill(story, "accounts of an owner who allows only `plugins`", None)?;
    story.share("egress")?;
    story.all_delivered()?;

    let mut without_host = story.grant();
    without_host["egress_hosts"] = json!([]);
    denied_backfill(story, "a host that was not granted", Some(&without_host))?;
    story.all_delivered()?;

    revoked_midway(story)
}

/// Narrows the grant, runs a backfill into it, shows the denial, and restores.
fn denied_backfill(story: &Story<'_>, what: &str, grant: Option<&Value>) -> anyhow::Result<()> {
    if let Some(grant) = grant {
        set_grant(story, grant)?;
    }
    let before = story.tasks()?;
    let delivery = story.start_backfill()?;
    let run = ended_run(story, &delivery)?;
    show_denial(what, &run)?;
    anyhow::ensure!(story.tasks()? == before, "a denied run made tasks");
    if grant.is_some() {
        set_grant(story, &story.grant())?;
    }
    Ok(())
}

fn revoked_midway(story: &Story<'_>) -> anyhow::Result<()> {
    let control = &story.sim.control;
    let hold =
        control.post("/holds", &json!({ "path_prefix": "/crm/v3/objects/tasks/batch/upsert" }))?;
    let hold = hold["id"].as_u64().context("no hold id")?;
    let delivery = story.start_backfill()?;
    control.get(&format!("/holds/{hold}?held=1"))?;
    note("a call to HubSpot is under way; the customer takes the grant back");
    let mut nothing = story.grant();
    nothing["partnerships"] = json!([]);
    nothing["egress_hosts"] = json!([]);
    set_grant(story, &nothing)?;
    let run = ended_run(story, &delivery)?;
    control.delete(&format!("/holds/{hold}"))?;
    show_denial("a grant revoked in the middle of a run", &run)?;
    set_grant(story, &story.grant())
}

fn set_grant(story: &Story<'_>, grant: &Value) -> anyhow::Result<()> {
    let path = format!("{ACME}/installs/{}/grant", story.install);
    story.acme.put(&path, grant)?;
    Ok(())
}

/// The newest run of a delivery, once there is one that ended.
pub(crate) fn ended_run(story: &Story<'_>, delivery: &str) -> anyhow::Result<Value> {
    let path = format!("{ACME}/deliveries/{delivery}");
    let seen = story
        .acme
        .until(&path, |answer| answer["runs"].as_array().is_some_and(|runs| !runs.is_empty()))?;
    let run = seen["runs"].as_array().and_then(|runs| runs.last()).and_then(Value::as_str);
    story.acme.get(&format!("{ACME}/runs/{}", run.context("no run")?))
}

fn show_denial(what: &str, run: &Value) -> anyhow::Result<()> {
    anyhow::ensure!(run["ending"] != "trap", "a denial trapped: {run}");
    let calls = run["calls"].as_array().into_iter().flatten();
    // The plugin gets along without some things; the last denial ended the run.
    let denial = calls.map(|call| &call["result"]["denial"]).rfind(|denial| denial.is_object());
    let denial = denial.with_context(|| format!("no denial in {run}"))?;
    note(&format!(
        "{what}: {} denied: {}; {} can change it; verdict {}",
        denial["what"].as_str().unwrap_or_default(),
        denial["why"].as_str().unwrap_or_default(),
        denial["who_can_change_it"].as_str().unwrap_or_default(),
        run["verdict"]["class"].as_str().unwrap_or("none"),
    ));
    Ok(())
}
