//! What changes an install, and what work it is given.
use serde_json::json;

use crate::{
    api::install_change as change,
    call::{
        Access::{Admin, User},
        Calls, about,
    },
    error::Code::{BadConfig, BadGrant, Invalid, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .put(
            "/organizations/{org}/installs/{install}/grant",
            Admin,
            change::grant,
            about("Changes what the install may do; it counts at its next host call.")
                .example(json!({
                    "capabilities": ["overlaps:read"],
                    "partnerships": ["pty_01k5v2m8q4r7t9w3x6z1b0c5d8"],
                    "populations": ["customers"], "fields": ["our-name"], "egress_hosts": [],
                }))
                .fails([Invalid, BadGrant, WrongState]),
        )
        .put(
            "/organizations/{org}/installs/{install}/config",
            Admin,
            change::config,
            about("Changes the configuration.")
                .example(json!({}))
                .fails([Invalid, BadConfig, WrongState]),
        )
        .put(
            "/organizations/{org}/installs/{install}/connections",
            Admin,
            change::connections,
            about("Changes which connections the install uses.")
                .example(json!({ "crm": "con_01k5v2m8q4r7t9w3x6z1b0c5d8" }))
                .fails([Invalid, BadConfig, WrongState]),
        )
        .post(
            "/organizations/{org}/installs/{install}/pause",
            Admin,
            change::pause,
            about("Pauses an install, at its next host call."),
        )
        .post(
            "/organizations/{org}/installs/{install}/resume",
            Admin,
            change::resume,
            about("Lets a paused install run again."),
        )
        .post(
            "/organizations/{org}/installs/{install}/upgrade",
            Admin,
            change::upgrade,
            about("Moves an install to another approved release; the grant stays.")
                .details(
                    "By `release` or by `version`; to the newest approved one if neither is there.",
                )
                .example(json!({ "version": "0.1.0" }))
                .fails([Invalid, BadConfig, BadGrant]),
        )
        .post(
            "/organizations/{org}/installs/{install}/run",
            User,
            change::run,
            about("Asks for a run now, whatever the manifest schedules.")
                .details("Asked for again before it has begun it is the same one."),
        )
        .post(
            "/organizations/{org}/installs/{install}/try",
            User,
            change::try_now,
            about("Lets an install that rests try one event now.")
                .details(
                    "It rests after failures in a row, and tries again by itself. If this try works, it \
                     goes on at once; of one that does not rest nothing changes.",
                )
                .fails([WrongState]),
        )
        .get(
            "/organizations/{org}/installs/{install}/backfill",
            Admin,
            change::backfill,
            about("Counts what a backfill would bring."),
        )
        .post(
            "/organizations/{org}/installs/{install}/backfill",
            Admin,
            change::start_backfill,
            about("Hands an install what overlaps already.")
                .example(json!({ "partnership": "pty_01k5v2m8q4r7t9w3x6z1b0c5d8" })),
        )
}
