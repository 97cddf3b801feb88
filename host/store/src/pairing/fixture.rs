//! Test support: two customers in a partnership, with accounts that carry a
//! canary in every field, and a stand-in for the pairing rules (equal names on
//! one domain) where the store's own work is under test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::collections::HashMap;

use venn_domain::{
    capability::FieldSet,
    grant::Grant,
    id::{AccountId, InstallId, OrganizationId, PartnershipId, PluginId, ReleaseId},
    manifest::Manifest,
    sharing::{Level, Purpose, SharingRule},
};

use super::{DecisionKind, Found, FoundPair, FoundUnpaired, Written};
use crate::{
    overlap::InstallScope,
    partnership::{Moved, RulesSet},
    plugin::tests::manifest,
    row::json,
    testing::TestStore,
};

/// Two customers, `left` (the one that proposed) and `right`.
pub(crate) struct Two {
    pub(crate) store: TestStore,
    pub(crate) left: OrganizationId,
    pub(crate) right: OrganizationId,
    pub(crate) id: PartnershipId,
}

/// Who acts, where it does not matter.
pub(crate) const ACTOR: &str = "usr_test";

/// The populations that both have.
pub(crate) const POPULATIONS: [&str; 2] = ["customers", "prospects"];

pub(crate) fn rule(
    population: &str,
    level: Level,
    fields: &[&str],
    purpose: Purpose,
) -> SharingRule {
    let fields: FieldSet = fields.iter().copied().collect();
    SharingRule { population: population.to_owned(), level, fields, purpose }
}

impl Two {
    /// Both agreed; no rules and no accounts yet.
    pub(crate) async fn agreed() -> Self {
        let two = Self::proposed().await;
        let moved = two.store.accept_partnership(ACTOR, &two.right, &two.id).await.unwrap();
        assert!(matches!(moved, Moved::Done(_)), "{moved:?}");
        two
    }

    pub(crate) async fn proposed() -> Self {
        let store = TestStore::open().await;
        let left = store.organization("left", "customer").await;
        let right = store.organization("right", "customer").await;
        for owner in [&left, &right] {
            for key in POPULATIONS {
                store
                    .sql(&format!(
                        "INSERT INTO population (organization_id, key, title, created_at)
                         VALUES ('{owner}', '{key}', '{key}', 0)"
                    ))
                    .await;
            }
        }
        let id = store.propose_partnership(ACTOR, &left, &right).await.unwrap().id;
        Self { store, left, right, id }
    }

