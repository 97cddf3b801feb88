//! The tokens that may manage an organization: the last one does not go by mistake,
//! and the platform gives a fresh one where all are lost.
use serde_json::json;

use super::people::{member, token};
use crate::support::{Actor, Host};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_token_goes_neither_with_a_revocation_nor_with_its_person() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let own = acme.all("tokens").await[0]["id"].as_str().unwrap().to_owned();
    let path = acme.own(&format!("tokens/{own}"));
    let refused = acme.delete(&path).await.refused(409, "wrong-state");
    assert_eq!(
        (refused["detail"].as_str(), refused["next_step"].as_str()),
        (
            Some("This is the last token that may manage the organization."),
            Some(
                "Make another one first: `venn orgs tokens --create NAME --scope admin`, for an admin who stays."
            )
        )
    );
    // A second admin, whose token may only read.
    member(&acme, "admin", &["read"]).await;
    let me = acme.get("/v1/me").await.good();
    let myself = acme.own(&format!("members/{}", me["user_id"].as_str().unwrap()));
    let refused = acme.delete(&myself).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "This member has the last tokens that may manage the organization."
    );
    let demoted = acme.put(&format!("{myself}/role"), &json!({ "role": "user" })).await;
    assert_eq!(demoted.refused(409, "wrong-state")["detail"], refused["detail"]);
    acme.delete(&path).await.refused(409, "wrong-state");
    let (spare, _) = token(&acme, json!({ "name": "spare", "scopes": ["admin"] })).await;
    acme.delete(&path).await.good();
    spare.get(&spare.own("tokens")).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_gives_an_admin_a_fresh_token_and_both_audits_say_so() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let lost = acme.get("/v1/me").await.good();
    let path = acme.own("recovery-token");
    let body = json!({ "reason": "The laptop was stolen." });
    acme.post(&path, &body).await.refused(404, "not-found");
    host.platform.post(&path, &json!({ "reason": "" })).await.refused(422, "invalid");
    let nobody = json!({ "reason": "x", "email": "eve@acme.example" });
    let refused = host.platform.post(&path, &nobody).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "email: the organization has no admin with this address.");

    let made = host.platform.post(&path, &body).await.good();
    let fresh = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    let me = fresh.get("/v1/me").await.good();
    assert_eq!((&me["user_id"], &made["user_id"]), (&lost["user_id"], &lost["user_id"]));
    fresh.post(&fresh.own("tokens"), &json!({ "name": "next", "scopes": ["admin"] })).await.good();
    for whose in [&fresh, &host.platform] {
        let entry = whose.all("audit?action=token.recovered").await.remove(0);
        assert_eq!(entry["subject"], made["id"]);
        assert_eq!(entry["detail"]["reason"], "The laptop was stolen.");
        assert_eq!(entry["detail"]["user"], lost["user_id"]);
    }
    let told = fresh.all("waiting").await.remove(0);
    assert_eq!(
        (told["kind"].as_str(), told["next_step"].as_str(), told["is_owner"].as_bool()),
        (
            Some("token-recovered"),
            Some(format!("venn orgs tokens --revoke {}", made["id"].as_str().unwrap()).as_str()),
            Some(false)
        )
    );
    assert!(told["text"].as_str().unwrap().contains("The laptop was stolen."), "{told}");
    let listed = fresh.all("tokens").await;
    assert!(listed.iter().all(|token| token["token"].is_null()), "shown once: {listed:?}");
}
