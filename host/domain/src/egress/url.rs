//! One canonical form of a URL, or the reason it is refused.
//!
//! Stricter than browsers on purpose: everything downstream (rule, DNS, SNI,
//! Host header, audit) uses the parts of [`Target`] and never the text. It
//! decides only whether a URL is sound, not whether it is allowed: that is
//! [`super::rule`].
use std::fmt;

use super::{host, path};

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
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(BadUrl("it is not absolute; write `https://host/path`"));
        };
        // The authority ends where a path, query or fragment starts; a `\`
        // stays in it and is refused there, because browsers read it as `/`.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path_with_query) = rest.split_at(end);
        Self::from_parts(scheme, authority, path_with_query)
    }

    /// Checks and canonicalises the three parts that `wasi:http` hands over.
    ///
    /// The last one is in origin form: empty, or starting with `/` or `?`.
    pub fn from_parts(
        scheme: &str,
        authority: &str,
        path_with_query: &str,
    ) -> Result<Self, BadUrl> {
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case("https") => "https",
            s if s.eq_ignore_ascii_case("http") => "http",
            _ => return Err(BadUrl("its scheme is not `https` or `http`")),
        };
        let (name, port) = split_port(authority)?;
        let host = host::canonical(name)?;
        let port = port.unwrap_or(if scheme == "https" { 443 } else { 80 });
        let (path, query) = path::split(path_with_query)?;
        Ok(Self { scheme, host, port, path, query })
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

/// Splits `host:port`. What is not a host at all is refused with its reason
/// before the host is looked at: a name never has these characters.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), BadUrl> {
    if authority.contains('@') {
        return Err(BadUrl("it has a user name before `@`; use a connection for credentials"));
    }
    if authority.contains('\\') {
        return Err(BadUrl("it has a `\\` before the path"));
    }
    if authority.contains('%') {
        return Err(BadUrl("it has a `%` in its host; write the host itself"));
    }
    if authority.contains(['[', ']']) {
        return Err(BadUrl("its host is an IP address; hosts are names"));
    }
    if authority.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(BadUrl("it has white space or a control character in its host"));
    }
    let Some((name, port)) = authority.split_once(':') else {
        return Ok((authority, None));
    };
    let plain = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if plain && number > 0 && !port.starts_with('0') => Ok((name, Some(number))),
        _ => Err(BadUrl("its port is not a number from 1 to 65535 without leading zeros")),
    }
}
