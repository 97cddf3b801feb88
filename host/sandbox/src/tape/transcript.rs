//! A run as text for people and for snapshots: outcome, host calls with what
//! came of them, effects, log, and usage in coarse steps that do not differ
//! from machine to machine.
use std::fmt::Write as _;

use venn_domain::run::{AccountWrite, CallResult, Ending, Outcome};

/// Renders an outcome.
pub fn transcript(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, outcome);
    out
}

fn write(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    ending(out, &outcome.ending)?;
    writeln!(out, "calls:")?;
    for call in &outcome.calls {
        write!(out, "  {}", call.call)?;
        if !call.target.is_empty() {
            write!(out, " {}", call.target)?;
        }
        if let Some(connection) = &call.connection {
            write!(out, " as {connection}")?;
        }
        writeln!(out, " -> {}", result(&call.result))?;
    }
    writeln!(out, "effects:")?;
    for write in &outcome.effects.state {
        let partition = write.partnership.as_ref().map_or("common", |id| id.as_str());
        let value = match &write.value {
            Some(value) => format!("{} bytes", value.len()),
            None => "removed".to_owned(),
        };
        writeln!(out, "  state {partition} {} = {value}", write.key)?;
    }
    for entry in &outcome.effects.timeline {
        writeln!(
            out,
            "  timeline {} {} `{}`: {}",
            entry.account, entry.kind, entry.key, entry.text
        )?;
    }
    if let Some(accounts) = &outcome.effects.accounts {
        let removes =
            accounts.iter().filter(|write| matches!(write, AccountWrite::Remove(_))).count();
        writeln!(out, "  accounts {} written, {removes} removed", accounts.len() - removes)?;
    }
    writeln!(out, "log:")?;
    for line in &outcome.log {
        writeln!(out, "  {}: {}", line.level, line.message)?;
    }
    if outcome.log_dropped > 0 {
        writeln!(out, "  dropped {}", outcome.log_dropped)?;
    }
    let usage = &outcome.usage;
    writeln!(
        out,
        "usage: cpu {}, memory {}, {} host calls, {} http calls",
        coarse(usage.cpu_us, "us"),
        coarse(usage.memory_bytes, "bytes"),
        usage.host_calls,
        usage.http_calls
    )
}

fn ending(out: &mut String, ending: &Ending) -> std::fmt::Result {
    match ending {
        Ending::Ok(report) => {
            writeln!(out, "ok: {} ({}/{})", report.summary, report.done, report.total)?;
            if let Some(again) = &report.again {
                writeln!(out, "again: {again}")?;
            }
            Ok(())
        }
        Ending::Fault(claim) => {
            writeln!(out, "fault {} ({}): {}", claim.code, claim.cause, claim.message)
        }
        Ending::Trap { code, message } => writeln!(out, "trap {code}: {message}"),
        Ending::Limit { limit, waiting_in } => match waiting_in {
            Some(call) => writeln!(out, "limit {limit}, waiting in {call}"),
            None => writeln!(out, "limit {limit}"),
        },
        Ending::HostFailed { message } => writeln!(out, "host failed: {message}"),
    }
}

fn result(result: &CallResult) -> String {
    match result {
        CallResult::Ok => "ok".to_owned(),
        CallResult::Status { status, retry_after_s: None } => status.to_string(),
        CallResult::Status { status, retry_after_s: Some(s) } => {
            format!("{status}, retry after {s} s")
        }
        CallResult::Denied { denial, .. } => format!(
            "denied {}: {} ({}; {} can change it)",
            denial.capability, denial.what, denial.why, denial.who_can_change_it
        ),
        CallResult::NetworkFailed { kind } => format!("failed: {kind}"),
        CallResult::Error { kind, message } => format!("{kind}: {message}"),
        CallResult::HostFailed => "host failed".to_owned(),
    }
}

/// The next power of ten: the same on every machine that is not broken.
fn coarse(value: u64, unit: &str) -> String {
    let mut step = 1_u64;
    while step < value {
        step = step.saturating_mul(10);
    }
    format!("<= {step} {unit}")
}
