//! The instruments. One table says them all; `/metrics`, OTLP and the table in
//! `docs/watching.md` derive from it.
//!
//! To add one: a line in `instruments!`, a line in the documentation, and the
//! place that counts. A label has few values, and all of them are ours: routes,
//! states, outcomes. No organization, plugin, host or id is ever one.
use std::{sync::Mutex, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder as _, Registry, TextEncoder};
use venn_domain::{
    run::{CallResult, Outcome, Usage},
    verdict::Verdict,
};
use venn_store::{Observer, backlog::Backlog, run::Next};

use super::{otlp, process, trace};

/// One instrument, as it is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instrument {
    /// Its name in OpenTelemetry; in Prometheus with underscores, its unit and,
    /// for a counter, `_total`.
    pub name: &'static str,
    /// What it does with figures.
    pub kind: Kind,
    /// `s`, `By`, or what is counted in braces.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// What an instrument does with figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Counts whole things up.
    Count,
    /// Adds amounts up.
    Amount,
    /// Goes up and down.
    Level,
    /// Distribution of durations.
    Seconds,
    /// Distribution of sizes.
    Sizes,
}

impl Instrument {
    /// Its name at `/metrics`.
    pub fn prometheus_name(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        let total = if matches!(self.kind, Kind::Count | Kind::Amount) { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }

    /// Its type at `/metrics`.
    pub const fn prometheus_type(&self) -> &'static str {
        match self.kind {
            Kind::Count | Kind::Amount => "counter",
            Kind::Level => "gauge",
            Kind::Seconds | Kind::Sizes => "histogram",
        }
    }
}

macro_rules! instruments {
    ($($field:ident = $kind:ident $name:literal, $unit:literal, [$($label:literal),*], $help:literal;)*) => {
        /// All of them.
        pub const TABLE: &[Instrument] = &[$(Instrument {
            name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        }),*];

        struct Instruments { $($field: instruments!(@type $kind)),* }

        impl Instruments {
            fn new(meter: &Meter) -> Self {
                Self { $($field: instruments!(@make $kind, meter, $name, $unit, $help)),* }
            }
        }
    };
    (@type Count) => { Counter<u64> };
    (@type Amount) => { Counter<f64> };
    (@type Level) => { Gauge<f64> };
    (@type Seconds) => { Histogram<f64> };
    (@type Sizes) => { Histogram<u64> };
    (@make Count, $meter:ident, $name:literal, $unit:literal, $help:literal) => {
        $meter.u64_counter($name).with_unit($unit).with_description($help).build()
    };
    (@make Amount, $meter:ident, $name:literal, $unit:literal, $help:literal) => {
        $meter.f64_counter($name).with_unit($unit).with_description($help).build()
    };
    (@make Level, $meter:ident, $name:literal, $unit:literal, $help:literal) => {
        $meter.f64_gauge($name).with_unit($unit).with_description($help).build()
    };
    (@make Seconds, $meter:ident, $name:literal, $unit:literal, $help:literal) => {
        $meter.f64_histogram($name).with_unit($unit).with_description($help)
            .with_boundaries(SECONDS.to_vec()).build()
    };
    (@make Sizes, $meter:ident, $name:literal, $unit:literal, $help:literal) => {
        $meter.u64_histogram($name).with_unit($unit).with_description($help)
            .with_boundaries(SIZES.to_vec()).build()
    };
}

/// From a cached read to the longest run.
const SECONDS: [f64; 14] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// Up to the writer's largest group.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

