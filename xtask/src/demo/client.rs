//! A small JSON client: the demo speaks HTTP like any other user.
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::{Method, blocking};
use serde_json::Value;

/// A base URL and, maybe, a token.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    token: Option<String>,
    http: blocking::Client,
}

/// How long something in the background may take before the demo gives up.
const PATIENCE: Duration = Duration::from_mins(3);

impl Client {
    pub(crate) fn new(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let http =
            blocking::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        Ok(Self { base: base.to_owned(), token: token.map(str::to_owned), http })
    }

    /// The token, to pass on to the command line.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(&Method::GET, path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(&Method::POST, path, Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(&Method::PUT, path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(&Method::DELETE, path, None)
    }

    fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let text = answer.text()?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {text}");
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path} answered no JSON"))
    }

    /// Every item of a listing, page by page.
    pub(crate) fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{joint}limit=200{cursor}"))?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Asks again until `done` says so; the last answer is returned.
    pub(crate) fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let started = Instant::now();
        loop {
            let answer = self.get(path)?;
            if done(&answer) {
                return Ok(answer);
            }
            if started.elapsed() > PATIENCE {
                bail!("{path} did not get there: {answer}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
