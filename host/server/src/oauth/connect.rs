//! A person connects an install: to the service's page, and back.
//!
//! The state that goes along is good once, for ten minutes, and is one person's for one
//! connection of one install; the challenge (PKCE) binds the code to it. The answer comes in
//! at an address of the plugin's own, so that a code of another plugin's service is not
//! taken for this one's; and `iss`, where a service says it, has to be the right one.
//!
//! Who has the link could send it to somebody else, whose account would then be connected
//! here. So the code is used only for who began: in the same browser if that has a session of
//! theirs, else once they say the word that the page showed.
use std::borrow::Cow;

use axum::{
    extract::{FromRequestParts as _, Path, Request, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use form_urlencoded::Serializer;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use venn_domain::{
    authority::{Authority, Control, EgressQuestion},
    egress::Target,
    id::{ConnectAttemptId, InstallId, UserId},
    limits,
    manifest::{ConnectionKind, ConnectionRequest, OauthRequest},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    StoreError,
    connection::{
        Connection,
        attempt::{Attempt, Finishing},
        renewal::Renewed,
    },
    install::Install,
    plugin::Change,
};

use super::{
    page::page,
    token::{Asker, Given, Grant, NotGiven, host_of, meaning, publishers_client},
};
use crate::{
    app::App,
    auth::{Caller, session},
    credential::held::{self, OnTheWay, Tokens},
    error::{ApiError, Code},
    ports::InstallPorts,
};

/// Where answers come in: an address a plugin.
pub const ROUTE: &str = "/oauth/callback/{plugin}";

/// Longest code that is taken: services say a few hundred characters at most.
const CODE_BYTES_MAX: usize = 4_096;

/// Random bytes in a word that a person types.
const WORD_BYTES: usize = 5;

/// A link to a service's page.
pub struct Link {
    /// The page.
    pub url: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Begins: the link for who asks.
pub async fn begin(
    app: &App,
    person: &UserId,
    install: &Install,
    name: &str,
    connection_name: Option<String>,
) -> Result<Link, ApiError> {
    let (control, request, oauth) = asked(app, &install.id, name).await?;
    may_call(&control, &oauth)?;
    let client = publishers_client(app, &control, name, &oauth).await?;
    let Some(client) = client.and_then(|clients| clients.into_iter().next()) else {
        let detail = format!("The publisher has put no OAuth client for `{name}`.");
        let next = "Ask the publisher for it; the integration's page says how to reach it.";
        return Err(ApiError::new(Code::WrongState, detail, next));
    };
    let Some(public_url) = &app.public_url else {
        let detail = "This server does not know the address at which services reach it.";
        let next = "Ask who operates it to start `venn serve` with --public-url.";
        return Err(ApiError::new(Code::WrongState, detail, next));
    };
    let redirect_uri = format!("{public_url}{}", ROUTE.replace("{plugin}", &control.manifest.name));
    let connection_name = free_name(app, install, name, connection_name).await?;
    let state = HEXLOWER.encode(&random::<32>()?);
    // 43 characters, as RFC 7636 recommends.
    let verifier = BASE64URL_NOPAD.encode(&random::<32>()?);
    let attempt = Attempt {
        id: ConnectAttemptId::make(app.store.ids()),
        organization: install.organization.clone(),
        install: install.id.clone(),
        plugin: control.plugin.clone(),
        request: name.to_owned(),
        person: person.clone(),
        connection_name,
        host: request.host.clone(),
        token_endpoint: oauth.token_endpoint.clone(),
        issuer: issuer(&oauth),
        client_id: client.id.clone(),
        redirect_uri,
        expires_at: app.store.now().plus_ms(limits::CONNECT_MS.cast_signed()),
        sealed_version: 1,
    };
    let url = page_of(&oauth, &attempt, &state, &verifier);
    let sealed = held::seal(&OnTheWay { verifier, code: String::new() });
    let (keys, expires_at) = (app.keys.encryption.clone(), attempt.expires_at);
    app.store.begin_connecting(keys, attempt, hash(&state), sealed).await?;
    Ok(Link { url, expires_at })
}

/// What the release asks for under this name, as it stands now.
async fn asked(
    app: &App,
    install: &InstallId,
    name: &str,
) -> Result<(Control, ConnectionRequest, OauthRequest), ApiError> {
    let found = app.store.control_for_check(install).await?;
    let (control, _) = found.ok_or_else(ApiError::not_found)?;
    if let Some(why) = &control.stopped {
        let next = "Look at the install's state.";
        return Err(ApiError::new(Code::WrongState, format!("Nothing of it runs: {why}."), next));
    }
    let request = control.manifest.connections.iter().find(|one| one.name == name).cloned();
    let request = request.ok_or_else(ApiError::not_found)?;
    match (request.kind, request.oauth.clone()) {
        (ConnectionKind::Oauth2, Some(oauth)) => Ok((control, request, oauth)),
        (kind, _) => {
            let detail =
                format!("`{name}` is of the kind {}: there is no page for it.", kind.name());
            let next = "Make a connection with its secret (`venn connections add`) and choose it.";
            Err(ApiError::new(Code::WrongState, detail, next))
        }
    }
}

/// Both endpoints are within what was approved and granted.
fn may_call(control: &Control, oauth: &OauthRequest) -> Result<(), ApiError> {
    let authority = Authority::new(control.clone());
    let authorization = oauth.authorization_endpoint.as_deref().unwrap_or_default();
    for (method, url) in [("POST", oauth.token_endpoint.as_str()), ("GET", authorization)] {
        let target = Target::parse(url).map_err(ApiError::internal)?;
        let question = EgressQuestion { method, target: &target, connection: None };
        if let Err(denial) = authority.allows_egress(question) {
            let detail = format!("{} is not allowed: {}.", denial.what, denial.why);
            let next = match denial.who_can_change_it.as_ref() {
                "customer-admin" => "Grant this host (`venn installs grant NAME --host HOST`).",
                _ => "Ask the publisher; the platform has to approve it.",
            };
            return Err(ApiError::new(Code::WrongState, detail, next));
        }
    }
    Ok(())
}

/// What a new connection is called: nobody else's name, also if it is made for good later.
async fn free_name(
    app: &App,
    install: &Install,
    name: &str,
    wanted: Option<String>,
) -> Result<String, ApiError> {
    let facts = app.store.customer_facts(&install.organization).await?;
    let own = install.connections.get(name);
    let present = facts.connections.iter().find(|one| Some(&one.id) == own);
    if let (Some(present), None) = (present, &wanted) {
        return Ok(present.name.clone());
    }
    let wanted = wanted.unwrap_or_else(|| format!("{}-{name}", install.name));
    let wanted: String =
        wanted.chars().filter(|c| !venn_domain::text::is_hidden(*c)).take(80).collect();
    let is_taken = |name: &str| facts.connections.iter().any(|one| one.name == name);
    if wanted.trim().is_empty() || is_taken(&wanted) {
        let next = "Choose another name.";
        let detail = format!("There is a connection `{wanted}` already.");
        return Err(ApiError::new(Code::Taken, detail, next));
    }
    Ok(wanted)
}

/// What a service calls itself if the manifest does not say: its page's origin.
fn issuer(oauth: &OauthRequest) -> String {
    let page = oauth.authorization_endpoint.as_deref().unwrap_or_default();
    let origin = || Target::parse(page).map(|page| page.origin()).unwrap_or_default();
    oauth.issuer.clone().unwrap_or_else(origin)
}

/// The service's page with what is asked there (RFC 6749, 4.1.1; RFC 7636, 4.3).
fn page_of(oauth: &OauthRequest, attempt: &Attempt, state: &str, verifier: &str) -> String {
    let challenge = BASE64URL_NOPAD.encode(&hash(verifier));
    let mut query = Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &attempt.client_id)
        .append_pair("redirect_uri", &attempt.redirect_uri)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if !oauth.scopes.is_empty() {
        query.append_pair("scope", &oauth.scopes.join(" "));
    }
    for (name, value) in &oauth.parameters {
        query.append_pair(name, value);
    }
    // The manifest's check allows no query of its own.
    let page = oauth.authorization_endpoint.as_deref().unwrap_or_default();
    format!("{page}?{}", query.finish())
}

/// Why somebody who came back is not connected.
struct Refused(StatusCode, Cow<'static, str>);

const GONE: &str = "This link was used already, is older than ten minutes, or is not one of this \
                    server's. Nothing was connected. Begin anew with `venn installs connect`.";

/// `GET /oauth/callback/{plugin}`: anybody who has a state that is waited for.
pub async fn callback(
    State(app): State<App>,
    Path(plugin): Path<String>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    match came_back(&app, &plugin, &mut parts).await {
        Ok(Came::Connected(name)) => page(
            StatusCode::OK,
            "Connected",
            &format!("The connection {name} is made. You can close this page."),
        ),
        Ok(Came::Word(word)) => page(
            StatusCode::OK,
            "One more step",
            &format!(
                "If you began this yourself, go back and say this word: {word}. If somebody else \
                 sent you here, close this page and tell them nothing: the word would connect your \
                 account to theirs."
            ),
        ),
        Err(Refused(status, why)) => page(status, "Not connected", &why),
    }
}

enum Came {
    Connected(String),
    Word(String),
}

async fn came_back(app: &App, plugin: &str, parts: &mut Parts) -> Result<Came, Refused> {
    let ours = |error: &StoreError| {
        tracing::error!(error = error as &dyn std::error::Error, "oauth.callback failed");
        let why = "Something of ours failed. Nothing was connected; begin anew.";
        Refused(StatusCode::INTERNAL_SERVER_ERROR, why.into())
    };
    let gone = || Refused(StatusCode::BAD_REQUEST, GONE.into());
    let answer = Answer::of(parts.uri.query().unwrap_or_default()).ok_or_else(gone)?;
    let keys = app.keys.encryption.clone();
    let taken = app.store.take_state(&keys, hash(&answer.state)).await;
    let (attempt, opened) = taken.map_err(|error| ours(&error))?.ok_or_else(gone)?;
    let browser = browser_of(app, parts, &attempt).await;
    let code = match checked(app, plugin, &attempt, &answer, browser) {
        Ok(code) => code,
        Err(why) => {
            let given_up = app.store.give_up_connecting(&attempt, &why).await;
            given_up.map_err(|error| ours(&error))?;
            let why = format!("{why} Nothing was connected; `venn installs connect` begins anew.");
            return Err(Refused(StatusCode::BAD_REQUEST, why.into()));
        }
    };
    let way: Result<OnTheWay, _> = held::open(opened.expose());
    let mut way = way.map_err(|_| gone())?;
    code.clone_into(&mut way.code);
    if browser == Browser::Theirs {
        let done = exchange(app, &attempt, &way).await;
        let refused = |error: ApiError| Refused(error.code.status(), error.told().into());
        return done.map(|connection| Came::Connected(connection.name)).map_err(refused);
    }
    let word = random::<WORD_BYTES>().map_err(|_| gone())?;
    let word = BASE32_NOPAD.encode(&word);
    let kept = app.store.keep_code(keys, &attempt, hash(&word), held::seal(&way)).await;
    kept.map_err(|error| ours(&error))?;
    Ok(Came::Word(word))
}

/// In whose browser an answer came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Browser {
    /// Nobody is logged in there.
    Nobodys,
    /// Somebody else is.
    Anothers,
    /// The one who began is, and may not connect it any more.
    Powerless,
    /// The one who began is, and may.
    Theirs,
}

async fn browser_of(app: &App, parts: &mut Parts, attempt: &Attempt) -> Browser {
    if session::find(&parts.headers, session::COOKIE).is_none() {
        return Browser::Nobodys;
    }
    let Ok(caller) = Caller::from_request_parts(parts, app).await else { return Browser::Nobodys };
    if *caller.user() != attempt.person {
        return Browser::Anothers;
    }
    let may = caller.need(Need::admin(&attempt.organization));
    may.map_or(Browser::Powerless, |()| Browser::Theirs)
}

/// What a service sends along.
#[derive(Default)]
struct Answer {
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

impl Answer {
    /// None if there is no state, or something stands twice: nobody can tell which of them
    /// is meant.
    fn of(query: &str) -> Option<Self> {
        let mut found = Self::default();
        let mut state = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "state" => &mut state,
                "code" => &mut found.code,
                "error" => &mut found.error,
                "iss" => &mut found.iss,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        found.state = state?;
        Some(found)
    }
}

/// What the standard lets a service say (RFC 6749, 4.1.2.1): only this is repeated.
const ERRORS: [&str; 7] = [
    "access_denied",
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
];

/// The code, or why there is none that may be used.
fn checked<'a>(
    app: &App,
    plugin: &str,
    attempt: &Attempt,
    answer: &'a Answer,
    browser: Browser,
) -> Result<&'a str, String> {
    let public_url = app.public_url.as_deref().unwrap_or_default();
    if attempt.redirect_uri != format!("{public_url}{}", ROUTE.replace("{plugin}", plugin)) {
        return Err("The answer came in at another plugin's address.".to_owned());
    }
    if browser == Browser::Anothers {
        return Err("Somebody else than who is logged in here began this.".to_owned());
    }
    if browser == Browser::Powerless {
        return Err("You may not connect this any more.".to_owned());
    }
    if answer.iss.as_ref().is_some_and(|iss| *iss != attempt.issuer) {
        return Err("The answer is another service's than the one that was asked.".to_owned());
    }
    if let Some(error) = &answer.error {
        let host = host_of(&attempt.token_endpoint);
        return Err(match ERRORS.into_iter().find(|known| *known == error) {
            Some("access_denied") => {
                format!("{host} says that the answer was no (`access_denied`).")
            }
            Some(known) => format!("{host} could not ask (`{known}`)."),
            None => format!("{host} could not ask."),
        });
    }
    let code = answer.code.as_deref().unwrap_or_default();
    let is_sound = (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_sound { Ok(code) } else { Err("The answer has no code.".to_owned()) }
}

/// Finishes with the word that the page showed.
pub async fn finish(
    app: &App,
    person: &UserId,
    install: &Install,
    name: &str,
    word: &str,
) -> Result<Connection, ApiError> {
    let shown = hash(&word.trim().to_ascii_uppercase());
    let is_word = move |kept: &[u8]| kept.ct_eq(&shown).into();
    let keys = app.keys.encryption.clone();
    let found = app.store.finish_connecting(keys, &install.id, name, person, is_word).await?;
    let begin = "Begin anew with `venn installs connect`.";
    match found {
        Finishing::Right(attempt, opened) => {
            let way: OnTheWay = held::open(opened.expose())
                .map_err(|_| ApiError::internal("what was kept of an attempt has another form"))?;
            exchange(app, &attempt, &way).await
        }
        Finishing::Wrong { left: 0 } => {
            let detail = "That is not the word, for the last time that it could be tried.";
            Err(ApiError::new(Code::ConnectFailed, detail, begin))
        }
        Finishing::Wrong { .. } => {
            let next = "Type it as the page shows it.";
            Err(ApiError::new(Code::ConnectFailed, "That is not the word of the page.", next))
        }
        Finishing::None => {
            let detail = "Nothing of yours waits for a word: nobody said yes yet, or it is over.";
            Err(ApiError::new(Code::WrongState, detail, begin))
        }
    }
}

/// The code becomes a token, and the token a connection of the install.
async fn exchange(app: &App, attempt: &Attempt, way: &OnTheWay) -> Result<Connection, ApiError> {
    let (control, request, oauth) = asked(app, &attempt.install, &attempt.request).await?;
    let is_same = oauth.token_endpoint == attempt.token_endpoint
        && request.host == attempt.host
        && control.plugin == attempt.plugin;
    let clients = publishers_client(app, &control, &attempt.request, &oauth).await?;
    let clients = clients.unwrap_or_default();
    let clients: Vec<_> = clients.into_iter().filter(|one| one.id == attempt.client_id).collect();
    if !is_same || clients.is_empty() {
        return given_up(app, attempt, "The release or its OAuth client has changed meanwhile.")
            .await;
    }
    let grant = Grant::Code {
        code: &way.code,
        verifier: &way.verifier,
        redirect_uri: &attempt.redirect_uri,
    };
    let ports = InstallPorts::for_check(app.clone(), attempt.install.clone());
    let asker = Asker::new(std::sync::Arc::new(ports), control);
    let given = match asker.ask(&oauth, &clients, &grant).await {
        Ok(given) => given,
        Err(NotGiven::HostFailed(why)) => return Err(ApiError::internal(why)),
        Err(not_given) => {
            let why = match &not_given {
                NotGiven::Answered { code: Some(code), .. } if code == "invalid_grant" => {
                    format!(
                        "{} does not take the code (`invalid_grant`).",
                        host_of(&oauth.token_endpoint)
                    )
                }
                _ => {
                    let meaning = meaning(ConnectionKind::Oauth2, &oauth, &not_given, 1);
                    format!("{}.", meaning.reason())
                }
            };
            return given_up(app, attempt, &why).await;
        }
    };
    let kept =
        app.store.connected(app.keys.encryption.clone(), attempt, renewed(app, &given)).await?;
    match kept {
        Change::Done(connection) => {
            app.wake.deliveries.notify_one();
            Ok(connection)
        }
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(why) => {
            let next = "Look at the install's state.";
            Err(ApiError::new(Code::WrongState, format!("The install is {why}."), next))
        }
    }
}

async fn given_up(app: &App, attempt: &Attempt, why: &str) -> Result<Connection, ApiError> {
    app.store.give_up_connecting(attempt, why).await?;
    let next = "Begin anew with `venn installs connect`; if it stays, ask the publisher.";
    Err(ApiError::new(Code::ConnectFailed, why, next))
}

fn renewed(app: &App, given: &Given) -> Renewed {
    let refresh = given.refresh.as_ref().map(|token| token.to_string());
    let renewable = refresh.is_some();
    let tokens = Tokens { client: None, access: given.access.to_string(), refresh };
    let expires_at = given.lasts_ms.map(|ms| app.store.now().plus_ms(ms));
    Renewed { secret: held::seal(&tokens), expires_at, renewable }
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_which_something_stands_twice_is_none() {
        let read = |query| Answer::of(query).map(|answer| (answer.state, answer.code));
        let good = Some(("s".to_owned(), Some("c+/".to_owned())));
        assert_eq!(read("state=s&code=c%2B%2F&other=1&other=2"), good);
        assert_eq!(read("state=s&state=t&code=c"), None);
        assert_eq!(read("state=s&code=c&code=d"), None);
        assert_eq!(read("state=s&iss=a&iss=a"), None);
        assert_eq!(read("code=c"), None);
    }
}
