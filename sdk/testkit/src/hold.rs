//! Latches: a test stops the third party in the middle of a call, looks (or kills something),
//! and lets go. Waiting is for a count, never for a time.
//!
//! A hold ends when it is released or dropped, so a failing test cannot leave callers hanging.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::matching::Matching;

/// Where in a call the hold stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The call has arrived and nothing has been done.
    #[default]
    BeforeEffect,
    /// The third party has done the work; the answer is not sent.
    AfterEffect,
}

pub(crate) struct HoldState {
    pub(crate) id: u64,
    matching: Matching,
    stage: Stage,
    held: watch::Sender<usize>,
    released: watch::Sender<bool>,
}

impl HoldState {
    /// Waits until at least `calls` calls stand here at once, or the hold is released.
    pub(crate) async fn wait_held(&self, calls: usize) {
        let mut held = self.held.subscribe();
        let mut released = self.released.subscribe();
        // Both senders live in `self`, so neither wait can end with an error.
        tokio::select! {
            _ = held.wait_for(|held| *held >= calls) => {}
            _ = released.wait_for(|released| *released) => {}
        }
    }

    async fn park(&self) {
        let mut released = self.released.subscribe();
        let _counted = Counted::enter(&self.held);
        let _ = released.wait_for(|released| *released).await;
    }
}

/// Counts a held call for as long as it stands; a caller that hangs up is no longer counted.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn enter(held: &'a watch::Sender<usize>) -> Self {
        held.send_modify(|held| *held += 1);
        Self(held)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held = held.saturating_sub(1));
    }
}

/// All holds in force.
#[derive(Default)]
pub(crate) struct Holds(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    last_id: u64,
    holds: Vec<Arc<HoldState>>,
}

impl Holds {
    pub(crate) fn add(&self, matching: Matching, stage: Stage) -> Arc<HoldState> {
        let mut registry = crate::lock(&self.0);
        registry.last_id += 1;
        let hold = Arc::new(HoldState {
            id: registry.last_id,
            matching,
            stage,
            held: watch::Sender::new(0),
            released: watch::Sender::new(false),
        });
        registry.holds.push(Arc::clone(&hold));
        hold
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<HoldState>> {
        crate::lock(&self.0).holds.iter().find(|hold| hold.id == id).cloned()
    }

    /// Lets the held calls go on, and holds no further ones. False if there is no such hold.
    pub(crate) fn release(&self, id: u64) -> bool {
        let mut registry = crate::lock(&self.0);
        let Some(position) = registry.holds.iter().position(|hold| hold.id == id) else {
            return false;
        };
        registry.holds.remove(position).released.send_replace(true);
        true
    }

    pub(crate) fn release_all(&self) {
        for hold in crate::lock(&self.0).holds.drain(..) {
            hold.released.send_replace(true);
        }
    }

    /// Waits at the first hold that this call meets at this stage, if any.
    pub(crate) async fn pass(&self, stage: Stage, method: &str, path: &str) {
        let met = crate::lock(&self.0)
            .holds
            .iter()
            .find(|hold| hold.stage == stage && hold.matching.matches(method, path))
            .cloned();
        if let Some(hold) = met {
            hold.park().await;
        }
    }
}

/// A hold in the hands of a test. Dropping it releases it.
#[must_use = "dropping the hold releases it"]
pub struct Hold {
    pub(crate) state: Arc<HoldState>,
    pub(crate) control: crate::Control,
}

impl Hold {
    /// Waits until at least `calls` calls are being held at once.
    pub async fn held(&self, calls: usize) {
        self.state.wait_held(calls).await;
    }

    /// Waits until no call is being held, because each caller hung up.
    pub async fn hung_up(&self) {
        let mut held = self.state.held.subscribe();
        // The sender lives in the state, so the wait cannot end with an error.
        let _ = held.wait_for(|held| *held == 0).await;
    }

    /// Lets the held calls go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.control.release(self.state.id);
    }
}
