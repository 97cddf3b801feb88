//! The `venn` command against a real server: everything that the API can do
//! can be typed, and each line says what it did.
use std::path::Path;

use serde_json::{Value, json};

use crate::{
    connections,
    support::{
        guest,
        world::{CLIENT, CRM_TOKEN, rows},
    },
    webhooks,
};

mod asks;
mod desk;
mod people;
mod reach;
mod releases;

use desk::{Desk, Shell};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_brought_in_and_looked_at() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    let acme = &desk.acme;
    assert!(acme.venn("whoami").await.good().contains("acme admin"));
    let accounts = acme.venn("accounts --all --json").await.json();
    assert_eq!(accounts["items"].as_array().unwrap().len(), 9);
    let account = accounts["items"][0]["id"].as_str().unwrap();
    assert!(acme.venn(&format!("accounts show {account}")).await.good().contains("Company"));
    acme.venn(&format!("accounts timeline {account}")).await.good();
    acme.venn("accounts populations --add key-accounts --title Keys").await.good();
    assert!(acme.venn("accounts populations").await.good().contains("key-accounts"));

    // A replace that removes too much waits: it can be dropped, or agreed to.
    for (answer, state) in [("cancel", "cancelled"), ("confirm", "done")] {
        let import = desk.world.acme.import("replace", rows(0..3, "A")).await;
        let id = import["id"].as_str().unwrap();
        let shown = acme.venn(&format!("imports show {id}")).await.good();
        assert!(shown.contains(&format!("yes: `venn imports confirm {id}`")), "{shown}");
        acme.venn(&format!("imports {answer} {id}")).await.good();
        let place = desk.world.acme.own(&format!("imports/{id}"));
        desk.world.acme.until(&place, |import| import["state"] == state).await;
    }
    assert!(acme.venn("imports list").await.good().contains("cancelled"));
    assert_eq!(
        acme.venn("accounts --all --json").await.json()["items"].as_array().unwrap().len(),
        3
    );
    reach::check("a_list_is_brought_in_and_looked_at", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partnership_is_made_looked_into_and_ended() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    let acme = &desk.acme;
    assert!(acme.venn("partner list").await.good().contains("globex"));
    assert!(acme.venn("partner show globex").await.good().contains("\nOrganization     org_"));
    assert!(acme.venn("partner rules globex").await.good().contains("customers"));
    let matrix = acme.venn("partner matrix globex").await.good();
    assert!(matrix.contains("customers           customers         6\n"), "{matrix}");
    assert!(matrix.contains("\n6 overlaps\n"), "{matrix}");
    let overlaps = acme.venn("partner overlaps globex --all --json").await.json();
    let overlap = &overlaps["items"][0];
    let (ours, theirs) =
        (overlap["our_account"].as_str().unwrap(), overlap["their_account"].as_str().unwrap());
    let id = overlap["id"].as_str().unwrap();
    let shown = acme.venn(&format!("partner overlap globex {id}")).await.good();
    assert!(shown.contains(ours) && shown.contains("Their name"), "{shown}");
    acme.venn("partner unpaired globex").await.good();
    acme.venn(&format!("partner why-not globex {ours}")).await.good();
    acme.venn(&format!("partner pair globex {ours} {theirs} --decision reject")).await.good();
    acme.venn("partner end globex --yes").await.good();
    assert!(acme.venn("partner list").await.good().contains("ended"));
    acme.venn("partner propose globex").await.good();
    desk.globex.venn("partner accept acme").await.good();
    reach::check("a_partnership_is_made_looked_into_and_ended", &desk).await;
}

