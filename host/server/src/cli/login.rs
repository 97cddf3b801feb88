//! `venn login` keeps a token that the server accepts, or the session of a login by
//! password; `venn whoami` shows what it stands for.
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    ask,
    client::{Call, Client, Reply, Send},
    credentials::{self, Profile},
    output::{
        failure::Failure,
        table::Field,
        value::{is_true, raw, text},
    },
    session::{SERVER, Session},
};
use crate::auth::session::COOKIE;

/// Keeps a token or a session for the commands that follow
///
/// The token comes from --token-file, from --token, or from stdin. With --email it is
/// the password that is asked for, or read from stdin: the session ends by itself after
/// twelve hours, or at `venn logout`. Either is checked, then kept in
/// `$XDG_CONFIG_HOME/venn/credentials.json` (mode 0600).
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Log in with the password of this address, at the organization that --org names
    #[arg(long, value_name = "E-MAIL", conflicts_with = "token")]
    email: Option<String>,
    /// The code of the second factor, with --email; asked for where it is needed
    #[arg(long, value_name = "CODE", requires = "email")]
    code: Option<String>,
    /// The token; other users of this machine can see it there: prefer stdin
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
}

const ME: &[Field] = &[
    Field::text("User", "user_name"),
    Field::text("E-mail", "user_email"),
    Field::text("Organization", "organization_name"),
    Field::text("Slug", "organization_slug"),
    Field::text("Role", "role"),
    Field::text("Scopes", "scopes"),
    Field::text("Token", "token_name"),
    Field::moment("Expires", "token_expires_at"),
];

/// `venn login`
pub(crate) fn login(session: &Session, args: LoginArgs) -> Result<(), Failure> {
    let server = session.global.server.clone().unwrap_or_else(|| SERVER.to_owned());
    let token = match (args.token, args.email) {
        (Some(token), _) => Zeroizing::new(token),
        (None, Some(email)) => by_password(session, &server, &email, args.code.as_deref())?,
        (None, None) => ask::secret(session.global.token_file.as_deref(), "The token")?,
    };
    let client = Client::new(&server, Some(token.clone()))?;
    warn_if_open(session, &client);
    let me = client.call(&Call::new(Method::GET, &["me"]), &Send::Nothing)?;
    let path = credentials::path()?;
    let mut kept = credentials::read(&path)?;
    let profile = Profile {
        server: client.server().origin().ascii_serialization(),
        token: token.as_str().to_owned(),
        organization: raw(&me.value, "organization_slug").to_owned(),
    };
    kept.profiles.insert(session.global.profile.clone(), profile);
    credentials::write(&path, &kept)?;
    session.show(&me, |me| {
        let (name, org, role) =
            (text(me, "user_name"), text(me, "organization_name"), text(me, "role"));
        let (profile, file) = (&session.global.profile, path.display());
        format!("Logged in as {name}, {role} of {org}. Kept as `{profile}` in {file}.")
    })
}

/// A new session's text.
fn by_password(
    session: &Session,
    server: &str,
    email: &str,
    code: Option<&str>,
) -> Result<Zeroizing<String>, Failure> {
    let org = session.global.org.as_ref().ok_or_else(|| {
        Failure::usage("A password is one organization's, and none is named.", "Add --org SLUG.")
    })?;
    let client = Client::new(server, None)?;
    warn_if_open(session, &client);
    let password = ask::secret_line("The password")?;
    let log_in = |code: Option<&str>| {
        let body = json!({
            "organization": org, "email": email, "password": password.as_str(), "code": code,
        });
        let call = Call::new(Method::POST, &["sessions"]);
        client.call_for_cookie(&call, &Send::Json(&body), COOKIE)
    };
    let mut answer = log_in(code);
    if code.is_none() && answer.as_ref().is_err_and(|failure| failure.is_problem("code-needed")) {
        answer = log_in(Some(&ask::secret_line("The code that your device shows")?));
    }
    let (reply, text) = answer?;
    if is_true(&reply.value, "must_enrol") {
        session.out.note("Your organization demands a second factor: `venn two-factor set-up`, `venn two-factor confirm`, then log in again.");
    }
    Ok(text)
}

/// Who listens on the way reads the token.
fn warn_if_open(session: &Session, client: &Client) {
    let server = client.server();
    let here = matches!(server.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if server.scheme() == "http" && !here {
        session.out.note("warning: this server is reached without TLS; who listens on the way can read the token.");
    }
}

/// `venn whoami`
pub(crate) fn whoami(session: &Session) -> Result<(), Failure> {
    let me: Reply = session.get(&["me"])?;
    session.show(&me, |me: &Value| session.out.fields(me, ME))
}
