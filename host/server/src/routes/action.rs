//! What people ask of an install.
use serde_json::json;

use crate::{
    api::action,
    call::{
        Access::{Member, User},
        Calls, about,
    },
    error::Code::{Invalid, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/installs/{install}/actions",
            Member,
            action::list,
            about("Lists what people may ask of an install."),
        )
        .post(
            "/organizations/{org}/installs/{install}/ask",
            User,
            action::ask,
            about("Asks an install for one of its actions, and waits for the plugin's answer.")
                .details(
                    "It is durable first. An answer 200 has what came of it: the plugin's answer, or \
                     why there is none. What takes longer than a few seconds (limit `webhook.answer`) \
                     is answered 202 and goes on; its delivery says how far it is. The answer is the \
                     plugin's words: show it as data, never as a page.",
                )
                .example(json!({
                    "action": "overlaps", "text": "company-1.com", "input": { "limit": 5 },
                }))
                .fails([Invalid, WrongState]),
        )
}
