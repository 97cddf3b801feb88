//! Nothing of an organization or a person is left, and nothing of anybody else's goes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::{collections::BTreeSet, fs, path::Path};

use venn_domain::audit::Head;

use super::*;
use crate::{audit::AuditFilter, install::tests::World, run::Next, testing::TestStore};

mod filled;

/// All steps of the schema.
fn migrations() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn every_table_says_whose_its_rows_are() {
    let mut tables = BTreeSet::new();
    for line in migrations().lines() {
        let name = line.strip_prefix("CREATE TABLE ").map(|rest| rest.trim_end_matches(" ("));
        tables.extend(name.map(ToOwned::to_owned));
    }
    let known = OF_AN_ORGANIZATION.iter().map(|(table, _)| *table).chain(OF_NOBODY.iter().copied());
    let known: BTreeSet<_> = known.map(ToOwned::to_owned).collect();
    assert_eq!(tables, known);
}

/// A customer with an install that has run and keeps something, and a partner of it.
async fn world() -> World {
    let world = World::new().await;
    let install = world.active().await;
    let until = world.test.now().plus_ms(60_000);
    for leased in world.test.lease(10, until).await.unwrap() {
        world.ends(leased, Next::Done).await;
    }
    let (id, partnership) = (&install.id, &world.partnership);
    for sql in [
        format!(
            "INSERT INTO tape SELECT id, CAST('canary' AS blob) FROM run WHERE install_id = '{id}'"
        ),
        format!(
            "INSERT INTO run_log SELECT id, 1, 1, 'info', 'canary' FROM run WHERE install_id = '{id}'"
        ),
        format!(
            "INSERT INTO state (install_id, partition_key, key, value, updated_at) VALUES ('{id}', '{partnership}', CAST('k' AS blob), CAST('canary' AS blob), 1)"
        ),
    ] {
        world.test.sql(&sql).await;
    }
    world
}

/// What stands between the two, and goes with either.
const OF_THE_TWO: [&str; 3] = ["sharing_rule", "install_partnership", "state"];

async fn rows_left(world: &World, organization: &OrganizationId) -> Vec<(&'static str, i64)> {
    let mut left = Vec::new();
    for (table, rows) in OF_AN_ORGANIZATION {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {rows}");
        let count = world.test.number(&sql.replace("$1", &format!("'{organization}'"))).await;
        if count > 0 {
            left.push((*table, count));
        }
    }
    left
}

#[tokio::test]
async fn a_customer_goes_with_everything_and_the_others_stay_as_they_are() {
    let world = world().await;
    let before = rows_left(&world, &world.partner).await;
    let Erasure::Done { rows, .. } = world.test.erase_organization(&world.customer).await.unwrap()
    else {
        panic!("refused")
    };
    for table in ["install", "run", "tape", "run_log", "state", "connection", "secret", "audit"] {
        assert!(rows.contains_key(table), "{table}: {rows:?}");
    }
    assert_eq!(rows_left(&world, &world.customer).await, []);
    // The partner's own are there; its rules toward the customer went with what they ruled.
    let mut after = rows_left(&world, &world.partner).await;
    after.retain(|(table, _)| !table.starts_with("audit"));
    let own = before.into_iter().filter(|(table, _)| !OF_THE_TWO.contains(table));
    assert_eq!(after, own.collect::<Vec<_>>());

    let name = format!("SELECT name FROM organization WHERE id = '{}'", world.customer);
    assert_eq!(world.test.text(&name).await, "An erased organization");
    let told = async |organization, action: &str| {
        let filter = AuditFilter::of_action(action);
        let page = world.test.audit_page(organization, &filter, None, 5).await.unwrap();
        page.items.into_iter().map(|entry| (entry.actor, entry.subject)).collect::<Vec<_>>()
    };
    let host = "host".to_owned();
    assert_eq!(
        told(&world.partner, "partnership.ended").await,
        [(host.clone(), world.partnership.to_string())]
    );
    assert_eq!(
        told(&world.reviewer.organization, "organization.erased").await,
        [(host, world.customer.to_string())]
    );
    for organization in [&world.partner, &world.reviewer.organization] {
        let verified = world.test.verify_audit(organization, None).await.unwrap();
        assert_eq!(verified.broken, None);
    }
    assert_eq!(world.test.audit_head(&world.customer).await.unwrap(), Head::default());
    // Once more, as after a restore: there is nothing to do.
    let again = world.test.erase_organization(&world.customer).await.unwrap();
    assert!(matches!(again, Erasure::Done { rows, .. } if rows.is_empty()));
}

