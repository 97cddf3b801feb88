//! Properties: authority is within every layer, and narrowing never widens.
use super::*;

/// A layer of egress rules that may or may not cover each other.
fn rules() -> impl Strategy<Value = Vec<EgressRule>> {
    let hosts = prop::sample::select(vec!["api.hubapi.com", "*.hubapi.com", "api.b.com"]);
    let methods = prop::sample::subsequence(vec!["GET".to_owned(), "POST".into()], 0..=2);
    let paths =
        prop::sample::subsequence(vec!["/crm".to_owned(), "/crm/v3".into(), "/x".into()], 0..=2);
    let rule = (hosts, methods, paths).prop_map(|(host, methods, paths)| EgressRule {
        host: host.into(),
        port: 443,
        methods,
        paths,
    });
    prop::collection::vec(rule, 0..4)
}

fn fields() -> impl Strategy<Value = OverlapFields> {
    let names = ["our-name", "their-name", "their-owner", "their-amount", "their-tier"];
    prop::sample::subsequence(names.to_vec(), 0..=5).prop_map(|names| {
        let mut fields = OverlapFields::default();
        for name in names {
            assert!(fields.insert(name));
        }
        fields
    })
}

fn capabilities() -> impl Strategy<Value = CapabilitySet> {
    prop::sample::subsequence(Cap::ALL.to_vec(), 0..=Cap::ALL.len())
        .prop_map(|list| list.into_iter().collect())
}

fn controls() -> impl Strategy<Value = Control> {
    let layers =
        ((capabilities(), capabilities()), (fields(), fields(), fields()), (rules(), rules()));
    let hosts = prop::sample::subsequence(
        vec!["api.hubapi.com".to_owned(), "*.hubapi.com".into(), "api.b.com".into()],
        0..=3,
    );
    (layers, hosts).prop_map(|((capabilities, fields, rules), hosts)| {
        let mut control = control();
        let request = control.manifest.egress[0].clone();
        control.manifest.fields = fields.0;
        control.manifest.egress = rules
            .0
            .into_iter()
            .map(|rule| crate::manifest::EgressRequest { rule, ..request.clone() })
            .collect();
        control.approval =
            Approval { capabilities: capabilities.0, fields: fields.1, egress: rules.1 };
        control.grant.capabilities = capabilities.1;
        control.grant.fields = fields.2;
        control.grant.egress_hosts = hosts;
        control
    })
}

/// Narrows one layer in one of its members.
fn narrowed(control: &Control, which: usize, at: usize) -> Control {
    let mut narrow = control.clone();
    let drop_one = |fields: &OverlapFields| {
        let names: Vec<_> = fields.names().collect();
        let mut left = OverlapFields::default();
        names
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != at % names.len())
            .for_each(|(_, name)| assert!(left.insert(name)));
        left
    };
    match which {
        0 => {
            let gone = Cap::ALL[at % Cap::ALL.len()];
            narrow.grant.capabilities = narrow.grant.capabilities.and(all_but(gone));
        }
        1 => narrow.approval.fields = drop_one(&narrow.approval.fields),
        2 => narrow.grant.fields = drop_one(&narrow.grant.fields),
        3 => drop(narrow.grant.egress_hosts.pop()),
        4 => drop(narrow.manifest.egress.pop()),
        5 => drop(narrow.approval.egress.pop()),
        _ => {
            for rule in &mut narrow.approval.egress {
                // From "any method" or a list to less of it.
                let kept = if rule.methods.is_empty() || rule.methods[0] == "GET" {
                    "GET"
                } else {
                    "POST"
                };
                rule.methods = vec![kept.into()];
                if which == 7 && rule.paths.is_empty() {
                    rule.paths = vec!["/crm".into()];
                }
            }
        }
    }
    narrow
}

fn calls() -> Vec<(&'static str, Target)> {
    let urls = [
        "https://api.hubapi.com",
        "https://eu.hubapi.com",
        "https://api.b.com",
        "https://evil.com",
    ];
    let mut calls = Vec::new();
    for url in urls {
        for path in ["/", "/crm", "/crm/v3/a", "/crmx", "/x"] {
            for method in ["GET", "POST", "PUT"] {
                calls.push((method, Target::parse(&format!("{url}{path}")).unwrap()));
            }
        }
    }
    calls
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn authority_is_within_every_layer_and_narrowing_never_widens(control in controls(), which in 0_usize..8, at in 0_usize..8) {
        let authority = Authority::new(control.clone());
        prop_assert!(authority.fields().is_within(&control.manifest.fields));
        prop_assert!(authority.fields().is_within(&control.approval.fields));
        prop_assert!(authority.fields().is_within(&control.grant.fields));
        for capability in authority.capabilities().iter() {
            prop_assert!(control.manifest.capability_set().has(capability) && control.approval.capabilities.has(capability) && control.grant.capabilities.has(capability));
        }
        let narrow = Authority::new(narrowed(&control, which, at));
        prop_assert!(narrow.fields().is_within(authority.fields()));
        prop_assert!(narrow.capabilities().iter().all(|capability| authority.capabilities().has(capability)));
        // Partnerships are the one exception, and by design: an install that
        // loses its egress may read what owners share with plugins only.
        for (method, target) in calls() {
            let question = EgressQuestion { method, target: &target, connection: None };
            let allowed = authority.allows_egress(question).is_ok();
            let layers = control.manifest.egress.iter().any(|r| r.rule.allows(method, &target))
                && control.approval.egress.iter().any(|r| r.allows(method, &target))
                && control.grant.egress_hosts.iter().any(|h| crate::egress::rule::host_covers(h, &target.host));
            prop_assert_eq!(allowed, layers && authority.capabilities().has(Cap::HttpEgress));
            prop_assert!(allowed || narrow.allows_egress(question).is_err(), "{} {} after {}", method, target, which);
        }
    }
}
