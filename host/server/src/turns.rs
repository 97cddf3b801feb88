//! What a caller waits for and what holds a lot meanwhile (memory, a place in the
//! pool of instances): so many at once for an organization, and the next one is told
//! to come again, so that nobody takes all of it.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use venn_domain::id::OrganizationId;

use crate::{
    app::{ASKED_AT_ONCE, App},
    error::{ApiError, Code},
};

/// Turns of one kind.
pub struct Turns {
    most: usize,
    taken: Mutex<HashMap<OrganizationId, usize>>,
}

/// One of them; given back when dropped.
pub struct Turn {
    turns: Arc<Turns>,
    organization: OrganizationId,
}

impl Turns {
    /// So many for each organization.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A turn, if the organization has one left.
    pub fn take(self: &Arc<Self>, organization: &OrganizationId) -> Option<Turn> {
        let mut taken = self.lock();
        let count = taken.entry(organization.clone()).or_default();
        if *count == self.most {
            return None;
        }
        *count += 1;
        Some(Turn { turns: Arc::clone(self), organization: organization.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn of the organization for what runs a guest, or reads a tape, while its caller waits.
pub fn asked(app: &App, organization: &OrganizationId) -> Result<Turn, ApiError> {
    app.asking.take(organization).ok_or_else(|| {
        let detail = format!(
            "{ASKED_AT_ONCE} checks, replays and transcripts of your organization are under way."
        );
        ApiError::new(Code::Busy, detail, "Wait until one of them is done and try again.")
    })
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.lock();
        if let Some(count) = taken.get_mut(&self.organization) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.organization);
            }
        }
    }
}
