//! What customers, data owners and attackers would notice of an install.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod world;

use serde_json::json as value;
use venn_domain::{
    authority::Authority,
    capability::Capability,
    id::{AccountId, DeliveryId, OverlapId, PartnershipId},
    sharing::Purpose,
};

use super::{change::InstallChange, *};
use crate::{
    audit::AuditFilter,
    plugin::tests::{a_plugin, approved, manifest},
};

pub(crate) use world::{World, done};

#[tokio::test]
async fn an_install_is_drafted_checked_enabled_and_told() {
    let world = World::new().await;
    let draft = world.draft().await;
    assert_eq!((draft.state, draft.version.as_str()), (InstallState::Draft, "1.0.0"));
    assert_eq!(
        world.change(&draft, InstallChange::Enable).await,
        Change::WrongState("not checked since its last change, or its check found errors")
    );
    assert_eq!(world.stopped(&draft).await.as_deref(), Some("the install is not enabled yet"));
    world.checked(&draft).await;

    let before = world.test.authority_no();
    let active = done(world.change(&draft, InstallChange::Enable).await);
    assert_eq!(active.state, InstallState::Active);
    assert_eq!(active.enabled_at, Some(world.test.now()));
    assert_eq!(world.test.authority_no(), before + 1);
    assert_eq!(world.stopped(&active).await, None);
    assert_eq!(world.events().await, [("installed".to_owned(), "{}".to_owned())]);
    assert_eq!(world.starts(&active).await, [(world.partnership.to_string(), 7)]);
    assert_eq!(
        world.change(&active, InstallChange::Enable).await,
        Change::WrongState("enabled already")
    );
}

#[tokio::test]
async fn a_change_makes_the_check_void_and_a_check_of_what_was_is_not_kept() {
    let world = World::new().await;
    let draft = world.draft().await;
    world.checked(&draft).await;
    let changed = done(world.change(&draft, InstallChange::Config(value!({}))).await);
    assert_eq!(changed.check, None);
    // The check of the older configuration ends only now.
    world.checked(&draft).await;
    assert_eq!(
        world.change(&draft, InstallChange::Enable).await,
        Change::WrongState("not checked since its last change, or its check found errors")
    );
    let failed = CheckRecord { at: world.test.now(), findings: Vec::new(), ok: false };
    world.test.record_check(&changed, &failed).await.unwrap();
    assert!(matches!(world.change(&draft, InstallChange::Enable).await, Change::WrongState(_)));
}

