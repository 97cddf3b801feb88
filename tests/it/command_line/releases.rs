//! Another release: found by who has the plugin, and explained to who made it.
use serde_json::json;

use super::{desk::Desk, reach};
use crate::{publish::dependencies, support::CrmTasks};

impl Desk {
    /// The publisher's manifest has this version from now on.
    fn version(&self, version: &str) {
        let mut manifest = CrmTasks::Rust.manifest();
        manifest["version"] = json!(version);
        self.publisher.file("manifest.json", manifest.to_string());
    }
}

const PUBLISH: &str = "publish --manifest manifest.json --component component.wasm";

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_release_is_seen_and_chosen_by_its_version() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let Desk { acme, publisher, platform, .. } = &desk;
    let install = acme.venn("installs show eu --json").await.json();
    assert_eq!(install["newer_version"], json!(null));
    let id = install["id"].as_str().unwrap();
    for upgrade in
        ["", " --to 0.1.0", &format!(" --release {}", install["release"].as_str().unwrap())]
    {
        let same = acme.venn(&format!("installs upgrade eu{upgrade}")).await.failed(6);
        assert!(same.starts_with("error: The install is at 0.1.0 already.\n"), "{same}");
        assert!(same.contains("next: There is nothing to do; the plugin's page in the"), "{same}");
    }

    let both = json!({ "release": install["release"], "version": "0.1.0" });
    let path = desk.world.acme.own(&format!("installs/{id}/upgrade"));
    let refused = desk.world.acme.post(&path, &both).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "version: `release` is there too.");

    desk.version("0.10.0");
    publisher.venn(PUBLISH).await.good();
    // Before it is approved it is nobody's.
    assert!(!acme.venn("installs show eu").await.good().contains("newer"));
    let waits = acme.venn("installs upgrade eu --to 0.10.0").await.failed(6);
    assert!(
        waits.starts_with("error: version: the plugin has no approved release `0.10.0`.\n"),
        "{waits}"
    );
    assert!(waits.contains("next: Choose one of these, newest first: 0.1.0.\n"), "{waits}");
    desk.version("0.9.0");
    publisher.venn(PUBLISH).await.good();
    for version in ["0.10.0", "0.9.0"] {
        platform.venn(&format!("approve crm-tasks@{version} --reason fine --yes")).await.good();
    }

    let shown = acme.venn("installs show eu").await.good();
    let newer = format!("\nA newer release is approved, 0.10.0: `venn installs upgrade {id}`\n");
    assert!(shown.ends_with(&newer), "{shown}");
    let listed = acme.venn("installs list --json").await.json();
    assert_eq!(listed["items"][0]["newer_version"], "0.10.0");
    let upgraded = acme.venn("installs upgrade eu").await.good();
    assert!(upgraded.contains("0.10.0") && !upgraded.contains("newer"), "{upgraded}");
    let back = acme.venn("installs upgrade eu --to 0.9.0").await.good();
    assert!(back.contains("0.9.0") && back.ends_with(&newer), "{back}");
    reach::check("a_newer_release_is_seen_and_chosen_by_its_version", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_asks_for_more_is_upgraded_to_with_what_it_asks_for() {
    let desk = Desk::new().await;
    desk.with_overlaps().await;
    desk.with_an_install().await;
    let Desk { acme, publisher, platform, .. } = &desk;
    let mut manifest = CrmTasks::Rust.manifest();
    manifest["version"] = json!("0.2.0");
    let channel = json!({ "type": "string", "title": "Channel" });
    manifest["config_schema"]["properties"]["channel"] = channel;
    manifest["config_schema"]["required"] = json!(["channel"]);
    let second = json!({ "name": "second", "title": "Another", "kind": "api-key",
        "host": manifest["egress"][0]["host"] });
    manifest["connections"].as_array_mut().unwrap().push(second);
    publisher.file("manifest.json", manifest.to_string());
    publisher.venn(PUBLISH).await.good();
    platform.venn("approve crm-tasks@0.2.0 --reason fine --yes").await.good();

    let lacks = acme.venn("installs upgrade eu").await.failed(6);
    assert!(lacks.contains("config/channel") && lacks.contains("connections.second"), "{lacks}");
    let install = acme.venn("installs show eu --json").await.json();
    let crm = install["connections"]["crm"].as_str().unwrap();
    let mut config = install["config"].clone();
    config["channel"] = json!("sales");
    acme.file("config.json", config.to_string());
    acme.venn(&format!("installs upgrade eu --config @config.json --connection second={crm}"))
        .await
        .good();
    let upgraded = acme.venn("installs show eu --json").await.json();
    assert_eq!(upgraded["version"], "0.2.0");
    assert_eq!(upgraded["config"], config);
    assert_eq!(upgraded["connections"], json!({ "crm": crm, "second": crm }));
    // And back, where neither is known.
    let old = acme.venn("installs upgrade eu --to 0.1.0").await.failed(6);
    assert!(old.contains("connections.second: the plugin asks for no such connection"), "{old}");
    acme.file("config.json", install["config"].to_string());
    let back = "installs upgrade eu --to 0.1.0 --config @config.json --without second";
    acme.venn(back).await.good();
    let back = acme.venn("installs show eu --json").await.json();
    assert_eq!(
        (&back["config"], &back["connections"]),
        (&install["config"], &install["connections"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_was_built_from_is_seen_and_looked_through() {
    let desk = Desk::new().await;
    let Desk { publisher, platform, .. } = &desk;
    publisher.file("component.wasm", dependencies::built_from(dependencies::LIST));
    desk.version("0.1.1");
    publisher.venn(PUBLISH).await.good();
    let shown = platform.venn("review show crm-tasks@0.1.1").await.good();
    let unknown = "It was built from\n  3 crates, 1 of them for the build only, as whoever built it says\n  No advisories are known here: the data folder has no copy of the RustSec database\n";
    assert!(shown.contains(unknown), "{shown}");
    let scan = platform.venn("review scan").await.failed(6);
    assert!(scan.starts_with("error: There is no advisory database to look through.\n"), "{scan}");
    dependencies::advisory(&desk.world.host, "RUSTSEC-2024-9001", "adler", "");
    let shown = platform.venn("review show crm-tasks@0.1.1").await.good();
    let known = "  1 of 1 advisories concern it, the newest of which is of 2024-02-01\n  - RUSTSEC-2024-9001 (vulnerability): adler 0.2.3: A checksum that is none. Not in >=0.2.4\n";
    assert!(shown.contains(known), "{shown}");
    let all = platform.venn("review scan --state submitted").await.good();
    assert!(all.contains("RUSTSEC-2024-9001"), "{all}");
    assert!(
        all.ends_with(
            "Advisories concern 1 of 1 releases; 0 say nothing of what they were built from.\n"
        ),
        "{all}"
    );
    let approved = platform.venn("review scan").await.good();
    assert!(approved.starts_with("Advisories concern 0 of "), "{approved}");
    let sbom = platform.venn("review sbom crm-tasks@0.1.1").await.json();
    assert_eq!(sbom["components"][0]["purl"], "pkg:cargo/adler@0.2.3");
    publisher.file("component.wasm", CrmTasks::Rust.component());
    desk.version("0.1.2");
    publisher.venn(PUBLISH).await.good();
    let silent = platform.venn("review sbom crm-tasks@0.1.2").await.failed(6);
    assert!(
        silent.starts_with("error: The component carries no list of what it was built from;"),
        "{silent}"
    );
    reach::check("what_a_release_was_built_from_is_seen_and_looked_through", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_verified_by_its_domain_or_the_platforms_word() {
    let desk = Desk::new().await;
    let Desk { publisher, platform, world, .. } = &desk;
    platform.venn("review unvouch taskworks").await.failed(2);
    let asked = platform.venn("review unvouch taskworks --reason Sold.").await.failed(2);
    assert!(asked.contains("Approve nothing more of taskworks? They are told why."), "{asked}");
    platform.venn("review unvouch taskworks --reason Sold. --yes").await.good();
    let seen = platform.venn("review publisher taskworks").await.good();
    assert!(seen.starts_with("Not verified: nothing more of taskworks is approved, "), "{seen}");
    let unknown = publisher.venn("orgs verification").await.good();
    assert!(unknown.starts_with("Not verified any more, since "), "{unknown}");
    assert!(unknown.contains(": Sold. What was approved goes on; "), "{unknown}");
    let line = unknown.lines().last().unwrap().trim();
    let early = publisher.venn("orgs verification --domain taskworks.example").await.failed(6);
    assert!(early.contains(&format!("then try again: {line}\n")), "{early}");
    world.site.says(line);
    let proved = publisher.venn("orgs verification --domain taskworks.example").await.good();
    assert!(proved.starts_with("Verified: taskworks.example is yours, "), "{proved}");
    let vouched = platform.venn("review vouch taskworks --reason We-met.").await.good();
    assert_eq!(vouched, "taskworks is verified on your word.\n");
    let seen = publisher.venn("orgs verification").await.good();
    assert!(seen.starts_with("Verified: the platform vouches for you, "), "{seen}");
    assert!(seen.ends_with(": We-met.\n"), "{seen}");
    reach::check("a_publisher_is_verified_by_its_domain_or_the_platforms_word", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_review_names_the_publisher_and_a_refused_release_says_why() {
    let desk = Desk::new().await;
    let Desk { publisher, platform, .. } = &desk;
    publisher.file("component.wasm", CrmTasks::Rust.component());
    desk.version("0.1.1");
    publisher.venn(PUBLISH).await.good();
    let waiting = platform.venn("review list").await.good();
    let columns: Vec<_> = waiting.lines().map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(columns, [Some("PUBLISHER"), Some("taskworks")], "{waiting}");
    let shown = platform.venn("review show crm-tasks@0.1.1").await.good();
    assert!(shown.contains("\nPublisher Taskworks (taskworks)\n"), "{shown}");
    platform.venn("review refuse crm-tasks@0.1.1 --reason It-asks-too-much.").await.good();

    // The same bytes are the same release, and it is refused.
    let again = publisher.venn(PUBLISH).await;
    assert!(again.out.contains("is refused."), "{}", again.out);
    let release = publisher.venn("plugins releases crm-tasks --json").await.json();
    let release = release["items"][0]["id"].as_str().unwrap();
    assert_eq!(
        again.failed(6),
        format!(
            "error: The platform refused crm-tasks 0.1.1: It-asks-too-much.\n  where: {release}\n  \
             next: Change what it says, raise `version` in the manifest and publish again.\n"
        )
    );
    // Other bytes under its version are not taken.
    let mut reworded = CrmTasks::Rust.manifest();
    reworded["version"] = json!("0.1.1");
    reworded["summary"] = json!("Makes better tasks.");
    publisher.file("manifest.json", reworded.to_string());
    let taken = publisher.venn(PUBLISH).await.failed(6);
    assert!(
        taken.starts_with(
            "error: This version of the plugin was published before, with another component or \
             manifest. The platform refused it: It-asks-too-much.\n"
        ),
        "{taken}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_publishes_nothing_has_no_key_made() {
    let desk = Desk::new().await;
    let acme = &desk.acme;
    acme.file("manifest.json", CrmTasks::Rust.manifest().to_string());
    acme.file("component.wasm", CrmTasks::Rust.component());
    let refused = acme.venn(PUBLISH).await.failed(6);
    assert!(refused.contains("not a publisher"), "{refused}");
    assert_eq!(
        acme.venn("signing-keys list").await.good(),
        "No signing keys. The first `venn publish` makes one.\n"
    );
}
