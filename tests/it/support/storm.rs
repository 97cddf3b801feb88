//! Installs of a plugin that does next to nothing, and their events, committed past the
//! API: as many as one likes, or one with what it took.
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use venn_domain::id::{OrganizationId, PartnershipId, UserId};
use venn_server::app::App;
use venn_store::install::Install;

use super::{Actor, World, guest};

/// Events that are handed in at once: as many as are committed together.
const AT_ONCE: usize = 128;

/// Installs of one organization.
pub struct Crowd {
    app: App,
    organization: OrganizationId,
    user: UserId,
    partnership: PartnershipId,
    installs: Vec<Install>,
}

impl Crowd {
    /// So many installs of a plugin of this name, which nobody else has.
    pub async fn of(world: &World, customer: &Actor, plugin: &str, count: usize) -> Self {
        world.listed(&manifest(plugin), guest("script")).await;
        let me = customer.get("/v1/me").await.good();
        let mut crowd = Self {
            app: world.host.app.clone(),
            organization: parsed(&me["organization_id"]),
            user: parsed(&me["user_id"]),
            partnership: world.partnership.parse().unwrap(),
            installs: Vec::new(),
        };
        for number in 0..count {
            let body = json!({
                "plugin": plugin, "name": format!("number-{number}"), "config": {}, "connections": {},
                "grant": { "capabilities": ["state"], "partnerships": [], "populations": [],
                           "fields": [], "egress_hosts": [] },
            });
            let made = customer.post(&customer.own("installs"), &body).await.good();
            let path = format!("installs/{}/enable", made["id"].as_str().unwrap());
            customer.post(&customer.own(&path), &json!({})).await.good();
            let id = parsed(&made["id"]);
            let install = crowd.app.store.install(&crowd.organization, &id).await.unwrap();
            crowd.installs.push(install.unwrap());
        }
        crowd
    }

    /// Commits so many events of each install.
    pub async fn storms(&self, events: usize) {
        let rounds = (0..events).flat_map(|_| &self.installs);
        let commit = |install| {
            let (store, cursor) = (&self.app.store, String::new());
            store.start_backfill(install, &self.partnership, cursor, &self.user)
        };
        let committed = stream::iter(rounds.map(commit)).buffer_unordered(AT_ONCE);
        let committed: Vec<_> = committed.try_collect().await.unwrap();
        assert!(committed.iter().all(Option::is_some), "the plugin does not ask for them");
        self.app.wake.deliveries.notify_one();
    }

    /// One event of the first install, from its commit until its run is recorded: what it
    /// took, and how the delivery stands.
    pub async fn one(&self) -> (Duration, String) {
        let began = Instant::now();
        let store = &self.app.store;
        let asked = store.run_now(&self.installs[0], &self.user).await.unwrap().unwrap();
        self.app.wake.deliveries.notify_one();
        loop {
            let found = store.delivery(&self.organization, &asked.delivery).await.unwrap();
            let (delivery, _) = found.unwrap();
            if matches!(delivery.state.as_str(), "done" | "dead" | "parked") {
                return (began.elapsed(), delivery.state);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Whether the platform lets a plugin run.
pub async fn suspended(world: &World, plugin: &str, is_suspended: bool) {
    let (verb, body) = if is_suspended {
        ("suspend", json!({ "reason": "A test." }))
    } else {
        ("resume", json!({}))
    };
    world.host.platform.post(&format!("/v1/review/plugins/{plugin}/{verb}"), &body).await.good();
}

/// Waits until nothing runs and so many are parked.
pub async fn rest(world: &World, parked: u64) {
    loop {
        let waiting = world.host.app.store.backlog().await.unwrap().deliveries;
        let done = waiting["leased"] == 0 && waiting["parked"] == parked;
        if done && (parked > 0 || waiting["ready"] == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Of a plugin that keeps state, and is told of overlaps and of schedules.
pub fn manifest(name: &str) -> Value {
    let mut manifest = World::manifest(name);
    manifest["capabilities"] = json!([{ "name": "state", "reason": "To be tested." }]);
    for list in ["fields", "egress", "connections"] {
        manifest[list] = json!([]);
    }
    manifest["events"] = json!(["overlaps-changed", "schedule"]);
    manifest
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(id: &Value) -> T {
    id.as_str().unwrap().parse().unwrap()
}