#[tokio::test]
async fn another_organization_can_neither_see_nor_change_an_install() {
    let world = World::new().await;
    let install = world.active().await;
    assert_eq!(world.test.install(&world.partner, &install.id).await.unwrap(), None);
    let change = InstallChange::Uninstall;
    let answer =
        world.test.change_install(&world.partner, &install.id, change, &world.admin).await.unwrap();
    assert_eq!(answer, Change::NotFound);
    assert!(world.test.installs_page(&world.partner, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_name_is_free_again_once_its_install_is_gone() {
    let world = World::new().await;
    let install = world.active().await;
    let error = world.test.create_install(world.new_install("portal")).await.unwrap_err();
    assert_eq!(error.to_string(), "already there: The install's name");
    done(world.test.create_install(world.new_install("second portal")).await.unwrap());
    done(world.change(&install, InstallChange::Uninstall).await);
    done(world.test.create_install(world.new_install("portal")).await.unwrap());
}

#[tokio::test]
async fn only_a_listed_plugin_with_an_approved_release_can_be_installed() {
    let world = World::new().await;
    let draft = world.draft().await;
    world.checked(&draft).await;
    world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer).await.unwrap();
    let refused = "not listed in the marketplace with this release";
    assert_eq!(
        world.test.create_install(world.new_install("other")).await.unwrap(),
        Change::WrongState(refused)
    );
    assert_eq!(world.change(&draft, InstallChange::Enable).await, Change::WrongState(refused));
}

#[tokio::test]
async fn a_suspension_stops_running_installs_with_its_reason() {
    let world = World::new().await;
    let install = world.active().await;
    let before = world.control(&install).await.0.number;
    world.test.suspend_plugin(&world.owned.0.id, "it leaks", &world.reviewer).await.unwrap();
    let (control, _) = world.control(&install).await;
    assert!(control.number > before);
    let authority = Authority::new(control);
    let denial = authority.allows(Capability::State).unwrap_err();
    assert_eq!(denial.why, "the platform suspended the plugin: it leaks");
    world.test.resume_plugin(&world.owned.0.id, &world.reviewer).await.unwrap();
    assert_eq!(world.stopped(&install).await, None);
}

#[tokio::test]
async fn a_yanked_release_stops_its_installs() {
    let world = World::new().await;
    let install = world.active().await;
    world.test.withdraw_release(&world.release.id, "It leaks.", &world.owned.1).await.unwrap();
    let why = world.stopped(&install).await;
    assert_eq!(why.as_deref(), Some("the release was withdrawn: It leaks."));
    let shown = world.test.install(&install.organization, &install.id).await.unwrap().unwrap();
    assert_eq!(shown.stopped, why);
    assert_eq!(shown.state, InstallState::Active);
}

#[tokio::test]
async fn a_paused_install_is_stopped_until_it_is_resumed() {
    let world = World::new().await;
    let install = world.active().await;
    let before = world.test.authority_no();
    done(world.change(&install, InstallChange::Pause).await);
    assert_eq!(world.stopped(&install).await.as_deref(), Some("the install is paused"));
    let (for_check, _) = world.test.control_for_check(&install.id).await.unwrap().unwrap();
    assert_eq!(for_check.stopped, None);
    world.test.sql("UPDATE partnership SET change_no = change_no + 1").await;
    done(world.change(&install, InstallChange::Resume).await);
    assert_eq!(world.stopped(&install).await, None);
    let (kind, _) = world.events().await.pop().unwrap();
    assert_eq!(kind, "overlaps-changed", "it hears what it has missed");
    assert_eq!(world.test.authority_no(), before + 2);
    assert_eq!(
        world.change(&install, InstallChange::Resume).await,
        Change::WrongState("active already")
    );
}

#[tokio::test]
async fn a_control_holds_every_layer_as_it_is_now() {
    let world = World::new().await;
    let install = world.active().await;
    let (control, facts) = world.control(&install).await;
    assert_eq!(control.number, world.test.authority_no());
    assert_eq!(control.manifest, world.release.manifest);
    assert_eq!(control.approval, venn_domain::grant::Approval::of(&world.release.manifest));
    assert_eq!(control.grant, world.grant());
    assert_eq!(control.connections, ["crm"]);
    let partnership = &control.partnerships[0];
    assert_eq!(
        (partnership.partner.as_str(), partnership.active, partnership.rules.len()),
        ("Name of globex", true, 1)
    );
    assert_eq!(partnership.rules[0].purpose, Purpose::Egress);
    assert!(partnership.rules[0].fields.has_name("name"));
    assert_eq!(facts.proof.digest, world.release.digest);
    assert_eq!(facts.proof.publisher, world.owned.0.organization);
    assert_eq!(facts.config, value!({ "prefix": "A secret project:" }));
    assert!(world.test.control(&InstallId::make(world.test.ids())).await.unwrap().is_none());
}

#[tokio::test]
async fn our_own_rules_are_not_taken_for_the_partners() {
    let world = World::new().await;
    let install = world.active().await;
    world
        .test
        .sql("UPDATE sharing_rule SET owner_id = (SELECT id FROM organization WHERE slug = 'acme')")
        .await;
    let (control, _) = world.control(&install).await;
    assert_eq!(control.partnerships[0].rules, []);
}

#[tokio::test]
async fn an_ended_partnership_is_inactive_at_once() {
    let world = World::new().await;
    let install = world.active().await;
    world.test.sql("UPDATE partnership SET state = 'ended'").await;
    let (control, _) = world.control(&install).await;
    let denial =
        Authority::new(control).allows_partnership(world.partnership.as_str()).unwrap_err();
    assert_eq!(denial.why, "the partnership has ended");
}

#[tokio::test]
async fn a_partnership_of_others_is_in_no_authority_whatever_the_grant_says() {
    let world = World::new().await;
    let foreign = PartnershipId::make(world.test.ids());
    let stranger = world.test.organization("initech", "customer").await;
    world
        .test
        .sql(&format!(
            "INSERT INTO partnership (id, left_id, right_id, pair_key, state, change_no, created_at)
             VALUES ('{foreign}', '{stranger}', '{}', '{foreign}', 'active', 3, 1)",
            world.partner
        ))
        .await;
    let mut new = world.new_install("portal");
    new.grant.partnerships.push(foreign.clone());
    let draft = done(world.test.create_install(new).await.unwrap());
    world.checked(&draft).await;
    let install = done(world.change(&draft, InstallChange::Enable).await);
    let (control, _) = world.control(&install).await;
    assert!(Authority::new(control).allows_partnership(foreign.as_str()).is_err());
    assert_eq!(world.starts(&install).await.len(), 1);
}

#[tokio::test]
async fn another_grant_counts_at_once_and_starts_new_partnerships_now() {
    let world = World::new().await;
    let install = world.active().await;
    let third = world.test.organization("initech", "customer").await;
    let second = world.partnership_with(&third, 40).await;
    world
        .test
        .sql(&format!("UPDATE partnership SET change_no = 9 WHERE id = '{}'", world.partnership))
        .await;

    let before = world.test.authority_no();
    let mut wider = world.grant();
    wider.partnerships.push(second.clone());
    done(world.change(&install, InstallChange::Grant(wider)).await);
    assert_eq!(world.test.authority_no(), before + 1);
    let kept = (world.partnership.to_string(), 7);
    assert_eq!(world.starts(&install).await, [kept, (second.to_string(), 40)]);

    // What is taken away and granted again starts anew: a new consent.
    let mut narrower = world.grant();
    narrower.partnerships = vec![second.clone()];
    narrower.capabilities = [Capability::OverlapsRead].into_iter().collect();
    done(world.change(&install, InstallChange::Grant(narrower)).await);
    let (control, _) = world.control(&install).await;
    let authority = Authority::new(control);
    assert!(authority.allows(Capability::State).is_err());
    assert!(authority.allows_partnership(world.partnership.as_str()).is_err());
    done(world.change(&install, InstallChange::Grant(world.grant())).await);
    assert_eq!(world.starts(&install).await, [(world.partnership.to_string(), 9)]);
    let kinds: Vec<_> = world.events().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["installed", "grant-changed", "grant-changed", "grant-changed"]);
}

#[tokio::test]
async fn a_draft_is_told_nothing_and_starts_no_cursor() {
    let world = World::new().await;
    let draft = world.draft().await;
    done(world.change(&draft, InstallChange::Grant(world.grant())).await);
    done(world.change(&draft, InstallChange::Config(value!({}))).await);
    assert_eq!(world.events().await, []);
    assert_eq!(world.starts(&draft).await, []);
}

#[tokio::test]
async fn a_plugin_gets_only_the_kinds_that_its_manifest_wants() {
    let world = World::with_events(&["installed"]).await;
    let install = world.active().await;
    done(world.change(&install, InstallChange::Grant(world.grant())).await);
    done(world.change(&install, InstallChange::Config(value!({}))).await);
    let cursor = "c".to_owned();
    let (test, admin) = (&world.test, &world.admin);
    let started = test.start_backfill(&install, &world.partnership, cursor, admin).await.unwrap();
    assert_eq!(started, None);
    assert_eq!(world.events().await, [("installed".to_owned(), "{}".to_owned())]);
}

#[tokio::test]
async fn a_configuration_is_told_but_never_audited() {
    let world = World::new().await;
    let install = world.active().await;
    let before = world.test.authority_no();
    let config = value!({ "prefix": "Project Titan:" });
    done(world.change(&install, InstallChange::Config(config.clone())).await);
    assert_eq!(world.test.authority_no(), before, "it is no change of authority");
    assert_eq!(world.control(&install).await.1.config, config);
    assert_eq!(
        world.events().await[1],
        ("configured".to_owned(), r#"{"changed":["prefix"]}"#.to_owned())
    );
    let page =
        world.test.audit_page(&world.customer, &AuditFilter::default(), None, 20).await.unwrap();
    assert_eq!(page.items[0].action, "install.configured");
    for entry in page.items {
        let text = entry.detail.to_string();
        assert!(!text.contains("Titan") && !text.contains("secret project"), "{text}");
    }
}

#[tokio::test]
async fn an_upgrade_moves_to_an_approved_release_of_the_same_plugin() {
    let world = World::new().await;
    let install = world.active().await;
    let newer = manifest("crm-tasks", "2.0.0", &["upgraded"]);
    let newer = approved(&world.test, &world.owned, &world.reviewer, newer).await;
    let refused = "not listed in the marketplace with this release";
    let other = a_plugin(&world.test, "other").await;
    let foreign =
        approved(&world.test, &other, &world.reviewer, manifest("other", "1.0.0", &[])).await;
    for (release, why) in
        [(foreign.id, refused), (install.release.clone(), "at this release already")]
    {
        assert_eq!(
            world.change(&install, InstallChange::Upgrade(release.into())).await,
            Change::WrongState(why)
        );
    }
    let before = world.test.authority_no();
    let upgraded = done(world.change(&install, InstallChange::Upgrade(newer.id.into())).await);
    assert_eq!(upgraded.version, "2.0.0");
    assert_eq!(world.test.authority_no(), before + 1);
    let expected =
        ("upgraded".to_owned(), r#"{"old_version":"1.0.0","new_version":"2.0.0"}"#.to_owned());
    assert_eq!(world.events().await[1], expected);
}

#[tokio::test]
async fn a_credential_never_follows_a_release_to_another_host() {
    let world = World::new().await;
    let install = world.active().await;
    let mut moved = manifest("crm-tasks", "2.0.0", &[]);
    moved.egress[0].rule.host = "collect.example.com".to_owned();
    moved.connections[0].host = "collect.example.com".to_owned();
    let moved = approved(&world.test, &world.owned, &world.reviewer, moved).await;
    done(world.change(&install, InstallChange::Upgrade(moved.id.into())).await);
    let (control, facts) = world.control(&install).await;
    assert_eq!(control.connections, Vec::<String>::new());
    assert_eq!(facts.connections, ConnectionMap::new());
}

#[tokio::test]
async fn uninstalling_purges_state_and_waiting_deliveries_and_stops_everything() {
    let world = World::new().await;
    let install = world.active().await;
    world
        .test
        .sql(&format!(
            "INSERT INTO state (install_id, partition_key, key, value, updated_at)
             VALUES ('{}', '', X'01', X'02', 1)",
            install.id
        ))
        .await;
    let before = world.test.authority_no();
    let gone = done(world.change(&install, InstallChange::Uninstall).await);
    assert_eq!(
        (gone.state, gone.uninstalled_at),
        (InstallState::Uninstalled, Some(world.test.now()))
    );
    assert_eq!(world.test.authority_no(), before + 1);
    assert_eq!(world.stopped(&install).await.as_deref(), Some("the install was removed"));
    let (for_check, _) = world.test.control_for_check(&install.id).await.unwrap().unwrap();
    assert_eq!(for_check.stopped.as_deref(), Some("the install was removed"));
    assert_eq!(world.test.number("SELECT COUNT(*) FROM state").await, 0);
    assert_eq!(world.starts(&install).await, []);
    assert_eq!(world.events().await, [], "none is ready any more");
    assert_eq!(
        world.test.text("SELECT state_reason FROM delivery").await,
        "the install was removed"
    );
    for change in [InstallChange::Enable, InstallChange::Resume, InstallChange::Uninstall] {
        assert_eq!(world.change(&install, change).await, Change::WrongState("uninstalled"));
    }
    assert!(world.test.installs_page(&world.customer, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_backfill_is_one_delivery_about_its_partnership() {
    let world = World::new().await;
    let install = world.active().await;
    let delivery: Option<DeliveryId> = world
        .test
        .start_backfill(&install, &world.partnership, "from-zero".to_owned(), &world.admin)
        .await
        .unwrap();
    assert!(delivery.is_some());
    let payload = r#"{"reason":"backfill","cursor":"from-zero"}"#.to_owned();
    assert_eq!(world.events().await[1], ("overlaps-changed".to_owned(), payload));
    let subject = world.test.text("SELECT subject FROM delivery ORDER BY id DESC LIMIT 1").await;
    assert_eq!(subject, world.partnership.to_string());
}

#[tokio::test]
async fn the_size_of_a_backfill_counts_only_what_would_be_readable() {
    let world = World::new().await;
    let install = world.active().await;
    world.rule("prospects", "counts", "egress").await;
    world.rule("leads", "overlaps", "plugins").await;
    for (ours, theirs, live) in [
        ("customers", "customers", 1),
        ("customers", "customers", 1),
        ("customers", "customers", 0),
        ("customers", "prospects", 1),
        ("customers", "leads", 1),
        ("customers", "hidden", 1),
        ("prospects", "customers", 1),
    ] {
        let (left, right) = (AccountId::make(world.test.ids()), AccountId::make(world.test.ids()));
        let sql = format!(
            "INSERT INTO overlap (id, partnership_id, left_account, right_account, domain,
                 evidence, confidence, left_population, right_population, left_rev, right_rev,
                 live, paired_at, added_no, change_no)
             VALUES ('{}', '{}', '{left}', '{right}', 'a.com', 'host', 'sure', '{ours}',
                 '{theirs}', X'', X'', {live}, 1, 1, 1)",
            OverlapId::make(world.test.ids()),
            world.partnership
        );
        world.test.sql(&sql).await;
    }
    let count = async |purpose| {
        world.test.backfill_count(&install, &world.partnership, purpose).await.unwrap()
    };
    assert_eq!(count(Purpose::Egress).await, 2);
    assert_eq!(count(Purpose::Plugins).await, 3);
    world.test.sql("UPDATE partnership SET state = 'ended'").await;
    assert_eq!(count(Purpose::Egress).await, 0);
}

#[tokio::test]
async fn a_customer_can_grant_only_what_it_has() {
    let world = World::new().await;
    let facts = world.test.customer_facts(&world.customer).await.unwrap();
    assert_eq!(facts.partnerships, [(world.partnership.clone(), true)]);
    assert_eq!(facts.connections.len(), 1);
    let stranger = world.test.organization("initech", "customer").await;
    let facts = world.test.customer_facts(&stranger).await.unwrap();
    assert_eq!(facts, facts::CustomerFacts::default());
}
