//! Every route with what it needs, and a body that it takes.
//!
//! To add a route: a row in [`ROWS`]. `{import}` and the like stand for the id
//! of something that is really there: see `people.rs`.
use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What a route needs of its caller.
pub use venn_server::call::Access as Needs;

use Needs::{
    Admin, Anyone, Developer, Enrolling, Member, Oneself, Owner, Platform, PlatformAdmin, Public,
    User,
};

/// The roles that are too small.
pub fn refused_roles(needs: Needs) -> impl Iterator<Item = &'static str> {
    let all = Anyone.roles().iter().copied();
    all.filter(move |role| !needs.roles().contains(role))
}

/// The roles that may, as a refusal names them.
pub fn roles_text(needs: Needs) -> &'static str {
    match needs {
        Public | Anyone | Oneself | Enrolling | Member | Platform => "",
        User => "admin or user",
        Admin | Owner | PlatformAdmin => "admin",
        Developer => "admin or developer",
    }
}

/// One route with one method.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub needs: Needs,
    /// A body that passes its shape: `{org}` and the like are replaced. Empty
    /// for none, `file` for bytes, `form` for a release.
    pub body: &'static str,
}

impl Row {
    /// Whether the body is JSON with members.
    pub fn takes_json(&self) -> bool {
        self.body.starts_with('{')
    }

    /// The body with ids in place.
    pub fn json(&self, fill: impl Fn(&str) -> String) -> Value {
        serde_json::from_str(&fill(self.body)).unwrap_or_else(|_| json!({}))
    }
}

const fn get(path: &'static str, needs: Needs) -> Row {
    Row { method: "GET", path, needs, body: "" }
}

const fn post(path: &'static str, needs: Needs, body: &'static str) -> Row {
    Row { method: "POST", path, needs, body }
}

const fn put(path: &'static str, needs: Needs, body: &'static str) -> Row {
    Row { method: "PUT", path, needs, body }
}

const fn delete(path: &'static str, needs: Needs) -> Row {
    Row { method: "DELETE", path, needs, body: "" }
}

const GRANT: &str =
    r#"{"capabilities":[],"partnerships":[],"populations":[],"fields":[],"egress_hosts":[]}"#;
const INSTALL: &str = r#"{"plugin":"script","name":"x","grant":{"capabilities":[],"partnerships":[],"populations":[],"fields":[],"egress_hosts":[]},"config":{},"connections":{}}"#;

