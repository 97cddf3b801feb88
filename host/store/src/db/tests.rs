//! Every schema that was ever released opens with the present one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
use std::path::Path;

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::testing::TestStore;

/// Dumps of databases, one per released schema, oldest first. Made with
/// `sqlite3 venn.db .dump` from a data folder of that version; never changed.
const FIXTURES: &[(&str, &str)] = &[("0001", include_str!("../../fixtures/0001.sql"))];

async fn restore(dump: &str, folder: &Path) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=rwc", folder.join("venn.db").display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(dump.to_owned()))).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn every_released_schema_opens_and_keeps_its_rows() {
    for (name, dump) in FIXTURES {
        let folder = tempfile::tempdir().unwrap();
        restore(dump, folder.path()).await;
        let store = TestStore::open_in(folder).await;
        let platform = store.platform().await.unwrap();
        let slug = store.text("SELECT slug FROM organization WHERE is_platform = 1").await;
        assert_eq!((slug.as_str(), platform.as_str().is_empty()), ("platform", false));
        assert_eq!(store.number("SELECT COUNT(*) FROM account").await, 3, "{name}");
        // What is older than the audit's chain is in it now.
        let verified = store.verify_audit(&platform, None).await.unwrap();
        assert_eq!((verified.broken, verified.head.seq > 0), (None, true), "{name}");
    }
}
