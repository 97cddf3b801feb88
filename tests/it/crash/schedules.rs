//! Schedules whose time comes while the server dies: each time is one run.
use serde_json::{Value, json};

use super::{Scene, campaign, finished};

walks! { killed_at:
    before_times_are_planned = "schedule.planned";
    after_the_event_of_a_time_is_written = "schedule.event";
    before_a_time_is_committed = "schedule.before-commit";
    after_a_time_is_committed = "schedule.committed";
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    let (mut process, acme, _) = scene.start(None).await;
    let more = json!({ "grant": campaign::grant(), "connections": {} });
    let install = scene.drafted(&acme, "ledger", "ledger", more).await;
    let enable = acme.own(&format!("installs/{install}/enable"));
    let is_planned = point != "schedule.planned";
    if is_planned {
        acme.post(&enable, &json!({})).await.good();
        finished(&acme).await;
    }
    process.child.kill().await.unwrap();
    if is_planned {
        // An hour ago: it is missed, and one run stands for all times until now.
        let late = "planned_at = planned_at - 3600000000, due_at = due_at - 3600000000";
        scene.data.tamper(&format!("UPDATE schedule SET {late}")).await;
    }
    let (process, acme, _) = scene.start(Some(point)).await;
    if !is_planned {
        let (caller, to) = (acme.clone(), enable.clone());
        super::unanswered(async move { caller.post(&to, &json!({})).await }).await;
    }
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    let path = acme.own(&format!("installs/{install}/schedules"));
    if !is_planned {
        let install = acme.get(&acme.own(&format!("installs/{install}"))).await.good();
        assert_eq!(install["state"], "draft");
        acme.post(&enable, &json!({})).await.good();
        let told = acme.get(&path).await.good();
        assert!(told["schedules"][0]["next_at"].is_string(), "{told}");
        return;
    }
    let runs = acme.own(&format!("runs?install={install}"));
    let scheduled = |page: &Value| {
        let runs = page["items"].as_array().unwrap().iter();
        runs.filter(|run| run["event_kind"] == "schedule").count()
    };
    acme.until(&runs, |page| scheduled(page) > 0).await;
    let told = acme.get(&path).await.good();
    let next = told["schedules"][0]["next_at"].as_str().unwrap();
    let now = jiff::Timestamp::now();
    assert!(next.parse::<jiff::Timestamp>().unwrap() + jiff::SignedDuration::from_secs(5) > now);
    let deliveries = acme.all(&format!("deliveries?install={install}")).await;
    let of_times = deliveries.iter().filter(|one| one["event_kind"] == "schedule").count();
    // A minute may have gone by since.
    assert!((1..=2).contains(&of_times), "{deliveries:?}");
}
