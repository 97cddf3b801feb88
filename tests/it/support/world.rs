//! Two customers in a partnership, a publisher, and a simulated HubSpot: where
//! most tests begin.
use serde_json::{Value, json};
use venn_testkit::{Authority, Echo, OAuth, Options, Simulator, hubspot::HubSpot};

use super::{
    Actor, Data, Host, TestClock,
    site::{DOMAIN, Site},
};

/// The token that the simulated HubSpot accepts.
pub const CRM_TOKEN: &str = "pat-canary-7c41";

/// The client that the service with OAuth 2 knows, and its secret.
pub const CLIENT: (&str, &str) = ("taskworks-client", "cs-canary-9d03+/x");

/// The beginning of most tests.
pub struct World {
    pub host: Host,
    pub sim: Simulator,
    /// The same HubSpot, for what people do in its pages.
    pub portal: HubSpot,
    /// Another third party, `echo.example`: it says what it was sent.
    pub echo: Simulator,
    /// A third one, `login.example` and `api.example`, with OAuth 2.
    pub login: Simulator,
    /// The same, for what its people do.
    pub service: OAuth,
    /// The publisher's website, `taskworks.example`.
    pub site: Site,
    _site: Simulator,
    pub acme: Actor,
    pub globex: Actor,
    pub publisher: Actor,
    /// The partnership of Acme and Globex, active.
    pub partnership: String,
}

/// Columns of the small lists.
const HEADER: &str = "Id,Name,Website,Type,Owner.Name,Open_Opportunity_Amount\n";

impl World {
    /// Two customers without accounts, in a partnership without rules.
    pub async fn start() -> Self {
        Self::start_at(TestClock::START_US).await
    }

    /// The same at another moment.
    pub async fn start_at(start_us: i64) -> Self {
        Self::start_on_at(Data::empty(), start_us).await
    }

    /// The same on this database.
    pub async fn start_on(data: Data) -> Self {
        Self::start_on_at(data, TestClock::START_US).await
    }

    /// The same on this database, at another moment.
    pub async fn start_on_at(data: Data, start_us: i64) -> Self {
        let ca = Authority::new().unwrap();
        let portal = HubSpot::new(CRM_TOKEN);
        let hubspot = Options::new(portal.clone()).authority(&ca);
        let sim = Simulator::start(hubspot).await.unwrap();
        let echo = Simulator::start(Options::new(Echo).authority(&ca)).await.unwrap();
        let service = OAuth::new(CLIENT.0, CLIENT.1);
        let login = Options::new(service.clone()).authority(&ca);
        let login = Simulator::start(login).await.unwrap();
        let site = Site::default();
        let served = Simulator::start(Options::new(site.clone()).authority(&ca)).await.unwrap();
        let third_parties = [
            ("api.hubapi.com", &sim),
            ("echo.example", &echo),
            ("login.example", &login),
            ("api.example", &login),
            (DOMAIN, &served),
        ];
        let host = Host::start_on(data, &third_parties, start_us).await;
        let acme = host.organization("acme", true, false).await;
        let globex = host.organization("globex", true, false).await;
        let publisher = host.organization("taskworks", false, true).await;
        let made =
            acme.post(&acme.own("partnerships"), &json!({ "partner": "globex" })).await.good();
        let partnership = made["id"].as_str().unwrap().to_owned();
        let accept = globex.own(&format!("partnerships/{partnership}/accept"));
        globex.post(&accept, &json!({})).await.good();
        Self {
            host,
            sim,
            portal,
            echo,
            login,
            service,
            site,
            _site: served,
            acme,
            globex,
            publisher,
            partnership,
        }
    }

    /// The same with `shared` companies in both lists, and rules that let
    /// plugins with egress read names and owners of Globex's customers.
    pub async fn with_overlaps(shared: usize) -> Self {
        Self::with_overlaps_on(Data::empty(), shared).await
    }

    /// The same on this database.
    pub async fn with_overlaps_on(data: Data, shared: usize) -> Self {
        let world = Self::start_on(data).await;
        world.acme.import("replace", rows(0..shared, "A")).await;
        world.globex.import("replace", rows(0..shared, "G")).await;
        world.share(&world.globex, "overlaps", &["name", "owner"], "egress").await;
        world.paired().await;
        world
    }

