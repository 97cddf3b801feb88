//! What is a stall, and what only looks like one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use proptest::prelude::*;

use super::*;
use crate::run::{CallSummary, Claim, Effects, Report, StateWrite, Usage};

/// 2025-11-24, a Monday, midnight.
const MONDAY: Timestamp = Timestamp(1_763_942_400_000_000);
const HOUR_MS: i64 = 3_600_000;

const fn place(continuation: Option<&str>, done: u64, total: u64) -> Place<'_> {
    Place { continuation, done, total }
}

#[test]
fn a_chain_moves_with_what_is_done_or_else_with_its_cursor() {
    let cases = [
        (place(None, 0, 0), place(Some("a"), 0, 0), true),
        (place(Some("a"), 0, 0), place(Some("a"), 0, 0), false),
        (place(Some("a"), 0, 9), place(Some("b"), 0, 9), true),
        (place(Some("a"), 3, 9), place(Some("b"), 4, 9), true),
        // Another cursor at the same place.
        (place(Some("a"), 3, 9), place(Some("b"), 3, 9), false),
        // It begins anew with other work.
        (place(Some("a"), 3, 9), place(Some("b"), 3, 20), true),
    ];
    for (before, after, moved) in cases {
        assert_eq!(has_moved(&before, &after), moved, "{before:?} {after:?}");
    }
}

fn outcome(ending: Ending, results: &[CallResult]) -> Outcome {
    let call = |result: &CallResult| CallSummary {
        call: "http.send".to_owned(),
        target: "GET api.example.com/v1".to_owned(),
        result: result.clone(),
        connection: None,
        host_from_config: false,
        wall_us: 1,
    };
    Outcome {
        ending,
        effects: Effects::default(),
        usage: Usage::default(),
        log: Vec::new(),
        log_dropped: 0,
        calls: results.iter().map(call).collect(),
    }
}

fn ok() -> Ending {
    Ending::Ok(Report::default())
}

const fn status(status: u16) -> CallResult {
    CallResult::Status { status, retry_after_s: None }
}

#[test]
fn who_ends_well_although_its_service_did_not_answer_was_cut_short() {
    for result in [status(503), status(401), status(429)] {
        assert!(is_cut_short(&outcome(ok(), &[status(200), result.clone()])), "{result:?}");
        assert!(!is_cut_short(&outcome(ok(), &[result.clone(), status(200)])), "got over it");
        let claim = Ending::Fault(Claim::default());
        assert!(!is_cut_short(&outcome(claim, &[result])), "it says so");
    }
    let cut = CallResult::NetworkFailed { kind: "connect".to_owned() };
    assert!(is_cut_short(&outcome(ok(), std::slice::from_ref(&cut))));
    // What is not there is an answer.
    assert!(!is_cut_short(&outcome(ok(), &[status(404)])));
    assert!(!is_cut_short(&outcome(ok(), &[])));
    // It goes on with it.
    let again = Report { again: Some("on".to_owned()), ..Report::default() };
    assert!(!is_cut_short(&outcome(Ending::Ok(again), std::slice::from_ref(&cut))));
    // It made something of it.
    let mut kept = outcome(ok(), &[cut]);
    let write = StateWrite { partnership: None, key: "k".to_owned(), value: None };
    kept.effects.state.push(write);
    assert!(!is_cut_short(&kept));
}

/// Runs at these hours after that Monday.
fn runs(hours: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
    hours.into_iter().map(|hour| MONDAY.plus_ms(hour * HOUR_MS)).collect()
}

fn due(hour: i64) -> Work {
    Work { due_since: Some(MONDAY.plus_ms(hour * HOUR_MS)), is_called: false }
}

const CALLED: Work = Work { due_since: None, is_called: true };

/// Which hour is the first at which it is silent; none within 60 days.
fn first_silent(runs: &[Timestamp], work: &Work) -> Option<i64> {
    (0..60 * 24).find(|hour| silent_since(runs, work, MONDAY.plus_ms(hour * HOUR_MS)).is_some())
}

#[test]
fn three_times_its_longest_gap_is_a_silence_where_there_is_work() {
    // Every two hours on Monday: ten runs until 18 o'clock.
    let even = runs((0..10).map(|n| n * 2));
    assert_eq!(first_silent(&even, &CALLED), Some(18 + 6));
    assert_eq!(first_silent(&even, &due(20)), Some(18 + 6));
    assert_eq!(first_silent(&even, &Work::default()), None, "nothing is to do");
    // What has only just become due is no sign of anything.
    assert_eq!(first_silent(&even, &due(40)), Some(42));
    assert_eq!(silent_since(&even, &CALLED, MONDAY.plus_ms(48 * HOUR_MS)), even.last().copied());
    assert_eq!(first_silent(&runs((0..9).map(|n| n * 2)), &CALLED), None, "too few to know");
    // A burst every day is no reason to expect the next one within the minute.
    let bursts = runs((0..5).flat_map(|day| [day * 24, day * 24, day * 24]));
    assert_eq!(first_silent(&bursts, &CALLED), Some(4 * 24 + 3 * 24 + 48));
}

