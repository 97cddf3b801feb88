//! Seen from outside: what a collector, a log reader and Prometheus get of a
//! real process, and what none of them ever gets.
use std::{collections::BTreeSet, fs, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::{
    crash::{AFTER, BEFORE, Process, Scene, finished},
    support::{
        Actor,
        collector::{Collector, Seen},
        world::{CRM_TOKEN, rows},
    },
};

mod figures;

/// What a caller's own tracing sent along.
const CALLER: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");

/// Words of a caller that must not come out anywhere.
const STRANGER: &str = "canary-stranger@somewhere.example";

/// A server that sends to `endpoint` and writes its log to a file.
fn watched(endpoint: String, log: PathBuf) -> impl FnOnce(&mut Command) {
    move |command| {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        command
            .args(["--metrics-listen", "127.0.0.1:0"])
            .env("VENN_LOG", "info,venn_server=trace,venn_store=trace,venn_sandbox=trace")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_SERVICE_NAME", "venn-watched")
            .env("NO_PROXY", "127.0.0.1")
            .stderr(Stdio::from(log));
    }
}

/// Uploads the changed list as part of the caller's trace.
async fn import_traced(globex: &Actor) {
    let body =
        json!({ "mode": "replace", "file_name": "list.csv", "columns": null, "stages": null });
    let made = globex.post(&globex.own("imports"), &body).await.good();
    let path = globex.own(&format!("imports/{}/file", made["id"].as_str().unwrap()));
    let upload = globex
        .request(reqwest::Method::PUT, &path)
        .header("traceparent", format!("00-{}-{}-01", CALLER.0, CALLER.1))
        .header("tracestate", format!("vendor={STRANGER}"))
        .header("baggage", format!("who={STRANGER}"))
        .body(rows(0..AFTER, "G"));
    globex.send(upload).await.good();
}

/// What strangers and the careless write into requests.
async fn strange_requests(acme: &Actor) {
    acme.get(&format!("/v1/{STRANGER}")).await.refused(404, "not-found");
    acme.get(&acme.own(&format!("accounts/{STRANGER}"))).await.refused(404, "not-found");
    acme.get(&acme.own(&format!("runs?ending={STRANGER}"))).await.refused(400, "bad-query");
    let body = json!({ "partner": STRANGER, STRANGER: STRANGER });
    acme.post(&acme.own("partnerships"), &body).await.refused(400, "bad-body");
    let nobody = Actor::new(&acme.url, "acme", STRANGER);
    nobody.get("/v1/me").await.refused(401, "unauthenticated");
}

/// What a whole main job left outside.
struct Outside {
    scene: Scene,
    collector: Collector,
    log: String,
    figures: String,
    runs: Vec<Value>,
}

/// An import while the plugin is suspended, a restart, and the plugin resumed:
/// the event waits in the database between two processes.
async fn main_job_over_a_restart() -> Outside {
    let scene = Scene::new().await;
    scene.enable().await;
    scene.sim.clear_calls();
    let collector = Collector::start().await;
    let log = scene.data.path().join("watched.log");
    let set_up = || watched(collector.endpoint(), log.clone());

    let (first, acme, globex) = scene.start_as(set_up()).await;
    let platform = Actor::new(&acme.url, "platform", &scene.prepared.platform);
    let why = json!({ "reason": "Under investigation." });
    platform.post("/v1/review/plugins/crm-tasks/suspend", &why).await.good();
    import_traced(&globex).await;
    let parked = |page: &Value| page["items"][0]["state"] == "parked";
    acme.until(&acme.own("deliveries"), parked).await;
    strange_requests(&acme).await;
    first.stop().await;

    let (second, acme, _) = scene.start_as(set_up()).await;
    let platform = Actor::new(&acme.url, "platform", &scene.prepared.platform);
    platform.post("/v1/review/plugins/crm-tasks/resume", &json!({})).await.good();
    finished(&acme).await;
    let runs = acme.all("runs").await;
    let figures = figures::of(&second).await;
    second.stop().await;
    let log = fs::read_to_string(&log).unwrap();
    Outside { scene, collector, log, figures, runs }
}

fn named<'s>(spans: &'s [Seen], name: &str) -> Vec<&'s Seen> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The only span of that name below a parent.
#[track_caller]
fn below<'s>(spans: &'s [Seen], parent: &str, name: &str) -> &'s Seen {
    let found: Vec<_> =
        spans.iter().filter(|span| span.name == name && span.parent == parent).collect();
    assert_eq!(found.len(), 1, "{name} below {parent} in {spans:#?}");
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_follows_an_event_from_the_request_to_the_commit_over_a_restart() {
    let outside = main_job_over_a_restart().await;
    let spans = outside.collector.trace(CALLER.0);
    let request = below(&spans, CALLER.1, "api.request");
    assert_eq!(
        (request.field("http.route"), request.field("http.response.status_code")),
        ("/v1/organizations/{org}/imports/{import}/file", "202")
    );
    assert_eq!(request.service, "venn-watched");
    let work = below(&spans, &request.id, "import.work");
    let read = below(&spans, &work.id, "import.file.read");
    let apply = below(&spans, &read.id, "import.list.apply");
    let batch = below(&spans, &apply.id, "pairing.batch");
    assert_eq!(batch.field("domains"), (AFTER - BEFORE).to_string());
    let deliveries = named(&spans, "run.deliver");
    assert_eq!(deliveries.len(), 2, "one refused, one that ran: {spans:#?}");
    assert!(deliveries.iter().all(|span| span.parent == batch.id));
    let (refused, ran) = (deliveries[0], deliveries[1]);
    assert!(named(&spans, "run.execute").iter().all(|span| span.parent == ran.id));
    below(&spans, &refused.id, "run.admit");
    below(&spans, &refused.id, "run.record");
    for step in ["run.admit", "run.load", "run.conclude", "run.record"] {
        below(&spans, &ran.id, step);
    }
    let execute = below(&spans, &ran.id, "run.execute");
    assert_eq!(execute.field("ending"), "ok");
    let calls = named(&spans, "host.call");
    assert!(calls.iter().all(|span| span.parent == execute.id), "{spans:#?}");
    let changes = |outcome: &str| {
        let is = |span: &&&Seen| {
            span.field("call") == "overlaps.changes" && span.field("outcome") == outcome
        };
        calls.iter().find(is).copied()
    };
    // It asks for every field first, and then for what it was granted.
    assert_eq!(changes("denied").map(|span| span.field("items")), Some(""));
    let changes = changes("ok").unwrap();
    assert_eq!(changes.field("items"), (AFTER - BEFORE).to_string());
    let out = named(&spans, "egress.call");
    assert!(!out.is_empty());
    for out in out {
        assert!(
            calls.iter().any(|call| call.id == out.parent && call.field("call") == "http.send")
        );
        let said: BTreeSet<_> = out.fields.keys().map(String::as_str).collect();
        let may = [
            "http.request.method",
            "http.response.status_code",
            "outcome",
            "received_bytes",
            "sent_bytes",
            "server.address",
        ];
        assert_eq!(said, may.into());
        assert_eq!(out.field("server.address"), "api.hubapi.com");
    }
    let run = outside.runs.iter().find(|run| run["id"] == ran.field("run")).expect("its run");
    assert_eq!(run["trace_id"], CALLER.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_account_a_credential_or_a_stranger_comes_out_anywhere() {
    let outside = main_job_over_a_restart().await;
    let spans = outside.collector.trace(CALLER.0);
    assert!(!spans.is_empty() && spans.iter().all(|span| span.events == 0));
    let sent = outside.collector.bytes();
    let places: [(&str, &[u8]); 3] = [
        ("the collector", &sent),
        ("the log", outside.log.as_bytes()),
        ("the figures", outside.figures.as_bytes()),
    ];
    let prepared = outside.scene.prepared;
    let secret = |token: &str| token.rsplit('_').next().unwrap().to_owned();
    let canaries = [
        secret(&prepared.platform),
        secret(&prepared.acme),
        secret(&prepared.globex),
        CRM_TOKEN.to_owned(),
        "Company 7".to_owned(),
        "company-7.com".to_owned(),
        "G owner 7".to_owned(),
        "admin@acme.example".to_owned(),
        "admin@globex.example".to_owned(),
        STRANGER.to_owned(),
    ];
    for (place, bytes) in places {
        for canary in &canaries {
            for shape in shapes(canary) {
                assert!(
                    memchr::memmem::find(bytes, &shape).is_none(),
                    "{place} has {canary} as {}",
                    String::from_utf8_lossy(&shape)
                );
            }
        }
    }
    // The caller's trace ends with us: nobody else learns of it.
    let calls = outside.scene.sim.calls();
    assert!(!calls.is_empty());
    for call in calls {
        let told = ["traceparent", "tracestate", "baggage", "x-request-id"];
        assert!(!call.header_names.iter().any(|name| told.contains(&name.as_str())), "{call:?}");
    }
}

/// A text as it is, in hexadecimal, and as it looks in base64 wherever it begins.
fn shapes(text: &str) -> Vec<Vec<u8>> {
    let mut shapes = vec![
        text.as_bytes().to_vec(),
        data_encoding::HEXLOWER.encode(text.as_bytes()).into_bytes(),
    ];
    for before in 0..3_usize {
        let padded = [vec![0; before], text.as_bytes().to_vec()].concat();
        let whole = data_encoding::BASE64_NOPAD.encode(&padded);
        // Characters that depend on what stands around it are left out.
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        shapes.push(whole.as_bytes()[from..to].to_vec());
    }
    shapes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_is_one_flat_object_and_every_answer_names_its_lines() {
    let scene = Scene::new().await;
    let log = scene.data.path().join("watched.log");
    let collector = Collector::start().await;
    let (process, acme, _) = scene.start_as(watched(collector.endpoint(), log.clone())).await;
    let path = format!("{}{}", acme.url, acme.own("runs/run_none"));
    let answer = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = answer.get(path).bearer_auth(&acme.token).send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!((answer.status().as_u16(), kind.as_str()), (404, "application/problem+json"));
    process.stop().await;
    let lines: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}")))
        .collect();
    for line in &lines {
        for key in ["at", "level", "target", "message"] {
            assert!(line[key].is_string(), "{line} lacks {key}");
        }
        assert!(line.as_object().unwrap().values().all(|value| !value.is_object()), "{line}");
        if line["span"] == "api.request" {
            assert!(line["request_id"].is_string() && line["trace_id"].is_string(), "{line}");
        }
    }
    let ours: Vec<_> = lines.iter().filter(|line| line["request_id"] == id.as_str()).collect();
    let answered = ours.iter().find(|line| line["message"] == "api.request answered").unwrap();
    assert_eq!(answered["http.route"], "/v1/organizations/{org}/runs/{run}");
    assert_eq!(answered["http.response.status_code"], 404);
}

/// The whole job, then a stop, with a collector that is of no use.
async fn works_without_its_collector(endpoint: String) {
    let scene = Scene::new().await;
    scene.enable().await;
    let log = scene.data.path().join("watched.log");
    let set_up = watched(endpoint, log);
    let (process, acme, globex) = scene
        .start_as(|command| {
            set_up(command);
            // Nothing fits: what is not taken is dropped, and nobody waits.
            command.env("OTEL_BSP_MAX_QUEUE_SIZE", "1").env("OTEL_BSP_SCHEDULE_DELAY", "1");
        })
        .await;
    import_traced(&globex).await;
    let ran = |page: &Value| page["items"].as_array().unwrap().len() >= 2;
    acme.until(&acme.own("runs"), ran).await;
    finished(&acme).await;
    assert_eq!(acme.all("runs").await[0]["ending"], "ok");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_holds_up_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    works_without_its_collector(format!("http://{free}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_up_nothing() {
    // Connections are taken by the kernel, and nobody reads them.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    works_without_its_collector(format!("http://{}", deaf.local_addr().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_read_at_an_address_of_their_own_only() {
    let scene = Scene::new().await;
    let (process, acme, _) = scene.start_as(|_| {}).await;
    assert_eq!(process.said["metrics_url"], Value::Null);
    acme.get("/metrics").await.refused(404, "not-found");
    process.stop().await;
}
