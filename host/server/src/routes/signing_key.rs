//! A publisher's signing keys.
use serde_json::json;

use crate::{
    api::signing_key,
    call::{
        Access::{Developer, Member, Owner},
        Calls, about,
    },
    error::Code::{BadSignature, BadSigningKey, EndorsementNeeded, Invalid, Taken},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/organizations/{org}/signing-keys",
            Member,
            signing_key::list,
            about("Lists signing keys, revoked ones too."),
        )
        .post(
            "/organizations/{org}/signing-keys",
            Developer,
            signing_key::register,
            about("Registers a signing key.")
                .details("The first one is taken from whoever may publish; another needs the word of an active key, or an admin with an admin token.")
                .example(json!({
                    "name": "build machine",
                    "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                    "proof": "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
                }))
                .fails([Invalid, Taken, BadSignature, BadSigningKey, EndorsementNeeded]),
        )
        .post(
            "/organizations/{org}/signing-keys/{key}/rotate",
            Developer,
            signing_key::rotate,
            about("Registers a new signing key in the place of an old one, which is retired.")
                .example(json!({
                    "name": "build machine 2",
                    "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                    "proof": "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
                    "endorsement": "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
                }))
                .fails([Invalid, Taken, BadSignature, BadSigningKey]),
        )
        .post(
            "/organizations/{org}/signing-keys/{key}/revoke",
            Owner,
            signing_key::revoke,
            about("Revokes a signing key; releases that a compromised one signed do not run.")
                .example(json!({ "because": "compromised", "compromised_since": "2026-01-01T00:00:00.000000Z" }))
                .fails([Invalid]),
        )
}
