//! Approvals and grants: what exceeds the layer above, by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::manifest::tests::good;

#[test]
fn an_approval_of_the_manifest_covers_it_and_exceeds_nothing() {
    let manifest = good();
    let approval = Approval::of(&manifest);
    assert!(approval.covers(&manifest));
    assert_eq!(approval.excess(&manifest), []);
    assert!(!Approval::default().covers(&manifest));
}

#[test]
fn what_was_not_asked_for_cannot_be_approved() {
    let manifest = good();
    let mut approval = Approval::of(&manifest);
    approval.capabilities = crate::capability::Capability::ALL.into_iter().collect();
    approval.fields.insert("their-amount");
    approval.egress[0].methods.clear();
    let excess: Vec<_> = approval.excess(&manifest).iter().map(ToString::to_string).collect();
    assert_eq!(
        excess,
        [
            "capability accounts:write is not asked for by the release's manifest",
            "capability timeline:read is not asked for by the release's manifest",
            "capability scratch is not asked for by the release's manifest",
            "field their-amount is not asked for by the release's manifest",
            "host api.hubapi.com is not asked for by the release's manifest",
        ]
    );
}

#[test]
fn what_was_not_approved_cannot_be_granted() {
    let approval = Approval::of(&good());
    let grant = Grant {
        capabilities: crate::capability::Capability::ALL.into_iter().collect(),
        fields: serde_json::from_str(r#"["our-name","their-stage"]"#).unwrap(),
        egress_hosts: vec!["api.hubapi.com".into(), "evil.com".into()],
        ..Grant::default()
    };
    let excess: Vec<_> = grant.excess(&approval).iter().map(ToString::to_string).collect();
    assert_eq!(
        excess,
        [
            "capability accounts:write is not approved for this plugin",
            "capability timeline:read is not approved for this plugin",
            "capability scratch is not approved for this plugin",
            "field their-stage is not approved for this plugin",
            "host evil.com is not approved for this plugin",
        ]
    );
}

#[test]
fn one_subdomain_of_an_approved_wildcard_can_be_granted_but_not_the_other_way() {
    let mut approval = Approval::of(&good());
    approval.egress[0].host = "*.my.example.com".into();
    let excess = |hosts: &[&str]| {
        let egress_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Grant { egress_hosts, ..Grant::default() }.excess(&approval).len()
    };
    assert_eq!(excess(&["acme.my.example.com", "*.my.example.com"]), 0);
    assert_eq!(excess(&["a.b.my.example.com", "my.example.com", "*.example.com"]), 3);
    approval.egress[0].host = "acme.my.example.com".into();
    let wide = Grant { egress_hosts: vec!["*.my.example.com".into()], ..Grant::default() };
    assert_eq!(wide.excess(&approval).len(), 1);
}

#[test]
fn a_grant_with_an_unknown_member_is_refused() {
    let text = r#"{"capabilities":[],"partnerships":[],"populations":[],"fields":[],"egress_hosts":[],"admin":true}"#;
    let error = serde_json::from_str::<Grant>(text).unwrap_err().to_string();
    assert!(error.starts_with("unknown field `admin`"), "{error}");
    let twice = r#"{"capabilities":[],"capabilities":["state"],"partnerships":[],"populations":[],"fields":[],"egress_hosts":[]}"#;
    let error = serde_json::from_str::<Grant>(twice).unwrap_err().to_string();
    assert!(error.starts_with("duplicate field `capabilities`"), "{error}");
}
