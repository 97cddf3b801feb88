//! The writer's connection, and getting it back after the database was away: the
//! server, or on the embedded one the disk.
//!
//! On PostgreSQL the session holds the lock on the database: who has no session
//! writes nothing, and who gets one again asks for the lock first. While there is
//! none, no host call trusts the authority number that it has.
use std::{path::PathBuf, sync::Arc, time::Duration};

use sqlx::{AnyConnection, Connection as _};
use tokio::time::Instant;

use crate::{
    Database, StoreError,
    authority::AuthorityNumber,
    dialect::{CONNECT_TIMEOUT, Dialect},
    login::Logins,
};

/// How long a session is taken to stand after it was used: a server that restarted
/// while nobody wrote is noticed before a write is lost to it.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// The writer's connection; none while the database is away.
pub(crate) struct Link {
    database: Database,
    folder: PathBuf,
    authority: Arc<AuthorityNumber>,
    logins: Arc<Logins>,
    connection: Option<AnyConnection>,
    away: bool,
    used: Instant,
}

impl Link {
    /// Connects, takes the database and brings its schema up to date.
    pub(crate) async fn open(
        database: Database,
        folder: PathBuf,
        authority: Arc<AuthorityNumber>,
    ) -> Result<Self, StoreError> {
        let mut connection = database.connect(&folder, true).await?;
        let dialect = database.dialect();
        dialect.set_up_writer(&mut connection).await?;
        dialect.own(&mut connection).await?;
        crate::schema::bring_up(&mut connection, dialect).await?;
        authority.publish_now(&mut connection).await?;
        Ok(Self {
            database,
            folder,
            logins: Arc::new(Logins::new(authority.clone())),
            authority,
            connection: Some(connection),
            away: false,
            used: Instant::now(),
        })
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
        if !dialect.try_own(&mut connection).await? {
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

    /// Looks whether the session still stands, and reads the authority number by it.
    pub(crate) async fn look(&mut self) {
        let authority = self.authority.clone();
        let seen = match self.connection().await {
            Ok(connection) => in_time(CONNECT_TIMEOUT, authority.publish_now(connection)).await,
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
