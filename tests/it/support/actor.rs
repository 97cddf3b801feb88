//! Somebody with a token, and the answers that they get.
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Signer, description};

/// Somebody with a token of one organization.
#[derive(Clone)]
pub struct Actor {
    /// The server.
    pub url: String,
    /// The organization's slug.
    pub org: String,
    /// The token.
    pub token: String,
    http: reqwest::Client,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub kind: String,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, `null` if there is none or it is no JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn good(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "expected success, got {}: {}",
            self.status,
            self.text
        );
        self.body
    }

    /// The problem document of a refusal with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.kind, "application/problem+json");
        assert!(self.body["next_step"].as_str().is_some_and(|text| !text.is_empty()));
        self.body
    }
}

impl Actor {
    /// Somebody with this token.
    pub fn new(url: &str, org: &str, token: &str) -> Self {
        // The client is built without one; the second time it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            // A refused upload ends its connection; the next call takes a fresh one.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .unwrap();
        Self { url: url.to_owned(), org: org.to_owned(), token: token.to_owned(), http }
    }

    /// `/v1/organizations/{own}/{rest}`
    pub fn own(&self, rest: &str) -> String {
        format!("/v1/organizations/{}/{rest}", self.org)
    }

    /// A request with a JSON body, or none.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// A request to build on.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        // Nobody: a request without the header.
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends it.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let answer = self.http.execute(request).await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        // Below the server's own address: `/v1/…?…`.
        let address = url.as_str().strip_prefix(&self.url).unwrap_or_default();
        description::check(method.as_str(), address, status, &kind, &text);
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, kind, headers, body, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// All items of a listing of the own organization.
    pub async fn all(&self, rest: &str) -> Vec<Value> {
        let joint = if rest.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = self.own(&format!("{rest}{joint}limit=200{cursor}"));
            let page = self.get(&path).await.good();
            items.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Asks until the answer is as wanted: for what works in the background.
    pub async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        // Generous, because a loaded machine is slow; a pass never waits so long.
        for _ in 0..6_000 {
            let answer = self.get(path).await.good();
            if done(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} did not get there: {}", self.get(path).await.text);
    }

    /// Imports a list; returns the import once it rests.
    pub async fn import(&self, mode: &str, csv: impl Into<Vec<u8>>) -> Value {
        let body =
            json!({ "mode": mode, "file_name": "list.csv", "columns": null, "stages": null });
        self.import_with(&body, csv).await
    }

    /// The same with a body of one's own.
    pub async fn import_with(&self, body: &Value, csv: impl Into<Vec<u8>>) -> Value {
        let made = self.post(&self.own("imports"), body).await.good();
        let place = self.own(&format!("imports/{}", made["id"].as_str().unwrap()));
        let upload = self.request(Method::PUT, &format!("{place}/file")).body(csv.into());
        self.send(upload).await.good();
        let rests = ["waiting-for-confirmation", "done", "failed", "cancelled"];
        self.until(&place, |import| rests.contains(&import["state"].as_str().unwrap())).await
    }

    /// Publishes a release; the answer as it is.
    pub async fn publish(&self, manifest: &Value, component: Vec<u8>) -> Answer {
        let name = manifest["name"].as_str().unwrap_or("unnamed");
        self.post(&self.own("plugins"), &json!({ "name": name })).await;
        self.upload(name, &manifest.to_string(), component).await
    }

    /// Uploads to a plugin, signed with the organization's key.
    pub async fn upload(&self, plugin: &str, manifest: &str, component: Vec<u8>) -> Answer {
        let signature = Signer::of(self).await.signature(plugin, manifest, &component);
        self.send_release(plugin, manifest, component, Some(&signature)).await
    }

    /// Uploads with this signature, or none.
    pub async fn send_release(
        &self,
        plugin: &str,
        manifest: &str,
        component: Vec<u8>,
        signature: Option<&Value>,
    ) -> Answer {
        let mut form = reqwest::multipart::Form::new()
            .part("manifest", reqwest::multipart::Part::text(manifest.to_owned()))
            .part("component", reqwest::multipart::Part::bytes(component));
        if let Some(signature) = signature {
            form = form.part("signature", reqwest::multipart::Part::text(signature.to_string()));
        }
        let path = self.own(&format!("plugins/{plugin}/releases"));
        self.send(self.request(Method::POST, &path).multipart(form)).await
    }
}
