//! A credential is used where it belongs, and never seen again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::id::InstallId;

use super::*;
use crate::{
    audit::AuditFilter,
    install::{
        change::InstallChange,
        tests::{World, done},
    },
    secret::tests::keys,
    testing::TestStore,
};

pub(crate) const SECRET: &str = "pat-na1-the-secret";

/// A connection with [`SECRET`].
pub(crate) async fn connect(
    test: &TestStore,
    organization: &OrganizationId,
    actor: &UserId,
    name: &str,
    host: &str,
) -> Connection {
    let new = NewConnection {
        organization: organization.clone(),
        name: name.to_owned(),
        kind: ConnectionKind::ApiKey,
        host: host.to_owned(),
        token_endpoint: None,
        actor: actor.clone(),
    };
    let secret = Zeroizing::new(SECRET.as_bytes().to_vec());
    test.create_connection(one_key(), new, secret).await.unwrap()
}

fn one_key() -> Arc<Keys> {
    keys("k1", &[("k1", 7)])
}

async fn used(world: &World, install: &InstallId, name: &str) -> Option<String> {
    let found = world.test.install_secret(&one_key(), install, name).await.unwrap();
    found.map(|(_, secret)| String::from_utf8(secret.unwrap().expose().to_vec()).unwrap())
}

#[tokio::test]
async fn an_install_uses_its_own_connection_only() {
    let world = World::new().await;
    let install = world.active().await;
    assert_eq!(used(&world, &install.id, "crm").await.as_deref(), Some(SECRET));
    assert_eq!(used(&world, &install.id, "other").await, None);
    assert_eq!(used(&world, &InstallId::make(world.test.ids()), "crm").await, None);
}

#[tokio::test]
async fn a_connection_of_another_organization_is_never_in_place() {
    let world = World::new().await;
    let install = world.active().await;
    let theirs =
        connect(&world.test, &world.partner, &world.admin, "hubspot", "api.hubapi.com").await;
    let change = InstallChange::Connections([("crm".to_owned(), theirs.id)].into());
    let (test, admin) = (&world.test, &world.admin);
    done(test.change_install(&world.customer, &install.id, change, admin).await.unwrap());
    assert_eq!(used(&world, &install.id, "crm").await, None);
    assert!(test.control(&install.id).await.unwrap().unwrap().0.connections.is_empty());
}

#[tokio::test]
async fn a_new_secret_makes_a_connection_active_again_and_raises_authority() {
    let world = World::new().await;
    let install = world.active().await;
    let (test, customer, id) = (&world.test, &world.customer, &world.connection);
    test.sql(
        "UPDATE connection SET state = 'reconnect-required',
             state_reason = 'api.hubapi.com answered 401'",
    )
    .await;
    let waiting = test.connection(customer, id).await.unwrap().unwrap();
    assert_eq!(waiting.state, ConnectionState::ReconnectRequired);
    assert_eq!(waiting.state_reason, "api.hubapi.com answered 401");

    let before = test.authority_no();
    let secret = || Zeroizing::new(b"a newer one".to_vec());
    let replaced = test.replace_secret(one_key(), customer, id, secret(), &world.admin).await;
    let replaced = done(replaced.unwrap());
    assert_eq!((replaced.state, replaced.secret_version), (ConnectionState::Active, 2));
    assert_eq!(replaced.state_reason, "");
    assert_eq!(test.authority_no(), before + 1);
    assert_eq!(used(&world, &install.id, "crm").await.as_deref(), Some("a newer one"));
    assert_eq!(test.number("SELECT COUNT(*) FROM secret").await, 1, "the old one is gone");

    let by_others = test.replace_secret(one_key(), &world.partner, id, secret(), &world.admin);
    assert_eq!(by_others.await.unwrap(), Change::NotFound);
}

#[tokio::test]
async fn a_connection_in_use_cannot_be_deleted() {
    let world = World::new().await;
    let install = world.active().await;
    let (test, customer, id, admin) =
        (&world.test, &world.customer, &world.connection, &world.admin);
    let in_use = Deleted::InUse(vec!["portal".to_owned()]);
    assert_eq!(test.delete_connection(customer, id, admin).await.unwrap(), in_use);
    done(test.change_install(customer, &install.id, InstallChange::Pause, admin).await.unwrap());
    assert_eq!(test.delete_connection(customer, id, admin).await.unwrap(), in_use);
    assert_eq!(test.delete_connection(&world.partner, id, admin).await.unwrap(), Deleted::NotFound);
    let change = InstallChange::Uninstall;
    done(test.change_install(customer, &install.id, change, admin).await.unwrap());
    assert_eq!(test.delete_connection(customer, id, admin).await.unwrap(), Deleted::Done);
    assert_eq!(test.number("SELECT COUNT(*) FROM secret").await, 0);
    assert_eq!(test.connection(customer, id).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_is_taken_within_its_organization_and_the_audit_has_no_secret() {
    let world = World::new().await;
    let new = NewConnection {
        organization: world.customer.clone(),
        name: "hubspot".to_owned(),
        kind: ConnectionKind::ApiKey,
        host: "api.hubapi.com".to_owned(),
        token_endpoint: None,
        actor: world.admin.clone(),
    };
    let secret = Zeroizing::new(b"another".to_vec());
    let error = world.test.create_connection(one_key(), new, secret).await.unwrap_err();
    assert_eq!(error.to_string(), "already there: The connection's name");
    assert_eq!(world.test.number("SELECT COUNT(*) FROM secret").await, 1, "nothing half-way");
    connect(&world.test, &world.partner, &world.admin, "hubspot", "api.hubapi.com").await;
    let page = world.test.connections_page(&world.customer, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let audit = world
        .test
        .audit_page(&world.customer, &AuditFilter::of_action("connection."), None, 10)
        .await
        .unwrap();
    assert_eq!(audit.items[0].action, "connection.created");
    assert!(!format!("{audit:?}{page:?}").contains(SECRET));
}
