//! Live sources: who keeps what, what goes when, and the question before it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    account::{Account, SourceRow},
    id::{DeliveryId, PartnershipId, UserId},
    lineage::Lineage,
    run::AccountWrite,
};

use super::*;
use crate::{
    account::AccountFilter,
    import::{Import, ImportMode, ImportOptions, ImportReport, ImportRow, NewImport, Progress},
    testing::{START_US, TestStore},
};

/// An organization with two installs that may write accounts.
struct World {
    store: TestStore,
    org: OrganizationId,
    user: UserId,
    first: InstallId,
    second: InstallId,
    delivery: DeliveryId,
}

fn row(id: &str, name: &str) -> ImportRow {
    ImportRow {
        external_id: id.to_owned(),
        name: name.to_owned(),
        website: format!("https://www.{id}.example"),
        host: format!("{id}.example"),
        domain: format!("{id}.example"),
        name_key: name.to_lowercase(),
        population: "prospects".to_owned(),
        ..ImportRow::default()
    }
}

fn rows(numbers: std::ops::Range<u32>) -> Vec<ImportRow> {
    numbers.map(|n| row(&format!("c{n}"), &format!("Company {n}"))).collect()
}

fn upserts(rows: &[ImportRow]) -> Vec<AccountWrite> {
    let write = |row: &ImportRow| {
        let external_id = row.external_id.clone();
        AccountWrite::Upsert(SourceRow { external_id, ..SourceRow::default() })
    };
    rows.iter().map(write).collect()
}

fn removals(ids: &[&str]) -> Vec<AccountWrite> {
    ids.iter().map(|id| AccountWrite::Remove((*id).to_owned())).collect()
}

impl World {
    async fn new() -> Self {
        let store = TestStore::open().await;
        let org = store.organization("acme", "customer").await;
        let user = store.member(&org, "admin").await;
        let (plugin, release) = ("plg_1", "rel_1");
        store
            .sql(&format!(
                "INSERT INTO plugin (id, organization_id, name, owner_kind, state, suspended_reason,
                     approval_json, created_at)
                 VALUES ('{plugin}', '{org}', 'sync', 'first-party', 'listed', '', '', 0)"
            ))
            .await;
        store
            .sql(&format!(
                "INSERT INTO release (id, plugin_id, version, digest, manifest_json, component_bytes,
                     state, gate_json, uploaded_by, decision_reason, created_at)
                 VALUES ('{release}', '{plugin}', '1.0.0', '', '{{}}', 0, 'approved', '', '', '', 0)"
            ))
            .await;
        let (first, second) = (InstallId::make(store.ids()), InstallId::make(store.ids()));
        for (id, name) in [(&first, "first"), (&second, "second")] {
            store
                .sql(&format!(
                    "INSERT INTO install (id, organization_id, plugin_id, release_id, name, state,
                         grant_json, config_json, connections_json, check_json, created_by, created_at)
                     VALUES ('{id}', '{org}', '{plugin}', '{release}', '{name}', 'active',
                         '{{\"capabilities\":[\"accounts:write\"]}}', '', '', '', '', 0)"
                ))
                .await;
        }
        let delivery = DeliveryId::make(store.ids());
        store
            .sql(&format!(
                "INSERT INTO event (id, organization_id, kind, subject, payload, occurred_at)
                 VALUES ('evt_1', '{org}', 'schedule', '', '', 0)"
            ))
            .await;
        store
            .sql(&format!(
                "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
                     state_reason, attempt, step, not_before, fence, progress_done, progress_total,
                     created_at)
                 VALUES ('{delivery}', 'evt_1', '{first}', '{org}', '', 'leased', '', 1, 0, 0, 1, 0, 0, 0)"
            ))
            .await;
        Self { store, org, user, first, second, delivery }
    }

    /// A run of an install, recorded.
    async fn run(
        &self,
        install: &InstallId,
        writes: Option<Vec<AccountWrite>>,
        rows: Vec<ImportRow>,
        is_over: bool,
    ) -> AccountFigures {
        self.run_after(install, writes, rows, is_over, Lineage::default()).await
    }

    /// The same where this led to what it writes.
    async fn run_after(
        &self,
        install: &InstallId,
        writes: Option<Vec<AccountWrite>>,
        rows: Vec<ImportRow>,
        is_over: bool,
        lineage: Lineage,
    ) -> AccountFigures {
        let (store, org) = ((*self.store).clone(), self.org.clone());
        let (install, delivery) = (install.clone(), self.delivery.clone());
        let run_started_at = self.store.now();
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    let sync = Sync {
                        organization: &org,
                        install: &install,
                        delivery: &delivery,
                        run_started_at,
                        is_over,
                        lineage,
                    };
                    record(&store, connection, &sync, writes.as_deref(), rows).await
                })
            })
            .await
            .unwrap()
    }

    /// A whole sync of the first install that upserts.
    async fn upsert(&self, rows: Vec<ImportRow>) -> AccountFigures {
        self.run(&self.first, Some(upserts(&rows)), rows, true).await
    }

    /// A whole sync of the first install that removes.
    async fn remove(&self, ids: &[&str]) -> AccountFigures {
        self.run(&self.first, Some(removals(ids)), Vec::new(), true).await
    }

    async fn import(&self, mode: ImportMode, rows: Vec<ImportRow>) -> Import {
        let new = NewImport {
            organization: self.org.clone(),
            mode,
            file_name: "list.csv".to_owned(),
            options: ImportOptions::default(),
            created_by: self.user.clone(),
        };
        let id = self.store.create_import(new).await.unwrap().id;
        self.store.import_file_came(&id, 1, || Ok(())).await.unwrap();
        let reading = self.store.begin_reading(&id).await.unwrap().unwrap();
        assert!(self.store.add_import_rows(&id, reading, rows, Progress::default()).await.unwrap());
        let (progress, report) = (Progress::default(), ImportReport::default());
        self.store.end_reading(&id, reading, progress, report).await.unwrap().unwrap();
        self.store.apply_import(&id).await.unwrap().unwrap()
    }

    async fn accounts(&self) -> Vec<Account> {
        let all = AccountFilter::default();
        self.store.accounts(&self.org, &all, None, 10_000).await.unwrap().items
    }

    async fn account(&self, external_id: &str) -> Account {
        let mut all = self.accounts().await.into_iter();
        all.find(|account| account.external_id == external_id).unwrap()
    }

    async fn source(&self) -> Source {
        self.store.source(&self.org, &self.first).await.unwrap().unwrap()
    }

    async fn touched(&self, partnership: &PartnershipId) -> i64 {
        let of = format!("FROM pairing_work WHERE partnership_id = '{partnership}'");
        let count = self.store.number(&format!("SELECT COUNT(*) {of}")).await;
        self.store.sql(&format!("DELETE {of}")).await;
        count
    }

    async fn partnership(&self) -> PartnershipId {
        let other = self.store.organization("globex", "customer").await;
        let id = PartnershipId::make(self.store.ids());
        self.store
            .sql(&format!(
                "INSERT INTO partnership (id, left_id, right_id, pair_key, state, change_no, created_at)
                 VALUES ('{id}', '{other}', '{}', 'k', 'active', 0, 0)",
                self.org
            ))
            .await;
        id
    }
}

