//! Property definitions and what they enforce.

use serde_json::{Value, json};

use crate::client::hubspot;

fn property(name: &str, unique: bool) -> Value {
    json!({
        "name": name, "label": "Key", "type": "string", "fieldType": "text",
        "groupName": "companyinformation", "hasUniqueValue": unique,
    })
}

#[tokio::test]
async fn a_property_is_made_once_changed_and_dropped() {
    let (_simulator, client) = hubspot().await;
    let made =
        client.post("/crm/v3/properties/companies", property("venn_key", true)).await.good(201);
    assert_eq!(made["hasUniqueValue"], true);
    assert_eq!(made["createdAt"], "2026-01-01T00:00:00.001Z");
    assert_eq!(
        made["modificationMetadata"],
        json!({ "archivable": true, "readOnlyDefinition": false, "readOnlyValue": false })
    );
    let twice =
        client.post("/crm/v3/properties/companies", property("venn_key", true)).await.good(409);
    assert_eq!(twice["category"], "OBJECT_ALREADY_EXISTS");
    assert_eq!(twice["message"], "A property named 'venn_key' already exists.");
    let changed = client
        .patch("/crm/v3/properties/companies/venn_key", json!({ "label": "Venn" }))
        .await
        .good(200);
    assert_eq!(changed["label"], "Venn");
    let listed = client.get("/crm/v3/properties/companies").await.good(200);
    assert!(listed["results"].as_array().unwrap().iter().any(|one| one["name"] == "venn_key"));
    client.delete("/crm/v3/properties/companies/venn_key").await.good(204);
    client.get("/crm/v3/properties/companies/venn_key").await.good(404);
    let refused = client.delete("/crm/v3/properties/companies/name").await.good(400);
    assert_eq!(refused["message"], "The definition of property 'name' is read only");
}

#[tokio::test]
async fn a_definition_that_hubspot_would_not_take_is_refused() {
    let (_simulator, client) = hubspot().await;
    let changed = |field: &str, value: Value| {
        let mut property = property("fine", false);
        property[field] = value;
        property
    };
    let cases = [
        (
            changed("name", "Venn Key".into()),
            "Property name 'Venn Key' is not valid: it must start with a letter and may only contain lowercase letters, numbers and underscores",
        ),
        (changed("type", "text".into()), "'text' is not a valid property type"),
        (changed("fieldType", "date".into()), "fieldType 'date' is not valid for type 'string'"),
        (changed("groupName", "nowhere".into()), "Property group 'nowhere' does not exist"),
    ];
    for (body, message) in cases {
        assert_eq!(
            client.post("/crm/v3/properties/companies", body).await.good(400)["message"],
            message
        );
    }
    client
        .post("/crm/v3/properties/companies/groups", json!({ "name": "nowhere", "label": "N" }))
        .await
        .good(201);
    client
        .post("/crm/v3/properties/companies", changed("groupName", "nowhere".into()))
        .await
        .good(201);
}

#[tokio::test]
async fn a_unique_value_belongs_to_one_live_record() {
    let (simulator, client) = hubspot().await;
    client.post("/crm/v3/properties/companies", property("venn_key", true)).await.good(201);
    let company = |key: &str| json!({ "properties": { "name": "Acme", "venn_key": key } });
    client.post("/crm/v3/objects/companies", company("k")).await.good(201);
    let refused = client.post("/crm/v3/objects/companies", company("k")).await.good(400);
    assert_eq!(refused["category"], "VALIDATION_ERROR");
    assert_eq!(
        refused["errors"],
        json!([{
            "message": "Cannot set PropertyValueCoordinates{portalId=21939747, objectTypeId=0-2, propertyName=venn_key, value=k} on a new record. 1001 already has that value.",
            "code": "CONFLICTING_UNIQUE_VALUE",
            "context": { "propertyName": ["venn_key"] },
        }])
    );
    client.post("/crm/v3/objects/companies", company("other")).await.good(201);
    client
        .patch("/crm/v3/objects/companies/1002", json!({ "properties": { "venn_key": "k" } }))
        .await
        .good(400);
    client
        .patch("/crm/v3/objects/companies/1001", json!({ "properties": { "venn_key": "k" } }))
        .await
        .good(200);
    client.delete("/crm/v3/objects/companies/1001").await.good(204);
    client
        .patch("/crm/v3/objects/companies/1002", json!({ "properties": { "venn_key": "k" } }))
        .await
        .good(200);
    assert_eq!(simulator.counts()["companies"], 1);
}
