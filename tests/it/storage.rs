//! What an operator does with what a server keeps, by the real program; and a
//! PostgreSQL that goes away under a server that has work.
use serde_json::{Value, json};
use venn_cluster::Cluster;

use crate::{
    crash::{AFTER, BEFORE, Scene, finished},
    support::{
        CrmTasks, Data, Host, TestClock, World,
        world::{CRM_TOKEN, rows},
    },
};

async fn said(data: &Data, arguments: &[&str]) -> (Option<i32>, String) {
    let output = data.venn(arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_says_what_it_would_do_and_does_it_without_a_server() {
    let data = Data::empty();
    let (code, text) = said(&data, &["migrate", "--check"]).await;
    assert!(text.starts_with("The database is empty: schema ") && text.contains("would be made"));
    assert_eq!(code, Some(0));
    let (_, text) = said(&data, &["migrate"]).await;
    assert!(text.contains("was made"), "{text}");
    let (_, text) = said(&data, &["migrate"]).await;
    assert!(text.ends_with(": there is nothing to do.\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_runs_that_a_crash_left_are_gone_before_anything_runs() {
    let data = Data::empty();
    let left = data.path().join("scratch/run-abc");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("1"), "a guest's").unwrap();
    let host = Host::start_on(data, &[], TestClock::START_US).await;
    assert!(!left.exists());
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_database_is_not_migrated_and_an_embedded_one_not_served_twice() {
    let host = Host::start(&[]).await;
    let (code, text) = said(&host.data, &["migrate"]).await;
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains("Another `venn serve` uses"), "{text}");
    if host.data.postgres().is_some() {
        // It may be: `several`.
        return;
    }
    let (code, text) = said(&host.data, &["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains("Another `venn serve` uses"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_lost_keys_nothing_touches_the_database_and_replaced_ones_lead_back_to_a_run() {
    let scene = Scene::new().await;
    scene.enable().await;
    std::fs::remove_file(scene.data.path().join("keys.json")).unwrap();
    for arguments in [&["migrate"][..], &["migrate", "--check"], &["serve", "--listen=127.0.0.1:0"]]
    {
        let (code, text) = said(&scene.data, arguments).await;
        assert_eq!(code, Some(6), "{arguments:?} {text}");
        assert!(text.contains("There are no keys, and "), "{arguments:?} {text}");
    }
    assert!(!scene.data.path().join("keys.json").exists());
    let (code, text) = said(&scene.data, &["keys", "replace-lost", "--yes"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("verified anew: 5\n"), "{text}");
    assert!(text.contains("need their credential again: 1\n  hubspot of org_"), "{text}");
    let (_, text) = said(&scene.data, &["migrate"]).await;
    assert!(text.ends_with(": there is nothing to do.\n"), "{text}");

    let (_process, acme, globex) = scene.start_as(|_| {}).await;
    let connection = acme.all("connections").await.remove(0);
    assert_eq!(connection["state"], "reconnect-required");
    let path = acme.own(&format!("connections/{}/secret", connection["id"].as_str().unwrap()));
    acme.put(&path, &json!({ "secret": CRM_TOKEN })).await.good();
    globex.import("replace", rows(0..AFTER, "G")).await;
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    acme.until(&place, |answer| answer["pending_domains"] == 0).await;
    finished(&acme).await;
    let tasks = scene.sim.objects("tasks").unwrap();
    assert_eq!(tasks.as_array().unwrap().len(), AFTER - BEFORE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_postgresql_database_of_two_installations_are_no_pair() {
    let one = Host::start(&[]).await.stop().await;
    // An embedded database is in its folder: this is for the second run.
    let Some(url) = one.postgres() else { return };
    let other = Data::empty();
    let tried = async |data: &Data, url: &str, command: &[&str]| {
        let output = data.venn(command).env("VENN_DATABASE", url).output().await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let commands = [&["migrate"][..], &["serve", "--listen=127.0.0.1:0"], &["admin-token"]];
    for command in commands {
        let (code, text) = tried(&one, &other.postgres().unwrap(), command).await;
        assert_eq!(code, Some(6), "{command:?} {text}");
        assert!(text.contains("A server has used this data folder"), "{command:?} {text}");
        let (code, text) = tried(&other, &url, command).await;
        assert_eq!(code, Some(6), "{command:?} {text}");
        assert!(text.contains("There are no keys, and PostgreSQL database "), "{command:?} {text}");
    }
    // With the keys of a third one neither.
    let third = Host::start(&[]).await.stop().await;
    for command in commands {
        let (code, text) = tried(&third, &url, command).await;
        assert_eq!(code, Some(6), "{command:?} {text}");
        assert!(
            text.contains("These are not the keys that PostgreSQL database "),
            "{command:?} {text}"
        );
    }
    let (code, text) = tried(&one, &url, &["migrate"]).await;
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_error_and_not_in_the_help() {
    let data = Data::empty();
    for (url, why) in [
        // Port 1 answers nobody.
        (
            "postgres://venn:s3cret@127.0.0.1:1/venn",
            "where: PostgreSQL database `venn` at 127.0.0.1:1",
        ),
        ("postgres://venn:s3cret@127.0.0.1", "The database is the URL names no database"),
        ("mysql://venn:s3cret@db/venn", "The database is not a URL of PostgreSQL"),
    ] {
        for command in ["serve", "migrate", "help"] {
            let arguments = match command {
                "serve" => ["serve", "--listen=127.0.0.1:0"].as_slice(),
                "migrate" => &["migrate"],
                _ => &["serve", "--help"],
            };
            let output = data.venn(arguments).env("VENN_DATABASE", url).output().await.unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!text.contains("s3cret"), "{text}");
            assert!(command == "help" || text.contains(why), "{text}");
        }
    }
}

/// Tasks that the simulated HubSpot has.
fn tasks(world: &World) -> usize {
    world.sim.objects("tasks").unwrap().as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_loses_nothing_and_everything_goes_on_by_itself() {
    if std::env::var_os(venn_cluster::VARIABLE).is_none() {
        // An embedded database has nobody to go away: this is for the second run.
        return;
    }
    let cluster = Cluster::start().unwrap();
    let world = World::start_on(Data::on(&cluster)).await;
    world.acme.import("replace", rows(0..3, "A")).await;
    world.globex.import("replace", rows(0..1, "G")).await;
    world.share(&world.globex, "overlaps", &["name", "owner"], "egress").await;
    world.paired().await;
    world.listed(&CrmTasks::Rust.manifest(), CrmTasks::Rust.component()).await;
    let grant = json!({
        "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
        "partnerships": [world.partnership], "populations": ["customers"],
        "fields": ["our-name", "their-name"], "egress_hosts": ["api.hubapi.com"],
    });
    let install = world.enabled("crm-tasks", &grant, &json!({ "min_confidence": "likely" })).await;
    world.runs(&install).await;

    cluster.stop().unwrap();
    let path = world.acme.own("partnerships");
    for request in [
        world.acme.request(reqwest::Method::GET, &path),
        world.acme.request(reqwest::Method::POST, &path).json(&json!({ "partner": "nobody" })),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (body["code"].as_str(), body["owner"].as_str()),
            (Some("busy"), Some("platform"))
        );
        assert_eq!(body["next_step"], "Try again in a few seconds.");
    }
    let ready = world.acme.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["ready"]), (503, &json!(false)));
    assert_eq!(world.acme.get("/healthz").await.status, 200);

    cluster.resume().unwrap();
    while world.acme.get("/readyz").await.status != 200 {
        tokio::task::yield_now().await;
    }
    // What was accepted before is there, and what comes now goes the whole way.
    assert_eq!(world.acme.all("accounts").await.len(), 3);
    world.globex.import("replace", rows(0..3, "G")).await;
    world.paired().await;
    world.runs(&install).await;
    assert_eq!(tasks(&world), 2);
}