/// Every route of `/v1`.
pub const ROWS: &[Row] = &[
    get("/me", Enrolling),
    post("/sessions", Public, r#"{"organization":"acme","email":"x@x.example","password":"x"}"#),
    get("/me/sessions", Anyone),
    delete("/me/sessions/{session}", Oneself),
    delete("/me/session", Enrolling),
    get("/me/second-factor", Enrolling),
    post("/me/second-factor", Enrolling, r#"{"password":"x"}"#),
    post("/me/second-factor/confirm", Enrolling, r#"{"code":"x"}"#),
    post("/me/second-factor/remove", Oneself, r#"{"code":"x"}"#),
    put("/organizations/{org}/second-factor", Owner, r#"{"demanded":false}"#),
    delete("/organizations/{org}/members/{user}/second-factor", Owner),
    put("/me/password", Oneself, r#"{"current":"x","password":"correct horse battery"}"#),
    post("/passwords", Public, r#"{"invitation":"x","password":"correct horse battery"}"#),
    get("/directory", Anyone),
    get("/organizations", Anyone),
    post(
        "/organizations",
        PlatformAdmin,
        r#"{"slug":"x","name":"X","customer":true,"publisher":false,"admin_email":"x@x.example","admin_name":"X"}"#,
    ),
    get("/organizations/{org}", Member),
    get("/organizations/{org}/members", Member),
    post(
        "/organizations/{org}/members",
        Owner,
        r#"{"email":"x@x.example","name":"X","role":"user"}"#,
    ),
    post("/organizations/{org}/services", Owner, r#"{"name":"x","role":"user"}"#),
    put("/organizations/{org}/members/{user}/role", Owner, r#"{"role":"user"}"#),
    post("/organizations/{org}/members/{user}/invitation", Owner, ""),
    delete("/organizations/{org}/members/{user}", Owner),
    get("/organizations/{org}/tokens", Owner),
    post("/organizations/{org}/tokens", Owner, r#"{"name":"x","scopes":["read"]}"#),
    delete("/organizations/{org}/tokens/{token}", Owner),
    post("/organizations/{org}/recovery-token", PlatformAdmin, r#"{"reason":"x"}"#),
    get("/organizations/{org}/api-usage", Admin),
    get("/organizations/{org}/populations", Member),
    post("/organizations/{org}/populations", User, r#"{"key":"x","title":"X"}"#),
    get("/organizations/{org}/imports", Member),
    post(
        "/organizations/{org}/imports",
        User,
        r#"{"mode":"merge","file_name":"x.csv","columns":null,"stages":null}"#,
    ),
    get("/organizations/{org}/imports/{import}", Member),
    put("/organizations/{org}/imports/{import}/file", User, "file"),
    post("/organizations/{org}/imports/{import}/confirm", User, ""),
    post("/organizations/{org}/imports/{import}/cancel", User, ""),
    get("/organizations/{org}/accounts", Member),
    get("/organizations/{org}/accounts/{account}", Member),
    get("/organizations/{org}/sources", Member),
    get("/organizations/{org}/sources/{install}", Member),
    post("/organizations/{org}/sources/{install}/confirm", User, r#"{"removes":1}"#),
    post("/organizations/{org}/sources/{install}/cancel", User, ""),
    get("/organizations/{org}/accounts/{account}/why-not?partnership={partnership}", Member),
    get("/organizations/{org}/accounts/{account}/timeline", Member),
    get("/organizations/{org}/partnerships", Member),
    post("/organizations/{org}/partnerships", Admin, r#"{"partner":"hooli"}"#),
    get("/organizations/{org}/partnerships/{partnership}", Member),
    post("/organizations/{org}/partnerships/{partnership}/accept", Admin, ""),
    post("/organizations/{org}/partnerships/{partnership}/end", Admin, ""),
    get("/organizations/{org}/partnerships/{partnership}/sharing-rules", Member),
    put("/organizations/{org}/partnerships/{partnership}/sharing-rules", Admin, r#"{"rules":[]}"#),
    get("/organizations/{org}/partnerships/{partnership}/matrix", Member),
    get("/organizations/{org}/partnerships/{partnership}/overlaps", Member),
    get("/organizations/{org}/partnerships/{partnership}/overlaps/{overlap}", Member),
    get("/organizations/{org}/partnerships/{partnership}/unpaired", Member),
    post(
        "/organizations/{org}/partnerships/{partnership}/pairings",
        User,
        r#"{"our_account":"{account}","their_account":"acc_7zzzzzzzzzzzzzzzzzzzzzzzzz","decision":"link"}"#,
    ),
    get("/organizations/{org}/plugins", Member),
    post("/organizations/{org}/plugins", Developer, r#"{"name":"x"}"#),
    get("/organizations/{org}/plugins/{plugin}", Member),
    get("/organizations/{org}/plugins/{plugin}/releases", Member),
    post("/organizations/{org}/plugins/{plugin}/releases", Developer, "form"),
    get("/organizations/{org}/plugins/{plugin}/releases/{release}", Member),
    post(
        "/organizations/{org}/plugins/{plugin}/releases/{release}/withdraw",
        Developer,
        r#"{"reason":"x"}"#,
    ),
    get("/organizations/{org}/plugins/{plugin}/credentials", Member),
    put(
        "/organizations/{org}/plugins/{plugin}/credentials/{credential}",
        Admin,
        r#"{"kind":"webhook-secret","secret":"sixteen-bytes-ok"}"#,
    ),
    post(
        "/organizations/{org}/plugins/{plugin}/credentials/{credential}/rotate",
        Admin,
        r#"{"secret":"sixteen-bytes-ok"}"#,
    ),
    delete("/organizations/{org}/plugins/{plugin}/credentials/{credential}", Admin),
    get("/organizations/{org}/signing-keys", Member),
    post(
        "/organizations/{org}/signing-keys",
        Developer,
        r#"{"name":"x","public_key":"x","proof":"x"}"#,
    ),
    post(
        "/organizations/{org}/signing-keys/{key}/rotate",
        Developer,
        r#"{"name":"x","public_key":"x","proof":"x","endorsement":"x"}"#,
    ),
    post("/organizations/{org}/signing-keys/{key}/revoke", Owner, r#"{"because":"retired"}"#),
    get("/review/releases", Platform),
    get("/review/releases/{release}", Platform),
    get("/review/releases/{release}/dependencies", Platform),
    get("/review/advisories", Platform),
    get("/review/publishers/{org}/verification", Platform),
    put("/review/publishers/{org}/verification", PlatformAdmin, r#"{"reason":"x"}"#),
    post("/review/publishers/{org}/verification/end", PlatformAdmin, r#"{"reason":"x"}"#),
    get("/organizations/{org}/verification", Member),
    post("/organizations/{org}/verification", Owner, r#"{"domain":"nobody.invalid"}"#),
    post("/review/releases/{release}/decision", PlatformAdmin, r#"{"go":false,"reason":"x"}"#),
    post("/review/releases/{release}/withdraw", PlatformAdmin, r#"{"reason":"x"}"#),
    put(
        "/review/plugins/{plugin}/approval",
        PlatformAdmin,
        r#"{"capabilities":[],"fields":[],"egress":[]}"#,
    ),
    post("/review/plugins/{plugin}/suspend", PlatformAdmin, r#"{"reason":"x"}"#),
    post("/review/plugins/{plugin}/resume", PlatformAdmin, ""),
    get("/marketplace/plugins", Anyone),
    get("/marketplace/plugins/{name}", Anyone),
    get("/organizations/{org}/connections", Member),
    post(
        "/organizations/{org}/connections",
        Admin,
        r#"{"name":"x","kind":"api-key","host":"api.example.com","secret":"x"}"#,
    ),
    get("/organizations/{org}/connections/{connection}", Member),
    delete("/organizations/{org}/connections/{connection}", Admin),
    put("/organizations/{org}/connections/{connection}/secret", Admin, r#"{"secret":"x"}"#),
    get("/organizations/{org}/installs", Member),
    post("/organizations/{org}/installs", Admin, INSTALL),
    get("/organizations/{org}/installs/{install}", Member),
    // Before the install is gone.
    delete("/organizations/{org}/installs/{install}/webhooks/{webhook}", Admin),
    delete("/organizations/{org}/installs/{install}", Admin),
    get("/organizations/{org}/installs/{install}/schedules", Member),
    get("/organizations/{org}/installs/{install}/webhooks", Member),
    post("/organizations/{org}/installs/{install}/webhooks/{webhook}/open", Admin, "{}"),
    post("/organizations/{org}/installs/{install}/webhooks/{webhook}/rotate", Admin, "{}"),
    post("/organizations/{org}/installs/{install}/check", Admin, ""),
    post("/organizations/{org}/installs/{install}/enable", Admin, ""),
    post("/organizations/{org}/installs/{install}/connections/{request}/connect", Admin, "{}"),
    post(
        "/organizations/{org}/installs/{install}/connections/{request}/connect/finish",
        Admin,
        r#"{"word":"x"}"#,
    ),
    put("/organizations/{org}/installs/{install}/grant", Admin, GRANT),
    put("/organizations/{org}/installs/{install}/config", Admin, "{}"),
    put("/organizations/{org}/installs/{install}/connections", Admin, "{}"),
    post("/organizations/{org}/installs/{install}/pause", Admin, ""),
    post("/organizations/{org}/installs/{install}/resume", Admin, ""),
    post("/organizations/{org}/installs/{install}/run", User, ""),
    get("/organizations/{org}/installs/{install}/actions", Member),
    post("/organizations/{org}/installs/{install}/ask", User, r#"{"action":"overlaps"}"#),
    post("/organizations/{org}/installs/{install}/try", User, ""),
    post("/organizations/{org}/installs/{install}/upgrade", Admin, r#"{"release":"{release}"}"#),
    get("/organizations/{org}/installs/{install}/backfill?partnership={partnership}", Admin),
    post(
        "/organizations/{org}/installs/{install}/backfill",
        Admin,
        r#"{"partnership":"{partnership}"}"#,
    ),
    get("/organizations/{org}/deliveries", Member),
    get("/organizations/{org}/deliveries/{delivery}", Member),
    post("/organizations/{org}/deliveries/{delivery}/redeliver", User, ""),
    post("/organizations/{org}/deliveries/{delivery}/discard", Admin, r#"{"reason":"x"}"#),
    get("/organizations/{org}/runs", Member),
    get("/organizations/{org}/runs/{run}", Member),
    get("/organizations/{org}/runs/{run}/log", Member),
    get("/organizations/{org}/runs/{run}/transcript", Member),
    post("/organizations/{org}/runs/{run}/replay", Member, ""),
    get("/support-grants", Anyone),
    get("/organizations/{org}/support-grants", Member),
    post(
        "/organizations/{org}/support-grants",
        Admin,
        r#"{"to":"platform","install":"{install}","things":["runs"],"hours":1,"reason":"x"}"#,
    ),
    delete("/organizations/{org}/support-grants/{grant}", Admin),
    get("/organizations/{org}/inbox", Member),
    get("/organizations/{org}/inbox/{item}", Member),
    post("/organizations/{org}/inbox/{item}/done", User, ""),
    get("/organizations/{org}/waiting", Member),
    get("/organizations/{org}/incidents", Member),
    get("/organizations/{org}/audit", Member),
    get("/organizations/{org}/audit/export", Member),
    get("/organizations/{org}/audit/verify", Member),
];

#[test]
fn every_call_has_a_row_here_and_every_row_is_a_call_with_the_same_need() {
    let rows = ROWS.iter().map(|row| {
        let path = row.path.split('?').next().unwrap();
        (row.method.to_owned(), path.to_owned(), format!("{:?}", row.needs))
    });
    let calls = venn_server::routes::v1();
    let calls = calls
        .all()
        .map(|call| (call.method.to_string(), call.path.to_owned(), format!("{:?}", call.access)));
    let (rows, calls): (BTreeSet<_>, BTreeSet<_>) = (rows.collect(), calls.collect());
    let missing: Vec<_> = calls.difference(&rows).collect();
    let gone: Vec<_> = rows.difference(&calls).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "calls of host/server/src/routes/ without a row in ROWS: {missing:#?}; rows that are no call, or need something else: {gone:#?}"
    );
}
