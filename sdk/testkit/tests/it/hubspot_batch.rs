//! Batches: how much at once, all or nothing, and the documented 207.

use serde_json::{Value, json};

use crate::client::{Client, hubspot};

async fn unique_property(client: &Client) {
    let property = json!({
        "name": "venn_key", "label": "Venn key", "type": "string", "fieldType": "text",
        "groupName": "task", "hasUniqueValue": true,
    });
    client.post("/crm/v3/properties/tasks", property).await.good(201);
}

fn upsert(id: &str, subject: &str) -> Value {
    json!({
        "idProperty": "venn_key",
        "id": id,
        "properties": { "hs_timestamp": "2026-02-01T00:00:00Z", "hs_task_subject": subject },
    })
}

#[tokio::test]
async fn an_upsert_creates_once_and_updates_from_then_on() {
    let (simulator, client) = hubspot().await;
    unique_property(&client).await;
    let inputs = json!({ "inputs": [upsert("a", "first"), upsert("b", "first")] });
    let first = client.post("/crm/v3/objects/tasks/batch/upsert", inputs).await.good(200);
    assert_eq!(first["status"], "COMPLETE");
    assert_eq!(first["results"][0]["new"], true);
    assert_eq!(first["results"][0]["properties"]["venn_key"], "a");
    let inputs = json!({ "inputs": [upsert("b", "second"), upsert("c", "second")] });
    let second = client.post("/crm/v3/objects/tasks/batch/upsert", inputs).await.good(200);
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(second["results"][0]["id"], first["results"][1]["id"]);
    assert_eq!(second["results"][0]["properties"]["hs_task_subject"], "second");
    assert_eq!(second["results"][1]["new"], true);
    assert_eq!(simulator.counts()["tasks"], 3);
}

#[tokio::test]
async fn an_upsert_needs_a_unique_property() {
    let (simulator, client) = hubspot().await;
    for name in ["hs_task_subject", "hs_object_id", "unheard_of"] {
        let input = json!({ "inputs": [{ "idProperty": name, "id": "1", "properties": {} }] });
        let refused = client.post("/crm/v3/objects/tasks/batch/upsert", input).await.good(400);
        assert_eq!(refused["category"], "VALIDATION_ERROR");
        let message = format!(
            "Unable to perform update/upsert by non-unique 0-27 property {name} in portal ID 21939747"
        );
        assert_eq!(refused["message"], message);
    }
    let input = json!({ "inputs": [{ "id": "1", "properties": {} }] });
    let refused = client.post("/crm/v3/objects/tasks/batch/upsert", input).await.good(400);
    assert_eq!(refused["message"], "idProperty is required to upsert a batch of objects");
    assert_eq!(simulator.counts()["tasks"], 0);
}

#[tokio::test]
async fn one_bad_input_undoes_the_whole_upsert() {
    let (simulator, client) = hubspot().await;
    unique_property(&client).await;
    let mut bad = upsert("b", "x");
    bad["properties"]["hs_task_status"] = "DONE".into();
    let inputs = json!({ "inputs": [upsert("a", "x"), bad] });
    client.post("/crm/v3/objects/tasks/batch/upsert", inputs).await.good(400);
    // The second takes the value that the first has just been given.
    let mut collides = upsert("b", "x");
    collides["properties"]["venn_key"] = "a".into();
    let inputs = json!({ "inputs": [upsert("a", "x"), collides] });
    let refused = client.post("/crm/v3/objects/tasks/batch/upsert", inputs).await.good(400);
    assert_eq!(refused["errors"][0]["code"], "CONFLICTING_UNIQUE_VALUE");
    let inputs = json!({ "inputs": [upsert("a", "x"), upsert("a", "y")] });
    let refused = client.post("/crm/v3/objects/tasks/batch/upsert", inputs).await.good(400);
    assert_eq!(refused["message"], "Duplicate IDs found in batch input: [a]. IDs must be unique");
    assert_eq!(simulator.counts()["tasks"], 0);
}

#[tokio::test]
async fn a_hundred_inputs_and_no_more() {
    let (simulator, client) = hubspot().await;
    let inputs =
        |count: usize| json!({ "inputs": vec![json!({ "properties": { "name": "x" } }); count] });
    let refused =
        client.post("/crm/v3/objects/companies/batch/create", inputs(101)).await.good(400);
    assert_eq!(
        refused["message"],
        "The maximum number of inputs supported in a batch request is 100, received 101"
    );
    client.post("/crm/v3/objects/companies/batch/create", inputs(100)).await.good(201);
    assert_eq!(simulator.counts()["companies"], 100);
}

#[tokio::test]
async fn a_create_with_trace_ids_says_which_failed() {
    let (simulator, client) = hubspot().await;
    let traced = json!({ "inputs": [
        { "objectWriteTraceId": "one", "properties": { "name": "Acme" } },
        { "objectWriteTraceId": "two", "properties": { "missing": "1" } },
    ] });
    let partly = client.post("/crm/v3/objects/companies/batch/create", traced).await.good(207);
    assert_eq!(partly["status"], "COMPLETE");
    assert_eq!(partly["numErrors"], 1);
    assert_eq!(partly["errors"][0]["context"], json!({ "objectWriteTraceId": ["two"] }));
    assert_eq!(partly["results"].as_array().unwrap().len(), 1);
    let untraced = json!({ "inputs": [{ "properties": { "name": "Beta" } }, { "properties": { "missing": "1" } }] });
    client.post("/crm/v3/objects/companies/batch/create", untraced).await.good(400);
    assert_eq!(simulator.counts()["companies"], 1);
}

#[tokio::test]
async fn reads_and_updates_say_what_is_not_there() {
    let (_simulator, client) = hubspot().await;
    client
        .post("/crm/v3/objects/contacts", json!({ "properties": { "email": "a@b.example" } }))
        .await
        .good(201);
    let read = json!({ "inputs": [{ "id": "a@b.example" }, { "id": "x@y.example" }], "idProperty": "email", "properties": ["email"] });
    let partly = client.post("/crm/v3/objects/contacts/batch/read", read).await.good(207);
    assert_eq!(partly["results"][0]["properties"]["email"], "a@b.example");
    assert_eq!(
        partly["errors"][0],
        json!({
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.",
            "context": { "ids": ["x@y.example"] },
        })
    );
    let update = json!({ "inputs": [{ "id": "1001", "properties": { "firstname": "Ann" } }] });
    let updated = client.post("/crm/v3/objects/contacts/batch/update", update).await.good(200);
    assert_eq!(updated["results"][0]["properties"]["firstname"], "Ann");
    client
        .post("/crm/v3/objects/contacts/batch/archive", json!({ "inputs": [{ "id": "1001" }] }))
        .await
        .good(204);
    client.get("/crm/v3/objects/contacts/1001").await.good(404);
}
