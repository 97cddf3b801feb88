//! The schedule worker: makes the events of schedules that have come.
//!
//! Times are in the store, so that none is lost or doubled by a restart; the worker only
//! looks. What is missed is decided there, too.
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// The schedule worker.
pub async fn run(app: App, stop: CancellationToken) {
    // Nobody rings: time passes by itself.
    let bell = tokio::sync::Notify::new();
    super::every_bell("schedule", &bell, &stop, || turn(&app)).await;
}

/// A batch of schedules that have come; true if there were any.
async fn turn(app: &App) -> anyhow::Result<bool> {
    let came = app.store.take_schedules().await?;
    if came > 0 {
        app.wake.deliveries.notify_one();
    }
    Ok(came > 0)
}
