//! `venn sessions`, `venn logout` and `venn passwd`: one's own logins and password.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    ask,
    client::{Call, Client, Reply, Send},
    credentials,
    output::{failure::Failure, table::Column},
    session::{Page, SERVER, Session},
};

/// One's own logins with a password
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// Lists those that have not ended
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Ends one, by its id: whoever uses it is logged out at once
    End {
        /// The session's id
        session: String,
    },
}

/// Sets or changes one's password
///
/// With --invitation the text of an invitation is read, then the new password; else
/// the password until now, then the new one. They are asked for, or stand on stdin,
/// one a line.
#[derive(Debug, Args)]
pub(crate) struct PasswdArgs {
    /// Set a password with the invitation that an admin has made
    #[arg(long)]
    invitation: bool,
}

const SESSIONS: &[Column] = &[
    Column::whole("SESSION", "id"),
    Column::text("WITH", "name"),
    Column::text("THIS ONE", "current"),
    Column::moment("SINCE", "created_at"),
    Column::moment("ENDS", "expires_at"),
];

/// `venn sessions`
pub(crate) fn run(session: &Session, command: &SessionsCommand) -> Result<(), Failure> {
    match command {
        SessionsCommand::List { page } => {
            let call = Call::new(Method::GET, &["me", "sessions"]);
            session.listing(&call, page, SESSIONS, "You are logged in nowhere by password.")
        }
        SessionsCommand::End { session: id } => {
            let reply = session.delete(&["me", "sessions", id])?;
            session.show(&reply, |_| format!("{id} has ended."))
        }
    }
}

/// `venn logout`: ends the session, and forgets what is kept of it, or of a token.
pub(crate) fn logout(session: &Session) -> Result<(), Failure> {
    let ended = session.delete(&["me", "session"]);
    let path = credentials::path()?;
    let mut kept = credentials::read(&path)?;
    let profile = &session.global.profile;
    let forgotten = kept.profiles.remove(profile).is_some();
    if forgotten {
        credentials::write(&path, &kept)?;
    }
    let reply = match ended {
        Err(failure) if forgotten && failure.is_problem("wrong-state") => {
            // A token ends by itself, or by its revocation: here it is forgotten.
            let reply = Reply { text: "{}".to_owned(), value: json!({}) };
            return session.show(&reply, |_| {
                "Forgotten here. The token itself is good until it ends, or until an admin revokes it: \
                 `venn orgs tokens --revoke TOKEN`."
                    .to_owned()
            });
        }
        ended => ended?,
    };
    session.show(&reply, |_| "Logged out.".to_owned())
}

/// `venn passwd`
pub(crate) fn passwd(session: &Session, args: &PasswdArgs) -> Result<(), Failure> {
    if args.invitation {
        let invitation = ask::secret_line("The invitation")?;
        let password = ask::new_secret("The new password")?;
        let server = session.global.server.clone().unwrap_or_else(|| SERVER.to_owned());
        // Who is invited has no token yet.
        let client = Client::new(&server, None)?;
        let body = json!({ "invitation": invitation.as_str(), "password": password.as_str() });
        let call = Call::new(Method::POST, &["passwords"]);
        let reply = client.call(&call, &Send::Json(&body))?;
        return session.show(&reply, |_| {
            format!(
                "The password is set. Log in: `venn login --server {server} --email E-MAIL --org ORG`."
            )
        });
    }
    let current = ask::secret_line("The password until now")?;
    let password = ask::new_secret("The new password")?;
    let body = json!({ "current": current.as_str(), "password": password.as_str() });
    let reply = session.put(&["me", "password"], &body)?;
    session.show(&reply, |_| {
        "The password is changed; all your sessions have ended. Log in: `venn login --email E-MAIL --org ORG`."
            .to_owned()
    })
}
