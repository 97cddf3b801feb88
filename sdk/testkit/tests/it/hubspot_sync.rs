//! What a sync of companies stands on: merges, archived records and their return, owners.

use serde_json::json;
use venn_testkit::hubspot::Kind;
use venn_testkit::{HubSpot, Options, Simulator};

use crate::client::{Client, TOKEN};

async fn portal() -> (HubSpot, Simulator, Client) {
    let portal = HubSpot::new(TOKEN);
    let simulator = Simulator::start(Options::new(portal.clone())).await.unwrap();
    let client = Client::new("api.hubapi.com", simulator.addr, &simulator.ca_pem).token(TOKEN);
    (portal, simulator, client)
}

#[tokio::test]
async fn a_merge_makes_a_new_record_to_which_the_old_ids_lead() {
    let (portal, _simulator, client) = portal().await;
    let (one, other) =
        (portal.add_company("Acme", "acme.example"), portal.add_company("Acme Ltd", ""));
    let city = json!({ "properties": { "city": "Berlin", "name": "Acme Ltd" } });
    client.patch(&format!("/crm/v3/objects/companies/{other}"), city).await.good(200);
    let body = json!({ "primaryObjectId": one, "objectIdToMerge": other });
    let merged = client.post("/crm/v3/objects/companies/merge", body.clone()).await.good(200);
    assert_eq!(merged["id"], "1003");
    assert_eq!(merged["properties"]["hs_merged_object_ids"], "1001;1002");
    assert_eq!(
        (&merged["properties"]["name"], &merged["properties"]["city"]),
        (&json!("Acme"), &json!("Berlin"))
    );
    for id in [&one, &other] {
        let read = client.get(&format!("/crm/v3/objects/companies/{id}")).await.good(200);
        assert_eq!(read["id"], "1003");
    }
    let read = json!({ "inputs": [{ "id": one }], "properties": [] });
    let read = client.post("/crm/v3/objects/companies/batch/read", read).await.good(200);
    assert_eq!(read["results"][0]["id"], "1003");
    // They are in no list, and the new one goes into the next in the same way.
    for archived in [true, false] {
        let list =
            client.get(&format!("/crm/v3/objects/companies?archived={archived}")).await.good(200);
        let ids: Vec<_> =
            list["results"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, if archived { vec![] } else { vec![json!("1003")] });
    }
    let third = portal.add_company("Acme GmbH", "acme.example");
    let again = json!({ "primaryObjectId": third, "objectIdToMerge": one });
    let merged = client.post("/crm/v3/objects/companies/merge", again).await.good(200);
    assert_eq!(merged["properties"]["hs_merged_object_ids"], "1001;1002;1004;1003");
    let itself = json!({ "primaryObjectId": "1005", "objectIdToMerge": "1005" });
    client.post("/crm/v3/objects/companies/merge", itself).await.good(400);
    let nobody = json!({ "primaryObjectId": "1005", "objectIdToMerge": "7" });
    client.post("/crm/v3/objects/companies/merge", nobody).await.good(404);
}

#[tokio::test]
async fn what_is_restored_is_back_as_it_was() {
    let (portal, _simulator, client) = portal().await;
    let id = portal.add_company("Acme", "acme.example");
    let place = format!("/crm/v3/objects/companies/{id}");
    client.delete(&place).await.good(204);
    assert!(portal.restore(Kind::Companies, id.parse().unwrap()));
    assert!(!portal.restore(Kind::Companies, id.parse().unwrap()));
    assert_eq!(client.get(&place).await.good(200)["archived"], false);
}

#[tokio::test]
async fn owners_are_listed_to_whom_may_see_them() {
    let (portal, simulator, client) = portal().await;
    let ids = [portal.add_owner("Ann", "Lee"), portal.add_owner("Bo", "Chu")];
    let page = client.get("/crm/v3/owners?limit=1").await.good(200);
    assert_eq!(
        (&page["results"][0]["id"], &page["paging"]["next"]["after"]),
        (&json!(ids[0]), &json!(ids[0]))
    );
    let page = client.get(&format!("/crm/v3/owners?limit=1&after={}", ids[0])).await.good(200);
    assert_eq!((&page["results"][0]["lastName"], page.get("paging")), (&json!("Chu"), None));
    let one = client.get(&format!("/crm/v3/owners/{}", ids[1])).await.good(200);
    assert_eq!(one["email"], "owner-502@example.com");
    client.get("/crm/v3/owners?archived=true").await.good(200);
    client.get("/crm/v3/owners/7").await.good(404);
    client.get("/crm/v3/owners?limit=501").await.good(400);
    client.post("/crm/v3/owners", json!({})).await.good(405);
    let scopes = Some(vec!["crm.objects.companies.read".to_owned()]);
    simulator.set_tokens(vec![venn_testkit::Token { value: TOKEN.to_owned(), scopes }]);
    client.get("/crm/v3/owners").await.good(403);
}
