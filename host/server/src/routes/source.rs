//! Installs that write accounts.
use serde_json::json;

use crate::{
    api::source,
    call::{
        Access::{Member, User},
        Calls, about,
    },
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/sources",
            Member,
            source::list,
            about("Lists the installs that write accounts, with their newest syncs."),
        )
        .get(
            "/organizations/{org}/sources/{install}",
            Member,
            source::get,
            about("Tells one source: its newest sync, and how old its accounts are."),
        )
        .post(
            "/organizations/{org}/sources/{install}/confirm",
            User,
            source::confirm,
            about("Says yes to the removal of many accounts, and to how many.")
                .example(json!({ "removes": 12 })),
        )
        .post(
            "/organizations/{org}/sources/{install}/cancel",
            User,
            source::cancel,
            about("Says no: the accounts stay, until the source asks again."),
        )
}
