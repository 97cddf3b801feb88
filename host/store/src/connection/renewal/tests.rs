//! One process renews a token, and no token is lost or brought back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::{limits, manifest::ConnectionKind};

use super::*;
use crate::{
    Settings, Store,
    audit::AuditFilter,
    connection::{ConnectionState, NewConnection},
    install::tests::World,
    secret::tests::keys,
    testing::settings,
};

fn one_key() -> Arc<Keys> {
    keys("k1", &[("k1", 7)])
}

/// A connection whose client has no token yet.
async fn client(world: &World) -> Connection {
    let new = NewConnection {
        organization: world.customer.clone(),
        name: "marketo".to_owned(),
        kind: ConnectionKind::ClientCredentials,
        host: "api.hubapi.com".to_owned(),
        token_endpoint: Some("https://login.example.com/token".to_owned()),
        actor: world.admin.clone(),
    };
    let secret = Zeroizing::new(b"client".to_vec());
    world.test.create_connection(one_key(), new, secret).await.unwrap()
}

fn renewed(world: &World, secret: &str) -> Renewed {
    Renewed {
        secret: Zeroizing::new(secret.as_bytes().to_vec()),
        expires_at: Some(world.test.now().plus_ms(3_600_000)),
        renewable: true,
    }
}

async fn stored(world: &World, connection: &Connection) -> (Connection, String) {
    let now = world.test.connection(&world.customer, &connection.id).await.unwrap().unwrap();
    let opened = world.test.open_secret(&one_key(), &now.place()).await.unwrap();
    (now, String::from_utf8(opened.expose().to_vec()).unwrap())
}

/// Another process with the same database; PostgreSQL has one owner, so there it is the
/// same one again.
async fn another(world: &World) -> Store {
    if !world.test.is_embedded() {
        return Store::clone(&world.test);
    }
    let settings = Settings { clock: world.test.clock.clone(), ..settings(world.test.folder()) };
    Store::open(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_gets_the_lease_until_it_ends() {
    let world = World::new().await;
    let found = client(&world).await;
    let (one, two) = (&world.test, another(&world).await);
    let until = world.test.now().plus_ms(limits::TOKEN_LEASE_MS.cast_signed());
    let both = tokio::join!(
        one.lease_renewal(&found, "one", until),
        two.lease_renewal(&found, "two", until)
    );
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert!(both == [Lease::Taken, Lease::Elsewhere] || both == [Lease::Elsewhere, Lease::Taken]);

    // The one died: its lease ends by itself, and another takes over.
    world.test.clock.advance_ms(limits::TOKEN_LEASE_MS.cast_signed() - 1);
    let later = until.plus_ms(limits::TOKEN_LEASE_MS.cast_signed());
    assert_eq!(two.lease_renewal(&found, "two", later).await.unwrap(), Lease::Elsewhere);
    world.test.clock.advance_ms(1);
    assert_eq!(two.lease_renewal(&found, "two", later).await.unwrap(), Lease::Taken);

    // A token came: who has seen the older one reads it.
    assert!(two.keep_renewed(one_key(), &found, renewed(&world, "a1")).await.unwrap());
    assert_eq!(one.lease_renewal(&found, "one", later).await.unwrap(), Lease::Newer);
    let (now, secret) = stored(&world, &found).await;
    assert_eq!((now.secret_version, secret.as_str()), (2, "a1"));
    assert_eq!(now.tokens.as_ref().map(|tokens| tokens.lease_until), Some(Timestamp(0)));
}

#[tokio::test]
async fn a_late_answer_neither_replaces_a_newer_token_nor_condemns_it() {
    let world = World::new().await;
    let found = client(&world).await;
    let test = &world.test;
    // Whose lease has ended meanwhile may still bring what the service gave it.
    assert!(test.keep_renewed(one_key(), &found, renewed(&world, "newer")).await.unwrap());
    assert!(!test.keep_renewed(one_key(), &found, renewed(&world, "late")).await.unwrap());
    let refused = Failed::Reconnect { reason: "late".to_owned() };
    assert!(!test.note_not_renewed(&found, refused).await.unwrap());
    let (now, secret) = stored(&world, &found).await;
    assert_eq!((now.state, secret.as_str()), (ConnectionState::Active, "newer"));
}

#[tokio::test]
async fn what_failed_says_why_and_when_there_is_another_attempt() {
    let world = World::new().await;
    let found = client(&world).await;
    let test = &world.test;
    let before = test.authority_no();
    let passing = || Failed::Passing { reason: "login.example.com answered 503".to_owned() };
    for failures in 1..=3_u64 {
        assert!(test.note_not_renewed(&found, passing()).await.unwrap());
        let (now, _) = stored(&world, &found).await;
        assert_eq!(now.state, ConnectionState::Expiring);
        assert_eq!(now.state_reason, "login.example.com answered 503");
        let tokens = now.tokens.unwrap();
        assert_eq!(tokens.failures, failures);
        assert_eq!(tokens.retry_at.ms_since(test.now()), pause_ms(failures));
    }
    assert_eq!(test.authority_no(), before, "it works still");
    let refused = Failed::Reconnect { reason: "the permission has ended".to_owned() };
    assert!(test.note_not_renewed(&found, refused).await.unwrap());
    let (now, _) = stored(&world, &found).await;
    assert_eq!(now.state, ConnectionState::ReconnectRequired);
    assert_eq!(test.authority_no(), before + 1, "nothing is sent with it any more");
    let audit = test
        .audit_page(&world.customer, &AuditFilter::of_action("connection.re"), None, 10)
        .await
        .unwrap();
    let told: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(told, ["connection.reconnect-required", "connection.refresh-failed"]);
}
