//! Authority: every denial with its whole text, and that layers only narrow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod farewell;
mod hearing;
mod narrowing;

use proptest::prelude::*;

use super::*;
use crate::{
    capability::Capability as Cap,
    id::IdSource,
    manifest::tests::good,
    sharing::{Level, Purpose},
};

struct Nth(u128);
impl IdSource for Nth {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, self.0)
    }
}

fn partnership(n: u128) -> PartnershipId {
    PartnershipId::make(&Nth(n))
}

fn rule(level: Level, purpose: Purpose) -> SharingRule {
    let fields = crate::capability::FieldSet::core();
    SharingRule { population: "customers".into(), level, fields, purpose }
}

/// An install of the sound manifest with everything approved and granted, and
/// partnerships: 1 shares for egress, 2 for plugins, 3 for people, 4 ended.
fn control() -> Control {
    let manifest = good();
    let approval = Approval::of(&manifest);
    let with = |n, active, purpose| PartnershipControl {
        id: partnership(n),
        partner: format!("Partner {n}"),
        active,
        rules: vec![rule(Level::Overlaps, purpose)],
    };
    Control {
        number: 7,
        organization: OrganizationId::make(&Nth(1)),
        install: InstallId::make(&Nth(1)),
        plugin: PluginId::make(&Nth(1)),
        release: ReleaseId::make(&Nth(1)),
        grant: Grant {
            capabilities: approval.capabilities,
            partnerships: (1..=4).map(partnership).collect(),
            populations: vec!["customers".into()],
            fields: approval.fields.clone(),
            egress_hosts: vec!["api.hubapi.com".into()],
        },
        approval,
        manifest,
        stopped: None,
        partnerships: vec![
            with(1, true, Purpose::Egress),
            with(2, true, Purpose::Plugins),
            with(3, true, Purpose::View),
            with(4, false, Purpose::Egress),
        ],
        connections: vec!["crm".into()],
        customer_hosts: Vec::new(),
        farewell: Farewell::default(),
    }
}

fn without(change: impl FnOnce(&mut Control)) -> Authority {
    let mut control = control();
    change(&mut control);
    Authority::new(control)
}

fn told(result: Result<impl Sized, Denial>) -> String {
    result.map_or_else(
        |d| format!("{} | {} | {} | {}", d.capability, d.what, d.why, d.who_can_change_it),
        |_| "allowed".to_owned(),
    )
}

fn all_but(gone: Cap) -> CapabilitySet {
    Cap::ALL.into_iter().filter(|capability| *capability != gone).collect()
}

#[test]
fn a_snapshot_tells_whose_it_is_and_at_which_number_it_was_read() {
    let (authority, read) = (without(|_| {}), control());
    // Another number is how a run in progress learns that something was taken away.
    assert_eq!(authority.number(), 7);
    assert_eq!(authority.install(), &read.install);
    assert_eq!(authority.organization(), &read.organization);
    assert_eq!(authority.plugin(), &read.plugin);
    assert_eq!(authority.manifest(), &read.manifest);
    assert_eq!(authority.populations(), ["customers"]);
    assert_eq!(authority.partnerships(), read.partnerships);
}

#[test]
fn a_capability_is_denied_by_the_layer_that_lacks_it() {
    let state = |authority: &Authority| told(authority.allows(Cap::State));
    assert_eq!(state(&without(|_| {})), "allowed");
    let asked = without(|c| c.manifest.capabilities.retain(|r| r.name != Cap::State));
    assert_eq!(
        state(&asked),
        "state | capability state | the manifest does not ask for it | publisher"
    );
    let approved = without(|c| c.approval.capabilities = all_but(Cap::State));
    assert_eq!(
        state(&approved),
        "state | capability state | the platform did not approve it for this plugin | platform-admin"
    );
    let granted = without(|c| c.grant.capabilities = all_but(Cap::State));
    assert_eq!(
        state(&granted),
        "state | capability state | the customer did not grant it | customer-admin"
    );
    let stopped = without(|c| c.stopped = Some("the installation is paused".into()));
    assert_eq!(state(&stopped), "state | anything | the installation is paused | customer-admin");
    assert_eq!(
        told(without(|_| {}).allows(Cap::AccountsWrite)),
        "accounts:write | capability accounts:write | the manifest does not ask for it | publisher"
    );
}

