//! The service with OAuth 2: what the standards ask of it, so that a host that passes against it
//! passes against a real one.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use venn_testkit::{OAuth, Options, Simulator};

use crate::client::Client;

const BACK: &str = "https%3A%2F%2Fvenn.example%2Fback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-x";

struct Service {
    oauth: OAuth,
    simulator: Simulator,
}

impl Service {
    async fn start() -> Self {
        let oauth = OAuth::new("us", "s3cret");
        let simulator = Simulator::start(Options::new(oauth.clone())).await.unwrap();
        Self { oauth, simulator }
    }

    fn client(&self) -> Client {
        Client::new("login.example", self.simulator.addr, &self.simulator.ca_pem)
    }

    /// What stands in the address that the person is sent back to.
    async fn authorize(&self, more: &str) -> Vec<(String, String)> {
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(VERIFIER));
        let path = format!(
            "/authorize?response_type=code&client_id=us&redirect_uri={BACK}&state=s1\
             &code_challenge={challenge}&code_challenge_method=S256{more}"
        );
        let reply = self.client().get(&path).await;
        assert_eq!(reply.status, 302);
        let back = url::Url::parse(reply.header("location")).unwrap();
        back.query_pairs().into_owned().collect()
    }

    async fn token(&self, form: &str) -> (u16, Value) {
        let form = format!("client_id=us&client_secret=s3cret&{form}");
        let reply = self.client().form("/token", form).await;
        (reply.status, reply.body)
    }
}

fn field(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_code_is_good_once_and_with_its_verifier_and_address() {
    let service = Service::start().await;
    let back = service.authorize("").await;
    assert_eq!(
        (field(&back, "state").as_str(), field(&back, "iss").as_str()),
        ("s1", "https://login.example")
    );
    let code = encoded(&field(&back, "code"));
    let ask = |verifier: &str, redirect: &str| {
        format!(
            "grant_type=authorization_code&code={code}&code_verifier={verifier}&redirect_uri={redirect}"
        )
    };
    assert_eq!(service.token(&ask("wrong", BACK)).await.0, 400);
    assert_eq!(service.token(&ask(VERIFIER, "https%3A%2F%2Fevil.example")).await.0, 400);
    let (status, given) = service.token(&ask(VERIFIER, BACK)).await;
    assert_eq!((status, given["expires_in"].as_u64()), (200, Some(3_600)));
    let access = given["access_token"].as_str().unwrap();
    assert_eq!(service.client().token(access).get("/me").await.status, 200);
    let (status, refused) = service.token(&ask(VERIFIER, BACK)).await;
    assert_eq!((status, refused["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(service.client().token(access).get("/me").await.status, 401, "all of it has ended");
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let service = Service::start().await;
    let code = encoded(&field(&service.authorize("").await, "code"));
    let first = service
        .token(&format!(
            "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri={BACK}"
        ))
        .await
        .1;
    let refresh = |given: &Value| {
        format!(
            "grant_type=refresh_token&refresh_token={}",
            encoded(given["refresh_token"].as_str().unwrap())
        )
    };
    let (status, second) = service.token(&refresh(&first)).await;
    assert_eq!(status, 200);
    assert_eq!(service.token(&refresh(&first)).await.0, 400, "it was shown before");
    assert_eq!(service.token(&refresh(&second)).await.0, 400, "so the newer one has ended, too");
    assert_eq!(service.oauth.granted(), 2);
}

#[tokio::test]
async fn a_no_a_wrong_client_and_a_client_of_its_own() {
    let service = Service::start().await;
    assert_eq!(field(&service.authorize("&answer=deny").await, "error"), "access_denied");
    let form = "client_id=us&client_secret=x&grant_type=client_credentials".to_owned();
    let reply = service.client().form("/token", form).await;
    assert_eq!(reply.status, 401);
    let (status, given) = service.token("grant_type=client_credentials").await;
    assert_eq!((status, given["refresh_token"].is_null()), (200, true));
    assert_eq!(service.client().get("/me").await.status, 401);
}
