//! Host calls as the verdict, the transcript and a bundle see them.
use venn_domain::run::{CallResult, CallSummary};

use super::entry::{Answer, Entry, HttpAnswer, HttpResult, Refusal, Request};

/// The contract calls of a tape, in order, and what else was refused. Clocks,
/// randomness, polling and files are on the tape for the replay; nobody asks
/// what came of them.
pub(crate) fn summaries(entries: &[Entry]) -> Vec<CallSummary> {
    let asked =
        |entry: &&Entry| entry.request.is_contract() || matches!(entry.answer, Answer::Refused(_));
    entries.iter().filter(asked).map(summary).collect()
}

fn summary(entry: &Entry) -> CallSummary {
    let base = CallSummary {
        call: entry.request.name().to_owned(),
        target: note(&entry.request),
        result: CallResult::Ok,
        connection: None,
        host_from_config: false,
        wall_us: entry.wall_us,
    };
    match &entry.answer {
        Answer::Refused(refusal) => CallSummary { result: refused(refusal), ..base },
        Answer::Http(answer) => {
            let method = match &entry.request {
                Request::HttpSend(request) => request.method.as_str(),
                _ => "",
            };
            http(base, method, answer)
        }
        Answer::Exchange(exchange) => {
            if let Some((request, answer)) = exchange.0.get() {
                return http(base, &request.method, answer);
            }
            let result = error("unanswered", "the run ended before it was answered");
            CallSummary { result, ..base }
        }
        _ => base,
    }
}

/// What a call was about, without values of any account.
fn note(request: &Request) -> String {
    let partition = |partnership: &Option<String>| partnership.clone().unwrap_or_default();
    match request {
        Request::OverlapsFind(query) => partition(&query.partnership),
        Request::OverlapsCounts { partnership }
        | Request::StateGet { partnership, .. }
        | Request::StateSet { partnership, .. }
        | Request::StateRemove { partnership, .. }
        | Request::StateKeys { partnership, .. } => partition(partnership),
        Request::OverlapsChanges { partnership, .. } => partnership.clone(),
        Request::TimelineAppend { entries } => format!("{} entries", entries.len()),
        Request::AccountsUpsert { rows } => format!("{rows} rows"),
        Request::AccountsUpsertRows { rows } => format!("{} rows", rows.len()),
        Request::AccountsRemove { external_ids } => format!("{} ids", external_ids.len()),
        Request::Scratch { call } => call.to_string(),
        _ => String::new(),
    }
}

fn http(base: CallSummary, method: &str, answer: &HttpAnswer) -> CallSummary {
    let target = answer.target.split_once("://").map_or(&*answer.target, |(_, rest)| rest);
    let result = match &answer.result {
        HttpResult::Response { status, headers, .. } => CallResult::Status {
            status: *status,
            retry_after_s: headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                .and_then(|(_, value)| std::str::from_utf8(&value.0).ok()?.trim().parse().ok()),
        },
        HttpResult::Refused(refusal) => refused(refusal),
        HttpResult::Failed { kind, .. } => CallResult::NetworkFailed { kind: kind.clone() },
    };
    CallSummary {
        target: format!("{method} {target}"),
        result,
        connection: answer.connection.clone(),
        host_from_config: answer.host_from_config,
        ..base
    }
}

fn refused(refusal: &Refusal) -> CallResult {
    match refusal {
        Refusal::Denied(denial) => CallResult::Denied {
            capability: denial.capability.clone().into_owned(),
            denial: denial.clone(),
        },
        Refusal::Invalid(message) => error("invalid", message),
        Refusal::Limit(message) => error("limit", message),
        Refusal::Unavailable(message) => error("unavailable", message),
    }
}

fn error(kind: &str, message: &str) -> CallResult {
    CallResult::Error { kind: kind.to_owned(), message: message.to_owned() }
}
