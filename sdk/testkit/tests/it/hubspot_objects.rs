//! One object at a time, lists and associations.

use serde_json::json;

use crate::client::hubspot;

#[tokio::test]
async fn a_company_is_created_read_changed_and_archived() {
    let (simulator, client) = hubspot().await;
    let created = client
        .post(
            "/crm/v3/objects/companies",
            json!({ "properties": { "name": "Acme", "numberofemployees": 12 } }),
        )
        .await
        .good(201);
    assert_eq!(
        created,
        json!({
            "id": "1001",
            "properties": {
                "createdate": "2026-01-01T00:00:00.001Z",
                "hs_lastmodifieddate": "2026-01-01T00:00:00.001Z",
                "hs_object_id": "1001",
                "name": "Acme",
                "numberofemployees": "12",
            },
            "createdAt": "2026-01-01T00:00:00.001Z",
            "updatedAt": "2026-01-01T00:00:00.001Z",
            "archived": false,
        })
    );
    let changed = client
        .patch(
            "/crm/v3/objects/companies/1001",
            json!({ "properties": { "name": "Acme Ltd", "numberofemployees": "" } }),
        )
        .await
        .good(200);
    assert_eq!(changed["updatedAt"], "2026-01-01T00:00:00.002Z");
    let read = client
        .get("/crm/v3/objects/0-2/1001?properties=name,numberofemployees,nonsense")
        .await
        .good(200);
    assert_eq!(read["properties"]["name"], "Acme Ltd");
    assert!(read["properties"]["numberofemployees"].is_null());
    client.delete("/crm/v3/objects/companies/1001").await.good(204);
    let gone = client.get("/crm/v3/objects/companies/1001").await.good(404);
    assert_eq!(
        gone,
        json!({
            "status": "error",
            "message": "resource not found",
            "correlationId": "00000000-0000-4000-8000-000000000005",
            "category": "OBJECT_NOT_FOUND",
        })
    );
    let archived = client.get("/crm/v3/objects/companies?archived=true").await.good(200);
    assert_eq!(archived["results"][0]["archived"], true);
    assert_eq!(simulator.counts()["companies"], 0);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let (_simulator, client) = hubspot().await;
    for number in 0..5 {
        client
            .post(
                "/crm/v3/objects/companies",
                json!({ "properties": { "name": format!("c{number}") } }),
            )
            .await
            .good(201);
    }
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/crm/v3/objects/companies?limit=2{after}")).await.good(200);
        for company in page["results"].as_array().unwrap() {
            names.push(company["properties"]["name"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
        let link = format!("https://api.hubapi.com/crm/v3/objects/companies?limit=2&after={next}");
        assert_eq!(page["paging"]["next"]["link"], link);
        after = format!("&after={next}");
    }
    assert_eq!(names, ["c0", "c1", "c2", "c3", "c4"]);
    let refused = client.get("/crm/v3/objects/companies?limit=101").await.good(400);
    assert_eq!(refused["message"], "limit must be between 1 and 100, was 101");
}

#[tokio::test]
async fn a_task_needs_its_due_date_and_known_choices() {
    let (_simulator, client) = hubspot().await;
    let refused = client
        .post("/crm/v3/objects/tasks", json!({ "properties": { "hs_task_subject": "Call" } }))
        .await
        .good(400);
    assert_eq!(refused["message"], "Error creating TASK. Some required properties were not set.");
    assert_eq!(refused["context"], json!({ "properties": ["hs_timestamp"] }));
    let bad = json!({ "properties": { "hs_timestamp": "soon", "hs_task_status": "DONE", "hs_task_priority": "URGENT" } });
    let refused = client.post("/crm/v3/objects/tasks", bad).await.good(400);
    let codes: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["code"].clone()).collect();
    assert_eq!(codes, ["INVALID_DATE", "INVALID_OPTION", "INVALID_OPTION"]);
    assert_eq!(
        refused["errors"][2]["message"],
        "URGENT was not one of the allowed options: [NONE, LOW, MEDIUM, HIGH]"
    );
    let good = json!({ "properties": { "hs_timestamp": 1_572_406_217_883_u64, "hs_task_status": "NOT_STARTED" } });
    let task = client.post("/crm/v3/objects/tasks", good).await.good(201);
    assert_eq!(task["properties"]["hs_timestamp"], "2019-10-30T03:30:17.883Z");
}

#[tokio::test]
async fn an_unknown_property_is_refused_as_documented() {
    let (simulator, client) = hubspot().await;
    let refused = client
        .post("/crm/v3/objects/companies", json!({ "properties": { "testproperty": "1" } }))
        .await
        .good(400);
    assert_eq!(
        refused,
        json!({
            "status": "error",
            "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"testproperty\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"testproperty\",\"localizedErrorMessage\":\"Property \\\"testproperty\\\" does not exist\",\"portalId\":21939747}]",
            "correlationId": "00000000-0000-4000-8000-000000000001",
            "category": "VALIDATION_ERROR",
            "errors": [{
                "message": "Property \"testproperty\" does not exist",
                "code": "PROPERTY_DOESNT_EXIST",
                "context": { "propertyName": ["testproperty"] },
            }],
        })
    );
    let refused = client
        .patch("/crm/v3/objects/companies/1", json!({ "properties": { "hs_object_id": "7" } }))
        .await;
    assert_eq!(refused.status, 404);
    assert_eq!(simulator.counts()["companies"], 0);
}

#[tokio::test]
async fn a_contact_is_found_by_its_email_and_made_once() {
    let (_simulator, client) = hubspot().await;
    let ann = json!({ "properties": { "email": "ann@acme.example", "firstname": "Ann" } });
    client.post("/crm/v3/objects/contacts", ann.clone()).await.good(201);
    let conflict = client.post("/crm/v3/objects/contacts", ann).await.good(409);
    assert_eq!(conflict["message"], "Contact already exists. Existing ID: 1001");
    assert_eq!(conflict["category"], "CONFLICT");
    let found =
        client.get("/crm/v3/objects/contacts/ann%40acme.example?idProperty=email").await.good(200);
    assert_eq!(found["properties"]["firstname"], "Ann");
}

#[tokio::test]
async fn associations_go_both_ways_and_end_with_a_record() {
    let (_simulator, client) = hubspot().await;
    client
        .post("/crm/v3/objects/companies", json!({ "properties": { "name": "Acme" } }))
        .await
        .good(201);
    let task = json!({
        "properties": { "hs_timestamp": "2026-02-01T00:00:00Z" },
        "associations": [{
            "to": { "id": 1001 },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192 }],
        }],
    });
    client.post("/crm/v3/objects/tasks", task).await.good(201);
    client
        .post("/crm/v3/objects/contacts", json!({ "properties": { "email": "a@b.example" } }))
        .await
        .good(201);
    let put = client
        .put("/crm/v4/objects/contacts/1003/associations/default/companies/1001")
        .await
        .good(200);
    assert_eq!(
        put["results"],
        json!([
            {
                "from": { "id": "1003" },
                "to": { "id": "1001" },
                "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279 },
            },
            {
                "from": { "id": "1001" },
                "to": { "id": "1003" },
                "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280 },
            },
        ])
    );
    let tasks = client.get("/crm/v4/objects/company/1001/associations/task").await.good(200);
    assert_eq!(
        tasks,
        json!({ "results": [{
            "toObjectId": 1002,
            "associationTypes": [{ "category": "HUBSPOT_DEFINED", "typeId": 191, "label": null }],
        }] })
    );
    let task = client.get("/crm/v3/objects/tasks/1002?associations=companies").await.good(200);
    assert_eq!(
        task["associations"],
        json!({ "companies": { "results": [{ "id": "1001", "type": "task_to_company" }] } })
    );
    let pair = json!({ "inputs": [{ "from": { "id": "1002" }, "to": { "id": "1001" } }] });
    let batch = "/crm/v4/associations/tasks/companies/batch/associate/default";
    let again = client.post(batch, pair).await.good(200);
    assert_eq!(again["status"], "COMPLETE");
    assert_eq!(again["results"][0]["associationSpec"]["associationTypeId"], 192);
    let missing = json!({ "inputs": [{ "from": { "id": "1002" }, "to": { "id": "9999" } }] });
    client.post(batch, missing).await.good(400);
    client.delete("/crm/v3/objects/tasks/1002").await.good(204);
    let tasks = client.get("/crm/v4/objects/companies/1001/associations/tasks").await.good(200);
    assert_eq!(tasks, json!({ "results": [] }));
}

