//! Who waits, and who never does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
use venn_domain::limits;

use super::*;
use crate::testing::TestStore;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
const EVIL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

fn source(account: &str, address: IpAddr, browser: Option<&str>) -> Source {
    Source { account: account.to_owned(), address, browser: browser.map(str::to_owned) }
}

async fn begin(
    store: &TestStore,
    account: &str,
    from: IpAddr,
    browser: Option<&str>,
) -> Result<Attempt, u64> {
    store.begin_attempt(source(account, from, browser)).await.unwrap()
}

/// Fails until it has to wait; how often it could.
async fn fail(store: &TestStore, account: &str, from: IpAddr, browser: Option<&str>) -> u64 {
    let mut failed = 0;
    while begin(store, account, from, browser).await.is_ok() {
        failed += 1;
    }
    failed
}

/// Ends well.
async fn succeed(store: &TestStore, account: &str, from: IpAddr, browser: Option<&str>) {
    let right = begin(store, account, from, browser).await.unwrap();
    store.attempt_succeeded(right).await.unwrap();
}

/// Strangers from many addresses fail at the account.
async fn strangers_fail(store: &TestStore, account: &str) {
    for last in 0..40 {
        fail(store, account, IpAddr::from([203, 0, 113, last]), None).await;
    }
}

#[tokio::test]
async fn after_five_failures_one_waits_and_a_success_forgets_them() {
    let store = TestStore::open().await;
    assert_eq!(fail(&store, "ann", HOME, None).await, 5);
    for _ in 0..50 {
        // Waiting attempts cost the one who makes them nothing more.
        assert_eq!(begin(&store, "ann", HOME, None).await.unwrap_err(), 1_000);
    }
    store.clock.advance_ms(1_000);
    succeed(&store, "ann", HOME, None).await;
    assert_eq!(fail(&store, "ann", HOME, None).await, 5);
}

#[tokio::test]
async fn a_start_forgets_no_failure() {
    let store = TestStore::open().await;
    assert_eq!(fail(&store, "ann", HOME, None).await, 5);
    let store = store.reopened().await;
    assert_eq!(begin(&store, "ann", HOME, None).await.unwrap_err(), 1_000);
}

#[tokio::test]
async fn nobody_elses_failures_lock_somebody_out_who_was_here_before() {
    let store = TestStore::open().await;
    succeed(&store, "ann", HOME, None).await;
    // From everywhere else, for all the account's name is known.
    strangers_fail(&store, "ann").await;
    let again = begin(&store, "ann", HOME, None).await.unwrap();
    assert!(again.is_known);
    store.attempt_succeeded(again).await.unwrap();
    // From her own address, at other accounts, until the address is used up.
    for name in 0..40 {
        let _ = begin(&store, &name.to_string(), HOME, None).await;
    }
    assert!(begin(&store, "new", HOME, None).await.is_err());
    succeed(&store, "ann", HOME, None).await;
    // From her own address at her own account: her browser has a count of its own.
    fail(&store, "ann", HOME, None).await;
    assert!(begin(&store, "ann", HOME, None).await.is_err());
    let browser = begin(&store, "ann", HOME, Some("laptop")).await.unwrap();
    assert!(browser.is_known);
    store.attempt_succeeded(browser).await.unwrap();
}

#[tokio::test]
async fn who_came_by_a_browser_is_known_there_without_it_too() {
    let store = TestStore::open().await;
    let _ = fail(&store, "ann", HOME, Some("laptop")).await;
    store.clock.advance_ms(60_000);
    succeed(&store, "ann", HOME, Some("laptop")).await;
    for name in 0..40 {
        let _ = begin(&store, &name.to_string(), HOME, None).await;
    }
    assert!(begin(&store, "new", HOME, None).await.is_err());
    assert!(begin(&store, "ann", HOME, None).await.unwrap().is_known);
}

#[tokio::test]
async fn somebody_new_is_not_kept_out_by_failures_from_elsewhere() {
    let store = TestStore::open().await;
    strangers_fail(&store, "ann").await;
    assert!(!begin(&store, "ann", HOME, None).await.unwrap().is_known);
}

