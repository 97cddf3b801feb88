//! One event, four steps: read, decide, run, write.
//!
//! - read: lease a delivery; the install's control data as one numbered snapshot
//! - decide: admit or refuse, a pure decision of the domain
//! - run: the sandbox; always an outcome
//! - write: one transaction with the outcome, its effects, the provisional
//!   verdict, the incident and what becomes of the delivery
//!
//! No database connection is held while a guest runs. A crash between lease
//! and write repeats the run; the write is idempotent and fenced.
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span, field::Empty};
use venn_domain::{
    admission,
    authority::{Authority, Control},
    id::RunId,
    limits,
    run::{Ending, Outcome, PartnerReads},
    sharing::Purpose,
    time::Timestamp,
};
use venn_sandbox::{Idempotency, Job, RunInfo, RunLimits, Tape};
use venn_store::{
    crash,
    delivery::{Lease, Leased},
    install::{InstallControl, InstallFacts},
    run::{Recorded, RunRecord},
    state::StateSeen,
};

use crate::{
    account_row,
    app::App,
    conclude,
    ports::InstallPorts,
    releases,
    telemetry::{
        metrics::{Ran, next_name},
        trace,
    },
};

mod not_run;

/// Runs at once in this process: well under the sandbox's pool, so that a
/// check or a replay always finds room. Who has how much of it: [`venn_domain::room`].
const RUNS_AT_ONCE: usize = 64;

/// Loading beyond this leaves too little of the lease for the longest run.
const SLOW_LOAD_MS: i64 = 20_000;

/// The delivery worker.
pub async fn run(app: App, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(RUNS_AT_ONCE));
    let running = TaskTracker::new();
    let bell = app.wake.deliveries.clone();
    super::every_bell("deliver", &bell, &stop, || turn(&app, &slots, &running)).await;
    running.close();
    running.wait().await;
}

/// Leases what is due and there is room for; true if there may be more. The next look does
/// not wait for what these need.
async fn turn(app: &App, slots: &Arc<Semaphore>, running: &TaskTracker) -> anyhow::Result<bool> {
    let first = slots.clone().acquire_owned().await?;
    let free = slots.clone();
    let room =
        move || u32::try_from(free.available_permits()).unwrap_or(u32::MAX).saturating_add(1);
    let until = app.store.now().plus_ms(limits::LEASE_MS.cast_signed());
    let Lease { leased, more } = app.store.lease_into(room, until).await?;
    if leased.is_empty() {
        return Ok(more);
    }
    // There is room for all of them.
    let mut taken = Vec::with_capacity(leased.len());
    let mut permit = Some(first);
    for leased in leased {
        crash::point("deliver.leased");
        let slot = match permit.take() {
            Some(slot) => slot,
            None => slots.clone().acquire_owned().await?,
        };
        taken.push((leased, slot));
    }
    running.spawn(begin(app.clone(), taken, running.clone()));
    Ok(more)
}

/// They start now, and on what is read now.
async fn begin(app: App, taken: Vec<(Leased, OwnedSemaphorePermit)>, running: TaskTracker) {
    let installs: Vec<_> = taken.iter().map(|(leased, _)| &leased.install).collect();
    let mut controls = match app.store.controls(&installs).await {
        Ok(controls) => controls,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            return tracing::error!(
                error,
                "run.deliver failed; it is repeated when its lease runs out"
            );
        }
    };
    for (leased, slot) in taken {
        let read = controls.remove(&leased.install);
        running.spawn(deliver_and_ring(app.clone(), leased, read, slot));
    }
}

async fn deliver_and_ring(
    app: App,
    leased: Leased,
    read: Option<InstallControl>,
    slot: OwnedSemaphorePermit,
) {
    let span = tracing::info_span!(
        "run.deliver", delivery = %leased.id, install = %leased.install, kind = %leased.event.kind,
        step = leased.step, attempt = leased.attempt, otel.kind = "consumer", trace_id = Empty, run = Empty,
    );
    let trace_id = join_trace(&span, &leased);
    let delivery = leased.id.clone();
    if leased.step == 0 && leased.attempt == 1 {
        app.metrics.waited(app.store.now().0 - leased.created_at.0);
    }
    async {
        // On an error of ours the lease stays and runs out: the run is repeated then.
        if let Err(error) = Box::pin(deliver(&app, leased, read, trace_id)).await {
            tracing::error!(error = ?error, "run.deliver failed; it is repeated when its lease runs out");
        }
    }
    .instrument(span)
    .await;
    drop(slot);
    app.answers.recorded(&delivery);
    app.wake.deliveries.notify_one();
}

