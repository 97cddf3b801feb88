//! Somebody else on the same server: an organization with another publisher's
//! plugin, which it uses all the time.
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Actor, World, guest, script::Did};

/// An organization that minds its own business.
#[derive(Clone)]
pub struct Bystander {
    pub customer: Actor,
    pub publisher: Actor,
    install: String,
}

/// How long its calls took; the first one that failed ended it.
pub type Calls = Result<Vec<Duration>, String>;

impl Bystander {
    /// Joins the world.
    pub async fn join(world: &World) -> Self {
        let customer = world.host.organization("bystander", true, false).await;
        let publisher = world.host.organization("neighbours", false, true).await;
        let manifest = manifest("neighbour");
        let release = publisher.publish(&manifest, guest("script")).await.good();
        let ceiling = json!({ "capabilities": ["state"], "fields": [], "egress": [] });
        world.approve("neighbour", &release, &ceiling).await;
        let body = json!({
            "plugin": "neighbour", "name": "main", "config": {}, "connections": {},
            "grant": { "capabilities": ["state"], "partnerships": [], "populations": [],
                       "fields": [], "egress_hosts": [] },
        });
        let made = customer.post(&customer.own("installs"), &body).await.good();
        let install = made["id"].as_str().unwrap().to_owned();
        let enable = customer.own(&format!("installs/{install}/enable"));
        customer.post(&enable, &json!({})).await.good();
        let this = Self { customer, publisher, install };
        this.rests().await;
        this
    }

    /// Changes its configuration, and waits for the run that this causes: an API
    /// call, a queue, a run with state that is written and read, a commit.
    async fn call(&self, number: usize) -> Result<Duration, String> {
        let began = Instant::now();
        let value = format!("call {number}");
        let steps = json!([
            { "call": "state.set", "key": "last", "value": value },
            { "call": "state.get", "key": "last" },
        ]);
        let path = self.customer.own(&format!("installs/{}/config", self.install));
        let config = json!({ "steps": { "configured": steps } });
        let answer = self.customer.put(&path, &config).await;
        if answer.status != 200 {
            return Err(format!("its change was answered {}: {}", answer.status, answer.text));
        }
        self.rests().await;
        let runs = self.customer.own(&format!("runs?install={}&limit=1", self.install));
        let run = self.customer.get(&runs).await.good()["items"][0].clone();
        let did = Did::of(run);
        match did.results.get(1) {
            Some(told) if told["ok"] == value => Ok(began.elapsed()),
            _ => Err(format!("call {number} came to {}", did.run)),
        }
    }

    /// Waits until its newest delivery is done.
    async fn rests(&self) {
        let path = self.customer.own(&format!("deliveries?install={}&limit=1", self.install));
        let over =
            |page: &Value| matches!(page["items"][0]["state"].as_str(), Some("done" | "dead"));
        self.customer.until(&path, over).await;
    }

    /// So many calls, one after the other.
    pub async fn calls(&self, count: usize) -> Calls {
        let mut took = Vec::new();
        for number in 0..count {
            took.push(self.call(number).await?);
        }
        Ok(took)
    }

    /// Calls again and again until it is told to stop, and at least once.
    pub fn goes_on(&self) -> (CancellationToken, JoinHandle<Calls>) {
        let (stop, this) = (CancellationToken::new(), self.clone());
        let stopped = stop.clone();
        let calling = tokio::spawn(async move {
            let mut took = Vec::new();
            loop {
                took.push(this.call(took.len()).await?);
                if stopped.is_cancelled() {
                    return Ok(took);
                }
            }
        });
        (stop, calling)
    }
}

/// Asks for state, and nothing else.
pub fn manifest(name: &str) -> Value {
    let mut manifest = World::manifest(name);
    manifest["capabilities"] = json!([{ "name": "state", "reason": "To be tested." }]);
    manifest["fields"] = json!([]);
    manifest["egress"] = json!([]);
    manifest["connections"] = json!([]);
    manifest["events"] = json!(["installed", "configured"]);
    manifest
}
