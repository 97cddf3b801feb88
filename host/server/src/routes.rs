//! The table of calls, and nothing else: each line is a path, who may, the
//! handler, and what it is for.
//!
//! # How to add a call
//! 1. The handler in `api/<noun>.rs`. Its first line states its need:
//!    `resolve(&app, &caller, &org, Need::member)`. Its signature is its
//!    description: it takes `State`, `Caller`, `Path`, `PageOf<Filters>` for a
//!    listing, `QueryOf<Query>` or `JsonBody<Body>`, and answers `Json<View>`,
//!    `Created<View>`, `Accepted<View>`, `NoContent` … (`answer.rs`) or an
//!    `ApiError`. Bodies, queries and views derive `schemars::JsonSchema`, and
//!    every member has a doc comment: what it is, its unit, when it is empty.
//!    A view is flat: text, numbers, truths, and lists of them.
//! 2. A line here: `.get("/path", Access, noun::handler, about("One sentence."))`.
//!    The access is what the handler needs. A call that takes JSON has an
//!    `.example(…)` of its body; `.fails([Code::Taken])` names
//!    the codes beyond those that follow from the shape.
//! 3. A row in `tests/it/access/table.rs`.
//! 4. `cargo xtask openapi` writes `docs/openapi.json` anew; commit it.
//!
//! The tests say what is missing: `openapi::lint` the documents, `openapi::examples`
//! the examples, `access` who may; and every answer in `tests/it` is held against
//! the description, a status that is not written down too.
use axum::extract::DefaultBodyLimit;
use serde_json::json;

use crate::{
    api,
    call::{
        Access::{Admin, Anyone, Developer, Member, Owner, Platform, PlatformAdmin, User},
        Calls, about,
    },
    error::Code::{
        BadConfig, BadGrant, BadManifest, BadSignature, BadSigningKey, Busy, CheckFailed,
        EndorsementNeeded, GateFailed, Invalid, OwnRelease, Taken, Unsigned, VersionTaken,
        WrongState,
    },
};

/// Every call of `/v1`.
pub fn v1() -> Calls {
    let parts = [
        people,
        imports,
        accounts,
        partnerships,
        plugins,
        signing,
        marketplace,
        review,
        connections,
        installs,
        install_changes,
        runs,
        failures,
    ];
    parts.into_iter().fold(Calls::default(), |calls, part| part(calls))
}

fn people(calls: Calls) -> Calls {
    use api::{api_usage, me, member, organization, token};
    calls
        .get("/me", Anyone, me::get, about("Tells who the caller is, and what the token may do."))
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
            about("Adds a member, without a token.")
                .example(json!({ "email": "bob@acme.example", "name": "Bob", "role": "user" }))
                .fails([Invalid, Taken]),
        )
        .delete(
            "/organizations/{org}/members/{user}",
            Owner,
            member::remove,
            about("Removes a member and revokes their tokens.").fails([WrongState]),
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
        .delete("/organizations/{org}/tokens/{token}", Owner, token::revoke, about("Revokes an API token, at once."))
        .get(
            "/organizations/{org}/api-usage",
            Admin,
            api_usage::list,
            about("Lists which calls were made with which token, per day, newest day first.")
                .details("Counted in memory and written every ten seconds; kept for 90 days. Calls that were refused before the token was known are not among them."),
        )
}

fn imports(calls: Calls) -> Calls {
    use api::{import, population};
    calls
        .get(
            "/organizations/{org}/populations",
            Member,
            population::list,
            about("Lists the populations with their numbers of accounts."),
        )
        .post(
            "/organizations/{org}/populations",
            User,
            population::create,
            about("Makes a population.")
                .example(json!({ "key": "key-accounts", "title": "Key accounts" }))
                .fails([Invalid, Taken]),
        )
        .get(
            "/organizations/{org}/imports",
            Member,
            import::list,
            about("Lists imports, newest first."),
        )
        .post(
            "/organizations/{org}/imports",
            User,
            import::create,
            about("Begins an import of an account list.")
                .details("The file is sent next, to `…/imports/{import}/file`.")
                .example(json!({
                    "mode": "merge", "file_name": "companies.csv",
                    "columns": { "external_id": "Id", "name": "Name", "website": "Website" },
                    "stages": { "Customer": "customers" },
                }))
                .fails([Invalid]),
        )
        .get(
            "/organizations/{org}/imports/{import}",
            Member,
            import::get,
            about("Tells one import and its progress."),
        )
        .put(
            "/organizations/{org}/imports/{import}/file",
            User,
            import::put_file,
            about("Sends an import's file: CSV, at most 512 MiB.").fails([WrongState]),
        )
        .post(
            "/organizations/{org}/imports/{import}/confirm",
            User,
            import::confirm,
            about("Says yes to an import that would remove many accounts."),
        )
        .post(
            "/organizations/{org}/imports/{import}/cancel",
            User,
            import::cancel,
            about("Gives an import up; accounts stay as they were."),
        )
}

