//! Connections: a customer's credentials for third parties. A secret goes in
//! and is never shown again: not here, not in an error, not in a log.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    egress::{Target, host},
    id::ConnectionId,
    manifest::{ConnectionKind, Problem},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    connection::{Connection, Deleted, NewConnection},
    plugin::Change,
};
use zeroize::Zeroizing;

use crate::{
    answer::{Created, NoContent},
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::JsonBody,
    credential::held::{self, Client, Login, Tokens},
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// Longest secret: far above any API key, and it has to fit a header.
const SECRET_BYTES_MAX: usize = 8_192;
/// Longest name, as for every title.
const NAME_CHARS_MAX: usize = 80;

/// `POST /v1/organizations/{org}/connections`. No `Debug`: it has the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// What your people call it; at most 80 characters.
    name: String,
    /// How it authenticates: `api-key`, `basic` or `client-credentials`. One of the kind
    /// `oauth2` is made by connecting an install; a `backend-key` is the publisher's.
    kind: ConnectionKind,
    /// The one host at which the secret is added to calls.
    host: String,
    /// The secret: 1 to 8192 visible ASCII characters; a password may have others and blanks. It is
    /// never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
    /// Whose password it is; of `basic` only.
    #[serde(default)]
    user: Option<String>,
    /// Whose secret it is; of `client-credentials` only.
    #[serde(default)]
    client_id: Option<String>,
    /// Where that secret goes for tokens, and nowhere else; of `client-credentials` only.
    #[serde(default)]
    token_endpoint: Option<String>,
}

/// `PUT /v1/organizations/{org}/connections/{connection}/secret`. No `Debug`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The new secret, as when the connection was made. It is never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
    /// Whose password it is; of `basic` only.
    #[serde(default)]
    user: Option<String>,
    /// Whose secret it is; of `client-credentials` only.
    #[serde(default)]
    client_id: Option<String>,
}

/// Wiped when dropped.
#[derive(serde::Deserialize)]
#[serde(from = "String")]
pub struct SecretText(pub Zeroizing<String>);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// A connection, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectionView {
    /// The connection's id.
    id: ConnectionId,
    /// What your people call it.
    name: String,
    /// How it authenticates: `api-key`, `basic`, `client-credentials` or `oauth2`.
    kind: &'static str,
    /// The host at which its secret is added.
    host: String,
    /// Where its tokens come from; null where it has none.
    token_endpoint: Option<String>,
    /// Where it stands: `active`; `expiring` while it works still, and will not for long
    /// unless what the reason names is mended; `reconnect-required` once it does not work.
    state: &'static str,
    /// Why it stands there; empty if there is nothing to say.
    state_reason: String,
    /// When its present token ends, if it is one and the service says; it is renewed before.
    token_expires_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When its secret or state last changed.
    updated_at: Timestamp,
}

/// `POST /v1/organizations/{org}/connections`: an admin of the customer.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<ConnectionBody>,
) -> Result<Created<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let mut problems = Vec::new();
    if body.name.trim().is_empty()
        || body.name.chars().count() > NAME_CHARS_MAX
        || body.name.chars().any(venn_domain::text::is_hidden)
    {
        let reason = format!(
            "it is empty, longer than {NAME_CHARS_MAX} characters, or has control characters"
        );
        problems.push(problem("name", reason, "Choose another name"));
    }
    let canonical = host::canonical(&body.host);
    let host = canonical.unwrap_or_else(|error| {
        problems.push(problem(
            "host",
            error.to_string(),
            "Write the host itself, for example `api.example.com`",
        ));
        String::new()
    });
    let (secret, token_endpoint) = check_kind(&body, &mut problems).unwrap_or_default();
    invalid(problems)?;
    let new = NewConnection {
        organization: org.id,
        name: body.name,
        kind: body.kind,
        host,
        token_endpoint,
        actor: caller.user().clone(),
    };
    let made = app.store.create_connection(app.keys.encryption.clone(), new, secret).await?;
    Ok(Created(view(made, app.store.now())))
}

