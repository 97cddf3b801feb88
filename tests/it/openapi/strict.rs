//! Requests that are almost right: parameters that nobody knows, bodies where
//! none is taken, keys twice, NUL, addresses that are no text, odd tokens.
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Host, World};

async fn raw(actor: &Actor, method: Method, path: &str, body: &str) -> crate::support::Answer {
    let request = actor.request(method, path).header("content-type", "application/json");
    actor.send(request.body(body.to_owned())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_what_the_call_takes_or_is_refused() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let cases = [
        ("/v1/me?x=1", "There is no query parameter `x`: this call takes fields."),
        (
            "/v1/organizations/acme/deliveries?order=asc",
            "There is no query parameter `order`: this call takes install, state, limit, cursor, fields.",
        ),
        (
            "/v1/directory?limit=1&limit=2",
            "The query of the address cannot be read: `limit` stands twice.",
        ),
        (
            "/v1/directory?limit=%31&limi%74=1",
            "The query of the address cannot be read: `limit` stands twice.",
        ),
        (
            "/v1/directory?limit=%FF",
            "The query of the address cannot be read: a part of it is not UTF-8.",
        ),
        (
            "/v1/organizations/acme/accounts?q=a%00b",
            "The query of the address cannot be read: a part of it has the character U+0000.",
        ),
        ("/v1/directory?limit=1e2", "limit=1e2 is not a number from 1 to 200."),
        ("/v1/directory?limit=-1", "limit=-1 is not a number from 1 to 200."),
        (
            "/v1/directory?limit=99999999999999999999",
            "limit=99999999999999999999 is not a number from 1 to 200.",
        ),
        (
            "/v1/organizations/acme/audit?from=yesterday",
            "from: not a time as in 2026-11-22T00:00:00Z (RFC 3339).",
        ),
        (
            "/v1/organizations/acme/runs?ending=bad",
            "ending=bad is none of ok, fault, trap, limit, host-failed, refused.",
        ),
        (
            "/v1/marketplace/plugins?category=x",
            "category=x is none of crm, marketing, sales, messaging, conversation-intelligence, data, other.",
        ),
    ];
    for (path, detail) in cases {
        assert_eq!(acme.get(path).await.refused(400, "bad-query")["detail"], detail, "{path}");
    }
    let path = acme.own("populations?dry_run=1");
    let body = json!({ "key": "vip", "title": "VIP" });
    acme.post(&path, &body).await.refused(400, "bad-query");
    assert_eq!(acme.all("populations").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_text_is_one_of_nothing() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    for path in [
        "/v1/organizations/%FF%FE",
        "/v1/organizations/acme%00",
        "/v1/organizations/acme/accounts/%FF",
        "/v1/organizations/acme/accounts/%00",
        "/v1/organizations/%C3%28/accounts",
        "/v1/marketplace/plugins/%ED%A0%80",
    ] {
        acme.get(path).await.refused(404, "not-found");
        // Whether it is one is not told to those who have no token.
        Actor::new(&acme.url, "acme", "").get(path).await.refused(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_database_keeps_is_refused_with_its_place() {
    let world = World::start().await;
    let acme = &world.acme;
    let nul = "the text has the character U+0000, which cannot be kept";
    let refused =
        raw(acme, Method::POST, &acme.own("populations"), r#"{"key":"k","title":"a\u0000b"}"#)
            .await;
    let refused = refused.refused(400, "bad-body");
    assert_eq!(refused["problems"][0]["reason"], nul);
    assert_eq!(refused["problems"][0]["place"], "line 1, column 29");
    let stages = r#"{"mode":"merge","file_name":"x","stages":{"a\u0000":"customers"}}"#;
    let refused = raw(acme, Method::POST, &acme.own("imports"), stages).await;
    assert_eq!(refused.refused(400, "bad-body")["problems"][0]["reason"], nul);
    let twice = r#"{"mode":"merge","file_name":"x","stages":{"a":"customers","a":"prospects"}}"#;
    let refused = raw(acme, Method::POST, &acme.own("imports"), twice).await;
    assert_eq!(refused.refused(400, "bad-body")["problems"][0]["reason"], "duplicate key `a`");
    let huge = r#"{"name":"t","scopes":["read"],"expires_in_days":1e400}"#;
    let refused = raw(acme, Method::POST, &acme.own("tokens"), huge).await;
    assert_eq!(refused.refused(400, "bad-body")["problems"][0]["reason"], "number out of range");
    assert_eq!(acme.all("imports").await.len(), 0);

    // A configuration's members are the plugin's own: a free map.
    world.listed(&World::manifest("script"), crate::support::guest("script")).await;
    let install = world.enabled("script", &world.grant(), &json!({})).await;
    let config = acme.own(&format!("installs/{install}/config"));
    for (text, reason) in [
        (r#"{"a":1,"a":2}"#, "duplicate key `a`"),
        (r#"{"a":{"b":[{"c":1,"c":2}]}}"#, "duplicate key `c`"),
        (r#"{"a":"\u0000"}"#, nul),
        (r#"{"a":1e999}"#, "number out of range"),
    ] {
        let refused = raw(acme, Method::PUT, &config, text).await.refused(400, "bad-body");
        assert_eq!(refused["problems"][0]["reason"], reason, "{text}");
    }
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let refused = raw(acme, Method::PUT, &config, &deep).await.refused(400, "bad-body");
    assert_eq!(refused["problems"][0]["reason"], "recursion limit exceeded");
    for not_an_object in ["[]", "1", "null", "\"x\""] {
        raw(acme, Method::PUT, &config, not_an_object).await.refused(400, "bad-body");
    }
    let now = acme.get(&acme.own(&format!("installs/{install}"))).await.good();
    assert_eq!(now["config"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_character_is_no_text() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    for (text, reason) in [
        (r#"{"key":"k","title":"\ud800"}"#, "unexpected end of hex escape"),
        (r#"{"key":"k","title":"\ud83d x"}"#, "unexpected end of hex escape"),
        (r#"{"key":"k","title":"\udc00"}"#, "lone leading surrogate in hex escape"),
        (r#"{"key":"k","title":"\ud800\u0041"}"#, "lone leading surrogate in hex escape"),
    ] {
        let refused = raw(&acme, Method::POST, &acme.own("populations"), text).await;
        let refused = refused.refused(400, "bad-body");
        assert_eq!(refused["problems"][0]["reason"], reason, "{text}");
    }
    let whole = r#"{"key":"k","title":"\ud83d\ude00"}"#;
    let made = raw(&acme, Method::POST, &acme.own("populations"), whole).await.good();
    assert_eq!(made["title"], "😀");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_needed_is_not_taken_for_an_empty_one() {
    let world = World::start().await;
    world.listed(&World::manifest("script"), crate::support::guest("script")).await;
    let (acme, config) = (&world.acme, json!({ "steps": {} }));
    let install = world.enabled("script", &world.grant(), &config).await;
    let place = acme.own(&format!("installs/{install}"));
    for part in ["config", "connections", "grant"] {
        let path = format!("{place}/{part}");
        let refused = raw(acme, Method::PUT, &path, "").await.refused(400, "bad-body");
        let detail = "The body cannot be read at line 1, column 0: EOF while parsing a value.";
        assert_eq!(refused["detail"], detail, "{part}");
        assert_eq!(refused["next_step"], "Correct the body and send it again.");
        acme.call(Method::PUT, &path, None).await.refused(400, "bad-body");
    }
    let now = acme.get(&place).await.good();
    assert_eq!((&now["config"], &now["grant"]), (&config, &world.grant()));
    assert!(now["connections"]["crm"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_nobody_knows_is_refused_however_deep_it_stands() {
    let world = World::start().await;
    world.listed(&World::manifest("script"), crate::support::guest("script")).await;
    let rules = world.acme.own(&format!("partnerships/{}/sharing-rules", world.partnership));
    // Whoever misspells `methods` would allow all of them.
    for (actor, path, text, unknown, column) in [
        (
            &world.acme,
            rules.as_str(),
            r#"{"rules":[{"population":"customers","level":"all","fields":[],"purpose":"view","until":"2027"}]}"#,
            "unknown field `until`, expected one of `population`, `level`, `fields`, `purpose`",
            "line 1, column 86",
        ),
        (
            &world.host.platform,
            "/v1/review/plugins/script/approval",
            r#"{"capabilities":[],"fields":[],"egress":[{"host":"api.hubapi.com","method":["GET"]}]}"#,
            "unknown field `method`, expected one of `host`, `port`, `methods`, `paths`",
            "line 1, column 74",
        ),
    ] {
        let refused = raw(actor, Method::PUT, path, text).await.refused(400, "bad-body");
        let problem = json!({
            "place": column, "reason": unknown, "next_step": "Correct it and send the request again",
        });
        assert_eq!(refused["problems"], json!([problem]));
    }
    let kept = world.acme.get(&rules).await.good();
    assert_eq!(kept["ours"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_body_takes_none() {
    let world = World::start().await;
    let acme = &world.acme;
    let path = acme.own(&format!("partnerships/{}/end", world.partnership));
    for body in [r#"{"when":"later"}"#, "[]", "x", &"{".repeat(1_000)] {
        let refused = raw(acme, Method::POST, &path, body).await.refused(400, "bad-body");
        assert_eq!(refused["detail"], "This call takes no body.");
    }
    let still = acme.get(&acme.own(&format!("partnerships/{}", world.partnership))).await.good();
    assert_eq!(still["state"], "active");
    raw(acme, Method::POST, &path, " {} ").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_tokens_are_told_apart_from_none() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let said = |headers: Vec<String>| {
        let nobody = Actor::new(&acme.url, "acme", "");
        async move {
            let request = nobody.request(Method::GET, "/v1/me");
            let request = headers.iter().fold(request, |r, value| r.header("authorization", value));
            let answer = nobody.send(request).await;
            if answer.status == 401 {
                assert_eq!(answer.headers["www-authenticate"], "Bearer");
                answer.refused(401, "unauthenticated")["detail"].clone()
            } else {
                answer.good()["role"].clone()
            }
        }
    };
    let invalid = "The token is not valid, or has expired.";
    let scheme = "The `authorization` header is not `Bearer` and a token.";
    let good = format!("Bearer {}", acme.token);
    let cases = [
        (vec![good.clone()], "admin"),
        (vec![format!("bearer {}", acme.token)], "admin"),
        (vec![good.clone(), good.clone()], "The request has more than one `authorization` header."),
        (vec!["Basic YTpi".to_owned()], scheme),
        (vec![acme.token.clone()], scheme),
        (vec!["Bearer".to_owned()], scheme),
        (vec![format!("Bearer {}", "x".repeat(16_000))], invalid),
        (vec![format!("Bearer {} {}", acme.token, acme.token)], invalid),
        (vec![format!("Bearer {}", acme.token.to_uppercase())], invalid),
    ];
    for (headers, detail) in cases {
        assert_eq!(said(headers.clone()).await, Value::from(detail), "{headers:.80?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_to_the_second_by_the_servers_clock_and_a_clock_that_went_back_shuts_nobody_out()
 {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let body = json!({ "name": "day", "scopes": ["read"], "expires_in_days": 1 });
    let made = acme.post(&acme.own("tokens"), &body).await.good();
    let day = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    host.advance_ms(24 * 60 * 60 * 1_000 - 1_000);
    day.get("/v1/me").await.good();
    host.advance_ms(1_000);
    let refused = day.get("/v1/me").await.refused(401, "unauthenticated");
    assert_eq!(refused["detail"], "The token is not valid, or has expired.");
    // Made in what is now the future: still its owner's.
    let made = acme.post(&acme.own("tokens"), &body).await.good();
    host.advance_ms(-60 * 60 * 1_000);
    let later = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    later.get("/v1/me").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_body_has_its_documented_limit_to_the_byte() {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let most = usize::try_from(venn_domain::limits::API_BODY_BYTES).unwrap();
    let path = acme.own("populations");
    let body = |key: &str, bytes: usize| {
        let text = format!(r#"{{"key":"{key}","title":"K"}}"#);
        " ".repeat(bytes - text.len()) + &text
    };
    raw(&acme, Method::POST, &path, &body("fits", most)).await.good();
    let refused = raw(&acme, Method::POST, &path, &body("over", most + 1)).await;
    let refused = refused.refused(413, "too-large");
    assert_eq!(refused["detail"], "The body is larger than 1048576 bytes.");
    let twice = acme.request(Method::POST, &path).header("idempotency-key", "k");
    let twice = twice.header("content-type", "application/json").body(body("over", most + 1));
    acme.send(twice).await.refused(413, "too-large");
    let keys = acme.all("populations").await;
    assert!(keys.iter().any(|one| one["key"] == "fits"));
    assert!(!keys.iter().any(|one| one["key"] == "over"));
}
