//! The main job: an overlap becomes exactly one task in the CRM.
use serde_json::{Value, json};

use crate::{
    in_each_language,
    support::{CrmTasks, World, world::rows},
};

/// Acme has the example plugin enabled; both lists share `shared` companies.
async fn with_crm_tasks(plugin: CrmTasks, shared: usize) -> (World, String) {
    let world = World::with_overlaps(shared).await;
    world.listed(&plugin.manifest(), plugin.component()).await;
    let config = json!({ "task_priority": "HIGH", "min_confidence": "likely" });
    let install = world.enabled(plugin.name(), &world.grant(), &config).await;
    world.runs(&install).await;
    (world, install)
}

fn tasks(world: &World) -> u64 {
    world.sim.counts().get("tasks").copied().unwrap_or_default()
}

in_each_language! {
    async fn an_enabled_install_makes_its_unique_property_first(plugin) {
        let (world, install) = with_crm_tasks(plugin, 3).await;
        let runs = world.runs(&install).await;
        assert_eq!(runs.len(), 1);
        assert_eq!((&runs[0]["event_kind"], &runs[0]["ending"]), (&json!("installed"), &json!("ok")));
        let made = world.sim.calls().into_iter().filter(|call| call.path == "/crm/v3/properties/tasks");
        assert_eq!(made.map(|call| call.status).collect::<Vec<_>>(), [Some(201)]);
        // What was there before it was enabled is the customer's choice: no task yet.
        assert_eq!(tasks(&world), 0);
    }

    async fn a_new_overlap_becomes_one_task_with_a_timeline_entry(plugin) {
        let (world, install) = with_crm_tasks(plugin, 2).await;
        world.acme.import("merge", rows(0..5, "A")).await;
        world.globex.import("merge", rows(0..5, "G")).await;
        world.paired().await;
        let runs = world.runs(&install).await;
        assert_eq!(runs[0]["ending"], "ok", "{}", runs[0]);
        assert_eq!(tasks(&world), 3);
        let overlaps = world.acme.all(&format!("partnerships/{}/overlaps", world.partnership)).await;
        let fresh = overlaps.iter().find(|overlap| overlap["our_name"] == "Company 4").unwrap();
        let account = fresh["our_account"].as_str().unwrap();
        let timeline = world.acme.all(&format!("accounts/{account}/timeline")).await;
        assert_eq!(timeline.len(), 1);
        assert_eq!(timeline[0]["key"], fresh["id"]);
        assert_eq!(timeline[0]["partnership"], world.partnership.as_str());
    }

    async fn the_same_list_again_makes_no_task_again(plugin) {
        let (world, install) = with_crm_tasks(plugin, 2).await;
        world.globex.import("replace", rows(0..6, "G")).await;
        world.acme.import("replace", rows(0..6, "A")).await;
        world.paired().await;
        world.runs(&install).await;
        assert_eq!(tasks(&world), 4);
        let calls = world.sim.calls().len();
        world.globex.import("replace", rows(0..6, "G")).await;
        world.paired().await;
        world.runs(&install).await;
        assert_eq!((tasks(&world), world.sim.calls().len()), (4, calls));
    }

    async fn a_backfill_is_a_chain_of_runs_with_progress(plugin) {
        let (world, install) = with_crm_tasks(plugin, 1_200).await;
        let place = world.acme.own(&format!("installs/{install}/backfill"));
        let size = world.acme.get(&format!("{place}?partnership={}", world.partnership)).await.good();
        assert_eq!(size["overlaps"], 1_200);
        let started =
            world.acme.post(&place, &json!({ "partnership": world.partnership })).await.good();
        let delivery = world.acme.own(&format!("deliveries/{}", started["delivery"].as_str().unwrap()));
        let done = world.acme.until(&delivery, |answer| answer["state"] == "done").await;
        assert_eq!(tasks(&world), 1_200);
        assert!(done["runs"].as_array().unwrap().len() > 1, "{done}");
        let progress = (&done["progress_done"], &done["progress_total"]);
        assert_eq!(progress, (&json!(1_200), &json!(1_200)));
        // The customer may choose it again: the tasks are found by their unique property.
        world.backfilled(&install).await;
        assert_eq!(tasks(&world), 1_200);
    }

    async fn a_fault_is_replayed_to_the_same_outcome_without_network(plugin) {
        let (world, install) = with_crm_tasks(plugin, 2).await;
        world.sim.fail(venn_testkit::Fault::Unavailable { retry_after_s: None });
        let run = world.backfilled(&install).await;
        assert_eq!(
            (&run["ending"], &run["verdict"]["class"]),
            (&json!("fault"), &json!("third-party"))
        );
        let calls = world.sim.calls().len();
        let path = world.acme.own(&format!("runs/{}/replay", run["id"].as_str().unwrap()));
        let replay = world.acme.post(&path, &Value::Null).await.good();
        assert_eq!(replay["result"], "same", "{replay}");
        assert_eq!(world.sim.calls().len(), calls, "a replay has no network");
    }
}
