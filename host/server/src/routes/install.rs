//! Installs: how they are made, looked at, enabled and ended.
use serde_json::json;

use crate::{
    api::{connect, install, install_change, schedule},
    call::{
        Access::{Admin, Member},
        Calls, about,
    },
    error::Code::{
        BadConfig, BadGrant, Busy, CheckFailed, ConnectFailed, Invalid, Taken, WrongState,
    },
};

pub(super) fn calls(calls: Calls) -> Calls {
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
            about("Uninstalls: the plugin cleans up if it asks for that, then what it kept is gone. At once if it is being removed already.").fails([WrongState]),
        )
        .get(
            "/organizations/{org}/installs/{install}/schedules",
            Member,
            schedule::list,
            about("Tells when an install runs by itself."),
        )
        .post(
            "/organizations/{org}/installs/{install}/check",
            Admin,
            install::check,
            about("Has the plugin check its configuration and connections.").fails([Busy]),
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
                WrongState,
                Busy,
            ]),
        )
        .post(
            "/organizations/{org}/installs/{install}/connections/{request}/connect",
            Admin,
            connect::begin,
            about("Gives the link at which a person says yes to a connection of the kind `oauth2`.")
                .details(
                    "The link is good for ten minutes and once, and is shown this once. Who comes back in a \
                     browser that is logged in is connected at once; anybody else is shown a word.",
                )
                .example(json!({ "connection_name": "hubspot-eu" }))
                .fails([Taken, WrongState]),
        )
        .post(
            "/organizations/{org}/installs/{install}/connections/{request}/connect/finish",
            Admin,
            connect::finish,
            about("Finishes with the word that the page showed: the install has the connection.")
                .details("Only for who asked for the link. Five wrong words end it.")
                .example(json!({ "word": "MFRGG43B" }))
                .fails([ConnectFailed, WrongState, Taken]),
        )
}