    /// An account; every field but name and domain is `canary-<name>-<field>`.
    pub(crate) async fn account(
        &self,
        owner: &OrganizationId,
        name: &str,
        domain: &str,
        population: &str,
    ) -> AccountId {
        let id = AccountId::make(self.store.ids());
        self.store
            .sql(&format!(
                "INSERT INTO account (id, organization_id, external_id, name, website, host, domain,
                     name_key, owner, stage, amount, created_on, population, extra_json, rev,
                     updated_at)
                 VALUES ('{id}', '{owner}', '{id}', '{name}', 'canary-{name}-website', '{domain}',
                     '{domain}', '{name}', 'canary-{name}-owner', 'canary-{name}-stage',
                     'canary-{name}-amount', 'canary-{name}-created-on', '{population}',
                     '[[\"tier\",\"canary-{name}-tier\"]]', X'01', 0)"
            ))
            .await;
        self.touch(domain).await;
        id
    }

    /// Both have an account of that name on that domain.
    pub(crate) async fn both(
        &self,
        name: &str,
        domain: &str,
        populations: [&str; 2],
    ) -> [AccountId; 2] {
        [
            self.account(&self.left, name, domain, populations[0]).await,
            self.account(&self.right, name, domain, populations[1]).await,
        ]
    }

    /// As an import does: the domain must be paired again.
    pub(crate) async fn touch(&self, domain: &str) {
        let id = &self.id;
        self.store
            .sql(&format!(
                "INSERT INTO pairing_work (partnership_id, domain) VALUES ('{id}', '{domain}')
                 ON CONFLICT (partnership_id, domain) DO NOTHING"
            ))
            .await;
    }

    /// Changes an account as an import does; `set` is SQL.
    pub(crate) async fn change(&self, account: &AccountId, domain: &str, set: &str) {
        let sql = format!(
            "UPDATE account SET {set}, rev = CAST(rev || X'01' AS blob) WHERE id = '{account}'"
        );
        self.store.sql(&sql).await;
        self.touch(domain).await;
    }

    pub(crate) async fn remove(&self, account: &AccountId, domain: &str) {
        self.store.sql(&format!("DELETE FROM account WHERE id = '{account}'")).await;
        self.touch(domain).await;
    }

    pub(crate) async fn share(&self, owner: &OrganizationId, rules: Vec<SharingRule>) -> u64 {
        match self.store.set_sharing_rules(ACTOR, owner, &self.id, rules).await.unwrap() {
            RulesSet::Done { deliveries, .. } => deliveries,
            other => panic!("{other:?}"),
        }
    }

    /// All that may be shared, of both populations.
    pub(crate) async fn share_all(&self, owner: &OrganizationId) -> u64 {
        let fields = ["name", "website", "owner", "stage", "amount", "created-on", "tier"];
        let all = |key: &&str| rule(key, Level::All, &fields, Purpose::Egress);
        self.share(owner, POPULATIONS.iter().map(all).collect()).await
    }

    /// Pairs everything that waits.
    pub(crate) async fn pair(&self) -> Written {
        let mut all = Written::default();
        while self.store.take_pairing(&self.id, 2).await.unwrap() > 0 {
            let written = self.pair_taken().await;
            all.added += written.added;
            all.changed += written.changed;
            all.removed += written.removed;
            all.deliveries += written.deliveries;
        }
        all
    }

    /// Pairs what was taken.
    pub(crate) async fn pair_taken(&self) -> Written {
        let batch = self.store.pairing_batch(&self.id).await.unwrap().unwrap();
        let found = equal_names(&batch);
        self.store.write_pairing(batch, found).await.unwrap()
    }

    /// An active install of that customer with this partnership granted.
    pub(crate) async fn install(&self, owner: &OrganizationId, events: &str) -> InstallId {
        let store = &self.store;
        let plugin = PluginId::make(store.ids());
        let release = ReleaseId::make(store.ids());
        let install = InstallId::make(store.ids());
        let id = &self.id;
        let manifest = manifest("crm-tasks", "1.0.0", &[]);
        let events = serde_json::from_str(&format!("[{events}]")).unwrap();
        let manifest = json(&Manifest { events, ..manifest });
        let grant = json(&Grant::default());
        for sql in [
            format!(
                "INSERT INTO plugin (id, organization_id, name, owner_kind, state,
                     suspended_reason, approval_json, created_at)
                 VALUES ('{plugin}', '{owner}', '{plugin}', 'publisher', 'listed', '', '', 0)"
            ),
            format!(
                "INSERT INTO release (id, plugin_id, version, digest, manifest_json,
                     component_bytes, state, gate_json, uploaded_by, decision_reason, created_at)
                 VALUES ('{release}', '{plugin}', '1.0.0', '', '{manifest}', 0,
                     'approved', '', '', '', 0)"
            ),
            format!(
                "INSERT INTO install (id, organization_id, plugin_id, release_id, name, state,
                     grant_json, config_json, connections_json, check_json, created_by, created_at)
                 VALUES ('{install}', '{owner}', '{plugin}', '{release}', 'one', 'active',
                     '{grant}', '{{}}', '{{}}', '', '', 0)"
            ),
            format!(
                "INSERT INTO install_partnership (install_id, partnership_id, start_no, notified_no)
                 SELECT '{install}', id, change_no, change_no FROM partnership WHERE id = '{id}'"
            ),
        ] {
            store.sql(&sql).await;
        }
        install
    }

    /// What an install of `owner` may read: this partnership, both populations.
    pub(crate) fn scope(
        &self,
        owner: &OrganizationId,
        install: &InstallId,
        needed: Purpose,
    ) -> InstallScope {
        InstallScope {
            install: install.clone(),
            organization: owner.clone(),
            partnerships: vec![self.id.clone()],
            our_populations: POPULATIONS.map(ToOwned::to_owned).to_vec(),
            needed,
            cursor_key: [7; 32],
        }
    }
}

/// Equal names on one domain pair; decisions tie and reject.
fn equal_names(batch: &super::Batch) -> Found {
    let mut fixed: HashMap<&str, (&str, DecisionKind)> = HashMap::new();
    for decision in &batch.decisions {
        fixed.retain(|left, (right, _)| *left != decision.left && *right != decision.right);
        fixed.insert(&decision.left, (&decision.right, decision.kind));
    }
    let mut found = Found::default();
    for left in &batch.tied_left {
        let Some((right, kind)) = fixed.get(left.id.as_str()) else { continue };
        let right = batch.tied_right.iter().find(|account| account.id == *right);
        if let Some(right) = right.filter(|_| *kind == DecisionKind::Link) {
            found.pairs.push(pair(&left.id, &right.id, "linked"));
        }
    }
    let is_tied = |found: &Found, id: &str| {
        found.pairs.iter().any(|pair| pair.left == id || pair.right == id)
    };
    for left in &batch.left {
        let decided = fixed.get(left.id.as_str());
        let rejected = decided.filter(|(_, kind)| *kind == DecisionKind::Reject).map(|(id, _)| *id);
        let right = batch.right.iter().find(|right| {
            right.domain == left.domain
                && right.name == left.name
                && rejected != Some(right.id.as_str())
                && !is_tied(&found, &right.id)
        });
        if let Some(right) = right.filter(|_| !is_tied(&found, &left.id)) {
            found.pairs.push(pair(&left.id, &right.id, "name"));
        }
    }
    for (accounts, others, is_left) in
        [(&batch.left, &batch.right, true), (&batch.right, &batch.left, false)]
    {
        for account in accounts {
            let shared = others.iter().any(|other| other.domain == account.domain);
            if shared && !is_tied(&found, &account.id) {
                let (account, domain) = (account.id.clone(), account.domain.clone());
                found.unpaired.push(FoundUnpaired { account, domain, is_left });
            }
        }
    }
    found
}

fn pair(left: &str, right: &str, evidence: &'static str) -> FoundPair {
    FoundPair { left: left.to_owned(), right: right.to_owned(), evidence, confidence: "sure" }
}
