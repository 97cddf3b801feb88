//! Who waits for what a run answers. The answer is in the run's record; here waits who
//! asked, until a run of that delivery was recorded or the time is over. Another server's
//! runs ring no bell here: beside others it is looked, too.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use venn_domain::{id::DeliveryId, limits};
use venn_store::{StoreError, run::Answered};

use crate::app::App;

/// How often who waits looks: a person does.
const LOOK: Duration = Duration::from_millis(100);

/// Those who wait.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<DeliveryId, Waiting>>);

#[derive(Default)]
struct Waiting {
    bell: Arc<Notify>,
    count: usize,
}

impl Answers {
    /// A run of this delivery was recorded.
    pub fn recorded(&self, delivery: &DeliveryId) {
        if let Some(waiting) = self.lock().get(delivery) {
            waiting.bell.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeliveryId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, until dropped.
struct Seat<'a> {
    answers: &'a Answers,
    delivery: &'a DeliveryId,
    bell: Arc<Notify>,
}

impl<'a> Seat<'a> {
    fn take(answers: &'a Answers, delivery: &'a DeliveryId) -> Self {
        let mut all = answers.lock();
        let waiting = all.entry(delivery.clone()).or_default();
        waiting.count += 1;
        Self { answers, delivery, bell: Arc::clone(&waiting.bell) }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut all = self.answers.lock();
        if let Some(waiting) = all.get_mut(self.delivery) {
            waiting.count -= 1;
            if waiting.count == 0 {
                all.remove(self.delivery);
            }
        }
    }
}

/// What became of a delivery, if it ends while one waits (`webhook.answer`).
pub async fn wait(app: &App, delivery: &DeliveryId) -> Result<Option<Answered>, StoreError> {
    let seat = Seat::take(&app.answers, delivery);
    let ended = async {
        loop {
            // Heard from here on, so that nothing is missed between the look and the wait.
            let rung = seat.bell.notified();
            if let Some(answered) = app.store.answered(delivery).await? {
                return Ok(Some(answered));
            }
            if app.store.is_alone() {
                rung.await;
            } else {
                let _ = tokio::time::timeout(LOOK, rung).await;
            }
        }
    };
    let most = Duration::from_millis(limits::WEBHOOK_ANSWER_MS);
    tokio::time::timeout(most, ended).await.unwrap_or(Ok(None))
}
