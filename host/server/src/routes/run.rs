//! Deliveries of events, and the runs that they led to.
use serde_json::json;

use crate::{
    api::{delivery, run},
    call::{
        Access::{Admin, Member, User},
        Calls, about,
    },
    error::Code::{Busy, Invalid, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/deliveries",
            Member,
            delivery::list,
            about("Lists deliveries of events to installs, newest first."),
        )
        .get(
            "/organizations/{org}/deliveries/{delivery}",
            Member,
            delivery::get,
            about("Tells one delivery, with its runs."),
        )
        .post(
            "/organizations/{org}/deliveries/{delivery}/redeliver",
            User,
            delivery::redeliver,
            about("Delivers again what was parked, given up, or waits for its next attempt."),
        )
        .post(
            "/organizations/{org}/deliveries/{delivery}/discard",
            Admin,
            delivery::discard,
            about("Gives up what waits, is parked or expired: what waits behind it goes on.")
                .details("It is dead then, with the reason; delivering it again is possible. One that runs is left alone.")
                .example(json!({ "reason": "The account was closed by hand." }))
                .fails([Invalid, WrongState]),
        )
        .get("/organizations/{org}/runs", Member, run::list, about("Lists runs, newest first."))
        .get(
            "/organizations/{org}/runs/{run}",
            Member,
            run::get,
            about("Tells how one run ended, what it called, and whose fault it was."),
        )
        .get(
            "/organizations/{org}/runs/{run}/log",
            Member,
            run::log,
            about("Lists the lines that a run logged."),
        )
        .get(
            "/organizations/{org}/runs/{run}/transcript",
            Member,
            run::transcript,
            about("Tells a run as text, call by call.").fails([WrongState, Busy]),
        )
        .post(
            "/organizations/{org}/runs/{run}/replay",
            Member,
            run::replay,
            about("Repeats a run from its tape, without network, store or credentials.")
                .fails([Busy]),
        )
}
