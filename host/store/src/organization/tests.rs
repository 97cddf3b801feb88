//! Organizations, members and the first start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    id::{TokenId, UserId},
    organization::{Kinds, Role, Scope},
};

use super::*;
use crate::testing::TestStore;

fn person(email: &str) -> NewPerson {
    NewPerson { email: email.to_owned(), name: format!("Name of {email}") }
}

fn new(store: &Store, slug: &str, email: &str) -> NewOrganization {
    NewOrganization {
        slug: slug.to_owned(),
        name: slug.to_uppercase(),
        kinds: Kinds { customer: true, ..Kinds::default() },
        admin: person(email),
        token: NewToken {
            id: TokenId::make(store.ids()),
            name: "first".to_owned(),
            hash: vec![7; 32],
            scopes: Scope::ALL.to_vec(),
            expires_at: store.now().plus_ms(1_000),
        },
        actor: "host".to_owned(),
    }
}

#[tokio::test]
async fn an_organization_starts_with_an_admin_a_token_and_the_standard_populations() {
    let store = TestStore::open().await;
    let wanted = new(&store, "acme", "Ann@Acme.example");
    let token = wanted.token.id.clone();
    let (made, admin) = store.create_organization(wanted).await.unwrap();
    assert_eq!(admin.email, "ann@acme.example");
    assert_eq!(Store::organization(&store, "acme").await.unwrap(), Some(made.clone()));
    assert_eq!(Store::organization(&store, made.id.as_str()).await.unwrap(), Some(made.clone()));
    let login = store.token_for_login(&token).await.unwrap().unwrap();
    assert_eq!((login.principal.role, login.principal.user.clone()), (Role::Admin, admin.id));
    let populations = store.populations(&made.id, None, 10).await.unwrap().items;
    let keys: Vec<_> = populations.iter().map(|population| population.key.as_str()).collect();
    assert_eq!(keys, ["customers", "open-opportunities", "prospects"]);
    assert_eq!(store.text("SELECT action FROM audit").await, "organization.created");
}

#[tokio::test]
async fn a_taken_slug_leaves_nothing_behind() {
    let store = TestStore::open().await;
    store.create_organization(new(&store, "acme", "ann@acme.example")).await.unwrap();
    let again = store.create_organization(new(&store, "acme", "bob@bob.example")).await;
    assert_eq!(again.unwrap_err().to_string(), "already there: This slug");
    assert_eq!(store.number("SELECT COUNT(*) FROM person").await, 1);
}

#[tokio::test]
async fn the_platform_is_made_once() {
    let store = TestStore::open().await;
    assert!(!store.has_platform().await.unwrap());
    let platform = || NewOrganization {
        kinds: Kinds { platform: true, ..Kinds::default() },
        ..new(&store, "platform", "admin@platform.example")
    };
    let (made, _) = store.bootstrap_platform(platform()).await.unwrap().unwrap();
    assert_eq!(store.platform().await.unwrap(), made.id);
    assert!(store.has_platform().await.unwrap());
    assert!(store.bootstrap_platform(platform()).await.unwrap().is_none());
    assert_eq!(store.number("SELECT COUNT(*) FROM token").await, 1);
}

#[tokio::test]
async fn the_last_admin_stays_also_when_two_remove_each_other_at_once() {
    let store = TestStore::open().await;
    let (org, ann) =
        store.create_organization(new(&store, "acme", "ann@acme.example")).await.unwrap();
    let removal = store.remove_member(&org.id, &ann.id, &ann.id).await.unwrap();
    assert_eq!(removal, Removal::LastAdmin);
    let bob =
        store.add_member(&org.id, person("bob@acme.example"), Role::Admin, &ann.id).await.unwrap();
    let alone = store.remove_member(&org.id, &ann.id, &bob.user.id).await.unwrap();
    assert_eq!(alone, Removal::LastAdminToken, "Bob has none");
    let bobs = new(&store, "unused", "unused").token;
    store
        .create_token(&org.id, &bob.user.id, bobs, Vec::new(), ann.id.as_str())
        .await
        .unwrap()
        .unwrap();
    let (one, two) = tokio::join!(
        store.remove_member(&org.id, &ann.id, &bob.user.id),
        store.remove_member(&org.id, &bob.user.id, &ann.id),
    );
    let mut both = [one.unwrap(), two.unwrap()];
    both.sort_by_key(|removal| *removal == Removal::LastAdmin);
    assert_eq!(both, [Removal::Removed, Removal::LastAdmin]);
    assert_eq!(store.number("SELECT COUNT(*) FROM member").await, 1);
}

