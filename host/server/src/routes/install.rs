//! Installs: how they are made, looked at, enabled and ended.
use serde_json::json;

use crate::{
    api::{install, install_change, schedule},
    call::{
        Access::{Admin, Member},
        Calls, about,
    },
    error::Code::{BadConfig, BadGrant, Busy, CheckFailed, Invalid, Taken, WrongState},
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
            about("Uninstalls; what the plugin kept is gone.").fails([WrongState]),
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
                Busy,
            ]),
        )
}