/// Every attempt at an event is in the event's own trace. Later steps are not:
/// a backfill of a hundred thousand overlaps would be one trace of thousands of
/// runs; each begins one that names the event. Returns the trace's id.
fn join_trace(span: &Span, leased: &Leased) -> String {
    if leased.step == 0 {
        trace::child_of(span, &leased.trace);
    } else {
        trace::linked_to(span, &leased.trace);
    }
    let id = trace::id_of(span);
    if !id.is_empty() {
        span.record("trace_id", &id);
    }
    id
}

/// A leased delivery, and what was read for it.
struct Held {
    leased: Leased,
    control: Control,
    facts: InstallFacts,
    started_at: Timestamp,
    trace_id: String,
}

async fn deliver(
    app: &App,
    leased: Leased,
    read: Option<InstallControl>,
    trace_id: String,
) -> anyhow::Result<()> {
    let (control, facts) = read.with_context(|| format!("install {} is gone", leased.install))?;
    let held = Held { leased, control, facts, started_at: app.store.now(), trace_id };
    let admitted = tracing::debug_span!("run.admit")
        .in_scope(|| admission::admit(&held.leased.admission(&held.control, &held.facts)));
    if let Err(refusal) = admitted {
        return not_run::refuse(app, held, refusal).await;
    }
    if held.leased.lineage.is_loop(&held.leased.install) {
        return not_run::looped(app, held).await;
    }
    let load = tracing::debug_span!("run.load");
    let prepared = match releases::prepared(app, &held.facts.proof).instrument(load).await {
        Ok(prepared) => prepared,
        Err(error) if error.is_tampering() => return not_run::untrusted(app, held, &error).await,
        Err(error) => return Err(error.into()),
    };
    let Held { leased, control, facts, started_at, trace_id } = held;
    if app.store.now() > started_at.plus_ms(SLOW_LOAD_MS) {
        // It had to be compiled again, and the lease may not outlast the run:
        // let it run out, and the next one finds the component loaded.
        tracing::warn!("run.deferred: loading the component took too long");
        return Ok(());
    }
    let run = RunId::make(app.store.ids());
    Span::current().record("run", run.as_str());
    let authority = Arc::new(Authority::new(control.clone()));
    let (install, reads) = (leased.install.clone(), leased.event.reads());
    let ports = Arc::new(InstallPorts::since(app.clone(), install, facts.state_no, reads));
    let job = Job {
        prepared,
        info: RunInfo {
            run: run.clone(),
            install: leased.install.clone(),
            plugin: control.manifest.name.clone(),
            version: control.manifest.version.to_string(),
            attempt: leased.attempt,
        },
        event: leased.event.clone(),
        config: facts.config.to_string(),
        authority: authority.clone(),
        limits: RunLimits::of(&control.manifest.limits),
        idempotency: Idempotency {
            key: app.keys.idempotency,
            delivery: leased.id.clone(),
            step: leased.step,
        },
        started_at,
    };
    let execute = tracing::debug_span!(
        "run.execute",
        ending = Empty,
        host_calls = Empty,
        cpu_us = Empty,
        memory_bytes = Empty,
    );
    crash::point("deliver.begun");
    let ran = app.sandbox.run(job, ports.clone(), app.clock.clone());
    let (mut outcome, tape) = ran.instrument(execute.clone()).await;
    told(&execute, &outcome);
    crash::point("deliver.ran");
    bound_state(app, &leased, &mut outcome).await?;
    bound_steps(leased.step, &mut outcome);
    let (reads, seen) = (ports.reads(), ports.seen());
    let done =
        Done { run, control, facts, authority, outcome, reads, seen, tape, started_at, trace_id };
    record(app, leased, done).await
}

/// How the run went, in its span.
fn told(span: &Span, outcome: &Outcome) {
    span.record("ending", outcome.ending.name());
    span.record("host_calls", outcome.usage.host_calls);
    span.record("cpu_us", outcome.usage.cpu_us);
    span.record("memory_bytes", outcome.usage.memory_bytes);
}

/// Everything that a finished run brings to its record.
struct Done {
    run: RunId,
    control: Control,
    facts: InstallFacts,
    authority: Arc<Authority>,
    outcome: Outcome,
    reads: PartnerReads,
    seen: StateSeen,
    tape: Tape,
    started_at: Timestamp,
    trace_id: String,
}