/// The server has the last word, but a client that hears it late has sent much.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let desk = Desk::new().await;
    let sparse = |name: &str, bytes: u64| {
        let file = std::fs::File::create(desk.publisher.home.path().join(name)).unwrap();
        file.set_len(bytes).unwrap();
    };
    desk.publisher.file("m.json", r#"{"name":"crm-tasks","version":"0.1.0"}"#);
    sparse("40MB.wasm", 40 << 20);
    let refused = desk.publisher.venn("publish --manifest m.json --component 40MB.wasm").await;
    assert_eq!(
        refused.failed(6),
        "error: The component does not pass: component.too-large. Nothing was sent.\n\
         \x20 where: 40MB.wasm\n\
         \x20 - component.too-large: the upload has 41943040 bytes, and a component may have 33554432 → \
         strip debug information (`strip = true` in the release profile) and leave out what the plugin does not use\n\
         \x20 next: Follow the hints and publish again.\n"
    );
    sparse("list.csv", (512 << 20) + 1);
    assert_eq!(
        desk.publisher.venn("import list.csv --mode merge").await.failed(6),
        "error: The file has 536870913 bytes, and a list may have 536870912 (limit `import.file`). Nothing was sent.\n\
         \x20 where: list.csv\n\
         \x20 next: Leave columns out of the export, or import it in parts with the mode `merge`.\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_is_connected_at_a_services_page() {
    let desk = Desk::new().await;
    let Desk { acme, publisher, world, .. } = &desk;
    connections::listed(world, &connections::manifest()).await;
    let set =
        "plugins credentials set script crm --kind oauth-client --host login.example --client-id";
    let set = format!("{set} {}", CLIENT.0);
    publisher.venn_with(&set, CLIENT.1).await.good();
    let rotated =
        publisher.venn_with("plugins credentials rotate script crm", CLIENT.1).await.good();
    assert!(
        rotated.starts_with("crm of script has a next value; the one before is good until "),
        "{rotated}"
    );
    let listed = publisher.venn("plugins credentials list script").await.good();
    assert!(listed.contains("oauth-client") && !listed.contains(CLIENT.1), "{listed}");

    let shown = acme.venn("marketplace show script").await.good();
    let says = "It signs in at api.example with your connection `crm`: you say yes at a page of the service, to crm.read";
    assert!(shown.contains(says), "{shown}");
    let hosts = "--host api.example --host login.example --host echo.example";
    let line =
        format!("install script --name main --partner globex --population customers {hosts} --yes");
    let made = acme.venn(&line).await.good();
    assert!(made.contains("Next: `venn installs connect main crm`."), "{made}");
    let link = acme.venn("installs connect main crm --json").await.json();
    let (_, page) =
        connections::came_back(world, &connections::said(world, link["url"].as_str().unwrap(), ""))
            .await;
    let word = connections::word(&page);
    let line = format!("installs connect main crm --word {word}");
    assert_eq!(acme.venn(&line).await.good(), "crm of main is connected: main-crm.\n");
    assert!(acme.venn("connections show main-crm").await.good().contains("login.example/token"));
    acme.venn("installs enable main").await.good();
    publisher.venn("plugins credentials remove script crm --yes").await.good();
    reach::check("an_install_is_connected_at_a_services_page", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_opened_called_rotated_and_closed() {
    let desk = Desk::new().await;
    let Desk { acme, world, .. } = &desk;
    let (_, shop) = webhooks::opened(world).await;
    let line = acme.venn("marketplace show script").await.good();
    let says = "  < Orders of the shop (`shop`): a URL of your own, which you give to the sender\n";
    assert!(line.contains(says), "{line}");
    assert!(line.contains("\nHelp: support@taskworks.example\n"), "{line}");
    shop.tells(world, "msg_1", b"{}").await;
    let wrong = shop.signed("msg_2", "1", b"{}");
    shop.calls(&wrong, b"{ }").await.refused(401, "webhook-unsigned");
    let listed = acme.venn("installs webhooks main").await.good();
    let url = format!("shop: https://venn.example{}\n", shop.path());
    assert!(listed.contains(&url), "{listed}");
    assert!(listed.contains("  refused in the last day: 1 (wrong-signature)\n"), "{listed}");
    let again = acme.venn("installs webhook main shop").await.good();
    let keeps = "  it was open before, and keeps its secret: --rotate puts another\n";
    let expected =
        format!("shop of main is open.\n  URL     https://venn.example{}\n{keeps}", shop.path());
    assert_eq!(again, expected);
    shop.tells(world, "msg_3", b"{}").await;
    let rotated = acme.venn("installs webhook main shop --rotate --overlap 60").await.good();
    assert!(
        rotated.contains("  secret  whsec_") && rotated.contains("(shown this once)"),
        "{rotated}"
    );
    assert!(rotated.contains("  the secret before is good until "), "{rotated}");
    acme.file("secret", "whsec_OGY3NDIyMzFiMTBlODg4OGFiY2Q5OXl5eXp6ejg1YTU=");
    let given = acme.venn("installs webhook main shop --rotate --secret-file secret").await.good();
    assert!(given.starts_with("shop of main is open.\n") && !given.contains("whsec_"), "{given}");
    let closed = acme.venn("installs webhook main shop --close --yes").await.good();
    assert_eq!(closed, "shop of main is closed.\n");
    reach::check("a_webhook_is_opened_called_rotated_and_closed", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_another_routing_key_is_asked_whether_the_one_before_is_given_up() {
    let desk = Desk::new().await;
    let Desk { acme, world, .. } = &desk;
    let mut manifest = webhooks::manifest();
    manifest["webhooks"][0]["routing"] = json!("/team");
    world.listed(&manifest, guest("script")).await;
    world.enabled("script", &world.grant(), &json!({})).await;
    let first = "installs webhook main shop --routing-key T1";
    assert!(acme.venn(first).await.good().contains("calls that are about T1 come here"));
    acme.venn(first).await.good();
    let other = "installs webhook main shop --routing-key T3";
    let asked = acme.venn(other).await.failed(2);
    let question = "Calls of shop that are about T1 come to main. Give them up for T3? [y/N] ";
    assert!(asked.contains(question), "{asked}");
    let listed = acme.venn("installs webhooks main --json").await.json();
    assert_eq!(listed["webhooks"][0]["routing_key"], "T1");
    let taken = acme.venn_with(other, "y\n").await.good();
    assert!(taken.contains("calls that are about T3 come here"), "{taken}");
    let audit = world.acme.all("audit?action=webhook.").await;
    let keys: Vec<_> = audit.iter().map(|one| &one["detail"]["previous_routing_key"]).collect();
    assert_eq!(keys, ["T1", ""]);
}

const NOTHING_TO_TRY: &str =
    "eu does not rest, so there is nothing to try: its events run as they come.\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_published_reviewed_enabled_and_watched() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let Desk { acme, publisher, platform, world, .. } = &desk;

    assert!(publisher.venn("plugins list").await.good().contains("crm-tasks"));
    publisher.venn("plugins show crm-tasks").await.good();
    let releases = publisher.venn("plugins releases crm-tasks --json").await.json();
    let release = releases["items"][0]["id"].as_str().unwrap();
    let shown = publisher.venn("plugins release crm-tasks@0.1.0").await.good();
    assert!(shown.contains(release) && shown.contains("component.too-large"), "{shown}");
    let unknown = publisher.venn("plugins release crm-tasks@9.9.9").await.failed(4);
    assert_eq!(
        unknown,
        "error: crm-tasks has no release 9.9.9.\n  next: `venn plugins releases crm-tasks` shows them.\n"
    );
    assert!(acme.venn("marketplace list --q tasks").await.good().contains("crm-tasks"));
    assert!(acme.venn("marketplace").await.good().contains("crm-tasks"));
    let listing = acme.venn("marketplace show crm-tasks").await.good();
    assert!(listing.contains("; the signature is sound\n  key sgk_"), "{listing}");
    assert!(listing.contains("Data goes to:") && listing.contains("api.hubapi.com"), "{listing}");

    let install = acme.venn("installs show eu --json").await.json();
    let id = install["id"].as_str().unwrap();
    world.runs(id).await;
    acme.venn("installs backfill eu --partner globex --yes").await.good();
    world.runs(id).await;
    let runs = acme.venn("runs --json").await.json();
    let run = runs["items"][0]["id"].as_str().unwrap();
    acme.venn(&format!("runs show {run}")).await.good();
    acme.venn(&format!("logs {run}")).await.good();
    acme.venn(&format!("logs {run} --transcript")).await.good();
    assert!(acme.venn(&format!("replay {run}")).await.good().contains("ended as the recorded"));
    let deliveries = acme.venn("deliveries list --json").await.json();
    let delivery = deliveries["items"][0]["id"].as_str().unwrap();
    acme.venn(&format!("deliveries show {delivery}")).await.good();
    let done = acme.venn(&format!("deliveries redeliver {delivery}")).await.failed(6);
    assert!(done.contains("code: wrong-state"), "{done}");
    for line in [
        "inbox",
        "inbox --incidents",
        "inbox --resolved",
        "audit --action grant",
        "installs check eu",
        "installs pause eu",
        "installs resume eu",
        "connections list",
        "connections show hubspot",
        "installs connections eu --set crm=hubspot",
    ] {
        acme.venn(line).await.good();
    }
    let tried = acme.venn("installs try eu").await.good();
    assert_eq!(tried, NOTHING_TO_TRY);
    acme.file("grant.json", install["grant"].to_string());
    acme.venn("installs grant eu --set @grant.json").await.good();
    acme.venn("installs config eu --set {\"min_confidence\":\"sure\"}").await.good();
    // With a secret that is not taken a delivery is parked, and is given again when asked.
    acme.venn_with("connections rotate hubspot", "wrong").await.good();
    acme.venn("installs backfill eu --partner globex --yes").await.good();
    world.runs(id).await;
    let parked = acme.venn("deliveries list --state parked --json").await.json();
    let parked = parked["items"][0]["id"].as_str().unwrap();
    let inbox = acme.venn("inbox").await.good();
    assert!(inbox.contains("  to fix: crm\n"), "{inbox}");
    let items = acme.venn("inbox --json").await.json();
    let item = items["items"][0]["id"].as_str().unwrap();
    let whole = acme.venn(&format!("inbox show {item}")).await.good();
    assert!(whole.contains(&format!("`venn inbox done {item}`")), "{whole}");
    acme.venn(&format!("inbox done {item}")).await.good();
    assert_eq!(acme.venn("inbox").await.good(), "Nothing waits for you.\n");
    discarded(acme, parked).await;
    acme.venn(&format!("deliveries redeliver {parked}")).await.good();
    acme.venn_with("connections rotate hubspot", CRM_TOKEN).await.good();
    let mut next = crate::support::CrmTasks::Rust.manifest();
    next["version"] = json!("0.1.1");
    publisher.file("manifest.json", next.to_string());
    publisher.venn("publish --manifest manifest.json --component component.wasm").await.good();
    platform.venn("approve crm-tasks@0.1.1 --reason fine --yes").await.good();
    acme.venn("installs upgrade eu --to 0.1.1").await.good();
    let withdraw = "plugins withdraw crm-tasks@0.1.1 --reason twice --yes";
    assert_eq!(publisher.venn(withdraw).await.good(), "crm-tasks 0.1.1 is withdrawn.\n");
    let inbox = acme.venn("inbox").await.good();
    let back = format!("  next: `venn installs upgrade {id} --to 0.1.0`\n");
    assert!(inbox.contains(&back), "{inbox}");
    let waiting = acme.venn("inbox --json").await.json();
    let item = waiting["items"][0]["id"].as_str().unwrap();
    assert!(inbox.starts_with(&acme.venn(&format!("inbox show {item}")).await.good()), "{inbox}");
    let done = acme.venn(&format!("inbox done {item}")).await.failed(6);
    assert!(done.contains("This item ends by itself"), "{done}");
    flags_change_what_they_name(acme, &install["grant"]).await;
    acme.venn("installs uninstall eu --yes").await.good();
    acme.venn("connections remove hubspot --yes").await.good();

    assert!(platform.venn("review list --state approved").await.good().contains("crm-tasks"));
    platform.venn("review show crm-tasks@0.1.0").await.good();
    let left = platform.venn("review narrow crm-tasks --deny http:egress --yes").await.good();
    assert!(left.ends_with("Hosts         -\n"), "{left}");
    let gone = platform.venn("review narrow crm-tasks --deny http:egress --yes").await.failed(2);
    assert!(gone.contains("The ceiling does not have `http:egress`"), "{gone}");
    platform.venn("review withdraw crm-tasks@0.1.0 --reason leaks --yes").await.good();
    platform.venn("review suspend crm-tasks --reason looks-odd --yes").await.good();
    platform.venn("review resume crm-tasks").await.good();
    reach::check("a_plugin_is_published_reviewed_enabled_and_watched", &desk).await;
}

/// Not before the person has said yes.
async fn discarded(acme: &Shell, parked: &str) {
    let line = format!("deliveries discard {parked} --reason twice");
    let kept = acme.venn_with(&line, "n\n").await.failed(9);
    assert!(kept.contains("It was not given up."), "{kept}");
    let done = acme.venn(&format!("{line} --yes")).await.good();
    assert_eq!(done, format!("{parked} is given up.\n"));
    let shown = acme.venn(&format!("deliveries show {parked}")).await.good();
    assert!(shown.contains("discarded: twice"), "{shown}");
}

/// And leave the rest of the grant.
async fn flags_change_what_they_name(acme: &Shell, grant: &Value) {
    let less = acme.venn("installs grant eu --without-partner globex --json").await.json();
    let mut expected = grant.clone();
    expected["partnerships"] = json!([]);
    assert_eq!(less["grant"], expected);
    let again = acme.venn("installs grant eu --partner globex --json").await.json();
    assert_eq!(again["grant"], *grant);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_names_a_partnership_that_has_ended_can_be_changed() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let (acme, ended) = (&desk.acme, &desk.world.partnership);
    acme.venn("partner end globex --yes").await.good();
    let line = "installs grant eu --without-field our-name";
    let told = acme.venn(line).await.failed(0);
    let expected =
        format!("The partnership {ended} with globex is ended: it is left out of the grant.\n");
    assert_eq!(told, expected);
    let grant = acme.venn("installs show eu --json").await.json()["grant"].clone();
    assert_eq!(grant["partnerships"], json!([]));
    assert!(!grant["fields"].as_array().unwrap().contains(&json!("our-name")), "{grant}");
    // It is taken away by name, too: by the partner's, and by its own.
    let named = format!(
        "UPDATE install SET grant_json = REPLACE(grant_json, '\"partnerships\":[]', '\"partnerships\":[\"{ended}\"]')"
    );
    for name in ["globex", ended] {
        desk.world.host.tamper(&named).await;
        let line = format!("installs grant eu --without-partner {name} --json");
        assert_eq!(acme.venn(&line).await.json()["grant"]["partnerships"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_let_look_for_a_while() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let Desk { acme, publisher, .. } = &desk;
    publisher.venn("runs --org acme").await.failed(4);
    let line = "support grant eu --to publisher --thing runs --hours 2 --reason slow --json";
    let given = acme.venn(line).await.json();
    let id = given["id"].as_str().unwrap();
    let received = publisher.venn("support list --received").await.good();
    assert!(received.contains(id) && received.contains("acme"), "{received}");
    publisher.venn("runs --org acme").await.good();
    publisher.venn("deliveries list --org acme").await.failed(4);
    assert!(acme.venn("support list").await.good().contains(id));
    assert!(acme.venn("audit --action support.read").await.good().contains(id));
    acme.venn(&format!("support revoke {id}")).await.good();
    publisher.venn("runs --org acme").await.failed(4);
    reach::check("a_publisher_is_let_look_for_a_while", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_and_the_audit_says_so() {
    let desk = Desk::new().await;
    let publisher = &desk.publisher;
    publisher.venn("signing-keys add --name first").await.good();
    publisher.venn("signing-keys rotate --name second").await.good();
    let keys = publisher.venn("signing-keys list --json").await.json();
    let active = keys["items"].as_array().unwrap().iter().find(|key| key["state"] == "active");
    let key = active.unwrap()["id"].as_str().unwrap();
    publisher.venn(&format!("signing-keys revoke {key} --because retired --yes")).await.good();
    let entries = publisher.venn("audit --action signing-key").await.good();
    assert!(entries.contains("signing-key.revoked"), "{entries}");
    publisher.venn("audit verify").await.good();
    publisher.venn("audit export --out audit.jsonl").await.good();
    publisher.venn("audit verify --file audit.jsonl").await.good();
    desk.world.host.app.write_usage().await.unwrap();
    let used = publisher.venn("orgs usage --call audit-export").await.good();
    assert!(used.contains("audit-export") && used.lines().count() == 2, "{used}");
    reach::check("keys_come_and_go_and_the_audit_says_so", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_runs_when_asked_and_its_question_is_answered() {
    let desk = Desk::new().await;
    let acme = &desk.acme;
    let script = desk.world.script(&desk.world.grant_of_source()).await;
    let rows: Vec<_> = (0..10).map(source_row).collect();
    script.does(json!([{ "call": "accounts.upsert", "rows": rows }])).await;
    let all: Vec<_> = (0..10).map(|n| format!("h{n}")).collect();
    for answer in ["cancel", "confirm"] {
        script.does(json!([{ "call": "accounts.remove", "external_ids": all }])).await;
        let shown = acme.venn(&format!("sources show {}", script.install)).await.good();
        assert!(shown.contains("Shall they be removed?"), "{shown}");
        acme.venn(&format!("sources {answer} {} --yes", script.install)).await.good();
    }
    assert!(acme.venn("sources list").await.good().contains("synced"));
    assert!(acme.venn("accounts").await.good().contains("No accounts"));
    acme.venn(&format!("installs run {}", script.install)).await.good();
    let never = "It runs when something happens, and never by itself.";
    let shown = acme.venn(&format!("installs schedules {}", script.install)).await.good();
    assert_eq!(shown.trim(), never);
    reach::check("a_source_runs_when_asked_and_its_question_is_answered", &desk).await;
}

fn source_row(number: u32) -> Value {
    json!({ "external_id": format!("h{number}"), "name": format!("Company {number}"),
            "website": "", "owner": "", "stage": "Customer", "amount": "", "created_on": "",
            "population": "", "extra": [] })
}

#[tokio::test(flavor = "multi_thread")]
async fn any_call_can_be_typed() {
    let desk = Desk::new().await;
    let acme = &desk.acme;
    let me = acme.venn("api me --json").await.json();
    assert_eq!(me["organization_slug"], "acme");
    let made = acme
        .venn(
            "api organizations/{org}/populations --data {\"key\":\"vip\",\"title\":\"VIP\"} --json",
        )
        .await
        .json();
    assert_eq!(made["key"], "vip");
    let gone = acme.venn("api organizations/globex/accounts").await.failed(4);
    assert!(gone.contains("code: not-found"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_well_and_what_to_type() {
    let desk = Desk::new().await;
    let mut acme = desk.acme;
    let well = acme.venn("doctor").await.good();
    assert!(well.contains("ok     server") && well.contains("ok     token"), "{well}");
    acme.token = "venn_nonsense".to_owned();
    let ill = acme.venn("doctor").await;
    assert!(ill.out.contains("broken token"), "{}", ill.out);
    assert_eq!(
        ill.failed(8),
        "error: 1 check failed.\n  next: Do what stands beside it, then `venn doctor` again.\n"
    );
    acme.url = "http://127.0.0.1:9".to_owned();
    let away = acme.venn("doctor").await;
    assert!(
        away.out.contains("broken server") && away.out.contains("`venn serve`"),
        "{}",
        away.out
    );
    away.failed(8);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_the_manual_are_written() {
    let desk = Desk::new().await;
    assert!(desk.acme.venn("completions bash").await.good().contains("complete -F _venn"));
    desk.acme.venn("man --to man").await.good();
    let pages: Vec<_> = ["venn.1", "venn-publish.1", "venn-partner-overlaps.1"]
        .map(|page| desk.acme.home.path().join("man").join(page))
        .to_vec();
    assert!(pages.iter().all(|page| Path::new(page).exists()), "{pages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_cannot_be_spoken_to_is_said_before_anything_is_started() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let served = tokio::process::Command::new(crate::support::venn())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .await
        .unwrap();
    assert_eq!(served.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(served.stderr).unwrap(),
        "error: OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, which Venn does not speak.\n  \
         next: Set it to `http/protobuf`, or leave it out; collectors take that on port 4318.\n"
    );
    assert!(!data.exists());
}
