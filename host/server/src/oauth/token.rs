//! Asking a token endpoint (RFC 6749): the form of each grant, how a client shows its
//! secret, and how an answer reads. The call itself goes through the sandbox's one way out,
//! under the authority of the install.
use std::sync::Arc;

use data_encoding::BASE64;
use form_urlencoded::{Serializer, byte_serialize};
use serde::Deserialize;
use venn_domain::{
    authority::{Authority, Control, Denial},
    connection::{Failed, judge},
    id::RunId,
    limits,
    manifest::{ClientAuthentication, ConnectionKind, OauthRequest},
};
use venn_sandbox::{OwnAnswer, OwnCall, OwnFailed, RunInfo};
use venn_store::{publisher_credential::CredentialKind, secret::Opened};
use zeroize::Zeroizing;

use crate::{app::App, credential::held::Client, ports::InstallPorts};

/// Longest token: it has to fit a header.
const TOKEN_BYTES_MAX: usize = 8_192;

/// A service that says that a token is good for longer is not believed.
const LIFE_S_MAX: f64 = 366.0 * 24.0 * 60.0 * 60.0;

/// What a token is asked for with.
pub enum Grant<'g> {
    /// A code that came back from the service's page.
    Code {
        /// The code.
        code: &'g str,
        /// What the challenge was made of.
        verifier: &'g str,
        /// Where it came in.
        redirect_uri: &'g str,
    },
    /// A refresh token.
    Refresh(&'g str),
    /// Nothing but the client itself.
    Client,
}

/// What came.
pub struct Given {
    /// Goes along with calls.
    pub access: Zeroizing<String>,
    /// What the next one is asked for with, if it is another one now.
    pub refresh: Option<Zeroizing<String>>,
    /// For how long it is good, if the service says.
    pub lasts_ms: Option<i64>,
}

/// Why nothing came.
pub enum NotGiven {
    /// The call is not allowed.
    Denied(Denial),
    /// The service answered something else than a token.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The answer's `error`.
        code: Option<String>,
    },
    /// There was no answer.
    Unanswered(String),
    /// Something of ours failed.
    HostFailed(String),
}

impl NotGiven {
    /// Whether the service does not take this secret of the client: another may do.
    fn is_of_client(&self) -> bool {
        matches!(self, Self::Answered { code: Some(code), .. } if code == "invalid_client")
    }
}

/// Who asks: an install, under its authority.
pub struct Asker {
    app: App,
    ports: Arc<InstallPorts>,
    authority: Arc<Authority>,
    info: RunInfo,
}

impl Asker {
    /// For an install as it stands.
    pub fn new(ports: Arc<InstallPorts>, control: Control) -> Self {
        let app = ports.app.clone();
        let info = RunInfo {
            run: RunId::make(app.store.ids()),
            install: control.install.clone(),
            plugin: control.manifest.name.clone(),
            version: control.manifest.version.to_string(),
            attempt: 1,
        };
        Self { app, ports, authority: Arc::new(Authority::new(control)), info }
    }

    /// Asks with each of the client's secrets until one is taken.
    pub async fn ask(
        &self,
        oauth: &OauthRequest,
        clients: &[Client],
        grant: &Grant<'_>,
    ) -> Result<Given, NotGiven> {
        let mut refused = NotGiven::Answered { status: 0, code: None };
        for client in clients {
            match self.ask_as(oauth, client, grant).await {
                Err(not_given) if not_given.is_of_client() => refused = not_given,
                other => return other,
            }
        }
        Err(refused)
    }

    async fn ask_as(
        &self,
        oauth: &OauthRequest,
        client: &Client,
        grant: &Grant<'_>,
    ) -> Result<Given, NotGiven> {
        let (headers, body) = message(oauth, client, grant);
        let call = OwnCall {
            authority: Arc::clone(&self.authority),
            info: self.info.clone(),
            url: oauth.token_endpoint.clone(),
            headers,
            body: body.into(),
            timeout_ms: u32::try_from(limits::TOKEN_CALL_MS).unwrap_or(u32::MAX),
        };
        let ports: Arc<InstallPorts> = Arc::clone(&self.ports);
        match self.app.sandbox.call_out(call, ports, self.app.clock.clone()).await {
            Ok(answer) => read(&answer),
            Err(OwnFailed::Denied(denial)) => Err(NotGiven::Denied(denial)),
            Err(OwnFailed::Failed(why)) => Err(NotGiven::Unanswered(why)),
            Err(OwnFailed::HostFailed(why)) => Err(NotGiven::HostFailed(why)),
        }
    }
}

