//! Runs: how each ended, whose fault it was, what it called, and its replay.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use venn_domain::{
    id::{DeliveryId, InstallId, OrganizationId, PluginId, ReleaseId, RunId},
    limits,
    organization::Need,
    run::{CallResult, CallSummary, LogLine, Usage},
    support::{Thing, may_tell_of_partners, without_words},
    time::Timestamp,
    verdict::Verdict,
};
use venn_sandbox::{ReplayVerdict, Tape};
use venn_store::run::{Run, RunFilter};

use crate::{
    accesses::Read,
    answer::PlainText,
    api::{
        organization::resolve,
        support::{Seen, seen},
    },
    app::App,
    auth::Caller,
    body::one_of,
    error::{ApiError, Code},
    page::{PageOf, PageView},
    releases, turns,
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// An install's id.
    install: Option<InstallId>,
    /// How they ended.
    #[schemars(extend("enum" = ENDINGS))]
    ending: Option<String>,
}

/// How a run can end.
pub const ENDINGS: [&str; 6] = ["ok", "fault", "trap", "limit", "host-failed", "refused"];

/// One execution.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunView {
    /// The run's id.
    id: RunId,
    /// The delivery that it worked on.
    delivery: DeliveryId,
    /// The install.
    install: InstallId,
    /// The plugin.
    plugin: PluginId,
    /// The release that ran.
    release: ReleaseId,
    /// That release's version.
    version: String,
    /// The event's kind.
    event_kind: String,
    /// What the event is about, an id.
    subject: String,
    /// Continuations before this one.
    step: u64,
    /// Which attempt of the step, from 1.
    attempt: u64,
    /// `ok`, `fault`, `trap`, `limit`, `host-failed` or `refused`.
    #[schemars(extend("enum" = ENDINGS))]
    ending: String,
    /// More about the ending; its members depend on it. A supporter sees none in which
    /// the plugin speaks.
    ending_detail: Value,
    /// One line for people; empty for a supporter where the plugin wrote it.
    summary: String,
    /// Whose fault it was; none if it ended well.
    verdict: Option<Verdict>,
    /// Its host calls in order, without values.
    calls: Vec<CallSummary>,
    /// How many of them were denied.
    denials: usize,
    /// What it used.
    usage: Usage,
    /// Log lines beyond the limit.
    log_dropped: u64,
    /// Effects that were not allowed any more when the run ended.
    effects_dropped: u64,
    /// Another run of the install had written what this one had read of its state: none of
    /// its effects was kept, and the delivery ran again, alone.
    overtaken: bool,
    /// The trace in which it is found; null if it was not traced.
    trace_id: Option<String>,
    /// Accounts that it added as a source.
    accounts_added: u64,
    /// Accounts that it changed.
    accounts_changed: u64,
    /// Accounts that it named and found as they were.
    accounts_unchanged: u64,
    /// Those that went with this run: a sync removes at its end.
    accounts_removed: u64,
    /// When it began.
    started_at: Timestamp,
    /// When it ended.
    ended_at: Timestamp,
}

/// What a replay came to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReplayView {
    /// The run that was repeated.
    run: RunId,
    /// `same`, `outcome-differs` or `diverged`.
    #[schemars(extend("enum" = ["same", "outcome-differs", "diverged"]))]
    result: &'static str,
    /// The number of the first host call that differs, from 0.
    at_call: Option<usize>,
    /// The same in a sentence.
    text: String,
    /// How the replay ended.
    ending: Value,
}

/// `GET /v1/organizations/{org}/runs`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf<RunQuery>,
) -> Result<Json<PageView<RunView>>, ApiError> {
    let seen = seen(&app, &caller, &org, Thing::Runs).await?;
    let RunQuery { install, ending } = &page.filter;
    one_of("ending", ending.as_deref(), &ENDINGS)?;
    let after = page.after()?;
    let install = seen.narrow(&app, &caller, install.as_ref(), Thing::Runs).await?;
    let filter = RunFilter { install, ending: ending.clone() };
    let found = app.store.runs(&seen.organization, &filter, after.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |run| as_seen(&seen, view(run)))))
}

