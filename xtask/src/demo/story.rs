//! The job, step by step. Every step is a call that any user could make.
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    client::Client,
    data, denials, failures,
    figures::Figures,
    note,
    process::{CRM_TOKEN, Server, Sim},
    say,
};

/// The people of the story, and what they have made so far.
pub(crate) struct Story<'s> {
    pub server: &'s mut Server,
    pub sim: &'s Sim,
    pub scratch: &'s Path,
    pub platform: Client,
    pub acme: Client,
    pub globex: Client,
    pub publisher: Client,
    pub partnership: String,
    pub install: String,
    pub connection: String,
    pub figures: Figures,
}

/// Where the customer's things are.
pub(crate) const ACME: &str = "/v1/organizations/acme";
/// Where the partner's things are.
pub(crate) const GLOBEX: &str = "/v1/organizations/globex";

/// Tells the whole of it.
pub(crate) fn tell(
    server: &mut Server,
    sim: &Sim,
    plugin: &Path,
    broken: &Path,
    scratch: &Path,
) -> anyhow::Result<Figures> {
    let mut story = people(server, sim, scratch)?;
    story.imports()?;
    story.partnership()?;
    let (paired, unpaired) = story.mapping()?;
    story.publish(plugin)?;
    story.approve_and_enable()?;
    story.change_and_run(&paired, &unpaired)?;
    story.backfill()?;
    denials::show(&mut story)?;
    failures::show(&mut story, broken)?;
    story.count()?;
    Ok(story.figures)
}

fn people<'s>(
    server: &'s mut Server,
    sim: &'s Sim,
    scratch: &'s Path,
) -> anyhow::Result<Story<'s>> {
    say("The platform admits two customers and a publisher");
    let url = server.url.trim_end_matches('/').to_owned();
    let platform = Client::new(&url, Some(&server.admin_token()?))?;
    let mut figures = Figures::default();
    figures.credentials.push(("platform".to_owned(), platform.token().to_owned()));
    let mut admit = |slug: &str, name: &str, customer: bool| -> anyhow::Result<Client> {
        let made = platform.post(
            "/v1/organizations",
            &json!({
                "slug": slug, "name": name, "customer": customer, "publisher": !customer,
                "admin_email": format!("admin@{slug}.example"), "admin_name": format!("{name} admin"),
            }),
        )?;
        let token = made["token"].as_str().context("no token")?;
        if !customer {
            let path = format!("/v1/review/publishers/{slug}/verification");
            platform.put(&path, &json!({ "reason": "They are next door." }))?;
        }
        note(&format!("{name} ({slug}): {}", made["id"].as_str().unwrap_or_default()));
        figures.credentials.push((slug.to_owned(), token.to_owned()));
        Client::new(&url, Some(token))
    };
    let acme = admit("acme", "Acme", true)?;
    let globex = admit("globex", "Globex", true)?;
    let publisher = admit("taskworks", "Taskworks", false)?;
    Ok(Story {
        server,
        sim,
        scratch,
        platform,
        acme,
        globex,
        publisher,
        partnership: String::new(),
        install: String::new(),
        connection: String::new(),
        figures,
    })
}

