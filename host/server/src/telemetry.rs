//! Seen from outside: logs, traces and metrics, and what none of them may hold.
//!
//! Names, ids, counts, durations and outcomes go out; queries, bodies, tokens,
//! secrets and values of accounts never do, and neither do paths as they were
//! asked for: a stranger may write anything into one.
//!
//! - [`log`]: lines for people, or one JSON object a line
//! - [`otlp`]: what the standard variables ask for · [`trace`]: trace contexts
//! - [`metrics`]: the instruments · [`sample`]: what is looked up · [`process`]
//! - [`request`]: the layer around every API request · [`scrape`]: `/metrics`
use std::{sync::Arc, time::Duration};

use opentelemetry_sdk::trace::SdkTracerProvider;

pub mod log;
pub mod metrics;
pub mod otlp;
mod process;
pub mod request;
pub mod sample;
pub mod scrape;
pub mod trace;

use metrics::Metrics;

/// How long the last spans and figures may take to reach the collector: a
/// collector that is down must not hold up a stop.
const FLUSH: Duration = Duration::from_secs(3);

/// What a server is watched with, from its start to its end.
pub struct Telemetry {
    /// The instruments.
    pub metrics: Arc<Metrics>,
    tracer: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts what was asked for: the log always, the rest by the standard
    /// `OTEL_*` variables; `scraped` if somebody may read `/metrics`.
    pub fn start(export: otlp::Export, format: log::Format, scraped: bool) -> anyhow::Result<Self> {
        let tracer = export.tracer()?;
        log::start(format, tracer.as_ref());
        let metrics = Arc::new(Metrics::new(scraped, export.metrics()?));
        Ok(Self { metrics, tracer })
    }

    /// Sends what is left, as long as the collector takes it soon.
    pub fn stop(self) {
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // What fails here is lost with the process either way.
            if let Some(tracer) = self.tracer {
                let _ = tracer.shutdown_with_timeout(FLUSH);
            }
            self.metrics.shut_down();
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(FLUSH);
    }
}
