//! Failures, and whose they are to mend.
use crate::{
    api::inbox,
    call::{Access::Member, Calls, about},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/inbox",
            Member,
            inbox::inbox,
            about("Lists failures with the one step that mends each, newest first."),
        )
        .get(
            "/organizations/{org}/incidents",
            Member,
            inbox::incidents,
            about("Lists incidents: equal failures of one install, newest first."),
        )
}
