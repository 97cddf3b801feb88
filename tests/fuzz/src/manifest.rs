//! Manifests: JSON where it begins with `{`, else TOML.
//!
//! What is refused says where, why and what to do; what is taken reads back as the
//! same, asks for sound destinations only, and fits under the ceiling made of it.
use serde_json::{Value, json};
use venn_domain::{
    grant::Approval,
    manifest::{Manifest, PROBLEM_LIMIT, Problem},
};

pub(crate) fn run(bytes: &[u8]) {
    let read = match std::str::from_utf8(bytes) {
        _ if bytes.starts_with(b"{") => Manifest::parse_json(bytes),
        Ok(text) => Manifest::parse_toml(text),
        Err(_) => return,
    };
    let manifest = match read {
        Ok(manifest) => manifest,
        Err(problems) => return told(&problems),
    };
    let json = manifest.to_json();
    let again = Manifest::parse_json(&json).expect("what was taken is taken again");
    assert!(again == manifest && again.to_json() == json, "it reads back as another one");
    for request in &manifest.egress {
        assert_eq!(request.rule.check(), Ok(()));
    }
    let approval = Approval::of(&manifest);
    assert!(approval.covers(&manifest) && approval.excess(&manifest).is_empty());
    let settings = manifest.config_schema.get("properties").and_then(Value::as_object);
    let names = settings.into_iter().flat_map(|all| all.keys().cloned());
    let filled: Value =
        names.map(|name| (name, json!("acme"))).collect::<serde_json::Map<_, _>>().into();
    for config in [json!({}), json!({ "instance": "acme" }), filled, json!([1]), Value::Null] {
        match manifest.check_config(&config) {
            Ok(()) => assert!(config.is_object(), "{config} is a configuration"),
            Err(problems) => told(&problems),
        }
        for host in manifest.customer_hosts(&config) {
            assert!(venn_domain::egress::host::canonical(&host).as_ref() == Ok(&host));
        }
    }
}

fn told(problems: &[Problem]) {
    assert!((1..=PROBLEM_LIMIT).contains(&problems.len()), "{} problems", problems.len());
    for problem in problems {
        let texts = [&problem.place, &problem.reason, &problem.next_step];
        assert!(texts.iter().all(|text| !text.is_empty()), "{problem:?}");
        assert!(texts.iter().all(|text| text.len() < 4096), "{problem:?} is no sentence");
    }
}
