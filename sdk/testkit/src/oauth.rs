//! A service with OAuth 2, by the standards: authorization code with PKCE (RFC 6749, RFC 7636),
//! `iss` in answers (RFC 9207), refresh tokens that are good once (RFC 9700), client credentials,
//! revocation (RFC 7009).
//!
//! | call | answer |
//! |---|---|
//! | `GET /authorize` | says yes at once and redirects with a code; with `answer=deny` it says no |
//! | `POST /token` | the grants `authorization_code`, `refresh_token`, `client_credentials` |
//! | `POST /revoke` | forgets a refresh token and the access tokens that came of it |
//! | anything else | what it was sent, if the bearer token is good; else 401 |
//!
//! A code or refresh token that is shown twice ends all that came of it. Faults of the machinery
//! (`server-error`, `invalid-json`, `slow-first-byte` …) make the token endpoint fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::party::{Answer, Call, ThirdParty, Trouble};
use crate::{Clock, lock};

/// What it calls itself, and where its page is.
const ISSUER: &str = "https://login.example";

/// The service. Clones are the same one.
#[derive(Clone)]
pub struct OAuth(Arc<Mutex<State>>);

struct State {
    client_id: String,
    /// All of them are good: a service, too, takes two while one is rotated.
    secrets: Vec<String>,
    lasts_s: Option<u64>,
    gives_refresh: bool,
    made: u64,
    /// What each code was given for, and what came of it.
    codes: BTreeMap<String, Code>,
    /// Each token with what it came of, and whether it is good.
    access: BTreeMap<String, (String, bool)>,
    refresh: BTreeMap<String, (String, bool)>,
    granted: u64,
}

#[derive(Clone)]
struct Code {
    redirect_uri: String,
    challenge: String,
    used: bool,
}

impl OAuth {
    /// With one client. Access tokens last an hour.
    pub fn new(client_id: &str, secret: &str) -> Self {
        Self(Arc::new(Mutex::new(State {
            client_id: client_id.to_owned(),
            secrets: vec![secret.to_owned()],
            lasts_s: Some(3_600),
            gives_refresh: true,
            made: 0,
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            granted: 0,
        })))
    }

    /// Takes another secret of the client, too.
    pub fn add_secret(&self, secret: &str) {
        lock(&self.0).secrets.push(secret.to_owned());
    }

    /// Takes this secret no more.
    pub fn forget_secret(&self, secret: &str) {
        lock(&self.0).secrets.retain(|one| one != secret);
    }

    /// How long access tokens last that are given from now on; `None`: it does not say.
    pub fn lasts(&self, seconds: Option<u64>) {
        lock(&self.0).lasts_s = seconds;
    }

    /// Gives no refresh tokens from now on.
    pub fn without_refresh(&self) {
        lock(&self.0).gives_refresh = false;
    }

    /// No access token is good any more: as if their time were over.
    pub fn end_access(&self) {
        lock(&self.0).access.values_mut().for_each(|(_, good)| *good = false);
    }

    /// The person has taken back what was allowed: no token is good any more.
    pub fn end_all(&self) {
        self.end_access();
        lock(&self.0).refresh.values_mut().for_each(|(_, good)| *good = false);
    }

    /// How often tokens were given.
    pub fn granted(&self) -> u64 {
        lock(&self.0).granted
    }

    /// Every token and code that was ever given: what must be found nowhere else.
    pub fn secrets(&self) -> Vec<String> {
        let state = lock(&self.0);
        let tokens = state.access.keys().chain(state.refresh.keys());
        tokens.chain(state.codes.keys()).chain(&state.secrets).cloned().collect()
    }
}

impl ThirdParty for OAuth {
    fn name(&self) -> &'static str {
        "oauth"
    }

    fn host_names(&self) -> Vec<String> {
        vec!["login.example".to_owned(), "api.example".to_owned(), "127.0.0.1".to_owned()]
    }

    fn answer(&self, call: &Call, _clock: &Clock) -> Answer {
        let mut state = lock(&self.0);
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/authorize") => state.authorize(call),
            ("POST", "/token") => state.token(call).unwrap_or_else(|refused| refused),
            ("POST", "/revoke") => state.revoke(call),
            _ => state.api(call),
        }
    }

    fn trouble(&self, trouble: &Trouble, _call: &Call) -> Answer {
        // No standard has words for these.
        let answer = Answer::json(trouble.status(), &json!({ "status": trouble.status() }));
        match trouble.retry_after_s() {
            Some(seconds) => answer.header("retry-after", seconds),
            None => answer,
        }
    }
}

