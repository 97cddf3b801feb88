//! Runs: how each ended, whose fault it was, what it called, and its replay.
use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use venn_domain::{
    id::{DeliveryId, InstallId, OrganizationId, PluginId, ReleaseId, RunId},
    organization::Need,
    run::{CallResult, CallSummary, LogLine, Usage},
    time::Timestamp,
    verdict::Verdict,
};
use venn_sandbox::{ReplayVerdict, Tape};
use venn_store::run::{Run, RunFilter};

use crate::{
    accesses::Read,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::{PageView, QueryOf, cursor, limit, one_of},
    error::{ApiError, Code},
    releases,
};

/// `?install&ending&limit&cursor`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    install: Option<InstallId>,
    ending: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// One execution.
#[derive(Debug, Serialize)]
pub struct RunView {
    id: RunId,
    delivery: DeliveryId,
    install: InstallId,
    plugin: PluginId,
    release: ReleaseId,
    version: String,
    event_kind: String,
    subject: String,
    step: u64,
    attempt: u64,
    ending: String,
    ending_detail: Value,
    summary: String,
    verdict: Option<Verdict>,
    calls: Vec<CallSummary>,
    denials: usize,
    usage: Usage,
    log_dropped: u64,
    effects_dropped: u64,
    /// The trace in which it is found; null if it was not traced.
    trace_id: Option<String>,
    accounts_added: u64,
    accounts_changed: u64,
    accounts_unchanged: u64,
    /// Those that went with this run: a sync removes at its end.
    accounts_removed: u64,
    started_at: Timestamp,
    ended_at: Timestamp,
}

/// What a replay came to.
#[derive(Debug, Serialize)]
pub struct ReplayView {
    run: RunId,
    /// `same`, `outcome-differs` or `diverged`.
    result: &'static str,
    /// The number of the first host call that differs, from 0.
    at_call: Option<usize>,
    text: String,
    ending: Value,
}

/// `GET /v1/organizations/{org}/runs`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<RunQuery>,
) -> Result<Json<PageView<RunView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let before = cursor(query.cursor.as_deref())?;
    let endings = ["ok", "fault", "trap", "limit", "host-failed", "refused"];
    one_of("ending", query.ending.as_deref(), &endings)?;
    let filter = RunFilter { install: query.install, ending: query.ending };
    let page = app.store.runs(&org.id, &filter, before.as_ref(), limit(query.limit)?).await?;
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `GET /v1/organizations/{org}/runs/{run}`
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Json<RunView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    Ok(Json(view(find(&app, &org.id, &run).await?)))
}

/// `GET /v1/organizations/{org}/runs/{run}/log`
pub async fn log(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Json<PageView<LogLine>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let run = find(&app, &org.id, &run).await?;
    let items = app.store.run_log(&run.id).await?;
    let read = Read::own("log.read", run.id.as_str(), items.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(PageView { items, next: None }))
}

/// `GET /v1/organizations/{org}/runs/{run}/transcript`: the whole of it, as text.
pub async fn transcript(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let run = find(&app, &org.id, &run).await?;
    let text = tape(&app, &run).await?.transcript();
    let read = Read::own("transcript.read", run.id.as_str(), run.calls.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// `POST /v1/organizations/{org}/runs/{run}/replay`: the recorded component on
/// the recorded answers, without network, store or credentials.
pub async fn replay(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Json<ReplayView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let run = find(&app, &org.id, &run).await?;
    let tape = tape(&app, &run).await?;
    let proof = app.store.release_proof(&run.release).await?.ok_or_else(ApiError::not_found)?;
    let prepared = releases::prepared(&app, &proof).await?;
    let read = Read::own("run.replayed", run.id.as_str(), 0);
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    let replayed = app.sandbox.replay(&prepared, &tape).await;
    let ending = serde_json::to_value(&replayed.outcome.ending).map_err(ApiError::internal)?;
    let (result, at_call, text) = match replayed.verdict {
        ReplayVerdict::Same => ("same", None, "The replay ended as the run did.".to_owned()),
        ReplayVerdict::OutcomeDiffers { before_call } => (
            "outcome-differs",
            Some(before_call),
            format!("The replay ended otherwise before host call {before_call}."),
        ),
        ReplayVerdict::Diverged { at_call, expected, got } => (
            "diverged",
            Some(at_call),
            format!("Host call {at_call} differs: the tape has {expected}, the replay asks {got}."),
        ),
    };
    Ok(Json(ReplayView { run: run.id, result, at_call, text, ending }))
}

async fn find(app: &App, org: &OrganizationId, run: &str) -> Result<Run, ApiError> {
    app.store.run(org, &run.parse()?).await?.ok_or_else(ApiError::not_found)
}

async fn tape(app: &App, run: &Run) -> Result<Tape, ApiError> {
    let bytes = app.store.run_tape(&run.id).await?.filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| {
        ApiError::new(
            Code::WrongState,
            "This run was refused before it started: there is no recording of it.",
            "Read its `summary` for the reason.",
        )
    })?;
    Tape::decode(&bytes).map_err(ApiError::internal)
}

fn view(run: Run) -> RunView {
    let denied = |call: &&CallSummary| matches!(call.result, CallResult::Denied { .. });
    RunView {
        denials: run.calls.iter().filter(denied).count(),
        id: run.id,
        delivery: run.delivery,
        install: run.install,
        plugin: run.plugin,
        release: run.release,
        version: run.version,
        event_kind: run.event_kind,
        subject: run.subject,
        step: run.step,
        attempt: run.attempt,
        ending: run.ending,
        ending_detail: run.ending_detail,
        summary: run.summary,
        verdict: run.verdict,
        calls: run.calls,
        usage: run.usage,
        log_dropped: run.log_dropped,
        effects_dropped: run.effects_dropped,
        trace_id: run.trace_id,
        accounts_added: run.accounts.added,
        accounts_changed: run.accounts.changed,
        accounts_unchanged: run.accounts.unchanged,
        accounts_removed: run.accounts.removed,
        started_at: run.started_at,
        ended_at: run.ended_at,
    }
}
