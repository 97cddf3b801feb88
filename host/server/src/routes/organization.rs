//! Who the caller is; organizations, their members, tokens and use of the API.
use serde_json::json;

use crate::{
    api::{api_usage, me, member, organization, token},
    call::{
        Access::{Admin, Anyone, Enrolling, Member, Owner, PlatformAdmin},
        Calls, about,
    },
    error::Code::{Invalid, Taken, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get("/me", Enrolling, me::get, about("Tells who the caller is, and what the token may do."))
        .get("/directory", Anyone, organization::directory, about("Lists every organization, to find partners."))
        .get(
            "/organizations",
            Anyone,
            organization::list,
            about("Lists the organizations that the caller sees.")
                .details("All of them for members of the platform; its own for anyone else."),
        )
        .post(
            "/organizations",
            PlatformAdmin,
            organization::create,
            about("Makes an organization with its first admin.")
                .details("The answer has the admin's token. It is told this once: the answer to a repeat under the same `Idempotency-Key` has null in its place.")
                .example(json!({
                    "slug": "initech", "name": "Initech", "customer": true, "publisher": false,
                    "admin_email": "ann@initech.example", "admin_name": "Ann",
                }))
                .fails([Invalid, Taken]),
        )
        .get(
            "/organizations/{org}",
            Member,
            organization::get,
            about("Tells one organization.").details("Members of the platform may read every one."),
        )
        .get("/organizations/{org}/members", Member, member::list, about("Lists the members."))
        .post(
            "/organizations/{org}/members",
            Owner,
            member::add,
            about("Adds a member, without a token or password.")
                .example(json!({ "email": "bob@acme.example", "name": "Bob", "role": "user" }))
                .fails([Invalid, Taken]),
        )
        .post(
            "/organizations/{org}/services",
            Owner,
            member::add_service,
            about("Adds a service: a member that is a program of the organization, whoever comes and goes.")
                .details("It has tokens like anybody, and no password. It is listed, changed and removed as a member.")
                .example(json!({ "name": "nightly import", "role": "user" }))
                .fails([Invalid]),
        )
        .put(
            "/organizations/{org}/members/{user}/role",
            Owner,
            member::set_role,
            about("Gives a member another role, from their next call on.")
                .details("Their sessions end. The last admin keeps the role.")
                .example(json!({ "role": "developer" }))
                .fails([WrongState]),
        )
        .delete(
            "/organizations/{org}/members/{user}",
            Owner,
            member::remove,
            about("Removes a member, revokes their tokens and ends their sessions.").fails([WrongState]),
        )
        .get("/organizations/{org}/tokens", Owner, token::list, about("Lists the API tokens, without their text."))
        .post(
            "/organizations/{org}/tokens",
            Owner,
            token::create,
            about("Makes an API token.")
                .details("Its text is told this once: the answer to a repeat under the same `Idempotency-Key` has null in its place.")
                .example(json!({ "name": "nightly import", "scopes": ["read", "write"], "expires_in_days": 30 }))
                .fails([Invalid]),
        )
        .delete("/organizations/{org}/tokens/{token}", Owner, token::revoke, about("Revokes an API token, at once; not the last one that may manage the organization.").fails([WrongState]))
        .post(
            "/organizations/{org}/recovery-token",
            PlatformAdmin,
            token::recover,
            about("Gives an admin of an organization a fresh token, where all are lost.")
                .details("Both audits have it. Its text is told this once: the answer to a repeat under the same `Idempotency-Key` has null in its place.")
                .example(json!({ "email": null, "reason": "Ann's laptop was stolen; she called us." }))
                .fails([Invalid]),
        )
        .get(
            "/organizations/{org}/api-usage",
            Admin,
            api_usage::list,
            about("Lists which calls were made with which token, per day, newest day first.")
                .details("Counted in memory and written every ten seconds; kept for 90 days. Calls that were refused before the token was known are not among them."),
        )
}
