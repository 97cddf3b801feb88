//! Account lists: the two real ones whole, every way in which a file can be
//! wrong, and that nothing of a list is ever seen half.
//!
//! - [`bad_files`]: files and uploads that are refused, each with its place
//! - [`modes`]: replace and merge, questions, stages, several at once
mod bad_files;
mod modes;

use serde_json::{Value, json};

use crate::support::{Actor, Host, list};

/// A customer without accounts.
async fn acme() -> (Host, Actor) {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    (host, acme)
}

/// Accounts by the ids of their CRM.
async fn external_ids(actor: &Actor) -> Vec<String> {
    let accounts = actor.all("accounts").await;
    let mut ids: Vec<_> = accounts
        .iter()
        .map(|account| account["external_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// Rows `A,B,…` below Salesforce's header.
fn salesforce(rows: &str) -> String {
    format!("Id,Name,Website,Type,Owner.Name,Open_Opportunity_Amount\n{rows}")
}

fn numbers(import: &Value) -> [u64; 6] {
    ["rows_read", "rows_rejected", "added", "changed", "removed", "unchanged"]
        .map(|name| import[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_real_lists_are_read_whole() {
    let (host, acme) = acme().await;
    let globex = host.organization("globex", true, false).await;
    for (actor, name, rows) in [
        (&acme, "hubspot-companies-export.csv", 2_675),
        (&globex, "salesforce-accounts-export.csv", 1_398),
    ] {
        let bytes = list(name);
        let import = actor.import("replace", bytes.clone()).await;
        assert_eq!(import["state"], "done", "{import}");
        assert_eq!(numbers(&import), [rows, 0, rows, 0, 0, 0]);
        assert_eq!((&import["problems"], &import["problems_total"]), (&json!([]), &json!(0)));
        assert_eq!(import["bytes_read"], bytes.len());
        assert_eq!(import["file_bytes"], bytes.len());
        let populations = actor.all("populations").await;
        let sum: u64 = populations.iter().map(|one| one["accounts"].as_u64().unwrap()).sum();
        assert_eq!(sum, rows);
        assert_eq!(external_ids(actor).await.len() as u64, rows);
        // The same list again changes nothing.
        let again = actor.import("replace", bytes).await;
        assert_eq!(numbers(&again), [rows, 0, 0, 0, 0, rows]);
    }
    let one = acme.get(&acme.own("accounts?domain=foundation&limit=1")).await.good();
    assert_eq!(one["items"], json!([]), "a bare suffix is nobody's domain");
    let one = acme.get(&acme.own("accounts?domain=e.foundation&limit=1")).await.good();
    let one = &one["items"][0];
    assert_eq!(
        ["name", "website", "stage", "owner", "created_on", "population"]
            .map(|key| one[key].clone()),
        ["/e/", "doc.e.foundation", "customer", "C. Okafor", "2025-07-02", "customers"]
            .map(Value::from)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encodings_and_delimiters_of_spreadsheets_read_as_the_same_accounts() {
    let text = "Id;Name;Website\r\n1;Müller 食狮;müller.de\r\n\"2\";\"A \"\"B\"\"; C\";b.com\r\n";
    let utf_16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    };
    let files = [
        text.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        utf_16([0xFF, 0xFE], u16::to_le_bytes),
        utf_16([0xFE, 0xFF], u16::to_be_bytes),
        text.replace("\r\n", "\n").replace(';', "\t").replace("\t C", "; C").into_bytes(),
    ];
    let (_host, acme) = acme().await;
    for (number, file) in files.into_iter().enumerate() {
        let import = acme.import("replace", file).await;
        assert_eq!(import["state"], "done", "{import}");
        let added = if number == 0 { [2, 0, 2, 0, 0, 0] } else { [2, 0, 0, 0, 0, 2] };
        assert_eq!(numbers(&import), added, "file {number}: {import}");
    }
    let accounts = acme.all("accounts").await;
    let names: Vec<_> = accounts.iter().map(|account| account["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Müller 食狮", "A \"B\"; C"]);
    assert_eq!(accounts[0]["domain"], "xn--mller-kva.de");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_are_read() {
    large(100_000).await;
}

/// Takes minutes in a debug build: set `VENN_LARGE` to run it.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_read() {
    if std::env::var_os("VENN_LARGE").is_some() {
        large(1_000_000).await;
    }
}

async fn large(rows: u64) {
    let (_host, acme) = acme().await;
    let row = |n: u64| format!("{n},Company {n},https://company-{n}.com/,Customer,,\n");
    let import = acme.import("replace", salesforce(&(0..rows).map(row).collect::<String>())).await;
    assert_eq!(import["state"], "done", "{import}");
    assert_eq!(numbers(&import), [rows, 0, rows, 0, 0, 0]);
    let populations = acme.all("populations").await;
    let customers = populations.iter().find(|one| one["key"] == "customers").unwrap();
    assert_eq!(customers["accounts"], rows);
}
