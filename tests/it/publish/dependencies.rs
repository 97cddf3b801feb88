//! What a release was built from: told to those who decide, with the advisories
//! that concern it; and a list that is made to harm harms nobody.
use std::{fmt::Write as _, fs, io::Write as _};

use flate2::{Compression, write::ZlibEncoder};
use serde_json::{Value, json};

use super::{manifest, taskworks, upload};
use crate::{
    attacks::hostile::section,
    support::{Actor, Host, guest},
};

/// A list as `cargo auditable` writes it.
pub const LIST: &str = r#"{"packages":[
    {"name":"adler","version":"0.2.3","source":"crates.io"},
    {"name":"cc","version":"1.0.83","source":"crates.io","kind":"build"},
    {"name":"script","version":"0.1.0","source":"local","dependencies":[0,1],"root":true}]}"#;

/// A component that says that it was built from these, in a core module that
/// nothing uses.
pub fn built_from(list: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(list.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let packed = packed.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    });
    let module = wat::parse_str(format!(r#"(module (@custom ".dep-v0" "{packed}"))"#)).unwrap();
    let mut component = guest("old_guest");
    section(&mut component, 1, &module);
    component
}

/// Puts an advisory into the operator's copy of the database.
pub fn advisory(host: &Host, id: &str, package: &str, more: &str) {
    let folder = host.data.path().join("advisories/crates").join(package);
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2024-02-01\"\n{more}\n\
         [versions]\npatched = [\">=0.2.4\"]\n```\n\n# A checksum that is none\n\nWords.\n"
    );
    fs::write(folder.join(format!("{id}.md")), text).unwrap();
}

async fn told(host: &Host, release: &Value) -> Value {
    let path = format!("/v1/review/releases/{}/dependencies", release["id"].as_str().unwrap());
    host.platform.get(&path).await.good()
}