    /// Sets one side's rule for its customers.
    pub async fn share(&self, owner: &Actor, level: &str, fields: &[&str], purpose: &str) {
        let rule = json!({ "population": "customers", "level": level, "fields": fields, "purpose": purpose });
        let path = owner.own(&format!("partnerships/{}/sharing-rules", self.partnership));
        owner.put(&path, &json!({ "rules": [rule] })).await.good();
    }

    /// Waits until nothing is left to pair.
    pub async fn paired(&self) {
        let path = self.acme.own(&format!("partnerships/{}", self.partnership));
        self.acme.until(&path, |answer| answer["pending_domains"] == 0).await;
    }

    /// Publishes and approves a guest as the plugin of this manifest.
    pub async fn listed(&self, manifest: &Value, component: Vec<u8>) -> Value {
        let release = self.publisher.publish(manifest, component).await.good();
        let name = manifest["name"].as_str().unwrap();
        let ceiling = json!({
            "capabilities": names(&manifest["capabilities"]),
            "fields": manifest["fields"].as_array().cloned().unwrap_or_default(),
            "egress": rules(&manifest["egress"]),
        });
        self.approve(name, &release, &ceiling).await;
        release
    }

    /// Approves a release under a ceiling.
    pub async fn approve(&self, name: &str, release: &Value, ceiling: &Value) {
        let platform = &self.host.platform;
        platform.put(&format!("/v1/review/plugins/{name}/approval"), ceiling).await.good();
        let path = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
        platform.post(&path, &json!({ "go": true, "reason": "looked at" })).await.good();
    }

    /// A manifest for a guest, with everything that can be asked for.
    pub fn manifest(name: &str) -> Value {
        let capabilities =
            ["overlaps:read", "timeline:write", "state", "http:egress", "accounts:write"]
                .map(|name| json!({ "name": name, "reason": "To be tested." }));
        json!({
            "name": name, "version": "0.1.0", "title": name, "summary": "A test guest.",
            "category": "other",
            "capabilities": capabilities,
            "fields": ["our-name", "our-owner", "their-name", "their-owner", "their-amount"],
            "egress": [{ "host": "api.hubapi.com", "methods": ["GET", "POST"], "paths": ["/crm"],
                         "reason": "To be tested.", "data": "Test data.", "retention": "None." }],
            "connections": [{ "name": "crm", "title": "HubSpot token", "kind": "api-key",
                              "host": "api.hubapi.com" }],
            "config_schema": { "type": "object" },
            "events": ["installed", "overlaps-changed", "configured", "grant-changed", "schedule"],
            "faults": [], "support": { "contact": "support@taskworks.example" },
        })
    }

    /// The whole grant for such a manifest.
    pub fn grant(&self) -> Value {
        json!({
            "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
            "partnerships": [self.partnership], "populations": ["customers", "prospects"],
            "fields": ["our-name", "their-name", "their-owner"], "egress_hosts": ["api.hubapi.com"],
        })
    }

    /// The same with which an install is a source of accounts.
    pub fn grant_of_source(&self) -> Value {
        let mut grant = self.grant();
        grant["capabilities"].as_array_mut().unwrap().push(json!("accounts:write"));
        grant
    }

