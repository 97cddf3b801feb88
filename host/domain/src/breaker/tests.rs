//! Whatever happens: one probe at a time, a bounded wait, and a success ends it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use proptest::prelude::*;

use super::*;
use crate::{
    run::{Claim, Effects, Ending, Usage},
    verdict::{ALGORITHM_VERSION, Owner},
};

const NOW: Timestamp = Timestamp(1_764_000_000_000_000);
const FAILED: Sign = Sign::Failed { asked_s: None };

/// As an install's breaker is moved: it opens once it trips.
fn fail(breaker: &mut Breaker, now: Timestamp) {
    breaker.after(FAILED, true, now, 0);
    if breaker.trips() {
        breaker.trip(None, now, 0);
    }
}

fn opened() -> Breaker {
    let mut breaker = Breaker::default();
    (0..limits::BREAKER_FAILURES).for_each(|_| fail(&mut breaker, NOW));
    breaker
}

#[test]
fn five_failures_in_a_row_open_it_and_a_success_between_does_not() {
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        fail(&mut breaker, NOW);
    }
    assert_eq!(breaker.turn(NOW), Turn::Run);
    breaker.after(Sign::Worked, true, NOW, 0);
    for _ in 0..4 {
        fail(&mut breaker, NOW);
    }
    assert_eq!(breaker.turn(NOW), Turn::Run);
    // What is about one event alone is no failure, and no success.
    breaker.after(Sign::Nothing, true, NOW, 0);
    fail(&mut breaker, NOW);
    assert_eq!(breaker.turn(NOW), Turn::Wait(NOW.plus_ms(60_000)));
}

