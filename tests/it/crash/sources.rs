//! A live source, killed while it loads: every company is an account, once.
use serde_json::json;

use super::{Scene, finished};

walks! { source_killed_at:
    a_source_between_two_of_its_calls = "deliver.before-call:6";
    a_source_after_its_accounts_are_written = "record.accounts";
    a_source_after_the_next_step_is_due = "record.moved";
    a_source_before_the_record_of_its_second_run = "record.before-commit:2";
    a_source_after_the_record_of_its_first_run = "record.committed";
}

/// Companies of a portal whose load takes more than one run.
const COMPANIES: usize = 1_100;

async fn source_killed_at(point: &str) {
    let scene = Scene::new().await;
    for n in 0..COMPANIES {
        scene.portal.add_company(&format!("Company {n}"), &format!("company-{n}.com"));
    }
    let (process, acme, _) = scene.start(Some(point)).await;
    let grant = json!({
        "capabilities": ["accounts:write", "state", "http:egress"], "partnerships": [],
        "populations": ["prospects"], "fields": [], "egress_hosts": ["api.hubapi.com"],
    });
    let install = scene.enabled(&acme, "source", "hubspot-source", json!({ "grant": grant })).await;
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    finished(&acme).await;
    let accounts = acme.all("accounts").await;
    let kept = accounts.iter().filter(|account| account["source"] == install.as_str());
    assert_eq!(kept.count(), COMPANIES);
    let source = acme.get(&acme.own(&format!("sources/{install}"))).await.good();
    let figures = ["state", "added", "removed"].map(|name| source[name].clone());
    assert_eq!(figures, [json!("synced"), json!(COMPANIES), json!(0)], "{source}");
}
