//! `ETag`, sparse fields, `Accept`, `HEAD` and `OPTIONS`.
use reqwest::Method;
use serde_json::json;

use crate::support::{Host, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_did_not_change_is_not_sent_again() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let path = acme.own("populations");
    let first = acme.get(&path).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    for sent in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let request = acme.request(Method::GET, &path).header("if-none-match", &sent);
        let again = acme.send(request).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{sent}");
        assert_eq!(again.headers["etag"], tag.as_str());
    }
    acme.post(&path, &json!({ "key": "vip", "title": "VIP" })).await.good();
    let request = acme.request(Method::GET, &path).header("if-none-match", &tag);
    let changed = acme.send(request).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"], tag.as_str());
    // Another sight of the same thing is another answer.
    let sparse = acme.get(&format!("{path}?fields=key")).await;
    assert_ne!(sparse.headers["etag"], changed.headers["etag"]);
    // A refusal has no tag, and is never "not modified".
    let request = acme.request(Method::GET, &acme.own("accounts?limit=0"));
    let refused = acme.send(request.header("if-none-match", "*")).await;
    assert!(!refused.headers.contains_key("etag"));
    refused.refused(400, "bad-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_keep_what_is_named_and_name_what_there_is() {
    let world = World::with_overlaps(2).await;
    let acme = &world.acme;
    let overlaps = acme.own(&format!("partnerships/{}/overlaps", world.partnership));
    let page = acme.get(&format!("{overlaps}?fields=their_owner,domain&limit=1")).await.good();
    let item = page["items"][0].as_object().unwrap();
    // In the answer's own order, and the page keeps its `next`.
    assert_eq!(item.keys().collect::<Vec<_>>(), ["domain", "their_owner"]);
    assert!(page["next"].is_string());
    let next =
        format!("{overlaps}?fields=domain&limit=1&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(acme.get(&next).await.good()["items"][0].as_object().unwrap().len(), 1);
    let me = acme.get("/v1/me?fields=role").await.good();
    assert_eq!(me, json!({ "role": "admin" }));
    let refused = acme.get("/v1/me?fields=role,password").await.refused(400, "bad-query");
    assert_eq!(
        refused["detail"],
        "fields: `password` is not a member of this answer; it has user_id, user_email, user_name, \
         organization_id, organization_slug, organization_name, customer, publisher, platform, role, \
         scopes, token_id, token_name, token_expires_at, csrf_token."
    );
    acme.get("/v1/me?fields=").await.refused(400, "bad-query");
    // A call that answers no JSON, or changes something, does not know it.
    let path = acme.own("populations?fields=key");
    let body = json!({ "key": "vip", "title": "VIP" });
    let refused = acme.post(&path, &body).await.refused(400, "bad-query");
    assert_eq!(refused["detail"], "There is no query parameter `fields`: this call takes none.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_take_is_not_sent() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    for takes in ["*/*", "application/*", "text/html, application/json;q=0.1", "APPLICATION/JSON"] {
        acme.send(acme.request(Method::GET, "/v1/me").header("accept", takes)).await.good();
    }
    for not in ["text/html", "application/xml", "application/json;q=0"] {
        let request = acme.request(Method::GET, "/v1/me").header("accept", not);
        let refused = acme.send(request).await.refused(406, "not-acceptable");
        assert_eq!(
            refused["detail"],
            "This call answers `application/json`, which your `accept` leaves out."
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_its_body_and_options_names_the_methods() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let path = acme.own("populations");
    let get = acme.get(&path).await;
    let head = acme.call(Method::HEAD, &path, None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for name in ["etag", "content-type", "content-length"] {
        assert_eq!(head.headers[name], get.headers[name], "{name}");
    }
    let options = acme.call(Method::OPTIONS, &path, None).await;
    assert_eq!((options.status, options.text.as_str()), (204, ""));
    assert_eq!(options.headers["allow"], "GET,HEAD,POST");
    acme.call(Method::OPTIONS, "/v1/nowhere", None).await.refused(404, "not-found");
}
