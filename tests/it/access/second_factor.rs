//! Second factors: what a login needs beside the password, once each.
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::time::Timestamp;
use venn_server::second_factor::Secret;
use venn_store::installation::NewSeals;

use super::sessions::{Browser, ELSEWHERE, HOME, PASSWORD, acme, member};
use crate::support::{Actor, Answer, Host};

const STEP_MS: i64 = 30_000;

/// Somebody with a device.
struct Device {
    secret: Secret,
    recovery: Vec<String>,
}

impl Device {
    fn code(&self, host: &Host, steps: i64) -> String {
        let now: Timestamp = host.app.clock.now();
        self.secret.code(now.plus_ms(steps * STEP_MS)).unwrap()
    }
}

async fn set_up(browser: &Browser) -> Secret {
    let body = json!({ "password": PASSWORD });
    let told = browser.post("/v1/me/second-factor", &body).await.good();
    let secret = told["secret"].as_str().unwrap();
    assert!(told["url"].as_str().unwrap().contains(&format!("secret={secret}&")));
    Secret::from_base32(secret).unwrap()
}

/// Bob sets one up.
async fn device(host: &Host, browser: &Browser) -> Device {
    let secret = set_up(browser).await;
    let code = secret.code(host.app.clock.now()).unwrap();
    let confirm = json!({ "code": code });
    let told = browser.post("/v1/me/second-factor/confirm", &confirm).await.good();
    let codes = told["recovery_codes"].as_array().unwrap();
    let recovery = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    Device { secret, recovery }
}

