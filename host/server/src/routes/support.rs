//! Support access: leave for the platform or a publisher to look at an install.
use serde_json::json;

use crate::{
    api::support,
    call::{
        Access::{Admin, Anyone, Member},
        Calls, about,
    },
    error::Code::Invalid,
    openapi::EXAMPLE_TAIL,
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/support-grants",
            Anyone,
            support::received,
            about("Lists what others let the caller's organization look at, as it stands."),
        )
        .get(
            "/organizations/{org}/support-grants",
            Member,
            support::given,
            about("Lists whom the organization lets, or has let, look at its installs."),
        )
        .post(
            "/organizations/{org}/support-grants",
            Admin,
            support::give,
            about("Lets the platform, or the plugin's publisher, look at an install for some hours.")
                .details("Members of that organization then read `…/runs`, `…/deliveries` and `…/runs/{run}/log` of that install, as far as `things` says, under this organization's address. Each look is in this organization's audit, by person.")
                .example(json!({
                    "to": "publisher", "install": format!("ins_{EXAMPLE_TAIL}"),
                    "things": ["runs", "logs"], "hours": 24, "reason": "Tasks are missing since Monday.",
                }))
                .fails([Invalid]),
        )
        .delete(
            "/organizations/{org}/support-grants/{grant}",
            Admin,
            support::revoke,
            about("Takes leave to look back, at once."),
        )
}
