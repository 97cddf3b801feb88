//! A publisher's plugins and their releases.
use axum::extract::DefaultBodyLimit;
use serde_json::json;

use crate::{
    api::{plugin, release, verification},
    call::{
        Access::{Developer, Member, Owner},
        Calls, about,
    },
    error::Code::{
        BadManifest, BadSignature, BadSigningKey, Busy, GateFailed, Invalid, NotProved, Taken,
        Unsigned, VersionTaken, WrongState,
    },
};

pub(super) fn calls(calls: Calls) -> Calls {
    // Uploads have a limit of their own, above that of other bodies.
    let most = usize::try_from(release::UPLOAD_BYTES_MAX).unwrap_or(usize::MAX);
    calls
        .get(
            "/organizations/{org}/verification",
            Member,
            verification::get,
            about("Tells whether the platform knows who the publisher is."),
        )
        .post(
            "/organizations/{org}/verification",
            Owner,
            verification::prove,
            about("Shows that a domain is the publisher's, by the line that it has there.")
                .details("The line is looked for at once, over https, at `/.well-known/venn-publisher.txt`.")
                .example(json!({ "domain": "taskworks.example" }))
                .fails([Invalid, NotProved, Busy]),
        )
        .get(
            "/organizations/{org}/plugins",
            Member,
            plugin::list,
            about("Lists the organization's own plugins."),
        )
        .post(
            "/organizations/{org}/plugins",
            Developer,
            plugin::create,
            about("Takes a plugin's name.")
                .example(json!({ "name": "deal-notes" }))
                .fails([Invalid, Taken, WrongState]),
        )
        .get(
            "/organizations/{org}/plugins/{plugin}",
            Member,
            plugin::get,
            about("Tells one plugin, by id or name."),
        )
        .post(
            "/organizations/{org}/plugins/{plugin}/releases",
            Developer,
            release::create,
            about("Publishes a release: it passes the gate, then the platform decides.")
                .details("The same upload again is the same release.")
                .fails([
                    BadManifest,
                    Unsigned,
                    BadSigningKey,
                    BadSignature,
                    GateFailed,
                    VersionTaken,
                    Busy,
                ]),
        )
        .served(|handler| handler.layer(DefaultBodyLimit::max(most)))
        .get(
            "/organizations/{org}/plugins/{plugin}/releases",
            Member,
            release::list,
            about("Lists a plugin's releases, newest first."),
        )
        .get(
            "/organizations/{org}/plugins/{plugin}/releases/{release}",
            Member,
            release::get,
            about("Tells one release."),
        )
        .post(
            "/organizations/{org}/plugins/{plugin}/releases/{release}/withdraw",
            Developer,
            release::withdraw,
            about("Withdraws an approved release: its installs stop at their next host call.")
                .details("For good. Nothing new is installed with it; the newest approved release that is left is what customers find.")
                .example(json!({ "reason": "It makes every task twice." }))
                .fails([Invalid]),
        )
}
