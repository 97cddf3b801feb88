//! The writer's connection, and getting it back after the database was away: the
//! server, or on the embedded one the disk.
//!
//! On PostgreSQL the session holds the locks on the database (`among.rs`): who has no
//! session writes nothing, and who gets one again asks for the locks first. While there is
//! none, no host call trusts the authority number that it has.
use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::{AnyConnection, Connection as _};
use tokio::time::Instant;

use crate::{
    Database, StoreError,
    among::{self, Among},
    authority::AuthorityNumber,
    dialect::{CONNECT_TIMEOUT, Dialect},
    login::Logins,
};

/// How long a session is taken to stand after it was used: a server that restarted
/// while nobody wrote is noticed before a write is lost to it.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// How often it is looked whether the session still stands, and who else is there.
pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(1);

/// How long a start waits for who is alone to see it: that one may be in the middle of the
/// largest write.
const JOIN_WAIT: Duration = Duration::from_secs(30);

/// The same for who had a place before: its callers are told meanwhile.
const JOIN_AGAIN: Duration = Duration::from_secs(3);

/// The writer's connection; none while the database is away.
pub(crate) struct Link {
    database: Database,
    folder: PathBuf,
    authority: Arc<AuthorityNumber>,
    logins: Arc<Logins>,
    among: Arc<Among>,
    connection: Option<AnyConnection>,
    away: bool,
    used: Instant,
    looked: Instant,
}

impl Link {
    /// Connects, takes the database or a place on it, and brings its schema up to date.
    pub(crate) async fn open(
        database: Database,
        folder: PathBuf,
        authority: Arc<AuthorityNumber>,
        among: Arc<Among>,
    ) -> Result<Self, StoreError> {
        let mut connection = database.connect(&folder, true).await?;
        let dialect = database.dialect();
        dialect.set_up_writer(&mut connection).await?;
        if among.beside() {
            join(&among, &mut connection, JOIN_WAIT).await?;
        } else {
            dialect.own(&mut connection).await?;
        }
        if among.is_alone() {
            crate::schema::bring_up(&mut connection, dialect).await?;
        } else {
            crate::schema::must_fit(&mut connection, dialect).await?;
        }
        authority.publish_now(&mut connection).await?;
        Ok(Self {
            database,
            folder,
            logins: Arc::new(Logins::new(authority.clone(), among.clone())),
            authority,
            among,
            connection: Some(connection),
            away: false,
            used: Instant::now(),
            looked: Instant::now(),
        })
    }

    /// How a group begins: several servers take turns.
    pub(crate) fn begin(&self) -> &'static str {
        if self.among.is_alone() { self.dialect().begin() } else { among::BEGIN }
    }

    /// For how long nobody needs to look.
    pub(crate) fn rest(&self) -> Duration {
        LOOK_AFTER.saturating_sub(self.looked.elapsed())
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    pub(crate) fn authority(&self) -> Arc<AuthorityNumber> {
        self.authority.clone()
    }

    pub(crate) fn logins(&self) -> Arc<Logins> {
        self.logins.clone()
    }

    /// Whether the last use failed, and nothing was written since.
    pub(crate) const fn is_away(&self) -> bool {
        self.away
    }

    /// The connection; a new one if there is none and the database is back.
    pub(crate) async fn connection(&mut self) -> Result<&mut AnyConnection, StoreError> {
        let is_old = self.dialect().is_remote() && self.used.elapsed() > TRUSTED_FOR;
        let connection = match self.connection.take() {
            Some(connection) if !is_old => connection,
            Some(mut connection) => match in_time(CONNECT_TIMEOUT, connection.ping()).await {
                Ok(()) => connection,
                Err(error) => {
                    self.failed(&error);
                    self.again().await?
                }
            },
            None => self.again().await?,
        };
        self.used = Instant::now();
        if std::mem::take(&mut self.away) {
            tracing::info!("store.link the database is back");
        }
        Ok(self.connection.insert(connection))
    }

    async fn again(&mut self) -> Result<AnyConnection, StoreError> {
        let mut connection = self.database.connect(&self.folder, false).await?;
        let dialect = self.dialect();
        dialect.set_up_writer(&mut connection).await?;
        if self.among.beside() {
            join(&self.among, &mut connection, JOIN_AGAIN).await?;
        } else if !dialect.try_own(&mut connection).await? {
            return Err(StoreError::InUse);
        }
        // Another server may have been here meanwhile, and let somebody go.
        self.logins.forget();
        // Or raised the number. Written, not
        // only read: a full disk is read all the same.
        sqlx::query("UPDATE authority SET number = number WHERE one = 1")
            .execute(&mut connection)
            .await?;
        self.authority.publish_now(&mut connection).await?;
        Ok(connection)
    }

    /// Looks whether the session still stands and who else is there, and reads the
    /// authority number by it.
    pub(crate) async fn look(&mut self) {
        self.looked = Instant::now();
        let (authority, among, logins) =
            (self.authority.clone(), self.among.clone(), self.logins.clone());
        let seen = match self.connection().await {
            Ok(connection) => {
                let looked = async {
                    let has_become_alone = among.look(connection).await?;
                    authority.publish_now(connection).await?;
                    if has_become_alone {
                        logins.forget();
                        among.set_alone();
                    }
                    Ok::<_, StoreError>(())
                };
                in_time(CONNECT_TIMEOUT, looked).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = seen {
            self.failed(&error);
        }
    }

    /// After an error on the connection: nobody knows what it still holds open, so
    /// the next user gets another one.
    pub(crate) fn failed(&mut self, error: &StoreError) {
        self.authority.distrust();
        self.among.left();
        self.connection = None;
        // Once per outage, however often it is looked.
        if !std::mem::replace(&mut self.away, true) {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "store.link the database is away");
        }
    }

    pub(crate) async fn close(self) {
        let Some(connection) = self.connection else { return };
        if let Err(error) = connection.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "store.link.close failed");
        }
    }
}

/// Takes a place on the database beside others, or all of it where there are none.
async fn join(
    among: &Among,
    connection: &mut AnyConnection,
    most: Duration,
) -> Result<(), StoreError> {
    let since = Instant::now();
    among.come(connection).await?;
    while !among.try_join(connection).await? {
        if since.elapsed() > most {
            return Err(StoreError::InUse);
        }
        tokio::time::sleep(among::LOOK).await;
    }
    Ok(())
}

/// What a database that hangs does not answer in this time has failed.
pub(crate) async fn in_time<T, E: Into<StoreError>>(
    most: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(most, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}

#[cfg(test)]
mod tests;
