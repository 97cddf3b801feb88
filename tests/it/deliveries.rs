//! What becomes of deliveries that nobody needs any more: given up by a person, too old,
//! or caused by what they do themselves.
use serde_json::{Value, json};

use crate::support::{World, script::Script};

/// Whether the platform lets the plugin run.
async fn stopped(world: &World, stopped: bool) {
    let (verb, body) =
        if stopped { ("suspend", json!({ "reason": "A test." })) } else { ("resume", json!({})) };
    world.host.platform.post(&format!("/v1/review/plugins/script/{verb}"), &body).await.good();
}

/// Two deliveries of one subject while the plugin is stopped: one is parked, the other
/// one waits behind it. Their ids, in order.
async fn two_that_wait(script: &Script<'_>) -> [String; 2] {
    let acme = &script.world.acme;
    stopped(script.world, true).await;
    script.start().await;
    script.start().await;
    script.world.runs(&script.install).await;
    let all = acme.all(&format!("deliveries?install={}", script.install)).await;
    [1, 0].map(|at| all[at]["id"].as_str().unwrap().to_owned())
}

async fn shown(world: &World, delivery: &str) -> Value {
    world.acme.get(&world.acme.own(&format!("deliveries/{delivery}"))).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_dead_with_its_reason_and_the_next_goes_on() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let [first, second] = two_that_wait(&script).await;
    assert_eq!(shown(&world, &first).await["state"], "parked");
    assert_eq!(shown(&world, &second).await["state"], "ready");
    let acme = &world.acme;
    let path = acme.own(&format!("deliveries/{first}/discard"));
    let refused = acme.post(&path, &json!({ "reason": " " })).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "The reason is missing or too long.");
    let reason = json!({ "reason": "Closed by hand." });
    world.globex.post(&path, &reason).await.refused(404, "not-found");
    let given_up = acme.post(&path, &reason).await.good();
    assert_eq!(given_up["state"], "dead");
    assert_eq!(given_up["state_reason"], "discarded: Closed by hand.");
    assert!(given_up["finished_at"].is_string(), "{given_up}");

    // Who waited behind it is looked at now, and waits for the same as it did.
    world.runs(&script.install).await;
    let waits_for = "the platform has suspended this integration";
    assert_eq!(shown(&world, &second).await["state_reason"], waits_for);
    stopped(&world, false).await;
    world.runs(&script.install).await;
    assert_eq!(shown(&world, &second).await["state"], "done");
    assert_eq!(shown(&world, &first).await["state"], "dead");

    let done = acme.own(&format!("deliveries/{second}/discard"));
    let refused = acme.post(&done, &reason).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "The delivery is done; only one that waits, is parked or dead can be discarded."
    );
    assert_eq!(
        refused["next_step"],
        "Wait for a run to end; a paused install (`POST …/installs/{install}/pause`) begins no further one."
    );
    let audit = acme.all("audit?action=delivery.discarded").await;
    assert_eq!((audit.len(), &audit[0]["subject"]), (1, &json!(first)));
    assert_eq!(audit[0]["detail"], reason);

    // A person may think better of it.
    let again = acme.own(&format!("deliveries/{first}/redeliver"));
    assert_eq!(acme.post(&again, &json!({})).await.good()["state_reason"], "");
    world.runs(&script.install).await;
    assert_eq!(shown(&world, &first).await["state"], "done");
}
