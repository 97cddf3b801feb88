//! Those who must not get through, at every route: what they are told, whole,
//! and that it tells them nothing.
use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::table::{Needs, ROWS, Row, refused_roles, roles_text};
use crate::support::{Actor, Answer, World, guest};

/// Every kind of thing is really there, so that "not found" means "not yours".
pub struct Town {
    pub world: World,
    /// A customer and publisher with nothing to do with the others.
    pub stranger: Actor,
    ids: BTreeMap<&'static str, String>,
}

impl Town {
    pub async fn start() -> Self {
        let world = World::with_overlaps(2).await;
        // A database of advisories without any.
        std::fs::create_dir_all(world.host.data.path().join("advisories/crates")).unwrap();
        let stranger = world.host.organization("hooli", true, true).await;
        let mut manifest = World::manifest("script");
        manifest["events"].as_array_mut().unwrap().extend([json!("webhook"), json!("request")]);
        manifest["actions"] = json!([{ "name": "overlaps", "title": "Overlaps of a company" }]);
        manifest["webhooks"] = json!([{ "name": "orders", "title": "Orders", "signature": "token",
            "header": "x-shop-token" }]);
        let release = world.listed(&manifest, guest("script")).await;
        // When asked it wants what it was not granted: Acme's inbox says so.
        let config = json!({ "steps": { "schedule": [
            { "call": "overlaps.find", "fields": ["their-amount"] },
            { "call": "fault", "code": "no-access", "cause": "grant-missing", "message": "No." },
        ] } });
        let install = world.enabled("script", &world.grant_of_source(), &config).await;
        let run = world.runs(&install).await.remove(0);
        let asked = world.acme.own(&format!("installs/{install}/run"));
        world.acme.post(&asked, &json!({})).await.good();
        world.runs(&install).await;
        let webhook = world.acme.own(&format!("installs/{install}/webhooks/orders/open"));
        world.acme.post(&webhook, &json!({})).await.good();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let hook = world.publisher.own("plugins/script/credentials/hook");
        let body = json!({ "kind": "webhook-secret", "secret": "sixteen-bytes-ok" });
        world.publisher.put(&hook, &body).await.good();
        let acme = &world.acme;
        // Not the one that calls: it may be revoked.
        let (_, spare) = token(acme, json!({ "name": "spare", "scopes": ["read"] })).await;
        let body = json!({
            "to": "publisher", "install": install, "things": ["deliveries"], "hours": 1, "reason": "x",
        });
        let grant = acme.post(&acme.own("support-grants"), &body).await.good();
        let ids = BTreeMap::from([
            ("grant", text(&grant["id"])),
            ("import", text(&acme.all("imports").await[0]["id"])),
            ("account", text(&world.overlaps().await[0]["our_account"])),
            ("user", text(&acme.all("members").await[0]["user_id"])),
            ("token", spare.clone()),
            // No session of anybody's: a token does not pass for one.
            ("session", spare),
            ("connection", text(&acme.all("connections").await[0]["id"])),
            ("overlap", text(&world.overlaps().await[0]["id"])),
            ("partnership", world.partnership.clone()),
            ("key", text(&release["signature"]["key"])),
            ("plugin", text(&release["plugin"])),
            ("name", "script".to_owned()),
            ("request", "crm".to_owned()),
            ("credential", "hook".to_owned()),
            ("webhook", "orders".to_owned()),
            ("release", text(&release["id"])),
            ("delivery", text(&run["delivery"])),
            ("item", text(&acme.all("inbox").await[0]["id"])),
            ("run", text(&run["id"])),
            ("install", install),
            // The partner's account in that overlap.
            ("their_account", text(&world.overlaps().await[0]["their_account"])),
        ]);
        Self { world, stranger, ids }
    }