    /// A connection of Acme to the simulated HubSpot.
    pub async fn connection(&self) -> String {
        let body = json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": CRM_TOKEN });
        let made = self.acme.post(&self.acme.own("connections"), &body).await.good();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Installs and enables a listed plugin at Acme; returns the install's id.
    pub async fn enabled(&self, plugin: &str, grant: &Value, config: &Value) -> String {
        self.enabled_with(plugin, "main", grant, config).await
    }

    /// The same under another name, with everything granted; for a second install.
    pub async fn enabled_as(&self, plugin: &str, name: &str, config: &Value) -> String {
        self.enabled_with(plugin, name, &self.grant(), config).await
    }

    /// The same with this grant.
    pub async fn enabled_with(
        &self,
        plugin: &str,
        name: &str,
        grant: &Value,
        config: &Value,
    ) -> String {
        let connection = self.some_connection().await;
        self.installed(plugin, name, grant, config, &connection).await
    }

    /// The connection that is there, or a new one.
    async fn some_connection(&self) -> String {
        match self.acme.all("connections").await.first() {
            Some(connection) => connection["id"].as_str().unwrap().to_owned(),
            None => self.connection().await,
        }
    }

    async fn installed(
        &self,
        plugin: &str,
        name: &str,
        grant: &Value,
        config: &Value,
        connection: &str,
    ) -> String {
        let body = json!({
            "plugin": plugin, "name": name, "grant": grant, "config": config,
            "connections": { "crm": connection },
        });
        let made = self.acme.post(&self.acme.own("installs"), &body).await.good();
        let install = made["id"].as_str().unwrap().to_owned();
        self.acme
            .post(&self.acme.own(&format!("installs/{install}/enable")), &json!({}))
            .await
            .good();
        install
    }

    /// What Acme sees of the overlaps with Globex.
    pub async fn overlaps(&self) -> Vec<Value> {
        self.acme.all(&format!("partnerships/{}/overlaps", self.partnership)).await
    }

    /// Waits until every delivery of the install rests (done, parked, dead, waiting for
    /// a retry, or behind one of its subject that does), or the install itself does, and
    /// returns its runs, newest first.
    pub async fn runs(&self, install: &str) -> Vec<Value> {
        let path = self.acme.own(&format!("deliveries?install={install}&limit=200"));
        let now = self.host.app.clock.now().to_string();
        let is_over = |one: &Value| matches!(one["state"].as_str().unwrap(), "done" | "dead");
        let rest = |page: &Value| {
            let items = page["items"].as_array().unwrap();
            let is_behind = |at: usize| {
                let same = |older: &&Value| older["event_subject"] == items[at]["event_subject"];
                items[at + 1..].iter().filter(same).any(|older| !is_over(older))
            };
            (0..items.len()).all(|at| match items[at]["state"].as_str().unwrap() {
                "leased" => false,
                "ready" => {
                    items[at]["not_before"].as_str().unwrap() > now.as_str() || is_behind(at)
                }
                _ => true,
            })
        };
        let place = self.acme.own(&format!("installs/{install}"));
        let is_leased = |one: &Value| one["state"] == "leased";
        for look in 0..6_000 {
            let page = self.acme.get(&path).await.good();
            if rest(&page) {
                break;
            }
            // Only now and then: it costs another call.
            if look % 10 == 9 && !page["items"].as_array().unwrap().iter().any(is_leased) {
                let resting = self.acme.get(&place).await.good()["resting"].clone();
                if resting["next_try_at"].as_str().is_some_and(|next| next > now.as_str()) {
                    break;
                }
            }
            assert!(look < 5_999, "{path} did not get there: {page}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.acme.all(&format!("runs?install={install}")).await
    }

    /// Starts a backfill and returns its newest run once it rests.
    pub async fn backfilled(&self, install: &str) -> Value {
        let path = self.acme.own(&format!("installs/{install}/backfill"));
        self.acme.post(&path, &json!({ "partnership": self.partnership })).await.good();
        self.runs(install).await.into_iter().next().expect("a run")
    }

    /// Changes one install's grant.
    pub async fn regrant(&self, install: &str, grant: &Value) {
        let path = self.acme.own(&format!("installs/{install}/grant"));
        self.acme.put(&path, grant).await.good();
    }
}

/// Rows of companies that pair by number: `company-7.com`.
pub fn rows(numbers: std::ops::Range<usize>, prefix: &str) -> String {
    let row = |n: usize| {
        format!(
            "{prefix}{n:05},Company {n},https://company-{n}.com/,Customer,{prefix} owner {n},100\n"
        )
    };
    HEADER.to_owned() + &numbers.map(row).collect::<String>()
}

fn names(requests: &Value) -> Vec<Value> {
    requests.as_array().into_iter().flatten().map(|request| request["name"].clone()).collect()
}

fn rules(requests: &Value) -> Vec<Value> {
    let rule = |request: &Value| {
        json!({ "host": request["host"], "port": request["port"].as_u64().unwrap_or(443),
                "methods": request["methods"], "paths": request["paths"] })
    };
    requests.as_array().into_iter().flatten().map(rule).collect()
}