async fn log_in(browser: &mut Browser, code: &str) -> Answer {
    browser.log_in_with("bob@acme.example", PASSWORD, json!(code)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_needs_a_code_and_takes_none_twice() {
    let (host, acme, _) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    // What waits to be confirmed asks for nothing yet.
    set_up(&browser).await;
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let wrong = json!({ "code": "000000" });
    browser.post("/v1/me/second-factor/confirm", &wrong).await.refused(422, "invalid");
    let device = device(&host, &browser).await;
    let shown = browser.get("/v1/me/second-factor").await.good();
    assert_eq!((&shown["active"], &shown["recovery_codes"]), (&json!(true), &json!(10)));

    let mut other = Browser::at(&host, ELSEWHERE);
    other.log_in("bob@acme.example", PASSWORD).await.refused(401, "code-needed");
    // The code that confirmed it is used, and so are all before.
    for steps in [-1, 0] {
        log_in(&mut other, &device.code(&host, steps)).await.refused(401, "code-needed");
    }
    log_in(&mut other, &device.code(&host, 1)).await.good();
    log_in(&mut other, &device.code(&host, 1)).await.refused(401, "code-needed");
    host.advance_ms(10 * STEP_MS);
    for steps in [-2, 2] {
        log_in(&mut other, &device.code(&host, steps)).await.refused(401, "code-needed");
        host.advance_ms(10 * STEP_MS);
    }
    // The code does not stand in for the password.
    let code = json!(device.code(&host, 0));
    let wrong = other.log_in_with("bob@acme.example", "wrong horse battery", code.clone()).await;
    wrong.refused(401, "login-failed");
    other.log_in_with("bob@acme.example", PASSWORD, code).await.good();
    // Another password takes it along.
    let body = json!({ "current": PASSWORD, "password": "another horse, no staple" });
    assert_eq!(other.call(Method::PUT, "/v1/me/password", Some(&body)).await.status, 204);
    other
        .log_in_with("bob@acme.example", "another horse, no staple", Value::Null)
        .await
        .refused(401, "code-needed");
    let told = acme.all("audit?action=second-factor").await;
    assert_eq!(told.len(), 1);
    assert!(!json!(told).to_string().contains(&device.secret.base32()));
    let secret = device.secret.bytes();
    let kept = json!(acme.all("audit").await).to_string();
    assert!(!kept.contains(&device.recovery[0]) && !secret.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_works_once_and_a_removal_takes_one_too() {
    let (host, _, _) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let device = device(&host, &browser).await;
    let mut other = Browser::at(&host, ELSEWHERE);
    log_in(&mut other, &device.recovery[0]).await.good();
    log_in(&mut other, &device.recovery[0]).await.refused(401, "code-needed");
    assert_eq!(other.get("/v1/me/second-factor").await.good()["recovery_codes"], 9);
    let remove = async |browser: &Browser, code: &str| {
        browser.post("/v1/me/second-factor/remove", &json!({ "code": code })).await
    };
    for code in ["000000", device.recovery[0].as_str(), ""] {
        remove(&other, code).await.refused(422, "invalid");
    }
    // Who has only the session cannot put their own device in its place.
    let body = json!({ "password": PASSWORD });
    other.post("/v1/me/second-factor", &body).await.refused(409, "wrong-state");
    assert_eq!(remove(&other, &device.recovery[1]).await.status, 204);
    let mut again = Browser::at(&host, ELSEWHERE);
    again.log_in("bob@acme.example", PASSWORD).await.good();
    // Its recovery codes went with it.
    remove(&again, &device.recovery[2]).await.refused(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_lost_keys_a_recovery_code_is_good_and_nothing_less() {
    let (host, acme, _) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let device = device(&host, &browser).await;
    let path = acme.own("second-factor");
    assert_eq!(acme.put(&path, &json!({ "demanded": true })).await.status, 204);
    let seals = NewSeals {
        fingerprint: "new".to_owned(),
        keys: Vec::new(),
        signatures: Vec::new(),
        unsound: Vec::new(),
        reason: "The key was lost.".to_owned(),
    };
    let lost = host.app.store.replace_seals(seals).await.unwrap();
    assert_eq!(lost.second_factors, 1);

    let mut other = Browser::at(&host, ELSEWHERE);
    other.log_in("bob@acme.example", PASSWORD).await.refused(401, "code-needed");
    let told = log_in(&mut other, &device.code(&host, 1)).await.refused(401, "code-needed");
    assert_eq!(
        told["detail"],
        "This server lost its keys, and with them what your device is known by."
    );
    log_in(&mut other, &device.recovery[0]).await.good();
    log_in(&mut other, &device.recovery[0]).await.refused(401, "code-needed");
    let code = json!({ "code": device.recovery[1] });
    assert_eq!(other.post("/v1/me/second-factor/remove", &code).await.status, 204);
    let mut again = Browser::at(&host, ELSEWHERE);
    let told = again.log_in("bob@acme.example", PASSWORD).await.good();
    assert_eq!(told["must_enrol"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_guessed() {
    let (host, _, _) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let device = device(&host, &browser).await;
    host.advance_ms(10 * STEP_MS);
    let mut thief = Browser::at(&host, ELSEWHERE);
    // Asking without a code is no guess; with one it is.
    for _ in 0..20 {
        thief.log_in("bob@acme.example", PASSWORD).await.refused(401, "code-needed");
    }
    for _ in 0..5 {
        log_in(&mut thief, "000000").await.refused(401, "code-needed");
    }
    log_in(&mut thief, &device.code(&host, 0)).await.refused(429, "too-many");
    // From a stolen session, neither.
    for path in ["remove", "remove", "remove", "remove", "remove"] {
        let path = format!("/v1/me/second-factor/{path}");
        browser.post(&path, &json!({ "code": "000000" })).await.refused(422, "invalid");
    }
    let body = json!({ "code": device.code(&host, 0) });
    browser.post("/v1/me/second-factor/remove", &body).await.refused(429, "too-many");
    // The owner's own browser logs in meanwhile.
    log_in(&mut browser, &device.code(&host, 0)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_before_guess_codes_as_one_stranger() {
    let (host, _, _) = acme().await;
    let mut old = Vec::new();
    for _ in 0..4 {
        let mut thief = Browser::at(&host, ELSEWHERE);
        thief.log_in("bob@acme.example", PASSWORD).await.good();
        old.push(thief);
    }
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let device = device(&host, &browser).await;
    host.advance_ms(10 * STEP_MS);
    let mut guesses = 0;
    for thief in &mut old {
        while log_in(thief, "000000").await.status == 401 {
            guesses += 1;
        }
    }
    assert_eq!(guesses, 5);
    log_in(&mut browser, &device.code(&host, 0)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_demanded_a_password_alone_lets_one_do_nothing_but_set_it_up() {
    let (host, acme, bob) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let demand = async |who: &Actor, demanded: bool| {
        who.put(&who.own("second-factor"), &json!({ "demanded": demanded })).await
    };
    assert_eq!(demand(&acme, true).await.status, 204);
    browser.get("/v1/me").await.refused(401, "unauthenticated");
    let made = browser.log_in("bob@acme.example", PASSWORD).await.good();
    assert_eq!(made["must_enrol"], true);
    browser.get("/v1/me").await.good();
    browser.get(&acme.own("accounts")).await.refused(403, "scope-too-small");
    let body = json!({ "key": "vip", "title": "VIP" });
    browser.post(&acme.own("populations"), &body).await.refused(403, "scope-too-small");
    // How one stands can be seen before, too; an admin sees who has one.
    let state = browser.get("/v1/me/second-factor").await.good();
    assert_eq!((&state["demanded"], &state["active"]), (&json!(true), &json!(false)));
    let has = async || {
        let members = acme.all("members").await;
        members.iter().find(|one| one["user_id"] == bob.as_str()).unwrap()["second_factor"].clone()
    };
    assert_eq!(has().await, false);
    let device = device(&host, &browser).await;
    assert_eq!(has().await, true);
    browser.get(&acme.own("accounts")).await.refused(403, "scope-too-small");
    let made = log_in(&mut browser, &device.code(&host, 1)).await.good();
    assert_eq!(made["must_enrol"], false);
    browser.get(&acme.own("accounts")).await.good();
    let body = json!({ "code": device.recovery[0] });
    browser.post("/v1/me/second-factor/remove", &body).await.refused(409, "wrong-state");
    // Only an owner of the same organization says so, or helps who has lost a device.
    member(&acme, "eve@acme.example", "user").await;
    let stranger = host.organization("hooli", true, false).await;
    let path = acme.own(&format!("members/{bob}/second-factor"));
    stranger.delete(&path).await.refused(404, "not-found");
    stranger
        .delete(&format!("/v1/organizations/hooli/members/{bob}/second-factor"))
        .await
        .refused(404, "not-found");
    assert_eq!(acme.delete(&path).await.status, 204);
    // Whoever has the lost device may have a session on it.
    browser.get("/v1/me").await.refused(401, "unauthenticated");
    acme.delete(&path).await.refused(404, "not-found");
    assert_eq!(demand(&acme, false).await.status, 204);
    let mut again = Browser::at(&host, ELSEWHERE);
    assert_eq!(again.log_in("bob@acme.example", PASSWORD).await.good()["must_enrol"], false);
    let told = acme.all("audit?action=second-factor").await;
    let told: Vec<_> = told.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "second-factor.demanded",
            "second-factor.removed",
            "second-factor.set-up",
            "second-factor.demanded"
        ]
    );
}