fn accounts(calls: Calls) -> Calls {
    use api::{account, inbox, source, why_not};
    calls
        .get("/organizations/{org}/accounts", Member, account::list, about("Lists accounts."))
        .get(
            "/organizations/{org}/accounts/{account}",
            Member,
            account::get,
            about("Tells one account."),
        )
        .get(
            "/organizations/{org}/accounts/{account}/why-not",
            Member,
            why_not::get,
            about("Explains how the pairing of an account with a partner's list came out.")
                .fails([WrongState]),
        )
        .get(
            "/organizations/{org}/accounts/{account}/timeline",
            Member,
            inbox::timeline,
            about("Lists what plugins noted on an account, newest first."),
        )
        .get(
            "/organizations/{org}/sources",
            Member,
            source::list,
            about("Lists the installs that write accounts, with their newest syncs."),
        )
        .get(
            "/organizations/{org}/sources/{install}",
            Member,
            source::get,
            about("Tells one source: its newest sync, and how old its accounts are."),
        )
        .post(
            "/organizations/{org}/sources/{install}/confirm",
            User,
            source::confirm,
            about("Says yes to the removal of many accounts, and to how many.")
                .example(json!({ "removes": 12 })),
        )
        .post(
            "/organizations/{org}/sources/{install}/cancel",
            User,
            source::cancel,
            about("Says no: the accounts stay, until the source asks again."),
        )
}

