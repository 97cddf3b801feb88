//! Routes: total over every verdict, and claims that lie move nothing.
use super::*;

fn verdict(class: Class, kind: Kind, owner: Owner) -> Verdict {
    Verdict {
        class,
        kind,
        owner,
        evidence: vec!["this was seen".into()],
        ..fault(vec![status(401)])
    }
}

#[test]
fn every_verdict_has_exactly_one_route() {
    use Owner::{CustomerAdmin, DataOwner, PlatformAdmin, Publisher};
    for class in Class::ALL {
        for kind in Kind::ALL {
            for owner in Owner::ALL {
                let plan = route(&verdict(*class, *kind, *owner), &good(), None);
                let expected = match (class, owner) {
                    (Class::CustomerConfig, _) => (RouteKind::Faq, CustomerAdmin),
                    (Class::GrantMissing, CustomerAdmin | PlatformAdmin | DataOwner) => {
                        (RouteKind::ApproveLink, *owner)
                    }
                    (Class::ThirdParty, PlatformAdmin) => (RouteKind::StatusNote, PlatformAdmin),
                    (Class::ThirdParty, _) => (RouteKind::StatusNote, Publisher),
                    (Class::Plugin, Publisher) => (RouteKind::PublisherInbox, Publisher),
                    (Class::Platform, PlatformAdmin) => (RouteKind::PlatformInbox, PlatformAdmin),
                    _ => (RouteKind::Triage, PlatformAdmin),
                };
                assert_eq!((plan.kind, plan.to), expected, "{class:?} {kind:?} {owner:?}");
                assert_eq!(plan.faq.is_some(), plan.kind == RouteKind::Faq);
                assert!(!plan.also_tell.contains(&plan.to) && !plan.text.is_empty());
                assert!(plan.to == CustomerAdmin || plan.also_tell.contains(&CustomerAdmin));
                if *class == Class::ThirdParty {
                    assert!(plan.to == Publisher || plan.also_tell.contains(&Publisher));
                }
                let alarmed = plan.kind == RouteKind::PublisherInbox && *kind == Kind::Security;
                assert!(!alarmed || plan.also_tell.contains(&PlatformAdmin));
            }
        }
    }
}

#[test]
fn the_customer_reads_an_entry_with_the_field_to_fix() {
    let refused = fault(vec![status(401)]);
    let built_in = route(&refused, &good(), None);
    assert_eq!(built_in.text, "CRM tasks needs you: Reconnect HubSpot");
    let entry = built_in.faq.unwrap();
    assert_eq!((entry.code.as_str(), entry.field.as_deref()), ("credential-refused", Some("crm")));
    let own = Claim { code: "crm-unauthorized".into(), ..claim("plugin", None) };
    let entry = route(&refused, &good(), Some(&own)).faq.unwrap();
    assert_eq!(entry.title, "HubSpot refused the key");
    assert_eq!(entry.field.as_deref(), Some("crm"));
    // An entry about another field than the evidence is not shown.
    let wrong = route(&refused, &good(), Some(&claim("customer-config", None))).faq.unwrap();
    assert_eq!(wrong.code, "credential-refused");
    let unknown = Claim { code: "S3CRET".into(), ..claim("x", None) };
    assert_eq!(route(&refused, &good(), Some(&unknown)).faq.unwrap().code, "credential-refused");
    let setting = Verdict { field: Some("portal".into()), ..refused.clone() };
    assert_eq!(route(&setting, &good(), None).faq.unwrap().title, "Check the setting `portal`");
    let none = Verdict { field: None, ..refused };
    assert_eq!(route(&none, &good(), None).faq.unwrap().title, "Check the settings");
}

fn claims() -> impl Strategy<Value = Claim> {
    let causes = prop_oneof![
        prop::sample::select(Class::ALL).prop_map(|class| class.name().to_owned()),
        any::<String>()
    ];
    let codes = prop_oneof![
        Just("portal-unknown".to_owned()),
        Just("crm-unauthorized".to_owned()),
        any::<String>()
    ];
    let names = ["portal", "due_days", "crm", "mode", ""].map(str::to_owned).to_vec();
    let fields = prop::option::of(prop_oneof![prop::sample::select(names), any::<String>()]);
    (codes, causes, fields, any::<String>(), any::<Option<u32>>()).prop_map(
        |(code, cause, field, message, retry_after_s)| Claim {
            code,
            cause,
            field,
            message,
            retry_after_s,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_lying_claim_moves_neither_class_nor_owner(lie in claims(), which in 0_usize..8) {
        let evidence = [
            status(500),
            status(401),
            status(429),
            network("connect"),
            own("overlaps.find", denied("overlaps:read", "field their-owner", "because", "data-owner")),
            http("GET evil.com/x", denied("http:egress", "GET https://evil.com/x", "because", "publisher")),
            own("state.set", error("invalid")),
            own("state.set", CallResult::HostFailed),
        ];
        let calls = vec![evidence[which].clone()];
        let honest = fault(calls.clone());
        let lying = judged(&outcome(Ending::Fault(lie.clone()), calls));
        prop_assert_eq!((lying.class, lying.kind, lying.owner), (honest.class, honest.kind, honest.owner));
        prop_assert_eq!(&lying.fingerprint, &honest.fingerprint);
        prop_assert_eq!(&lying.evidence, &honest.evidence);
        prop_assert_eq!(lying.retryable, honest.retryable);
        let manifest = good();
        let (with, without) = (route(&lying, &manifest, Some(&lie)), route(&honest, &manifest, None));
        prop_assert_eq!((with.kind, with.to, with.also_tell), (without.kind, without.to, without.also_tell));
    }

    #[test]
    fn without_evidence_a_claim_accuses_no_one_else(lie in claims()) {
        let verdict = judged(&outcome(Ending::Fault(lie), vec![status(200)]));
        prop_assert!(matches!(verdict.class, Class::Unknown | Class::Plugin));
        prop_assert!(verdict.confidence_permille <= 700);
    }
}