#[tokio::test]
async fn one_address_fails_only_so_often_whoever_it_tries() {
    let store = TestStore::open().await;
    let mut tried = 0;
    while begin(&store, &tried.to_string(), EVIL, None).await.is_ok() {
        tried += 1;
    }
    assert_eq!(tried, limits::LOGIN_FAILURES);
    store.sweep_login_attempts().await.unwrap();
    let wait = begin(&store, "ann", EVIL, None).await.unwrap_err();
    assert_eq!(wait, limits::LOGIN_FAILURES_MS / limits::LOGIN_FAILURES);
    store.clock.advance_ms(wait.cast_signed());
    assert!(begin(&store, "ann", EVIL, None).await.is_ok());
    // What ended well, or was not made, does not count.
    for _ in 0..100 {
        let attempt = begin(&store, "ann", HOME, None).await.unwrap();
        store.take_back_attempt(attempt).await.unwrap();
    }
}

#[tokio::test]
async fn many_browsers_of_one_account_give_no_more_guesses_than_a_few() {
    let store = TestStore::open().await;
    let mut guesses = 0;
    for number in 0..40 {
        guesses += fail(&store, "ann", EVIL, Some(&number.to_string())).await;
    }
    assert_eq!(guesses, limits::LOGIN_FAILURES);
    let wait = begin(&store, "ann", HOME, Some("41")).await.unwrap_err();
    assert_eq!(wait, limits::LOGIN_FAILURES_MS / limits::LOGIN_FAILURES);
    // Whoever is a stranger, or another account's, is counted elsewhere.
    let stranger = begin(&store, "ann", HOME, None).await.unwrap();
    store.take_back_attempt(stranger).await.unwrap();
    assert_eq!(fail(&store, "bob", HOME, Some("laptop")).await, 5);
    // What was none is given back: one goes on at once, as often as it is right.
    store.clock.advance_ms(wait.cast_signed());
    for _ in 0..10 {
        succeed(&store, "ann", HOME, Some("41")).await;
    }
}

#[tokio::test]
async fn taking_one_back_takes_no_other_back() {
    let store = TestStore::open().await;
    // A known source: only its failures at this account slow it down.
    succeed(&store, "ann", HOME, None).await;
    let mut made = 0;
    for _ in 0..50 {
        let Ok(right) = begin(&store, "ann", HOME, None).await else { break };
        made += u32::from(begin(&store, "ann", HOME, None).await.is_ok());
        store.take_back_attempt(right).await.unwrap();
    }
    assert!((4..=5).contains(&made), "{made} were judged");
}

#[tokio::test]
async fn attempts_at_the_same_moment_are_as_many_as_they_are() {
    let store = TestStore::open().await;
    let at_once = (0..40).map(|_| begin(&store, "ann", EVIL, None));
    let under_way = futures::future::join_all(at_once).await;
    assert_eq!(under_way.into_iter().flatten().count(), 5);
}

#[tokio::test]
async fn what_is_remembered_is_bounded_and_ends_and_who_is_known_stays_longest() {
    let store = TestStore::open().await;
    succeed(&store, "ann", HOME, None).await;
    let now = store.now().0 + 1;
    store
        .sql(&format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100100)
             INSERT INTO login_attempt (account, place, failures, failed_at, touched_at)
             SELECT 'x', n || '', 1, {now}, {now} + n FROM n"
        ))
        .await;
    let count = "SELECT COUNT(*) FROM login_attempt";
    store.sweep_login_attempts().await.unwrap();
    assert_eq!(store.number(count).await, REMEMBERED + 1);
    assert!(begin(&store, "ann", HOME, None).await.unwrap().is_known);
    store.clock.advance_ms(25 * 60 * 60 * 1_000);
    store.sweep_login_attempts().await.unwrap();
    assert_eq!(store.texts("SELECT account FROM login_attempt").await, "ann");
    store.clock.advance_ms(31 * 24 * 60 * 60 * 1_000);
    store.sweep_login_attempts().await.unwrap();
    assert_eq!(store.number(count).await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM login_together").await, 0);
}