#[tokio::test]
async fn the_last_admin_keeps_the_role_also_when_two_demote_each_other_at_once() {
    let store = TestStore::open().await;
    let (org, ann) =
        store.create_organization(new(&store, "acme", "ann@acme.example")).await.unwrap();
    let alone = store.set_role(&org.id, &ann.id, Role::User, &ann.id).await.unwrap();
    assert_eq!(alone, RoleSet::LastAdmin);
    let bob =
        store.add_member(&org.id, person("bob@acme.example"), Role::User, &ann.id).await.unwrap();
    let promoted = store.set_role(&org.id, &bob.user.id, Role::Admin, &ann.id).await.unwrap();
    assert_eq!(promoted, RoleSet::Done(Member { role: Role::Admin, ..bob.clone() }));
    let (one, two) = tokio::join!(
        store.set_role(&org.id, &ann.id, Role::User, &bob.user.id),
        store.set_role(&org.id, &bob.user.id, Role::Support, &ann.id),
    );
    let is_refused = |set: &RoleSet| !matches!(set, RoleSet::Done(_));
    let both = [one.unwrap(), two.unwrap()];
    assert_eq!(both.iter().filter(|set| is_refused(set)).count(), 1, "{both:?}");
    assert_eq!(store.number("SELECT COUNT(*) FROM member WHERE role = 'admin'").await, 1);
    // What changes nothing is not in the audit.
    let changes = "SELECT COUNT(*) FROM audit WHERE action = 'member.role-changed'";
    assert_eq!(store.number(changes).await, 2);
    let admin = store.members(&org.id, None, 9).await.unwrap().items;
    let admin = admin.iter().find(|member| member.role == Role::Admin).unwrap();
    let same = store.set_role(&org.id, &admin.user.id, Role::Admin, &ann.id).await.unwrap();
    assert_eq!(same, RoleSet::Done(admin.clone()));
    assert_eq!(store.number(changes).await, 2);
    let nobody = store.set_role(&org.id, &UserId::make(store.ids()), Role::User, &ann.id).await;
    assert_eq!(nobody.unwrap(), RoleSet::NotMember);
}

#[tokio::test]
async fn a_removed_members_token_opens_nothing_also_after_the_member_came_back() {
    let store = TestStore::open().await;
    let (org, ann) =
        store.create_organization(new(&store, "acme", "ann@acme.example")).await.unwrap();
    let bob =
        store.add_member(&org.id, person("bob@acme.example"), Role::User, &ann.id).await.unwrap();
    let wanted = new(&store, "unused", "unused").token;
    let token = store
        .create_token(&org.id, &bob.user.id, wanted, Vec::new(), ann.id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.remove_member(&org.id, &bob.user.id, &ann.id).await.unwrap(),
        Removal::Removed
    );
    assert!(store.token_for_login(&token.id).await.unwrap().is_none());
    let back = store
        .add_member(&org.id, person("BOB@acme.example"), Role::Support, &ann.id)
        .await
        .unwrap();
    assert_eq!(back.user.id, bob.user.id);
    let login = store.token_for_login(&token.id).await.unwrap().unwrap();
    assert!(login.revoked);
    let gone = store.remove_member(&org.id, &UserId::make(store.ids()), &ann.id).await.unwrap();
    assert_eq!(gone, Removal::NotMember);
}

#[tokio::test]
async fn a_member_is_added_once_and_keeps_the_name_that_the_person_has() {
    let store = TestStore::open().await;
    let (org, ann) =
        store.create_organization(new(&store, "acme", "ann@acme.example")).await.unwrap();
    let again = store.add_member(&org.id, person("ann@acme.example"), Role::User, &ann.id).await;
    assert_eq!(again.unwrap_err().to_string(), "already there: This member's place");
    let members = store.members(&org.id, None, 10).await.unwrap().items;
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].role, members[0].user.name.as_str()),
        (Role::Admin, "Name of ann@acme.example")
    );
}

#[tokio::test]
async fn listings_go_page_by_page_and_the_directory_hides_the_platform() {
    let store = TestStore::open().await;
    for slug in ["b", "a", "c"] {
        store.organization(slug, "customer").await;
    }
    store.organization("platform", "platform").await;
    let first = store.directory(None, 2).await.unwrap();
    let slugs = |page: &Page<Organization>| -> Vec<String> {
        page.items.iter().map(|org| org.slug.clone()).collect()
    };
    assert_eq!((slugs(&first), first.next.as_deref()), (vec!["a".into(), "b".into()], Some("b")));
    let rest = store.directory(first.next.as_deref(), 2).await.unwrap();
    assert_eq!((slugs(&rest), rest.next), (vec!["c".into()], None));
    let all = store.organizations(None, 10).await.unwrap();
    assert_eq!(slugs(&all), ["b", "a", "c", "platform"]);
}