#[tokio::test]
async fn a_list_and_a_source_stand_side_by_side() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(0..10)).await;
    let figures = world.upsert(rows(10..20)).await;
    assert_eq!(figures, AccountFigures { added: 10, ..AccountFigures::default() });
    // A replace counts, asks about and removes only what lists brought.
    let import = world.import(ImportMode::Replace, rows(0..9)).await;
    assert_eq!((import.state.name(), import.removed), ("done", 1));
    assert_eq!(world.accounts().await.len(), 19);
    // A source removes only what it keeps.
    let figures = world.remove(&["c0", "c10", "nobody"]).await;
    assert_eq!(figures.removed, 1);
    assert_eq!(world.accounts().await.len(), 18);
    // What a source keeps, a list does not change.
    let import = world.import(ImportMode::Merge, vec![row("c11", "Renamed")]).await;
    assert_eq!((import.kept_by_source, import.changed, import.unchanged), (1, 0, 0));
    assert_eq!(world.account("c11").await.name, "Company 11");
}

#[tokio::test]
async fn a_source_takes_over_what_a_list_brought_and_not_what_another_source_keeps() {
    let world = World::new().await;
    let partnership = world.partnership().await;
    world.import(ImportMode::Replace, rows(0..2)).await;
    world.touched(&partnership).await;
    let before = world.account("c0").await;
    assert_eq!(world.upsert(rows(0..1)).await.unchanged, 1);
    let after = world.account("c0").await;
    assert_eq!((&after.id, after.updated_at), (&before.id, before.updated_at));
    assert_eq!((before.source.as_str(), after.source), ("import", world.first.to_string()));
    assert_eq!(world.touched(&partnership).await, 0, "nothing that a partner sees changed");
    let other = vec![row("c0", "Another"), row("c1", "Renamed")];
    let figures = world.run(&world.second, Some(upserts(&other)), other, true).await;
    assert_eq!((figures.changed, figures.unchanged), (1, 0));
    assert_eq!(world.account("c0").await.name, "Company 0");
    assert_eq!(world.account("c1").await.source, world.second.to_string());
    assert_eq!(world.touched(&partnership).await, 1);
}

#[tokio::test]
async fn removals_go_at_the_end_of_the_sync_and_what_comes_back_stays() {
    let world = World::new().await;
    let partnership = world.partnership().await;
    world.upsert(rows(0..20)).await;
    world.touched(&partnership).await;
    world.run(&world.first, Some(removals(&["c1", "c2", "c3"])), Vec::new(), false).await;
    assert_eq!(world.accounts().await.len(), 20);
    assert_eq!(world.source().await.state, SourceState::Syncing);
    // Another step of the same delivery finds one of them again.
    world.run(&world.first, Some(upserts(&rows(2..3))), rows(2..3), false).await;
    // The last one has nothing to say: it ends the sync all the same.
    let figures = world.run(&world.first, None, Vec::new(), true).await;
    assert_eq!(figures.removed, 2);
    assert_eq!(world.accounts().await.len(), 18);
    assert_eq!(world.touched(&partnership).await, 2);
    let source = world.source().await;
    assert_eq!((source.state, source.removed, source.accounts), (SourceState::Synced, 2, 18));
}

