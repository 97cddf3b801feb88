//! Imports: what is seen when, what stays, what is left to pairing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{account::Account, id::PartnershipId};

use super::*;
use crate::{account::AccountFilter, testing::TestStore};

/// The number of an import's first reading.
const FIRST: u64 = 1;

/// A store with one organization and its admin.
struct World {
    store: TestStore,
    org: OrganizationId,
    user: UserId,
}

fn row(id: &str, name: &str, domain: &str) -> ImportRow {
    ImportRow {
        external_id: id.to_owned(),
        name: name.to_owned(),
        website: format!("https://www.{domain}"),
        host: domain.to_owned(),
        domain: domain.to_owned(),
        name_key: name.to_lowercase(),
        population: "prospects".to_owned(),
        extra: vec![("tier".to_owned(), "1".to_owned())],
        ..ImportRow::default()
    }
}

/// `n` accounts with domains of their own.
fn rows(n: u32) -> Vec<ImportRow> {
    (0..n)
        .map(|i| row(&format!("{i}"), &format!("Company {i}"), &format!("c{i}.example")))
        .collect()
}

impl World {
    async fn new() -> Self {
        let store = TestStore::open().await;
        let org = store.organization("acme", "customer").await;
        let user = store.member(&org, "admin").await;
        Self { store, org, user }
    }

    /// An import whose file has come.
    async fn reading(&self, mode: ImportMode) -> ImportId {
        let new = NewImport {
            organization: self.org.clone(),
            mode,
            file_name: "list.csv".to_owned(),
            options: ImportOptions::default(),
            created_by: self.user.clone(),
        };
        let id = self.store.create_import(new).await.unwrap().id;
        self.store.import_file_came(&id, 10, || Ok(())).await.unwrap().unwrap();
        assert_eq!(self.store.begin_reading(&id).await.unwrap(), Some(FIRST));
        id
    }

    /// Reads a list to its end.
    async fn read(&self, mode: ImportMode, rows: Vec<ImportRow>) -> Import {
        let id = self.reading(mode).await;
        let rows_read = rows.len() as u64;
        let progress = Progress { bytes_read: 10, rows_read, rows_rejected: 0 };
        assert!(self.store.add_import_rows(&id, FIRST, rows, progress).await.unwrap());
        self.store
            .end_reading(&id, FIRST, progress, ImportReport::default())
            .await
            .unwrap()
            .unwrap()
    }

    /// Reads a list and applies it.
    async fn import(&self, mode: ImportMode, rows: Vec<ImportRow>) -> Import {
        let id = self.read(mode, rows).await.id;
        self.store.apply_import(&id).await.unwrap().unwrap()
    }

    async fn accounts(&self) -> Vec<Account> {
        self.store.accounts(&self.org, &AccountFilter::default(), None, 10_000).await.unwrap().items
    }

    async fn names(&self, filter: AccountFilter) -> Vec<String> {
        let page = self.store.accounts(&self.org, &filter, None, 100).await.unwrap();
        page.items.into_iter().map(|account| account.name).collect()
    }

    /// A partnership in a state, with another organization.
    async fn partnership(&self, slug: &str, state: &str) -> PartnershipId {
        let other = self.store.organization(slug, "customer").await;
        let id = PartnershipId::make(self.store.ids());
        self.store
            .sql(&format!(
                "INSERT INTO partnership (id, left_id, right_id, pair_key, state, change_no, created_at)
                 VALUES ('{id}', '{other}', '{}', '{id}', '{state}', 0, 0)",
                self.org
            ))
            .await;
        id
    }

    async fn touched(&self, partnership: &PartnershipId) -> String {
        self.store
            .texts(&format!(
                "SELECT domain FROM pairing_work WHERE partnership_id = '{partnership}' ORDER BY domain"
            ))
            .await
    }
}

fn figures(import: &Import) -> [u64; 4] {
    [import.added, import.changed, import.removed, import.unchanged]
}

#[tokio::test]
async fn nothing_of_an_import_is_seen_before_it_is_applied() {
    let world = World::new().await;
    let import = world.read(ImportMode::Replace, rows(3)).await;
    assert_eq!((import.state, figures(&import)), (ImportState::Applying, [3, 0, 0, 0]));
    assert!(world.accounts().await.is_empty());
    let done = world.store.apply_import(&import.id).await.unwrap().unwrap();
    assert_eq!((done.state, figures(&done)), (ImportState::Done, [3, 0, 0, 0]));
    assert_eq!(done.finished_at, Some(world.store.now()));
    assert_eq!(world.accounts().await.len(), 3);
    assert_eq!(world.store.number("SELECT COUNT(*) FROM import_row").await, 0);
    assert!(world.store.apply_import(&import.id).await.unwrap().is_none());
}