#[test]
fn week_ends_count_only_for_who_has_runs_on_them() {
    let weekdays = |week: i64| (0..5).map(move |day| (week * 7 + day) * 24 + 9);
    let worker = runs(weekdays(0).chain(weekdays(1)));
    // The last one is on Friday at 9; three weekdays later is Wednesday at 9.
    let wednesday = (14 + 2) * 24 + 9;
    assert_eq!(first_silent(&worker, &CALLED), Some(wednesday));
    let daily = runs((0..12).map(|day| day * 24 + 9));
    // The last one is on Friday, too; now Monday at 9 is three days later.
    assert_eq!(first_silent(&daily, &CALLED), Some((11 + 3) * 24 + 9));
}

#[test]
fn weekdays_are_counted_to_the_moment() {
    let at = |hour: i64| weekday_ms(MONDAY.plus_ms(hour * HOUR_MS)) - weekday_ms(MONDAY);
    assert_eq!((at(1), at(5 * 24)), (HOUR_MS, 5 * DAY_MS));
    assert_eq!((at(6 * 24), at(7 * 24)), (5 * DAY_MS, 5 * DAY_MS));
    assert_eq!(at(8 * 24), 6 * DAY_MS);
    assert!(!is_weekend(MONDAY) && is_weekend(MONDAY.plus_ms(5 * DAY_MS)));
    assert!(!is_weekend(MONDAY.plus_ms(5 * DAY_MS - 1)) && !is_weekend(MONDAY.plus_ms(7 * DAY_MS)));
}

#[test]
fn whoever_reads_it_learns_what_is_known() {
    let (title, text) = words(Finding::Silence, "CRM tasks");
    assert_eq!(title, "CRM tasks has gone silent");
    assert_eq!(
        text,
        "CRM tasks ran all the time, and there is no run of it any more, although there should be. \
         It is not known why. It is over by itself with the next run."
    );
    let (title, text) = words(Finding::NoProgress, "CRM tasks");
    assert_eq!(title, "CRM tasks runs and gets nowhere");
    assert_eq!(
        text,
        "CRM tasks has ended 20 runs in a row well and was as far as before. It is not known why. \
         It is over by itself as soon as a run gets further."
    );
}

proptest! {
    #[test]
    fn a_run_within_its_usual_gap_is_never_a_silence(
        gaps in prop::collection::vec(1_i64..200, 10..40), at in 0_i64..1_000, work in any::<bool>(),
    ) {
        // One of them is on a Saturday, so that every hour counts.
        let mut hour = -30;
        let later = gaps.iter().map(|gap| { hour += gap; hour });
        let times = runs(std::iter::once(-30).chain(later));
        let longest = gaps.iter().max().unwrap();
        let now = times.last().unwrap().plus_ms(longest * HOUR_MS * at / 1_000);
        let work = if work { CALLED } else { due(0) };
        prop_assert_eq!(silent_since(&times, &work, now), None);
    }

    #[test]
    fn a_silence_is_found_in_the_end_and_stays(
        gaps in prop::collection::vec(0_i64..200, 10..40), later in 0_i64..1_000,
    ) {
        let mut hour = 0;
        let times = runs(gaps.iter().map(|gap| { hour += gap; hour }));
        // Also across as many week-ends as there can be.
        let end = times.last().unwrap().plus_ms((200 * 3 + 1) * 2 * HOUR_MS + 7 * DAY_MS);
        prop_assert!(silent_since(&times, &CALLED, end.plus_ms(later * HOUR_MS)).is_some());
    }

    #[test]
    fn one_run_that_gets_somewhere_ends_a_stall(still in 0_u64..100) {
        let mut pulse = Pulse::default();
        for _ in 0..still {
            pulse = pulse.after(false);
        }
        prop_assert_eq!(pulse.is_still(), still >= limits::STILL_RUNS);
        prop_assert!(!pulse.after(true).is_still());
    }
}

#[test]
fn who_gets_nowhere_goes_slower_and_slower_up_to_a_minute() {
    let pauses = [0, 19, 20, 21, 25, 26, 27, u64::MAX].map(|runs| Pulse(runs).pause_ms());
    assert_eq!(pauses, [0, 0, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
}
