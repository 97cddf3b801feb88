//! The one writer, with group commit: it never waits for company; while one
//! group commits, the next one fills. Each member has a savepoint, so that its
//! failure is its own.
//!
//! A member whose group was not committed is told so, and whether that is certain.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::Instrument as _;

use crate::{
    StoreError, by,
    link::{Link, in_time},
    login::Logins,
    observe::Observer,
};

/// The most members of one group: bounds how long an early one waits.
const GROUP_MAX: usize = 128;

/// How long a group may take to begin: longer than another process may hold an
/// embedded database's lock.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is durable.
    Committed,
    /// Nothing of it was written.
    Lost,
    /// The database went away while it committed.
    Unknown,
}

/// Tells the caller, once the group's fate is known.
type Answer = Box<dyn FnOnce(Fate) + Send>;

/// One member: runs on the connection, returns the answer, and whether to keep
/// what it wrote.
pub(crate) type Member =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, (Answer, bool)> + Send>;

/// What a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Anything: what is remembered of logins is forgotten after it.
    Anything,
    /// Rows that no login depends on.
    Data,
}

/// Where writes are handed in.
#[derive(Clone)]
pub(crate) struct Writer {
    members: mpsc::Sender<Member>,
    logins: Arc<Logins>,
    closing: Arc<Notify>,
    closed: watch::Receiver<bool>,
}

impl Writer {
    /// Starts the writer on its link. It ends when all handles are
    /// gone, or at [`Writer::close`].
    pub(crate) fn start(mut link: Link, observer: Arc<dyn Observer>) -> Self {
        let (members, inbox) = mpsc::channel(GROUP_MAX);
        let closing = Arc::new(Notify::new());
        let (ended, closed) = watch::channel(false);
        let (until, logins) = (closing.clone(), link.logins());
        tokio::spawn(async move {
            run(&mut link, inbox, &until, observer.as_ref()).await;
            link.close().await;
            ended.send_replace(true);
        });
        Self { members, logins, closing, closed }
    }

    /// Commits what was handed in, then closes the connection. Later writes get
    /// [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.closing.notify_one();
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }

    /// Runs `work` in a savepoint of the next group; answers once it is durable.
    pub(crate) async fn write<T, F>(&self, about: About, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // It runs on the writer's task, but is the caller's work.
        let (span, by) = (tracing::Span::current(), by::caller());
        let logins = self.logins.clone();
        let member: Member = Box::new(move |connection| {
            Box::pin(async move {
                let result = by::for_call(by, work(connection)).instrument(span).await;
                let keep = result.is_ok();
                let answer: Answer = Box::new(move |fate| {
                    // Here, not by the caller: it may have gone away.
                    if about == About::Anything {
                        logins.forget();
                    }
                    let result = match (result, fate) {
                        (Ok(_), Fate::Lost) => Err(StoreError::NotCommitted),
                        (Ok(_), Fate::Unknown) => Err(StoreError::Unconfirmed),
                        (result, _) => result,
                    };
                    // The caller may have gone away; the write stands all the same.
                    let _ = answer.send(result);
                });
                (answer, keep)
            })
        });
        self.members.send(member).await.map_err(|_| StoreError::Closed)?;
        // Nobody worked on it: the store is closed, or the database was away.
        answered.await.unwrap_or_else(|_| {
            Err(if self.members.is_closed() {
                StoreError::Closed
            } else {
                StoreError::NotCommitted
            })
        })
    }
}

async fn run(
    link: &mut Link,
    mut inbox: mpsc::Receiver<Member>,
    closing: &Notify,
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
            () = tokio::time::sleep(link.rest()), if link.dialect().is_remote() || link.is_away() => {
                link.look().await;
                continue;
            }
        };
        if gathered == 0 {
            return;
        }
        let mut answers = Vec::with_capacity(group.len());
        let began = Instant::now();
        let fate = match commit(link, &mut group, &mut answers).await {
            Ok(()) => Fate::Committed,
            Err(failure) => {
                link.failed(&failure.error);
                failure.fate
            }
        };
        observer.group(gathered, began.elapsed(), fate == Fate::Committed);
        // Who was not worked on learns it by this: nothing of theirs was written.
        group.clear();
        for answer in answers {
            answer(fate);
        }
        // A writer that never idles looks, too: somebody may wait for it to share.
        if link.dialect().is_remote() && link.rest().is_zero() {
            link.look().await;
        }
    }
}

/// Why a group was not committed, and what is known of it.
struct Failure {
    error: StoreError,
    fate: Fate,
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), fate: Fate::Lost }
    }
}

async fn commit(
    link: &mut Link,
    group: &mut Vec<Member>,
    answers: &mut Vec<Answer>,
) -> Result<(), Failure> {
    let is_remote = link.dialect().is_remote();
    let authority = link.authority();
    link.connection().await?;
    // Only now: a session that is new may have found others there.
    let begin = link.begin();
    let connection = link.connection().await?;
    let mut group_tx = loop {
        let failed = match in_time(BEGIN_TIMEOUT, connection.begin_with(begin)).await {
            Ok(transaction) => break transaction,
            Err(error) => error,
        };
        if !failed.is_turn_of_another() {
            return Err(failed.into());
        }
        // Another server writes, for as long as it takes; this one's session stands.
        in_time(BEGIN_TIMEOUT, sqlx::raw_sql("ROLLBACK").execute(&mut *connection)).await?;
    };
    if group.len() == 1
        && let Some(member) = group.pop()
    {
        // Nobody else's work is to be kept apart from its own.
        let (answer, keep) = member(&mut group_tx).await;
        answers.push(answer);
        if !keep {
            group_tx.rollback().await?;
            return Ok(());
        }
    }
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
    group_tx.commit().await.map_err(|error| Failure {
        error: error.into(),
        // A server may have committed and gone away before it could say so.
        fate: if is_remote { Fate::Unknown } else { Fate::Lost },
    })?;
    authority.publish(connection).await;
    // A session keeps a buffer of the largest row that went through it, for ever.
    connection.shrink_buffers();
    Ok(())
}

#[cfg(test)]
mod tests;
