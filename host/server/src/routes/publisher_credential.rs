//! A plugin's own credentials, which its publisher has for all customers.
use serde_json::json;

use crate::{
    api::publisher_credential as credential,
    call::{
        Access::{Admin, Member},
        Calls, about,
    },
    error::Code::Invalid,
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/plugins/{plugin}/credentials",
            Member,
            credential::list,
            about("Lists a plugin's own credentials, without their values."),
        )
        .put(
            "/organizations/{org}/plugins/{plugin}/credentials/{credential}",
            Admin,
            credential::set,
            about("Puts a credential of the publisher's own; a value before it ends at once.")
                .details(
                    "The value is sealed, goes to its own host only, and is never shown again.",
                )
                .example(json!({
                    "kind": "oauth-client", "host": "login.example.com",
                    "client_id": "deal-notes", "secret": "example-secret",
                }))
                .fails([Invalid]),
        )
        .post(
            "/organizations/{org}/plugins/{plugin}/credentials/{credential}/rotate",
            Admin,
            credential::rotate,
            about("Puts the next value; the present one is good for a while, too.")
                .details("The newest is used first, the one before where a service refuses it.")
                .example(json!({ "secret": "next-example-secret", "overlap_s": 3600 }))
                .fails([Invalid]),
        )
        .delete(
            "/organizations/{org}/plugins/{plugin}/credentials/{credential}",
            Admin,
            credential::remove,
            about("Removes a credential with all its values."),
        )
}
