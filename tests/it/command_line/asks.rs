//! A person asks a plugin, by typing.
use std::fs;

use serde_json::{Value, json};

use super::{desk::Desk, reach};
use crate::asks;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asks_an_install_and_reads_the_answer() {
    let desk = Desk::new().await;
    let Desk { acme, world, .. } = &desk;
    asks::offered(world, json!([{ "call": "event" }])).await;
    let offers =
        "\nPeople may ask it:\n  ? Overlaps of a company (`overlaps`)\n      Its domain.\n";
    for line in ["marketplace show script", "installs show main"] {
        let shown = acme.venn(line).await.good();
        assert!(shown.contains(offers), "{line}: {shown}");
    }
    let line = "installs ask main overlaps --text acme --input limit=5";
    let said: Value = serde_json::from_str(&acme.venn(line).await.good()).unwrap();
    let payload = said[0]["payload"].as_str().unwrap();
    let payload: Value = serde_json::from_str(payload).unwrap();
    let typed = ["action", "text", "input"].map(|key| payload[key].clone());
    assert_eq!(typed, [json!("overlaps"), json!("acme"), json!({ "limit": "5" })]);
    // What a plugin says back does not repaint the terminal.
    let said = acme.venn("installs ask main overlaps --text \u{9b}31m").await.good();
    assert!(said.contains("\\u{9b}31m") && !said.contains('\u{9b}'), "{said}");

    let kept = acme.venn("installs ask main overlaps --output answer.json").await.good();
    let bytes = fs::read(acme.home.path().join("answer.json")).unwrap();
    let expected =
        format!("It answered {} bytes of `application/json`; they are in the file.\n", bytes.len());
    assert_eq!(kept, expected);
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap()[0]["kind"], "request");
    let whole = acme.venn("installs ask main overlaps --json").await.json();
    assert_eq!((&whole["state"], whole["answer"].is_object()), (&json!("done"), true));

    let unknown = acme.venn("installs ask main overlap").await.failed(6);
    assert!(unknown.contains("action: the plugin offers no `overlap`."), "{unknown}");
    assert!(unknown.contains("next: Choose one of these: overlaps."), "{unknown}");
    reach::check("a_person_asks_an_install_and_reads_the_answer", &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_types_for_a_plugin_that_fails_is_told_where_to_look() {
    let desk = Desk::new().await;
    let Desk { acme, world, .. } = &desk;
    let message = "No\u{1b}[2J luck.";
    let fault = json!({ "call": "fault", "code": "x", "cause": "plugin", "message": message });
    asks::offered(world, json!([fault])).await;
    let typed = acme.venn("installs ask main overlaps").await;
    assert_eq!(typed.out, "It failed: No\\u{1b}[2J luck.\n");
    let told = typed.failed(8);
    assert!(told.starts_with("error: The plugin did not answer.\n"), "{told}");
    assert!(told.contains("`venn deliveries show dlv_"), "{told}");
}
