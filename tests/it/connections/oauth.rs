//! A person says yes at a service's page, and comes back: who began is connected, to what
//! they were asked for, once; everybody else learns nothing and gets nothing.
use serde_json::json;
use venn_domain::limits;
use venn_testkit::Fault;

use super::{
    API, asked, began, call, came_back, connect, connected, connection, drafted, enabled, finished,
    grant, listed, manifest, place, said, word,
};
use crate::{
    access::sessions::{Browser, HOME, PASSWORD, member},
    support::{Actor, World, guest, host::PUBLIC_URL, script::denied},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_said_yes_is_connected_and_calls_go_out_with_the_token() {
    let world = World::start().await;
    listed(&world, &manifest()).await;
    let install = drafted(&world, "main", json!({})).await;
    let acme = &world.acme;
    // Not before it is connected.
    let enable = acme.own(&format!("installs/{install}/enable"));
    let early = acme.post(&enable, &json!({})).await.refused(409, "wrong-state");
    assert_eq!(early["detail"], "`crm` (The CRM) is not connected yet.");
    assert_eq!(early["next_step"], "Connect it first: `venn installs connect main crm`.");

    let link = began(acme, &install).await;
    let page = reqwest::Url::parse(&link).unwrap();
    let param =
        |name: &str| page.query_pairs().find(|(one, _)| one == name).unwrap().1.into_owned();
    assert_eq!(page.origin().ascii_serialization(), "https://login.example");
    assert_eq!(param("redirect_uri"), format!("{PUBLIC_URL}/oauth/callback/script"));
    assert_eq!((param("scope"), param("access_type")), ("crm.read".into(), "offline".into()));
    assert_eq!(param("code_challenge_method"), "S256");
    let (status, page) = came_back(&world, &said(&world, &link, "")).await;
    assert_eq!(status, 200);
    assert!(page.contains("If somebody else sent you here, close this page"), "{page}");
    assert_eq!(asked(&world), 0, "the code is not used before who began says the word");
    let made = finished(acme, &install, &word(&page)).await.good();
    assert_eq!((&made["name"], &made["kind"]), (&json!("main-crm"), &json!("oauth2")));
    assert_eq!((&made["state"], &made["state_reason"]), (&json!("active"), &json!("")));
    assert_eq!(made["token_expires_at"], "2026-01-01T01:00:00.000000Z");
    enabled(&world, &install).await;

    let script = crate::support::script::Script { world: &world, install };
    let did = script.does(json!([call("crm", API)])).await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    // What comes back is without the token.
    let body = did.results[0]["ok"]["body"].as_str().unwrap();
    assert!(body.contains("Bearer [redacted]"), "{body}");
    let told: Vec<_> = acme.all("audit?action=connection.").await;
    let told: Vec<_> = told.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["connection.connected", "connection.asked-for"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_is_good_once_in_time_and_at_its_own_address() {
    let world = World::start().await;
    listed(&world, &manifest()).await;
    let install = drafted(&world, "main", json!({})).await;
    let acme = &world.acme;
    let back = said(&world, &began(acme, &install).await, "");
    assert_eq!(came_back(&world, &back).await.0, 200);
    let again = came_back(&world, &back).await;
    assert_eq!(again.0, 400);
    assert!(again.1.contains("This link was used already"), "{}", again.1);

    let late = said(&world, &began(acme, &install).await, "");
    world.host.advance_ms(limits::CONNECT_MS.cast_signed());
    assert_eq!(came_back(&world, &late).await.0, 400);

    // At another plugin's address: a code of its service would be taken for this one's.
    let back = said(&world, &began(acme, &install).await, "");
    let moved = back.replacen("/oauth/callback/script", "/oauth/callback/other", 1);
    let (status, page) = came_back(&world, &moved).await;
    assert_eq!(status, 400);
    assert!(page.contains("The answer came in at another plugin"), "{page}");
    assert_eq!(came_back(&world, &back).await.0, 400, "and it is used");

    // Another service answers than the one that was asked.
    let back = said(&world, &began(acme, &install).await, "");
    let other =
        back.replacen("iss=https%3A%2F%2Flogin.example", "iss=https%3A%2F%2Fevil.example", 1);
    assert_ne!(other, back);
    let (status, page) = came_back(&world, &other).await;
    assert_eq!(status, 400);
    assert!(page.contains("The answer is another service"), "{page}");

    for made_up in ["?state=x&code=y", "?code=y", "", "?state=x&state=y&code=z"] {
        let path = format!("{PUBLIC_URL}/oauth/callback/script{made_up}");
        assert_eq!(came_back(&world, &path).await.0, 400, "{made_up}");
    }
    assert_eq!(asked(&world), 0, "no code was used");
    assert!(acme.all("connections").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_began_finishes_and_a_code_of_anothers_is_of_no_use() {
    let world = World::start().await;
    listed(&world, &manifest()).await;
    let install = drafted(&world, "main", json!({})).await;
    let acme = &world.acme;
    let link = began(acme, &install).await;
    let (_, page) = came_back(&world, &said(&world, &link, "")).await;
    let word = word(&page);
    // Somebody else of the same organization, and another organization.
    let person = json!({ "email": "b@acme.example", "name": "B", "role": "admin" });
    let user = acme.post(&acme.own("members"), &person).await.good()["user_id"].clone();
    let token = json!({ "name": "b", "scopes": ["read", "write"], "user": user });
    let token = acme.post(&acme.own("tokens"), &token).await.good();
    let other = Actor::new(&world.host.url, "acme", token["token"].as_str().unwrap());
    let refused = finished(&other, &install, &word).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "Nothing of yours waits for a word: nobody said yes yet, or it is over."
    );
    finished(&world.globex, &install, &word).await.refused(404, "not-found");
    world.globex.post(&place(&world.globex, &install), &json!({})).await.refused(404, "not-found");
    let guess = finished(acme, &install, "AAAAAAAA").await.refused(409, "connect-failed");
    assert_eq!(guess["detail"], "That is not the word of the page.");
    finished(acme, &install, &word.to_lowercase()).await.good();
    finished(acme, &install, &word).await.refused(409, "wrong-state");

    // A code that was given for another link, put behind this one's state.
    let (ours, theirs) = (began(acme, &install).await, began(&other, &install).await);
    let code = |location: &str| {
        location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    let (ours, theirs) = (said(&world, &ours, ""), said(&world, &theirs, ""));
    let injected = ours.replacen(&code(&ours), &code(&theirs), 1);
    let (status, page) = came_back(&world, &injected).await;
    assert_eq!(status, 200);
    let before = connection(&world).await;
    let refused =
        finished(acme, &install, &super::word(&page)).await.refused(409, "connect-failed");
    assert_eq!(refused["detail"], "login.example does not take the code (`invalid_grant`).");
    assert_eq!(connection(&world).await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_with_a_session_only_who_began_is_connected_and_at_once() {
    let world = World::start().await;
    listed(&world, &manifest()).await;
    let install = drafted(&world, "main", json!({})).await;
    for email in ["a@acme.example", "b@acme.example"] {
        member(&world.acme, email, "admin").await;
    }
    let mut ours = Browser::at(&world.host, HOME);
    ours.log_in("a@acme.example", PASSWORD).await.good();
    let mut others = Browser::at(&world.host, HOME);
    others.log_in("b@acme.example", PASSWORD).await.good();
    let link = async || {
        let link = ours.post(&place(&world.acme, &install), &json!({})).await.good();
        said(&world, link["url"].as_str().unwrap(), "").replacen(PUBLIC_URL, "", 1)
    };
    // Who began sent the link to somebody else: theirs is not connected here.
    let page = others.get(&link().await).await;
    assert_eq!(page.status, 400);
    assert!(
        page.text.contains("Somebody else than who is logged in here began this."),
        "{}",
        page.text
    );
    assert!(world.acme.all("connections").await.is_empty());
    let page = ours.get(&link().await).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("The connection main-crm is made."), "{}", page.text);
    assert_eq!(connection(&world).await["state"], "active");
    // Who has lost the role meanwhile connects nothing with what they began.
    let begun = link().await;
    let me = ours.get("/v1/me").await.good();
    let role = format!("members/{}/role", me["user_id"].as_str().unwrap());
    world.acme.put(&world.acme.own(&role), &json!({ "role": "user" })).await.good();
    let before = connection(&world).await;
    ours.log_in("a@acme.example", PASSWORD).await.good();
    let page = ours.get(&begun).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("You may not connect this any more."), "{}", page.text);
    assert_eq!(connection(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_and_every_failure_of_the_service_is_told_and_connects_nothing() {
    let world = World::start().await;
    listed(&world, &manifest()).await;
    let install = drafted(&world, "main", json!({})).await;
    let acme = &world.acme;
    let (status, page) =
        came_back(&world, &said(&world, &began(acme, &install).await, "&answer=deny")).await;
    assert_eq!(status, 400);
    assert!(
        page.contains("login.example says that the answer was no (`access_denied`)."),
        "{page}"
    );
    // What a stranger writes is not repeated.
    let back = said(&world, &began(acme, &install).await, "&answer=deny");
    let odd = back.replacen("access_denied", "%3Cscript%3E", 1);
    let (_, page) = came_back(&world, &odd).await;
    assert!(page.contains("login.example could not ask.") && !page.contains("script"), "{page}");

    let limited = Fault::RateLimited { daily: false, retry_after_s: None };
    let cases = [
        (Fault::ServerError, "login.example answered 500 instead of a token."),
        (Fault::InvalidJson, "login.example answered 200 instead of a token."),
        (limited, "login.example answered 429 instead of a token."),
        (
            Fault::Redirect { to: "https://evil.example/".to_owned() },
            "login.example answered 302 instead of a token.",
        ),
        (Fault::Close, "login.example gave no token: protocol: "),
    ];
    for (fault, told) in cases {
        let (_, page) = came_back(&world, &said(&world, &began(acme, &install).await, "")).await;
        world.login.fail_next(1, fault.clone());
        let refused = finished(acme, &install, &word(&page)).await.refused(409, "connect-failed");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with(told), "{fault:?}: {detail}");
    }
    assert!(acme.all("connections").await.is_empty());
    let told = acme.all("audit?action=connection.not-connected").await;
    assert_eq!(told.len(), 7);
    // And then it goes well.
    connect(&world, &install).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_under_approval_and_grant_like_every_destination() {
    let world = World::start().await;
    // A manifest that names none of it is not taken.
    let mut unnamed = manifest();
    unnamed["egress"].as_array_mut().unwrap().remove(1);
    let refused =
        world.publisher.publish(&unnamed, guest("script")).await.refused(422, "bad-manifest");
    assert_eq!(
        refused["problems"][0],
        json!({ "place": "connections[0].oauth.token_endpoint", "reason": "no `egress` entry allows POST there",
                "next_step": "Name it under `egress` too: a reviewer and each customer see it" })
    );
    listed(&world, &manifest()).await;
    let acme = &world.acme;
    let mut narrow = grant(&world);
    narrow["egress_hosts"] = json!(["api.example"]);
    let body = json!({ "plugin": "script", "name": "main", "grant": narrow, "config": {} });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap();
    let refused = acme.post(&place(acme, install), &json!({})).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "POST https://login.example/token is not allowed: the customer did not grant it."
    );
    assert_eq!(world.login.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_to_its_own_host_and_plugin_only() {
    let world = World::start().await;
    let script = connected(&world).await;
    let did = script
        .does(json!([
            call("crm", "https://echo.example/steal"),
            call("crm", "https://login.example/authorize")
        ]))
        .await;
    let bound = "the connection is bound to https://api.example";
    assert_eq!(
        did.results,
        [
            denied("http:egress", "connection crm at https://echo.example", bound, "publisher"),
            denied("http:egress", "connection crm at https://login.example", bound, "publisher"),
        ]
    );
    // A release whose tokens come from elsewhere gets neither the token nor what renews it.
    let mut moved = manifest();
    moved["version"] = json!("0.2.0");
    moved["connections"][0]["oauth"]["token_endpoint"] = json!("https://echo.example/token");
    let release = world.listed(&moved, guest("script")).await;
    let acme = &world.acme;
    let upgrade = acme.own(&format!("installs/{}/upgrade", script.install));
    let refused =
        acme.post(&upgrade, &json!({ "release": release["id"] })).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"][0]["reason"],
        "its tokens come from https://login.example/token"
    );
    assert_eq!(world.echo.calls().len(), 0);
}
