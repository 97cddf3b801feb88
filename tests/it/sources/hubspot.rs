//! The example source: whatever people do in HubSpot, after a sync the accounts
//! are what HubSpot has, and the overlaps follow.
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use venn_testkit::{Call, Fault, ThirdParty as _, Token, hubspot::Kind};

use crate::support::{
    World, hubspot_source, hubspot_source_manifest,
    world::{CRM_TOKEN, rows},
};

/// Stages of HubSpot with the population that each falls into here.
const STAGES: [(&str, &str); 4] = [
    ("customer", "customers"),
    ("opportunity", "open-opportunities"),
    ("lead", "prospects"),
    ("evangelist", "customers"),
];

struct Scene {
    world: World,
    install: String,
}

impl Scene {
    /// A portal with this many companies, connected and loaded.
    async fn with(companies: usize) -> Self {
        let world = World::start().await;
        world.portal.add_owner("Ann", "Lee");
        world.portal.add_owner("Bo", "");
        for chunk in (0..companies).collect::<Vec<_>>().chunks(100) {
            let inputs: Vec<_> =
                chunk.iter().map(|n| json!({ "properties": company(*n) })).collect();
            let body = json!({ "inputs": inputs });
            world.edit("POST", "/crm/v3/objects/companies/batch/create", &body);
        }
        let install = world.connected().await;
        world.runs(&install).await;
        Self { world, install }
    }

    /// Lets it sync now, and says yes to what it asks.
    async fn sync(&self) {
        let acme = &self.world.acme;
        acme.post(&acme.own(&format!("installs/{}/run", self.install)), &json!({})).await.good();
        let runs = self.world.runs(&self.install).await;
        assert_eq!(runs[0]["ending"], "ok", "{}", runs[0]);
        let place = acme.own(&format!("sources/{}", self.install));
        let source = acme.get(&place).await.good();
        if source["state"] == "waiting-for-confirmation" {
            let body = json!({ "removes": source["confirm"]["removes"] });
            acme.post(&format!("{place}/confirm"), &body).await.good();
        }
    }

    async fn source(&self) -> Value {
        let path = self.world.acme.own(&format!("sources/{}", self.install));
        self.world.acme.get(&path).await.good()
    }

    /// The accounts are what HubSpot has, and nothing else.
    async fn assert_in_step(&self, when: &str) {
        let mut accounts = BTreeMap::new();
        for account in self.world.acme.all("accounts").await {
            assert_eq!(account["source"], self.install.as_str(), "{when}");
            let members = ["name", "website", "owner", "stage", "population"];
            let mut told: Vec<_> =
                members.map(|name| account[name].as_str().unwrap().to_owned()).into();
            told.push(account["extra"]["city"].as_str().unwrap_or_default().to_owned());
            accounts.insert(account["external_id"].as_str().unwrap().to_owned(), told);
        }
        let companies = self.world.portal.records(Kind::Companies);
        let expected: BTreeMap<_, _> = companies.iter().map(expected).collect();
        assert_eq!(accounts, expected, "{when}");
    }
}

/// What the account of a company is to be.
fn expected(company: &Value) -> (String, Vec<String>) {
    let value = |name: &str| company["properties"][name].as_str().unwrap_or_default().to_owned();
    let owner = match value("hubspot_owner_id").as_str() {
        "501" => "Ann Lee",
        "502" => "Bo",
        _ => "",
    };
    let stage = value("lifecyclestage");
    let population =
        STAGES.iter().find(|(name, _)| *name == stage).map_or("prospects", |(_, to)| to);
    let told = vec![
        value("name"),
        value("domain"),
        owner.to_owned(),
        stage,
        population.to_owned(),
        value("city"),
    ];
    (company["id"].as_str().unwrap().to_owned(), told)
}

fn company(n: usize) -> Value {
    let owner = if n.is_multiple_of(2) { "501" } else { "502" };
    json!({ "name": format!("Company {n}"), "domain": format!("company-{n}.com"),
            "lifecyclestage": STAGES[n % 4].0, "hubspot_owner_id": owner })
}

