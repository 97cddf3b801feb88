//! What must be there once everything is at rest: of what was accepted all, and all of it
//! once.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use venn_store::Store;

use super::{
    STEPS, Scene,
    customers::{Customers, Listener, lines},
    vendor::Vendor,
};
use crate::{
    crash::{
        BEFORE,
        calls::audit,
        events::{overlaps, tasks},
    },
    support::Actor,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How much was answered with success.
    pub accepted: u64,
    /// What of it is not there.
    pub lost: Vec<String>,
    /// What was done more than once, inside.
    pub doubled: Vec<String>,
    /// What is never done.
    pub stuck: Vec<String>,
    /// Calls outside that came again, under the same key and after a reason.
    pub repeated: u64,
    /// Calls outside that came again otherwise.
    pub odd: Vec<String>,
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap().to_owned()
}

/// What the API says.
pub async fn as_told(
    verdict: &mut Verdict,
    scene: &Scene,
    customers: &Customers,
    acme: &Actor,
    globex: &Actor,
) {
    let done = customers.done();
    let deliveries = acme.all("deliveries").await;
    let states: BTreeMap<_, _> =
        deliveries.iter().map(|one| (text(one, "id"), text(one, "state"))).collect();
    verdict.accepted += done.deliveries.len() as u64;
    for id in &done.deliveries {
        match states.get(id).map(String::as_str) {
            Some("done") => {}
            other => verdict.lost.push(format!("delivery {id} is {other:?}")),
        }
    }
    // Also of what nobody was told of: accepted or not, it is not given up.
    for (id, state) in states.iter().filter(|(_, state)| *state == "dead") {
        verdict.lost.push(format!("delivery {id} is {state}"));
    }
    let mut ended_well = BTreeSet::new();
    for run in acme.all("runs?ending=ok").await {
        // What a run that was stopped in the middle would have done was left out.
        let is_kept = run["effects_dropped"] == 0 && run["denials"] == 0;
        if is_kept && !ended_well.insert((text(&run, "delivery"), run["step"].as_u64())) {
            verdict
                .doubled
                .push(format!("a step of delivery {} by run {}", run["delivery"], run["id"]));
        }
    }
    for (actor, (prefix, rows)) in [acme, globex].into_iter().zip(["A", "G"].iter().zip(&done.rows))
    {
        let accounts = actor.all("accounts").await;
        let ids: Vec<_> = accounts.iter().map(|one| text(one, "external_id")).collect();
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        if distinct.len() != ids.len() {
            verdict.doubled.push(format!("accounts of {}", actor.org));
        }
        verdict.accepted += rows.accepted.len() as u64;
        let rows = rows.accepted.iter().map(|number| format!("{prefix}{number:05}"));
        verdict.lost.extend(rows.filter(|row| !distinct.contains(row)));
        audit(actor).await;
    }
    tasks_and_timelines(verdict, scene, acme).await;
    for (listener, (tried, accepted)) in customers.listeners().iter().zip(done.notes) {
        verdict.accepted += u64::from(accepted > 0);
        let install = acme.get(&acme.own(&format!("installs/{}", listener.install))).await.good();
        let note = install["config"]["note"].as_u64().unwrap_or(0);
        if !(accepted..=tried).contains(&note) {
            verdict.lost.push(format!("note {accepted} of {}: it is {note}", listener.name));
        }
    }
    verdict.accepted += done.tokens.len() as u64;
    let tokens: BTreeSet<_> = acme.all("tokens").await.iter().map(|one| text(one, "id")).collect();
    verdict.lost.extend(done.tokens.into_iter().filter(|token| !tokens.contains(token)));
}

/// Of each overlap that is new one task and one entry; of older ones where a backfill was asked
/// for.
async fn tasks_and_timelines(verdict: &mut Verdict, scene: &Scene, acme: &Actor) {
    let overlaps = overlaps(scene, acme).await;
    let mut tasks = tasks(scene);
    let all = tasks.len();
    tasks.dedup();
    if tasks.len() != all {
        verdict.doubled.push(format!("{} tasks", all - tasks.len()));
    }
    let without = overlaps.iter().filter(|one| !tasks.contains(&text(one, "id")));
    let without: Vec<_> = without.map(|one| text(one, "id")).collect();
    if without.len() > BEFORE {
        verdict.lost.push(format!("the tasks of {without:?}"));
    }
    for overlap in overlaps.iter().filter(|one| tasks.contains(&text(one, "id"))) {
        let timeline = format!("accounts/{}/timeline", text(overlap, "our_account"));
        let entries = acme.all(&timeline).await;
        match entries.iter().filter(|entry| entry["plugin"] == "crm-tasks").count() {
            0 => verdict.lost.push(timeline),
            1 => {}
            _ => verdict.doubled.push(timeline),
        }
    }
}

/// What the database and the vendor have, when the server is gone.
pub async fn as_kept(verdict: &mut Verdict, scene: &Scene, customers: &Customers, vendor: &Vendor) {
    let store = scene.data.store().await;
    let done = customers.done();
    let outside = vendor.effects();
    for (listener, calls) in customers.listeners().iter().zip(&done.calls) {
        let ledger = ledger(&store, listener).await;
        for (line, count) in ledger.iter().filter(|(line, _)| *line != "lines") {
            if *count != 1 {
                verdict.doubled.push(format!("{line}: {count} times"));
            }
            if !outside.contains_key(line) {
                verdict.lost.push(format!("{line}: the vendor was not told"));
            }
        }
        let sum: u64 = ledger.iter().filter(|(line, _)| *line != "lines").map(|(_, n)| n).sum();
        let lines_kept = ledger.get("lines").copied().unwrap_or(0);
        if sum != lines_kept {
            verdict.odd.push(format!("{}: {sum} lines, and {lines_kept} counted", listener.name));
        }
        for step in 0..STEPS {
            let missing = lines(listener, calls, step).filter(|line| !ledger.contains_key(line));
            verdict.lost.extend(missing);
        }
    }
    store.close().await;
    for (line, effects) in outside {
        verdict.repeated += effects.len() as u64 - 1;
        let keys: BTreeSet<_> = effects.iter().map(|effect| &effect.key).collect();
        let lives: BTreeSet<_> = effects.iter().map(|effect| effect.life).collect();
        if keys.len() != 1 || lives.len() != effects.len() {
            verdict.odd.push(format!("{line}: {effects:?}"));
        }
    }
}

/// How often each line stands in an install's ledger.
async fn ledger(store: &Store, listener: &Listener) -> BTreeMap<String, u64> {
    let install = listener.install.parse().unwrap();
    let mut ledger = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let keys = store.state_keys(&install, None, "", after.as_deref(), 200).await.unwrap();
        let Some(last) = keys.last().cloned() else { return ledger };
        for key in keys {
            let value = store.state_get(&install, None, &key).await.unwrap().0.unwrap();
            ledger.insert(key, serde_json::from_slice(&value).unwrap());
        }
        after = Some(last);
    }
}
