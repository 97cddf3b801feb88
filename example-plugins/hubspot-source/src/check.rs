//! A look before the install is enabled: is the connection there, does HubSpot
//! accept it, and are the properties there that the configuration names?
use venn_sdk::{Cause, Draft, Fault, Finding};

use crate::{config::Config, crm};

/// What is in the way, if anything.
pub(crate) fn check(draft: &Draft) -> Result<Vec<Finding>, Fault> {
    if !draft.has_connection(crm::CONNECTION) {
        let text = "HubSpot is not connected yet: put a private app token into the connection";
        return Ok(vec![Finding::error(text).field(crm::CONNECTION)]);
    }
    if let Err(fault) = crm::probe() {
        return Ok(vec![trouble(&fault)]);
    }
    let config: Config = draft.config()?;
    let mut findings = vec![Finding::ok("HubSpot accepts the token")];
    for (field, name) in config.named() {
        match crm::has_property(name) {
            Ok(true) => {}
            Ok(false) => {
                let text = format!("your HubSpot has no company property `{name}`");
                findings.push(Finding::error(text).field(field));
            }
            Err(fault) => findings.push(trouble(&fault)),
        }
    }
    Ok(findings)
}

fn trouble(fault: &Fault) -> Finding {
    match fault.cause() {
        Cause::CustomerConfig => Finding::error(
            "HubSpot does not accept the token: make a new one with the scopes of the help page",
        )
        .field(crm::CONNECTION),
        // Not the customer's to fix, and over soon: no reason to keep them waiting.
        Cause::ThirdParty => Finding::warning(fault.message()),
        _ => Finding::error(fault.message()).field(crm::CONNECTION),
    }
}
