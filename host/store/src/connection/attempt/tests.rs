//! Who begins to connect is who finishes, once, and in time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::{
    install::{Install, tests::World},
    secret::tests::keys,
};

fn one_key() -> Arc<Keys> {
    keys("k1", &[("k1", 7)])
}

fn attempt_of(world: &World, install: &Install, person: &UserId) -> Attempt {
    Attempt {
        id: ConnectAttemptId::make(world.test.ids()),
        organization: world.customer.clone(),
        install: install.id.clone(),
        plugin: install.plugin.clone(),
        request: "crm".to_owned(),
        person: person.clone(),
        connection_name: "portal-crm".to_owned(),
        host: "api.hubapi.com".to_owned(),
        token_endpoint: "https://login.example.com/token".to_owned(),
        issuer: "https://login.example.com".to_owned(),
        client_id: "client".to_owned(),
        redirect_uri: "https://venn.example/oauth/callback/crm-tasks".to_owned(),
        expires_at: world.test.now().plus_ms(limits::CONNECT_MS.cast_signed()),
        sealed_version: 1,
    }
}

fn sealed(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

async fn begin(world: &World, attempt: &Attempt, state: &[u8]) {
    let sealed = sealed("the verifier");
    world.test.begin_connecting(one_key(), attempt.clone(), state.to_vec(), sealed).await.unwrap();
}

#[tokio::test]
async fn a_state_is_good_once_and_in_time() {
    let world = World::new().await;
    let install = world.active().await;
    let attempt = attempt_of(&world, &install, &world.admin);
    let take = async |state: &[u8]| {
        let found = world.test.take_state(&one_key(), state.to_vec()).await.unwrap();
        found.map(|(found, opened)| (found.id, opened.expose().to_vec()))
    };
    begin(&world, &attempt, b"state").await;
    assert_eq!(take(b"another").await, None);
    assert_eq!(take(b"state").await, Some((attempt.id.clone(), b"the verifier".to_vec())));
    assert_eq!(take(b"state").await, None, "it is used");

    let late = attempt_of(&world, &install, &world.admin);
    begin(&world, &late, b"late").await;
    world.test.clock.advance_ms(limits::CONNECT_MS.cast_signed());
    assert_eq!(take(b"late").await, None, "it is past");
    world.test.sweep_attempts().await.unwrap();
    assert_eq!(world.test.number("SELECT COUNT(*) FROM connect_attempt").await, 0);
    let sealed = world.test.number("SELECT COUNT(*) FROM secret").await;
    assert_eq!(sealed, 1, "the install's own connection, and nothing of attempts");
}

#[tokio::test]
async fn only_who_began_finishes_and_guesses_are_counted() {
    let world = World::new().await;
    let install = world.active().await;
    let other = world.test.member(&world.customer, "admin").await;
    let attempt = attempt_of(&world, &install, &world.admin);
    begin(&world, &attempt, b"state").await;
    let (test, id) = (&world.test, &install.id);
    let try_as = async |person: &UserId, word: &'static [u8]| {
        let done =
            test.finish_connecting(one_key(), id, "crm", person, move |hash| hash == word).await;
        match done.unwrap() {
            Finishing::Right(_, opened) => String::from_utf8(opened.expose().to_vec()).unwrap(),
            Finishing::Wrong { left } => format!("{left} left"),
            Finishing::None => "none".to_owned(),
        }
    };
    assert_eq!(try_as(&world.admin, b"").await, "none", "nothing came back yet");
    test.take_state(&one_key(), b"state".to_vec()).await.unwrap().unwrap();
    assert_eq!(try_as(&world.admin, b"").await, "none", "there is no word yet");
    test.keep_code(one_key(), &attempt, b"word".to_vec(), sealed("the code")).await.unwrap();
    assert_eq!(try_as(&other, b"word").await, "none");
    assert_eq!(try_as(&world.admin, b"guess").await, "4 left");
    assert_eq!(try_as(&world.admin, b"word").await, "the code");
    assert_eq!(try_as(&world.admin, b"word").await, "none", "it is used");

    let guessed = attempt_of(&world, &install, &world.admin);
    begin(&world, &guessed, b"next").await;
    test.take_state(&one_key(), b"next".to_vec()).await.unwrap().unwrap();
    test.keep_code(one_key(), &guessed, b"word".to_vec(), sealed("the code")).await.unwrap();
    for left in (0..limits::CONNECT_TRIES).rev() {
        assert_eq!(try_as(&world.admin, b"guess").await, format!("{left} left"));
    }
    assert_eq!(try_as(&world.admin, b"word").await, "none");
    assert_eq!(test.number("SELECT COUNT(*) FROM connect_attempt").await, 0);
}

#[tokio::test]
async fn tokens_come_into_the_install_and_go_to_no_other_plugin_or_endpoint() {
    let world = World::new().await;
    let install = world.active().await;
    let attempt = attempt_of(&world, &install, &world.admin);
    let test = &world.test;
    let tokens =
        |secret: &str| Renewed { secret: sealed(secret), expires_at: None, renewable: false };
    let connected = async |secret: &str| match test
        .connected(one_key(), &attempt, tokens(secret))
        .await
        .unwrap()
    {
        Change::Done(connection) => connection,
        other => panic!("{other:?}"),
    };
    let first = connected("a1").await;
    assert_eq!((first.kind, first.name.as_str()), (ConnectionKind::Oauth2, "portal-crm"));
    let now = test.install(&world.customer, &install.id).await.unwrap().unwrap();
    assert_eq!(now.connections["crm"], first.id);
    // Again: the same connection with newer tokens.
    let second = connected("a2").await;
    assert_eq!((&second.id, second.secret_version), (&first.id, 2));

    // The release asks for an API key there: the tokens are not in place for it.
    let in_place = test.control(&install.id).await.unwrap().unwrap().0.connections;
    assert!(in_place.is_empty(), "{in_place:?}");
    let asks = |endpoint: &str| {
        let request = format!(
            r#"{{"name":"crm","title":"CRM","kind":"oauth2","host":"api.hubapi.com",
                "oauth":{{"token_endpoint":"{endpoint}"}}}}"#
        );
        let mut manifest = world.release.manifest.clone();
        manifest.connections = vec![serde_json::from_str(&request).unwrap()];
        let manifest = String::from_utf8(manifest.to_json()).unwrap();
        format!("UPDATE release SET manifest_json = '{}'", manifest.replace('\'', "''"))
    };
    test.sql(&asks("https://login.example.com/token")).await;
    let used = test.install_secret(&one_key(), &install.id, "crm").await.unwrap();
    assert_eq!(used.and_then(|(_, secret)| Some(secret?.expose().to_vec())), Some(b"a2".to_vec()));
    // A release with another token endpoint does not get them.
    test.sql(&asks("https://evil.example.com/token")).await;
    assert!(test.install_secret(&one_key(), &install.id, "crm").await.unwrap().is_none());
    // Nor does another plugin's install.
    test.sql(&asks("https://login.example.com/token")).await;
    let other = crate::plugin::tests::a_plugin(test, "another").await.0;
    test.sql(&format!("UPDATE install SET plugin_id = '{}'", other.id)).await;
    assert!(test.install_secret(&one_key(), &install.id, "crm").await.unwrap().is_none());
}
