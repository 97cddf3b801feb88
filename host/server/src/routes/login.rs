//! People who log in: sessions, passwords, invitations.
use serde_json::json;

use crate::{
    api::{password, second_factor, session},
    call::{
        Access::{Anyone, Enrolling, Oneself, Owner, Public},
        Calls, about,
    },
    error::Code::{Busy, CodeNeeded, Invalid, LoginFailed, TooMany, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .post(
            "/sessions",
            Public,
            session::create,
            about("Logs a person in by their password: the answer sets the session's cookie.")
                .details("An unknown organization or address is answered like a wrong password. The session's secret is in the cookie alone; a session that the caller has is ended. Calls with the cookie that change something carry `csrf_token` as `x-csrf-token`, and come from a page of this server.")
                .example(json!({
                    "organization": "acme", "email": "bob@acme.example", "password": "correct horse battery",
                }))
                .fails([LoginFailed, CodeNeeded, TooMany, Busy]),
        )
        .get("/me/sessions", Anyone, session::list, about("Lists one's sessions that have not ended."))
        .delete("/me/sessions/{session}", Oneself, session::end, about("Ends one of one's sessions, at once."))
        .delete(
            "/me/session",
            Enrolling,
            session::log_out,
            about("Logs out: ends the session of this very call, and takes its cookie away.")
                .fails([WrongState]),
        )
        .put(
            "/me/password",
            Oneself,
            password::change,
            about("Changes one's password and ends all of one's sessions.")
                .example(json!({ "current": "correct horse battery", "password": "another horse, no staple" }))
                .fails([Invalid, WrongState, TooMany, Busy]),
        )
        .get(
            "/me/second-factor",
            Enrolling,
            second_factor::get,
            about("Tells whether one's logins need a second factor."),
        )
        .post(
            "/me/second-factor",
            Enrolling,
            second_factor::set_up,
            about("Makes a secret for an authenticator (RFC 6238: SHA-1, six digits, thirty seconds).")
                .details("It asks for nothing until it is confirmed. The secret is told this once.")
                .example(json!({ "password": "correct horse battery" }))
                .fails([Invalid, WrongState, TooMany, Busy]),
        )
        .post(
            "/me/second-factor/confirm",
            Enrolling,
            second_factor::confirm,
            about("Confirms one's second factor by a code of it: from now on no login goes without.")
                .details("The recovery codes are told this once.")
                .example(json!({ "code": "123456" }))
                .fails([Invalid, WrongState, TooMany]),
        )
        .post(
            "/me/second-factor/remove",
            Oneself,
            second_factor::remove,
            about("Removes one's second factor, by a code or a recovery code.")
                .example(json!({ "code": "123456" }))
                .fails([Invalid, WrongState, TooMany]),
        )
        .put(
            "/organizations/{org}/second-factor",
            Owner,
            second_factor::demand,
            about("Says whether nobody of the organization logs in with a password alone.")
                .details("The sessions of members without a second factor end. At their next login they may do nothing but set one up. Tokens are not concerned.")
                .example(json!({ "demanded": true })),
        )
        .delete(
            "/organizations/{org}/members/{user}/second-factor",
            Owner,
            second_factor::reset,
            about("Removes a member's second factor, where they have lost it.")
                .details("Their sessions end."),
        )
        .post(
            "/passwords",
            Public,
            password::set,
            about("Sets a password with an invitation, once.")
                .example(json!({
                    "invitation": "vinv_01k5v2m8q4r7t9w3x6z1b0c5d8_0000", "password": "correct horse battery",
                }))
                .fails([Invalid, Busy]),
        )
        .post(
            "/organizations/{org}/members/{user}/invitation",
            Owner,
            password::invite,
            about("Invites a member to set a password, or to set another one.")
                .details("The password until now and all their sessions end at once. The text is told this once, ends after three days or with the next invitation, and works once."),
        )
}