instruments! {
    api_requests = Count "venn.api.requests", "{request}", ["method", "route", "status"], "API requests answered.";
    api_duration = Seconds "venn.api.request.duration", "s", ["method", "route"], "Time from an API request to its answer's head.";
    runs = Count "venn.runs", "{run}", ["ending"], "Runs recorded; refused counts those that never started.";
    run_duration = Seconds "venn.run.duration", "s", ["ending"], "Wall time of runs.";
    run_cpu = Amount "venn.run.cpu", "s", [], "CPU time of runs.";
    run_wait = Seconds "venn.delivery.wait", "s", [], "Time from accepting an event to its first run.";
    verdicts = Count "venn.verdicts", "{verdict}", ["class", "owner"], "Provisional verdicts on runs that failed.";
    concluded = Count "venn.deliveries.concluded", "{delivery}", ["next"], "What became of a delivery after a run.";
    fenced = Count "venn.leases.lost", "{lease}", [], "Runs whose record was not written because the lease was lost.";
    host_calls = Count "venn.host.calls", "{call}", ["call", "result"], "Host calls of recorded runs.";
    egress_calls = Count "venn.egress.calls", "{call}", ["outcome"], "Outbound calls of recorded runs.";
    egress_duration = Seconds "venn.egress.duration", "s", ["outcome"], "Time of outbound calls, waiting for a slot included.";
    egress_sent = Count "venn.egress.sent", "By", [], "Bytes of bodies sent.";
    egress_received = Count "venn.egress.received", "By", [], "Bytes of bodies received.";
    deliveries = Level "venn.deliveries.unfinished", "{delivery}", ["state"], "Deliveries that are not finished.";
    resting = Level "venn.installs.resting", "{install}", [], "Installs that rest after failures in a row, and try again by themselves.";
    stalled = Level "venn.installs.stalled", "{install}", ["finding"], "Installs that are silent, or run and get nowhere.";
    overdue = Level "venn.deliveries.overdue", "s", [], "For how long the most overdue delivery has been due.";
    imports = Count "venn.imports", "{import}", ["state"], "Imports that were worked on, by the state that this left.";
    imports_unfinished = Level "venn.imports.unfinished", "{import}", ["state"], "Imports that are not finished.";
    pairing_backlog = Level "venn.pairing.backlog", "{domain}", [], "Domains that wait to be paired.";
    overlaps_changed = Count "venn.overlaps.changed", "{overlap}", ["change"], "Overlaps that pairing wrote.";
    group_size = Sizes "venn.store.group.size", "{write}", [], "Writes committed together.";
    commit_duration = Seconds "venn.store.commit.duration", "s", ["result"], "Time to write and commit a group.";
    pool_instances = Level "venn.sandbox.instances", "{instance}", [], "Component instances that stand.";
    pool_most = Level "venn.sandbox.instances.max", "{instance}", [], "Room for component instances.";
    compile_duration = Seconds "venn.sandbox.compile.duration", "s", ["result"], "Time to check and compile a component, waiting for its turn included.";
    loads = Count "venn.components.loaded", "{component}", ["origin"], "Components made ready for a run: kept in memory, from an artifact, or compiled again.";
    authority = Level "venn.authority.number", "{change}", [], "The newest number of authority: each change of what is allowed raises it.";
    process_cpu = Amount "process.cpu", "s", [], "CPU time of the process.";
    process_resident = Level "process.resident.memory", "By", [], "Resident memory of the process.";
    process_fds = Level "process.open.fds", "{descriptor}", [], "Open file descriptors.";
    process_max_fds = Level "process.max.fds", "{descriptor}", [], "File descriptors that may be open.";
}

/// The instruments of one server.
pub struct Metrics {
    on: Instruments,
    provider: SdkMeterProvider,
    registry: Registry,
    is_read: bool,
    cpu_counted_s: Mutex<f64>,
}

impl Metrics {
    /// Makes them; `scraped` if `/metrics` is served, with a collector that
    /// they are sent to, if there is one. With neither, counting does nothing.
    pub fn new(scraped: bool, exporter: Option<MetricExporter>) -> Self {
        let registry = Registry::new();
        let is_read = scraped || exporter.is_some();
        let mut provider = SdkMeterProvider::builder().with_resource(otlp::resource());
        if scraped {
            let reader = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .scope_info_enabled(false)
                .build();
            match reader {
                Ok(reader) => provider = provider.with_reader(reader),
                // A fresh registry has no name twice.
                Err(error) => tracing::error!(%error, "metrics.registry failed"),
            }
        }
        if let Some(exporter) = exporter {
            provider = provider.with_periodic_exporter(exporter);
        }
        let provider = provider.build();
        let on = Instruments::new(&provider.meter("venn"));
        Self { on, provider, registry, is_read, cpu_counted_s: Mutex::default() }
    }

    /// Somebody reads them: what has to be looked up is worth it.
    pub const fn is_read(&self) -> bool {
        self.is_read
    }

