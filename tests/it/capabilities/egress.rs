//! Calling out: where it may go, as which message, and with a credential that
//! the plugin never sees.
use serde_json::{Value, json};

use crate::support::{
    World, guest,
    script::{Script, denied, refused},
    world::CRM_TOKEN,
};

const EGRESS: &str = "http:egress";
const NOT_ASKED: &str = "the manifest does not ask for it";
const NOT_APPROVED: &str = "the platform did not approve it for this plugin";
const NOT_GRANTED: &str = "the customer did not grant it";
const ECHO_SECRET: &str = "echo-canary-51d7";
const BOTH: [&str; 2] = ["api.hubapi.com", "echo.example"];

fn call(method: &str, url: &str) -> Value {
    json!({ "call": "http.send", "method": method, "url": url })
}

fn with(mut step: Value, member: &str, value: Value) -> Value {
    step[member] = value;
    step
}

/// The manifest with `echo.example` besides, and a connection there.
fn manifest() -> Value {
    let mut manifest = World::manifest("script");
    let echo = json!({ "host": "echo.example", "methods": [], "paths": [], "reason": "To be tested.",
                       "data": "Test data.", "retention": "None." });
    manifest["egress"].as_array_mut().unwrap().push(echo);
    let connection = json!({ "name": "echo", "title": "Echo", "kind": "api-key", "host": "echo.example",
                             "header": "x-api-key", "prefix": "" });
    manifest["connections"].as_array_mut().unwrap().push(connection);
    manifest
}

/// Acme with the listed guest enabled for these hosts, connections in place.
async fn enabled<'w>(world: &'w World, hosts: &[&str]) -> Script<'w> {
    let crm = world.connection().await;
    let acme = &world.acme;
    let body =
        json!({ "name": "echo", "kind": "api-key", "host": "echo.example", "secret": ECHO_SECRET });
    let echo = acme.post(&acme.own("connections"), &body).await.good();
    let mut grant = world.grant();
    grant["egress_hosts"] = json!(hosts);
    let body = json!({ "plugin": "script", "name": "main", "grant": grant, "config": {},
                       "connections": { "crm": crm, "echo": echo["id"] } });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap().to_owned();
    acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
    world.runs(&install).await;
    Script { world, install }
}