#[test]
fn a_field_is_denied_by_the_layer_that_lacks_it() {
    let wanted = |names: &str| serde_json::from_str::<OverlapFields>(names).unwrap();
    let owner = |authority: &Authority| {
        told(authority.allows_fields(&wanted(r#"["our-name","their-owner"]"#)))
    };
    assert_eq!(owner(&without(|_| {})), "allowed");
    assert_eq!(told(without(|_| {}).allows_fields(&wanted("[]"))), "allowed");
    let narrow = || wanted(r#"["our-name","their-name"]"#);
    let texts = [
        (without(|c| c.manifest.fields = narrow()), "the manifest does not ask for it | publisher"),
        (
            without(|c| c.approval.fields = narrow()),
            "the platform did not approve it for this plugin | platform-admin",
        ),
        (without(|c| c.grant.fields = narrow()), "the customer did not grant it | customer-admin"),
    ];
    for (authority, expected) in texts {
        assert_eq!(owner(&authority), format!("overlaps:read | field their-owner | {expected}"));
    }
}

#[test]
fn populations_and_partnerships() {
    let authority = without(|_| {});
    assert_eq!(told(authority.allows_population(Capability::OverlapsRead, "customers")), "allowed");
    assert_eq!(
        told(authority.allows_population(Capability::OverlapsRead, "prospects")),
        "overlaps:read | population prospects | the customer did not grant it | customer-admin"
    );
    let of = |authority: &Authority, n| told(authority.allows_partnership(partnership(n).as_str()));
    let denied = |n, rest: &str| format!("overlaps:read | partnership {} | {rest}", partnership(n));
    assert_eq!(of(&authority, 1), "allowed");
    assert_eq!(
        of(&authority, 2),
        denied(
            2,
            "the data owner does not let plugins that send data elsewhere read its accounts | data-owner"
        )
    );
    assert_eq!(of(&authority, 4), denied(4, "the partnership has ended | customer-admin"));
    assert_eq!(of(&authority, 5), denied(5, "the customer did not grant it | customer-admin"));
    assert_eq!(
        told(authority.allows_partnership("' OR 1=1")),
        "overlaps:read | partnership ' OR 1=1 | the customer did not grant it | customer-admin"
    );
    let quiet = without(|c| c.grant.egress_hosts.clear());
    assert_eq!(of(&quiet, 2), "allowed");
    assert_eq!(
        of(&quiet, 3),
        denied(3, "the data owner does not let plugins read its accounts | data-owner")
    );
    let counts = without(|c| c.partnerships[0].rules = vec![rule(Level::Counts, Purpose::Egress)]);
    assert_eq!(
        of(&counts, 1),
        denied(
            1,
            "the data owner does not let plugins that send data elsewhere read its accounts | data-owner"
        )
    );
    let (readable, withheld) = authority.readable_partnerships();
    assert_eq!(readable.iter().map(|p| p.partner.as_str()).collect::<Vec<_>>(), ["Partner 1"]);
    assert_eq!(withheld, ["Partner 2", "Partner 3"]);
}

#[test]
fn what_was_read_stays_in_its_partition() {
    let authority = without(|_| {});
    let write = |to: Option<u128>, read: &[u128]| {
        let read: Vec<_> = read.iter().map(|n| partnership(*n)).collect();
        told(authority.allows_write_to(Cap::State, to.map(partnership).as_ref(), &read))
    };
    assert_eq!(write(None, &[]), "allowed");
    assert_eq!(write(Some(1), &[1]), "allowed");
    assert_eq!(write(Some(1), &[]), "allowed");
    let apart = "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`) | publisher";
    assert_eq!(write(None, &[1]), format!("state | write for no partnership | {apart}"));
    for read in [&[2][..], &[1, 2]] {
        assert_eq!(
            write(Some(1), read),
            format!("state | write for partnership {} | {apart}", partnership(1))
        );
    }
    for gone in [4, 5] {
        assert_eq!(
            write(Some(gone), &[]),
            format!(
                "state | write for partnership {} | the customer did not grant it | customer-admin",
                partnership(gone)
            )
        );
    }
    let none = without(|c| c.grant.capabilities = all_but(Cap::State));
    assert_eq!(
        told(none.allows_write_to(Cap::State, None, &[])),
        "state | capability state | the customer did not grant it | customer-admin"
    );
}

fn egress(authority: &Authority, method: &str, url: &str, connection: Option<&str>) -> String {
    let target = Target::parse(url).unwrap();
    let question = EgressQuestion { method, target: &target, connection };
    told(authority.allows_egress(question))
}

#[test]
fn a_call_is_denied_by_the_layer_that_lacks_it() {
    let tasks = "https://api.hubapi.com/crm/v3/objects/tasks?limit=1";
    let call = |authority: &Authority| egress(authority, "POST", tasks, Some("crm"));
    assert_eq!(call(&without(|_| {})), "allowed");
    let what = "http:egress | POST https://api.hubapi.com/crm/v3/objects/tasks";
    let texts = [
        (without(|c| c.manifest.egress.clear()), "the manifest does not ask for it | publisher"),
        (
            without(|c| c.approval.egress[0].methods = vec!["GET".into()]),
            "the platform did not approve it for this plugin | platform-admin",
        ),
        (
            without(|c| c.approval.egress[0].paths = vec!["/crm/v3/objects/companies".into()]),
            "the platform did not approve it for this plugin | platform-admin",
        ),
        (
            without(|c| c.grant.egress_hosts.clear()),
            "the customer did not grant it | customer-admin",
        ),
    ];
    for (authority, expected) in texts {
        assert_eq!(call(&authority), format!("{what} | {expected}"));
    }
    let authority = without(|_| {});
    assert_eq!(
        egress(&authority, "DELETE", tasks, None),
        "http:egress | DELETE https://api.hubapi.com/crm/v3/objects/tasks | the manifest does not ask for it | publisher"
    );
    assert_eq!(
        egress(&authority, "GET", "https://evil.com/?q=1", None),
        "http:egress | GET https://evil.com/ | the manifest does not ask for it | publisher"
    );
    let none = without(|c| c.grant.capabilities = all_but(Cap::HttpEgress));
    assert_eq!(
        call(&none),
        "http:egress | capability http:egress | the customer did not grant it | customer-admin"
    );
    assert!(!none.has_egress());
}

#[test]
fn a_credential_goes_to_its_own_origin_only() {
    let tasks = "https://api.hubapi.com/crm/v3/objects/tasks";
    let authority = without(|_| {});
    assert_eq!(
        egress(&authority, "POST", tasks, Some("other")),
        "http:egress | connection other | the manifest does not ask for it | publisher"
    );
    let missing = without(|c| c.connections.clear());
    assert_eq!(
        egress(&missing, "POST", tasks, Some("crm")),
        "http:egress | connection crm | the customer has not connected it | customer-admin"
    );
    // A second host and port are allowed, but not for this credential.
    let wide = without(|c| {
        for (host, port) in [("api.b.com", 443), ("api.hubapi.com", 8443)] {
            let mut request = c.manifest.egress[0].clone();
            request.rule =
                EgressRule { host: host.into(), port, methods: Vec::new(), paths: Vec::new() };
            c.approval.egress.push(request.rule.clone());
            c.grant.egress_hosts.push(host.into());
            c.manifest.egress.push(request);
        }
    });
    for (url, origin) in [
        ("https://api.b.com/crm/v3", "https://api.b.com"),
        ("https://api.hubapi.com:8443/crm/v3", "https://api.hubapi.com:8443"),
    ] {
        assert_eq!(egress(&wide, "GET", url, None), "allowed");
        assert_eq!(
            egress(&wide, "GET", url, Some("crm")),
            format!(
                "http:egress | connection crm at {origin} | the connection is bound to https://api.hubapi.com | publisher"
            )
        );
    }
}

#[test]
fn rules_of_which_neither_covers_the_other_meet_in_the_middle() {
    let authority = without(|c| {
        c.approval.egress = vec![EgressRule {
            host: "*.hubapi.com".into(),
            port: 443,
            methods: vec!["GET".into()],
            paths: Vec::new(),
        }];
        c.grant.egress_hosts = vec!["*.hubapi.com".into()];
    });
    let only = EgressRule {
        host: "api.hubapi.com".into(),
        port: 443,
        methods: vec!["GET".into()],
        paths: vec!["/crm/v3".into()],
    };
    assert_eq!(authority.egress(), [only]);
}

#[test]
fn a_host_that_the_customer_completes_is_the_one_that_is_allowed() {
    let place = "{portal}.hubapi.com";
    let with = |config: serde_json::Value| {
        without(|control| {
            control.manifest.egress[0].rule.host = place.into();
            control.manifest.connections[0].host = place.into();
            control.approval = Approval::of(&control.manifest);
            control.grant.egress_hosts = vec![place.into()];
            control.complete(&config);
        })
    };
    let ask = |authority: &Authority, url: &str| {
        let target = Target::parse(url).unwrap();
        let question = EgressQuestion { method: "GET", target: &target, connection: Some("crm") };
        authority.allows_egress(question).map(|_| ()).map_err(|denial| {
            format!("{} ({}; {})", denial.what, denial.why, denial.who_can_change_it)
        })
    };
    let filled = with(serde_json::json!({ "portal": "eu1" }));
    assert_eq!(ask(&filled, "https://eu1.hubapi.com/crm/v3"), Ok(()));
    assert!(filled.is_customer_host("eu1.hubapi.com") && !filled.is_customer_host("us.hubapi.com"));
    assert_eq!(
        ask(&filled, "https://us.hubapi.com/crm/v3").unwrap_err(),
        "GET https://us.hubapi.com/crm/v3 (the customer says in `portal` that the host is eu1.hubapi.com; customer-admin)"
    );
    for url in [
        "https://us.hubapi.org/crm/v3",
        "https://eu1.hubapi.com/other",
        "https://a.eu1.hubapi.com/crm/v3",
    ] {
        assert_eq!(
            ask(&filled, url).unwrap_err(),
            format!("GET {url} (the manifest does not ask for it; publisher)")
        );
    }
    for config in [serde_json::json!({}), serde_json::json!({ "portal": "evil.com/" })] {
        let open = with(config);
        assert_eq!(
            ask(&open, "https://eu1.hubapi.com/crm/v3").unwrap_err(),
            "GET https://eu1.hubapi.com/crm/v3 (the customer has not said in `portal` which host this is; customer-admin)"
        );
        assert!(
            ask(&open, "https://evil.com/crm/v3")
                .unwrap_err()
                .contains("the manifest does not ask for it")
        );
        assert!(open.has_egress(), "a data owner is asked before the customer has said where");
    }
    // One layer without the place is enough to deny it.
    let narrowed = without(|control| {
        control.manifest.egress[0].rule.host = place.into();
        control.approval = Approval::of(&control.manifest);
        control.complete(&serde_json::json!({ "portal": "eu1" }));
    });
    let target = Target::parse("https://eu1.hubapi.com/crm/v3").unwrap();
    let question = EgressQuestion { method: "GET", target: &target, connection: None };
    assert_eq!(narrowed.allows_egress(question).unwrap_err().why, "the customer did not grant it");
}