    /// All of them in Prometheus' text format.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    pub(super) fn shut_down(&self) {
        let _ = self.provider.shutdown();
    }

    /// A request was answered.
    pub(super) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let method = KeyValue::new("method", method);
        let route = KeyValue::new("route", route.to_owned());
        let labels = [method, route, KeyValue::new("status", i64::from(status))];
        self.on.api_requests.add(1, &labels);
        self.on.api_duration.record(took.as_secs_f64(), labels.get(..2).unwrap_or_default());
    }

    /// A delivery was leased for the first time, so long after it was accepted.
    pub fn waited(&self, waited_us: i64) {
        self.on.run_wait.record(seconds(waited_us.max(0).unsigned_abs()), &[]);
    }

    /// A run was recorded.
    pub fn ran(&self, ran: &Ran) {
        let ending = [KeyValue::new("ending", ran.ending)];
        self.on.runs.add(1, &ending);
        self.on.run_duration.record(seconds(ran.usage.wall_us), &ending);
        self.on.run_cpu.add(seconds(ran.usage.cpu_us), &[]);
        self.on.egress_sent.add(ran.usage.http_sent_bytes, &[]);
        self.on.egress_received.add(ran.usage.http_received_bytes, &[]);
        for call in &ran.calls {
            let labels = [KeyValue::new("call", call.name), KeyValue::new("result", call.result)];
            self.on.host_calls.add(1, &labels);
            if let Some(outcome) = call.egress {
                let outcome = [KeyValue::new("outcome", outcome)];
                self.on.egress_calls.add(1, &outcome);
                self.on.egress_duration.record(seconds(call.wall_us), &outcome);
            }
        }
        if let Some((class, owner)) = ran.verdict {
            self.on
                .verdicts
                .add(1, &[KeyValue::new("class", class), KeyValue::new("owner", owner)]);
        }
        self.next(ran.next);
    }

    /// A delivery was refused before its run.
    pub fn refused(&self, next: &'static str) {
        self.on.runs.add(1, &[KeyValue::new("ending", "refused")]);
        self.next(next);
    }

    fn next(&self, next: &'static str) {
        self.on.concluded.add(1, &[KeyValue::new("next", next)]);
    }

    /// A record was not written: another run has or will have the delivery.
    pub fn fenced(&self) {
        self.on.fenced.add(1, &[]);
    }

    /// An import was worked on.
    pub fn imported(&self, state: &'static str) {
        self.on.imports.add(1, &[KeyValue::new("state", state)]);
    }

    /// A batch was paired.
    pub fn paired(&self, written: &venn_store::pairing::Written) {
        let kinds =
            [("added", written.added), ("changed", written.changed), ("removed", written.removed)];
        for (change, count) in kinds {
            self.on.overlaps_changed.add(count, &[KeyValue::new("change", change)]);
        }
    }

    /// A component was checked and compiled, or refused.
    pub fn compiled(&self, result: &'static str, took: Duration) {
        let labels = [KeyValue::new("result", result)];
        self.on.compile_duration.record(took.as_secs_f64(), &labels);
    }

    /// A component was made ready: from `memory`, an `artifact`, or `compiled` again.
    pub fn loaded(&self, origin: &'static str) {
        self.on.loads.add(1, &[KeyValue::new("origin", origin)]);
    }

    /// What waits in the store.
    #[expect(clippy::cast_precision_loss, reason = "counts of work are far below 2^52")]
    pub(super) fn waiting(&self, backlog: &Backlog) {
        for (state, count) in &backlog.deliveries {
            self.on.deliveries.record(*count as f64, &[KeyValue::new("state", *state)]);
        }
        for (state, count) in &backlog.imports {
            self.on.imports_unfinished.record(*count as f64, &[KeyValue::new("state", *state)]);
        }
        self.on.resting.record(backlog.resting as f64, &[]);
        for (finding, count) in &backlog.stalled {
            self.on.stalled.record(*count as f64, &[KeyValue::new("finding", *finding)]);
        }
        self.on.overdue.record(seconds(backlog.overdue_us), &[]);
        self.on.pairing_backlog.record(backlog.pairing_domains as f64, &[]);
    }

    /// What the sandbox, the authority and the process are at.
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    pub(super) fn standing(&self, pool: Option<venn_sandbox::PoolUse>, authority: u64) {
        if let Some(pool) = pool {
            self.on.pool_instances.record(pool.instances as f64, &[]);
            self.on.pool_most.record(pool.most as f64, &[]);
        }
        self.on.authority.record(authority as f64, &[]);
        let process = process::look();
        self.on.process_resident.record(process.resident_bytes, &[]);
        self.on.process_fds.record(process.open_fds, &[]);
        self.on.process_max_fds.record(process.max_fds, &[]);
        let mut counted =
            self.cpu_counted_s.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.on.process_cpu.add((process.cpu_s - *counted).max(0.0), &[]);
        *counted = process.cpu_s.max(*counted);
    }
}