/// A run that would leave more state than an install may keep is stopped by
/// that limit: nothing of it is committed.
async fn bound_state(app: &App, leased: &Leased, outcome: &mut Outcome) -> anyhow::Result<()> {
    if outcome.effects.state.is_empty() {
        return Ok(());
    }
    let usage = app.store.state_usage_after(&leased.install, &outcome.effects.state).await?;
    if let Some(limit) = usage.over() {
        stop(outcome, limit);
    }
    Ok(())
}

/// Work that asks for another step for ever is ended by that limit.
fn bound_steps(step: u32, outcome: &mut Outcome) {
    let goes_on = matches!(&outcome.ending, Ending::Ok(report) if report.again.is_some());
    // The first step has the number 0.
    if goes_on && u64::from(step) + 1 >= limits::DELIVERY_STEPS {
        stop(outcome, limits::STEPS);
    }
}

fn stop(outcome: &mut Outcome, limit: &str) {
    outcome.ending = Ending::Limit { limit: limit.to_owned(), waiting_in: None };
    outcome.effects = venn_domain::run::Effects::default();
}

async fn record(app: &App, leased: Leased, done: Done) -> anyhow::Result<()> {
    let concluding = tracing::debug_span!(
        "run.conclude",
        class = Empty,
        owner = Empty,
        route = Empty,
        next = Empty,
    );
    let conclusion =
        conclude::conclude(app, &leased, &done.control, &done.facts, &done.run, &done.outcome)
            .instrument(concluding.clone())
            .await?;
    if let Some(verdict) = &conclusion.verdict {
        concluding.record("class", verdict.class.name());
        concluding.record("owner", verdict.owner.name());
    }
    if let Some(route) = conclusion.routes.iter().find(|route| route.is_owner) {
        concluding.record("route", route.kind);
    }
    concluding.record("next", next_name(&conclusion.next));
    drop(concluding);
    crash::point("deliver.concluded");
    let ending = done.outcome.ending.name();
    let ran = Ran::of(&done.outcome, conclusion.verdict.as_ref(), &conclusion.next);
    let accounts = done.outcome.effects.accounts.as_deref();
    let account_rows = accounts.map(account_row::of_effects).unwrap_or_default();
    let writes_accounts = accounts.is_some();
    let record = RunRecord {
        id: done.run.clone(),
        leased,
        plugin: done.control.plugin.clone(),
        release: done.control.release.clone(),
        authority_no: done.control.number,
        purpose: Purpose::needed(done.authority.has_egress()),
        outcome: Some(done.outcome),
        refused: None,
        verdict: conclusion.verdict,
        routes: conclusion.routes,
        reads: done.reads,
        seen: done.seen,
        tape: done.tape.encode()?,
        trace_id: done.trace_id,
        account_rows,
        started_at: done.started_at,
        next: conclusion.next,
    };
    let recording = tracing::debug_span!("run.record");
    match app.store.record_run(record).instrument(recording).await? {
        Recorded::Written { effects_dropped } => {
            app.metrics.ran(&ran);
            tracing::info!(run = %done.run, ending, effects_dropped, "run.recorded");
            if writes_accounts {
                app.wake.pairing.notify_one();
            }
        }
        Recorded::Overtaken => {
            app.metrics.ran(&ran);
            tracing::info!(run = %done.run, "run.overtaken: another run changed what it had read");
        }
        Recorded::Fenced => {
            app.metrics.fenced();
            tracing::warn!(run = %done.run, "run.fenced: the lease was lost");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use venn_domain::run::{Effects, Report, Usage};

    use super::*;

    fn ended(step: u32, again: bool) -> Ending {
        let report = Report { again: again.then(|| "on".to_owned()), ..Report::default() };
        let mut outcome = Outcome {
            ending: Ending::Ok(report),
            effects: Effects::default(),
            usage: Usage::default(),
            log: Vec::new(),
            log_dropped: 0,
            calls: Vec::new(),
        };
        bound_steps(step, &mut outcome);
        outcome.ending
    }

    #[test]
    fn a_chain_of_runs_has_an_end() {
        let limit = Ending::Limit { limit: "delivery.steps".to_owned(), waiting_in: None };
        assert_eq!(ended(99_999, true), limit);
        assert_ne!(ended(99_998, true), limit);
        assert_ne!(ended(99_999, false), limit, "the last one may end well");
        let published = limits::TABLE.iter().find(|one| one.name == limits::STEPS);
        assert_eq!(published.map(|one| one.value), Some(limits::DELIVERY_STEPS));
    }
}