#[tokio::test]
async fn ids_are_kept_and_only_what_differs_is_touched() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(10)).await;
    let before = world.accounts().await;
    world.store.clock.advance_ms(1_000);
    let mut list = rows(10);
    list[3].stage = "customer".to_owned();
    list[9].external_id = "new".to_owned();
    let done = world.import(ImportMode::Replace, list).await;
    assert_eq!(figures(&done), [1, 1, 1, 8]);
    let after = world.accounts().await;
    for account in before.iter().filter(|account| account.external_id != "9") {
        let now = after.iter().find(|now| now.external_id == account.external_id).unwrap();
        assert_eq!(now.id, account.id);
        assert_eq!(now.updated_at != account.updated_at, account.external_id == "3");
    }
    assert!(!after.iter().any(|account| account.external_id == "9"));
}

#[tokio::test]
async fn a_merge_removes_nothing() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(4)).await;
    let done = world.import(ImportMode::Merge, vec![row("new", "New", "new.example")]).await;
    assert_eq!((done.state, figures(&done)), (ImportState::Done, [1, 0, 0, 0]));
    assert_eq!(world.accounts().await.len(), 5);
}

#[tokio::test]
async fn a_replace_that_removes_more_than_a_fifth_waits_for_a_yes() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(10)).await;
    let fifth = world.import(ImportMode::Replace, rows(8)).await;
    assert_eq!(fifth.state, ImportState::Done);
    let asking = world.read(ImportMode::Replace, rows(6)).await;
    assert_eq!(asking.state, ImportState::WaitingForConfirmation);
    assert_eq!(
        asking.report.confirm.as_ref().unwrap().question,
        "The list lacks 2 of the 8 accounts that are there now (25 %). Shall they be removed?"
    );
    assert!(world.store.apply_import(&asking.id).await.unwrap().is_none());
    assert_eq!(world.accounts().await.len(), 8);
    let confirmed = world.store.confirm_import(&asking.id).await.unwrap().unwrap();
    assert_eq!((confirmed.state, confirmed.report.confirm), (ImportState::Applying, None));
    let done = world.store.apply_import(&asking.id).await.unwrap().unwrap();
    assert_eq!((done.state, world.accounts().await.len()), (ImportState::Done, 6));
}

#[tokio::test]
async fn a_yes_is_good_only_for_as_many_removals_as_were_asked_about() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(10)).await;
    let asking = world.read(ImportMode::Replace, rows(6)).await;
    world.store.confirm_import(&asking.id).await.unwrap().unwrap();
    world.import(ImportMode::Merge, vec![row("new", "New", "new.example")]).await;
    let again = world.store.apply_import(&asking.id).await.unwrap().unwrap();
    assert_eq!(again.state, ImportState::WaitingForConfirmation);
    assert_eq!(again.report.confirm.unwrap().removes, 5);
    assert_eq!(world.accounts().await.len(), 11);
}

#[tokio::test]
async fn touched_domains_old_and_new_go_to_active_partnerships_only() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(20)).await;
    let active = world.partnership("partner", "active").await;
    let ended = world.partnership("former", "ended").await;
    let proposed = world.partnership("maybe", "proposed").await;
    let mut list = rows(19);
    list[0].domain = "moved.example".to_owned();
    list[1].amount = "5".to_owned();
    list.push(row("new", "No site", ""));
    list.push(row("newer", "Newer", "newer.example"));
    world.import(ImportMode::Replace, list).await;
    let expected = " c0.example c1.example c19.example moved.example newer.example";
    assert_eq!(world.touched(&active).await, expected);
    assert_eq!(world.touched(&ended).await, "");
    assert_eq!(world.touched(&proposed).await, "");
}

#[tokio::test]
async fn reading_starts_over_after_a_crash() {
    let world = World::new().await;
    let id = world.reading(ImportMode::Replace).await;
    let progress = Progress { bytes_read: 5, rows_read: 3, rows_rejected: 1 };
    world.store.add_import_rows(&id, FIRST, rows(2), progress).await.unwrap();
    let found = world.store.imports_to_work_on().await.unwrap();
    assert_eq!((found.len(), found[0].rows_read, found[0].bytes_read), (1, 3, 5));
    let second = world.store.begin_reading(&id).await.unwrap().unwrap();
    assert_eq!(world.store.number("SELECT COUNT(*) FROM import_row").await, 0);
    assert!(world.store.add_import_rows(&id, second, rows(2), progress).await.unwrap());
    // Who began before, and lives after all, neither adds anything nor ends it.
    assert!(!world.store.add_import_rows(&id, FIRST, rows(3), progress).await.unwrap());
    let ended = world.store.end_reading(&id, FIRST, progress, ImportReport::default()).await;
    assert!(ended.unwrap().is_none());
    assert_eq!(world.store.number("SELECT COUNT(*) FROM import_row").await, 2);
}

