//! Backups are made while somebody writes, and only whole ones are restored.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use venn_domain::{
    id::{IdSource, OrganizationId, TokenId, UserId},
    organization::Kinds,
    time::{Clock, Timestamp},
};
use venn_store::{
    Settings, Store,
    organization::{NewOrganization, NewPerson},
    token::NewToken,
};

use super::*;

struct Counted(AtomicU64);

impl Clock for Counted {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

impl IdSource for Counted {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

async fn open(folder: &Path) -> Store {
    let (clock, ids) = (Arc::new(Counted(AtomicU64::new(1))), Arc::new(Counted(AtomicU64::new(1))));
    let (database, observer) = (Database::Embedded, Arc::new(venn_store::Unobserved));
    let folder = folder.to_owned();
    Store::open(Settings { folder, database, clock, ids, observer }).await.unwrap()
}

/// A served data folder with keys, a component and an organization.
struct Served {
    folder: tempfile::TempDir,
    store: Store,
    organization: OrganizationId,
    user: UserId,
}

impl Served {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        drop(keys::load_or_make(folder.path()).unwrap());
        let store = open(folder.path()).await;
        store.put_component(b"a component".to_vec()).await.unwrap();
        let new = NewOrganization {
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            kinds: Kinds { customer: true, platform: true, ..Kinds::default() },
            admin: NewPerson { email: "ann@acme.test".to_owned(), name: "Ann".to_owned() },
            token: NewToken {
                id: TokenId::make(store.ids()),
                name: "first".to_owned(),
                hash: vec![7; 32],
                scopes: Vec::new(),
                expires_at: Timestamp(i64::MAX),
            },
            actor: "host".to_owned(),
        };
        let (organization, user) = store.create_organization(new).await.unwrap();
        Self { folder, store, organization: organization.id, user: user.id }
    }

    /// A write whose place in the order its name tells.
    async fn write(&self, number: u32) {
        let key = format!("p{number:05}");
        self.store.create_population(&self.organization, &key, "P", &self.user).await.unwrap();
    }

    async fn backup(&self) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        make(self.folder.path(), to.path(), true).await.unwrap();
        to
    }
}

async fn written(store: &Store, organization: &OrganizationId) -> Vec<String> {
    let page = store.populations(organization, Some("p0"), 100_000).await.unwrap();
    let keys = page.items.into_iter().map(|item| item.key);
    keys.filter(|key| key.len() == 6 && key.starts_with("p0")).collect()
}

async fn refused(from: &Path) -> String {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let error = restore(from, &data).await.unwrap_err();
    let left = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(left, 0, "something appeared");
    format!("{error:#}").replace(&from.display().to_string(), "FROM")
}

#[tokio::test]
async fn a_backup_in_the_middle_of_writes_holds_all_that_came_before_and_is_served_again() {
    let served = Served::new().await;
    served.write(0).await;
    let to = tempfile::tempdir().unwrap();
    let writes = async {
        for number in 1..200 {
            served.write(number).await;
        }
    };
    let (made, ()) = tokio::join!(make(served.folder.path(), to.path(), true), writes);
    let made = made.unwrap();
    assert!(made.keys);

    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    assert_eq!(restore(to.path(), &data).await.unwrap().manifest, made);
    let store = open(&data).await;
    let there = written(&store, &served.organization).await;
    let all = written(&served.store, &served.organization).await;
    assert!(!there.is_empty() && all.starts_with(&there), "not a beginning of what was written");
    let digest = venn_store::blob::digest(b"a component");
    assert_eq!(store.component(&digest).await.unwrap().unwrap(), b"a component");
    assert!(keys::load(&data).unwrap().is_some());
    store.create_population(&served.organization, "again", "Again", &served.user).await.unwrap();
}

#[tokio::test]
async fn what_is_not_whole_is_not_restored() {
    let served = Served::new().await;
    let blob = format!("blobs/{}", venn_store::blob::digest(b"a component"));
    for (name, change) in [(blob.as_str(), b"A component".as_slice()), ("venn.db", b"no database")]
    {
        let backup = served.backup().await;
        fs::write(backup.path().join(name), change).unwrap();
        assert_eq!(
            refused(backup.path()).await,
            format!(
                "The file is not as it was when the backup was made. (FROM/{name}) Use another backup."
            )
        );
    }
    let backup = served.backup().await;
    fs::remove_file(backup.path().join(MANIFEST)).unwrap();
    assert_eq!(
        refused(backup.path()).await,
        "This is no backup, or one that was not finished: No such file or directory (os error 2). (FROM/backup.json) Use another backup."
    );
}

