//! What a trace tells of a run's calls: which, how it came out, how many and how
//! large. Never an argument, an answer, a path or a query: a trace leaves the
//! machine, and those who read it are not those who share accounts.
//!
//! The spans are at the level `debug`: nobody who traces nothing pays for them.
use tracing::{Span, field::Empty};
use venn_domain::authority::Authority;

use crate::tape::entry::{Answer, HttpResult, Refusal, Request};

/// A host in place of one that the guest, a pattern or the configuration chose:
/// such a name can be the customer's own.
const OTHER_HOST: &str = "(other)";

/// One host call. Clocks, randomness and polling have none.
pub(crate) fn call(request: &Request) -> Span {
    if !request.is_contract() {
        return Span::none();
    }
    tracing::debug_span!("host.call", call = request.name(), outcome = Empty, items = Empty)
}

/// What came of a host call.
pub(crate) fn answered(span: &Span, answer: &Answer) {
    if span.is_disabled() {
        return;
    }
    let items = match answer {
        Answer::Page(page) => Some(page.page.items.len()),
        Answer::Changes(changes) => Some(changes.page.items.len()),
        Answer::Counts(counts) => Some(counts.len()),
        Answer::Keys(keys) => Some(keys.len()),
        _ => None,
    };
    if let Some(items) = items {
        span.record("items", items);
    }
    let outcome = match answer {
        Answer::Refused(refusal) => refused(refusal),
        Answer::Http(answer) => outcome(&answer.result),
        _ => "ok",
    };
    span.record("outcome", outcome);
}

/// One outbound call.
pub(crate) fn egress() -> Span {
    tracing::debug_span!(
        "egress.call",
        otel.kind = "client",
        http.request.method = Empty,
        server.address = Empty,
        http.response.status_code = Empty,
        outcome = Empty,
        sent_bytes = Empty,
        received_bytes = Empty,
    )
}

/// The call is allowed: its method is a standard one, and its host is told if
/// the manifest, which everybody may read, names it.
pub(crate) fn allowed(span: &Span, authority: &Authority, method: &str, host: &str) {
    if span.is_disabled() {
        return;
    }
    let named = !authority.is_customer_host(host)
        && authority.manifest().egress.iter().any(|request| request.rule.host == host);
    span.record("http.request.method", method);
    span.record("server.address", if named { host } else { OTHER_HOST });
}

/// What came of an outbound call.
pub(crate) fn came_back(span: &Span, sent: Option<usize>, result: &HttpResult) {
    if span.is_disabled() {
        return;
    }
    span.record("outcome", outcome(result));
    if let Some(sent) = sent {
        span.record("sent_bytes", sent);
    }
    if let HttpResult::Response { status, body, .. } = result {
        span.record("http.response.status_code", *status);
        span.record("received_bytes", body.0.len());
    }
}

fn outcome(result: &HttpResult) -> &str {
    match result {
        HttpResult::Response { .. } => "ok",
        HttpResult::Refused(refusal) => refused(refusal),
        HttpResult::Failed { kind, .. } => kind,
    }
}

const fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Denied(_) => "denied",
        Refusal::Invalid(_) => "invalid",
        Refusal::Limit(_) => "limit",
        Refusal::Unavailable(_) => "unavailable",
    }
}