#[test]
fn the_pause_doubles_up_to_half_an_hour_and_a_success_ends_it() {
    let (mut breaker, mut now) = (opened(), NOW);
    let mut minutes = Vec::new();
    for _ in 0..8 {
        let Turn::Wait(until) = breaker.turn(now) else { unreachable!("{breaker:?}") };
        minutes.push(until.ms_since(now) / 60_000);
        now = until;
        assert_eq!(breaker.begin(now, now.plus_ms(90_000)), Turn::Probe);
        breaker.after(FAILED, true, now, 0);
    }
    assert_eq!(minutes, [1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(breaker.open.unwrap().since, NOW);
    breaker.after(Sign::Worked, true, now, 0);
    assert_eq!(breaker, Breaker::default());
}

#[test]
fn a_third_party_may_ask_for_a_longer_pause_within_reason() {
    let next = |asked_s| {
        let mut breaker = Breaker::default();
        breaker.trip(asked_s, NOW, 0);
        breaker.open.unwrap().next_at.ms_since(NOW)
    };
    assert_eq!((next(Some(1)), next(Some(600)), next(Some(86_400))), (60_000, 600_000, 1_800_000));
}

#[test]
fn a_late_failure_of_what_began_before_moves_nothing() {
    let mut breaker = opened();
    let before = breaker;
    breaker.after(FAILED, false, NOW.plus_ms(5), 0);
    breaker.after(Sign::Nothing, false, NOW.plus_ms(5), 0);
    assert_eq!(breaker, before);
    // But that it goes well counts, whoever finds out.
    breaker.after(Sign::Worked, false, NOW.plus_ms(5), 0);
    assert_eq!(breaker.turn(NOW), Turn::Run);
}

#[test]
fn a_probe_that_told_nothing_is_followed_by_another_one() {
    let mut breaker = opened();
    let later = NOW.plus_ms(60_000);
    assert_eq!(breaker.begin(later, later.plus_ms(90_000)), Turn::Probe);
    // Up to and with the last moment of its lease.
    assert!(matches!(breaker.turn(later.plus_ms(90_000)), Turn::Wait(_)));
    assert_eq!(breaker.turn(later.plus_ms(90_001)), Turn::Probe);
    breaker.after(Sign::Nothing, true, later, 0);
    assert_eq!(breaker.turn(later), Turn::Probe);
}

#[test]
fn who_does_not_want_to_wait_has_a_probe_at_once_and_never_a_second_one() {
    let mut breaker = opened();
    breaker.try_now(NOW);
    assert_eq!(breaker.begin(NOW, NOW.plus_ms(90_000)), Turn::Probe);
    breaker.try_now(NOW.plus_ms(1));
    assert!(matches!(breaker.turn(NOW.plus_ms(1)), Turn::Wait(_)));
    let mut closed = Breaker::default();
    closed.try_now(NOW);
    assert_eq!(closed, Breaker::default());
}

#[test]
fn one_install_alone_never_stands_for_its_destination() {
    assert!(!trips_destination(1, 1_000));
    assert!(!trips_destination(4, 4));
    assert!(trips_destination(2, 5));
}

fn verdict(class: Class, kind: Kind, retryable: bool) -> Verdict {
    Verdict {
        class,
        kind,
        owner: Owner::Publisher,
        confidence_permille: 800,
        evidence: Vec::new(),
        claimed_class: None,
        retryable,
        retry_after_s: None,
        fingerprint: String::new(),
        field: None,
        algorithm_version: ALGORITHM_VERSION,
    }
}

fn call(host: &str, result: CallResult) -> CallSummary {
    CallSummary {
        call: "http.send".to_owned(),
        target: format!("POST {host}/v1/tasks"),
        result,
        connection: None,
        host_from_config: false,
        wall_us: 1,
    }
}

fn outcome(calls: Vec<CallSummary>) -> Outcome {
    Outcome {
        ending: Ending::Fault(Claim::default()),
        effects: Effects::default(),
        usage: Usage::default(),
        log: Vec::new(),
        log_dropped: 0,
        calls,
    }
}

const fn status(status: u16) -> CallResult {
    CallResult::Status { status, retry_after_s: None }
}

#[test]
fn what_counts_against_an_install_is_what_the_next_run_meets_too() {
    let of = |class, kind, retryable| sign(Some(&verdict(class, kind, retryable)));
    assert_eq!(sign(None), Sign::Worked);
    assert_eq!(of(Class::ThirdParty, Kind::Transient, true), FAILED);
    assert_eq!(of(Class::Plugin, Kind::Permanent, true), FAILED);
    // An expired key is not hammered with the other events either.
    assert_eq!(of(Class::CustomerConfig, Kind::Permanent, false), FAILED);
    assert_eq!(of(Class::Plugin, Kind::Contract, false), Sign::Nothing);
    assert_eq!(of(Class::GrantMissing, Kind::Permanent, false), Sign::Nothing);
}

#[test]
fn why_it_rests_is_said_in_plain_words() {
    let why = |class| because(&verdict(class, Kind::Transient, true));
    assert_eq!(why(Class::ThirdParty), "a service that it calls has trouble");
    assert_eq!(why(Class::Plugin), "its code fails");
    assert_eq!(why(Class::Platform), "the platform has trouble");
    assert_eq!(why(Class::Unknown), "it fails, and it is not known why");
    let config = why(Class::CustomerConfig);
    assert_eq!(config, "its connections or its configuration have to be corrected");
    let field = Some("crm".to_owned());
    let named = Verdict { field, ..verdict(Class::CustomerConfig, Kind::Permanent, false) };
    let named = because(&named);
    assert_eq!(named, "`crm` has to be corrected in its connections or its configuration");
}

#[test]
fn only_its_own_trouble_counts_against_a_destination() {
    let told = |class, kind, result| {
        let verdict = verdict(class, kind, true);
        let outcome = outcome(vec![call("ok.example", status(200)), call("api.example", result)]);
        destinations(&outcome, Some(&verdict)).failed
    };
    let down = Some("api.example".to_owned());
    assert_eq!(told(Class::ThirdParty, Kind::Transient, status(503)), down);
    let cut = CallResult::NetworkFailed { kind: "connect".to_owned() };
    assert_eq!(told(Class::ThirdParty, Kind::Transient, cut), down);
    assert_eq!(told(Class::ThirdParty, Kind::Quota, status(429)), None);
    assert_eq!(told(Class::CustomerConfig, Kind::Permanent, status(401)), None);
    assert_eq!(told(Class::Plugin, Kind::Permanent, status(503)), None);
}

#[test]
fn a_host_has_answered_unless_it_is_the_one_in_trouble() {
    let calls = ["a.example", "b.example", "d.example", "c.example"];
    let results = [status(200), status(404), status(503), status(500)];
    let mut calls: Vec<_> =
        calls.into_iter().zip(results).map(|(host, result)| call(host, result)).collect();
    calls.insert(0, call("c.example", status(200)));
    let told =
        destinations(&outcome(calls), Some(&verdict(Class::ThirdParty, Kind::Transient, true)));
    assert_eq!(told.failed.as_deref(), Some("c.example"));
    assert_eq!(told.answered.into_iter().collect::<Vec<_>>(), ["a.example", "b.example"]);
}

/// What may happen to a breaker that several installs share.
#[derive(Debug, Clone)]
enum Step {
    Pass(u32),
    Asks,
    Ends(u8),
    Others(u8),
    TriesNow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u32..3_000).prop_map(Step::Pass),
        Just(Step::Asks),
        any::<u8>().prop_map(Step::Ends),
        any::<u8>().prop_map(Step::Others),
        Just(Step::TriesNow),
    ]
}

