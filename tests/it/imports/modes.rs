//! Replace and merge, the question before many accounts go, stages, and
//! several imports at once.
use serde_json::{Value, json};

use super::{acme, external_ids, numbers, salesforce};
use crate::support::Actor;

/// Companies `1` to `last`.
fn companies(last: u64) -> String {
    let row = |n: u64| format!("{n},Company {n},company-{n}.com,Customer,,\n");
    salesforce(&(1..=last).map(row).collect::<String>())
}

fn path_of(acme: &Actor, import: &Value, step: &str) -> String {
    acme.own(&format!("imports/{}{step}", import["id"].as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replace_that_removes_many_waits_for_a_yes() {
    let (_host, acme) = acme().await;
    acme.import("replace", companies(10)).await;
    // A fifth goes without a question.
    let fifth = acme.import("replace", companies(8)).await;
    assert_eq!((&fifth["state"], &fifth["confirm"]), (&json!("done"), &Value::Null));
    assert_eq!(numbers(&fifth), [8, 0, 0, 0, 2, 8]);

    let asked = acme.import("replace", companies(6)).await;
    assert_eq!(asked["state"], "waiting-for-confirmation");
    let question =
        "The list lacks 2 of the 8 accounts that are there now (25 %). Shall they be removed?";
    assert_eq!(
        asked["confirm"],
        json!({ "removes": 2, "of": 8, "percent": 25, "question": question })
    );
    assert_eq!(external_ids(&acme).await.len(), 8, "nothing has changed yet");
    let cancelled = acme.post(&path_of(&acme, &asked, "/cancel"), &json!({})).await.good();
    assert_eq!(cancelled["state"], "cancelled");
    for step in ["/cancel", "/confirm"] {
        acme.post(&path_of(&acme, &asked, step), &json!({})).await.refused(409, "wrong-state");
    }
    assert_eq!(external_ids(&acme).await.len(), 8);

    let asked = acme.import("replace", companies(6)).await;
    acme.post(&path_of(&acme, &asked, "/confirm"), &json!({})).await.good();
    let done = acme.until(&path_of(&acme, &asked, ""), |import| import["state"] == "done").await;
    assert_eq!(numbers(&done), [6, 0, 0, 0, 2, 6]);
    assert_eq!(external_ids(&acme).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_for_the_number_that_was_asked_about() {
    let (_host, acme) = acme().await;
    acme.import("replace", companies(8)).await;
    let asked = acme.import("replace", companies(6)).await;
    assert_eq!(asked["confirm"]["removes"], 2);
    // Before the answer the accounts grow: now four would go.
    acme.import("merge", companies(10)).await;
    acme.post(&path_of(&acme, &asked, "/confirm"), &json!({})).await.good();
    let states = ["waiting-for-confirmation", "done"];
    let now = acme
        .until(&path_of(&acme, &asked, ""), |import| {
            states.contains(&import["state"].as_str().unwrap()) && import["confirm"]["removes"] != 2
        })
        .await;
    assert_eq!(now["state"], "waiting-for-confirmation");
    assert_eq!((&now["confirm"]["removes"], &now["confirm"]["of"]), (&json!(4), &json!(10)));
    assert_eq!(external_ids(&acme).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_what_the_list_lacks() {
    let (_host, acme) = acme().await;
    acme.import("replace", companies(3)).await;
    let before = acme.all("accounts").await;
    let import = acme
        .import("merge", salesforce("2,Renamed,company-2.com,Customer,,\n3,Company 3,company-3.com,Customer,,\n9,Nine,nine.com,,,\n"))
        .await;
    assert_eq!(numbers(&import), [3, 0, 1, 1, 0, 1]);
    assert_eq!(external_ids(&acme).await, ["1", "2", "3", "9"]);
    let after = acme.all("accounts").await;
    let by = |accounts: &[Value], id: &str| {
        accounts.iter().find(|one| one["external_id"] == id).cloned().unwrap()
    };
    assert_eq!(by(&after, "1"), by(&before, "1"));
    assert_eq!(by(&after, "2")["name"], "Renamed");
    assert_eq!(by(&after, "2")["id"], by(&before, "2")["id"], "it is the same account");
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_lead_to_populations_and_unknown_ones_are_reported() {
    let (_host, acme) = acme().await;
    let population = json!({ "key": "key-accounts", "title": "Key accounts" });
    acme.post(&acme.own("populations"), &population).await.good();
    let rows = "1,A,a.com,VIP,,\n2,B,b.com,Customer,,\n3,C,c.com,Churned,,\n4,D,d.com,churned,,\n5,E,e.com,Open Opportunity,,\n6,F,f.com,lead,,\n7,G,g.com,,,\n8,H,h.com,Churned,,\n";
    let body = json!({ "mode": "replace", "file_name": "x.csv", "columns": null, "stages": { "vip ": "key-accounts" } });
    let import = acme.import_with(&body, salesforce(rows)).await;
    assert_eq!(import["state"], "done", "{import}");
    let unknown = json!([{ "stage": "Churned", "rows": 2 }, { "stage": "", "rows": 1 }, { "stage": "churned", "rows": 1 }]);
    assert_eq!(import["unknown_stages"], unknown);
    let populations = acme.all("populations").await;
    let mut counted: Vec<_> = populations
        .iter()
        .map(|one| (one["key"].as_str().unwrap(), one["accounts"].as_u64().unwrap()))
        .filter(|(_, accounts)| *accounts > 0)
        .collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [("customers", 1), ("key-accounts", 1), ("open-opportunities", 1), ("prospects", 5)]
    );
    let vip = acme.get(&acme.own("accounts?population=key-accounts")).await.good();
    assert_eq!(vip["items"][0]["external_id"], "1");

    let body = json!({ "mode": "merge", "file_name": "x.csv", "columns": null, "stages": { "VIP": "nowhere" } });
    let refused = acme.post(&acme.own("imports"), &body).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"],
        json!([{ "place": "stages.VIP", "reason": "there is no population `nowhere`",
                 "next_step": "Make the population first, or name one that is there" }])
    );
    let columns =
        |count: usize| json!({ "external_id": "Nr", "name": "Firma", "extra": vec!["c"; count] });
    let body = |count: usize| json!({ "mode": "merge", "file_name": "x.csv", "columns": columns(count), "stages": null });
    let refused = acme.post(&acme.own("imports"), &body(501)).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"],
        json!([{ "place": "columns.extra",
                 "reason": "it has 501 entries, at most 500 are allowed (limit `import.extra`)",
                 "next_step": "Keep fewer columns" }])
    );
    acme.post(&acme.own("imports"), &body(500)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_import_waits_for_its_turn_and_both_count() {
    let (_host, acme) = acme().await;
    let body = json!({ "mode": "merge", "file_name": "x.csv", "columns": null, "stages": null });
    let mut imports = Vec::new();
    let second = salesforce("1,The second,company-1.com,Customer,,\nx,X,x.com,,,\n");
    for list in [companies(5_000), second] {
        let made = acme.post(&acme.own("imports"), &body).await.good();
        let file = path_of(&acme, &made, "/file");
        let upload = |list: String| acme.request(reqwest::Method::PUT, &file).body(list);
        acme.send(upload(list.clone())).await.good();
        // A file that has come is not replaced under the reader's hands.
        acme.send(upload(list)).await.refused(409, "wrong-state");
        imports.push(made);
    }
    for import in &imports {
        acme.until(&path_of(&acme, import, ""), |import| import["state"] == "done").await;
    }
    assert_eq!(external_ids(&acme).await.len(), 5_001);
    let one = acme.get(&acme.own("accounts?domain=company-1.com")).await.good();
    assert_eq!(one["items"][0]["name"], "The second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_without_a_file_can_be_cancelled_and_then_takes_none() {
    let (_host, acme) = acme().await;
    let body = json!({ "mode": "merge", "file_name": "x.csv", "columns": null, "stages": null });
    let made = acme.post(&acme.own("imports"), &body).await.good();
    let keys: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(keys.contains(&"confirm") && keys.contains(&"error") && keys.contains(&"finished_at"));
    acme.post(&path_of(&acme, &made, "/cancel"), &json!({})).await.good();
    let upload =
        acme.request(reqwest::Method::PUT, &path_of(&acme, &made, "/file")).body(companies(1));
    let refused = acme.send(upload).await.refused(409, "wrong-state");
    assert_eq!(refused["detail"], "This import does not wait for a file.");
    assert_eq!(external_ids(&acme).await.len(), 0);
}
