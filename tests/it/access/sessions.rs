//! People who log in with a password: what lets them in, what keeps others out, and
//! what ends it.
use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use venn_domain::limits;

use super::{
    people::Town,
    table::{Needs, ROWS},
};
use crate::support::{Actor, Answer, Host};

pub const PASSWORD: &str = "correct horse battery";
pub const HOME: &str = "198.51.100.1";
pub const ELSEWHERE: &str = "203.0.113.9";

/// Somebody with a browser, at an address.
pub struct Browser {
    nobody: Actor,
    address: &'static str,
    cookies: Vec<(String, String)>,
    csrf: String,
}

impl Browser {
    pub fn at(host: &Host, address: &'static str) -> Self {
        Self::of(&host.url, address)
    }

    /// At a server of this URL.
    pub fn of(url: &str, address: &'static str) -> Self {
        let nobody = Actor::new(url, "acme", "");
        Self { nobody, address, cookies: Vec::new(), csrf: String::new() }
    }

    /// The same browser, whose calls go to another server.
    pub fn moved_to(&self, url: &str) -> Self {
        let (cookies, csrf) = (self.cookies.clone(), self.csrf.clone());
        Self { cookies, csrf, ..Self::of(url, self.address) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = self.nobody.request(method, path).header("x-forwarded-for", self.address);
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    /// As a page of ours does it.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path).header("x-csrf-token", &self.csrf);
        request =
            request.header("origin", &self.nobody.url).header("sec-fetch-site", "same-origin");
        if let Some(body) = body {
            request = request.json(body);
        }
        self.nobody.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Logs in, and keeps what the answer sets.
    pub async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        self.log_in_with(email, password, Value::Null).await
    }

    /// The same with a code.
    pub async fn log_in_with(&mut self, email: &str, password: &str, code: Value) -> Answer {
        let body = json!({
            "organization": "acme", "email": email, "password": password, "code": code,
        });
        let answer = self.call(Method::POST, "/v1/sessions", Some(&body)).await;
        for line in answer.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(one, _)| one != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        if let Some(csrf) = answer.body["csrf_token"].as_str() {
            csrf.clone_into(&mut self.csrf);
        }
        answer
    }

    fn cookie(&self, name: &str) -> &str {
        &self.cookies.iter().find(|(one, _)| one == name).unwrap().1
    }

    /// Without the cookie that makes it known.
    fn forgotten(mut self) -> Self {
        self.cookies.retain(|(name, _)| name == SESSION);
        self
    }
}

const SESSION: &str = "__Host-venn-session";

/// A member who has set a password; their id.
pub async fn member(admin: &Actor, email: &str, role: &str) -> String {
    let person = json!({ "email": email, "name": "Somebody", "role": role });
    let made = admin.post(&admin.own("members"), &person).await.good();
    let user = made["user_id"].as_str().unwrap().to_owned();
    set_password(admin, &user, PASSWORD).await;
    user
}

pub async fn invite(admin: &Actor, user: &str) -> String {
    let path = admin.own(&format!("members/{user}/invitation"));
    let made = admin.post(&path, &json!({})).await.good();
    made["invitation"].as_str().unwrap().to_owned()
}

async fn set_password(admin: &Actor, user: &str, password: &str) {
    let invitation = invite(admin, user).await;
    let body = json!({ "invitation": invitation, "password": password });
    let nobody = Actor::new(&admin.url, "acme", "");
    assert_eq!(nobody.post("/v1/passwords", &body).await.status, 204);
}

pub async fn acme() -> (Host, Actor, String) {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, true).await;
    let bob = member(&acme, "bob@acme.example", "admin").await;
    (host, acme, bob)
}