impl Story<'_> {
    fn imports(&mut self) -> anyhow::Result<()> {
        say("1. Both customers import the account lists that their CRMs exported");
        let (hubspot, salesforce) = data::lists();
        for (client, list) in [(&self.acme, hubspot), (&self.globex, salesforce)] {
            let list = list.display().to_string();
            let said = self
                .server
                .venn(client.token(), &["import", &list, "--mode", "replace", "--json"])?;
            let import: Value = serde_json::from_str(&said).context("venn import --json")?;
            note(&format!(
                "{} rows read, {} accounts added, {} rows rejected",
                import["rows_read"], import["added"], import["rows_rejected"]
            ));
            self.figures.accounts += import["added"].as_u64().unwrap_or_default();
        }
        Ok(())
    }

    fn partnership(&mut self) -> anyhow::Result<()> {
        say("2. They form a partnership, and each sets what it shares");
        let made =
            self.acme.post(&format!("{ACME}/partnerships"), &json!({ "partner": "globex" }))?;
        self.partnership = made["id"].as_str().context("no partnership id")?.to_owned();
        self.globex
            .post(&format!("{GLOBEX}/partnerships/{}/accept", self.partnership), &json!({}))?;
        self.share("egress")?;
        let rules = json!({ "rules": [
            { "population": "customers", "level": "overlaps", "fields": ["name"], "purpose": "view" },
            { "population": "open-opportunities", "level": "counts", "fields": [], "purpose": "view" },
        ] });
        self.acme
            .put(&format!("{ACME}/partnerships/{}/sharing-rules", self.partnership), &rules)?;
        note(
            "Globex shares customers and open opportunities with plugins that send data on (egress),",
        );
        note(
            "prospects with plugins that do not (plugins); Acme shares customers for people to view.",
        );
        Ok(())
    }

    /// Globex's rules toward Acme; `purpose` is that of its customers and open opportunities.
    pub(crate) fn share(&self, purpose: &str) -> anyhow::Result<()> {
        let rule = |population: &str, purpose: &str| {
            json!({ "population": population, "level": "overlaps",
                    "fields": ["name", "owner"], "purpose": purpose })
        };
        let rules = json!({ "rules": [
            rule("customers", purpose), rule("open-opportunities", purpose), rule("prospects", "plugins"),
        ] });
        let path = format!("{GLOBEX}/partnerships/{}/sharing-rules", self.partnership);
        self.globex.put(&path, &rules)?;
        Ok(())
    }

    fn mapping(&mut self) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
        say("3. Account mapping pairs the lists");
        let place = format!("{ACME}/partnerships/{}", self.partnership);
        self.acme.until(&place, |answer| answer["pending_domains"] == 0)?;
        let matrix = self.acme.get(&format!("{place}/matrix"))?;
        for cell in matrix["cells"].as_array().into_iter().flatten() {
            note(&format!(
                "{:<20} x {:<20} {:>5}",
                cell["our_population"].as_str().unwrap_or_default(),
                cell["their_population"].as_str().unwrap_or_default(),
                cell["count"]
            ));
        }
        let paired = self.acme.all(&format!("{place}/overlaps"))?;
        let unpaired = self.acme.all(&format!("{place}/unpaired"))?;
        let mut domains: Vec<&str> =
            paired.iter().chain(&unpaired).filter_map(|one| one["domain"].as_str()).collect();
        domains.sort_unstable();
        domains.dedup();
        self.figures.shared_domains = domains.len() as u64;
        self.figures.overlaps = paired.len() as u64;
        self.figures.unpaired = unpaired.len() as u64;
        note(&format!(
            "{} overlaps on {} shared domains, {} of our accounts on them unpaired",
            paired.len(),
            domains.len(),
            unpaired.len()
        ));
        if let Some(account) = unpaired.first().and_then(|one| one["account"].as_str()) {
            let why = self.acme.get(&format!(
                "{ACME}/accounts/{account}/why-not?partnership={}",
                self.partnership
            ))?;
            note(&format!("why not {account}? {}", why["text"].as_str().unwrap_or_default()));
        }
        Ok((paired, unpaired))
    }

    fn publish(&self, plugin: &Path) -> anyhow::Result<()> {
        say("4. A publisher publishes crm-tasks");
        let said = self.venn_publish(plugin)?;
        for import in said["gate"]["imports"].as_array().into_iter().flatten() {
            note(&format!("import {} is {}", import["name"], import["class"]));
        }
        note(&format!("digest {}", said["digest"].as_str().unwrap_or_default()));
        Ok(())
    }

    /// Publishes a component with the manifest that lies beside it.
    pub(crate) fn venn_publish(&self, component: &Path) -> anyhow::Result<Value> {
        let manifest = component.with_extension("manifest.json").display().to_string();
        let component = component.display().to_string();
        let arguments = ["publish", "--manifest", &manifest, "--component", &component, "--json"];
        let said = self.server.venn(self.publisher.token(), &arguments)?;
        serde_json::from_str(&said).context("venn publish --json")
    }

    fn approve_and_enable(&mut self) -> anyhow::Result<()> {
        say("5. A platform admin approves it, narrowed; a customer finds and enables it");
        self.server.venn(
            self.platform.token(),
            &[
                "approve",
                "crm-tasks@0.1.0",
                "--deny",
                "their-owner",
                "--reason",
                "names of people are not needed",
                "--yes",
            ],
        )?;
        let listing = self.acme.get("/v1/marketplace/plugins/crm-tasks")?;
        for permission in listing["permissions"].as_array().into_iter().flatten() {
            note(&format!(
                "may: {} ({})",
                permission["words"].as_str().unwrap_or_default(),
                permission["reason"].as_str().unwrap_or_default()
            ));
        }
        for destination in listing["destinations"].as_array().into_iter().flatten() {
            note(&format!(
                "sends to {}: {} Kept: {}",
                destination["host"], destination["data"], destination["retention"]
            ));
        }
        let connection = self.acme.post(
            &format!("{ACME}/connections"),
            &json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": CRM_TOKEN }),
        )?;
        self.connection = connection["id"].as_str().context("no connection id")?.to_owned();
        let install = self.acme.post(
            &format!("{ACME}/installs"),
            &json!({
                "plugin": "crm-tasks", "name": "acme-hubspot", "grant": self.grant(),
                "config": { "task_priority": "HIGH", "min_confidence": "likely" },
                "connections": { "crm": self.connection },
            }),
        )?;
        self.install = install["id"].as_str().context("no install id")?.to_owned();
        let said =
            self.server.venn(self.acme.token(), &["installs", "check", &self.install, "--json"])?;
        let checked: Value = serde_json::from_str(&said)?;
        for finding in checked["check"]["findings"].as_array().into_iter().flatten() {
            note(&format!("check: {} {}", finding["level"], finding["message"]));
        }
        self.server.venn(self.acme.token(), &["installs", "enable", &self.install, "--yes"])?;
        self.all_delivered()?;
        Ok(())
    }

    /// The whole grant of the story.
    pub(crate) fn grant(&self) -> Value {
        json!({
            "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
            "partnerships": [self.partnership],
            "populations": ["customers", "open-opportunities", "prospects"],
            "fields": ["our-name", "their-name"],
            "egress_hosts": ["api.hubapi.com"],
        })
    }

    fn change_and_run(&mut self, paired: &[Value], unpaired: &[Value]) -> anyhow::Result<()> {
        say("6. The other side's list changes: fifty rows, fifty tasks, also through a crash");
        let changes =
            data::fifty_changed_rows(&self.acme, &self.globex, paired, unpaired, self.scratch)?;
        note("the server is armed to be killed after its calls to HubSpot, before the commit");
        self.server.restart(Some("deliver.ran"))?;
        // The server may be gone before the import's last answer: that is the point.
        let list = changes.display().to_string();
        let _ = self
            .server
            .venn(self.globex.token(), &["import", &list, "--mode", "merge", "--no-progress"]);
        self.server.wait_killed()?;
        self.server.restart(None)?;
        let place = format!("{ACME}/partnerships/{}", self.partnership);
        self.acme.until(&place, |answer| answer["pending_domains"] == 0)?;
        self.all_delivered()?;
        let tasks = self.tasks()?;
        note(&format!("{tasks} tasks in HubSpot after the repeated run"));
        anyhow::ensure!(
            tasks == data::CHANGED_ROWS as u64,
            "expected {} tasks, one per new overlap",
            data::CHANGED_ROWS
        );
        let account = self.newest_overlap_account()?;
        for entry in self.acme.all(&format!("{ACME}/accounts/{account}/timeline"))? {
            note(&format!("timeline of {account}: {}", entry["text"].as_str().unwrap_or_default()));
        }
        Ok(())
    }

    fn newest_overlap_account(&self) -> anyhow::Result<String> {
        let overlaps =
            self.acme.all(&format!("{ACME}/partnerships/{}/overlaps", self.partnership))?;
        let newest = overlaps
            .iter()
            .max_by_key(|one| one["paired_at"].as_str().unwrap_or_default().to_owned());
        Ok(newest.and_then(|one| one["our_account"].as_str()).context("no overlap")?.to_owned())
    }

    fn backfill(&mut self) -> anyhow::Result<()> {
        say("   The customer chooses a backfill: a chain of short runs with progress");
        let place = format!("{ACME}/installs/{}/backfill", self.install);
        let count = self.acme.get(&format!("{place}?partnership={}", self.partnership))?;
        note(&format!("it would bring {} overlaps", count["overlaps"]));
        let delivery = self.start_backfill()?;
        let done = self.acme.until(&format!("{ACME}/deliveries/{delivery}"), |answer| {
            if answer["progress_total"] != 0 {
                note(&format!(
                    "step {}: {} of {}",
                    answer["step"], answer["progress_done"], answer["progress_total"]
                ));
            }
            answer["state"] != "ready" && answer["state"] != "leased"
        })?;
        anyhow::ensure!(
            done["state"] == "done",
            "the backfill ended {}: {}",
            done["state"],
            done["state_reason"]
        );
        note(&format!(
            "{} runs, {} tasks in HubSpot",
            done["runs"].as_array().map_or(0, Vec::len),
            self.tasks()?
        ));
        Ok(())
    }

    /// Starts a backfill; returns the delivery.
    pub(crate) fn start_backfill(&self) -> anyhow::Result<String> {
        let path = format!("{ACME}/installs/{}/backfill", self.install);
        let started = self.acme.post(&path, &json!({ "partnership": self.partnership }))?;
        Ok(started["delivery"].as_str().context("no delivery id")?.to_owned())
    }

    /// Waits until nothing of the install is on its way.
    pub(crate) fn all_delivered(&self) -> anyhow::Result<()> {
        for state in ["ready", "leased"] {
            let path = format!("{ACME}/deliveries?install={}&state={state}", self.install);
            self.acme
                .until(&path, |answer| answer["items"].as_array().is_some_and(Vec::is_empty))?;
        }
        Ok(())
    }

    /// Tasks in the simulated HubSpot.
    pub(crate) fn tasks(&self) -> anyhow::Result<u64> {
        let counts = self.sim.control.get("/objects")?;
        Ok(counts["tasks"].as_u64().unwrap_or_default())
    }

    fn count(&mut self) -> anyhow::Result<()> {
        self.figures.tasks_created = self.tasks()?;
        let denied = self.acme.all(&format!("{ACME}/audit?action=run.denied"))?;
        self.figures.denials = denied.len() as u64;
        for run in self.acme.all(&format!("{ACME}/runs"))? {
            if let Some(class) = run["verdict"]["class"].as_str() {
                self.figures.verdicts.push(class.to_owned());
            }
        }
        Ok(())
    }
}
