//! What works in the background. Each worker takes its work from the store,
//! so that a crash loses none of it; bells only save it the wait.
//!
//! To add one: a file with `run(app, stop)`, a line in [`start`], a bell in
//! [`crate::app::Wake`].
use std::{future::Future, time::Duration};

use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{accesses, app::App, telemetry::sample};

pub mod deliver;
pub mod detect;
pub mod import;
pub mod pairing;
pub mod schedule;

/// How long a worker sleeps at most: time moves by the injected clock, so it
/// looks again now and then whatever its bell says.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often expired answers are dropped: they are kept for a day.
const SWEEP: Duration = Duration::from_hours(1);

/// How often the counts of API calls are written: one small write for all.
const USAGE: Duration = Duration::from_secs(10);

/// Starts every worker; the tracker ends when all of them have.
pub fn start(app: &App, stop: &CancellationToken) -> TaskTracker {
    let workers = TaskTracker::new();
    workers.spawn(import::run(app.clone(), stop.clone()));
    workers.spawn(pairing::run(app.clone(), stop.clone()));
    workers.spawn(deliver::run(app.clone(), stop.clone()));
    workers.spawn(schedule::run(app.clone(), stop.clone()));
    workers.spawn(detect::run(app.clone(), stop.clone()));
    workers.spawn(accesses::run(app.clone(), stop.clone()));
    workers.spawn(sweep(app.clone(), stop.clone()));
    workers.spawn(sample::run(app.clone(), stop.clone()));
    workers.spawn(usage(app.clone(), stop.clone()));
    workers
}

/// Now and then drops what is kept for a time only.
async fn sweep(app: App, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = hourly.tick() => {}
            () = stop.cancelled() => return,
        }
        let swept = [
            app.store.forget_answers().await,
            app.store.forget_usage().await,
            app.store.sweep_credentials().await,
            app.store.sweep_attempts().await,
            app.store.sweep_login_attempts().await,
            app.store.sweep_webhooks().await,
            app.store.sweep_farewells().await,
            app.store.sweep_retained().await.map(drop),
            app.store.sweep_put_off().await.map(drop),
        ];
        for error in swept.into_iter().filter_map(Result::err) {
            tracing::error!(error = &error as &dyn std::error::Error, "worker.sweep failed");
        }
    }
}

/// Writes what calls were made, in batches, and once more at the end.
async fn usage(app: App, stop: CancellationToken) {
    let mut batch = tokio::time::interval(USAGE);
    while !stop.is_cancelled() {
        tokio::select! {
            _ = batch.tick() => {}
            () = stop.cancelled() => {}
        }
        if let Err(error) = app.write_usage().await {
            tracing::error!(error = &error as &dyn std::error::Error, "worker.usage failed");
        }
    }
}

/// Repeats `work` until it finds nothing to do, then waits for the bell.
pub(crate) async fn every_bell<F>(
    name: &'static str,
    bell: &Notify,
    stop: &CancellationToken,
    mut work: impl FnMut() -> F,
) where
    F: Future<Output = anyhow::Result<bool>>,
{
    while !stop.is_cancelled() {
        let found = work().await.unwrap_or_else(|error| {
            tracing::error!(worker = name, error = ?error, "worker.turn failed");
            false
        });
        if found {
            continue;
        }
        tokio::select! {
            () = bell.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = stop.cancelled() => {}
        }
    }
}