impl World {
    /// What somebody does in HubSpot, by its own API.
    fn edit(&self, method: &str, path: &str, body: &Value) -> Value {
        self.sim.clock().advance_ms(1);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {CRM_TOKEN}").parse().unwrap());
        let call = Call {
            order: 0,
            method: method.parse::<Method>().unwrap(),
            path: path.to_owned(),
            query: Vec::new(),
            headers,
            body: Bytes::from(body.to_string()),
        };
        let answer = self.portal.answer(&call, self.sim.clock());
        assert!(answer.status < 300, "{method} {path}: {:?}", answer.body);
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// The example source, published, approved, granted and enabled at Acme.
    async fn connected(&self) -> String {
        self.listed(&hubspot_source_manifest(), hubspot_source()).await;
        let grant = json!({
            "capabilities": ["accounts:write", "http:egress", "state"], "partnerships": [],
            "populations": ["customers", "open-opportunities", "prospects"],
            "fields": [], "egress_hosts": ["api.hubapi.com"],
        });
        let config = json!({ "fields": ["city"], "stages": { "evangelist": "customers" } });
        self.enabled("hubspot-source", &grant, &config).await
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// One edit of somebody's in HubSpot.
fn edit_something(world: &World, dice: &mut Dice, made: &mut usize, archived: &mut Vec<u64>) {
    let live = world.portal.records(Kind::Companies);
    let any = |dice: &mut Dice| live[dice.roll(live.len())]["id"].as_str().unwrap().to_owned();
    match dice.roll(10) {
        0..=2 => {
            world.edit(
                "POST",
                "/crm/v3/objects/companies",
                &json!({ "properties": company(*made) }),
            );
            *made += 1;
        }
        3..=5 => {
            let n = dice.roll(1_000);
            let changed = [
                json!({ "name": format!("Renamed {n}") }),
                json!({ "lifecyclestage": STAGES[n % 4].0 }),
                json!({ "city": format!("City {n}") }),
                json!({ "hubspot_owner_id": "501", "city": "" }),
            ];
            let body = json!({ "properties": changed[n % 4] });
            world.edit("PATCH", &format!("/crm/v3/objects/companies/{}", any(dice)), &body);
        }
        6 | 7 if live.len() > 5 => {
            let id = any(dice);
            world.edit("DELETE", &format!("/crm/v3/objects/companies/{id}"), &Value::Null);
            archived.push(id.parse().unwrap());
        }
        8 if live.len() > 5 => {
            let (one, other) = (any(dice), any(dice));
            if one != other {
                let body = json!({ "primaryObjectId": one, "objectIdToMerge": other });
                world.edit("POST", "/crm/v3/objects/companies/merge", &body);
            }
        }
        _ => {
            if !archived.is_empty() {
                let id = archived.swap_remove(dice.roll(archived.len()));
                assert!(world.portal.restore(Kind::Companies, id));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_edited_in_hubspot_the_accounts_and_overlaps_follow() {
    // More rounds: VENN_SOURCE_ROUNDS=200 VENN_SOURCE_SEED=7
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let mut dice = Dice(number("VENN_SOURCE_SEED", 1));
    let scene = Scene::with(20).await;
    let world = &scene.world;
    scene.assert_in_step("after the first load").await;
    world.globex.import("replace", rows(0..60, "G")).await;
    world.share(&world.globex, "overlaps", &["name"], "view").await;
    let (mut made, mut archived) = (20, Vec::new());
    for round in 0..number("VENN_SOURCE_ROUNDS", 8) {
        for _ in 0..6 {
            edit_something(world, &mut dice, &mut made, &mut archived);
        }
        scene.sync().await;
        scene.assert_in_step(&format!("round {round}")).await;
        world.paired().await;
        let overlaps =
            world.acme.all(&format!("partnerships/{}/overlaps", world.partnership)).await;
        let overlaps: BTreeSet<_> =
            overlaps.iter().map(|one| one["domain"].as_str().unwrap().to_owned()).collect();
        let domains = world.portal.records(Kind::Companies).into_iter();
        let domains = domains.map(|one| one["properties"]["domain"].as_str().unwrap().to_owned());
        let shared: BTreeSet<_> = (0..60).map(|n| format!("company-{n}.com")).collect();
        let expected: BTreeSet<_> = domains.filter(|domain| shared.contains(domain)).collect();
        assert_eq!(overlaps, expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_load_is_a_chain_of_runs_and_a_bulk_edit_is_not_lost() {
    let scene = Scene::with(1_250).await;
    let runs = scene.world.runs(&scene.install).await;
    assert!(runs.len() > 1, "{}", runs.len());
    assert_eq!(scene.source().await["accounts"], 1_250);
    // More companies of one date than a page of a search has.
    let clock = scene.world.sim.clock();
    clock.advance_ms(90_000);
    scene.world.portal.edit_many(Kind::Companies, "city", "Bulk", clock.now_ms());
    scene.sync().await;
    scene.assert_in_step("after the bulk edit").await;
    assert_eq!(scene.source().await["changed"], 1_250);
    // A sync that finds nothing new says so, and how fresh the accounts are.
    scene.world.host.advance_ms(3_600_000);
    assert_eq!(scene.source().await["age_s"], 3_600);
    clock.advance_ms(90_000);
    scene.sync().await;
    let source = scene.source().await;
    assert_eq!(
        (&source["age_s"], &source["changed"], &source["added"]),
        (&json!(0), &json!(0), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_deletes_in_hubspot_wait_for_a_yes() {
    let scene = Scene::with(10).await;
    let inputs: Vec<_> = (1001..1006).map(|id| json!({ "id": id.to_string() })).collect();
    scene.world.edit(
        "POST",
        "/crm/v3/objects/companies/batch/archive",
        &json!({ "inputs": inputs }),
    );
    let acme = &scene.world.acme;
    acme.post(&acme.own(&format!("installs/{}/run", scene.install)), &json!({})).await.good();
    scene.world.runs(&scene.install).await;
    let source = scene.source().await;
    assert_eq!(
        (&source["state"], &source["confirm"]["removes"]),
        (&json!("waiting-for-confirmation"), &json!(5))
    );
    assert_eq!(acme.all("accounts").await.len(), 10);
    scene.sync().await;
    scene.assert_in_step("after the yes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_hubspot_finds_its_owner_and_the_sync_goes_on_where_it_stood() {
    let scene = Scene::with(3).await;
    let world = &scene.world;
    world.edit("POST", "/crm/v3/objects/companies", &json!({ "properties": company(7) }));
    world.sim.set_tokens(vec![Token { value: "another".to_owned(), scopes: None }]);
    let path = world.acme.own(&format!("installs/{}/run", scene.install));
    world.acme.post(&path, &json!({})).await.good();
    let run = world.runs(&scene.install).await.remove(0);
    assert_eq!(
        (&run["verdict"]["class"], &run["verdict"]["owner"]),
        (&json!("customer-config"), &json!("customer-admin"))
    );
    let inbox = world.acme.all("inbox").await;
    assert_eq!(inbox[0]["detail"]["faq"]["field"], "crm", "{}", inbox[0]);
    world.sim.set_tokens(vec![Token { value: CRM_TOKEN.to_owned(), scopes: None }]);
    world.sim.fail_next(1, Fault::RateLimited { daily: false, retry_after_s: Some(7) });
    // Asking again is the same delivery, due now.
    let again = world.acme.post(&path, &json!({})).await.good();
    assert_eq!(again["waited_already"], true);
    let run = world.runs(&scene.install).await.remove(0);
    assert_eq!(run["verdict"]["class"], "third-party", "{run}");
    world.host.advance_ms(60_000);
    world.runs(&scene.install).await;
    scene.assert_in_step("after the trouble").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_an_hour_and_a_half_it_is_in_step_by_itself() {
    let scene = Scene::with(3).await;
    let Scene { world, install } = &scene;
    scene.assert_in_step("after the first load").await;
    world.edit("POST", "/crm/v3/objects/companies", &json!({ "properties": company(3) }));
    world.host.advance_ms(90 * 60_000);
    let runs = world.acme.own(&format!("runs?install={install}"));
    let hourly = |page: &Value| {
        let mut runs = page["items"].as_array().unwrap().iter();
        runs.any(|run| run["subject"] == "hourly" && run["ended_at"].is_string())
    };
    world.acme.until(&runs, hourly).await;
    scene.assert_in_step("after an hour").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_hubspot_lacks_keeps_the_install_from_being_enabled() {
    let world = World::start().await;
    world.listed(&hubspot_source_manifest(), hubspot_source()).await;
    let connection = world.connection().await;
    let body = json!({
        "plugin": "hubspot-source", "name": "main", "config": { "fields": ["city", "nonsense"] },
        "grant": { "capabilities": ["accounts:write", "http:egress", "state"], "partnerships": [],
                   "populations": ["customers"], "fields": [], "egress_hosts": ["api.hubapi.com"] },
        "connections": { "crm": connection },
    });
    let made = world.acme.post(&world.acme.own("installs"), &body).await.good();
    let enable = world.acme.own(&format!("installs/{}/enable", made["id"].as_str().unwrap()));
    let refused = world.acme.post(&enable, &json!({})).await;
    assert_eq!(refused.body["problems"][0]["place"], "fields", "{}", refused.text);
    assert_eq!(
        refused.body["problems"][0]["reason"],
        "your HubSpot has no company property `nonsense`"
    );
}

#[test]
fn the_source_stands_on_the_public_contract_alone() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../example-plugins/hubspot-source");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let dependencies =
        manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<_> = dependencies
        .lines()
        .filter_map(|line| line.split(" =").next())
        .filter(|name| !name.trim().is_empty())
        .collect();
    assert_eq!(names, ["serde", "serde_json", "venn-sdk"]);
    for file in std::fs::read_dir(folder.join("src")).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains("bindings"), "{} reaches past the SDK", file.path().display());
    }
}