/// Header fields and body of what is asked.
fn message(
    oauth: &OauthRequest,
    client: &Client,
    grant: &Grant<'_>,
) -> (Vec<(String, Vec<u8>)>, String) {
    let mut form = Serializer::new(String::new());
    match grant {
        Grant::Code { code, verifier, redirect_uri } => {
            form.append_pair("grant_type", "authorization_code")
                .append_pair("code", code)
                .append_pair("code_verifier", verifier)
                .append_pair("redirect_uri", redirect_uri);
        }
        Grant::Refresh(token) => {
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
        }
        Grant::Client => {
            form.append_pair("grant_type", "client_credentials");
            if !oauth.scopes.is_empty() {
                form.append_pair("scope", &oauth.scopes.join(" "));
            }
        }
    }
    let mut headers = vec![
        ("accept".to_owned(), b"application/json".to_vec()),
        ("content-type".to_owned(), b"application/x-www-form-urlencoded".to_vec()),
    ];
    match oauth.client_authentication {
        // Each part is encoded before the pair is (2.3.1).
        ClientAuthentication::Basic => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&client.id), encoded(&client.secret));
            let value = format!("Basic {}", BASE64.encode(pair.as_bytes()));
            headers.push(("authorization".to_owned(), value.into_bytes()));
        }
        ClientAuthentication::Body => {
            form.append_pair("client_id", &client.id).append_pair("client_secret", &client.secret);
        }
    }
    (headers, form.finish())
}

/// An answer with a token; a service's further members are not looked at.
#[derive(Deserialize)]
struct Brought {
    access_token: String,
    token_type: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<ExpiresIn>,
}

/// Seconds; some services write them as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExpiresIn {
    Number(f64),
    Text(String),
}

impl ExpiresIn {
    fn lasts_ms(&self) -> Option<i64> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is at most a year")]
        let lasts_ms = (seconds.clamp(0.0, LIFE_S_MAX) * 1_000.0) as i64;
        seconds.is_finite().then_some(lasts_ms)
    }
}

/// An answer without one.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Reads an answer. What it holds otherwise may be a secret: it goes no further.
fn read(answer: &OwnAnswer) -> Result<Given, NotGiven> {
    let status = answer.status;
    if status != 200 {
        let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
        return Err(NotGiven::Answered { status, code: refusal.map(|refusal| refusal.error) });
    }
    let token = serde_json::from_slice::<Brought>(&answer.body).ok();
    token.and_then(given).ok_or(NotGiven::Answered { status, code: None })
}

