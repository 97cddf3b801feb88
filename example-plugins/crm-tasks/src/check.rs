//! A look before the install is enabled: is the connection there, and does
//! HubSpot accept it?
use venn_sdk::{Cause, Draft, Finding};

use crate::crm;

/// What is in the way, if anything.
pub(crate) fn check(draft: &Draft) -> Vec<Finding> {
    if !draft.has_connection(crm::CONNECTION) {
        let text = "HubSpot is not connected yet: put a private app token into the connection";
        return vec![Finding::error(text).field(crm::CONNECTION)];
    }
    let Err(fault) = crm::probe() else {
        return vec![Finding::ok("HubSpot accepts the token")];
    };
    vec![match fault.cause() {
        Cause::CustomerConfig => Finding::error(
            "HubSpot does not accept the token: make a new one with the scopes of the help page",
        )
        .field(crm::CONNECTION),
        // Not the customer's to fix, and over soon: no reason to keep them waiting.
        Cause::ThirdParty => Finding::warning(fault.message()),
        _ => Finding::error(fault.message()).field(crm::CONNECTION),
    }]
}