/// What is sealed, and where tokens come from; or what is wrong.
fn check_kind(
    body: &ConnectionBody,
    problems: &mut Vec<Problem>,
) -> Option<(Zeroizing<Vec<u8>>, Option<String>)> {
    let whose = Whose { user: body.user.as_deref(), client_id: body.client_id.as_deref() };
    let sealed = sealed(body.kind, &body.secret, &whose, problems);
    let endpoint = match (&body.token_endpoint, body.kind) {
        (Some(url), ConnectionKind::ClientCredentials) => {
            let target = Target::parse(url).ok();
            let good = target.is_some_and(|one| one.scheme == "https" && one.port == 443)
                && !url.contains(['?', '#']);
            if !good {
                let reason = "it is not an `https` URL without a query".to_owned();
                problems.push(problem("token_endpoint", reason, "Copy it from the plugin's page"));
            }
            Some(url.clone())
        }
        (None, ConnectionKind::ClientCredentials) => {
            let reason = "it is missing".to_owned();
            problems.push(problem("token_endpoint", reason, "Copy it from the plugin's page"));
            None
        }
        (Some(_), _) => {
            let reason = "only `client-credentials` have one".to_owned();
            problems.push(problem("token_endpoint", reason, "Leave it out"));
            None
        }
        (None, _) => None,
    };
    Some((sealed?, endpoint))
}

/// Whose secret it is, where the kind has that.
struct Whose<'a> {
    user: Option<&'a str>,
    client_id: Option<&'a str>,
}

/// The secret as it is kept, by its kind; or what is wrong with it.
fn sealed(
    kind: ConnectionKind,
    secret: &SecretText,
    whose: &Whose<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Zeroizing<Vec<u8>>> {
    let before = problems.len();
    let mut only = |place: &str, given: Option<&str>, of: ConnectionKind| {
        let reason = match given {
            Some(_) if kind != of => format!("only `{}` has it", of.name()),
            None if kind == of => "it is missing".to_owned(),
            Some(text) if !is_name(text) => {
                "it is empty, longer than 512 characters, or has `:` or control characters"
                    .to_owned()
            }
            _ => return,
        };
        let next = match (place, given) {
            ("user", None) => "Say whose password it is: `--user NAME`",
            (_, None) => "Say whose secret it is: `--client-id ID`",
            _ => "Write it as the service has it",
        };
        problems.push(problem(place, reason, next));
    };
    only("user", whose.user, ConnectionKind::Basic);
    only("client_id", whose.client_id, ConnectionKind::ClientCredentials);
    match kind {
        ConnectionKind::ApiKey | ConnectionKind::ClientCredentials => {
            problems.extend(check_secret(secret));
        }
        ConnectionKind::Basic => problems.extend(check_password(secret)),
        ConnectionKind::Oauth2 => {
            let reason = "nobody types its secret: a person says yes at the service".to_owned();
            problems.push(problem("kind", reason, "Connect the install: `venn installs connect`"));
        }
        ConnectionKind::BackendKey => {
            let reason = "it is the publisher's, not yours".to_owned();
            problems.push(problem("kind", reason, "There is nothing to connect"));
        }
    }
    if problems.len() > before {
        return None;
    }
    let text = secret.0.to_string();
    Some(match (kind, whose.user, whose.client_id) {
        (ConnectionKind::Basic, Some(user), _) => {
            held::seal(&Login { user: user.to_owned(), password: text })
        }
        (ConnectionKind::ClientCredentials, _, Some(id)) => held::seal(&Tokens {
            client: Some(Client { id: id.to_owned(), secret: text }),
            access: String::new(),
            refresh: None,
        }),
        _ => Zeroizing::new(text.into_bytes()),
    })
}

/// `GET /v1/organizations/{org}/connections`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<ConnectionView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.connections_page(&org.id, page.after()?.as_ref(), page.limit).await?;
    let now = app.store.now();
    Ok(Json(page.view(found, |connection| view(connection, now))))
}

/// `GET /v1/organizations/{org}/connections/{connection}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, connection)): Path<(String, String)>,
) -> Result<Json<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.connection(&org.id, &connection.parse()?).await?;
    Ok(Json(view(found.ok_or_else(ApiError::not_found)?, app.store.now())))
}

