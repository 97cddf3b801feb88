//! The promise that plugins rest on: however upserts repeat, there is one record for each key.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use venn_testkit::{Call, Clock, HubSpot, ThirdParty};

use crate::client::TOKEN;

fn post(portal: &HubSpot, clock: &Clock, path: &str, body: &Value) -> Value {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
    let body = Bytes::from(body.to_string());
    let call = Call {
        order: 1,
        method: Method::POST,
        path: path.to_owned(),
        query: Vec::new(),
        headers,
        body,
    };
    serde_json::from_slice(&portal.answer(&call, clock).body).unwrap()
}

proptest! {
    #[test]
    fn one_record_for_each_key(batches in prop::collection::vec(prop::collection::btree_set("[a-f]{1,2}", 1..6), 1..12)) {
        let (portal, clock) = (HubSpot::new(TOKEN), Clock::default());
        let property = json!({
            "name": "key", "label": "Key", "type": "string", "fieldType": "text",
            "groupName": "companyinformation", "hasUniqueValue": true,
        });
        post(&portal, &clock, "/crm/v3/properties/companies", &property);
        let mut seen = BTreeSet::new();
        for batch in batches {
            let inputs: Vec<Value> =
                batch.iter().map(|key| json!({ "idProperty": "key", "id": key, "properties": {} })).collect();
            let body = post(&portal, &clock, "/crm/v3/objects/companies/batch/upsert", &json!({ "inputs": inputs }));
            for (key, result) in batch.iter().zip(body["results"].as_array().unwrap()) {
                prop_assert_eq!(&result["properties"]["key"], key);
                prop_assert_eq!(&result["new"], seen.insert(key.clone()));
            }
        }
        prop_assert_eq!(portal.counts()["companies"], seen.len() as u64);
    }
}
