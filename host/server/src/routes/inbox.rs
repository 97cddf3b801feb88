//! Failures, and whose they are to mend.
use crate::{
    api::inbox,
    call::{
        Access::{Member, User},
        Calls, about,
    },
    error::Code,
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
            "/organizations/{org}/inbox/{item}",
            Member,
            inbox::item,
            about("Shows one failure with the step that mends it, as it stands in the listing."),
        )
        .post(
            "/organizations/{org}/inbox/{item}/done",
            User,
            inbox::done,
            about("Says that nothing is left to do; the next equal failure is announced anew.")
                .fails([Code::WrongState]),
        )
        .get(
            "/organizations/{org}/incidents",
            Member,
            inbox::incidents,
            about("Lists incidents: equal failures of one install, newest first.").details(
                "Those of your installs, and those that you have an inbox item of. One is resolved \
                 when the work that failed ends well, when its owner says that it is done, or when \
                 the install is removed.",
            ),
        )
}
