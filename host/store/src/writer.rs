//! The one writer, with group commit: it never waits for company; while one
//! group commits, the next one fills. Each member has a savepoint, so that its
//! failure is its own.
use std::{sync::Arc, time::Instant};

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::Instrument as _;

use crate::{StoreError, authority::AuthorityNumber, observe::Observer};

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
    closing: Arc<Notify>,
    closed: watch::Receiver<bool>,
}

impl Writer {
    /// Starts the writer on its own connection. It ends when all handles are
    /// gone, or at [`Writer::close`].
    pub(crate) fn start(
        mut connection: AnyConnection,
        authority: Arc<AuthorityNumber>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let (members, inbox) = mpsc::channel(GROUP_MAX);
        let closing = Arc::new(Notify::new());
        let (ended, closed) = watch::channel(false);
        let until = closing.clone();
        tokio::spawn(async move {
            run(&mut connection, inbox, &until, &authority, observer.as_ref()).await;
            if let Err(error) = connection.close().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "store.writer.close failed");
            }
            ended.send_replace(true);
        });
        Self { members, closing, closed }
    }

    /// Commits what was handed in, then closes the connection. Later writes get
    /// [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.closing.notify_one();
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
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
        // It runs on the writer's task, but is the caller's work.
        let span = tracing::Span::current();
        let member: Member = Box::new(move |connection| {
            Box::pin(async move {
                let result = work(connection).instrument(span).await;
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
    connection: &mut AnyConnection,
    mut inbox: mpsc::Receiver<Member>,
    closing: &Notify,
    authority: &AuthorityNumber,
    observer: &dyn Observer,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    loop {
        let gathered = tokio::select! {
            gathered = inbox.recv_many(&mut group, GROUP_MAX) => gathered,
            // What is in the inbox is still handed out; then it is at its end.
            () = closing.notified() => {
                inbox.close();
                continue;
            }
        };
        if gathered == 0 {
            return;
        }
        let mut answers = Vec::with_capacity(group.len());
        let began = Instant::now();
        let committed = match commit(connection, &mut group, &mut answers).await {
            Ok(()) => {
                authority.publish(connection).await;
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
        observer.group(gathered, began.elapsed(), committed);
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
