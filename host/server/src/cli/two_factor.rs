//! `venn two-factor`: a device's codes beside the password.
use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    ask,
    output::{
        failure::Failure,
        put,
        table::Field,
        value::{list, text},
    },
    session::Session,
};

/// A device's codes beside the password
#[derive(Debug, Subcommand)]
pub(crate) enum TwoFactorCommand {
    /// Shows whether a login needs a code
    Show,
    /// Makes a secret for an authenticator; asks for the password
    SetUp,
    /// Has logins need a code from now on; asks for the first one
    Confirm,
    /// Has logins need none any more; asks for a code, or a recovery code
    Remove,
}

const STATE: &[Field] = &[
    Field::text("Active", "active"),
    Field::moment("Since", "since"),
    Field::text("Recovery codes left", "recovery_codes"),
    Field::text("Demanded by the organization", "demanded"),
];

/// `venn two-factor`
pub(crate) fn run(session: &Session, command: &TwoFactorCommand) -> Result<(), Failure> {
    let path = ["me", "second-factor"];
    let told = |what: &str, place: &str, last: &str| {
        let secret = ask::secret_line(what)?;
        let body = json!({ place: secret.as_str() });
        let segments: Vec<&str> =
            path.into_iter().chain(Some(last).filter(|l| !l.is_empty())).collect();
        session.post(&segments, &body)
    };
    match command {
        TwoFactorCommand::Show => {
            let reply = session.get(&path)?;
            session.show(&reply, |it| session.out.fields(it, STATE))
        }
        TwoFactorCommand::SetUp => {
            let reply = told("The password", "password", "")?;
            session.show(&reply, |it| {
                format!(
                    "Give this to your authenticator, shown only this once:\n  {}\n  {}\nThen: `venn two-factor confirm`.\n",
                    text(it, "secret"),
                    text(it, "url")
                )
            })
        }
        TwoFactorCommand::Confirm => {
            let reply = told("The code that your authenticator shows", "code", "confirm")?;
            session.show(&reply, recovery)
        }
        TwoFactorCommand::Remove => {
            let reply = told("A code, or a recovery code", "code", "remove")?;
            session.show(&reply, |_| "Your logins need no code any more.".to_owned())
        }
    }
}

fn recovery(reply: &Value) -> String {
    let mut out = "Logins need a code from now on. These work once each if the device is lost, and are shown only this once:\n".to_owned();
    for code in list(reply, "recovery_codes") {
        put!(out, "  {}\n", code.as_str().unwrap_or_default());
    }
    out
}
