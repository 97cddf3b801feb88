//! Runs that end while the writer is busy are recorded together: the first that
//! waits hands one write in, and that write takes along all that wait by its turn.
//! Nobody waits for company.
//!
//! A record that cannot be written does not take others with it: then each is
//! written by itself.
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{Recorded, RunRecord, write};
use crate::{Store, StoreError, crash};

/// Records that wait for the writer, and who is told.
#[derive(Clone, Default)]
pub(crate) struct Together(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    records: Vec<RunRecord>,
    answers: Vec<oneshot::Sender<Result<Recorded, StoreError>>>,
}

impl Together {
    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, waiting: Waiting) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// Adds one; whether it is the first.
    fn add(
        &self,
        record: RunRecord,
        answer: oneshot::Sender<Result<Recorded, StoreError>>,
    ) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.records.push(record);
        waiting.answers.push(answer);
        waiting.records.len() == 1
    }
}

impl Store {
    /// Writes a run's record, all of it or nothing, with those of other runs.
    pub async fn record_run(&self, record: RunRecord) -> Result<Recorded, StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.together().add(record, answer) {
            // Others rely on it: it goes on if this caller goes away.
            tokio::spawn(write_waiting(self.clone()).in_current_span());
        }
        let recorded = answered.await.unwrap_or(Err(StoreError::Closed))?;
        crash::point("record.committed");
        Ok(recorded)
    }

    async fn record_alone(&self, record: RunRecord) -> Result<Recorded, StoreError> {
        let store = self.clone();
        self.write_data(move |connection| {
            Box::pin(async move {
                let recorded = write(&store, connection, &[record]).await?;
                recorded.first().copied().ok_or(StoreError::NotCommitted)
            })
        })
        .await
    }
}

async fn write_waiting(store: Store) {
    let taken = Together::default();
    let recorded = store.write_data(all_that_wait(store.clone(), taken.clone())).await;
    let mut batch = taken.take();
    if batch.records.is_empty() {
        // Nobody worked on it; they must not wait for ever.
        batch = store.together().take();
    }
    let answers = batch.answers.into_iter();
    match recorded {
        Ok(recorded) => {
            for (answer, recorded) in answers.zip(recorded) {
                let _ = answer.send(Ok(recorded));
            }
        }
        Err(StoreError::NotCommitted) => tell(answers, || StoreError::NotCommitted),
        Err(StoreError::Unconfirmed) => tell(answers, || StoreError::Unconfirmed),
        Err(StoreError::Closed) => tell(answers, || StoreError::Closed),
        Err(error) if batch.records.len() == 1 => {
            let mut error = Some(error);
            tell(answers, || error.take().unwrap_or(StoreError::NotCommitted));
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "store.record by itself");
            for (answer, record) in answers.zip(batch.records) {
                let _ = answer.send(store.record_alone(record).await);
            }
        }
    }
}

fn tell(
    answers: impl Iterator<Item = oneshot::Sender<Result<Recorded, StoreError>>>,
    mut why: impl FnMut() -> StoreError,
) {
    for answer in answers {
        let _ = answer.send(Err(why()));
    }
}

/// The write: takes what waits when its turn comes, and leaves it in `taken`.
fn all_that_wait(
    store: Store,
    taken: Together,
) -> impl for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<Vec<Recorded>, StoreError>> + Send
{
    move |connection| {
        Box::pin(async move {
            let batch = store.together().take();
            let recorded = write(&store, connection, &batch.records).await;
            taken.put(batch);
            recorded
        })
    }
}

#[cfg(test)]
mod tests;