#[tokio::test]
async fn more_than_a_fifth_waits_for_a_yes_to_exactly_so_many() {
    let world = World::new().await;
    let partnership = world.partnership().await;
    world.upsert(rows(0..10)).await;
    world.touched(&partnership).await;
    world.remove(&["c0", "c1", "c2"]).await;
    let source = world.source().await;
    assert_eq!((source.state, source.accounts), (SourceState::WaitingForConfirmation, 10));
    let question =
        "The source lacks 3 of the 10 accounts that came from it (30 %). Shall they be removed?";
    assert_eq!(source.confirm.unwrap().question, question);
    // The next sync adds to the question.
    world.remove(&["c3"]).await;
    let confirm =
        |removes| world.store.confirm_source(&world.org, &world.first, removes, &world.user);
    assert!(
        matches!(confirm(3).await.unwrap(), Answered::Differs(confirm) if confirm.removes == 4)
    );
    assert_eq!((world.accounts().await.len(), world.touched(&partnership).await), (10, 0));
    let Answered::Done(source) = confirm(4).await.unwrap() else { panic!("it was asked") };
    assert_eq!((source.state, source.accounts, source.removed), (SourceState::Synced, 6, 4));
    assert_eq!(world.touched(&partnership).await, 4);
    assert_eq!(confirm(4).await.unwrap(), Answered::NotAsked);
    // A no: they stay.
    world.remove(&["c4", "c5"]).await;
    let other = world.store.organization("hooli", "customer").await;
    let foreign = world.store.confirm_source(&other, &world.first, 2, &world.user).await.unwrap();
    assert_eq!(foreign, Answered::NotAsked);
    let answered = world.store.cancel_source(&world.org, &world.first, &world.user).await.unwrap();
    assert!(matches!(answered, Answered::Done(source) if source.accounts == 6));
    assert_eq!(world.touched(&partnership).await, 0);
}

#[tokio::test]
async fn an_account_is_as_old_as_its_sources_newest_complete_sync() {
    let world = World::new().await;
    world.upsert(rows(0..1)).await;
    world.store.clock.advance_ms(60_000);
    // A sync that found nothing new, in two runs.
    world.run(&world.first, Some(Vec::new()), Vec::new(), false).await;
    world.store.clock.advance_ms(5_000);
    assert_eq!(world.account("c0").await.synced_at.0, START_US);
    world.run(&world.first, None, Vec::new(), true).await;
    assert_eq!(world.account("c0").await.synced_at.0, START_US + 60_000_000);
    let source = world.source().await;
    assert_eq!(source.synced_at.unwrap().0, START_US + 60_000_000);
    assert_eq!(source.ended_at.unwrap().0, START_US + 65_000_000);
    // A list that names an account again says so too.
    world.import(ImportMode::Merge, rows(5..6)).await;
    world.store.clock.advance_ms(1_000);
    world.import(ImportMode::Merge, rows(5..6)).await;
    let account = world.account("c5").await;
    assert_eq!(account.synced_at.ms_since(account.updated_at), 1_000);
}

#[tokio::test]
async fn accounts_of_a_source_that_is_gone_stay_and_are_the_lists() {
    let world = World::new().await;
    world.upsert(rows(0..10)).await;
    world.remove(&["c0", "c1", "c2"]).await;
    let (org, install) = (world.org.clone(), world.first.clone());
    world
        .store
        .write(move |connection| Box::pin(async move { forget(connection, &org, &install).await }))
        .await
        .unwrap();
    assert!(world.accounts().await.iter().all(|account| account.source == "import"));
    assert_eq!(world.accounts().await.len(), 10);
    assert_eq!(world.source().await.state, SourceState::NeverSynced);
}

#[tokio::test]
async fn a_domain_that_waits_keeps_the_longest_lineage_of_what_touched_it() {
    let world = World::new().await;
    let partnership = world.partnership().await;
    let once = Lineage::default().after(&world.first);
    let thrice = once.after(&world.second).after(&world.first);
    let waits = async || world.store.text("SELECT lineage FROM pairing_work").await;
    let says = async |name: &str, lineage: &Lineage| {
        let rows = vec![row("c0", name)];
        let writes = Some(upserts(&rows));
        world.run_after(&world.first, writes, rows, false, lineage.clone()).await;
        waits().await
    };
    let text = crate::event::written;
    assert_eq!(says("A", &Lineage::default()).await, "");
    assert_eq!(says("B", &thrice).await, text(&thrice));
    assert_eq!(says("C", &once).await, text(&thrice));

    world.upsert(rows(0..10)).await;
    world.touched(&partnership).await;
    let removals = Some(removals(&["c1"]));
    world.run_after(&world.first, removals, Vec::new(), true, once.clone()).await;
    assert_eq!(waits().await, text(&once), "what goes has one, too");
}