#[tokio::test]
async fn what_partners_plugins_derived_and_recorded_of_it_goes_too() {
    let world = world().await;
    let run = world.test.text("SELECT id FROM run").await;
    let read = NewAudit {
        organization: world.partner.clone(),
        actor: "ins_x".to_owned(),
        action: "partner.read",
        subject: world.partnership.to_string(),
        detail: json!({ "run": run }),
    };
    world.test.audit(vec![read]).await.unwrap();
    for said in [
        "UPDATE run SET summary = 'canary', ending_json = 'canary', calls_json = 'canary'",
        "UPDATE delivery SET state = 'ready', finished_at = NULL, continuation = 'canary'",
    ] {
        world.test.sql(said).await;
    }
    let Erasure::Done { rows, .. } = world.test.erase_organization(&world.partner).await.unwrap()
    else {
        panic!("refused")
    };
    for table in ["tape", "run_log", "state", "install_partnership"] {
        assert_eq!(rows.get(table), Some(&1), "{table}: {rows:?}");
        assert_eq!(world.test.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    let said = "SELECT summary || ending_json || calls_json FROM run";
    assert_eq!(world.test.text(said).await, "[]");
    let waits = "SELECT state || ': ' || state_reason || COALESCE(continuation, '') FROM delivery";
    let expected = "dead: a partner whose accounts it had read was erased";
    assert_eq!(world.test.text(waits).await, expected);
    // The customer's install, its run and its connection are its own.
    for table in ["install", "run", "connection"] {
        assert_eq!(world.test.number(&format!("SELECT COUNT(*) FROM {table}")).await, 1, "{table}");
    }
}

#[tokio::test]
async fn the_platform_and_a_publisher_whom_others_have_stay() {
    let world = world().await;
    let test = &world.test;
    for (id, why) in [
        (&world.reviewer.organization, "it is the platform"),
        (&world.owned.0.organization, "others have, or had, its plugins installed"),
    ] {
        assert_eq!(test.erase_organization(id).await.unwrap(), Erasure::Refused(why));
    }
    let nobody = OrganizationId::make(test.ids());
    assert_eq!(test.erase_organization(&nobody).await.unwrap(), Erasure::NotFound);
    // Once nobody has them any more, it goes with its components.
    test.erase_organization(&world.customer).await.unwrap();
    let gone = test.erase_organization(&world.owned.0.organization).await.unwrap();
    let Erasure::Done { components, .. } = gone else { panic!("{gone:?}") };
    assert_eq!(components, std::slice::from_ref(&world.release.digest));
    assert_eq!(rows_left(&world, &world.owned.0.organization).await, []);
}

#[tokio::test]
async fn a_person_is_an_id_that_says_no_more_who_it_was() {
    let world = world().await;
    let test = &world.test;
    let admin = world.admin.to_string();
    let last = test.erase_person(&world.customer, &admin).await.unwrap();
    let why = "it is the last admin of its organization";
    assert_eq!(last, (Erasure::Refused(why), Some(world.admin.clone())));
    let user = test.member(&world.customer, "user").await;
    let email = format!("{user}@example.com");
    // Nobody of another organization is found by the address.
    let other = test.erase_person(&world.partner, &email).await.unwrap();
    assert_eq!(other, (Erasure::NotFound, None));
    let (erased, who) = test.erase_person(&world.customer, &email).await.unwrap();
    let Erasure::Done { rows, .. } = erased else { panic!("{erased:?}") };
    assert_eq!(
        (rows.get("member"), rows.get("person"), who),
        (Some(&1), Some(&1), Some(user.clone()))
    );
    let row = format!("SELECT email || '/' || name FROM person WHERE id = '{user}'");
    assert_eq!(test.text(&row).await, format!("{user}/"));
    let (again, _) = test.erase_person(&world.customer, user.as_str()).await.unwrap();
    assert!(matches!(again, Erasure::Done { .. }));
}