#[tokio::test]
async fn a_manifest_does_not_lead_out_of_its_folder_and_a_newer_one_is_not_guessed_at() {
    let served = Served::new().await;
    let backup = served.backup().await;
    let place = backup.path().join(MANIFEST);
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    manifest.files[0].path = "../../etc/passwd".to_owned();
    fs::write(&place, serde_json::to_vec(&manifest).unwrap()).unwrap();
    assert_eq!(
        refused(backup.path()).await,
        "It names `../../etc/passwd`, which belongs into no backup. (FROM/backup.json) Use another backup."
    );
    manifest.format = FORMAT + 1;
    fs::write(&place, serde_json::to_vec(&manifest).unwrap()).unwrap();
    assert_eq!(
        refused(backup.path()).await,
        "The backup was made by a newer Venn. (FROM/backup.json) Restore it with that version."
    );
}

#[tokio::test]
async fn a_manifest_that_contradicts_itself_is_refused() {
    let served = Served::new().await;
    let backup = served.backup().await;
    let place = backup.path().join(MANIFEST);
    let whole: Manifest = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    let changed = async |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = whole.clone();
        change(&mut manifest);
        fs::write(&place, serde_json::to_vec(&manifest).unwrap()).unwrap();
        refused(backup.path()).await
    };
    let end = "(FROM/backup.json) Use another backup.";
    assert_eq!(
        changed(&|manifest| manifest.keys = false).await,
        format!("It says that the keys are not in it, and names `keys.json`. {end}")
    );
    assert_eq!(
        changed(&|manifest| manifest.files.retain(|file| file.path != keys::FILE)).await,
        format!("It says that the keys are in it, and does not name `keys.json`. {end}")
    );
    assert_eq!(
        changed(&|manifest| manifest.files.push(manifest.files[0].clone())).await,
        format!("It names `{}` twice. {end}", whole.files[0].path)
    );
    // What only a look into the copy finds leaves nothing either.
    fs::write(backup.path().join(DATABASE), "no database").unwrap();
    let odd = entry(backup.path(), Path::new(DATABASE)).unwrap();
    let told = changed(&|manifest| {
        let database = manifest.files.iter_mut().find(|file| file.path == DATABASE).unwrap();
        database.clone_from(&odd);
    })
    .await;
    let why = "error returned from database: (code: 26) file is not a database";
    assert_eq!(told, format!("the database failed: {why}: (code: 26) file is not a database"));
}

#[tokio::test]
async fn a_folder_that_is_not_empty_is_neither_backed_up_to_nor_restored_to() {
    let served = Served::new().await;
    let backup = served.backup().await;
    for error in [
        make(served.folder.path(), backup.path(), true).await.unwrap_err(),
        restore(backup.path(), served.folder.path()).await.unwrap_err(),
    ] {
        let text = error.to_string();
        let rest = "Name a folder that is empty, or that is not there.";
        assert!(text.ends_with(rest), "{text}");
    }
}

#[tokio::test]
async fn a_key_file_that_is_kept_elsewhere_stays_out() {
    let served = Served::new().await;
    let to = tempfile::tempdir().unwrap();
    let made = make(served.folder.path(), to.path(), false).await.unwrap();
    assert!(!made.keys && !to.path().join(keys::FILE).exists());
}

#[tokio::test]
async fn what_a_killed_restore_left_is_removed_by_the_next_and_nothing_else_is() {
    let served = Served::new().await;
    let backup = served.backup().await;
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let beside = |name: &str| place.path().join(format!(".venn-restore-{name}"));
    let (stale, file) = (beside("data-aB3xyZ"), beside("data-file01"));
    let others = [beside("data-x-aB3xyZ"), beside("other-aB3xyZ"), beside("data-long123")];
    for folder in others.iter().chain([&stale]) {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("venn.db"), "half").unwrap();
    }
    fs::write(&file, "no folder").unwrap();

    let held = fs::File::open(&stale).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = restore(backup.path(), &data).await.unwrap_err().to_string();
    assert!(!data.exists());
    let path = place.path().canonicalize().unwrap().join("data");
    assert_eq!(
        error,
        format!(
            "another restore to {} is under way: wait for it, or name another folder",
            path.display()
        )
    );
    assert!(stale.exists());
    drop(held);
    let restored = restore(backup.path(), &data).await.unwrap();
    assert_eq!(restored.removed, [path.with_file_name(stale.file_name().unwrap())]);
    assert!(!stale.exists() && file.exists() && others.iter().all(|folder| folder.exists()));
    assert!(data.join(DATABASE).is_file());
}