/// What is counted of a run: taken before its record is handed over, counted
/// once that is written.
pub struct Ran {
    ending: &'static str,
    usage: Usage,
    calls: Vec<Call>,
    verdict: Option<(&'static str, &'static str)>,
    next: &'static str,
}

struct Call {
    name: &'static str,
    result: &'static str,
    egress: Option<&'static str>,
    wall_us: u64,
}

impl Ran {
    /// Takes it.
    pub fn of(outcome: &Outcome, verdict: Option<&Verdict>, next: &Next) -> Self {
        let calls = outcome.calls.iter().map(|call| {
            let name = one_of(&CALLS, &call.call);
            let is_egress = ["http.send", "wasi:http"].contains(&name);
            Call {
                name,
                result: call_result(&call.result),
                egress: is_egress.then(|| egress_outcome(&call.result)),
                wall_us: call.wall_us,
            }
        });
        Self {
            ending: outcome.ending.name(),
            usage: outcome.usage,
            calls: calls.collect(),
            verdict: verdict.map(|verdict| (verdict.class.name(), verdict.owner.name())),
            next: next_name(next),
        }
    }
}

impl Observer for Metrics {
    fn trace(&self) -> String {
        trace::current()
    }

    fn group(&self, members: usize, took: Duration, committed: bool) {
        self.on.group_size.record(members as u64, &[]);
        let result = if committed { "committed" } else { "failed" };
        self.on.commit_duration.record(took.as_secs_f64(), &[KeyValue::new("result", result)]);
    }
}

/// Methods that a route can have; a stranger may send any word.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A request's method in one of our words.
pub(super) fn method(method: &str) -> &'static str {
    one_of(&METHODS, method)
}

/// Calls of the contract.
const CALLS: [&str; 13] = [
    "overlaps.find",
    "overlaps.lookup",
    "overlaps.counts",
    "overlaps.changes",
    "accounts.upsert",
    "accounts.remove",
    "timeline.append",
    "state.get",
    "state.set",
    "state.remove",
    "state.keys",
    "http.send",
    "wasi:http",
];

/// What can keep a call from being answered.
const FAILURES: [&str; 10] = [
    "dns",
    "connect",
    "tls",
    "timeout",
    "protocol",
    "body-too-large",
    "invalid",
    "limit",
    "unavailable",
    "unanswered",
];

/// The word if it is one of ours: a label's values are bounded, whatever comes.
fn one_of(words: &[&'static str], word: &str) -> &'static str {
    words.iter().copied().find(|known| *known == word).unwrap_or("other")
}

fn call_result(result: &CallResult) -> &'static str {
    match result {
        CallResult::Ok | CallResult::Status { .. } => "ok",
        CallResult::Denied { .. } => "denied",
        CallResult::NetworkFailed { .. } => "network-failed",
        CallResult::Error { kind, .. } => one_of(&FAILURES, kind),
        CallResult::HostFailed => "host-failed",
    }
}

fn egress_outcome(result: &CallResult) -> &'static str {
    match result {
        CallResult::Status { status, .. } => match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        CallResult::NetworkFailed { kind } => one_of(&FAILURES, kind),
        other => call_result(other),
    }
}

/// How a delivery goes on, in one word.
pub fn next_name(next: &Next) -> &'static str {
    match next {
        Next::Done => "done",
        Next::Again { .. } => "again",
        Next::Retry { .. } | Next::Held => "retry",
        Next::Parked { .. } => "parked",
        Next::Dead { .. } => "dead",
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 microseconds")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