#[tokio::test]
async fn a_cancelled_import_leaves_no_rows_and_takes_no_more() {
    let world = World::new().await;
    let id = world.reading(ImportMode::Replace).await;
    world.store.add_import_rows(&id, FIRST, rows(2), Progress::default()).await.unwrap();
    let cancelled = world.store.cancel_import(&id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, ImportState::Cancelled);
    assert!(!world.store.add_import_rows(&id, FIRST, rows(2), Progress::default()).await.unwrap());
    let end =
        world.store.end_reading(&id, FIRST, Progress::default(), ImportReport::default()).await;
    assert!(end.unwrap().is_none());
    assert_eq!(world.store.number("SELECT COUNT(*) FROM import_row").await, 0);
    assert!(world.store.cancel_import(&id).await.unwrap().is_none());
    assert!(world.store.imports_to_work_on().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_import_says_why_and_changes_nothing() {
    let world = World::new().await;
    world.import(ImportMode::Replace, rows(2)).await;
    let id = world.reading(ImportMode::Replace).await;
    world.store.add_import_rows(&id, FIRST, rows(1), Progress::default()).await.unwrap();
    let error = ImportProblem {
        line: Some(3),
        column: None,
        code: "not-utf8".to_owned(),
        reason: "r".to_owned(),
        next_step: "n".to_owned(),
    };
    let report = ImportReport { error: Some(error), ..ImportReport::default() };
    let failed = world.store.fail_import(&id, report.clone()).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.report), (ImportState::Failed, report));
    assert_eq!(world.accounts().await.len(), 2);
    assert_eq!(world.store.number("SELECT COUNT(*) FROM import_row").await, 0);
}

#[tokio::test]
async fn of_two_uploads_only_one_counts_and_a_file_that_cannot_be_placed_changes_nothing() {
    let world = World::new().await;
    let new = NewImport {
        organization: world.org.clone(),
        mode: ImportMode::Merge,
        file_name: "list.csv".to_owned(),
        options: ImportOptions::default(),
        created_by: world.user.clone(),
    };
    let id = world.store.create_import(new).await.unwrap().id;
    let full = world.store.import_file_came(&id, 1, || Err(std::io::Error::other("full"))).await;
    assert_eq!(full.unwrap_err().to_string(), format!("keeping the uploaded file failed for {id}"));
    let found = world.store.import(&world.org, &id).await.unwrap().unwrap();
    assert_eq!(found.state, ImportState::WaitingForFile);
    let (one, two) = tokio::join!(
        world.store.import_file_came(&id, 1, || Ok(())),
        world.store.import_file_came(&id, 2, || Ok(())),
    );
    let came = [one.unwrap(), two.unwrap()];
    assert_eq!(came.iter().flatten().count(), 1);
}

#[tokio::test]
async fn another_organization_sees_neither_imports_nor_accounts() {
    let world = World::new().await;
    let import = world.import(ImportMode::Replace, rows(1)).await;
    let other = world.store.organization("other", "customer").await;
    let account = world.accounts().await.remove(0);
    assert!(world.store.import(&other, &import.id).await.unwrap().is_none());
    assert!(world.store.imports(&other, None, 10).await.unwrap().items.is_empty());
    assert!(world.store.account(&other, &account.id).await.unwrap().is_none());
    assert_eq!(world.store.account(&world.org, &account.id).await.unwrap(), Some(account));
}

#[tokio::test]
async fn accounts_are_found_by_prefix_and_pattern_characters_mean_themselves() {
    let world = World::new().await;
    let list = vec![
        row("1", "Acme_One", "acme.example"),
        row("2", "acme two", "two.example"),
        row("3", "100% Juice", "juice.example"),
        row("4", "ÄRZTE", "aerzte.example"),
    ];
    world.import(ImportMode::Replace, list).await;
    let prefix = |text: &str| AccountFilter { prefix: text.to_owned(), ..AccountFilter::default() };
    assert_eq!(world.names(prefix("ACME")).await, ["Acme_One", "acme two"]);
    assert_eq!(world.names(prefix("acme_")).await, ["Acme_One"]);
    assert_eq!(world.names(prefix("%")).await, Vec::<String>::new());
    assert_eq!(world.names(prefix("100%")).await, ["100% Juice"]);
    assert_eq!(world.names(prefix("Ärz")).await, ["ÄRZTE"]);
    assert_eq!(world.names(prefix("Juice.ex")).await, ["100% Juice"]);
    assert_eq!(world.names(prefix("' OR 1=1 --")).await, Vec::<String>::new());
    let domain = AccountFilter { domain: "Two.example".to_owned(), ..AccountFilter::default() };
    assert_eq!(world.names(domain).await, ["acme two"]);
}

#[test]
fn a_revision_tells_every_difference_and_no_two_rows_apart_by_their_seams() {
    let base = row("1", "Acme", "acme.example");
    let seams = ImportRow {
        name: "Acmeh".into(),
        website: "ttps://www.acme.example".into(),
        ..base.clone()
    };
    let moved = ImportRow { population: "customers".into(), ..base.clone() };
    let extra = ImportRow { extra: vec![("tier".into(), "2".into())], ..base.clone() };
    let renumbered = ImportRow { external_id: "2".into(), ..base.clone() };
    assert_eq!(base.rev(), renumbered.rev());
    for other in [seams, moved, extra] {
        assert_ne!(base.rev(), other.rev());
    }
}
