//! The detect worker: looks for installs that have gone silent, all of them now and then.
//!
//! What runs and gets nowhere is found where runs are recorded; nobody has to look.
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use venn_domain::{id::InstallId, limits, time::Timestamp};

use crate::app::App;

/// Looked at in one turn: bounds how long a reader is held.
const INSTALLS: u32 = 100;

/// Where the worker is.
struct Round {
    /// When the next look at all of them begins.
    due: Timestamp,
    /// The last install that was looked at; none between two rounds.
    after: Option<InstallId>,
}

/// The detect worker.
pub async fn run(app: App, stop: CancellationToken) {
    // Nobody rings: time passes by itself. Who called while the server was down has that
    // long to call again.
    let bell = tokio::sync::Notify::new();
    let due = app.store.now().plus_ms(limits::SILENCE_MS_MIN.cast_signed());
    let round = Mutex::new(Round { due, after: None });
    super::every_bell("detect", &bell, &stop, || turn(&app, &round)).await;
}

/// A batch of installs; true if there are more.
async fn turn(app: &App, round: &Mutex<Round>) -> anyhow::Result<bool> {
    let now = app.store.now();
    let after = {
        let round = round.lock().unwrap_or_else(PoisonError::into_inner);
        if now < round.due {
            return Ok(false);
        }
        round.after.clone()
    };
    let looked = app.store.look_for_silence(after.as_ref(), INSTALLS).await?;
    if looked.silent > 0 {
        tracing::warn!(installs = looked.silent, "detect.silence: runs are missing");
    }
    let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
    round.after = looked.next;
    if round.after.is_none() {
        round.due = now.plus_ms(limits::SILENCE_LOOK_MS.cast_signed());
    }
    Ok(round.after.is_some())
}