/// A token that can go along with a call; none if it is no such token.
fn given(token: Brought) -> Option<Given> {
    let is_sound = |token: &str| {
        (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
    };
    // An empty one is none.
    let refresh = token.refresh_token.filter(|token| !token.is_empty());
    let is_bearer = token.token_type.eq_ignore_ascii_case("bearer");
    let sound =
        is_bearer && is_sound(&token.access_token) && refresh.as_deref().is_none_or(is_sound);
    sound.then(|| Given {
        access: Zeroizing::new(token.access_token),
        refresh: refresh.map(Zeroizing::new),
        lasts_ms: token.expires_in.as_ref().and_then(ExpiresIn::lasts_ms),
    })
}

/// The publisher's OAuth client for a connection, with each secret that is good now; none
/// if the publisher has put none for this token endpoint.
pub async fn publishers_client(
    app: &App,
    control: &Control,
    name: &str,
    oauth: &OauthRequest,
) -> Result<Option<Vec<Client>>, venn_store::StoreError> {
    let host = host_of(&oauth.token_endpoint);
    let of = (name, CredentialKind::OauthClient, host.as_str());
    let found = app.store.open_credential(&app.keys.encryption, &control.plugin, of).await?;
    let client = |id: &str, secret: &Opened| Client {
        id: id.to_owned(),
        secret: String::from_utf8_lossy(secret.expose()).into_owned(),
    };
    Ok(found.map(|(credential, secrets)| {
        secrets.iter().map(|secret| client(&credential.client_id, secret)).collect()
    }))
}

/// The host of an endpoint, for people and for what is bound to it.
pub fn host_of(endpoint: &str) -> String {
    venn_domain::egress::Target::parse(endpoint).map(|target| target.host).unwrap_or_default()
}

/// What a failure means, for a connection of this kind.
pub fn meaning(
    kind: ConnectionKind,
    oauth: &OauthRequest,
    not_given: &NotGiven,
    failures: u64,
) -> Failed {
    let host = host_of(&oauth.token_endpoint);
    match not_given {
        NotGiven::Answered { status, code } => {
            judge(kind, &host, *status, code.as_deref(), failures)
        }
        NotGiven::Denied(denial) => {
            Failed::Passing { reason: format!("{} is not allowed: {}", denial.what, denial.why) }
        }
        NotGiven::Unanswered(why) => {
            Failed::Passing { reason: format!("{host} gave no token: {why}") }
        }
        NotGiven::HostFailed(_) => {
            Failed::Passing { reason: "something of ours failed".to_owned() }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn read_as(status: u16, body: &str) -> String {
        let answer = OwnAnswer { status, body: body.to_owned().into() };
        match read(&answer) {
            Ok(given) => {
                let refresh = given.refresh.as_ref().map(|token| token.as_str());
                format!("{} {refresh:?} {:?}", given.access.as_str(), given.lasts_ms)
            }
            Err(NotGiven::Answered { status, code }) => format!("{status} {code:?}"),
            Err(_) => unreachable!("there was an answer"),
        }
    }

    #[test]
    fn an_answer_is_a_bearer_token_or_none() {
        let good = r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r","x":1}"#;
        assert_eq!(read_as(200, good), "a Some(\"r\") Some(60000)");
        let text =
            r#"{"access_token":"a","token_type":"bearer","expires_in":"60","refresh_token":""}"#;
        assert_eq!(read_as(200, text), "a None Some(60000)");
        let endless = r#"{"access_token":"a","token_type":"bearer","expires_in":1e300}"#;
        assert_eq!(read_as(200, endless), "a None Some(31622400000)");
        let past = r#"{"access_token":"a","token_type":"bearer","expires_in":-5}"#;
        assert_eq!(read_as(200, past), "a None Some(0)");
        for bad in [
            "",
            "{}",
            "<html>",
            r#"{"access_token":"","token_type":"bearer"}"#,
            r#"{"access_token":"a b","token_type":"bearer"}"#,
            r#"{"access_token":"a\r\nx: y","token_type":"bearer"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a"}"#,
            r#"{"error":"invalid_grant"}"#,
        ] {
            assert_eq!(read_as(200, bad), "200 None", "{bad}");
        }
        assert_eq!(read_as(400, r#"{"error":"invalid_grant"}"#), "400 Some(\"invalid_grant\")");
        assert_eq!(read_as(400, good), "400 None");
        assert_eq!(read_as(503, "busy"), "503 None");
    }

    #[test]
    fn a_client_shows_its_secret_as_the_standard_has_it() {
        let mut oauth: OauthRequest =
            serde_json::from_str(r#"{"token_endpoint":"https://x.example/t","scopes":["a","b"]}"#)
                .unwrap();
        let client = Client { id: "i d".to_owned(), secret: "s:+/%".to_owned() };
        let (headers, body) = message(&oauth, &client, &Grant::Client);
        let value = format!("Basic {}", BASE64.encode(b"i+d:s%3A%2B%2F%25"));
        assert_eq!(headers.last().unwrap(), &("authorization".to_owned(), value.into_bytes()));
        assert_eq!(body, "grant_type=client_credentials&scope=a+b");
        oauth.client_authentication = ClientAuthentication::Body;
        let (headers, body) = message(&oauth, &client, &Grant::Refresh("r+/="));
        assert_eq!(headers.len(), 2);
        assert_eq!(
            body,
            "grant_type=refresh_token&refresh_token=r%2B%2F%3D&client_id=i+d&client_secret=s%3A%2B%2F%25"
        );
    }
}
