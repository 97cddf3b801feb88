//! A PostgreSQL that goes away and comes back; who owns it; which is refused. Each
//! test needs a server: without one there is nothing here to be tested.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
use std::sync::Arc;

use venn_cluster::{Cluster, Scratch};
use venn_domain::id::{OrganizationId, UserId};

use crate::{
    Database, Settings, Store, StoreError,
    testing::{TestStore, settings},
};

/// The server's database as `venn serve` would open it.
async fn open(scratch: &Scratch, folder: &tempfile::TempDir) -> Result<Store, StoreError> {
    let database = scratch.url().parse().unwrap();
    Store::open(Settings { database, ..settings(folder.path()) }).await
}

/// A population of the organization: a write that is easily counted.
async fn write(store: &Store, organization: &OrganizationId, key: &str) -> Result<(), StoreError> {
    let actor = UserId::make(store.ids());
    store.create_population(organization, key, key, &actor).await.map(|_| ())
}

/// A cluster of this test's own, because it is stopped.
fn own_cluster() -> Option<Cluster> {
    std::env::var_os(venn_cluster::VARIABLE).map(|_| Cluster::start().unwrap())
}

#[tokio::test]
async fn what_was_answered_survives_an_outage_and_everything_recovers_by_itself() {
    let Some(cluster) = own_cluster() else { return };
    let scratch = Scratch::on(&cluster.url()).unwrap();
    let store = TestStore::open_in(tempfile::tempdir().unwrap(), Some(scratch)).await;
    let organization = store.organization("acme", "customer").await;
    write(&store, &organization, "before").await.unwrap();
    let number = store.authority_no();

    cluster.stop().unwrap();
    let failed = write(&store, &organization, "during").await.unwrap_err();
    assert!(failed.is_away(), "{failed}");
    let failed = store.populations(&organization, None, 9).await.unwrap_err();
    assert!(failed.is_away(), "{failed}");
    assert!(store.ping().await.is_err());
    assert_eq!(store.authority_no(), u64::MAX, "a number is trusted that nobody can confirm");

    cluster.resume().unwrap();
    write(&store, &organization, "after").await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.authority_no(), number);
    assert_eq!(store.texts("SELECT key FROM population ORDER BY key").await, "after before");
    store.close().await;
}

#[tokio::test]
async fn an_idle_server_notices_by_itself_that_its_session_is_gone() {
    let Some(cluster) = own_cluster() else { return };
    let scratch = Scratch::on(&cluster.url()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&scratch, &folder).await.unwrap();
    let number = store.authority_no();
    cluster.stop().unwrap();
    while store.authority_no() == number {
        tokio::task::yield_now().await;
    }
    cluster.resume().unwrap();
    while store.ping().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.authority_no(), number);
}

