//! One canonical form of a URL, or the reason it is refused.
//!
//! Stricter than browsers on purpose: everything downstream (rule, DNS, SNI,
//! Host header, audit) uses the parts of [`Target`] and never the text.
use std::fmt;

/// A checked destination: the only form in which a URL travels past the guard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// `https` or `http`.
    pub scheme: &'static str,
    /// Lower-case A-label host without trailing dot; never an address literal.
    pub host: String,
    /// The port, explicit or the scheme's own.
    pub port: u16,
    /// Starts with `/`; visible ASCII; at most 8 KiB with the query.
    pub path: String,
    /// Without the `?`.
    pub query: Option<String>,
}

/// Why a URL is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the URL is refused: {0}")]
pub struct BadUrl(pub &'static str);

impl Target {
    /// Checks and canonicalises an absolute URL.
    pub fn parse(_url: &str) -> Result<Self, BadUrl> {
        Err(BadUrl("not written yet"))
    }

    /// `https://host` or `https://host:port`.
    pub fn origin(&self) -> String {
        match (self.scheme, self.port) {
            ("https", 443) | ("http", 80) => format!("{}://{}", self.scheme, self.host),
            _ => format!("{}://{}:{}", self.scheme, self.host, self.port),
        }
    }

    /// Origin and path: what logs, audit and denials show.
    pub fn without_query(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// Path and query as they go into the request line.
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path_and_query())
    }
}
