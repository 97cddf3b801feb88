//! What is granted, and what the person reads before it is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command, output::Paint};

fn args(flags: &[&str]) -> InstallArgs {
    let words = ["venn", "install", "crm-tasks", "--name", "eu"].iter().chain(flags);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Install(args) => args,
        other => panic!("{other:?}"),
    }
}

fn plugin() -> Value {
    json!({
        "title": "Tasks in HubSpot", "version": "0.1.0", "summary": "Makes tasks.", "owner_name": "Fjord", "owner_kind": "publisher",
        "permissions": [
            {"capability": "overlaps:read", "words": "See overlaps", "reason": "To know them.", "approved": true},
            {"capability": "http:egress", "words": "Send data", "reason": "To make tasks.", "approved": true},
            {"capability": "timeline:write", "words": "Add entries", "reason": "To note it.", "approved": false},
        ],
        "fields": [{"name": "our-name", "approved": true}, {"name": "their-owner", "approved": false}],
        "destinations": [{"host": "api.hubapi.com", "reason": "Your HubSpot.", "data": "Names.", "retention": "Until deleted.", "approved": true}],
        "connections": [{"name": "crm", "title": "Token", "kind": "api-key", "host": "api.hubapi.com"}],
    })
}

const WHO: &[&str] = &["--partner", "globex", "--population", "customers"];

#[test]
fn what_is_not_approved_is_never_granted() {
    let grant = grant::without_partners(&plugin(), &args(WHO)).unwrap();
    assert_eq!(
        grant.to_string(),
        r#"{"capabilities":["overlaps:read","http:egress"],"partnerships":[],"populations":["customers"],"fields":["our-name"],"egress_hosts":["api.hubapi.com"]}"#
    );
    let failure =
        grant::without_partners(&plugin(), &args(&[WHO, &["--field", "their-owner"]].concat()))
            .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "error: The field `their-owner` is not asked for by the plugin, or not approved by the platform.\n  \
         next: Approved: our-name."
    );
}

#[test]
fn partners_and_populations_are_never_guessed() {
    for flags in [&[][..], &["--partner", "globex"], &["--population", "customers"]] {
        let failure = grant::without_partners(&plugin(), &args(flags)).unwrap_err().to_string();
        assert!(
            failure.starts_with("error: Tasks in HubSpot reads overlaps, but not with whom"),
            "{failure}"
        );
    }
    assert!(grant::without_partners(&plugin(), &args(&["--without", "overlaps:read"])).is_ok());
}

#[test]
fn without_egress_no_host_is_granted() {
    let grant =
        grant::without_partners(&plugin(), &args(&[WHO, &["--without", "http:egress"]].concat()))
            .unwrap();
    assert_eq!(list(&grant, "egress_hosts").len(), 0);
}

#[test]
fn the_person_reads_what_will_be_granted() {
    let args = args(WHO);
    let grant = grant::without_partners(&plugin(), &args).unwrap();
    assert_eq!(
        consent::render(&plugin(), &grant, &json!({}), &args, Paint(false)),
        "Tasks in HubSpot 0.1.0, by Fjord\n\
         Makes tasks.\n\
         \n\
         It may:\n\
         \x20 + See overlaps\n\
         \x20     To know them.\n\
         \x20 + Send data\n\
         \x20     To make tasks.\n\
         \n\
         It reads overlaps:\n\
         \x20 with partners  globex\n\
         \x20 accounts in    customers\n\
         \x20 fields         our-name\n\
         \n\
         Data goes to:\n\
         \x20 > api.hubapi.com: Your HubSpot.\n\
         \x20     Calls: any method on any path\n\
         \x20     What: Names.\n\
         \x20     Kept: Until deleted.\n\
         \x20 It signs in at api.hubapi.com with your connection `crm`; it cannot read the secret.\n\
         \n\
         It asks for this too, but may not:\n\
         \x20 - Add entries\n"
    );
}

#[test]
fn the_person_reads_the_host_and_not_the_pattern() {
    let mut plugin = plugin();
    plugin["destinations"][0]["host"] = json!("{portal}.hubapi.com");
    plugin["connections"][0]["host"] = json!("{portal}.hubapi.com");
    let args = args(WHO);
    let grant = grant::without_partners(&plugin, &args).unwrap();
    let lines = |config: &Value| -> Vec<String> {
        let text = consent::render(&plugin, &grant, config, &args, Paint(false));
        let about = |line: &&str| line.contains("hubapi.com");
        text.lines().filter(about).map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(
        lines(&json!({ "portal": "eu1" })),
        [
            "> eu1.hubapi.com (by your `portal`): Your HubSpot.",
            "It signs in at eu1.hubapi.com (by your `portal`) with your connection `crm`; it cannot read the secret.",
        ]
    );
    let nowhere = "{portal}.hubapi.com (nowhere yet: the configuration does not say `portal`)";
    for config in [json!({}), json!({ "portal": "evil.com/" }), json!({ "portal": 1 })] {
        assert_eq!(lines(&config)[0], format!("> {nowhere}: Your HubSpot."));
    }
}

#[test]
fn a_grant_file_and_flags_do_not_mix() {
    let words = ["venn", "install", "p", "--name", "n", "--grant", "g.json", "--partner", "x"];
    assert!(Cli::try_parse_from(words).is_err());
}
