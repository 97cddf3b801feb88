//! HTTP calls to third parties. Needs `http:egress` with an approved and
//! granted host; credentials come from connections and are never seen here.
//!
//! Bodies are whole, at most 5 MiB each way; a redirect is an answer, not
//! followed. For streaming use `wasi:http`; both doors have the same guard.
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, bindings::venn::plugin::http as raw};

/// A call to be sent.
#[derive(Debug, Clone)]
#[must_use = "nothing goes out before `send`"]
pub struct Request {
    raw: raw::Request,
    problem: Option<Error>,
}

impl Request {
    /// A call with any method, upper case, to an absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let raw = raw::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            connection: None,
            operation: None,
            timeout_ms: None,
        };
        Self { raw, problem: None }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A `PATCH`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. Those that carry credentials or frame the message are
    /// the host's, and are denied.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.raw.headers.push(raw::Header { name: name.into(), value: value.into() });
        self
    }

    /// The body as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.raw.body = body.into();
        self
    }

    /// The body as JSON, with its content type. A value that JSON cannot hold
    /// comes back from [`Request::send`] as [`Error::Data`].
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.raw.body = body,
            Err(error) => self.problem = Some(Error::data("request's body", &error)),
        }
        self.header("content-type", "application/json")
    }

    /// The connection whose credential the host adds, by its manifest name.
    pub fn connection(mut self, name: &str) -> Self {
        self.raw.connection = Some(name.into());
        self
    }

    /// Names what the call does, for example `task/42`: the idempotency key
    /// that goes out is then the same on every attempt at this delivery.
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.raw.operation = Some(name.into());
        self
    }

    /// At most 30,000, which is the default too.
    pub const fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.raw.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sends it. An answer of any status is `Ok`.
    pub fn send(self) -> Result<Response, Error> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let answer = raw::send(&self.raw)?;
        let headers = answer.headers.into_iter().map(|header| (header.name, header.value));
        Ok(Response { status: answer.status, headers: headers.collect(), body: answer.body })
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Seconds from `Retry-After`; none for the form with a date.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// The body as a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::data("answer's body", &error))
    }

    /// The body as text; bytes that are no UTF-8 become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
