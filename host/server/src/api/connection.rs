//! Connections: a customer's credentials for third parties. A secret goes in
//! and is never shown again: not here, not in an error, not in a log.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    egress::host,
    id::ConnectionId,
    manifest::{ConnectionKind, Problem},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    connection::{Connection, Deleted, NewConnection, kind_name},
    plugin::Change,
};
use zeroize::Zeroizing;

use crate::{
    answer::{Created, NoContent},
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::JsonBody,
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
    /// How it authenticates.
    kind: ConnectionKind,
    /// The one host at which the secret is added to calls.
    host: String,
    /// The secret: 1 to 8192 visible ASCII characters. It is never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
}

/// `PUT /v1/organizations/{org}/connections/{connection}/secret`. No `Debug`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The new secret: 1 to 8192 visible ASCII characters. It is never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
}

/// Wiped when dropped.
#[derive(serde::Deserialize)]
#[serde(from = "String")]
struct SecretText(Zeroizing<String>);

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
    /// How it authenticates: `api-key`.
    kind: &'static str,
    /// The host at which its secret is added.
    host: String,
    /// Where it stands.
    state: &'static str,
    /// Why it stands there; empty if there is nothing to say.
    state_reason: String,
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
    problems.extend(check_secret(&body.secret));
    invalid(problems)?;
    let new = NewConnection {
        organization: org.id,
        name: body.name,
        kind: body.kind,
        host,
        actor: caller.user().clone(),
    };
    let secret = bytes(&body.secret);
    let made = app.store.create_connection(app.keys.encryption.clone(), new, secret).await?;
    Ok(Created(view(made)))
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
    Ok(Json(page.view(found, view)))
}

/// `GET /v1/organizations/{org}/connections/{connection}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, connection)): Path<(String, String)>,
) -> Result<Json<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.connection(&org.id, &connection.parse()?).await?;
    Ok(Json(view(found.ok_or_else(ApiError::not_found)?)))
}

/// `PUT /v1/organizations/{org}/connections/{connection}/secret`.
pub async fn replace_secret(
    State(app): State<App>,
    caller: Caller,
    Path((org, connection)): Path<(String, String)>,
    JsonBody(body): JsonBody<SecretBody>,
) -> Result<Json<ConnectionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    invalid(check_secret(&body.secret).into_iter().collect())?;
    let (keys, secret) = (app.keys.encryption.clone(), bytes(&body.secret));
    let id = connection.parse()?;
    match app.store.replace_secret(keys, &org.id, &id, secret, caller.user()).await? {
        Change::Done(now) => {
            app.wake.deliveries.notify_one();
            Ok(Json(view(now)))
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

fn bytes(secret: &SecretText) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(secret.0.as_bytes().to_vec())
}

/// A secret becomes part of a header: visible characters only, no line breaks.
fn check_secret(secret: &SecretText) -> Option<Problem> {
    let text = secret.0.as_bytes();
    let good =
        (1..=SECRET_BYTES_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    let reason = format!(
        "it must have 1 to {SECRET_BYTES_MAX} visible ASCII characters without spaces or line breaks"
    );
    (!good).then(|| problem("secret", reason, "Copy it again from the service"))
}

fn problem(place: &str, reason: String, next_step: &str) -> Problem {
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

fn view(connection: Connection) -> ConnectionView {
    ConnectionView {
        id: connection.id,
        name: connection.name,
        kind: kind_name(connection.kind),
        host: connection.host,
        state: connection.state.name(),
        state_reason: connection.state_reason,
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
