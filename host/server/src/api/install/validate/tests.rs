//! Every problem of a draft is listed, with its place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use axum::{body::to_bytes, response::IntoResponse as _};
use serde_json::json;
use venn_domain::{
    id::{ConnectionId, OrganizationId, PartnershipId},
    manifest::ConnectionKind,
    time::Timestamp,
};
use venn_store::connection::{Connection, ConnectionState};

use super::*;

fn manifest() -> Manifest {
    let value = json!({
        "name": "crm-tasks", "version": "1.0.0", "title": "T", "summary": "S", "category": "crm",
        "fields": ["our-name", "their-name"],
        "capabilities": [
            { "name": "overlaps:read", "reason": "r" }, { "name": "http:egress", "reason": "r" },
        ],
        "egress": [{ "host": "api.hubapi.com", "reason": "r", "data": "d", "retention": "n" }],
        "connections": [{ "name": "crm", "title": "T", "kind": "api-key", "host": "api.hubapi.com" }],
        "config_schema": {
            "type": "object", "additionalProperties": false, "required": ["prefix"],
            "properties": { "prefix": { "type": "string" } },
        },
        "support": { "contact": "a@b.com" },
    });
    serde_json::from_value(value).unwrap()
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, number: u32) -> T {
    format!("{prefix}_{number:026}").parse().unwrap()
}

fn facts() -> CustomerFacts {
    let connection = |number, host: &str| Connection {
        id: id("con", number),
        organization: id::<OrganizationId>("org", 1),
        name: format!("c{number}"),
        kind: ConnectionKind::ApiKey,
        host: host.to_owned(),
        state: ConnectionState::Active,
        state_reason: String::new(),
        tokens: None,
        secret_version: 1,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    CustomerFacts {
        partnerships: vec![(id("pty", 1), true), (id("pty", 2), false)],
        populations: vec!["customers".to_owned(), "prospects".to_owned()],
        connections: vec![connection(1, "api.hubapi.com"), connection(2, "api.example.com")],
    }
}

fn good_grant() -> Grant {
    let manifest = manifest();
    Grant {
        capabilities: manifest.capability_set(),
        partnerships: vec![id("pty", 1)],
        populations: vec!["customers".to_owned()],
        fields: manifest.fields,
        egress_hosts: vec!["api.hubapi.com".to_owned()],
    }
}

fn map(name: &str, number: u32) -> ConnectionMap {
    [(name.to_owned(), id::<ConnectionId>("con", number))].into()
}

/// Code and problems as the caller gets them: `place: reason`.
async fn refusal(draft: Draft, ceiling: Option<&Approval>) -> (String, Vec<String>) {
    let error = draft.validate(&manifest(), ceiling, &facts()).unwrap_err();
    let body = to_bytes(error.into_response().into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let line =
        |p: &Value| format!("{}: {}", p["place"].as_str().unwrap(), p["reason"].as_str().unwrap());
    let problems = body["problems"].as_array().unwrap().iter().map(line).collect();
    (body["code"].as_str().unwrap().to_owned(), problems)
}

#[test]
fn a_draft_that_is_right_passes() {
    let (grant, config, connections) = (good_grant(), json!({ "prefix": "x" }), map("crm", 1));
    let draft = Draft {
        name: Some("portal".to_owned()),
        grant: Some(grant),
        config: Some(config),
        connections: Some(connections),
    };
    assert!(draft.validate(&manifest(), Some(&Approval::of(&manifest())), &facts()).is_ok());
}

#[tokio::test]
async fn everything_that_is_wrong_is_listed_at_once() {
    let mut grant = good_grant();
    grant.partnerships = vec![id("pty", 1), id("pty", 2), id::<PartnershipId>("pty", 3)];
    grant.populations = vec!["vips".to_owned()];
    grant.egress_hosts.push("evil.example.com".to_owned());
    grant.fields.insert("their-amount");
    let (config, connections) = (json!({ "prefix": 1 }), map("mail", 1));
    let draft = Draft {
        name: Some(" ".to_owned()),
        grant: Some(grant),
        config: Some(config),
        connections: Some(connections),
    };
    let mut ceiling = Approval::of(&manifest());
    ceiling.capabilities =
        [venn_domain::capability::Capability::OverlapsRead].into_iter().collect();
    let (code, problems) = refusal(draft, Some(&ceiling)).await;
    assert_eq!(code, "bad-grant");
    assert_eq!(
        problems,
        [
            "grant.capabilities: capability http:egress is not approved for this plugin",
            "grant.fields: field their-amount is not approved for this plugin",
            "grant.egress_hosts: host evil.example.com is not approved for this plugin",
            "grant.partnerships[1]: the partnership is not active",
            "grant.partnerships[2]: there is no such partnership of yours",
            "grant.populations[0]: there is no such population of yours",
            "config/prefix: it is not of the type string",
            "connections.crm: it is missing",
            "connections.mail: the plugin asks for no such connection",
            "name: it is empty, longer than 80 characters, or has control characters",
        ]
    );
}

#[tokio::test]
async fn a_connection_for_another_host_or_of_others_is_refused() {
    for (number, reason) in [
        (2, "connections.crm: the connection is of the kind api-key for api.example.com"),
        (9, "connections.crm: there is no such connection of yours"),
    ] {
        let connections = map("crm", number);
        let draft = Draft { connections: Some(connections), ..Draft::default() };
        assert_eq!(refusal(draft, None).await, ("invalid".to_owned(), vec![reason.to_owned()]));
    }
}

#[tokio::test]
async fn nothing_can_be_granted_of_a_plugin_without_a_ceiling() {
    let grant = good_grant();
    let draft = Draft { grant: Some(grant), ..Draft::default() };
    let (code, problems) = refusal(draft, None).await;
    assert_eq!((code.as_str(), problems.len()), ("bad-grant", 5));
}

#[tokio::test]
async fn a_configuration_alone_is_a_bad_configuration() {
    let config = json!({ "prefix": "x", "more": true });
    let draft = Draft { config: Some(config), ..Draft::default() };
    let expected = vec!["config/more: the plugin knows no such field".to_owned()];
    assert_eq!(refusal(draft, None).await, ("bad-config".to_owned(), expected));
}

#[tokio::test]
async fn lists_without_end_and_configurations_without_end_are_told_in_a_few_words() {
    let mut grant = good_grant();
    grant.partnerships = vec![id("pty", 9); 1_001];
    grant.populations = vec!["vips".to_owned(); 100_000];
    let draft = Draft { grant: Some(grant), ..Draft::default() };
    let (code, problems) = refusal(draft, Some(&Approval::of(&manifest()))).await;
    let allowed = "at most 1000 are allowed (limit `grant.entries`)";
    let expected = vec![
        format!("grant.partnerships: it has 1001 entries, {allowed}"),
        format!("grant.populations: it has 100000 entries, {allowed}"),
    ];
    assert_eq!((code.as_str(), problems), ("bad-grant", expected));
    let mut grant = good_grant();
    grant.populations = vec!["vips".to_owned(); 1_000];
    let draft = Draft { grant: Some(grant), ..Draft::default() };
    assert_eq!(refusal(draft, Some(&Approval::of(&manifest()))).await.1.len(), PROBLEMS);
    let config = json!({ "prefix": "x".repeat(100_000) });
    let draft = Draft { config: Some(config), ..Draft::default() };
    let reason =
        "config: it has 100013 bytes as JSON, at most 65536 are allowed (limit `config.bytes`)";
    assert_eq!(refusal(draft, None).await, ("bad-config".to_owned(), vec![reason.to_owned()]));
}
