//! Connections to third parties.
use serde_json::json;

use crate::{
    api::connection,
    call::{
        Access::{Admin, Member},
        Calls, about,
    },
    error::Code::{Invalid, Taken, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get("/organizations/{org}/connections", Member, connection::list, about("Lists connections, without their secrets."))
        .post(
            "/organizations/{org}/connections",
            Admin,
            connection::create,
            about("Makes a connection to a third party.")
                .details("The secret is sealed, added at its own host only, and never shown again.")
                .example(json!({ "name": "hubspot-eu", "kind": "api-key", "host": "api.hubapi.com", "secret": "pat-eu1-example" }))
                .fails([Invalid, Taken]),
        )
        .get("/organizations/{org}/connections/{connection}", Member, connection::get, about("Tells one connection, without its secret."))
        .delete(
            "/organizations/{org}/connections/{connection}",
            Admin,
            connection::delete,
            about("Forgets a connection that no install uses.").fails([WrongState]),
        )
        .put(
            "/organizations/{org}/connections/{connection}/secret",
            Admin,
            connection::replace_secret,
            about("Replaces a connection's secret; what waited for it goes on.")
                .example(json!({ "secret": "pat-eu1-newer-example" }))
                .fails([Invalid]),
        )
}