async fn released(publisher: &Actor, version: &str, component: Vec<u8>) -> Value {
    let mut manifest = manifest();
    manifest["version"] = json!(version);
    upload(publisher, manifest.to_string(), component).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_advisory_finds_the_releases_that_were_approved_before_it() {
    let (host, publisher) = taskworks().await;
    let old = released(&publisher, "0.1.0", built_from(LIST)).await;
    let fine = LIST.replace("0.2.3", "0.2.4");
    let new = released(&publisher, "0.2.0", built_from(&fine)).await;
    let silent = released(&publisher, "0.3.0", guest("old_guest")).await;
    let nothing = host.platform.get("/v1/review/advisories").await.refused(409, "wrong-state");
    assert_eq!(nothing["detail"], "There is no advisory database to look through.");
    advisory(&host, "RUSTSEC-2024-9001", "adler", "");
    advisory(&host, "RUSTSEC-2024-9002", "cc", "informational = \"unmaintained\"");
    advisory(&host, "RUSTSEC-2024-9003", "adler", "withdrawn = \"2024-03-01\"");
    // A crate of the publisher's own has nothing to do with a namesake.
    advisory(&host, "RUSTSEC-2024-9004", "script", "");
    let scanned = host.platform.get("/v1/review/advisories").await.good()["items"].clone();
    let scanned = scanned.as_array().unwrap();
    let concerns = |release: &Value| {
        let found = scanned.iter().find(|one| one["release"] == release["id"]).unwrap();
        let ids = found["advisories"].as_array().unwrap().iter();
        let ids: Vec<_> = ids
            .map(|one| one["advisory"].as_str().unwrap()["RUSTSEC-2024-".len()..].to_owned())
            .collect();
        (found["data"].as_str().unwrap().to_owned(), ids)
    };
    assert_eq!(concerns(&old), ("listed".to_owned(), vec!["9001".to_owned()]));
    assert_eq!(concerns(&new), ("listed".to_owned(), Vec::new()));
    assert_eq!(concerns(&silent), ("none".to_owned(), Vec::new()));
    let seen = told(&host, &old).await;
    assert_eq!(seen["advisories_known"], 4);
    assert_eq!(seen["advisories_newest"], "2024-02-01");
    assert_eq!(
        seen["advisories"],
        json!([{ "advisory": "RUSTSEC-2024-9001", "package": "adler", "version": "0.2.3",
                 "kind": "vulnerability", "title": "A checksum that is none", "date": "2024-02-01",
                 "patched": [">=0.2.4"] }])
    );
    assert_eq!(
        seen["packages"][1],
        json!({ "name": "cc", "version": "1.0.83", "source": "crates.io", "build": true })
    );
    assert_eq!(seen["sbom"]["metadata"]["component"]["name"], "script");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_a_list_or_with_a_bad_one_says_so() {
    let (host, publisher) = taskworks().await;
    let silent = told(&host, &released(&publisher, "0.1.0", guest("old_guest")).await).await;
    assert_eq!((&silent["data"], &silent["sbom"]), (&json!("none"), &Value::Null));
    assert_eq!(
        silent["detail"],
        "The component carries no list of what it was built from; `cargo auditable` adds one."
    );
    let bomb = built_from(&" ".repeat(100 << 20));
    let bomb = told(&host, &released(&publisher, "0.2.0", bomb).await).await;
    assert_eq!((&bomb["data"], &bomb["sbom"]), (&json!("damaged"), &Value::Null));
    assert_eq!(
        bomb["detail"],
        "The component's list cannot be read: its lists have more than 4194304 bytes."
    );
    let markup = LIST.replace("adler", "<b>\\u001b[31m");
    let markup = told(&host, &released(&publisher, "0.3.0", built_from(&markup)).await).await;
    assert_eq!(
        markup["detail"],
        "The component's list cannot be read: a name in it is none of a crate."
    );
    // What the operator has is no database: those who decide are told.
    fs::create_dir_all(host.data.path().join("advisories")).unwrap();
    let refused = host.platform.get("/v1/review/advisories").await.refused(409, "wrong-state");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("The advisories in the data folder cannot be read: "), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_that_cannot_be_read_is_named_and_hides_no_other() {
    let (host, publisher) = taskworks().await;
    let release = released(&publisher, "0.1.0", built_from(LIST)).await;
    advisory(&host, "RUSTSEC-2024-9001", "adler", "");
    // Under another name than its own, and no advisory at all.
    advisory(&host, "RUSTSEC-2024-9002", "cc", "");
    let folder = host.data.path().join("advisories/crates");
    fs::rename(folder.join("cc/RUSTSEC-2024-9002.md"), folder.join("cc/other.md")).unwrap();
    fs::create_dir_all(folder.join("time")).unwrap();
    fs::write(folder.join("time/RUSTSEC-2020-0071.md"), "garbage\n").unwrap();
    fs::write(folder.join("time/.DS_Store"), "").unwrap();
    let unreadable = json!(["crates/cc/other.md", "crates/time/RUSTSEC-2020-0071.md"]);
    let seen = told(&host, &release).await;
    assert_eq!(seen["advisories_unreadable"], unreadable);
    assert_eq!(seen["advisories"][0]["advisory"], "RUSTSEC-2024-9001");
    assert_eq!(seen["advisories_known"], 1);
    let scanned = host.platform.get("/v1/review/advisories").await.good()["items"].clone();
    assert_eq!(scanned[0]["advisories_unreadable"], unreadable);
    assert_eq!(scanned[0]["advisories"], seen["advisories"]);
    // Nothing can be read: who decides about a release sees it still.
    fs::remove_dir_all(&folder).unwrap();
    let seen = told(&host, &release).await;
    assert_eq!(seen["advisories_unreadable"], json!(["crates"]));
    assert_eq!((&seen["data"], &seen["advisories"]), (&json!("listed"), &json!([])));
}
