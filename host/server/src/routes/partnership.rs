//! Partnerships: what is shared, what overlaps, pairs by hand.
use serde_json::json;

use crate::{
    api::{overlap, pairing, partnership, sharing_rule},
    call::{
        Access::{Admin, Member, User},
        Calls, about,
    },
    error::Code::{Invalid, Taken, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get("/organizations/{org}/partnerships", Member, partnership::list, about("Lists partnerships, ended ones too."))
        .post(
            "/organizations/{org}/partnerships",
            Admin,
            partnership::propose,
            about("Proposes a partnership.").example(json!({ "partner": "hooli" })).fails([Invalid, Taken]),
        )
        .get("/organizations/{org}/partnerships/{partnership}", Member, partnership::get, about("Tells one partnership, and how far pairing is."))
        .post(
            "/organizations/{org}/partnerships/{partnership}/accept",
            Admin,
            partnership::accept,
            about("Accepts a partnership that the other side proposed."),
        )
        .post(
            "/organizations/{org}/partnerships/{partnership}/end",
            Admin,
            partnership::end,
            about("Ends a partnership; plugins lose its data at their next host call."),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/sharing-rules",
            Member,
            sharing_rule::list,
            about("Tells what both sides share."),
        )
        .put(
            "/organizations/{org}/partnerships/{partnership}/sharing-rules",
            Admin,
            sharing_rule::replace,
            about("Replaces all of our sharing rules; a population without one is hidden.")
                .example(json!({ "rules": [
                    { "population": "customers", "level": "overlaps", "fields": ["name", "owner"], "purpose": "egress" },
                    { "population": "prospects", "level": "counts", "fields": [], "purpose": "view" },
                ] }))
                .fails([Invalid, WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/matrix",
            Member,
            overlap::matrix,
            about("Counts overlaps per pair of populations.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/overlaps",
            Member,
            overlap::list,
            about("Lists overlaps; of the partner's accounts what its live rules share.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/overlaps/{overlap}",
            Member,
            overlap::get,
            about("Tells one overlap.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/unpaired",
            Member,
            overlap::unpaired,
            about("Lists accounts without a counterpart, on domains that both sides have.").fails([WrongState]),
        )
        .post(
            "/organizations/{org}/partnerships/{partnership}/pairings",
            User,
            pairing::decide,
            about("Confirms, rejects or links a pair by hand; it counts for both sides.")
                .example(json!({
                    "our_account": "acc_01k5v2m8q4r7t9w3x6z1b0c5d8",
                    "their_account": "acc_01k5v2m8q4r7t9w3x6z1b0c5d9",
                    "decision": "confirm",
                }))
                .fails([Invalid]),
        )
}
