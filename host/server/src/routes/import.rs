//! Populations, and lists that are brought in.
use serde_json::json;

use crate::{
    api::{import, population},
    call::{
        Access::{Member, User},
        Calls, about,
    },
    error::Code::{Invalid, Taken, WrongState},
};

pub(super) fn calls(calls: Calls) -> Calls {
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
