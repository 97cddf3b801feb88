//! Trace contexts: how a request, an import, an event and a run find each other,
//! also when hours and restarts lie between them.
//!
//! A context is kept with the work as a W3C `traceparent`. Of what a caller sends,
//! only that is read: `tracestate` and `baggage` could carry anything. Nothing is
//! ever sent on to a third party.
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// One header in the library's hands.
#[derive(Default)]
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// The present span's context as a `traceparent`; empty if nothing is traced.
pub fn current() -> String {
    let mut carrier = Carrier::default();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0.unwrap_or_default()
}

/// The id of the trace that a span is in; empty if nothing is traced.
pub fn id_of(span: &Span) -> String {
    let context = span.context();
    let context = context.span().span_context().clone();
    if context.is_valid() { context.trace_id().to_string() } else { String::new() }
}

/// Makes a span the child of what was kept or sent; anything but a sound
/// `traceparent` begins a trace of its own.
pub fn child_of(span: &Span, traceparent: &str) {
    if let Some(parent) = read(traceparent) {
        // It fails where spans are not traced at all.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Names what a span comes from, where it is no child of it.
pub fn linked_to(span: &Span, traceparent: &str) {
    if let Some(cause) = read(traceparent) {
        span.add_link(cause);
    }
}

/// A span that several causes may have: of one it is the child; more are links
/// of a trace of its own, because a span has one parent.
pub fn caused_by(span: &Span, causes: &[String]) {
    match causes {
        [one] => child_of(span, one),
        many => many.iter().for_each(|cause| linked_to(span, cause)),
    }
}

fn read(traceparent: &str) -> Option<SpanContext> {
    if traceparent.is_empty() {
        return None;
    }
    let carrier = Carrier(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_traceparent_is_read() {
        let sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(
            read(sound).map(|context| context.trace_id().to_string()).as_deref(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
        for bad in [
            "",
            "00",
            "somebody@example.com",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn without_tracing_there_is_no_context() {
        assert_eq!((current(), id_of(&Span::current())), (String::new(), String::new()));
    }
}
