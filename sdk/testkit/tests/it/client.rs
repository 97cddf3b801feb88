//! The caller of these tests: reqwest, which trusts the simulator's CA only and dials its port
//! for the third party's real name.

use std::net::SocketAddr;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use venn_testkit::{HubSpot, Options, Simulator};

pub(crate) const TOKEN: &str = "pat-test-0001";

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Null if the body was empty.
    pub(crate) body: Value,
}

impl Reply {
    #[track_caller]
    pub(crate) fn good(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(name: &str, addr: SocketAddr, ca_pem: &str) -> Self {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap()])
            .resolve(name, addr)
            .build()
            .unwrap();
        Self { http, base: format!("https://{name}"), token: None }
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Reply> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        };
        Ok(Reply { status, headers, body })
    }

    pub(crate) async fn form(&self, path: &str, form: String) -> Reply {
        let request = self.http.post(format!("{}{path}", self.base)).body(form);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Reply { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str) -> Reply {
        self.send(Method::PUT, path, None).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await.unwrap()
    }
}

/// A HubSpot portal that listens, and a caller with its token.
pub(crate) async fn hubspot() -> (Simulator, Client) {
    start(HubSpot::new(TOKEN)).await
}

pub(crate) async fn start(portal: HubSpot) -> (Simulator, Client) {
    let simulator = Simulator::start(Options::new(portal)).await.unwrap();
    let client = Client::new("api.hubapi.com", simulator.addr, &simulator.ca_pem).token(TOKEN);
    (simulator, client)
}