impl State {
    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-canary-{}+/{}", self.made, "z".repeat(8))
    }

    /// The page, with a person who answers at once.
    fn authorize(&mut self, call: &Call) -> Answer {
        let param = |name: &str| call.param(name).unwrap_or_default().to_owned();
        let sound = param("response_type") == "code"
            && param("client_id") == self.client_id
            && param("code_challenge_method") == "S256"
            && !param("code_challenge").is_empty()
            && !param("state").is_empty();
        let Ok(mut back) = url::Url::parse(&param("redirect_uri")) else {
            return Answer::json(400, &json!({ "error": "invalid_request" }));
        };
        if !sound {
            return Answer::json(400, &json!({ "error": "invalid_request" }));
        }
        let answer = if param("answer") == "deny" {
            ("error", "access_denied".to_owned())
        } else {
            let code = self.next("code");
            let (redirect_uri, challenge) = (param("redirect_uri"), param("code_challenge"));
            self.codes.insert(code.clone(), Code { redirect_uri, challenge, used: false });
            ("code", code)
        };
        back.query_pairs_mut()
            .append_pair(answer.0, &answer.1)
            .append_pair("state", &param("state"))
            .append_pair("iss", ISSUER);
        Answer::empty(302).header("location", back)
    }

    fn token(&mut self, call: &Call) -> Result<Answer, Answer> {
        let form = form(call);
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        self.check_client(call, &form)?;
        let invalid = || Answer::json(400, &json!({ "error": "invalid_grant" }));
        match field("grant_type") {
            "authorization_code" => {
                let code = field("code").to_owned();
                let found = self.codes.get(&code).cloned().ok_or_else(invalid)?;
                if found.used {
                    self.end(&code);
                    return Err(invalid());
                }
                let challenge =
                    BASE64URL_NOPAD.encode(&Sha256::digest(field("code_verifier").as_bytes()));
                if challenge != found.challenge || field("redirect_uri") != found.redirect_uri {
                    return Err(invalid());
                }
                self.codes.insert(code.clone(), Code { used: true, ..found });
                Ok(self.give(&code, self.gives_refresh))
            }
            "refresh_token" => {
                let shown = field("refresh_token").to_owned();
                let (family, good) = self.refresh.get(&shown).cloned().ok_or_else(invalid)?;
                if !good {
                    self.end(&family);
                    return Err(invalid());
                }
                self.refresh.insert(shown, (family.clone(), false));
                Ok(self.give(&family, self.gives_refresh))
            }
            "client_credentials" => Ok(self.give("client", false)),
            _ => Err(Answer::json(400, &json!({ "error": "unsupported_grant_type" }))),
        }
    }

    /// By the header, or by the body.
    fn check_client(&self, call: &Call, form: &BTreeMap<String, String>) -> Result<(), Answer> {
        let header = call.headers.get("authorization").and_then(|value| value.to_str().ok());
        let of_header = header.and_then(|value| {
            let decoded = BASE64.decode(value.strip_prefix("Basic ")?.as_bytes()).ok()?;
            let text = String::from_utf8(decoded).ok()?;
            let (id, secret) = text.split_once(':')?;
            Some((form_decoded(id), form_decoded(secret)))
        });
        let of_body = || Some((form.get("client_id")?.clone(), form.get("client_secret")?.clone()));
        let (id, secret) = of_header.or_else(of_body).unwrap_or_default();
        if id == self.client_id && self.secrets.contains(&secret) {
            return Ok(());
        }
        Err(Answer::json(401, &json!({ "error": "invalid_client" })))
    }

    fn give(&mut self, family: &str, refresh: bool) -> Answer {
        self.granted += 1;
        let access = self.next("at");
        self.access.insert(access.clone(), (family.to_owned(), true));
        let mut body = Map::new();
        body.insert("access_token".to_owned(), json!(access));
        body.insert("token_type".to_owned(), json!("Bearer"));
        if let Some(seconds) = self.lasts_s {
            body.insert("expires_in".to_owned(), json!(seconds));
        }
        if refresh {
            let refresh = self.next("rt");
            self.refresh.insert(refresh.clone(), (family.to_owned(), true));
            body.insert("refresh_token".to_owned(), json!(refresh));
        }
        Answer::json(200, &body.into())
    }

    /// Ends all that came of one code.
    fn end(&mut self, family: &str) {
        for (one, good) in self.access.values_mut().chain(self.refresh.values_mut()) {
            *good = *good && one != family;
        }
    }

    fn revoke(&mut self, call: &Call) -> Answer {
        let form = form(call);
        let family = form.get("token").and_then(|token| self.refresh.get(token)).cloned();
        if let Some((family, _)) = family {
            self.end(&family);
        }
        Answer::empty(200)
    }

    fn api(&self, call: &Call) -> Answer {
        let good = call.bearer().and_then(|token| self.access.get(token)).is_some_and(|one| one.1);
        if !good {
            return Answer::json(401, &json!({ "error": "invalid_token" }))
                .header("www-authenticate", "Bearer error=\"invalid_token\"");
        }
        let header = call.headers.get("authorization").and_then(|value| value.to_str().ok());
        let said: Value = json!({ "path": call.path, "authorization": header });
        Answer::json(200, &said)
    }
}

fn form(call: &Call) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&call.body).into_owned().collect()
}

fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
