//! Accounts, and what is known of each.
use crate::{
    api::{account, inbox, why_not},
    call::{Access::Member, Calls, about},
    error::Code::WrongState,
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get("/organizations/{org}/accounts", Member, account::list, about("Lists accounts."))
        .get(
            "/organizations/{org}/accounts/{account}",
            Member,
            account::get,
            about("Tells one account."),
        )
        .get(
            "/organizations/{org}/accounts/{account}/why-not",
            Member,
            why_not::get,
            about("Explains how the pairing of an account with a partner's list came out.")
                .fails([WrongState]),
        )
        .get(
            "/organizations/{org}/accounts/{account}/timeline",
            Member,
            inbox::timeline,
            about("Lists what plugins noted on an account, newest first."),
        )
}
