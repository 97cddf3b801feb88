//! Failures, and whose they are to mend; what else waits for somebody.
use crate::{
    api::{inbox, waiting},
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
            about("Lists failures with the one step that mends each, newest first.")
                .details("What waits for a decision of yours instead is under `/waiting`."),
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
            "/organizations/{org}/waiting",
            Member,
            waiting::list,
            about("Lists what waits for a decision, with the command to type next, newest first.")
                .details(
                    "Releases to review; releases that were refused, approved in the last week or \
                     withdrawn; suspended plugins; proposed partnerships; removals to confirm; installs \
                     whose release was withdrawn. An item is gone when the thing has been decided.",
                ),
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
