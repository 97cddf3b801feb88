//! Actions: what people may ask of an install, and asking.
//!
//! A plugin's answer is a stranger's: it goes out as base64 within JSON, so that no program
//! takes it for a page or a script of this server, whatever its content type says.
use axum::{
    Json,
    extract::{Path, State},
};
use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use venn_domain::{
    id::{DeliveryId, RunId},
    manifest::Action,
    organization::Need,
};
use venn_store::install::ask::{Ask, Asked};

use crate::{
    answer::EndedOrAccepted,
    answers,
    api::{
        delivery::STATES,
        install::{find, not_active, rests},
        organization::resolve,
    },
    app::App,
    auth::Caller,
    body::{JsonBody, cut},
    error::{ApiError, Code},
    hooks::full,
};

/// `GET …/installs/{install}/actions`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionsView {
    /// Of the release that runs, in the manifest's order; empty if nothing can be asked of it.
    actions: Vec<ActionView>,
}

/// Something that people may ask of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionView {
    /// Its name in the manifest: what an ask names.
    name: String,
    /// What it does.
    title: String,
    /// What to write with it; null if it says nothing of that.
    text: Option<String>,
}

impl From<Action> for ActionView {
    fn from(action: Action) -> Self {
        let Action { name, title, text } = action;
        Self { name, title, text }
    }
}

/// `POST …/installs/{install}/ask`. No `Debug`: people type what they like.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskBody {
    /// One of the install's actions.
    action: String,
    /// What you type; empty if it is left out.
    #[serde(default)]
    text: String,
    /// Named values, as the plugin wants them; none if it is left out.
    #[serde(default)]
    input: Map<String, Value>,
}

/// What came of an ask.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AskedView {
    /// The delivery that brings it.
    delivery: DeliveryId,
    /// Where that stands: `done` is answered, `parked` waits for somebody, `dead` is given up,
    /// the others go on.
    #[schemars(extend("enum" = STATES))]
    state: String,
    /// Its newest run; null if none has ended yet.
    run: Option<RunId>,
    /// That run in one line; empty if there is none.
    summary: String,
    /// What the plugin answered; null if it did not, or has not yet.
    answer: Option<AnswerView>,
}

/// A plugin's answer: its own words, for whoever asked.
#[derive(Debug, Serialize, JsonSchema)]
struct AnswerView {
    /// What it is, as the plugin says; nobody has checked that.
    content_type: String,
    /// It, in standard base64 with padding.
    body_base64: String,
}

/// `GET …/actions`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<ActionsView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = find(&app, &org, &install).await?;
    let release = app.store.release(&found.release).await?.ok_or_else(ApiError::not_found)?;
    let actions = release.manifest.actions.into_iter().map(ActionView::from);
    Ok(Json(ActionsView { actions: actions.collect() }))
}

/// `POST …/ask`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<EndedOrAccepted<AskedView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let AskBody { action, text, input } = body;
    let name = cut(&action);
    let ask = Ask { action, text, input };
    let delivery = match app.store.ask(&org.id, &install.parse()?, ask, caller.user()).await? {
        Asked::Taken(delivery) => delivery,
        Asked::NotFound => return Err(ApiError::not_found()),
        Asked::NotActive(install) => return Err(not_active(&install)),
        Asked::Rests(install, resting) => return Err(rests(&install, &resting)),
        Asked::Stopped(why) => return Err(stopped(&why)),
        Asked::NoAction(names) => return Err(no_action(&name, &names)),
        Asked::Full(limit) => return Err(full(limit)),
    };
    app.wake.deliveries.notify_one();
    let answered = answers::wait(&app, &delivery).await?;
    let found = app.store.delivery(&org.id, &delivery).await?;
    let (now, runs) = found.ok_or_else(ApiError::not_found)?;
    let run = match runs.last() {
        Some(run) => app.store.run(&org.id, run).await?,
        None => None,
    };
    let ended = answered.is_some();
    let answer = answered.and_then(|answered| answered.answer);
    let view = AskedView {
        delivery,
        state: now.state,
        run: run.as_ref().map(|run| run.id.clone()),
        summary: run.map(|run| run.summary).unwrap_or_default(),
        answer: answer.map(|(content_type, body)| AnswerView {
            content_type,
            body_base64: BASE64.encode(&body),
        }),
    };
    Ok(if ended { EndedOrAccepted::Ended(view) } else { EndedOrAccepted::Accepted(view) })
}

/// A person who waits would wait for nothing.
fn stopped(why: &str) -> ApiError {
    ApiError::new(
        Code::WrongState,
        format!("Nothing of the install runs now ({why})."),
        "Ask again once it runs: `GET …/installs/{install}` says under `stopped` what is in its way.",
    )
}

fn no_action(name: &str, names: &[String]) -> ApiError {
    if names.is_empty() {
        let next =
            "Ask an install whose plugin offers actions: `GET …/installs/{install}/actions`.";
        return ApiError::new(Code::Invalid, "action: this plugin offers none.", next);
    }
    ApiError::new(
        Code::Invalid,
        format!("action: the plugin offers no `{name}`."),
        format!("Choose one of these: {}.", names.join(", ")),
    )
}
