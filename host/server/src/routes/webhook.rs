//! To whom an install listens.
use serde_json::json;

use crate::{
    api::webhook,
    call::{
        Access::{Admin, Member},
        Calls, about,
    },
    error::Code::{Invalid, Taken, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/installs/{install}/webhooks",
            Member,
            webhook::list,
            about("Lists what third parties can tell an install, and which of it is open."),
        )
        .post(
            "/organizations/{org}/installs/{install}/webhooks/{webhook}/open",
            Admin,
            webhook::open,
            about("Opens a webhook: tells its URL, and this once its secret.")
                .details("One that is open keeps its secret; another routing key takes the place of the one before. Calls are checked before anything of them is kept; an answer 200 means that the event is durable, and has its delivery in `venn-receipt`. A routing key is one install's.")
                .example(json!({ "secret": "8f742231b10e8888abcd99yyyzzz85a5" }))
                .fails([Invalid, Taken, WrongState]),
        )
        .post(
            "/organizations/{org}/installs/{install}/webhooks/{webhook}/rotate",
            Admin,
            webhook::rotate,
            about("Puts another secret; the present one is good for a while, too.")
                .example(json!({ "overlap_s": 3600 }))
                .fails([Invalid, WrongState]),
        )
        .delete(
            "/organizations/{org}/installs/{install}/webhooks/{webhook}",
            Admin,
            webhook::close,
            about("Closes a webhook: its address does not exist any more."),
        )
}