async fn logged_in(host: &Host, address: &'static str) -> Browser {
    let mut browser = Browser::at(host, address);
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_works_and_logs_out() {
    let (host, acme, bob) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    let answer = browser.log_in("Bob@ACME.example", PASSWORD).await;
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2);
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-venn-"), "{cookie}");
        assert!(cookie.ends_with("; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(cookie.contains("; Path=/; ") && !cookie.contains("Domain"), "{cookie}");
    }
    // The secret is in the cookie alone.
    let session = browser.cookie(SESSION).to_owned();
    let secret = session.rsplit_once('_').unwrap().1;
    assert!(secret.len() == 64 && !answer.text.contains(secret), "{}", answer.text);
    let made = answer.good();
    assert_eq!(made["user_id"], bob.as_str());
    let me = browser.get("/v1/me").await.good();
    assert_eq!((&me["csrf_token"], &me["role"]), (&made["csrf_token"], &json!("admin")));
    assert_eq!(acme.get("/v1/me").await.good()["csrf_token"], Value::Null);
    let population = json!({ "key": "vip", "title": "VIP" });
    let path = acme.own("populations");
    browser.call(Method::POST, &path, Some(&population)).await.good();
    let listed = browser.get("/v1/me/sessions").await.good();
    assert_eq!(
        (&listed["items"][0]["id"], &listed["items"][0]["current"]),
        (&made["id"], &json!(true))
    );
    assert!(acme.all("tokens").await.iter().all(|token| token["id"] != made["id"]));

    let out = browser.call(Method::DELETE, "/v1/me/session", None).await;
    assert_eq!(out.status, 204);
    let gone = out.headers["set-cookie"].to_str().unwrap();
    assert!(gone.starts_with("__Host-venn-session=; Path=/; Max-Age=0; "), "{gone}");
    let ended = browser.get("/v1/me").await.refused(401, "unauthenticated");
    assert_eq!(ended["detail"], "The session is not valid, or has ended.");
    acme.call(Method::DELETE, "/v1/me/session", None).await.refused(409, "wrong-state");

    let told: Vec<_> = acme.all("audit").await;
    let actions: Vec<_> = told.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    for action in ["member.invited", "password.set", "session.created", "session.ended"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let text = json!(told).to_string();
    assert!(!text.contains(PASSWORD) && !text.contains(secret) && !text.contains("argon2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unknown_and_who_is_wrong_are_the_same_work_and_the_same_answer() {
    let (host, acme, _) = acme().await;
    let person = json!({ "email": "new@acme.example", "name": "New", "role": "user" });
    acme.post(&acme.own("members"), &person).await.good();
    host.organization("globex", true, false).await;
    let cases = [
        ("acme", "bob@acme.example", "wrong horse battery"),
        ("acme", "bob@acme.example", ""),
        ("acme", "nobody@acme.example", PASSWORD),
        // Without a password; of another organization; of none.
        ("acme", "new@acme.example", PASSWORD),
        ("globex", "bob@acme.example", PASSWORD),
        ("nowhere", "bob@acme.example", PASSWORD),
    ];
    let nobody = Actor::new(&host.url, "acme", "");
    let mut answers = BTreeSet::new();
    for (organization, email, password) in cases {
        let before = host.app.hashing.done();
        let body = json!({ "organization": organization, "email": email, "password": password });
        let answer = nobody.post("/v1/sessions", &body).await;
        assert_eq!(host.app.hashing.done() - before, 1, "{organization} {email}");
        assert!(!answer.headers.contains_key("set-cookie"));
        let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        answer.clone().refused(401, "login-failed");
        answers.insert((answer.text, names));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_alone_changes_nothing_at_any_route() {
    let town = Town::start().await;
    let acme = &town.world.acme;
    member(acme, "bob@acme.example", "admin").await;
    let browser = logged_in(&town.world.host, HOME).await;
    let other = logged_in(&town.world.host, ELSEWHERE).await;
    let before = town.audits().await;
    let url = acme.url.as_str();
    for row in ROWS.iter().filter(|row| row.method != "GET" && row.needs != Needs::Public) {
        let path = format!("/v1{}", town.fill(row.path, "acme"));
        let method: Method = row.method.parse().unwrap();
        let own = browser.csrf.as_str();
        let attacks: [&[(&str, &str)]; 6] = [
            &[],
            &[("x-csrf-token", "")],
            &[("x-csrf-token", &other.csrf)],
            &[("x-csrf-token", own), ("origin", "https://evil.example")],
            &[("x-csrf-token", own), ("origin", "null")],
            &[("x-csrf-token", own), ("origin", url), ("sec-fetch-site", "cross-site")],
        ];
        for sent in attacks {
            let mut request = browser.request(method.clone(), &path);
            for (name, value) in sent {
                request = request.header(*name, *value);
            }
            if row.takes_json() {
                request = request.json(&row.json(|text| town.fill(text, "acme")));
            }
            browser.nobody.send(request).await.refused(403, "cross-site");
        }
    }
    assert_eq!(town.audits().await, before);
    // Reading is not changing; and it is the same session that may, with its header.
    browser.nobody.send(browser.request(Method::GET, "/v1/me")).await.good();
    let population = json!({ "key": "vip", "title": "VIP" });
    browser.call(Method::POST, &acme.own("populations"), Some(&population)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_logs_nobody_in() {
    let (host, _, _) = acme().await;
    let browser = Browser::at(&host, HOME);
    for row in ROWS.iter().filter(|row| row.needs == Needs::Public) {
        for sent in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = browser.request(Method::POST, &format!("/v1{}", row.path));
            let request = request.header(sent.0, sent.1).json(&row.json(ToOwned::to_owned));
            browser.nobody.send(request).await.refused(403, "cross-site");
        }
    }
    assert_eq!(host.app.hashing.done(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_brings_a_session_of_their_own_choice() {
    let (host, acme, _) = acme().await;
    let mut browser = Browser::at(&host, HOME);
    let planted = "vses_00000000000000000000000007_aa";
    browser.cookies.push((SESSION.to_owned(), planted.to_owned()));
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let first = browser.cookie(SESSION).to_owned();
    assert_ne!(first, planted);
    // Who logs in again has another one, and the one before is over.
    browser.log_in("bob@acme.example", PASSWORD).await.good();
    let second = browser.cookie(SESSION).to_owned();
    assert_ne!(first, second);
    let with = async |cookie: String| {
        let request = browser.nobody.request(Method::GET, "/v1/me").header("cookie", cookie);
        browser.nobody.send(request).await
    };
    with(format!("{SESSION}={first}")).await.refused(401, "unauthenticated");
    with(format!("{SESSION}={second}")).await.good();
    // Two of them, or one under another name, are none.
    with(format!("{SESSION}={second}; {SESSION}={second}")).await.refused(401, "unauthenticated");
    with(format!("venn-session={second}")).await.refused(401, "unauthenticated");
    // A session is no token, and a token no session, whatever they are dressed up as.
    let dressed = second.replacen("vses", "venn", 1);
    for text in [&second, &dressed] {
        let actor = Actor::new(&host.url, "acme", text);
        actor.get("/v1/me").await.refused(401, "unauthenticated");
    }
    for text in [acme.token.clone(), acme.token.replacen("venn", "vses", 1)] {
        with(format!("{SESSION}={text}")).await.refused(401, "unauthenticated");
    }
    // A token that is sent is what counts; its call needs no page.
    let request = acme.request(Method::POST, &acme.own("populations"));
    let request = request.header("cookie", format!("{SESSION}={second}"));
    acme.send(request.json(&json!({ "key": "x", "title": "X" }))).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_at_once_with_what_it_was_made_on() {
    let (host, acme, bob) = acme().await;
    let over = async |browser: &Browser| {
        browser.get("/v1/me").await.refused(401, "unauthenticated");
    };
    let (first, second) = (logged_in(&host, HOME).await, logged_in(&host, ELSEWHERE).await);
    // One of one's own, from another.
    let listed = first.get("/v1/me/sessions").await.good();
    let other = listed["items"].as_array().unwrap().iter().find(|one| one["current"] == false);
    let path = format!("/v1/me/sessions/{}", other.unwrap()["id"].as_str().unwrap());
    assert_eq!(first.call(Method::DELETE, &path, None).await.status, 204);
    over(&second).await;
    first.call(Method::DELETE, &path, None).await.refused(404, "not-found");

    let body = json!({ "current": PASSWORD, "password": "another horse, no staple" });
    let answer = first.call(Method::PUT, "/v1/me/password", Some(&body)).await;
    assert_eq!(answer.status, 204);
    over(&first).await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.refused(401, "login-failed");
    set_password(&acme, &bob, PASSWORD).await;

    let browser = logged_in(&host, HOME).await;
    let role = acme.own(&format!("members/{bob}/role"));
    acme.put(&role, &json!({ "role": "support" })).await.good();
    over(&browser).await;
    let browser = logged_in(&host, HOME).await;
    let invitation = invite(&acme, &bob).await;
    over(&browser).await;
    let nobody = Actor::new(&host.url, "acme", "");
    let body = json!({ "invitation": invitation, "password": PASSWORD });
    assert_eq!(nobody.post("/v1/passwords", &body).await.status, 204);
    nobody.post("/v1/passwords", &body).await.refused(422, "invalid");

    let browser = logged_in(&host, HOME).await;
    host.advance_ms(limits::SESSION_MS.cast_signed() - 1);
    browser.get("/v1/me").await.good();
    host.advance_ms(1);
    over(&browser).await;
    let browser = logged_in(&host, HOME).await;
    assert_eq!(acme.delete(&acme.own(&format!("members/{bob}"))).await.status, 204);
    over(&browser).await;
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.refused(401, "login-failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_and_comes_back_brings_nothing_along() {
    let (host, acme, bob) = acme().await;
    let browser = logged_in(&host, HOME).await;
    let body = json!({ "name": "old", "scopes": ["read"], "user": bob });
    let made = acme.post(&acme.own("tokens"), &body).await.good();
    let old = Actor::new(&host.url, "acme", made["token"].as_str().unwrap());
    old.get("/v1/me").await.good();
    assert_eq!(acme.delete(&acme.own(&format!("members/{bob}"))).await.status, 204);
    let person = json!({ "email": "bob@acme.example", "name": "Bob", "role": "user" });
    let back = acme.post(&acme.own("members"), &person).await.good();
    assert_eq!(back["user_id"], bob.as_str(), "the same person");
    old.get("/v1/me").await.refused(401, "unauthenticated");
    browser.get("/v1/me").await.refused(401, "unauthenticated");
    let mut browser = Browser::at(&host, HOME);
    browser.log_in("bob@acme.example", PASSWORD).await.refused(401, "login-failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_one_person_for_three_days() {
    let (host, acme, bob) = acme().await;
    let ann = member(&acme, "ann@acme.example", "user").await;
    let nobody = Actor::new(&host.url, "acme", "");
    let set = async |invitation: &str, password: &str| {
        let body = json!({ "invitation": invitation, "password": password });
        nobody.post("/v1/passwords", &body).await
    };
    let text = invite(&acme, &bob).await;
    // Somebody else's name on one's own invitation is nobody's.
    let forged = text.replace(bob.trim_start_matches("usr_"), ann.trim_start_matches("usr_"));
    for bad in [forged.as_str(), "", "vinv_", &text[..60]] {
        set(bad, PASSWORD).await.refused(422, "invalid");
    }
    for (password, reason) in [
        ("short", "it has fewer than 12 characters"),
        ("password12345", "it is one of those that are tried first"),
        ("somebody-2026", "it is made of your address, name or organization"),
    ] {
        let refused = set(&text, password).await.refused(422, "invalid");
        assert_eq!(refused["problems"][0]["place"], "password");
        assert_eq!(refused["problems"][0]["reason"], reason);
    }
    host.advance_ms(limits::INVITATION_MS.cast_signed());
    set(&text, PASSWORD).await.refused(422, "invalid");
    // Nobody's work was asked for before the invitation was found good.
    assert_eq!(host.app.hashing.done(), 2);
    let again = invite(&acme, &bob).await;
    assert_eq!(set(&again, PASSWORD).await.status, 204);
    logged_in(&host, HOME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_the_sessions_and_the_password_of_another() {
    let (host, acme, bob) = acme().await;
    member(&acme, "eve@acme.example", "support").await;
    let browser = logged_in(&host, HOME).await;
    let mut eve = Browser::at(&host, ELSEWHERE);
    eve.log_in("eve@acme.example", PASSWORD).await.good();
    let listed = browser.get("/v1/me/sessions").await.good();
    let id = listed["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/me/sessions/{id}");
    eve.call(Method::DELETE, &path, None).await.refused(404, "not-found");
    assert_eq!(eve.get("/v1/me/sessions").await.good()["items"].as_array().unwrap().len(), 1);
    let invitation = acme.own(&format!("members/{bob}/invitation"));
    eve.call(Method::POST, &invitation, None).await.refused(403, "role-too-small");
    let stranger = host.organization("hooli", true, false).await;
    for path in [invitation, format!("/v1/organizations/hooli/members/{bob}/invitation")] {
        stranger.post(&path, &json!({})).await.refused(404, "not-found");
    }
    // Whose password it is, is not for the body to say.
    for more in ["user", "user_id", "email", "organization"] {
        let mut body = json!({ "current": PASSWORD, "password": "another horse, no staple" });
        body[more] = json!(bob);
        eve.call(Method::PUT, "/v1/me/password", Some(&body)).await.refused(400, "bad-body");
    }
    browser.get("/v1/me").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_waits_and_nobody_else() {
    let (host, _, _) = acme().await;
    let known = logged_in(&host, HOME).await.forgotten();
    let mut evil = Browser::at(&host, ELSEWHERE);
    for _ in 0..5 {
        evil.log_in("bob@acme.example", "wrong horse battery").await.refused(401, "login-failed");
    }
    let before = host.app.hashing.done();
    for password in ["wrong horse battery", PASSWORD] {
        let refused = evil.log_in("bob@acme.example", password).await;
        assert_eq!(refused.headers["retry-after"], "1");
        let refused = refused.refused(429, "too-many");
        assert_eq!(refused["next_step"], "Wait 1 second, then try again.");
    }
    // A guess that has to wait is no work.
    assert_eq!(host.app.hashing.done(), before);
    // The owner, from where she has logged in before, and even from somewhere new.
    let mut known = known;
    known.log_in("bob@acme.example", PASSWORD).await.good();
    Browser::at(&host, "192.0.2.7").log_in("bob@acme.example", PASSWORD).await.good();
    // At her own address somebody else guesses: her browser is not theirs.
    let owner = logged_in(&host, HOME).await;
    let mut neighbour = Browser::at(&host, HOME);
    for _ in 0..5 {
        neighbour.log_in("bob@acme.example", "wrong horse battery").await;
    }
    neighbour.log_in("bob@acme.example", PASSWORD).await.refused(429, "too-many");
    let mut owner = owner;
    owner.log_in("bob@acme.example", PASSWORD).await.good();
    // Waiting helps; and what is wrong then costs twice the wait.
    host.advance_ms(1_000);
    evil.log_in("bob@acme.example", "wrong horse battery").await.refused(401, "login-failed");
    let refused = evil.log_in("bob@acme.example", PASSWORD).await;
    assert_eq!(refused.headers["retry-after"], "2");
    // A list that the guesser writes is not believed beyond the operator's proxies.
    let body = json!({ "organization": "acme", "email": "bob@acme.example", "password": "x" });
    let request = evil.nobody.request(Method::POST, "/v1/sessions").json(&body);
    let request = request.header("x-forwarded-for", format!("{HOME}, {ELSEWHERE}"));
    evil.nobody.send(request).await.refused(429, "too-many");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_browsers_guess_no_more_than_a_few_and_old_ones_as_one_stranger() {
    let (host, acme, bob) = acme().await;
    let guesses = async |browser: &mut Browser| {
        let mut made = 0_u64;
        while browser.log_in("bob@acme.example", "wrong horse battery").await.status == 401 {
            made += 1;
        }
        made
    };
    let (mut all, mut made) = (Vec::new(), 0_u64);
    for _ in 0..8 {
        let mut browser = logged_in(&host, ELSEWHERE).await;
        made += guesses(&mut browser).await;
        all.push(browser);
    }
    assert_eq!(made, limits::LOGIN_FAILURES);
    // They were let in with a password that is over, be the next one the same.
    set_password(&acme, &bob, PASSWORD).await;
    host.advance_ms(24 * 60 * 60 * 1_000);
    let mut made = 0_u64;
    for browser in &mut all {
        made += guesses(browser).await;
    }
    assert_eq!(made, 5);
    let mut owner = logged_in(&host, HOME).await;
    owner.log_in("bob@acme.example", PASSWORD).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_guesses_the_password_no_faster() {
    let (host, _, _) = acme().await;
    let thief = logged_in(&host, ELSEWHERE).await;
    let body = json!({ "current": "wrong horse battery", "password": "another horse, no staple" });
    for _ in 0..5 {
        thief.call(Method::PUT, "/v1/me/password", Some(&body)).await.refused(422, "invalid");
    }
    let refused = thief.call(Method::PUT, "/v1/me/password", Some(&body)).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.refused(429, "too-many");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_framed_guessed_at_or_kept() {
    let (host, acme, _) = acme().await;
    let browser = logged_in(&host, HOME).await;
    let answers = [
        acme.get("/v1/me").await,
        acme.get("/healthz").await,
        acme.get("/docs").await,
        acme.get("/docs/").await,
        Browser::at(&host, HOME).get("/oauth/callback/con_none").await,
        acme.get("/openapi.json").await,
        acme.get("/v1/nowhere").await,
        acme.post(&acme.own("tokens"), &json!({ "name": "x", "scopes": ["read"] })).await,
        Browser::at(&host, HOME).get("/v1/me").await,
        browser.get("/v1/me").await,
        browser.get(&acme.own("audit/export")).await,
    ];
    for answer in &answers {
        let told = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(told("x-content-type-options"), "nosniff");
        assert_eq!(told("x-frame-options"), "DENY");
        assert_eq!(told("referrer-policy"), "no-referrer");
        assert_eq!(told("cross-origin-resource-policy"), "same-origin");
        assert!(told("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        let kept = told("cache-control");
        // What a program may ask for again with its tag; a browser keeps nothing.
        let expected =
            if answer.headers.contains_key("etag") { "private, no-cache" } else { "no-store" };
        let is_browsers = answer.body["csrf_token"].is_string();
        assert_eq!(kept, if is_browsers { "no-store" } else { expected });
    }
}
