//! What a thief of the data folder, or somebody who writes rows, gets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use super::*;
use crate::testing::TestStore;

const SECRET: &[u8] = b"pat-na1-0123456789-this-is-the-secret";
const NOT_ITS_KEY: &str = "a credential is not available: its data key does not open: the row was changed or moved, or belongs to another key";
const NOT_ITS_TEXT: &str =
    "a credential is not available: it does not open: the row was changed or moved";

pub(crate) fn keys(current: &str, all: &[(&str, u8)]) -> Arc<Keys> {
    let all = all.iter().map(|(id, byte)| ((*id).to_owned(), Zeroizing::new([*byte; 32])));
    Arc::new(Keys::new(current, all.collect()).unwrap())
}

fn place(organization: &OrganizationId, credential: &str, version: u64) -> SecretPlace {
    SecretPlace { organization: organization.clone(), credential: credential.to_owned(), version }
}

async fn put(test: &TestStore, keys: &Arc<Keys>, place: &SecretPlace, secret: &[u8]) {
    test.put_secret(keys.clone(), place.clone(), Zeroizing::new(secret.to_vec())).await.unwrap();
}

async fn refusal(test: &TestStore, keys: &Keys, place: &SecretPlace) -> String {
    match test.open_secret(keys, place).await {
        Ok(_) => "it opened".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_secret_reads_back_and_is_in_no_file_in_the_clear() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let (keys, place) = (keys("k1", &[("k1", 7)]), place(&org, "con_a", 1));
    put(&test, &keys, &place, SECRET).await;
    assert_eq!(test.open_secret(&keys, &place).await.unwrap().expose(), SECRET);

    // What is there is found, or the search has seen nothing.
    assert!(test.holds(b"con_a"));
    assert!(!test.holds(SECRET));
    assert!(!test.holds(&[7; 32]));
}

#[tokio::test]
async fn a_row_moved_to_another_organization_credential_or_version_does_not_open() {
    let test = TestStore::open().await;
    let (ours, theirs) = (
        test.organization("acme", "customer").await,
        test.organization("globex", "customer").await,
    );
    let keys = keys("k1", &[("k1", 7)]);
    let victim = place(&ours, "con_a", 1);
    let moves = [
        (format!("organization_id = '{theirs}'"), place(&theirs, "con_a", 1)),
        ("credential_id = 'con_b'".to_owned(), place(&ours, "con_b", 1)),
        ("version = 2".to_owned(), place(&ours, "con_a", 2)),
    ];
    for (change, thief) in moves {
        put(&test, &keys, &victim, SECRET).await;
        test.sql(&format!("UPDATE secret SET {change}")).await;
        assert_eq!(refusal(&test, &keys, &thief).await, NOT_ITS_KEY, "{change}");
        test.sql("DELETE FROM secret").await;
    }
}

#[tokio::test]
async fn swapping_ciphertexts_between_credentials_opens_neither() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let keys = keys("k1", &[("k1", 7)]);
    let (one, other) = (place(&org, "con_a", 1), place(&org, "con_b", 1));
    put(&test, &keys, &one, SECRET).await;
    put(&test, &keys, &other, b"another").await;
    test.sql(
        "UPDATE secret SET ciphertext = (SELECT s.ciphertext FROM secret s WHERE s.credential_id <> secret.credential_id)
         WHERE credential_id = 'con_a'",
    )
    .await;
    assert_eq!(refusal(&test, &keys, &one).await, NOT_ITS_TEXT);
}

#[tokio::test]
async fn one_flipped_byte_anywhere_is_noticed() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let (keys, place) = (keys("k1", &[("k1", 7)]), place(&org, "con_a", 1));
    for (column, text) in [("ciphertext", NOT_ITS_TEXT), ("wrapped_key", NOT_ITS_KEY)] {
        put(&test, &keys, &place, SECRET).await;
        let bytes = test.bytes(&format!("SELECT {column} FROM secret")).await;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let hex = changed.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            test.sql(&format!("UPDATE secret SET {column} = X'{hex}'")).await;
            assert_eq!(refusal(&test, &keys, &place).await, text, "{column}, byte {at}");
        }
        test.sql(&format!("UPDATE secret SET {column} = X'00'")).await;
        assert_eq!(refusal(&test, &keys, &place).await, text, "{column}, cut");
    }
}

#[tokio::test]
async fn rotation_keeps_secrets_readable_and_the_old_key_is_not_needed_any_more() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let (one, other) = (place(&org, "con_a", 1), place(&org, "con_b", 4));
    let old = keys("k1", &[("k1", 7)]);
    put(&test, &old, &one, SECRET).await;
    put(&test, &old, &other, b"another").await;
    let ciphertext = "SELECT ciphertext FROM secret WHERE credential_id = 'con_a'";
    let before = test.bytes(ciphertext).await;

    let both = keys("k2", &[("k1", 7), ("k2", 9)]);
    assert_eq!(test.rotate_keys(both.clone()).await.unwrap(), 2);
    assert_eq!(test.rotate_keys(both).await.unwrap(), 0);

    let new = keys("k2", &[("k2", 9)]);
    assert_eq!(test.open_secret(&new, &one).await.unwrap().expose(), SECRET);
    assert_eq!(test.open_secret(&new, &other).await.unwrap().expose(), b"another");
    assert_eq!(before, test.bytes(ciphertext).await, "rotation leaves the ciphertext alone");
    assert_eq!(
        refusal(&test, &old, &one).await,
        "a credential is not available: the key that it was encrypted with is not in the key file; restore the key file that belongs to this data folder"
    );
}

#[tokio::test]
async fn a_rotation_that_lacks_an_old_key_changes_nothing() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let (one, other) = (place(&org, "con_a", 1), place(&org, "con_b", 1));
    put(&test, &keys("k1", &[("k1", 7)]), &one, SECRET).await;
    put(&test, &keys("k0", &[("k0", 5)]), &other, SECRET).await;
    let lacking = keys("k2", &[("k1", 7), ("k2", 9)]);
    assert!(test.rotate_keys(lacking.clone()).await.is_err());
    assert_eq!(test.number("SELECT COUNT(*) FROM secret WHERE key_id = 'k2'").await, 0);
    assert_eq!(test.open_secret(&lacking, &one).await.unwrap().expose(), SECRET);
}

#[tokio::test]
async fn a_key_of_the_same_name_but_other_bytes_opens_nothing() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let place = place(&org, "con_a", 1);
    put(&test, &keys("k1", &[("k1", 7)]), &place, SECRET).await;
    assert_eq!(refusal(&test, &keys("k1", &[("k1", 8)]), &place).await, NOT_ITS_KEY);
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let test = TestStore::open().await;
    let org = test.organization("acme", "customer").await;
    let keys = keys("k1", &[("k1", 7)]);
    put(&test, &keys, &place(&org, "con_a", 1), SECRET).await;
    put(&test, &keys, &place(&org, "con_a", 2), b"newer").await;
    assert_eq!(
        refusal(&test, &keys, &place(&org, "con_a", 1)).await,
        "a credential is not available: there is none of this version"
    );
    let newer = test.open_secret(&keys, &place(&org, "con_a", 2)).await.unwrap();
    assert_eq!(newer.expose(), b"newer");
}

#[test]
fn the_current_key_must_be_there() {
    let error = Keys::new("k2", BTreeMap::new()).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a credential is not available: the current key is not among the keys"
    );
}
