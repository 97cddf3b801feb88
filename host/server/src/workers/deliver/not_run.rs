//! Deliveries that are looked at and not run: each leaves a record that says why.
use tracing::Instrument as _;
use venn_domain::{
    admission::Refusal,
    id::RunId,
    limits,
    run::{Effects, Ending, Outcome, PartnerReads, Usage},
    sharing::Purpose,
};
use venn_store::{
    run::{Next, Recorded, RunRecord},
    state::StateSeen,
};

use super::Held;
use crate::{
    app::App,
    conclude,
    releases::LoadError,
    telemetry::metrics::{Ran, next_name},
};

/// The release is not what was signed: nothing of it runs, the platform is told,
/// and the delivery is kept until somebody has looked.
pub(super) async fn untrusted(app: &App, held: Held, error: &LoadError) -> anyhow::Result<()> {
    tracing::error!(
        release = %held.control.release, plugin = %held.facts.proof.plugin,
        version = %held.facts.proof.version,
        error = error as &dyn std::error::Error, "release.untrusted: not run"
    );
    let message = error.to_string();
    let kept = Next::Parked { reason: message.clone() };
    stopped(app, held, Ending::HostFailed { message }, Some(kept)).await
}

/// What the plugin wrote caused this event, over and over: its publisher is told.
pub(super) async fn looped(app: &App, held: Held) -> anyhow::Result<()> {
    tracing::warn!(install = %held.leased.install, "run.looped: not run");
    let ending = Ending::Limit { limit: limits::LOOP.to_owned(), waiting_in: None };
    stopped(app, held, ending, None).await
}

/// Records a failure before the plugin began; what becomes of the delivery, the verdict
/// says unless it is `kept`.
async fn stopped(app: &App, held: Held, ending: Ending, kept: Option<Next>) -> anyhow::Result<()> {
    let Held { leased, control, facts, started_at, trace_id } = held;
    let run = RunId::make(app.store.ids());
    let outcome = Outcome {
        ending,
        effects: Effects::default(),
        usage: Usage::default(),
        log: Vec::new(),
        log_dropped: 0,
        calls: Vec::new(),
    };
    let conclusion = conclude::conclude(app, &leased, &control, &facts, &run, &outcome).await?;
    let next = kept.unwrap_or(conclusion.next);
    let ran = Ran::of(&outcome, conclusion.verdict.as_ref(), &next);
    let record = RunRecord {
        id: run,
        leased,
        plugin: control.plugin,
        release: control.release,
        authority_no: control.number,
        purpose: Purpose::View,
        outcome: Some(outcome),
        refused: None,
        verdict: conclusion.verdict,
        routes: conclusion.routes,
        reads: PartnerReads::new(),
        tape: Vec::new(),
        seen: StateSeen::default(),
        account_rows: Vec::new(),
        trace_id,
        started_at,
        next,
    };
    if let Recorded::Written { .. } = app.store.record_run(record).await? {
        app.metrics.ran(&ran);
    }
    Ok(())
}

/// It does not become a run; no failure, and nobody's fault.
pub(super) async fn refuse(app: &App, held: Held, refusal: Refusal) -> anyhow::Result<()> {
    tracing::info!(code = refusal.code, "run.refused");
    let next = conclude::after_refusal(&refusal);
    let what_next = next_name(&next);
    let Held { leased, control, started_at, trace_id, .. } = held;
    let record = RunRecord {
        id: RunId::make(app.store.ids()),
        leased,
        plugin: control.plugin,
        release: control.release,
        authority_no: control.number,
        purpose: Purpose::View,
        outcome: None,
        refused: Some(refusal.why.to_owned()),
        verdict: None,
        routes: Vec::new(),
        reads: PartnerReads::new(),
        tape: Vec::new(),
        trace_id,
        seen: StateSeen::default(),
        account_rows: Vec::new(),
        started_at,
        next,
    };
    let recording = tracing::debug_span!("run.record");
    let recorded = app.store.record_run(record).instrument(recording).await?;
    if let Recorded::Written { .. } = recorded {
        app.metrics.refused(what_next);
    }
    Ok(())
}
