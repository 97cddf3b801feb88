//! The admin listener: everything that another process needs to drive a simulator.

use serde_json::{Value, json};

use crate::client::hubspot;

struct Admin(reqwest::Client, String);

impl Admin {
    fn of(simulator: &venn_testkit::Simulator) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self(http, format!("http://{}", simulator.admin_addr))
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.0.get(format!("{}{path}", self.1)).send().await.unwrap();
        reply.error_for_status().unwrap().json().await.unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.0.request(method.parse().unwrap(), format!("{}{path}", self.1));
        let reply = request.json(&body).send().await.unwrap();
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn faults_tokens_clock_and_reset_work_from_outside() {
    let (simulator, client) = hubspot().await;
    let admin = Admin::of(&simulator);
    assert_eq!(admin.get("/").await, json!({ "party": "hubspot" }));
    let rule = json!({ "fault": "redirect", "to": "https://x.example", "times": 1, "path_prefix": "/crm" });
    assert_eq!(admin.send("POST", "/faults", rule).await.0, 201);
    assert_eq!(admin.get("/faults").await[0]["times"], 1);
    client.get("/crm/v3/objects/tasks").await.good(302);
    client
        .post("/crm/v3/objects/companies", json!({ "properties": { "name": "Acme" } }))
        .await
        .good(201);
    assert_eq!(admin.get("/objects").await["companies"], 1);
    assert_eq!(admin.get("/objects/companies").await[0]["properties"]["name"], "Acme");
    assert_eq!(admin.send("GET", "/objects/nonsense", json!(null)).await.0, 404);
    let calls = admin.get("/calls?arrived=2").await;
    assert_eq!(calls[0]["fault"], json!({ "fault": "redirect", "to": "https://x.example" }));
    assert_eq!((&calls[1]["method"], &calls[1]["status"]), (&json!("POST"), &json!(201)));
    let (_, now) = admin.send("POST", "/clock", json!({ "advance_ms": 998 })).await;
    assert_eq!(now, json!({ "now": "2026-01-01T00:00:01.000Z" }));
    admin.send("PUT", "/tokens", json!([{ "value": "pat-other" }])).await;
    client.get("/crm/v3/objects/tasks").await.good(401);
    assert_eq!(admin.send("POST", "/reset", json!(null)).await.0, 200);
    assert_eq!(admin.get("/calls").await, json!([]));
    assert_eq!(admin.get("/objects").await["companies"], 0);
}

#[tokio::test]
async fn holds_work_from_outside() {
    let (simulator, client) = hubspot().await;
    let admin = Admin::of(&simulator);
    let (_, hold) = admin
        .send("POST", "/holds", json!({ "path_prefix": "/crm", "stage": "after-effect" }))
        .await;
    let path = format!("/holds/{}", hold["id"]);
    let watch = async {
        assert_eq!(admin.send("GET", &format!("{path}?held=1"), json!(null)).await.0, 200);
        assert_eq!(simulator.counts()["companies"], 1);
        assert_eq!(admin.send("DELETE", &path, json!(null)).await.0, 200);
    };
    let (reply, ()) =
        tokio::join!(client.post("/crm/v3/objects/companies", json!({ "properties": {} })), watch);
    reply.good(201);
    assert_eq!(admin.send("DELETE", &path, json!(null)).await.0, 404);
}
