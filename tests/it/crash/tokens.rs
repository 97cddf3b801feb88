//! A token that is renewed while the server dies: the connection goes on, unless the service
//! gave what nobody kept.
use std::fs;

use serde_json::{Value, json};

use super::{Process, serve};
use crate::{
    connections,
    support::{Actor, World},
};

walks! { renewal_killed_at:
    after_the_lease_to_renew = "token.leased";
    after_the_service_gave_one = "token.fetched";
    before_the_token_is_committed = "token.before-commit";
    after_the_token_is_committed = "token.committed";
}

async fn renewal_killed_at(point: &str) {
    let world = World::start_at(jiff::Timestamp::now().as_microsecond()).await;
    // Over when it is wanted: it is renewed before the call.
    world.service.lasts(Some(1));
    let script = connections::connected(&world).await;
    script.set(&json!([connections::call("crm", connections::API)])).await;
    let install = script.install.clone();
    let World { host, login, acme, partnership, service, .. } = world;
    let data = host.stop().await;
    let ca = data.path().join("test-ca.pem");
    fs::write(&ca, &login.ca_pem).unwrap();
    let start = async |crash_at: Option<&str>| {
        let mut command = serve(&data, &ca);
        for name in ["login.example", "api.example"] {
            command.arg("--override").arg(format!("{name}={}", login.addr));
        }
        if let Some(point) = crash_at {
            command.env("VENN_CRASH_AT", point);
        }
        let process = Process::start(command).await;
        let acme = Actor::new(process.url(), "acme", &acme.token);
        (process, acme)
    };
    let (process, caller) = start(Some(point)).await;
    let body = json!({ "partnership": partnership });
    caller.post(&caller.own(&format!("installs/{install}/backfill")), &body).await.good();
    process.killed().await;
    let given = service.granted();

    let (_process, caller) = start(None).await;
    let deliveries = caller.own(&format!("deliveries?install={install}"));
    let done =
        |page: &Value| page["items"].as_array().unwrap().iter().all(|one| one["state"] == "done");
    caller.until(&deliveries, done).await;
    let connection = caller.all("connections").await.remove(0);
    // A refresh token is good once: what came of it lay in the dead process alone.
    let is_lost = ["token.fetched", "token.before-commit"].contains(&point);
    let expected = if is_lost { "reconnect-required" } else { "active" };
    assert_eq!(connection["state"], expected, "{connection}");
    assert!(is_lost || service.granted() >= given);
}