async fn installed(world: &World) -> Script<'_> {
    world.listed(&manifest(), guest("script")).await;
    enabled(world, &BOTH).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_call_goes_out_with_the_credential_and_comes_back_without() {
    let world = World::start().await;
    let script = installed(&world).await;
    let did = script
        .does(json!([
            with(
                call("GET", "https://api.hubapi.com/crm/v3/objects/tasks"),
                "connection",
                json!("crm")
            ),
            with(call("GET", "https://echo.example/any?q=1"), "connection", json!("echo")),
            call("GET", "https://echo.example/plain"),
        ]))
        .await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    let calls = world.sim.calls();
    assert_eq!(calls.last().unwrap().token_fingerprint, Some(venn_testkit::fingerprint(CRM_TOKEN)));
    // The third party says what it was sent: the secret is taken out of it.
    let body: Value = serde_json::from_str(did.results[1]["ok"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["headers"]["x-api-key"], json!(["[redacted]"]));
    assert_eq!(
        (&body["path"], &body["headers"]["host"]),
        (&json!("/any"), &json!(["echo.example"]))
    );
    let plain: Value =
        serde_json::from_str(did.results[2]["ok"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(plain["headers"]["x-api-key"], Value::Null);
    // What people see of it has no query and no value.
    let targets: Vec<_> =
        did.run["calls"].as_array().unwrap().iter().map(|call| call["target"].clone()).collect();
    assert_eq!(
        targets,
        [
            "GET api.hubapi.com/crm/v3/objects/tasks",
            "GET echo.example/any",
            "GET echo.example/plain"
        ]
    );
    assert_eq!(did.run["calls"][0]["connection"], "crm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_on_the_disk_only_sealed() {
    let world = World::start().await;
    let script = installed(&world).await;
    let echo = with(call("POST", "https://echo.example/any"), "connection", json!("echo"));
    let crm = with(
        call("GET", "https://api.hubapi.com/crm/v3/objects/tasks"),
        "connection",
        json!("crm"),
    );
    script.does(json!([echo, crm])).await;
    let run = script.done().await.run["id"].as_str().unwrap().to_owned();
    for part in ["", "/log", "/transcript"] {
        let text = world.acme.get(&world.acme.own(&format!("runs/{run}{part}"))).await.text;
        assert!(!text.contains(ECHO_SECRET) && !text.contains(CRM_TOKEN), "{text}");
    }
    let data = world.host.stop().await;
    for secret in [ECHO_SECRET, CRM_TOKEN] {
        let leaks = data.places_with(secret.as_bytes());
        assert!(leaks.is_empty(), "{secret} is in {leaks:?}");
    }
    // The search finds what is there.
    assert!(!data.places_with(run.as_bytes()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_agreed_on_is_denied_by_the_layer_that_lacks_it() {
    let world = World::start().await;
    let release = world.publisher.publish(&manifest(), guest("script")).await.good();
    let rule =
        |host: &str, paths: Value| json!({ "host": host, "methods": ["GET"], "paths": paths });
    let ceiling = json!({
        "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
        "fields": ["our-name", "their-name", "their-owner"],
        "egress": [rule("api.hubapi.com", json!(["/crm/v3"])), rule("echo.example", json!([]))],
    });
    world.approve("script", &release, &ceiling).await;
    let script = enabled(&world, &["api.hubapi.com"]).await;
    let cases = [
        (
            "GET",
            "https://evil.example.com/a?secret=1",
            "https://evil.example.com/a",
            NOT_ASKED,
            "publisher",
        ),
        (
            "DELETE",
            "https://api.hubapi.com/crm/v3",
            "https://api.hubapi.com/crm/v3",
            NOT_ASKED,
            "publisher",
        ),
        (
            "GET",
            "https://api.hubapi.com/oauth",
            "https://api.hubapi.com/oauth",
            NOT_ASKED,
            "publisher",
        ),
        (
            "GET",
            "https://api.hubapi.com/crmx",
            "https://api.hubapi.com/crmx",
            NOT_ASKED,
            "publisher",
        ),
        (
            "GET",
            "https://api.hubapi.com:8443/crm/v3",
            "https://api.hubapi.com:8443/crm/v3",
            NOT_ASKED,
            "publisher",
        ),
        (
            "GET",
            "http://api.hubapi.com/crm/v3",
            "http://api.hubapi.com/crm/v3",
            NOT_ASKED,
            "publisher",
        ),
        (
            "GET",
            "https://a.api.hubapi.com/crm/v3",
            "https://a.api.hubapi.com/crm/v3",
            NOT_ASKED,
            "publisher",
        ),
        (
            "POST",
            "https://api.hubapi.com/crm/v3",
            "https://api.hubapi.com/crm/v3",
            NOT_APPROVED,
            "platform-admin",
        ),
        (
            "GET",
            "https://api.hubapi.com/crm/v4",
            "https://api.hubapi.com/crm/v4",
            NOT_APPROVED,
            "platform-admin",
        ),
        ("GET", "https://echo.example/", "https://echo.example/", NOT_GRANTED, "customer-admin"),
    ];
    let steps: Vec<_> = cases.iter().map(|(method, url, ..)| call(method, url)).collect();
    let did = script.does(json!(steps)).await;
    for ((method, _, shown, why, who), result) in cases.iter().zip(&did.results) {
        assert_eq!(*result, denied(EGRESS, &format!("{method} {shown}"), why, who));
    }
    assert_eq!(
        (&did.run["denials"], &did.run["usage"]["http_calls"]),
        (&json!(cases.len()), &json!(0))
    );
    assert_eq!(world.acme.all("audit?action=run.denied").await.len(), cases.len());

    // Without the capability the host does not matter.
    let mut grant = world.grant();
    grant["capabilities"] = json!(["overlaps:read"]);
    world.regrant(&script.install, &grant).await;
    let answer = script.asks(call("GET", "https://api.hubapi.com/crm/v3")).await;
    assert_eq!(answer, denied(EGRESS, "capability http:egress", NOT_GRANTED, "customer-admin"));
    assert_eq!(world.sim.calls().len() + world.echo.calls().len(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_goes_to_its_own_origin_only() {
    let world = World::start().await;
    let script = installed(&world).await;
    let did = script
        .does(json!([
            with(call("GET", "https://echo.example/steal"), "connection", json!("crm")),
            with(
                call("GET", "https://api.hubapi.com/crm/v3/objects/tasks"),
                "connection",
                json!("echo")
            ),
            with(call("GET", "https://echo.example/x"), "connection", json!("nope")),
        ]))
        .await;
    let bound = "the connection is bound to https://api.hubapi.com";
    let other = "the connection is bound to https://echo.example";
    assert_eq!(
        did.results,
        [
            denied(EGRESS, "connection crm at https://echo.example", bound, "publisher"),
            denied(EGRESS, "connection echo at https://api.hubapi.com", other, "publisher"),
            denied(EGRESS, "connection nope", NOT_ASKED, "publisher"),
        ]
    );
    assert_eq!(world.sim.calls().len() + world.echo.calls().len(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_and_headers_that_mean_something_else_are_refused() {
    let world = World::start().await;
    let script = installed(&world).await;
    let header = |name: &str, value: &str| {
        with(call("GET", "https://echo.example/h"), "headers", json!([[name, value]]))
    };
    let crm = |step: Value| with(step, "connection", json!("echo"));
    let cases = [
        (
            call("GET", "https://127.0.0.1/crm"),
            "the URL is refused: its host is an IP address; hosts are names",
        ),
        (
            call("GET", "https://[::1]/crm"),
            "the URL is refused: its host is an IP address; hosts are names",
        ),
        (
            call("GET", "https://2130706433/crm"),
            "the URL is refused: its host is an IP address; hosts are names",
        ),
        (
            call("GET", "https://0x7f.1/crm"),
            "the URL is refused: its host is an IP address; hosts are names",
        ),
        (
            call("GET", "https://api.hubapi.com@echo.example/"),
            "the URL is refused: it has a user name before `@`; use a connection for credentials",
        ),
        (
            call("GET", "https://api.hubapi.com\\@echo.example/"),
            "the URL is refused: it has a user name before `@`; use a connection for credentials",
        ),
        (
            call("GET", "file:///etc/passwd"),
            "the URL is refused: its scheme is not `https` or `http`",
        ),
        (call("GET", "/crm"), "the URL is refused: it is not absolute; write `https://host/path`"),
        (
            call("get", "https://echo.example/"),
            "the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, in upper case",
        ),
        (
            call("CONNECT", "https://echo.example/"),
            "the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, in upper case",
        ),
        (header("Host", "evil.example.com"), "the header `Host` is set by the host"),
        (header("idempotency-key", "mine"), "the header `idempotency-key` is set by the host"),
        (header("x-forwarded-for", "127.0.0.1"), "the header `x-forwarded-for` is set by the host"),
        (
            header("transfer-encoding", "chunked"),
            "the header `transfer-encoding` is set by the host",
        ),
        (
            header("x-a", "b\r\nhost: evil"),
            "the header is refused: its value has a control character",
        ),
        (
            header("x a", "b"),
            "the header is refused: its name is not a token of letters, digits and `!#$%&'*+-.^_`|~`",
        ),
        (
            crm(header("Authorization", "Bearer mine")),
            "the header `Authorization` is set by the host where it adds a credential",
        ),
        (
            crm(header("X-Api-Key", "mine")),
            "the header `X-Api-Key` is set by the host where it adds a credential",
        ),
        (
            crm(header("cookie", "a=b")),
            "the header `cookie` is set by the host where it adds a credential",
        ),
    ];
    let steps: Vec<_> = cases.iter().map(|(step, _)| step.clone()).collect();
    let did = script.does(json!(steps)).await;
    assert_eq!(did.results.len(), cases.len(), "{}", did.run);
    for ((step, why), result) in cases.iter().zip(&did.results) {
        assert_eq!(*result, refused("invalid", why), "{step}");
    }
    assert_eq!(world.sim.calls().len() + world.echo.calls().len(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_climb_out_are_refused_or_denied() {
    let world = World::start().await;
    let script = installed(&world).await;
    let paths = [
        "/crm/../oauth",
        "/crm/%2e%2e/oauth",
        "/crm/..%2foauth",
        "/crm/./../oauth",
        "/crm%2f..%2foauth",
        "//crm",
        "/crm\\..\\oauth",
        "/crm/%00",
        "/%63rm/../oauth",
    ];
    let steps: Vec<_> =
        paths.iter().map(|path| call("GET", &format!("https://api.hubapi.com{path}"))).collect();
    let did = script.does(json!(steps)).await;
    for (path, result) in paths.iter().zip(&did.results) {
        assert!(result["ok"].is_null(), "{path}: {result}");
        assert!(
            result["denied"].is_object() || result["error"]["kind"] == "invalid",
            "{path}: {result}"
        );
    }
    assert_eq!(world.sim.calls().len(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_handed_over_and_never_followed() {
    let world = World::start().await;
    let script = installed(&world).await;
    let to = "https://api.hubapi.com/crm/v3/objects/tasks";
    let redirect = with(
        call("GET", &format!("https://echo.example/redirect?to={to}&code=307")),
        "connection",
        json!("echo"),
    );
    let answer = script.asks(redirect).await;
    assert_eq!(answer["ok"]["status"], 307);
    let location =
        answer["ok"]["headers"].as_array().unwrap().iter().find(|header| header[0] == "location");
    assert_eq!(location.unwrap()[1], to);
    assert_eq!((world.echo.calls().len(), world.sim.calls().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_or_too_late_is_an_error_of_its_kind() {
    let world = World::start().await;
    let script = installed(&world).await;
    let slow = with(call("GET", "https://echo.example/slow"), "timeout_ms", json!(200));
    let did = script
        .does(json!([
            call("GET", "https://echo.example/bytes/5242880"),
            call("GET", "https://echo.example/bytes/5242881"),
            slow,
            call("GET", "https://echo.example/status/503"),
        ]))
        .await;
    // A body at the limit is more than a report may hold: look at the call.
    let results: Vec<_> =
        did.run["calls"].as_array().unwrap().iter().map(|call| call["result"].clone()).collect();
    assert_eq!(results[0]["status"], 200, "{results:?}");
    assert_eq!(
        (&results[1]["result"], &results[1]["kind"]),
        (&json!("network-failed"), &json!("body-too-large"))
    );
    assert_eq!(
        (&results[2]["result"], &results[2]["kind"]),
        (&json!("network-failed"), &json!("timeout"))
    );
    assert_eq!(results[3]["status"], 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idempotency_key_is_the_operations_own_in_one_delivery() {
    let world = World::start().await;
    let script = installed(&world).await;
    let post = |operation: &str| {
        with(call("POST", "https://echo.example/w"), "operation", json!(operation))
    };
    let steps = json!([
        post("task/1"),
        post("task/1"),
        post("task/2"),
        call("GET", "https://echo.example/r"),
        call("POST", "https://echo.example/w"),
        call("POST", "https://echo.example/w")
    ]);
    let keys = |results: &[Value]| -> Vec<Value> {
        let body = |result: &Value| {
            serde_json::from_str::<Value>(result["ok"]["body"].as_str().unwrap()).unwrap()
        };
        results.iter().map(|result| body(result)["headers"]["idempotency-key"][0].clone()).collect()
    };
    let first = keys(&script.does(steps.clone()).await.results);
    assert_eq!(first[0], first[1]);
    assert_ne!(first[0], first[2]);
    assert_eq!(first[3], Value::Null, "reading needs none");
    assert_ne!(first[4], first[5], "equal calls without a name are counted apart");
    let second = keys(&script.does(steps).await.results);
    assert!(
        second.iter().zip(&first).all(|(a, b)| a.is_null() || a != b),
        "another delivery, other keys"
    );
    let failing = json!([post("task/1"), { "call": "fault", "code": "x", "cause": "third-party", "retry_after": 1 }]);
    script.does(failing).await;
    world.host.advance_ms(3_600_000);
    script.done().await;
    assert!(world.echo.calls().len() >= 14, "it was tried again: {}", world.echo.calls().len());
}

const PLACE: &str = "{portal}.hubapi.com";

/// The manifest with a host that the customer completes.
fn open_manifest() -> Value {
    let mut manifest = World::manifest("script");
    manifest["egress"][0]["host"] = json!(PLACE);
    manifest["connections"][0]["host"] = json!(PLACE);
    manifest["config_schema"] =
        json!({ "type": "object", "properties": { "portal": { "type": "string" } } });
    manifest
}

/// A customer of it, and what asks for an install with this word and its connection.
async fn completing() -> (World, impl Fn(&str) -> Value) {
    let world = World::start().await;
    world.listed(&open_manifest(), guest("script")).await;
    let mut grant = world.grant();
    grant["egress_hosts"] = json!([PLACE]);
    let crm = world.connection().await;
    let body = move |portal: &str| {
        json!({ "plugin": "script", "name": "main", "grant": grant, "config": { "portal": portal },
                "connections": { "crm": crm } })
    };
    (world, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_completes_to_no_host_is_refused_with_its_place() {
    let (world, body) = completing().await;
    let acme = &world.acme;
    // What cannot be is refused with its place; a host, too, that the connection is not for.
    let refused = acme.post(&acme.own("installs"), &body("api.hubapi.com")).await;
    let refused = refused.refused(422, "bad-config");
    assert_eq!(
        refused["problems"][0],
        json!({ "place": "config/portal",
                "reason": "it is not one label of lower-case letters, digits and `-`; for `acme.hubapi.com` it is `acme`",
                "next_step": "Correct it; the plugin sends data to this host" })
    );
    let refused = acme.post(&acme.own("installs"), &body("eu1")).await;
    let refused = refused.refused(422, "invalid");
    assert_eq!(
        refused["problems"][0]["next_step"],
        "Give it a connection of the kind api-key for eu1.hubapi.com"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_customer_completes_is_as_narrow_as_any() {
    let (world, body) = completing().await;
    let acme = &world.acme;

    let made = acme.post(&acme.own("installs"), &body("api")).await.good();
    let install = made["id"].as_str().unwrap().to_owned();
    let before =
        acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
    world.runs(&install).await;
    let script = Script { world: &world, install: install.clone() };
    let url = "https://api.hubapi.com/crm/v3/objects/tasks";
    let steps = json!([
        with(call("GET", url), "connection", json!("crm")),
        call("GET", "https://us.hubapi.com/crm/v3")
    ]);
    let configured =
        |portal: &str| json!({ "portal": portal, "steps": { "overlaps-changed": steps } });
    let config = acme.own(&format!("installs/{install}/config"));
    let same = acme.put(&config, &configured("api")).await.good();
    assert_eq!(same["authority_number"], before["authority_number"], "no host has changed");
    world.runs(&install).await;
    script.start().await;
    let did = script.done().await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    let said = |host: &str| format!("the customer says in `portal` that the host is {host}");
    assert_eq!(
        did.results[1],
        denied(
            EGRESS,
            "GET https://us.hubapi.com/crm/v3",
            &said("api.hubapi.com"),
            "customer-admin"
        )
    );

    // Another word is another authority: what was allowed is not any more, and
    // the credential does not follow.
    let first = json!([steps[0]]);
    let moved = json!({ "portal": "us", "steps": { "overlaps-changed": first } });
    assert_eq!((&same["moved_hosts"], &same["unfit_connections"]), (&json!([]), &json!([])));
    let moved = acme.put(&config, &moved).await.good();
    // What came of it is said: where data goes, and what has no use any more.
    let from_to = json!([{ "place": "{portal}.hubapi.com", "from": "api.hubapi.com", "to": "us.hubapi.com" }]);
    assert_eq!(moved["moved_hosts"], from_to);
    let unfit = json!([{ "connection": "crm", "kind": "api-key", "host": "us.hubapi.com",
        "next_step": "venn connections add NAME --kind api-key --host us.hubapi.com, then venn installs connections main --set crm=NAME" }]);
    assert_eq!(moved["unfit_connections"], unfit);
    let path = acme.own(&format!("installs/{install}"));
    let shown = acme.get(&path).await.good();
    assert_eq!((&shown["moved_hosts"], &shown["unfit_connections"]), (&json!([]), &unfit));
    let waits = acme.all("waiting").await;
    let item = waits.iter().find(|item| item["kind"] == "connection-unfit").unwrap();
    assert_eq!(
        (&item["title"], &item["next_step"]),
        (&json!("A connection of main has no use any more"), &unfit[0]["next_step"])
    );
    assert_eq!(
        item["text"],
        "Its configuration says another host: `crm` has to be one of the kind api-key for us.hubapi.com. Calls with it are denied until it is."
    );
    assert!(moved["authority_number"].as_u64() > same["authority_number"].as_u64());
    let entry = acme.all("audit?action=install.configured").await;
    let hosts = entry.iter().find(|entry| !entry["detail"]["hosts"].is_null()).unwrap();
    assert_eq!(
        hosts["detail"]["hosts"],
        json!({ "before": ["api.hubapi.com"], "after": ["us.hubapi.com"] })
    );
    world.runs(&install).await;
    let sent = world.sim.calls().len();
    script.start().await;
    let did = script.done().await;
    let why = said("us.hubapi.com");
    assert_eq!(did.results[0], denied(EGRESS, &format!("GET {url}"), &why, "customer-admin"));
    assert_eq!(world.sim.calls().len(), sent, "nothing was sent to the old host");
    // Another connection, or the old word again, and nothing waits.
    let back = acme.put(&config, &configured("api")).await.good();
    assert_eq!(back["unfit_connections"], json!([]));
    let kinds =
        async || acme.all("waiting").await.iter().any(|item| item["kind"] == "connection-unfit");
    assert!(!kinds().await);

    // Without a word it leads nowhere, and says who can change that.
    acme.put(&config, &json!({ "steps": { "overlaps-changed": steps } })).await.good();
    world.runs(&install).await;
    script.start().await;
    let why = "the customer has not said in `portal` which host this is";
    assert_eq!(
        script.done().await.results[0],
        denied(EGRESS, &format!("GET {url}"), why, "customer-admin")
    );
}
