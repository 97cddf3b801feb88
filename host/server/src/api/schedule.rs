//! Schedules: when an install runs by itself.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::Serialize;
use venn_domain::{organization::Need, schedule::Missed, time::Timestamp};
use venn_store::schedule::Planned;

use crate::{
    api::{install::find, organization::resolve},
    app::App,
    auth::Caller,
    error::ApiError,
};

/// `GET /v1/organizations/{org}/installs/{install}/schedules`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SchedulesView {
    /// Of the release that runs, in the manifest's order; empty if it runs by events only.
    schedules: Vec<ScheduleView>,
}

/// One schedule of an install.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScheduleView {
    /// Its name in the manifest, and in the events that it makes.
    name: String,
    /// What it is for.
    title: String,
    /// Minute, hour, day of the month, month, day of the week.
    cron: String,
    /// The same in words.
    words: String,
    /// Whose clock it goes by, a name of the IANA database.
    time_zone: String,
    /// What becomes of times that were missed: one run for all of them, or none.
    #[schemars(extend("enum" = ["once", "skip"]))]
    missed: &'static str,
    /// When this install runs next; null while it does not run.
    next_at: Option<Timestamp>,
}

/// `GET …/schedules`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<SchedulesView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = find(&app, &org, &install).await?;
    let release = app.store.release(&found.release).await?.ok_or_else(ApiError::not_found)?;
    let planned = app.store.schedules(&found.id, release.manifest).await?;
    Ok(Json(SchedulesView { schedules: planned.into_iter().map(view).collect() }))
}

fn view(planned: Planned) -> ScheduleView {
    let Planned { schedule, words, next_at } = planned;
    ScheduleView {
        name: schedule.name,
        title: schedule.title,
        cron: schedule.cron,
        words,
        time_zone: schedule.time_zone,
        missed: Missed::name(schedule.missed),
        next_at,
    }
}