    /// Replaces `{org}` and all ids.
    pub fn fill(&self, text: &str, org: &str) -> String {
        let filled = text.replace("{org}", org);
        self.ids.iter().fold(filled, |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// An example of the description with ids that are really there: those that end in
    /// `EXAMPLE_TAIL`, and a partner's account in the next one.
    pub fn with_real_ids(&self, example: &Value) -> Value {
        let tail = venn_server::openapi::EXAMPLE_TAIL;
        let next = tail.replace("d8", "d9");
        let text = example.to_string().replace(&format!("acc_{next}"), &self.ids["their_account"]);
        let real = self.ids.iter().filter(|(name, _)| **name != "their_account");
        let filled = real.fold(text, |text, (_, id)| match id.split_once('_') {
            Some((prefix, _)) => text.replace(&format!("{prefix}_{tail}"), id),
            None => text,
        });
        serde_json::from_str(&filled).unwrap()
    }

    /// The same with ids that are sound and nobody's.
    fn fill_with_nobodys(&self, text: &str, org: &str) -> String {
        let filled = text.replace("{org}", org);
        self.ids.iter().fold(filled, |text, (name, id)| {
            let made_up = match id.split_once('_') {
                Some((prefix, _)) => format!("{prefix}_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
                None => "nobodys".to_owned(),
            };
            text.replace(&format!("{{{name}}}"), &made_up)
        })
    }

    /// Whose thing a route is about.
    pub fn owner(&self, row: &Row) -> &Actor {
        if row.needs.is_of_platform() {
            &self.world.host.platform
        } else if row.path.contains("/plugins") || row.path.contains("/signing-keys") {
            &self.world.publisher
        } else {
            &self.world.acme
        }
    }

    /// Calls a route with a body that passes its shape.
    pub async fn call(&self, who: &Actor, row: &Row, path: &str) -> Answer {
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        let request = who.request(method, &format!("/v1{path}"));
        let form = || {
            let part = reqwest::multipart::Part::text("{}");
            reqwest::multipart::Form::new()
                .part("component", reqwest::multipart::Part::bytes(vec![1]))
                .part("manifest", part)
        };
        let request = match row.body {
            "" => request,
            "file" => request.body("Id,Name,Website\n"),
            "form" => request.multipart(form()),
            _ => request.json(&row.json(|text| self.fill(text, ""))),
        };
        who.send(request).await
    }

    /// What everyone's audit says, to see that nothing was done.
    pub async fn audits(&self) -> Vec<Value> {
        let mut entries = self.world.acme.all("audit").await;
        entries.extend(self.world.publisher.all("audit").await);
        entries.extend(self.world.host.platform.all("audit").await);
        entries
    }
}

/// A token of one's own organization.
pub async fn token(admin: &Actor, body: Value) -> (Actor, String) {
    let made = admin.post(&admin.own("tokens"), &body).await.good();
    let text = made["token"].as_str().unwrap();
    (Actor::new(&admin.url, &admin.org, text), made["id"].as_str().unwrap().to_owned())
}

const ALL_SCOPES: [&str; 4] = ["read", "write", "publish", "admin"];

/// A member with this role and these scopes.
pub async fn member(admin: &Actor, role: &str, scopes: &[&str]) -> Actor {
    let email = format!("{role}-{}@{}.example", scopes.len(), admin.org);
    let person = json!({ "email": email, "name": role, "role": role });
    let made = admin.post(&admin.own("members"), &person).await.good();
    token(admin, json!({ "name": role, "scopes": scopes, "user": made["user_id"] })).await.0
}

fn problem(
    status: u16,
    code: &str,
    title: &str,
    detail: &str,
    owner: &str,
    next_step: &str,
) -> Value {
    json!({
        "type": format!("https://venn.invalid/errors/{code}"), "title": title, "status": status,
        "code": code, "detail": detail, "owner": owner, "next_step": next_step, "problems": [],
    })
}

fn without_type(mut problem: Value) -> Value {
    assert!(
        problem["type"]
            .as_str()
            .is_some_and(|text| text.contains(problem["code"].as_str().unwrap()))
    );
    problem.as_object_mut().unwrap().remove("type");
    problem
}

#[track_caller]
fn assert_same(answer: &Answer, expected: &Value, context: &str) {
    assert_eq!(answer.kind, "application/problem+json", "{context}: {}", answer.text);
    let got = without_type(answer.body.clone());
    assert_eq!(got, without_type(expected.clone()), "{context}");
    assert_eq!(Some(u64::from(answer.status)), expected["status"].as_u64(), "{context}");
}

fn unauthenticated(detail: &str) -> Value {
    problem(
        401,
        "unauthenticated",
        "There is no valid token with the request.",
        detail,
        "caller",
        "Send `authorization: Bearer <token>`; `venn login` keeps one for the command line.",
    )
}

pub fn not_found() -> Value {
    problem(
        404,
        "not-found",
        "There is no such thing, or it is not yours to see.",
        "There is no such thing, or it is not yours to see.",
        "caller",
        "Check the address and the organization that your token is for (`GET /v1/me`).",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_token_every_route_says_the_same_and_does_nothing() {
    let town = Town::start().await;
    let acme = &town.world.acme;
    let (revoked, id) = token(acme, json!({ "name": "revoked", "scopes": ["read"] })).await;
    acme.delete(&acme.own(&format!("tokens/{id}"))).await.good();
    let short = json!({ "name": "expired", "scopes": ["read"], "expires_in_days": 1 });
    let (expired, _) = token(acme, short).await;
    expired.get("/v1/me").await.good();
    town.world.host.advance_ms(24 * 60 * 60 * 1_000);
    let known = acme.token.rsplit_once('_').unwrap().0;
    let texts = [
        String::new(),
        revoked.token,
        expired.token,
        "nonsense".to_owned(),
        "venn_".to_owned(),
        "venn__".to_owned(),
        known.to_owned(),
        format!("{known}_{}", "0".repeat(64)),
        format!("{}0", acme.token),
        "venn_7zzzzzzzzzzzzzzzzzzzzzzzzz_00".to_owned(),
    ];
    let before = town.audits().await;
    for row in ROWS.iter().filter(|row| row.needs != Needs::Public) {
        for text in &texts {
            let caller = Actor::new(&acme.url, "acme", text);
            let path = town.fill(row.path, &town.owner(row).org);
            let answer = town.call(&caller, row, &path).await;
            let detail = if text.is_empty() {
                "There is no token with the request."
            } else {
                "The token is not valid, or has expired."
            };
            let context = format!("{} {} with `{text}`", row.method, row.path);
            assert_same(&answer, &unauthenticated(detail), &context);
        }
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_what_is_there_from_what_is_not() {
    let town = Town::start().await;
    let before = town.audits().await;
    let id = town.world.acme.get("/v1/organizations/acme").await.good();
    let id = id["id"].as_str().unwrap();
    for row in ROWS.iter().filter(|row| row.path.contains("{org}")) {
        let owner = town.owner(row);
        let platform = &town.world.host.platform;
        for caller in [&town.stranger, &town.world.globex, platform] {
            let is_its_own = row.needs.is_of_platform()
                || (row.method, row.path) == ("GET", "/organizations/{org}");
            if caller.org == "platform" && is_its_own {
                continue;
            }
            for org in [owner.org.as_str(), id, "nowhere", "org_7zzzzzzzzzzzzzzzzzzzzzzzzz"] {
                let answer = town.call(caller, row, &town.fill(row.path, org)).await;
                let context = format!("{} {} as {} of {org}", row.method, row.path, caller.org);
                assert_same(&answer, &not_found(), &context);
            }
        }
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_others_do_nothing_under_ones_own_address() {
    let town = Town::start().await;
    let before = town.audits().await;
    let names_an_id = |row: &&Row| row.path.contains("{org}") && row.path.matches('{').count() > 1;
    for row in ROWS.iter().filter(names_an_id) {
        for path in [town.fill(row.path, "hooli"), town.fill_with_nobodys(row.path, "hooli")] {
            let answer = town.call(&town.stranger, row, &path).await;
            assert_same(&answer, &not_found(), &format!("{} {path}", row.method));
        }
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_routes_do_not_exist_for_others() {
    let town = Town::start().await;
    for row in ROWS.iter().filter(|row| row.needs.is_of_platform()) {
        for caller in [&town.world.acme, &town.world.publisher] {
            let answer = town.call(caller, row, &town.fill(row.path, "")).await;
            assert_same(&answer, &not_found(), &format!("{} {}", row.method, row.path));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_too_small_is_told_which_one_it_takes() {
    let town = Town::start().await;
    let mut members = BTreeMap::new();
    for admin in [&town.world.acme, &town.world.publisher, &town.world.host.platform] {
        for role in ["developer", "user", "support"] {
            members.insert((admin.org.clone(), role), member(admin, role, &ALL_SCOPES).await);
        }
    }
    let before = town.audits().await;
    for row in ROWS {
        let org = town.owner(row).org.clone();
        for role in refused_roles(row.needs) {
            let caller = &members[&(org.clone(), role)];
            let answer = town.call(caller, row, &town.fill(row.path, &org)).await;
            let detail = format!(
                "this needs the role {} in this organization; yours is {role}",
                roles_text(row.needs)
            );
            let expected = problem(
                403,
                "role-too-small",
                "The member's role does not allow this.",
                &detail,
                "organization-admin",
                "Ask an admin of your organization to do it or to change your role.",
            );
            assert_same(&answer, &expected, &format!("{} {} as {role}", row.method, row.path));
        }
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_is_told_which_one_it_takes() {
    let town = Town::start().await;
    let mut narrow = BTreeMap::new();
    for admin in [&town.world.acme, &town.world.publisher, &town.world.host.platform] {
        for (scope, rest) in [
            ("write", &["read", "publish"][..]),
            ("publish", &["read", "write"]),
            ("admin", &["read", "write", "publish"]),
        ] {
            let (actor, _) = token(admin, json!({ "name": scope, "scopes": rest })).await;
            narrow.insert((admin.org.clone(), scope), actor);
        }
    }
    let before = town.audits().await;
    // Every scope includes `read`.
    for row in ROWS.iter().filter(|row| !["", "read"].contains(&row.needs.scope())) {
        let org = town.owner(row).org.clone();
        let scope = row.needs.scope();
        let caller = &narrow[&(org.clone(), scope)];
        let answer = town.call(caller, row, &town.fill(row.path, &org)).await;
        let expected = problem(
            403,
            "scope-too-small",
            "The token's scopes do not allow this.",
            &format!("this needs a token with the scope `{scope}`"),
            "caller",
            &format!("Make a token with the scope `{scope}` and use that."),
        );
        assert_same(&answer, &expected, &format!("{} {}", row.method, row.path));
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_read_does_with_a_reading_token() {
    let town = Town::start().await;
    let mut readers = BTreeMap::new();
    for admin in [&town.world.acme, &town.world.publisher, &town.world.host.platform] {
        readers.insert(admin.org.clone(), member(admin, "support", &["read"]).await);
    }
    let readable = |row: &&Row| {
        row.method == "GET" && matches!(row.needs, Needs::Anyone | Needs::Member | Needs::Platform)
    };
    for row in ROWS.iter().filter(readable) {
        let org = town.owner(row).org.clone();
        let answer = town.call(&readers[&org], row, &town.fill(row.path, &org)).await;
        assert_eq!(answer.status, 200, "{} {}: {}", row.method, row.path, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_nouns_is_for_no_other_call_and_tells_who_it_is() {
    let town = Town::start().await;
    let acme = &town.world.acme;
    let body = json!({ "name": "x", "scopes": ["admin"], "nouns": ["imports", "accounts"] });
    let (narrow, id) = token(acme, body).await;
    let before = town.audits().await;
    for row in ROWS.iter().filter(|row| row.needs != Needs::Public) {
        let path = row.path.trim_start_matches("/organizations/{org}").trim_start_matches('/');
        let noun = path.split(['/', '?']).next().unwrap();
        if ["me", "imports", "accounts"].contains(&noun) {
            continue;
        }
        let answer = town.call(&narrow, row, &town.fill(row.path, "acme")).await;
        let refused = answer.refused(403, "scope-too-small");
        let noun = if noun.is_empty() { "organizations" } else { noun };
        assert_eq!(refused["detail"], format!("this token is not for calls of `{noun}`"));
    }
    assert_eq!(town.audits().await, before);
    narrow.get("/v1/me").await.good();
    narrow.get(&acme.own("accounts")).await.good();
    // It manages nothing, so it is not the last one that does.
    let listed = acme.all("tokens").await;
    let own = listed.iter().find(|token| token["id"] == id.as_str()).unwrap();
    assert_eq!(
        (&own["nouns"], &own["last_used_at"]),
        (&json!(["imports", "accounts"]), &Value::Null)
    );
    town.world.host.app.write_usage().await.unwrap();
    let listed = acme.all("tokens").await;
    let own = listed.iter().find(|token| token["id"] == id.as_str()).unwrap();
    assert_eq!(own["last_used_at"], town.world.host.app.clock.now().to_string());
    // It makes none for more than itself.
    let (maker, _) =
        token(acme, json!({ "name": "y", "scopes": ["admin"], "nouns": ["tokens", "runs"] })).await;
    for nouns in [json!([]), json!(["tokens", "members"])] {
        let body = json!({ "name": "z", "scopes": ["admin"], "nouns": nouns });
        let refused = maker.post(&acme.own("tokens"), &body).await.refused(403, "scope-too-small");
        assert_eq!(
            refused["detail"],
            "this token is for calls of `tokens`, `runs` only, and so is what it makes"
        );
    }
    token(&maker, json!({ "name": "z", "scopes": ["read"], "nouns": ["runs"] })).await;
    let twice = json!({ "name": "z", "scopes": ["read"], "nouns": ["runs", "runs"] });
    let refused = acme.post(&acme.own("tokens"), &twice).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "nouns: one is there twice.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_nouns_changes_no_people_and_lets_nobody_in() {
    let town = Town::start().await;
    let nouns = ["members", "services", "recovery-token"];
    let body = json!({ "name": "x", "scopes": ["admin"], "nouns": nouns });
    let (ours, _) = token(&town.world.acme, body.clone()).await;
    let (platforms, _) = token(&town.world.host.platform, body).await;
    let before = town.audits().await;
    let mut refused = 0;
    for row in ROWS.iter().filter(|row| row.method != "GET") {
        let path = row.path.trim_start_matches("/organizations/{org}/");
        if !nouns.contains(&path.split('/').next().unwrap()) {
            continue;
        }
        let caller = if row.needs.is_of_platform() { &platforms } else { &ours };
        let answer = town.call(caller, row, &town.fill(row.path, "acme")).await;
        let expected = problem(
            403,
            "scope-too-small",
            "The token's scopes do not allow this.",
            "this token is for calls of `members`, `services`, `recovery-token` only, and this one leads to all the others",
            "caller",
            "Use a token for all calls, or log in: who adds people or lets them in could be any of them.",
        );
        assert_same(&answer, &expected, &format!("{} {}", row.method, row.path));
        refused += 1;
    }
    assert_eq!(refused, 7);
    assert_eq!(town.audits().await, before);
    ours.get(&ours.own("members")).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stays_when_people_go_and_never_logs_in() {
    let world = World::start().await;
    let acme = &world.acme;
    let bob = member(acme, "admin", &["read", "admin"]).await;
    let body = json!({ "name": "nightly", "role": "user" });
    let made = bob.post(&acme.own("services"), &body).await.good();
    assert_eq!((&made["service"], &made["user_email"]), (&json!(true), &json!("")));
    let id = made["user_id"].as_str().unwrap();
    let body = json!({ "name": "nightly", "scopes": ["write"], "user": id });
    let (service, _) = token(&bob, body).await;
    let own = bob.get("/v1/me").await.good();
    let path = acme.own(&format!("members/{}", own["user_id"].as_str().unwrap()));
    assert_eq!(acme.delete(&path).await.status, 204);
    let body = json!({ "key": "vip", "title": "VIP" });
    service.post(&acme.own("populations"), &body).await.good();
    let told = acme.all("audit?action=population.created").await;
    assert_eq!(told[0]["actor"], id);
    // It has no password, and no way to one.
    let path = acme.own(&format!("members/{id}/invitation"));
    acme.post(&path, &json!({})).await.refused(404, "not-found");
    // The same name twice is two services.
    let body = json!({ "name": "nightly", "role": "user" });
    acme.post(&acme.own("services"), &body).await.good();
    assert_eq!(acme.delete(&acme.own(&format!("members/{id}"))).await.status, 204);
    service.get("/v1/me").await.refused(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_token_includes_the_other_scopes_and_a_removed_member_is_out_at_once() {
    let world = World::start().await;
    let acme = &world.acme;
    let (ops, _) = token(acme, json!({ "name": "ops", "scopes": ["admin"] })).await;
    ops.get(&acme.own("accounts")).await.good();
    ops.post(&acme.own("populations"), &json!({ "key": "vip", "title": "VIP" })).await.good();
    ops.get(&acme.own("tokens")).await.good();

    let user = member(acme, "user", &["read", "write"]).await;
    let me = user.get("/v1/me").await.good();
    let path = acme.own(&format!("members/{}", me["user_id"].as_str().unwrap()));
    assert_eq!(acme.delete(&path).await.status, 204);
    assert_same(
        &user.get("/v1/me").await,
        &unauthenticated("The token is not valid, or has expired."),
        "a removed member",
    );
    let own = acme.get("/v1/me").await.good();
    let path = acme.own(&format!("members/{}", own["user_id"].as_str().unwrap()));
    let demoted = acme.put(&format!("{path}/role"), &json!({ "role": "user" })).await;
    assert_eq!(
        demoted.refused(409, "wrong-state")["detail"],
        "This member is the last admin of the organization."
    );
    let last = acme.delete(&path).await.refused(409, "wrong-state");
    assert_eq!(last["detail"], "This member is the last admin of the organization.");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_counts_from_the_next_call_on() {
    let world = World::start().await;
    let acme = &world.acme;
    let bob = member(acme, "user", &["read", "write", "admin"]).await;
    let me = bob.get("/v1/me").await.good();
    let path = acme.own(&format!("members/{}/role", me["user_id"].as_str().unwrap()));
    let admin = json!({ "role": "admin" });
    bob.put(&path, &admin).await.refused(403, "role-too-small");
    let changed = acme.put(&path, &admin).await.good();
    assert_eq!((&changed["user_id"], &changed["role"]), (&me["user_id"], &json!("admin")));
    bob.get(&acme.own("tokens")).await.good();
    acme.put(&path, &json!({ "role": "support" })).await.good();
    bob.get(&acme.own("tokens")).await.refused(403, "role-too-small");
    let audit = acme.all("audit?action=member.role-changed").await;
    let details: Vec<_> =
        audit.iter().map(|entry| [&entry["detail"]["before"], &entry["detail"]["after"]]).collect();
    assert_eq!(details, [[&json!("admin"), &json!("support")], [&json!("user"), &json!("admin")]]);
    // Nobody of another organization, and nobody who is not there.
    world.globex.put(&path, &admin).await.refused(404, "not-found");
    let stranger = world.globex.get("/v1/me").await.good();
    let path = acme.own(&format!("members/{}/role", stranger["user_id"].as_str().unwrap()));
    acme.put(&path, &admin).await.refused(404, "not-found");
}
