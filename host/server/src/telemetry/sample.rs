//! Figures that nobody counts as they happen: they are looked up, when `/metrics`
//! is read and every now and then for a collector.
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Well below the minute in which figures are sent to a collector by default.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Looks everything up once.
pub async fn look(app: &App) {
    match app.store.backlog().await {
        Ok(backlog) => app.metrics.waiting(&backlog),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "metrics.backlog failed");
        }
    }
    app.metrics.standing(app.sandbox.pool_use(), app.store.authority_no());
}

/// Looks until told to stop; not at all if nobody reads the figures.
pub async fn run(app: App, stop: CancellationToken) {
    if !app.metrics.is_read() {
        return;
    }
    let mut often = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = often.tick() => look(&app).await,
            () = stop.cancelled() => return,
        }
    }
}
