//! With which token a person acted: their own call and one with a token that somebody
//! else made for them are told apart.
use serde_json::json;

use crate::support::{Actor, Host};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_token_that_it_was_made_with() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let person = |name: &str| json!({ "email": format!("{name}@acme.example"), "name": name, "role": "admin" });
    let eve = acme.post(&acme.own("members"), &person("eve")).await.good()["user_id"].clone();
    let asked = json!({ "name": "hers", "scopes": ["admin"], "user": eve });
    let made = acme.post(&acme.own("tokens"), &asked).await.good();
    let as_eve = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    as_eve.post(&as_eve.own("members"), &person("mallory")).await.good();

    let own = acme.all("tokens").await;
    let own = own.iter().find(|token| token["name"] == "first token").unwrap();
    let added = acme.all("audit?action=member.added").await;
    let by = |entry: &serde_json::Value| (entry["actor"].clone(), entry["detail"]["token"].clone());
    assert_eq!(by(&added[0]), (eve, made["id"].clone()));
    assert_eq!(by(&added[1]), (own["user_id"].clone(), own["id"].clone()));
    // What both sides of a partnership read names it to its own side only.
    let globex = host.organization("globex", true, false).await;
    acme.post(&acme.own("partnerships"), &json!({ "partner": "globex" })).await.good();
    let told = async |who: &Actor| who.all("audit?action=partnership").await[0].clone();
    assert_eq!(by(&told(&acme).await), (own["user_id"].clone(), own["id"].clone()));
    assert_eq!(by(&told(&globex).await), (own["user_id"].clone(), json!(null)));
    assert_eq!(acme.get(&acme.own("audit/verify")).await.good()["whole"], true);
}
