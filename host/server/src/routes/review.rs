//! What the platform decides about plugins.
use serde_json::json;

use crate::{
    api::{dependency, review, verification},
    call::{
        Access::{Platform, PlatformAdmin},
        Calls, about,
    },
    error::Code::{BadGrant, Invalid, OwnRelease, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get("/review/releases", Platform, review::list, about("Lists releases of all publishers, newest first."))
        .get("/review/releases/{release}", Platform, review::get, about("Tells a release, with what it asks for beyond the plugin's ceiling."))
        .get(
            "/review/releases/{release}/dependencies",
            Platform,
            dependency::get,
            about("Tells the crates that a release says it was built from, and the advisories that concern them.")
                .details("`cargo auditable` puts the list into a component; it is what whoever built it says.")
                .fails([WrongState]),
        )
        .get(
            "/review/advisories",
            Platform,
            dependency::scan,
            about("Lists releases, newest first, each with the advisories that concern it.")
                .details("The operator keeps a copy of the RustSec database in `advisories` in the data folder; it is read anew with each call.")
                .fails([WrongState]),
        )
        .post(
            "/review/releases/{release}/decision",
            PlatformAdmin,
            review::decide,
            about("Lets a release run, or refuses it; it stays decided.")
                .example(json!({ "go": false, "reason": "It asks for every field." }))
                .fails([OwnRelease, Invalid]),
        )
        .post(
            "/review/releases/{release}/withdraw",
            PlatformAdmin,
            review::withdraw,
            about("Withdraws one approved release; the plugin's others go on.")
                .details("For good. Its installs stop at their next host call until they choose another release.")
                .example(json!({ "reason": "It sends names to another host." }))
                .fails([Invalid]),
        )
        .put(
            "/review/plugins/{plugin}/approval",
            PlatformAdmin,
            review::approve,
            about("Sets a plugin's ceiling: the most that anybody may grant it.")
                .example(json!({
                    "capabilities": ["overlaps:read", "state", "http:egress"],
                    "fields": ["our-name", "their-name"],
                    "egress": [{ "host": "api.hubapi.com", "port": 443, "methods": ["GET", "POST"], "paths": ["/crm"] }],
                }))
                .fails([OwnRelease, BadGrant, WrongState]),
        )
        .get(
            "/review/publishers/{org}/verification",
            Platform,
            verification::known,
            about("Tells whether the platform knows who a publisher is, and how."),
        )
        .put(
            "/review/publishers/{org}/verification",
            PlatformAdmin,
            verification::vouch,
            about("Vouches for a publisher: its releases can be approved from now on.")
                .example(json!({ "reason": "We met, and their contract is signed." }))
                .fails([OwnRelease, Invalid]),
        )
        .post(
            "/review/publishers/{org}/verification/end",
            PlatformAdmin,
            verification::unverify,
            about("Takes back that a publisher is verified: no release of theirs is approved any more.")
                .details("What was approved goes on; suspending a plugin stops it. The publisher is told why.")
                .example(json!({ "reason": "The company was sold." }))
                .fails([Invalid]),
        )
        .post(
            "/review/plugins/{plugin}/suspend",
            PlatformAdmin,
            review::suspend,
            about("Stops a plugin everywhere, at its next host call.")
                .example(json!({ "reason": "Under investigation." }))
                .fails([Invalid]),
        )
        .post(
            "/review/plugins/{plugin}/resume",
            PlatformAdmin,
            review::resume,
            about("Lets a suspended plugin run again.").fails([OwnRelease]),
        )
}
