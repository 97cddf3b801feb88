//! Every route with what it needs, and a body that it takes.
//!
//! To add a route: a row in [`ROWS`]. `{import}` and the like stand for the id
//! of something that is really there: see `people.rs`.
use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any member of any organization, to read.
    Anyone,
    /// Any member of the organization, to read.
    Member,
    /// A user or admin of the organization.
    User,
    /// An admin of the organization.
    Admin,
    /// An admin of the organization with an admin token.
    Owner,
    /// A developer or admin of the organization.
    Developer,
    /// Any member of the platform, to read.
    Platform,
    /// An admin of the platform.
    PlatformAdmin,
}

use Needs::{Admin, Anyone, Developer, Member, Owner, Platform, PlatformAdmin, User};

impl Needs {
    /// The scope of the token.
    pub fn scope(self) -> &'static str {
        match self {
            Anyone | Member | Platform => "read",
            User | Admin => "write",
            Owner | PlatformAdmin => "admin",
            Developer => "publish",
        }
    }

    /// The roles that are too small.
    pub fn refused_roles(self) -> &'static [&'static str] {
        match self {
            Anyone | Member | Platform => &[],
            User => &["developer", "support"],
            Admin | Owner | PlatformAdmin => &["developer", "user", "support"],
            Developer => &["user", "support"],
        }
    }

    /// The roles that may, as a refusal names them.
    pub fn roles_text(self) -> &'static str {
        match self {
            Anyone | Member | Platform => "",
            User => "admin or user",
            Admin | Owner | PlatformAdmin => "admin",
            Developer => "admin or developer",
        }
    }

    /// Only people of the platform may know of it.
    pub fn is_of_platform(self) -> bool {
        matches!(self, Platform | PlatformAdmin)
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
    get("/me", Anyone),
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
    delete("/organizations/{org}/members/{user}", Owner),
    get("/organizations/{org}/tokens", Owner),
    post("/organizations/{org}/tokens", Owner, r#"{"name":"x","scopes":["read"]}"#),
    delete("/organizations/{org}/tokens/{token}", Owner),
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
    post("/review/releases/{release}/decision", PlatformAdmin, r#"{"go":false,"reason":"x"}"#),
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
    delete("/organizations/{org}/installs/{install}", Admin),
    post("/organizations/{org}/installs/{install}/check", Admin, ""),
    post("/organizations/{org}/installs/{install}/enable", Admin, ""),
    put("/organizations/{org}/installs/{install}/grant", Admin, GRANT),
    put("/organizations/{org}/installs/{install}/config", Admin, "{}"),
    put("/organizations/{org}/installs/{install}/connections", Admin, "{}"),
    post("/organizations/{org}/installs/{install}/pause", Admin, ""),
    post("/organizations/{org}/installs/{install}/resume", Admin, ""),
    post("/organizations/{org}/installs/{install}/run", User, ""),
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
    get("/organizations/{org}/runs", Member),
    get("/organizations/{org}/runs/{run}", Member),
    get("/organizations/{org}/runs/{run}/log", Member),
    get("/organizations/{org}/runs/{run}/transcript", Member),
    post("/organizations/{org}/runs/{run}/replay", Member, ""),
    get("/organizations/{org}/inbox", Member),
    get("/organizations/{org}/incidents", Member),
    get("/organizations/{org}/audit", Member),
    get("/organizations/{org}/audit/export", Member),
    get("/organizations/{org}/audit/verify", Member),
];

/// The route table as it is written.
const SOURCE: &str = include_str!("../../../host/server/src/routes.rs");

/// Methods and paths of the source: each `.route("path", get(…).put(…))`.
fn routes_of(source: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    // `let upload = post(…)` is used by name.
    let named: Vec<(String, String)> = source
        .split("let ")
        .skip(1)
        .filter_map(|rest| {
            let (name, made) = rest.split_once(" = ")?;
            let method = made.split_once('(')?.0.trim();
            Some((name.to_owned(), method.to_owned()))
        })
        .collect();
    for rest in source.split(".route(").skip(1) {
        let path = rest.split('"').nth(1).unwrap();
        let code = rest.split_once(',').unwrap().1;
        let code = &code[..end_of_call(code)];
        for method in ["get", "post", "put", "delete", "patch"] {
            let direct = code.match_indices(&format!("{method}(")).any(|(at, _)| {
                // `review::get)` is a handler; a method begins a word and opens.
                !code[..at].ends_with(':') && !code[..at].ends_with('_')
            });
            let by_name =
                named.iter().any(|(name, of)| of == method && code.contains(name.as_str()));
            if direct || by_name {
                found.insert((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    found
}

/// Where the parenthesis that is open at the start closes.
fn end_of_call(code: &str) -> usize {
    let mut depth = 1;
    for (at, c) in code.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

#[test]
fn every_route_has_a_row_here_and_every_row_is_a_route() {
    let rows = ROWS.iter().map(|row| {
        let path = row.path.split('?').next().unwrap();
        (row.method.to_owned(), path.to_owned())
    });
    let (rows, routes): (BTreeSet<_>, _) = (rows.collect(), routes_of(SOURCE));
    assert!(routes.len() > 60, "the parser sees {} routes", routes.len());
    let missing: Vec<_> = routes.difference(&rows).collect();
    let gone: Vec<_> = rows.difference(&routes).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a row: {missing:#?}; gone: {gone:#?}");
}

#[test]
fn the_parser_sees_what_is_written() {
    let source = r#"let upload = post(x::up).layer(y(1));
        .route("/a", get(a::get).post(a::create))
        .route("/b/{c}", upload.get(b::list))
        .route(
            "/d",
            put(d::put),
        )"#;
    let expected =
        [("GET", "/a"), ("GET", "/b/{c}"), ("POST", "/a"), ("POST", "/b/{c}"), ("PUT", "/d")];
    let expected = expected.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(routes_of(source), BTreeSet::from(expected));
}
