//! Examples of bodies are bodies that their calls take, and work.
use serde_json::Value;

use crate::{
    access::{people::Town, table::ROWS},
    support::description::{SPEC, operations, validator},
};

/// Examples that a real server refuses, and why that is right.
const REFUSED: &[(&str, &str, &str)] = &[
    ("source-confirm", "wrong-state", "no source waits for a yes in the town"),
    ("delivery-discard", "wrong-state", "the town's deliveries are done"),
    ("signing-key-register", "bad-signature", "nobody has the private half of a published key"),
    ("signing-key-rotate", "bad-signature", "nobody has the private half of a published key"),
    ("connect-begin", "wrong-state", "the town's connection is an API key"),
    ("connect-finish", "wrong-state", "nobody in the town has a link"),
    ("session-create", "login-failed", "nobody in the town has a password"),
    ("password-change", "wrong-state", "nobody in the town has a password"),
    ("second-factor-set-up", "wrong-state", "nobody in the town has a password"),
    ("second-factor-confirm", "wrong-state", "nobody in the town has begun one"),
    ("second-factor-remove", "wrong-state", "nobody in the town has one"),
    ("password-set", "invalid", "nobody has the text of a published invitation"),
    ("member-set-role", "wrong-state", "the town's member is its last admin"),
    ("webhook-open", "wrong-state", "the town's webhook is open, with a secret of its own"),
    ("install-change-upgrade", "wrong-state", "the town has one release, and it is installed"),
    ("verification-prove", "not-proved", "nobody has that domain"),
    ("review-withdraw", "wrong-state", "its publisher has withdrawn it"),
    ("review-decide", "wrong-state", "the town's release is decided"),
];

/// Every call that has an example, with the example.
fn examples() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    operations(&SPEC).filter_map(|operation| {
        let example = &operation.told["requestBody"]["content"]["application/json"]["example"];
        (!example.is_null()).then_some((operation.method, operation.path, example))
    })
}

#[test]
fn every_example_is_what_its_call_takes() {
    for operation in operations(&SPEC) {
        let body = &operation.told["requestBody"]["content"]["application/json"];
        if body["example"] == Value::Null {
            continue;
        }
        let validator = validator(&body["schema"], false);
        let wrong: Vec<_> =
            validator.iter_errors(&body["example"]).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{} {}: {wrong:#?}", operation.method, operation.path);
    }
    assert!(examples().count() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works_on_a_real_server_or_is_refused_for_the_reason_that_stands_here() {
    let town = Town::start().await;
    let (mut wrong, mut refusals) = (Vec::new(), Vec::new());
    let mut examples: Vec<_> = examples().collect();
    // A source is one as long as its grant says so, which an example changes.
    // What is withdrawn is not installed or reviewed any more.
    examples.sort_by_key(|(_, path, _)| (path.ends_with("/withdraw"), !path.contains("/sources/")));
    for (method, path, example) in examples {
        let id = SPEC["paths"][path][method]["operationId"].as_str().unwrap();
        let row = ROWS.iter().find(|row| {
            let is = row.path.split('?').next() == path.strip_prefix("/v1");
            is && row.method.eq_ignore_ascii_case(method)
        });
        let row = row.unwrap();
        let owner = town.owner(row);
        let address = format!("/v1{}", town.fill(row.path, &owner.org));
        let verb = row.method.parse().unwrap();
        // What it answers is held against the description on its way.
        let answer = owner.call(verb, &address, Some(&town.with_real_ids(example))).await;
        let good = (200..300).contains(&answer.status);
        match REFUSED.iter().find(|(name, ..)| *name == id) {
            Some((_, code, _)) if !good && answer.body["code"] == *code => refusals.push(id),
            None if good => {}
            _ => wrong.push(format!("{id}: {} {}", answer.status, answer.text)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(refusals.len(), REFUSED.len(), "REFUSED names what is not there (any more)");
}
