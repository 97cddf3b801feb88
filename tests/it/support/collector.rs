//! A collector inside the test: takes OTLP over HTTP as a real one does, decodes
//! it with the official messages, and keeps the bytes as they came.
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::net::TcpListener;

/// What it was sent.
#[derive(Clone, Default)]
pub struct Collector {
    got: Arc<Mutex<Got>>,
    pub address: Option<SocketAddr>,
}

#[derive(Default)]
struct Got {
    bodies: Vec<Bytes>,
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self { address: Some(address), ..Self::default() };
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address.unwrap())
    }

    /// Every byte that came.
    pub fn bytes(&self) -> Vec<u8> {
        self.got.lock().unwrap().bodies.concat()
    }

    /// The spans of one trace.
    pub fn trace(&self, id: &str) -> Vec<Seen> {
        let got = self.got.lock().unwrap();
        let mut seen: Vec<_> = got
            .traces
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| {
                let service = resource.resource.as_ref().map(|one| fields(&one.attributes));
                let service = service.unwrap_or_default();
                let service = service.get("service.name").cloned().unwrap_or_default();
                resource
                    .scope_spans
                    .iter()
                    .flat_map(|scope| &scope.spans)
                    .map(move |span| Seen::of(span, &service))
            })
            .filter(|span| span.trace == id)
            .collect();
        seen.sort_by_key(|span| span.began_ns);
        seen
    }

    /// The names of the instruments that came.
    pub fn instruments(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let metrics = got.metrics.iter().flat_map(|request| &request.resource_metrics);
        let metrics = metrics.flat_map(|one| &one.scope_metrics).flat_map(|one| &one.metrics);
        metrics.map(|metric| metric.name.clone()).collect()
    }
}

/// A span, readable.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub began_ns: u64,
    pub service: String,
    pub fields: HashMap<String, String>,
    pub events: usize,
}

impl Seen {
    fn of(span: &Span, service: &str) -> Self {
        Self {
            name: span.name.clone(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            began_ns: span.start_time_unix_nano,
            service: service.to_owned(),
            fields: fields(&span.attributes),
            events: span.events.len(),
        }
    }

    /// One field as text; empty if it is not there.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

fn fields(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &AnyValue| match &value.value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|one| (one.key.clone(), one.value.as_ref().map(text).unwrap_or_default()))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

async fn traces(State(collector): State<Collector>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut got = collector.got.lock().unwrap();
    got.traces.push(request);
    got.bodies.push(body);
}

async fn metrics(State(collector): State<Collector>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body.clone()).unwrap();
    let mut got = collector.got.lock().unwrap();
    got.metrics.push(request);
    got.bodies.push(body);
}