/// `PUT /v1/organizations/{org}/connections/{connection}/secret`.
pub async fn replace_secret(
    State(app): State<App>,
    caller: Caller,
    Path((org, connection)): Path<(String, String)>,
    JsonBody(body): JsonBody<SecretBody>,
) -> Result<Json<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let id = connection.parse()?;
    let found = app.store.connection(&org.id, &id).await?.ok_or_else(ApiError::not_found)?;
    let mut problems = Vec::new();
    let whose = Whose { user: body.user.as_deref(), client_id: body.client_id.as_deref() };
    let secret = sealed(found.kind, &body.secret, &whose, &mut problems);
    invalid(problems)?;
    let (keys, secret) = (app.keys.encryption.clone(), secret.unwrap_or_default());
    match app.store.replace_secret(keys, &org.id, &id, secret, caller.user()).await? {
        Change::Done(now) => {
            app.wake.deliveries.notify_one();
            Ok(Json(view(now, app.store.now())))
        }
        Change::NotFound | Change::WrongState(_) => Err(ApiError::not_found()),
    }
}

/// `DELETE /v1/organizations/{org}/connections/{connection}`.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((org, connection)): Path<(String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    match app.store.delete_connection(&org.id, &connection.parse()?, caller.user()).await? {
        Deleted::Done => Ok(NoContent),
        Deleted::NotFound => Err(ApiError::not_found()),
        Deleted::InUse(installs) => Err(ApiError::new(
            Code::WrongState,
            format!("The connection is used by: {}.", installs.join(", ")),
            "Give these installs another connection or uninstall them first.",
        )),
    }
}

/// A name that stands before a password, or a client's.
fn is_name(text: &str) -> bool {
    let clean = text.chars().all(|c| c != ':' && !venn_domain::text::is_hidden(c));
    clean && (1..=512).contains(&text.chars().count())
}

/// A password is encoded before it stands in a header.
fn check_password(secret: &SecretText) -> Option<Problem> {
    let good =
        (1..=SECRET_BYTES_MAX).contains(&secret.0.len()) && !secret.0.chars().any(char::is_control);
    let reason = format!("it must have 1 to {SECRET_BYTES_MAX} bytes, and no control characters");
    (!good).then(|| problem("secret", reason, "Copy it again from the service"))
}

/// A secret becomes part of a header: visible characters only, no line breaks.
pub fn check_secret(secret: &SecretText) -> Option<Problem> {
    let text = secret.0.as_bytes();
    let good =
        (1..=SECRET_BYTES_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    let reason = format!(
        "it must have 1 to {SECRET_BYTES_MAX} visible ASCII characters without spaces or line breaks"
    );
    (!good).then(|| problem("secret", reason, "Copy it again from the service"))
}

pub fn problem(place: &str, reason: String, next_step: &str) -> Problem {
    Problem { place: place.to_owned(), reason, next_step: next_step.to_owned() }
}

fn invalid(problems: Vec<Problem>) -> Result<(), ApiError> {
    if problems.is_empty() {
        return Ok(());
    }
    let error =
        ApiError::new(Code::Invalid, "The connection has problems.", "Correct what is listed.");
    Err(error.with_problems(problems))
}

/// The view of a connection at this moment.
pub fn view(connection: Connection, now: Timestamp) -> ConnectionView {
    let (state, state_reason) = connection.standing(now);
    let tokens = connection.tokens;
    // Before the first one came, none ends.
    let life = tokens.as_ref().map(|tokens| tokens.life).filter(|life| life.issued_at.0 > 0);
    ConnectionView {
        id: connection.id,
        name: connection.name,
        kind: connection.kind.name(),
        host: connection.host,
        token_endpoint: tokens.map(|tokens| tokens.endpoint),
        state: state.name(),
        state_reason,
        token_expires_at: life.and_then(|life| life.expires_at),
        created_at: connection.created_at,
        updated_at: connection.updated_at,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<Problem> {
        check_secret(&SecretText(Zeroizing::new(text.to_owned())))
    }

    #[test]
    fn a_secret_cannot_break_out_of_its_header() {
        for bad in ["", "a\r\nx: y", "a\nb", "a\0", "a b", "ä", &"a".repeat(8_193)] {
            let problem = secret(bad).unwrap();
            assert_eq!(problem.place, "secret");
            assert!(bad.is_empty() || !problem.reason.contains(bad));
        }
        assert_eq!(secret("pat-na1-0123!~"), None);
        assert_eq!(secret(&"a".repeat(8_192)), None);
    }
}
