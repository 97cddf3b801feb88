//! Who changed or read what.
use crate::{
    api::audit,
    call::{Access::Member, Calls, about},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/audit",
            Member,
            audit::list,
            about("Lists who changed or read what, newest first."),
        )
        .get(
            "/organizations/{org}/audit/export",
            Member,
            audit::export,
            about("Exports the whole audit as JSON lines, oldest first.").details(
                "The export itself is its last entry; `docs/audit.md` tells how to check it.",
            ),
        )
        .get(
            "/organizations/{org}/audit/verify",
            Member,
            audit::verify,
            about("Recomputes the audit's chain: whether it is what was written."),
        )
}
