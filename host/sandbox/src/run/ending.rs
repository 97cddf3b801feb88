//! How a run ended, from what the engine and the guest returned.
use venn_domain::{
    limits,
    run::{Claim, Ending, Report},
};
use wasmtime::{Trap, WasmBacktrace};

use super::{log::plain, stop::Stop};
use crate::{bindings::guest, engine::to_usize, error::text};

/// A trap's text with the names of the innermost frames.
const MESSAGE_BYTES: usize = 2 << 10;
/// A claim's text; it is shown, grouped and sent.
const CLAIM_BYTES: usize = 4 << 10;
/// Names of codes, causes and fields.
const NAME_BYTES: usize = 128;
/// A function's name: mangled ones are long, hostile ones longer.
const FRAME_BYTES: usize = 120;
const FRAMES: usize = 8;
/// What a run hands to the next one: a cursor, not a document.
const AGAIN_BYTES: usize = 64 << 10;
/// What JSON and the database can say of progress.
const PROGRESS_MAX: u64 = (1 << 53) - 1;

/// The guest returned a report.
pub(crate) fn report(report: guest::Report) -> Ending {
    let answer_max = to_usize(limits::REPORT_ANSWER_BYTES);
    if report.answer.as_ref().is_some_and(|answer| answer.body.len() > answer_max) {
        return Ending::Limit { limit: "report.answer".to_owned(), waiting_in: None };
    }
    if report.again.as_ref().is_some_and(|again| again.len() > AGAIN_BYTES) {
        return Ending::Limit { limit: "report.again".to_owned(), waiting_in: None };
    }
    Ending::Ok(Report {
        summary: plain(&report.summary, to_usize(limits::REPORT_SUMMARY_BYTES)),
        again: report.again,
        done: report.done.min(PROGRESS_MAX),
        total: report.total.min(PROGRESS_MAX),
        answer: report.answer.map(|answer| (plain(&answer.content_type, NAME_BYTES), answer.body)),
    })
}

/// The guest returned a fault.
pub(crate) fn fault(fault: &guest::Fault) -> Ending {
    Ending::Fault(Claim {
        code: plain(&fault.code, NAME_BYTES),
        cause: plain(&fault.cause, NAME_BYTES),
        field: fault.field.as_ref().map(|field| plain(field, NAME_BYTES)),
        message: plain(&fault.message, CLAIM_BYTES),
        retry_after_s: fault.retry_after,
    })
}

/// The call into the guest failed. `refused` names the limit that declined
/// memory or a table last: what fails after that fails for want of it.
pub(crate) fn failure(error: &wasmtime::Error, refused: Option<&'static str>) -> Ending {
    let limit = |limit: &str| Ending::Limit { limit: limit.to_owned(), waiting_in: None };
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Limit(name) => limit(name),
            Stop::HostFailed(message) => Ending::HostFailed { message: message.clone() },
            // Replays look at the stop itself.
            other => Ending::HostFailed { message: other.to_string() },
        };
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Ending::HostFailed { message: "no room for another run".to_owned() };
    }
    let whole = text(error);
    // The engine has no type for these that we could name.
    if whole.contains("total size of fields exceeds limit") {
        return limit("http.fields");
    }
    if whole.contains("fuel allocated for hostcalls has been exhausted") {
        return limit("run.hostcall");
    }
    if whole.contains("handle limit exceeded") || is_table_full(error) {
        return limit("run.handles");
    }
    if let Some(name) = refused {
        return limit(name);
    }
    Ending::Trap { code: code(error).to_owned(), message: message(error, &whole) }
}

fn is_table_full(error: &wasmtime::Error) -> bool {
    use wasmtime::component::ResourceTableError;
    matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full))
}

fn message(error: &wasmtime::Error, whole: &str) -> String {
    let mut message = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => whole.to_owned(),
    };
    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
        let names = trace.frames().iter().filter_map(wasmtime::FrameInfo::func_name);
        let names: Vec<_> = names.take(FRAMES).map(|name| plain(name, FRAME_BYTES)).collect();
        if !names.is_empty() {
            message.push_str(" in ");
            message.push_str(&names.join(" < "));
        }
    }
    plain(&message, MESSAGE_BYTES)
}

/// A stable name for the kind of trap.
fn code(error: &wasmtime::Error) -> &'static str {
    if error.is::<wasmtime_wasi::I32Exit>() {
        return "exit";
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => "unreachable",
        Some(Trap::StackOverflow) => "stack-overflow",
        Some(Trap::MemoryOutOfBounds) => "memory-out-of-bounds",
        Some(Trap::TableOutOfBounds) => "table-out-of-bounds",
        Some(Trap::IndirectCallToNull) => "indirect-call-to-null",
        Some(Trap::BadSignature) => "bad-signature",
        Some(Trap::IntegerOverflow) => "integer-overflow",
        Some(Trap::IntegerDivisionByZero) => "integer-divide-by-zero",
        Some(Trap::BadConversionToInteger) => "bad-conversion-to-integer",
        Some(Trap::CannotEnterComponent) => "cannot-enter-component",
        Some(_) => "other",
        // Bad strings, handles and lengths at the boundary.
        None => "abi",
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn progress_without_end_is_as_much_as_can_be_said() {
        let said = guest::Report {
            summary: "x".to_owned(),
            again: Some("c".to_owned()),
            done: u64::MAX,
            total: 1 << 63,
            answer: None,
        };
        let Ending::Ok(kept) = report(said) else { panic!("it is no end") };
        assert_eq!((kept.done, kept.total), (9_007_199_254_740_991, 9_007_199_254_740_991));
    }
}
