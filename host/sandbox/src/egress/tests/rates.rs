//! Buckets: what they give, what they refuse, and when there is room again.
use std::fmt::Write as _;

use super::*;
use crate::{egress::tests::bench, tape::entry::Refusal};

fn refusal(result: Result<(), Declined>) -> String {
    match result {
        Err(Declined::Refused(Refusal::Limit(text))) => text,
        Ok(()) => "ok".to_owned(),
        Err(_) => "something else".to_owned(),
    }
}

const START: Timestamp = Timestamp(1_767_225_600_000_000);

#[test]
fn an_install_has_its_calls_a_minute_and_gets_them_back_evenly() {
    let (rates, authority) = (Rates::default(), bench::authority_of(1, 1, 1));
    for _ in 0..limits::HTTP_CALLS_INSTALL {
        assert_eq!(refusal(rates.take(&authority, 0, START)), "ok");
    }
    assert_eq!(
        refusal(rates.take(&authority, 0, START)),
        "http.calls.install: at most 6000 calls a minute for one install; there is room again in 1 s: \
         end the run with `retry after`, or do less"
    );
    // A hundred a second come back, and no more than that.
    let later = START.plus_ms(1_000);
    for _ in 0..100 {
        assert_eq!(refusal(rates.take(&authority, 0, later)), "ok");
    }
    assert_ne!(refusal(rates.take(&authority, 0, later)), "ok");
    // A clock that goes back gives nothing.
    assert_ne!(refusal(rates.take(&authority, 0, START)), "ok");
    // Another install of the organization has its own.
    let other = bench::authority_of(2, 1, 1);
    assert_eq!(refusal(rates.take(&other, 0, START)), "ok");
}

#[test]
fn organization_and_plugin_are_bounded_over_their_installs() {
    let mut told = String::new();
    // All of one organization, then all of one plugin.
    for (organization, plugin) in [(Some(1), None), (None, Some(1))] {
        let rates = Rates::default();
        for number in 0..1_000 {
            let own = number + 2;
            let authority =
                bench::authority_of(own, organization.unwrap_or(own), plugin.unwrap_or(own));
            rates.count(&authority, Measure::FailedDials, 12, START);
            let text = refusal(rates.take(&authority, 0, START));
            if text != "ok" {
                let _ = writeln!(told, "{number}: {text}");
                break;
            }
        }
    }
    insta::assert_snapshot!(told, @"
    19: http.failed-dials.organization: at most 240 failed connections a minute for one organization; there is room again in 1 s: end the run with `retry after`, or do less
    499: http.failed-dials.plugin: at most 6000 failed connections a minute for one plugin; there is room again in 1 s: end the run with `retry after`, or do less
    ");
}

#[test]
fn bytes_are_counted_after_the_fact_and_waited_out() {
    let (rates, authority) = (Rates::default(), bench::authority_of(1, 1, 1));
    let day = limits::HTTP_SENT_INSTALL;
    rates.count(&authority, Measure::Sent, day - 10, START);
    assert_eq!(refusal(rates.take(&authority, 10, START)), "ok");
    let text = refusal(rates.take(&authority, 11, START));
    assert!(text.starts_with("http.sent.install: at most 2147483648 bytes sent a day"), "{text}");
    rates.count(&authority, Measure::Received, limits::HTTP_RECEIVED_INSTALL * 2, START);
    let text = refusal(rates.take(&authority, 0, START));
    assert!(text.starts_with("http.received.install: "), "{text}");
    assert!(text.contains("room again in 86401 s"), "{text}");
    // One day pays the debt, the next fills it.
    assert_eq!(refusal(rates.take(&authority, 0, START.plus_ms(DAY_MS + 1))), "ok");
}
