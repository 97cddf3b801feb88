//! Which database holds the rows: the file in the data folder, or a PostgreSQL.
//!
//! A URL is a secret, because it may hold a password: it has no `Debug` and no
//! `Display` of its own; what is shown is its place.
use std::path::Path;

use sqlx::{AnyConnection, ConnectOptions as _, any::AnyConnectOptions};
use url::{Host, Url};

use crate::{StoreError, dialect::Dialect};

/// The file of the embedded database inside the data folder.
pub(crate) const FILE: &str = "venn.db";

/// Where the rows are.
#[derive(Clone)]
pub enum Database {
    /// SQLite, in the data folder.
    Embedded,
    /// A database of a PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A checked `postgres://` URL.
#[derive(Clone)]
pub struct PostgresUrl {
    url: Url,
}

/// Why a text names no database; never with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabase {
    /// Not a URL of PostgreSQL.
    #[error(
        "not a URL of PostgreSQL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters in the password as %XX"
    )]
    Url,
    /// No database is named.
    #[error("the URL names no database: add /DATABASE behind the host")]
    NoDatabase,
}

impl std::str::FromStr for Database {
    type Err = BadDatabase;

    fn from_str(text: &str) -> Result<Self, BadDatabase> {
        let mut url = Url::parse(text).map_err(|_| BadDatabase::Url)?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(BadDatabase::Url);
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(BadDatabase::NoDatabase);
        }
        // The default of the driver is to speak in the clear if the server says so:
        // over a network that is somebody else's to decide.
        let said = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        if !is_local(&url) && !said("sslmode") && !said("ssl-mode") {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        Ok(Self::Postgres(PostgresUrl { url }))
    }
}

/// On this machine: a socket, or a loopback address.
fn is_local(url: &Url) -> bool {
    let other = url.query_pairs().find(|(key, _)| key == "host" || key == "hostaddr");
    if let Some((_, other)) = other {
        return other.starts_with('/');
    }
    match url.host() {
        None => true,
        // The scheme is not a special one, so that an address may come as a name.
        Some(Host::Domain(name)) => {
            name.is_empty()
                || name == "localhost"
                || name.starts_with("%2F")
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    }
}

impl PostgresUrl {
    /// Host, port and database, for people: no user, no password.
    pub fn place(&self) -> String {
        let from_query = self.url.query_pairs().find(|(key, _)| key == "host");
        let host = from_query.map_or_else(
            || self.url.host_str().unwrap_or("").to_owned(),
            |(_, host)| host.into_owned(),
        );
        let host = if host.is_empty() { "the local server".to_owned() } else { host };
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("PostgreSQL database `{}` at {host}{port}", self.url.path().trim_matches('/'))
    }
}

impl Database {
    /// Where it is, for people.
    pub fn place(&self, folder: &Path) -> String {
        match self {
            Self::Embedded => folder.join(FILE).display().to_string(),
            Self::Postgres(url) => url.place(),
        }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Embedded => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// How to connect; `make` also makes an embedded database that is not there.
    pub(crate) fn options(
        &self,
        folder: &Path,
        make: bool,
    ) -> Result<AnyConnectOptions, StoreError> {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Embedded => {
                let mode = if make { "rwc" } else { "rw" };
                format!("sqlite://{}?mode={mode}", folder.join(FILE).display())
            }
            Self::Postgres(url) => url.url.as_str().to_owned(),
        };
        let options: AnyConnectOptions = url
            .parse()
            .map_err(|source| StoreError::Connect { place: self.place(folder), source })?;
        // Statements are not logged: a slow one would bring its text into the log.
        Ok(options.disable_statement_logging())
    }

    /// A bare connection.
    pub(crate) async fn connect(
        &self,
        folder: &Path,
        make: bool,
    ) -> Result<AnyConnection, StoreError> {
        let options = self.options(folder, make)?;
        let failed = |source| StoreError::Connect { place: self.place(folder), source };
        let connecting = tokio::time::timeout(crate::dialect::CONNECT_TIMEOUT, options.connect());
        match connecting.await {
            Ok(connected) => connected.map_err(failed),
            Err(_) => Err(failed(sqlx::Error::PoolTimedOut)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn url(text: &str) -> PostgresUrl {
        match text.parse() {
            Ok(Database::Postgres(url)) => url,
            _ => panic!("{text}"),
        }
    }

    #[test]
    fn a_place_names_no_user_and_no_password() {
        for text in [
            "postgres://venn:s3cret@db.example:5433/venn",
            "postgresql://venn:s3cret@db.example:5433/venn?sslmode=require",
            "postgres:///venn?host=/run/pg&user=venn&password=s3cret",
        ] {
            let place = url(text).place();
            assert!(!place.contains("s3cret") && !place.contains("user"), "{place}");
        }
        let place = url("postgres://venn:s3cret@db.example:5433/venn").place();
        assert_eq!(place, "PostgreSQL database `venn` at db.example:5433");
    }

    #[test]
    fn what_names_no_database_is_refused_without_being_repeated() {
        let refused = |text: &str| text.parse::<Database>().err().unwrap();
        assert_eq!(refused("mysql://venn:s3cret@db/venn"), BadDatabase::Url);
        assert_eq!(refused("venn:s3cret"), BadDatabase::Url);
        assert_eq!(refused("postgres://venn:s3cret@db"), BadDatabase::NoDatabase);
        for text in ["mysql://venn:s3cret@db/venn", "postgres://venn:s3cret@db"] {
            assert!(!refused(text).to_string().contains("s3cret"));
        }
    }

    #[test]
    fn over_a_network_the_server_is_verified_unless_the_operator_says_otherwise() {
        let verified = |text: &str| url(text).url.as_str().contains("sslmode=verify-full");
        assert!(verified("postgres://venn@db.example/venn"));
        assert!(verified("postgres://venn@10.0.0.7/venn"));
        assert!(verified("postgres:///venn?host=db.example"));
        assert!(!verified("postgres://venn@db.example/venn?sslmode=require"));
        assert!(!verified("postgres://venn@localhost/venn"));
        assert!(!verified("postgres://venn@127.0.0.1:5432/venn"));
        assert!(!verified("postgres://venn@[::1]/venn"));
        assert!(!verified("postgres:///venn?host=/run/postgresql"));
    }
}