#[tokio::test]
async fn of_two_servers_on_a_database_the_second_is_told_and_the_first_goes_on() {
    let Some(scratch) = Scratch::from_environment().unwrap() else { return };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = open(&scratch, &one).await.unwrap();
    let refused = open(&scratch, &two).await.err().unwrap();
    let text = "another `venn serve` uses this database; stop it, or name another database";
    assert_eq!(refused.to_string(), text);
    first.ping().await.unwrap();
    first.close().await;
    open(&scratch, &two).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_database_another_took_meanwhile_writes_nothing() {
    let Some(scratch) = Scratch::from_environment().unwrap() else { return };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = open(&scratch, &one).await.unwrap();
    // The first one's sessions end as if the network had, and the second is quicker.
    let database: Database = scratch.url().parse().unwrap();
    let mut thief = database.connect(two.path(), false).await.unwrap();
    sqlx::query(
        "SELECT CAST(pg_terminate_backend(pid) AS text) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_all(&mut thief)
    .await
    .unwrap();
    database.dialect().own(&mut thief).await.unwrap();
    let lost = write(&first, &OrganizationId::make(first.ids()), "lost").await.unwrap_err();
    assert!(lost.is_away(), "{lost}");
    assert!(first.ping().await.is_err());
    sqlx::Connection::close(thief).await.unwrap();
    while first.ping().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_plan_made_while_a_table_was_small_does_not_read_all_of_it_later() {
    let Some(scratch) = Scratch::from_environment().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&scratch, &folder).await.unwrap();
    // The server itself looks up each `run` for its foreign key, and plans that once.
    let young = "CREATE TEMPORARY TABLE run (id text PRIMARY KEY);
        CREATE TEMPORARY TABLE tape (run_id text REFERENCES run (id));
        INSERT INTO run VALUES ('0'); ANALYZE run; INSERT INTO tape VALUES ('0')";
    let grown = "INSERT INTO run SELECT CAST(n AS text) FROM generate_series(1, 10000) n;
        INSERT INTO tape SELECT CAST(n AS text) FROM generate_series(1, 100) n";
    let read = store.write_data(move |connection| {
        Box::pin(async move {
            sqlx::raw_sql(young).execute(&mut *connection).await?;
            sqlx::raw_sql(grown).execute(&mut *connection).await?;
            // Rows that were read without an index.
            let read = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'run'
                            AND schemaname LIKE 'pg_temp%'";
            let read: i64 = sqlx::query_scalar(read).fetch_one(connection).await?;
            Ok(read)
        })
    });
    assert_eq!(read.await.unwrap(), 0);
}

#[tokio::test]
async fn what_has_no_index_is_read_and_nothing_is_compiled_for_it() {
    let Some(scratch) = Scratch::from_environment().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&scratch, &folder).await.unwrap();
    let plan = store.write_data(|connection| {
        Box::pin(async move {
            sqlx::raw_sql("CREATE TEMPORARY TABLE heap (n bigint)")
                .execute(&mut *connection)
                .await?;
            let plan = "EXPLAIN SELECT n FROM heap WHERE n > 0";
            let plan: Vec<String> = sqlx::query_scalar(plan).fetch_all(connection).await?;
            Ok(plan.join("\n"))
        })
    });
    let plan = plan.await.unwrap();
    assert!(plan.contains("Seq Scan on heap"), "{plan}");
    assert!(!plan.contains("JIT"), "{plan}");
}

#[tokio::test]
async fn a_database_that_orders_text_otherwise_is_refused_with_the_command_that_makes_one() {
    let Some(scratch) = Scratch::from_environment().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = scratch.with("TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'").unwrap();
    let refused = open(&other, &folder).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        "the database has locale `C.UTF-8 C.UTF-8 c` and encoding `UTF8`, and Venn needs `C C c` and `UTF8`: text must be ordered by its bytes; make one with `CREATE DATABASE venn TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`"
    );
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    // Port 1 answers nobody.
    let database = "postgres://venn:s3cret@127.0.0.1:1/venn".parse().unwrap();
    let refused =
        Store::open(Settings { database, ..settings(folder.path()) }).await.err().unwrap();
    let mut told = vec![refused.to_string()];
    let mut source = std::error::Error::source(&refused);
    while let Some(error) = source {
        told.push(error.to_string());
        source = error.source();
    }
    let told = told.join(": ");
    assert!(!told.contains("s3cret") && !format!("{refused:?}").contains("s3cret"), "{told}");
    assert!(told.starts_with("cannot connect to PostgreSQL database `venn` at 127.0.0.1:1; check"));
}

#[tokio::test]
async fn a_member_that_fails_on_the_database_leaves_its_group_whole() {
    let store = TestStore::open().await;
    let organization = store.organization("acme", "customer").await;
    let store = Arc::new(store);
    let (one, bad, two) = tokio::join!(
        write(&store, &organization, "one"),
        store.write(|connection| Box::pin(async move {
            sqlx::query("SELECT nothing_of_that_name").execute(connection).await?;
            Ok(())
        })),
        write(&store, &organization, "two"),
    );
    one.unwrap();
    two.unwrap();
    assert!(!bad.unwrap_err().is_away());
    assert_eq!(store.texts("SELECT key FROM population ORDER BY key").await, "one two");
}
