//! A customer with a partner and a plugin, and what can be done there.
use serde_json::json as value;
use venn_domain::{
    authority::Control,
    id::{PartnershipId, RunId},
    manifest::Manifest,
    run::PartnerReads,
    schedule::Schedule,
    sharing::Purpose,
    webhook::Webhook,
};

use super::super::{change::InstallChange, control::InstallFacts, *};
use crate::{
    connection::tests::connect,
    delivery::Leased,
    plugin::{
        Plugin, Reviewer,
        tests::{a_plugin, approved, manifest, reviewer},
    },
    release::Release,
    run::{Next, RunRecord},
    state::StateSeen,
    testing::TestStore,
};

/// A customer with a partner, a listed plugin, and everything to install it.
pub(crate) struct World {
    pub(crate) test: TestStore,
    pub(crate) reviewer: Reviewer,
    pub(crate) owned: (Plugin, UserId),
    pub(crate) release: Release,
    pub(crate) customer: OrganizationId,
    pub(crate) admin: UserId,
    pub(crate) partner: OrganizationId,
    pub(crate) partnership: PartnershipId,
    pub(crate) connection: ConnectionId,
}

const EVENTS: &[&str] =
    &["installed", "configured", "grant-changed", "upgraded", "overlaps-changed"];

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_events(EVENTS).await
    }

    pub(crate) async fn with_events(events: &[&str]) -> Self {
        Self::of(manifest("crm-tasks", "1.0.0", events)).await
    }

    /// A plugin that wants to run by itself.
    pub(crate) async fn with_schedules(schedules: Vec<Schedule>) -> Self {
        Self::of(Manifest { schedules, ..manifest("crm-tasks", "1.0.0", &["schedule"]) }).await
    }

    /// A plugin that third parties tell something.
    pub(crate) async fn with_webhooks(webhooks: Vec<Webhook>) -> Self {
        Self::of(Manifest { webhooks, ..manifest("crm-tasks", "1.0.0", &["webhook"]) }).await
    }

    /// This plugin.
    pub(crate) async fn of(manifest: Manifest) -> Self {
        let test = TestStore::open().await;
        let reviewer = reviewer(&test).await;
        let owned = a_plugin(&test, "crm-tasks").await;
        let release = approved(&test, &owned, &reviewer, manifest).await;
        let customer = test.organization("acme", "customer").await;
        let admin = test.member(&customer, "admin").await;
        let partner = test.organization("globex", "customer").await;
        let connection = connect(&test, &customer, &admin, "hubspot", "api.hubapi.com").await.id;
        let mut world = Self {
            partnership: PartnershipId::make(test.ids()),
            test,
            reviewer,
            owned,
            release,
            customer,
            admin,
            partner,
            connection,
        };
        world.partnership = world.partnership_with(&world.partner, 7).await;
        world.rule("customers", "overlaps", "egress").await;
        world
    }

    pub(super) async fn partnership_with(
        &self,
        partner: &OrganizationId,
        change_no: u32,
    ) -> PartnershipId {
        let id = PartnershipId::make(self.test.ids());
        let sql = format!(
            "INSERT INTO partnership (id, left_id, right_id, pair_key, state, change_no, created_at)
             VALUES ('{id}', '{}', '{partner}', '{id}', 'active', {change_no}, 1)",
            self.customer
        );
        self.test.sql(&sql).await;
        id
    }

    /// A rule of the partner toward the customer.
    pub(crate) async fn rule(&self, population: &str, level: &str, purpose: &str) {
        let (partnership, owner) = (&self.partnership, &self.partner);
        let sql = format!(
            "INSERT INTO sharing_rule (partnership_id, owner_id, population, level, fields_json,
                 purpose, updated_by, updated_at)
             VALUES ('{partnership}', '{owner}', '{population}', '{level}', '[\"name\"]',
                 '{purpose}', 'x', 1)"
        );
        self.test.sql(&sql).await;
    }

    pub(crate) fn grant(&self) -> Grant {
        Grant {
            capabilities: self.release.manifest.capability_set(),
            partnerships: vec![self.partnership.clone()],
            populations: vec!["customers".to_owned()],
            fields: self.release.manifest.fields.clone(),
            egress_hosts: vec!["api.hubapi.com".to_owned()],
        }
    }

    pub(crate) fn new_install(&self, name: &str) -> NewInstall {
        NewInstall {
            organization: self.customer.clone(),
            plugin: self.release.plugin.clone(),
            release: self.release.id.clone(),
            name: name.to_owned(),
            grant: self.grant(),
            config: value!({ "prefix": "A secret project:" }),
            connections: [("crm".to_owned(), self.connection.clone())].into(),
            actor: self.admin.clone(),
        }
    }

    pub(super) async fn draft(&self) -> Install {
        done(self.test.create_install(self.new_install("portal")).await.unwrap())
    }

    pub(super) async fn checked(&self, install: &Install) {
        let check = CheckRecord { at: self.test.now(), findings: Vec::new(), ok: true };
        self.test.record_check(install, &check).await.unwrap();
    }

    pub(crate) async fn active(&self) -> Install {
        self.active_as("portal").await
    }

    /// The same under another name.
    pub(crate) async fn active_as(&self, name: &str) -> Install {
        self.enabled(self.new_install(name)).await
    }

    /// A new install, checked and enabled.
    pub(crate) async fn enabled(&self, new: NewInstall) -> Install {
        let draft = done(self.test.create_install(new).await.unwrap());
        self.checked(&draft).await;
        done(self.change(&draft, InstallChange::Enable).await)
    }

    pub(super) async fn change(&self, install: &Install, change: InstallChange) -> Change<Install> {
        let organization = &install.organization;
        self.test.change_install(organization, &install.id, change, &self.admin).await.unwrap()
    }

    /// The same for a change that happens.
    pub(crate) async fn changed(&self, install: &Install, change: InstallChange) -> Install {
        done(self.change(install, change).await)
    }

    /// A newer release of the plugin, with other schedules.
    pub(crate) async fn another_release(&self, schedules: Vec<Schedule>) -> Release {
        let newer = Manifest { schedules, ..manifest("crm-tasks", "2.0.0", &["schedule"]) };
        approved(&self.test, &self.owned, &self.reviewer, newer).await
    }

    pub(crate) async fn control(&self, install: &Install) -> (Control, InstallFacts) {
        self.test.control(&install.id).await.unwrap().unwrap()
    }

    pub(crate) async fn stopped(&self, install: &Install) -> Option<String> {
        self.control(install).await.0.stopped
    }

    /// A run that was refused, with what becomes of the delivery.
    pub(crate) async fn ends(&self, leased: Leased, next: Next) {
        let record = RunRecord {
            id: RunId::make(self.test.ids()),
            plugin: self.release.plugin.clone(),
            release: self.release.id.clone(),
            authority_no: self.test.authority_no(),
            purpose: Purpose::View,
            outcome: None,
            leased,
            refused: Some("by chance".to_owned()),
            verdict: None,
            routes: Vec::new(),
            reads: PartnerReads::new(),
            tape: Vec::new(),
            trace_id: String::new(),
            seen: StateSeen::default(),
            account_rows: Vec::new(),
            started_at: self.test.now(),
            next,
        };
        self.test.record_run(record).await.unwrap();
    }

    /// Kinds and payloads of all events, oldest first.
    pub(crate) async fn events(&self) -> Vec<(String, String)> {
        let mut reader = self.test.read().await.unwrap();
        let rows = sqlx::query(
            "SELECT e.id, e.kind, e.payload FROM event e JOIN delivery d ON d.event_id = e.id
             WHERE d.state = 'ready' ORDER BY e.id",
        )
        .fetch_all(&mut *reader)
        .await
        .unwrap();
        let read = |row| {
            let row = Row::new("event", row);
            (row.text("kind").unwrap(), row.text("payload").unwrap())
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn starts(&self, install: &Install) -> Vec<(String, i64)> {
        let mut reader = self.test.read().await.unwrap();
        let rows = sqlx::query(
            "SELECT partnership_id, start_no, notified_no FROM install_partnership
             WHERE install_id = $1 ORDER BY partnership_id",
        )
        .bind(install.id.to_string())
        .fetch_all(&mut *reader)
        .await
        .unwrap();
        let read = |row| {
            let row = Row::new("install_partnership", row);
            assert_eq!(row.number("start_no").unwrap(), row.number("notified_no").unwrap());
            (row.text("partnership_id").unwrap(), row.number("start_no").unwrap())
        };
        rows.iter().map(read).collect()
    }
}

pub(crate) fn done<T: std::fmt::Debug>(change: Change<T>) -> T {
    match change {
        Change::Done(now) => now,
        other => panic!("{other:?}"),
    }
}