fn some_sign(chance: u8) -> Sign {
    match chance % 4 {
        0 => Sign::Worked,
        1 => Sign::Nothing,
        _ => Sign::Failed { asked_s: (chance > 200).then_some(u32::from(chance) * 1_000) },
    }
}

const LEASE_MS: i64 = 90_000;

proptest! {
    #[test]
    fn one_probe_at_a_time_a_bounded_wait_and_a_success_ends_it(
        steps in prop::collection::vec(step(), 1..80), jitter in 0_u16..=1_000,
    ) {
        let (mut breaker, mut now) = (opened(), NOW);
        let mut probe_since: Option<Timestamp> = None;
        for step in steps {
            match step {
                Step::Pass(seconds) => now = now.plus_ms(i64::from(seconds) * 1_000),
                Step::Asks => if breaker.begin(now, now.plus_ms(LEASE_MS)) == Turn::Probe {
                    let before = probe_since.replace(now);
                    prop_assert!(before.is_none_or(|since| now.ms_since(since) > LEASE_MS));
                },
                Step::Ends(chance) => if probe_since.take().is_some() {
                    breaker.after(some_sign(chance), true, now, jitter);
                },
                Step::Others(chance) => {
                    breaker.after(some_sign(chance), false, now, jitter);
                    if breaker.open.is_none() { probe_since = None; }
                }
                Step::TriesNow => breaker.try_now(now),
            }
            if breaker.trips() {
                breaker.trip(None, now, jitter);
            }
            // Half-open again in bounded time, whatever came before.
            if let Turn::Wait(until) = breaker.turn(now) {
                let longest = limits::BREAKER_PAUSE_MS_MAX.cast_signed();
                prop_assert!(until > now && until.ms_since(now) <= longest + longest / 5);
                prop_assert_eq!(breaker.turn(until), Turn::Probe);
            }
            let mut healed = breaker;
            healed.after(Sign::Worked, true, now, jitter);
            prop_assert_eq!(healed.turn(now), Turn::Run);
        }
    }

    #[test]
    fn whatever_a_customer_has_to_mend_opens_no_destination(
        statuses in prop::collection::vec(100_u16..600, 0..8), retryable in any::<bool>(),
    ) {
        let calls = statuses.into_iter().map(|code| call("api.example", status(code))).collect();
        let outcome = outcome(calls);
        for class in [Class::CustomerConfig, Class::GrantMissing] {
            for kind in Kind::ALL {
                let told = destinations(&outcome, Some(&verdict(class, *kind, retryable)));
                prop_assert_eq!(told.failed, None);
            }
        }
    }
}
