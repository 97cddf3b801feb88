//! One run: a fresh store, one call into the guest, an outcome that is always
//! a value.
//!
//! - [`core`]: what host calls work on · [`state`]: the store's data
//! - [`meter`], [`limiter`]: CPU and memory · [`log`], [`log_stream`]: the log
//! - [`effects`]: what it would change · [`ending`], [`stop`]: how it ended
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use venn_domain::{
    limits,
    run::{Effects, Ending, Outcome, Usage},
};
use wasmtime::{Store, UpdateDeadline};

use self::{
    core::Core,
    meter::{Meter, Metered},
    state::RunState,
    stop::Stop,
};
use crate::{
    bindings::guest,
    engine::to_usize,
    job::{Finding, RunLimits},
    sandbox::Prepared,
    tape::{Call, entry::Entry, summaries},
};

pub(crate) mod core;
pub(crate) mod effects;
mod ending;
mod limiter;
pub(crate) mod log;
mod log_stream;
mod meter;
pub(crate) mod state;
pub(crate) mod stop;

/// What came of a run, with the entries for its tape.
pub(crate) struct Executed {
    pub(crate) outcome: Outcome,
    pub(crate) entries: Vec<Entry>,
    pub(crate) findings: Vec<Finding>,
    /// What ended it, if a host function or a tick did.
    pub(crate) stop: Option<Stop>,
    pub(crate) core: Core,
}

/// What the guest returned.
enum Returned {
    Report(Result<guest::Report, guest::Fault>),
    Findings(Result<Vec<guest::Finding>, guest::Fault>),
    Migrated(Result<(), guest::Fault>),
}

/// Runs a guest. Never fails: how it went is the outcome's ending.
pub(crate) async fn execute(
    prepared: &Prepared,
    mut core: Core,
    limits: RunLimits,
    call: &Call,
) -> Executed {
    if let Call::Handle(event) = call {
        core.effects.reads(event.tells_of().as_slice());
    }
    let began = Instant::now();
    let meter = Arc::new(Meter::default());
    let mut store = store(prepared, core, limits, &meter);
    let wall = Duration::from_millis(limits.wall_ms);
    let returned = {
        let guest = pin!(call_guest(prepared, &mut store, call));
        let metered = Metered::new(guest, &meter);
        tokio::time::timeout(wall, metered).await
    };
    // Dropping the store frees what half-made calls hold, so it goes first.
    let RunState { mut core, limiter, .. } = into_parts(store);
    let mut stop = core.facts.stop.get().cloned();
    let no_room = core.scratch.end();
    if let Some(limit) = no_room {
        let told = format!(
            "host: the limit {limit} was reached; the plugin was told that no space is left"
        );
        core.log.write("warn", &told);
    }
    let mut findings = Vec::new();
    let ending = match returned {
        _ if let Some(stop) = &stop => ending::failure(&stop.clone().into(), None),
        Ok(Ok(returned)) => ending_of(returned, &mut findings),
        Ok(Err(error)) => {
            stop = error.downcast_ref::<Stop>().cloned();
            ending::failure(&error, limiter.refused.or(no_room))
        }
        Err(_elapsed) => {
            let waiting_in = core.waiting.take().map(|waiting| waiting.shown());
            Ending::Limit { limit: "run.wall".to_owned(), waiting_in }
        }
    };
    let usage = usage(&core, &meter, limiter.memory_bytes(), began);
    let entries = std::mem::take(&mut core.entries);
    let effects = std::mem::take(&mut core.effects).finish();
    let keeps = matches!(ending, Ending::Ok(_)) && core.mode != core::Mode::Check;
    let (log, log_dropped) = core.log.take();
    let calls = summaries(&entries);
    let effects = if keeps { effects } else { Effects::default() };
    let outcome = Outcome { ending, effects, usage, log, log_dropped, calls };
    Executed { outcome, entries, findings, stop, core }
}

fn into_parts(store: Store<RunState>) -> RunState {
    store.into_data()
}

/// A store with every limit set: the defaults of the engine are none.
fn store(
    prepared: &Prepared,
    core: Core,
    limits: RunLimits,
    meter: &Arc<Meter>,
) -> Store<RunState> {
    let mut store = Store::new(prepared.engine(), RunState::new(core, limits.memory_bytes));
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(to_usize(limits::RUN_HOSTCALL_BYTES + limits::HTTP_BODY_BYTES));
    store.set_max_component_handles(to_usize(limits::RUN_HANDLES));
    let cpu_ns = limits.cpu_ms.saturating_mul(1_000_000);
    let meter = Arc::clone(meter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if meter.spent_ns() > cpu_ns {
            return Err(Stop::Limit("run.cpu").into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// Instantiation is part of the run: a component that loops at its start is
/// charged like any other.
async fn call_guest(
    prepared: &Prepared,
    store: &mut Store<RunState>,
    call: &Call,
) -> wasmtime::Result<Returned> {
    let plugin = prepared.pre().instantiate_async(&mut *store).await?;
    let entry = plugin.venn_plugin_entry();
    match call {
        Call::Handle(event) => {
            let event = guest::Event {
                id: event.id.to_string(),
                kind: event.kind.clone(),
                subject: event.subject.clone(),
                occurred_at: event.occurred_at.0,
                payload: event.payload.clone(),
                continuation: event.continuation.clone(),
            };
            entry.call_handle(store, &event).await.map(Returned::Report)
        }
        Call::Check { config, connections } => {
            let draft = guest::Draft { config: config.clone(), connections: connections.clone() };
            entry.call_check(store, &draft).await.map(Returned::Findings)
        }
        Call::Migrate { old_version } => {
            entry.call_migrate(store, old_version).await.map(Returned::Migrated)
        }
    }
}

/// More findings than a person reads.
const FINDINGS: usize = 100;

fn ending_of(returned: Returned, findings: &mut Vec<Finding>) -> Ending {
    let done = || Ending::Ok(venn_domain::run::Report::default());
    match returned {
        Returned::Report(Ok(report)) => ending::report(report),
        Returned::Findings(Ok(found)) => {
            findings.extend(found.into_iter().take(FINDINGS).map(|finding| Finding {
                level: match finding.level.as_str() {
                    "ok" | "warning" => finding.level,
                    _ => "error".to_owned(),
                },
                field: finding.field.map(|field| log::plain(&field, 128)),
                message: log::plain(&finding.message, 1 << 10),
            }));
            done()
        }
        Returned::Migrated(Ok(())) => done(),
        Returned::Report(Err(fault))
        | Returned::Findings(Err(fault))
        | Returned::Migrated(Err(fault)) => ending::fault(&fault),
    }
}

fn usage(core: &Core, meter: &Meter, memory_bytes: u64, began: Instant) -> Usage {
    use std::sync::atomic::Ordering::Relaxed;
    let egress = core.egress_used();
    Usage {
        cpu_us: meter.spent_us(),
        wall_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        memory_bytes,
        host_calls: core.calls,
        http_calls: egress.map_or(0, |egress| egress.calls.load(Relaxed)),
        http_sent_bytes: egress.map_or(0, |egress| egress.sent_bytes.load(Relaxed)),
        http_received_bytes: egress.map_or(0, |egress| egress.received_bytes.load(Relaxed)),
    }
}
