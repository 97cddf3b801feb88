//! Log lines: for people, or one JSON object a line for machines.
//!
//! A JSON line always has `at`, `level`, `target`, `message` and, inside of one,
//! `span`; what the spans around it say (`request_id`, `delivery`, `trace_id` …)
//! and its own fields stand beside these, flat. `VENN_LOG` sets what is logged.
use std::fmt;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::FilterFn,
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt as _,
    registry::{LookupSpan, Scope},
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Starts logging to standard error, and tracing if there is a tracer.
pub(super) fn start(format: Format, tracer: Option<&SdkTracerProvider>) {
    let filter = EnvFilter::try_from_env("VENN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.with_ansi(console::Term::stderr().is_term()).boxed(),
        Format::Json => {
            lines.with_ansi(false).fmt_fields(JsonFields::new()).event_format(JsonLine).boxed()
        }
    };
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer.tracer("venn"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(FilterFn::new(is_traced).with_max_level_hint(LevelFilter::DEBUG))
    });
    // It fails only if there is one already, which then does the same.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init();
    std::panic::set_hook(Box::new(panicked));
}

/// Our own spans, and no events: a log line may hold an error's whole text.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("venn_")
}

/// One line like every other. Without the panic's text: it may hold a value.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "process.panicked");
}

/// One flat object a line.
struct JsonLine;

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("at".to_owned(), jiff::Timestamp::now().to_string().into());
        line.insert("level".to_owned(), metadata.level().as_str().to_ascii_lowercase().into());
        line.insert("target".to_owned(), metadata.target().into());
        let mut own = Fields::default();
        event.record(&mut own);
        line.insert("message".to_owned(), own.0.remove("message").unwrap_or_default());
        if let Some(span) = context.lookup_current() {
            line.insert("span".to_owned(), span.name().into());
        }
        let around = context.event_scope().map(Scope::from_root);
        for span in around.into_iter().flatten() {
            if let Some(said) = span.extensions().get::<FormattedFields<JsonFields>>()
                && let Ok(said) = serde_json::from_str::<Map<String, Value>>(said)
            {
                add(&mut line, said);
            }
        }
        add(&mut line, own.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The keys that every line has stay what they are; what is for tracing only is left out.
fn add(line: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (key, value) in fields {
        let fixed = ["at", "level", "target", "message", "span"].contains(&key.as_str());
        if !fixed && !key.starts_with("otel.") {
            line.insert(key, value);
        }
    }
}

/// An event's fields.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain: Vec<_> = std::iter::successors(Some(value), |error| error.source())
            .map(ToString::to_string)
            .collect();
        self.0.insert(field.name().to_owned(), chain.join(": ").into());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_is_flat_and_keeps_its_keys_whatever_is_logged() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLine);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("api.request", otel.kind = "server", request_id = "r1");
            let _entered = span.enter();
            tracing::warn!(level = "mine", rows = 3_u64, "two\nlines");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut line: Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert!(line.remove("at").is_some());
        let expected = serde_json::json!({
            "level": "warn", "target": "venn_server::telemetry::log::tests",
            "message": "two\nlines", "span": "api.request", "request_id": "r1", "rows": 3,
        });
        assert_eq!(Value::Object(line), expected);
    }
}