#[tokio::test]
async fn an_association_to_nothing_creates_nothing() {
    let (simulator, client) = hubspot().await;
    let task = |type_id: u32| {
        json!({
            "properties": { "hs_timestamp": "2026-02-01" },
            "associations": [{
                "to": { "id": "7" },
                "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }],
            }],
        })
    };
    let refused = client.post("/crm/v3/objects/tasks", task(192)).await.good(400);
    assert_eq!(refused["message"], "COMPANY=7 is not valid");
    let refused = client.post("/crm/v3/objects/tasks", task(279)).await.good(400);
    assert_eq!(
        refused["message"],
        "HUBSPOT_DEFINED association type 279 does not exist from tasks"
    );
    let refused =
        client.put("/crm/v4/objects/tasks/1/associations/default/companies/2").await.good(400);
    assert_eq!(refused["message"], "TASK=1 is not valid");
    assert_eq!(simulator.counts()["tasks"], 0);
}

#[tokio::test]
async fn what_hubspot_does_not_have_is_not_here() {
    let (_simulator, client) = hubspot().await;
    assert_eq!(
        client.get("/crm/v3/objects/spaceships").await.good(400)["message"],
        "Unable to infer object type from: spaceships"
    );
    client.get("/crm/v9/objects/tasks").await.good(404);
    client.put("/crm/v3/objects/tasks").await.good(405);
    let broken =
        client.send(reqwest::Method::POST, "/crm/v3/objects/tasks", None).await.unwrap().good(400);
    assert_eq!(
        broken["message"],
        "Invalid input JSON on line 1, column 0: EOF while parsing a value at line 1 column 0"
    );
}
