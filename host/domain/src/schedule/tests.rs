//! When schedules are due: ten years of them, where the clock is moved, and after outages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use proptest::prelude::*;

use super::*;

fn schedule(cron: &str, time_zone: &str) -> Schedule {
    Schedule {
        name: "nightly".to_owned(),
        title: "Fetches changes".to_owned(),
        cron: cron.to_owned(),
        time_zone: time_zone.to_owned(),
        missed: Missed::Once,
        spread_s: 60,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Everything due in a time, from its begin on.
fn due(cadence: &Cadence, from: &str, to: &str) -> Vec<Timestamp> {
    let (mut at_last, to) = (at(from).plus_ms(-1), at(to));
    let mut all = Vec::new();
    while let Some(next) = cadence.after(at_last).filter(|next| *next < to) {
        all.push(next);
        at_last = next;
    }
    all
}

fn texts(times: &[Timestamp]) -> Vec<String> {
    times.iter().map(|time| time.to_string().replace(".000000", "")).collect()
}

#[test]
fn a_daily_time_comes_once_a_day_for_ten_years_whatever_the_clock_does() {
    for (zone, cron) in [
        ("Europe/Berlin", "30 2 * * *"),
        ("America/New_York", "30 1 * * *"),
        ("Australia/Lord_Howe", "15 2 * * *"),
        ("America/Sao_Paulo", "0 0 * * *"),
        ("UTC", "30 2 * * *"),
    ] {
        let cadence = schedule(cron, zone).cadence().unwrap();
        let all = due(&cadence, "2025-06-01T00:00:00Z", "2035-06-01T00:00:00Z");
        let zone = TimeZone::get(zone).unwrap();
        let days: Vec<_> = all
            .iter()
            .map(|time| {
                jiff::Timestamp::from_microsecond(time.0).unwrap().to_zoned(zone.clone()).date()
            })
            .collect();
        assert!((3_651..=3_653).contains(&days.len()), "{zone:?}: {}", days.len());
        for pair in days.windows(2) {
            assert_eq!(pair[0].tomorrow().unwrap(), pair[1], "{zone:?}");
        }
    }
}

#[test]
fn every_hour_comes_every_hour_for_ten_years() {
    for zone in ["Europe/Berlin", "America/New_York", "UTC"] {
        let cadence = schedule("7 * * * *", zone).cadence().unwrap();
        let all = due(&cadence, "2025-06-01T00:00:00Z", "2035-06-01T00:00:00Z");
        assert_eq!(all.len(), 3_652 * 24, "{zone}");
        assert!(all.windows(2).all(|pair| pair[1].ms_since(pair[0]) == 3_600_000), "{zone}");
    }
}

#[test]
fn a_clock_that_was_wrong_by_more_than_a_day_is_not_believed_any_more() {
    let daily = schedule("30 2 * * *", "UTC").cadence().unwrap();
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let now = at("2026-03-01T12:00:00Z");
    let anew = |reckoned_at| daily.reckoned_anew(at(reckoned_at), now);
    assert_eq!(anew("2036-03-01T12:00:00Z"), Some(at("2026-03-02T02:30:00Z")));
    assert_eq!(anew("2026-03-02T12:00:00.001Z"), Some(at("2026-03-02T02:30:00Z")));
    assert_eq!(anew("2026-03-02T12:00:00Z"), None);
    assert_eq!(anew("2026-03-01T12:00:00Z"), None);
    assert_eq!(anew("2016-03-01T12:00:00Z"), None);
}

#[test]
fn where_the_clock_is_moved_a_fixed_time_comes_once() {
    let berlin = schedule("30 2 * * *", "Europe/Berlin").cadence().unwrap();
    // From 2 to 3 o'clock there is no half past two: right after the gap.
    let spring = due(&berlin, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(texts(&spring), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    // From 3 back to 2 there are two of them: the first.
    let autumn = due(&berlin, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(texts(&autumn), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn what_was_missed_is_one_run_or_none() {
    let hourly = schedule("0 * * * *", "UTC").cadence().unwrap();
    let planned = at("2026-11-23T02:00:00Z");
    let turn = |missed, now: &str| hourly.turn(planned, 30_000, missed, at(now));
    let on_time = Turn { run: Some(planned), next: Some(at("2026-11-23T03:00:00Z")) };
    for missed in [Missed::Once, Missed::Skip] {
        assert_eq!(turn(missed, "2026-11-23T02:00:30Z"), on_time);
        assert_eq!(turn(missed, "2026-11-23T02:05:30Z"), on_time, "a restart");
    }
    // Five hours later.
    let next = Some(at("2026-11-23T08:00:00Z"));
    let late = "2026-11-23T07:30:00Z";
    assert_eq!(turn(Missed::Once, late), Turn { run: Some(at("2026-11-23T07:00:00Z")), next });
    assert_eq!(turn(Missed::Skip, late), Turn { run: None, next });
    // Back right at a time: that one is not missed.
    let back = turn(Missed::Skip, "2026-11-23T07:01:00Z");
    assert_eq!(back, Turn { run: Some(at("2026-11-23T07:00:00Z")), next });
}

#[test]
fn a_clock_that_goes_back_repeats_nothing() {
    let hourly = schedule("0 * * * *", "UTC").cadence().unwrap();
    let planned = at("2026-11-23T02:00:00Z");
    // Planned already, and then the clock was set to yesterday.
    let turn = hourly.turn(planned, 0, Missed::Once, at("2026-11-22T23:10:00Z"));
    assert_eq!(turn, Turn { run: Some(planned), next: Some(at("2026-11-23T03:00:00Z")) });
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_the_next_step() {
    let said = |schedule: Schedule| schedule.cadence().unwrap_err().to_string();
    let fields =
        "Write minute, hour, day of the month, month and day of the week, as in `0 2 * * *`";
    for (cron, reason) in [
        ("", "CronPattern cannot be an empty string"),
        ("* * *", "Pattern must have 5 fields when seconds are disallowed"),
        ("61 * * * *", "Number out of bounds"),
        ("* * * * * *", "Pattern must have 5 fields when seconds are disallowed"),
    ] {
        assert_eq!(said(schedule(cron, "UTC")), format!("cron: {reason}. {fields}"), "{cron}");
    }
    assert_eq!(
        said(schedule(&"1,".repeat(60), "UTC")),
        format!("cron: it is longer than 100 characters. {fields}")
    );
    assert_eq!(
        said(schedule("0 0 31 2 *", "UTC")),
        "cron: it never comes due. Name a day that some year has"
    );
    assert_eq!(
        said(schedule("0 0 * * *", "Europe/Bielefeld")),
        "time_zone: there is no such time zone. Use a name of the IANA database, as `Europe/Berlin`, or `UTC`"
    );
    let wide = Schedule { spread_s: 3_601, ..schedule("0 0 * * *", "UTC") };
    assert_eq!(said(wide), "spread_s: it is more than 3600. Spread over less");
    let rare = schedule("0 0 29 2 *", "UTC").cadence().unwrap();
    assert_eq!(rare.after(at("2097-01-01T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
}

#[test]
fn installs_are_spread_and_each_stays_where_it_is() {
    let nightly = schedule("0 2 * * *", "UTC");
    let install = |number: u32| -> InstallId { format!("ins_{number:026}").parse().unwrap() };
    let shifts: Vec<i64> = (0..1_000).map(|number| nightly.shift_ms(&install(number))).collect();
    assert!(shifts.iter().all(|shift| (0..=60_000).contains(shift)));
    let first_half = shifts.iter().filter(|shift| **shift < 30_000).count();
    assert!((400..=600).contains(&first_half), "{first_half} of 1000 in the first half");
    assert_eq!(shifts[7], nightly.shift_ms(&install(7)));
    let exact = Schedule { spread_s: 0, ..nightly };
    assert_eq!(exact.shift_ms(&install(7)), 0);
}

proptest! {
    /// Whatever is written: no panic, and what is read goes forward, and looking back
    /// from where it went finds it.
    #[test]
    fn time_goes_forward(
        cron in prop_oneof![
            "[0-9*/,-]{1,6} [0-9*/,-]{1,4} [0-9*/,L-]{1,4} [0-9*/,-]{1,3} [0-9*/,#L-]{1,3}",
            "[ -~]{0,20}",
            Just("*/15 9-17 * * 1-5".to_owned()),
            Just("30 2 * * *".to_owned()),
        ],
        zone in prop_oneof![Just("Europe/Berlin"), Just("America/New_York"), Just("UTC")],
        start in 1_700_000_000_i64..2_200_000_000,
    ) {
        let Ok(cadence) = schedule(&cron, zone).cadence() else { return Ok(()) };
        let mut now = Timestamp(start * 1_000_000);
        for _ in 0..20 {
            let Some(next) = cadence.after(now) else { break };
            prop_assert!(next > now);
            prop_assert_eq!(cadence.until(next), Some(next));
            let turn = cadence.turn(next, 0, Missed::Once, next);
            prop_assert_eq!(turn.run, Some(next));
            now = next;
        }
    }
}

#[test]
fn a_new_manifest_has_only_what_the_documents_name() {
    for good in [
        "0 2 * * *",
        "*/15 9-17 1,15 jan-MAR Mon-fri",
        "5-50/10 */23 */31 */12 0,7",
        "0 2 * * 1-5/2",
    ] {
        assert_eq!(schedule(good, "UTC").check(), Ok(()), "{good}");
    }
    let write =
        "Write minute, hour, day of the month, month and day of the week, as in `0 2 * * *`";
    for (bad, reason) in [
        ("*/61 * * * *", "the step in `*/61` is not one of 1 to 59, for the minute"),
        ("0 */24 * * *", "the step in `*/24` is not one of 1 to 23, for the hour"),
        ("0 0 */0 * *", "the step in `*/0` is not one of 1 to 31, for the day of the month"),
        ("@daily", "`@daily` is no number, name, `*`, range or step of the minute"),
        ("0 0 L * *", "`L` is no number, name, `*`, range or step of the day of the month"),
        ("0 0 15W * *", "`15W` is no number, name, `*`, range or step of the day of the month"),
        ("0 0 ? * *", "`?` is no number, name, `*`, range or step of the day of the month"),
        ("0 0 * mon *", "`mon` is no number, name, `*`, range or step of the month"),
        ("0 0 * * 5#3", "`5#3` is no number, name, `*`, range or step of the day of the week"),
        ("0 0 * * 5L", "`5L` is no number, name, `*`, range or step of the day of the week"),
        ("0 0 * * 1,,2", "`` is no number, name, `*`, range or step of the day of the week"),
    ] {
        let told = schedule(bad, "UTC").check().unwrap_err().to_string();
        assert_eq!(told, format!("cron: {reason}. {write}"), "{bad}");
    }
    // What was published before goes on.
    assert!(schedule("0 0 L * *", "UTC").cadence().is_ok());
}
