//! The one writer, with group commit: it never waits for company; while one
//! group commits, the next one fills. Each member has a savepoint, so that its
//! failure is its own.
use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{mpsc, oneshot};

use crate::{StoreError, authority::AuthorityNumber};

/// The most members of one group: bounds how long an early one waits.
const GROUP_MAX: usize = 128;

/// Tells the caller, once it is known whether the group was committed.
type Answer = Box<dyn FnOnce(bool) + Send>;

/// One member: runs on the connection, returns the answer, and whether to keep
/// what it wrote.
pub(crate) type Member =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, (Answer, bool)> + Send>;

/// Where writes are handed in.
#[derive(Clone)]
pub(crate) struct Writer {
    members: mpsc::Sender<Member>,
}

impl Writer {
    /// Starts the writer on its own connection. It ends when all handles are gone.
    pub(crate) fn start(connection: AnyConnection, authority: Arc<AuthorityNumber>) -> Self {
        let (members, inbox) = mpsc::channel(GROUP_MAX);
        tokio::spawn(run(connection, inbox, authority));
        Self { members }
    }

    /// Runs `work` in a savepoint of the next group; answers once it is durable.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let member: Member = Box::new(move |connection| {
            Box::pin(async move {
                let result = work(connection).await;
                let keep = result.is_ok();
                let answer: Answer = Box::new(move |committed| {
                    let result = match result {
                        Ok(_) if !committed => Err(StoreError::NotCommitted),
                        other => other,
                    };
                    // The caller may have gone away; the write stands all the same.
                    let _ = answer.send(result);
                });
                (answer, keep)
            })
        });
        self.members.send(member).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn run(
    mut connection: AnyConnection,
    mut inbox: mpsc::Receiver<Member>,
    authority: Arc<AuthorityNumber>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while inbox.recv_many(&mut group, GROUP_MAX).await > 0 {
        let mut answers = Vec::with_capacity(group.len());
        let committed = match commit(&mut connection, &mut group, &mut answers).await {
            Ok(()) => {
                authority.publish(&mut connection).await;
                true
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "store.group.commit failed"
                );
                false
            }
        };
        group.clear();
        for answer in answers {
            answer(committed);
        }
    }
}

async fn commit(
    connection: &mut AnyConnection,
    group: &mut Vec<Member>,
    answers: &mut Vec<Answer>,
) -> Result<(), sqlx::Error> {
    // IMMEDIATE: take the write lock now, so that no member fails half-way on it.
    let mut group_tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    for member in group.drain(..) {
        let mut member_tx = group_tx.begin().await?;
        let (answer, keep) = member(&mut member_tx).await;
        answers.push(answer);
        if keep {
            member_tx.commit().await?;
        } else {
            member_tx.rollback().await?;
        }
    }
    group_tx.commit().await
}

#[cfg(test)]
mod tests;
