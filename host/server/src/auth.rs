//! Who calls: the bearer token, or else the session's cookie, looked up by its public
//! id and compared by hash in constant time. Every handler takes a [`Caller`] and
//! states its need.
//!
//! - [`session`]: cookies, and what keeps other sites' pages out
//! - [`secret`]: texts that are told once
//! - `again`: what is shown once more before the way in is changed
//! - [`source`], [`device`]: where somebody logs in from
use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};
use venn_domain::{
    id::{TokenId, UserId},
    organization::{Kinds, Need, Principal, Scope},
};
use venn_store::{
    Store,
    by::By,
    organization::{NewOrganization, NewPerson},
    token::{Kind, NewToken},
};

use crate::{
    app::App,
    error::{ApiError, Code},
    telemetry,
};

mod again;
pub mod device;
pub mod secret;
pub mod session;
pub mod source;

/// A caller with a valid token or session.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, in which organization, with which role and scopes.
    pub principal: Principal,
    /// The token, or the session.
    pub token: TokenId,
    /// What goes with the session's calls; none with a token.
    pub session: Option<session::Csrf>,
}

impl Caller {
    /// As whom this caller's changes are told.
    pub fn by(&self) -> By {
        let organization = self.principal.organization.clone();
        By { token: self.token.clone(), organization }
    }

    /// The caller may do this, or the error that says why not.
    pub fn need(&self, need: Need<'_>) -> Result<(), ApiError> {
        Ok(self.principal.may(need)?)
    }

    /// The user's id, as the audit names it.
    pub fn user(&self) -> &UserId {
        &self.principal.user
    }
}

/// How a token's text begins.
const PREFIX: &str = "venn";

/// A new token's text and the hash that is stored.
pub fn make_token(id: &TokenId) -> std::io::Result<(String, Vec<u8>)> {
    secret::make(PREFIX, id.as_str())
}

/// How long the platform's first token lasts: a year, because a platform whose
/// admins let every token end has no other way in.
const FIRST_TOKEN_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// The first start: makes the platform's organization with an admin whose token
/// is written to `admin.token` in the data folder, for its owner's eyes only.
/// Returns the token; none if the platform is there already.
pub async fn first_token(store: &Store, data: &Path) -> anyhow::Result<Option<String>> {
    let (new, path) = (data.join("admin.token.new"), data.join("admin.token"));
    let keeping = || format!("cannot keep the first token in {}", path.display());
    if store.has_platform().await? {
        // Killed in a first start, with its last step to do.
        if new.exists() {
            keep(&new, &path).with_context(keeping)?;
        }
        return Ok(None);
    }
    let id = TokenId::make(store.ids());
    let (text, hash) = make_token(&id).context("cannot make the first token")?;
    // Before the organization: a crash in between costs a file that the next
    // start writes anew, not the only token.
    write_private(&new, &text).with_context(keeping)?;
    let platform = NewOrganization {
        slug: "platform".to_owned(),
        name: "Platform".to_owned(),
        kinds: Kinds { platform: true, ..Kinds::default() },
        admin: NewPerson {
            email: "admin@platform.invalid".to_owned(),
            name: "Platform admin".to_owned(),
        },
        token: NewToken {
            id,
            name: "first start".to_owned(),
            hash,
            scopes: Scope::ALL.to_vec(),
            expires_at: store.now().plus_ms(FIRST_TOKEN_MS),
        },
        actor: "host".to_owned(),
    };
    if store.bootstrap_platform(platform).await?.is_none() {
        return Ok(None);
    }
    keep(&new, &path).with_context(keeping)?;
    Ok(Some(text))
}

/// Gives the first token's file its name, unless there is one of that name: what an
/// operator has there is never overwritten.
fn keep(new: &Path, path: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(new, path) {
        // Killed between these two steps: it has its name already.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if std::fs::read(new)? != std::fs::read(path)? {
                return Err(error);
            }
        }
        other => other?,
    }
    std::fs::remove_file(new)
}

/// Writes a file that only its owner reads, also where one was before.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// Splits a token's text into its id and secret part.
fn split_token(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = secret::split(PREFIX, text)?;
    Some((format!("tok_{id}").parse().ok()?, secret))
}

/// The text of the one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let header =
        sent.next().ok_or_else(|| unauthenticated("There is no token with the request."))?;
    if sent.next().is_some() {
        return Err(unauthenticated("The request has more than one `authorization` header."));
    }
    let text = header.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthenticated("The `authorization` header is not `Bearer` and a token.")),
    }
}

const SEND_TOKEN: &str =
    "Send `authorization: Bearer <token>`; `venn login` keeps one for the command line.";
const LOG_IN_AGAIN: &str = "Log in again: `venn login --email E-MAIL --org ORG`.";

fn unauthenticated(detail: &str) -> ApiError {
    ApiError::new(Code::Unauthenticated, detail, SEND_TOKEN)
}

/// Who sends this, by token or cookie; no more than a look into memory where nothing
/// was written since the last call (`venn_store::login`).
pub async fn caller(
    store: &Store,
    headers: &HeaderMap,
    method: &Method,
) -> Result<Caller, ApiError> {
    let (text, session) = match session::find(headers, session::COOKIE) {
        // Who sends a token means it, whatever else a browser adds.
        Some(text) if !headers.contains_key(header::AUTHORIZATION) => {
            (text, Some(session::check(headers, method, text)?))
        }
        _ => (bearer(headers)?, None),
    };
    let (kind, of_text, what) = match session {
        Some(_) => (Kind::Session, session::split(text), "session"),
        None => (Kind::Token, split_token(text), "token"),
    };
    let ended = if session.is_some() { "has ended" } else { "has expired" };
    let again = if session.is_some() { LOG_IN_AGAIN } else { SEND_TOKEN };
    let invalid = || {
        let detail = format!("The {what} is not valid, or {ended}.");
        ApiError::new(Code::Unauthenticated, detail, again)
    };
    let (id, secret) = of_text.ok_or_else(invalid)?;
    let found = store.token_for_login(&id).await?.ok_or_else(invalid)?;
    if !secret::fits(secret, &found.hash) || found.kind != kind {
        return Err(invalid());
    }
    if found.revoked || found.expires_at <= store.now() {
        return Err(invalid());
    }
    Ok(Caller { principal: found.principal.clone(), token: id, session })
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let caller = caller(&app.store, &parts.headers, &parts.method).await?;
        // Later extractors and the idempotency layer see the same caller.
        parts.extensions.insert(caller.clone());
        telemetry::request::authenticated(&caller.token);
        Ok(caller)
    }
}

#[cfg(test)]
mod tests;
