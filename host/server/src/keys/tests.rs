//! The key file, as an operator and a thief meet it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use std::sync::atomic::{AtomicU64, Ordering};

use venn_domain::{
    id::{IdSource, OrganizationId, TokenId},
    organization::Kinds,
    time::{Clock, Timestamp},
};
use venn_store::{
    Database, Settings, Store,
    organization::{NewOrganization, NewPerson},
    secret::SecretPlace,
    token::NewToken,
};

use super::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

#[derive(Default)]
struct Counted(AtomicU64);

impl IdSource for Counted {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn file(folder: &Path) -> Source {
    Source::File(folder.join(FILE))
}

fn refused(result: Result<Keys, KeysError>) -> String {
    match result {
        Ok(_) => panic!("it loaded"),
        Err(error) => error.to_string(),
    }
}

async fn open(folder: &Path) -> Store {
    let (clock, ids) = (Arc::new(Still), Arc::new(Counted::default()));
    let (database, observer) = (Database::Embedded, Arc::new(venn_store::Unobserved));
    let folder = folder.to_owned();
    Store::open(Settings { folder, database, clock, ids, observer }).await.unwrap()
}

async fn organization(store: &Store) -> OrganizationId {
    let new = NewOrganization {
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        kinds: Kinds { customer: true, ..Kinds::default() },
        admin: NewPerson { email: "ann@acme.test".to_owned(), name: "Ann".to_owned() },
        token: NewToken {
            id: TokenId::make(store.ids()),
            name: "first".to_owned(),
            hash: vec![1; 32],
            scopes: Vec::new(),
            expires_at: store.now(),
        },
        actor: "host".to_owned(),
    };
    store.create_organization(new).await.unwrap().0.id
}

#[test]
fn the_first_start_makes_a_file_that_only_its_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let first = load_or_make_from(folder.path(), file(folder.path())).unwrap();
    let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let again = load_or_make_from(folder.path(), file(folder.path())).unwrap();
    assert_eq!(first.encryption.current(), again.encryption.current());
    assert_eq!(first.artifact, again.artifact);
    let different = [first.artifact, first.cursor, first.idempotency];
    assert!(different.iter().all(|key| different.iter().filter(|k| *k == key).count() == 1));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(load_or_make_from(folder.path(), file(folder.path())).unwrap());
    let path = folder.path().join(FILE);
    for mode in [0o640, 0o604, 0o620, 0o610] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let place = path.display();
        assert_eq!(
            refused(load_or_make_from(folder.path(), file(folder.path()))),
            format!(
                "{place} can be read by others (mode {mode:04o}); run `chmod 600 {place}` and, if others were on this machine, `venn keys rotate`"
            )
        );
    }
}

#[test]
fn a_broken_file_is_refused_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let tail = "restore it from a backup, because without it no stored credential can be read";
    let key = "ab".repeat(32);
    for (text, why) in [
        (String::new(), "its JSON has another form"),
        (
            format!(r#"{{"current":"a","keys":{{"a":"{key}"}},"root":"{key}","more":1}}"#),
            "its JSON has another form",
        ),
        (
            format!(r#"{{"current":"a","keys":{{"a":"xyz"}},"root":"{key}"}}"#),
            "a key does not have 64 hexadecimal digits",
        ),
        (
            format!(r#"{{"current":"b","keys":{{"a":"{key}"}},"root":"{key}"}}"#),
            "`current` does not name one of the keys",
        ),
        (
            format!(r#"{{"current":"a","keys":{{"a":"{key}"}},"root":"{key}ab"}}"#),
            "`root` does not have 64 hexadecimal digits",
        ),
    ] {
        std::fs::write(&path, &text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let place = path.display();
        assert_eq!(
            refused(load_or_make_from(folder.path(), file(folder.path()))),
            format!("{place} is not a key file: {why}; {tail}")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_key_from_the_environment_makes_the_same_keys_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let variable = |text: String| Source::Variable(Zeroizing::new(text));
    let one = load_or_make_from(folder.path(), variable("ab".repeat(32))).unwrap();
    let same =
        load_or_make_from(folder.path(), variable(format!("{}\n", "AB".repeat(32)))).unwrap();
    let other = load_or_make_from(folder.path(), variable("ac".repeat(32))).unwrap();
    assert_eq!(one.encryption.current(), same.encryption.current());
    assert_eq!(one.cursor, same.cursor);
    assert_ne!(one.encryption.current(), other.encryption.current());
    assert_ne!(one.cursor, other.cursor);
    assert!(!folder.path().join(FILE).exists());
    for bad in [String::new(), "ab".repeat(31), "zz".repeat(32), "é".repeat(32)] {
        assert!(
            refused(load_or_make_from(folder.path(), variable(bad)))
                .starts_with("VENN_KEY is not a key")
        );
    }
}

#[tokio::test]
async fn rotation_keeps_secrets_drops_the_old_key_and_leaves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let before = load_or_make_from(folder.path(), file(folder.path())).unwrap();
    let store = open(folder.path()).await;
    let place = SecretPlace {
        organization: organization(&store).await,
        credential: "con_a".to_owned(),
        version: 1,
    };
    let secret = Zeroizing::new(b"hush".to_vec());
    store.put_secret(before.encryption.clone(), place.clone(), secret).await.unwrap();

    let in_use = rotate::rotate_from(folder.path(), Database::Embedded, file(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(
        in_use.to_string(),
        format!(
            "the keys in {} are in use; stop `venn serve` there and try again",
            folder.path().display()
        )
    );
    assert_eq!(rotate::unused(folder.path()).unwrap_err().to_string(), in_use.to_string());
    // What a rotation that was killed had left, and what only looks like it.
    let folder_file = |name: &str| folder.path().join(name);
    std::fs::copy(folder_file(FILE), folder_file(".keysAb3xyZ")).unwrap();
    std::fs::write(folder_file(".keyshalf01"), "").unwrap();
    std::fs::write(folder_file(".keysecret1"), "mine").unwrap();
    std::fs::copy(folder_file(FILE), folder_file(".keys-of-another")).unwrap();
    let (artifact, old) = (before.artifact, before.encryption.current().to_owned());
    drop(before);
    let rotated =
        rotate::rotate_from(folder.path(), Database::Embedded, file(folder.path())).await.unwrap();
    assert_eq!(rotated, Rotated { secrets: 1 });
    let there = [".keysAb3xyZ", ".keyshalf01", ".keysecret1", ".keys-of-another"];
    assert_eq!(there.map(|name| folder_file(name).exists()), [false, false, true, true]);

    let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!text.contains(&old));
    let after = load_or_make_from(folder.path(), file(folder.path())).unwrap();
    assert_eq!(after.artifact, artifact);
    assert_ne!(after.encryption.current(), old);
    let opened = store.open_secret(&after.encryption, &place).await.unwrap();
    assert_eq!(opened.expose(), b"hush");
}

#[tokio::test]
async fn a_key_from_the_environment_cannot_be_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::Variable(Zeroizing::new("ab".repeat(32)));
    let error = rotate::rotate_from(folder.path(), Database::Embedded, source).await.unwrap_err();
    assert!(matches!(error, KeysError::NotRotatable));
}
