//! Who waits, and who never does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

const NOW: Timestamp = Timestamp(1_764_000_000_000_000);
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
const EVIL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

fn ann() -> Account {
    Account::new("acme", "Ann@acme.example")
}

/// Fails until it has to wait; how often it could.
fn fail(attempts: &Attempts, account: Account, from: IpAddr, device: Option<&str>) -> usize {
    (0..100).take_while(|_| attempts.begin(account, from, device, NOW).is_ok()).count()
}

#[test]
fn after_five_failures_one_waits_and_a_success_forgets_them() {
    let attempts = Attempts::default();
    assert_eq!(fail(&attempts, ann(), HOME, None), 5);
    assert_eq!(attempts.begin(ann(), HOME, None, NOW).unwrap_err(), 1_000);
    // However the address is written, it is one account.
    let shouted = Account::new("acme", "ANN@ACME.EXAMPLE");
    assert_eq!(attempts.begin(shouted, HOME, None, NOW).unwrap_err(), 1_000);
    let later = NOW.plus_ms(1_000);
    let right = attempts.begin(ann(), HOME, None, later).unwrap();
    attempts.succeeded(right, later);
    assert_eq!(fail(&attempts, ann(), HOME, None), 5);
}

#[test]
fn waiting_attempts_cost_the_one_who_makes_them_nothing_more() {
    let attempts = Attempts::default();
    fail(&attempts, ann(), HOME, None);
    for _ in 0..50 {
        assert_eq!(attempts.begin(ann(), HOME, None, NOW).unwrap_err(), 1_000);
    }
    assert!(attempts.begin(ann(), HOME, None, NOW.plus_ms(1_000)).is_ok());
}

#[test]
fn nobody_elses_failures_lock_somebody_out_who_was_here_before() {
    let attempts = Attempts::default();
    let first = attempts.begin(ann(), HOME, None, NOW).unwrap();
    attempts.succeeded(first, NOW);
    // From everywhere else, for all the account's name is known.
    for last in 0..=255 {
        fail(&attempts, ann(), IpAddr::from([203, 0, 113, last]), None);
    }
    let again = attempts.begin(ann(), HOME, None, NOW).unwrap();
    assert_eq!(again.lane(), Lane::Known);
    attempts.succeeded(again, NOW);
    // From her own address, at other accounts, until the address is used up.
    for name in 0..100 {
        let _ = attempts.begin(Account::new("acme", &name.to_string()), HOME, None, NOW);
    }
    assert!(attempts.begin(Account::new("acme", "new"), HOME, None, NOW).is_err());
    let again = attempts.begin(ann(), HOME, None, NOW).unwrap();
    attempts.succeeded(again, NOW);
    // From her own address at her own account: her browser has a count of its own.
    fail(&attempts, ann(), HOME, None);
    assert!(attempts.begin(ann(), HOME, None, NOW).is_err());
    let device = attempts.begin(ann(), HOME, Some("laptop"), NOW).unwrap();
    assert_eq!(device.lane(), Lane::Known);
    attempts.succeeded(device, NOW);
}

#[test]
fn somebody_new_is_not_kept_out_by_failures_from_elsewhere() {
    let attempts = Attempts::default();
    for last in 0..=255 {
        fail(&attempts, ann(), IpAddr::from([203, 0, 113, last]), None);
    }
    assert_eq!(attempts.begin(ann(), HOME, None, NOW).unwrap().lane(), Lane::Strangers);
}

#[test]
fn one_address_fails_only_so_often_whoever_it_tries() {
    let attempts = Attempts::default();
    let tried = (0..1_000)
        .take_while(|name| {
            let account = Account::new("acme", &name.to_string());
            attempts.begin(account, EVIL, None, NOW).is_ok()
        })
        .count();
    assert_eq!(tried as u64, limits::LOGIN_FAILURES);
    let wait = attempts.begin(ann(), EVIL, None, NOW).unwrap_err();
    assert_eq!(wait, limits::LOGIN_FAILURES_MS / limits::LOGIN_FAILURES);
    assert!(attempts.begin(ann(), EVIL, None, NOW.plus_ms(wait.cast_signed())).is_ok());
    // What ended well, or was not made, does not count.
    for _ in 0..1_000 {
        let attempt = attempts.begin(ann(), HOME, None, NOW).unwrap();
        attempts.take_back(&attempt);
    }
}

#[test]
fn many_browsers_of_one_account_give_no_more_guesses_than_a_few() {
    let attempts = Attempts::default();
    let names: Vec<String> = (0..40).map(|number: u32| number.to_string()).collect();
    let guesses: usize =
        names.iter().map(|name| fail(&attempts, ann(), EVIL, Some(name.as_str()))).sum();
    assert_eq!(guesses as u64, limits::LOGIN_FAILURES);
    let wait = attempts.begin(ann(), HOME, Some("41"), NOW).unwrap_err();
    assert_eq!(wait, limits::LOGIN_FAILURES_MS / limits::LOGIN_FAILURES);
    // Whoever is a stranger, or another account's, is counted elsewhere.
    let stranger = attempts.begin(ann(), HOME, None, NOW).unwrap();
    attempts.take_back(&stranger);
    assert_eq!(fail(&attempts, Account::new("acme", "bob"), HOME, Some("laptop")), 5);
    // What was none is given back: one goes on at once, as often as it is right.
    let later = NOW.plus_ms(wait.cast_signed());
    for _ in 0..10 {
        let right = attempts.begin(ann(), HOME, Some("41"), later).unwrap();
        attempts.succeeded(right, later);
    }
    // Strangers never make a browser wait.
    let attempts = Attempts::default();
    for last in 0..=255 {
        fail(&attempts, ann(), IpAddr::from([203, 0, 113, last]), None);
    }
    fail(&attempts, ann(), HOME, None);
    assert!(attempts.begin(ann(), HOME, Some("laptop"), NOW).is_ok());
}

#[test]
fn taking_one_back_takes_no_other_back() {
    let attempts = Attempts::default();
    // A known source: only its failures at this account slow it down.
    let attempt = attempts.begin(ann(), HOME, None, NOW).unwrap();
    attempts.succeeded(attempt, NOW);
    let mut made = 0;
    for _ in 0..50 {
        let Ok(right) = attempts.begin(ann(), HOME, None, NOW) else { break };
        let wrong = attempts.begin(ann(), HOME, None, NOW);
        made += u32::from(wrong.is_ok());
        attempts.take_back(&right);
    }
    assert!((4..=5).contains(&made), "{made} were judged");
}

#[test]
fn attempts_at_the_same_moment_are_as_many_as_they_are() {
    let attempts = Attempts::default();
    let under_way: Vec<_> =
        (0..100).filter_map(|_| attempts.begin(ann(), EVIL, None, NOW).ok()).collect();
    assert_eq!(under_way.len(), 5);
}

#[test]
fn what_is_remembered_is_bounded_and_who_is_known_stays_longest() {
    let attempts = Attempts::default();
    let first = attempts.begin(ann(), HOME, None, NOW).unwrap();
    attempts.succeeded(first, NOW);
    let later = NOW.plus_ms(1);
    for number in 0..u32::try_from(REMEMBERED).unwrap() + 10_000 {
        let from = IpAddr::from(number.to_be_bytes());
        let _ = attempts.begin(Account::new("acme", "x"), from, None, later);
    }
    let all = attempts.lock();
    assert!(all.entries.len() <= REMEMBERED && all.together.len() <= REMEMBERED);
    assert!(all.entries.contains_key(&(ann(), Place::Address(HOME))));
}