fn partnerships(calls: Calls) -> Calls {
    use api::{overlap, pairing, partnership, sharing_rule};
    calls
        .get("/organizations/{org}/partnerships", Member, partnership::list, about("Lists partnerships, ended ones too."))
        .post(
            "/organizations/{org}/partnerships",
            Admin,
            partnership::propose,
            about("Proposes a partnership.").example(json!({ "partner": "hooli" })).fails([Invalid, Taken]),
        )
        .get("/organizations/{org}/partnerships/{partnership}", Member, partnership::get, about("Tells one partnership, and how far pairing is."))
        .post(
            "/organizations/{org}/partnerships/{partnership}/accept",
            Admin,
            partnership::accept,
            about("Accepts a partnership that the other side proposed."),
        )
        .post(
            "/organizations/{org}/partnerships/{partnership}/end",
            Admin,
            partnership::end,
            about("Ends a partnership; plugins lose its data at their next host call."),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/sharing-rules",
            Member,
            sharing_rule::list,
            about("Tells what both sides share."),
        )
        .put(
            "/organizations/{org}/partnerships/{partnership}/sharing-rules",
            Admin,
            sharing_rule::replace,
            about("Replaces all of our sharing rules; a population without one is hidden.")
                .example(json!({ "rules": [
                    { "population": "customers", "level": "overlaps", "fields": ["name", "owner"], "purpose": "egress" },
                    { "population": "prospects", "level": "counts", "fields": [], "purpose": "view" },
                ] }))
                .fails([Invalid, WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/matrix",
            Member,
            overlap::matrix,
            about("Counts overlaps per pair of populations.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/overlaps",
            Member,
            overlap::list,
            about("Lists overlaps; of the partner's accounts what its live rules share.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/overlaps/{overlap}",
            Member,
            overlap::get,
            about("Tells one overlap.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/partnerships/{partnership}/unpaired",
            Member,
            overlap::unpaired,
            about("Lists accounts without a counterpart, on domains that both sides have.").fails([WrongState]),
        )
        .post(
            "/organizations/{org}/partnerships/{partnership}/pairings",
            User,
            pairing::decide,
            about("Confirms, rejects or links a pair by hand; it counts for both sides.")
                .example(json!({
                    "our_account": "acc_01k5v2m8q4r7t9w3x6z1b0c5d8",
                    "their_account": "acc_01k5v2m8q4r7t9w3x6z1b0c5d9",
                    "decision": "confirm",
                }))
                .fails([Invalid]),
        )
}

fn plugins(calls: Calls) -> Calls {
    use api::{plugin, release};
    // Uploads have a limit of their own, above that of other bodies.
    let most = usize::try_from(release::UPLOAD_BYTES_MAX).unwrap_or(usize::MAX);
    calls
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
}

fn signing(calls: Calls) -> Calls {
    use api::signing_key;
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

fn marketplace(calls: Calls) -> Calls {
    use api::marketplace;
    calls
        .get(
            "/marketplace/plugins",
            Anyone,
            marketplace::list,
            about("Lists the plugins that customers can install."),
        )
        .get(
            "/marketplace/plugins/{name}",
            Anyone,
            marketplace::get,
            about("Tells what a plugin may do, why, and where data goes."),
        )
}

fn review(calls: Calls) -> Calls {
    use api::review;
    calls
        .get("/review/releases", Platform, review::list, about("Lists releases of all publishers, newest first."))
        .get("/review/releases/{release}", Platform, review::get, about("Tells a release, with what it asks for beyond the plugin's ceiling."))
        .post(
            "/review/releases/{release}/decision",
            PlatformAdmin,
            review::decide,
            about("Lets a release run, or refuses it; it stays decided.")
                .example(json!({ "go": false, "reason": "It asks for every field." }))
                .fails([OwnRelease, Invalid]),
        )
        .put(
            "/review/plugins/{plugin}/approval",
            PlatformAdmin,
            review::approve,
            about("Sets a plugin's ceiling: the most that anybody may grant it.")
                .example(json!({
                    "capabilities": ["overlaps:read", "state", "http:egress"],
                    "fields": ["our-name", "their-name"],
                    "egress": [{ "host": "api.hubapi.com", "port": 443, "methods": ["GET", "POST"], "paths": ["/crm"] }],
                }))
                .fails([OwnRelease, BadGrant, WrongState]),
        )
        .post(
            "/review/plugins/{plugin}/suspend",
            PlatformAdmin,
            review::suspend,
            about("Stops a plugin everywhere, at its next host call.")
                .example(json!({ "reason": "Under investigation." }))
                .fails([Invalid]),
        )
        .post("/review/plugins/{plugin}/resume", PlatformAdmin, review::resume, about("Lets a suspended plugin run again."))
}

fn connections(calls: Calls) -> Calls {
    use api::connection;
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

fn installs(calls: Calls) -> Calls {
    use api::{install, install_change};
    calls
        .get(
            "/organizations/{org}/installs",
            Member,
            install::list,
            about("Lists installs, uninstalled ones too."),
        )
        .post(
            "/organizations/{org}/installs",
            Admin,
            install::create,
            about("Makes an install of a plugin, as a draft.")
                .example(json!({
                    "plugin": "script", "name": "us",
                    "grant": {
                        "capabilities": ["overlaps:read", "state"],
                        "partnerships": ["pty_01k5v2m8q4r7t9w3x6z1b0c5d8"],
                        "populations": ["customers"], "fields": ["our-name"], "egress_hosts": [],
                    },
                    "config": {},
                    "connections": { "crm": "con_01k5v2m8q4r7t9w3x6z1b0c5d8" },
                }))
                .fails([Invalid, Taken, BadConfig, BadGrant]),
        )
        .get(
            "/organizations/{org}/installs/{install}",
            Member,
            install::get,
            about("Tells one install."),
        )
        .delete(
            "/organizations/{org}/installs/{install}",
            Admin,
            install_change::uninstall,
            about("Uninstalls; what the plugin kept is gone.").fails([WrongState]),
        )
        .post(
            "/organizations/{org}/installs/{install}/check",
            Admin,
            install::check,
            about("Has the plugin check its configuration and connections."),
        )
        .post(
            "/organizations/{org}/installs/{install}/enable",
            Admin,
            install::enable,
            about("Enables a draft, after a check.").fails([
                Invalid,
                BadConfig,
                BadGrant,
                CheckFailed,
            ]),
        )
}

fn install_changes(calls: Calls) -> Calls {
    use api::install_change as change;
    calls
        .put(
            "/organizations/{org}/installs/{install}/grant",
            Admin,
            change::grant,
            about("Changes what the install may do; it counts at its next host call.")
                .example(json!({
                    "capabilities": ["overlaps:read"],
                    "partnerships": ["pty_01k5v2m8q4r7t9w3x6z1b0c5d8"],
                    "populations": ["customers"], "fields": ["our-name"], "egress_hosts": [],
                }))
                .fails([Invalid, BadGrant, WrongState]),
        )
        .put(
            "/organizations/{org}/installs/{install}/config",
            Admin,
            change::config,
            about("Changes the configuration.")
                .example(json!({}))
                .fails([Invalid, BadConfig, WrongState]),
        )
        .put(
            "/organizations/{org}/installs/{install}/connections",
            Admin,
            change::connections,
            about("Changes which connections the install uses.")
                .example(json!({ "crm": "con_01k5v2m8q4r7t9w3x6z1b0c5d8" }))
                .fails([Invalid, BadConfig, WrongState]),
        )
        .post(
            "/organizations/{org}/installs/{install}/pause",
            Admin,
            change::pause,
            about("Pauses an install, at its next host call."),
        )
        .post(
            "/organizations/{org}/installs/{install}/resume",
            Admin,
            change::resume,
            about("Lets a paused install run again."),
        )
        .post(
            "/organizations/{org}/installs/{install}/upgrade",
            Admin,
            change::upgrade,
            about("Moves an install to another approved release; the grant stays.")
                .example(json!({ "release": "rel_01k5v2m8q4r7t9w3x6z1b0c5d8" }))
                .fails([Invalid, BadConfig, BadGrant]),
        )
        .post(
            "/organizations/{org}/installs/{install}/run",
            User,
            change::run,
            about("Asks for a run now, whatever the manifest schedules.")
                .details("Asked for again before it has begun it is the same one."),
        )
        .get(
            "/organizations/{org}/installs/{install}/backfill",
            Admin,
            change::backfill,
            about("Counts what a backfill would bring."),
        )
        .post(
            "/organizations/{org}/installs/{install}/backfill",
            Admin,
            change::start_backfill,
            about("Hands an install what overlaps already.")
                .example(json!({ "partnership": "pty_01k5v2m8q4r7t9w3x6z1b0c5d8" })),
        )
}

fn runs(calls: Calls) -> Calls {
    use api::{delivery, run};
    calls
        .get(
            "/organizations/{org}/deliveries",
            Member,
            delivery::list,
            about("Lists deliveries of events to installs, newest first."),
        )
        .get(
            "/organizations/{org}/deliveries/{delivery}",
            Member,
            delivery::get,
            about("Tells one delivery, with its runs."),
        )
        .post(
            "/organizations/{org}/deliveries/{delivery}/redeliver",
            User,
            delivery::redeliver,
            about("Delivers again what was parked, given up, or waits for its next attempt."),
        )
        .get("/organizations/{org}/runs", Member, run::list, about("Lists runs, newest first."))
        .get(
            "/organizations/{org}/runs/{run}",
            Member,
            run::get,
            about("Tells how one run ended, what it called, and whose fault it was."),
        )
        .get(
            "/organizations/{org}/runs/{run}/log",
            Member,
            run::log,
            about("Lists the lines that a run logged."),
        )
        .get(
            "/organizations/{org}/runs/{run}/transcript",
            Member,
            run::transcript,
            about("Tells a run as text, call by call.").fails([WrongState]),
        )
        .post(
            "/organizations/{org}/runs/{run}/replay",
            Member,
            run::replay,
            about("Repeats a run from its tape, without network, store or credentials."),
        )
}

fn failures(calls: Calls) -> Calls {
    use api::{audit, inbox};
    calls
        .get(
            "/organizations/{org}/inbox",
            Member,
            inbox::inbox,
            about("Lists failures with the one step that mends each, newest first."),
        )
        .get(
            "/organizations/{org}/incidents",
            Member,
            inbox::incidents,
            about("Lists incidents: equal failures of one install, newest first."),
        )
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
