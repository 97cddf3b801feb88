//! Examples of bodies are bodies that their calls take.
use serde_json::Value;

use crate::support::description::{SPEC, operations, validator};

#[test]
fn every_example_is_what_its_call_takes() {
    let mut seen = 0;
    for operation in operations(&SPEC) {
        let body = &operation.told["requestBody"]["content"]["application/json"];
        if body["example"] == Value::Null {
            continue;
        }
        let validator = validator(&body["schema"], false);
        let wrong: Vec<_> =
            validator.iter_errors(&body["example"]).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{} {}: {wrong:#?}", operation.method, operation.path);
        seen += 1;
    }
    assert!(seen > 20, "{seen} examples");
}
