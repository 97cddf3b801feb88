//! Search: filters, sorting, pages and limits.

use serde_json::{Value, json};

use crate::client::{Client, hubspot};

async fn companies(client: &Client) {
    for (name, employees) in [("Acme Rockets", 5), ("Beta", 40), ("acme", 200)] {
        let company = json!({ "properties": { "name": name, "numberofemployees": employees } });
        client.post("/crm/v3/objects/companies", company).await.good(201);
    }
    client
        .post("/crm/v3/objects/companies", json!({ "properties": { "name": "Unsized" } }))
        .await
        .good(201);
}

async fn names(client: &Client, filters: Value) -> Vec<String> {
    let body = json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": [{ "propertyName": "numberofemployees", "direction": "DESCENDING" }],
        "properties": ["name"],
    });
    let found = client.post("/crm/v3/objects/companies/search", body).await.good(200);
    let results = found["results"].as_array().unwrap();
    results.iter().map(|one| one["properties"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_operator_finds_what_it_says() {
    let (_simulator, client) = hubspot().await;
    companies(&client).await;
    let by = |property: &str, operator: &str, value: Value| json!([{ "propertyName": property, "operator": operator, "value": value }]);
    assert_eq!(names(&client, by("name", "EQ", "Acme".into())).await, ["acme"]);
    assert_eq!(
        names(&client, by("name", "NEQ", "acme".into())).await,
        ["Beta", "Acme Rockets", "Unsized"]
    );
    assert_eq!(
        names(&client, by("name", "CONTAINS_TOKEN", "acme".into())).await,
        ["acme", "Acme Rockets"]
    );
    assert_eq!(names(&client, by("numberofemployees", "GT", "40".into())).await, ["acme"]);
    assert_eq!(names(&client, by("numberofemployees", "GTE", 40.into())).await, ["acme", "Beta"]);
    assert_eq!(names(&client, by("numberofemployees", "LT", "40".into())).await, ["Acme Rockets"]);
    assert_eq!(
        names(&client, by("numberofemployees", "LTE", "40".into())).await,
        ["Beta", "Acme Rockets"]
    );
    let has = json!([{ "propertyName": "numberofemployees", "operator": "HAS_PROPERTY" }]);
    assert_eq!(names(&client, has).await, ["acme", "Beta", "Acme Rockets"]);
    let of = json!([{ "propertyName": "name", "operator": "IN", "values": ["beta", "unsized"] }]);
    assert_eq!(names(&client, of).await, ["Beta", "Unsized"]);
    let since = by("createdate", "GTE", "1767225600002".into());
    assert_eq!(names(&client, since).await, ["acme", "Beta", "Unsized"]);
}

#[tokio::test]
async fn pages_follow_each_other_and_groups_add_up() {
    let (_simulator, client) = hubspot().await;
    companies(&client).await;
    let body = |after: Value| {
        json!({
            "filterGroups": [
                { "filters": [{ "propertyName": "name", "operator": "EQ", "value": "beta" }] },
                { "filters": [{ "propertyName": "name", "operator": "CONTAINS_TOKEN", "value": "acme" }] },
            ],
            "limit": 2,
            "after": after,
        })
    };
    let first = client.post("/crm/v3/objects/companies/search", body(Value::Null)).await.good(200);
    assert_eq!(
        (&first["total"], &first["paging"]),
        (&json!(3), &json!({ "next": { "after": "2" } }))
    );
    let second = client.post("/crm/v3/objects/companies/search", body("2".into())).await.good(200);
    assert_eq!(second["results"].as_array().unwrap().len(), 1);
    assert!(second["paging"].is_null());
}

#[tokio::test]
async fn a_search_beyond_the_limits_is_refused() {
    let (_simulator, client) = hubspot().await;
    let unknown = json!([{ "propertyName": "nope", "operator": "HAS_PROPERTY" }]);
    let filter = json!({ "propertyName": "name", "operator": "HAS_PROPERTY" });
    let cases = [
        json!({ "limit": 201 }),
        json!({ "limit": 200, "after": "9900" }),
        json!({ "filterGroups": [{ "filters": unknown }] }),
        json!({ "filterGroups": [{ "filters": vec![filter; 7] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "name", "operator": "EQ" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "name", "operator": "LIKE", "value": "x" }] }] }),
    ];
    for body in cases {
        let refused = client.post("/crm/v3/objects/companies/search", body).await.good(400);
        assert_eq!(refused["category"], "VALIDATION_ERROR", "{refused}");
    }
}