/// `GET /v1/organizations/{org}/runs/{run}`
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Json<RunView>, ApiError> {
    let seen = seen(&app, &caller, &org, Thing::Runs).await?;
    let run = find(&app, &seen.organization, &run).await?;
    seen.one(&app, &caller, &run.install, Thing::Runs, run.id.as_str()).await?;
    Ok(Json(as_seen(&seen, view(run))))
}

/// `GET /v1/organizations/{org}/runs/{run}/log`
pub async fn log(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<Json<PageView<LogLine>>, ApiError> {
    let seen = seen(&app, &caller, &org, Thing::Logs).await?;
    let run = find(&app, &seen.organization, &run).await?;
    seen.one(&app, &caller, &run.install, Thing::Logs, run.id.as_str()).await?;
    if !seen.is_own() && may_tell_of_partners(&run.event_kind, run.step, &run.calls) {
        return Ok(Json(PageView::whole(vec![withheld(&run)])));
    }
    let items = app.store.run_log(&run.id).await?;
    if seen.is_own() {
        let read = Read::own("log.read", run.id.as_str(), items.len());
        app.accesses.note(&app.store, &caller, &seen.organization, read).await?;
    }
    Ok(Json(PageView::whole(items)))
}

/// `GET /v1/organizations/{org}/runs/{run}/transcript`: the whole of it, as text.
pub async fn transcript(
    State(app): State<App>,
    caller: Caller,
    Path((org, run)): Path<(String, String)>,
) -> Result<PlainText, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let run = find(&app, &org.id, &run).await?;
    let _turn = turns::asked(&app, &org.id)?;
    let text = tape(&app, &run).await?.transcript();
    let read = Read::own("transcript.read", run.id.as_str(), run.calls.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(PlainText(text))
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
    let _turn = turns::asked(&app, &org.id)?;
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
    let bytes = bytes.ok_or_else(|| match run.ending.as_str() {
        "refused" => ApiError::new(
            Code::WrongState,
            "This run was refused before it started: there is no recording of it.",
            "Read its `summary` for the reason.",
        ),
        _ => ApiError::new(
            Code::WrongState,
            format!(
                "The recording of this run was dropped: they are kept for {} days.",
                limits::TAPE_DAYS
            ),
            "Its log and its verdict are there for longer: read them.",
        ),
    })?;
    Tape::decode(&bytes).map_err(ApiError::internal)
}

/// Members of an ending in which a plugin speaks: its words can be a partner's values.
const WORDS: [&str; 4] = ["summary", "again", "answer", "message"];

/// What a supporter reads in the place of a log. Not even how many lines there are is told:
/// that is the plugin's word, too.
fn withheld(run: &Run) -> LogLine {
    let message =
        "What this run logged is not told to supporters: it was told of a partner's accounts or of \
         another plugin's entries, or read what an earlier run had kept. The customer's own people \
         can read it."
            .to_owned();
    LogLine { at: run.ended_at, level: "withheld".to_owned(), message }
}

/// A supporter sees how a run ended, and not what the plugin said: that is in the log, which
/// leave names by itself. Where it may be of a partner's accounts, an address is such a word.
fn as_seen(seen: &Seen, mut run: RunView) -> RunView {
    if !seen.is_own() && may_tell_of_partners(&run.event_kind, run.step, &run.calls) {
        run.calls = run.calls.into_iter().map(without_words).collect();
        if let Some(verdict) = &mut run.verdict {
            verdict.evidence.clear();
        }
    }
    if !seen.is_own() && ["ok", "fault", "trap"].contains(&run.ending.as_str()) {
        run.summary.clear();
        if let Some(detail) = run.ending_detail.as_object_mut() {
            detail.retain(|member, _| !WORDS.contains(&member.as_str()));
        }
    }
    run
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
        overtaken: run.overtaken,
        trace_id: run.trace_id,
        accounts_added: run.accounts.added,
        accounts_changed: run.accounts.changed,
        accounts_unchanged: run.accounts.unchanged,
        accounts_removed: run.accounts.removed,
        started_at: run.started_at,
        ended_at: run.ended_at,
    }
}
