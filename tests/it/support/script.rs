//! The guest `script`, driven through the server: its steps stand in the
//! install's configuration, and what each was answered in the run's report.
use serde_json::{Value, json};

use super::{World, guest};

/// An install of the guest `script` at Acme.
pub struct Script<'w> {
    pub world: &'w World,
    pub install: String,
}

/// What a run did.
#[derive(Debug)]
pub struct Did {
    /// The run, as the API has it.
    pub run: Value,
    /// What each step was answered; empty unless it ended well.
    pub results: Vec<Value>,
}

impl World {
    /// The guest `script`, listed with all that it asks for and enabled with
    /// this grant.
    pub async fn script(&self, grant: &Value) -> Script<'_> {
        self.listed(&Self::manifest("script"), guest("script")).await;
        self.scripted(grant).await
    }

    /// The same where the plugin is listed already.
    pub async fn scripted(&self, grant: &Value) -> Script<'_> {
        let install = self.enabled("script", grant, &json!({})).await;
        self.runs(&install).await;
        Script { world: self, install }
    }
}

impl Script<'_> {
    /// A second install of the same plugin with the same connection.
    pub async fn another(&self) -> Self {
        let acme = &self.world.acme;
        let connection = acme.all("connections").await[0]["id"].clone();
        let body = json!({ "plugin": "script", "name": "second", "grant": self.world.grant(),
                           "config": {}, "connections": { "crm": connection } });
        let made = acme.post(&acme.own("installs"), &body).await.good();
        let install = made["id"].as_str().unwrap().to_owned();
        acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
        self.world.runs(&install).await;
        Self { world: self.world, install }
    }

    /// Lets the next event about a partnership do these steps.
    pub async fn set(&self, steps: &Value) {
        let path = self.world.acme.own(&format!("installs/{}/config", self.install));
        let config = json!({ "steps": { "overlaps-changed": steps } });
        self.world.acme.put(&path, &config).await.good();
        self.world.runs(&self.install).await;
    }

    /// Starts a run for the partnership and does not wait for it.
    pub async fn start(&self) {
        let path = self.world.acme.own(&format!("installs/{}/backfill", self.install));
        let body = json!({ "partnership": self.world.partnership });
        self.world.acme.post(&path, &body).await.good();
    }

    /// The newest run about a partnership, once nothing runs any more.
    pub async fn done(&self) -> Did {
        let runs = self.world.runs(&self.install).await;
        let run = runs.into_iter().find(|run| run["event_kind"] == "overlaps-changed");
        Did::of(run.expect("a run about the partnership"))
    }

    /// Does these steps in one run.
    pub async fn does(&self, steps: Value) -> Did {
        self.set(&steps).await;
        self.start().await;
        self.done().await
    }

    /// What one step is answered.
    pub async fn asks(&self, step: Value) -> Value {
        let did = self.does(json!([step])).await;
        assert_eq!(did.run["ending"], "ok", "{}", did.run);
        did.results.into_iter().next().expect("one result")
    }
}

impl Did {
    /// What this run did.
    pub fn of(run: Value) -> Self {
        let bytes = run["ending_detail"]["answer"][1].as_array();
        let bytes: Vec<u8> = bytes
            .into_iter()
            .flatten()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect();
        Self { run, results: serde_json::from_slice(&bytes).unwrap_or_default() }
    }
}

/// What a guest sees of a denial.
pub fn denied(capability: &str, what: &str, why: &str, who: &str) -> Value {
    json!({ "denied": { "capability": capability, "what": what, "why": why, "who-can-change-it": who } })
}

/// What a guest sees of another refusal.
pub fn refused(kind: &str, message: &str) -> Value {
    json!({ "error": { "kind": kind, "message": message } })
}
