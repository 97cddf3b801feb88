//! The HTTP client: the one place that talks to the server.
//!
//! Every POST carries a fresh idempotency key, and a call whose connection got
//! lost is sent once more: the server answers a repeated key as it did before.
//! Redirects are not followed, so that the token stays with its server.
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::ProgressBar;
use reqwest::{
    Method, Url,
    blocking::{Body, RequestBuilder, Response, multipart},
    header::HeaderMap,
    redirect::Policy,
};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{exit::Exit, output::failure::Failure};
use crate::auth::session::{COOKIE, CSRF, csrf_of};

/// A server on this side of the world accepts within this.
const CONNECT: Duration = Duration::from_secs(10);
/// Compiling the largest component and running a plugin's check both stay well
/// below; a file of 512 MiB at 1 MiB/s does too.
const ANSWER: Duration = Duration::from_mins(15);
/// Random bytes of an idempotency key; more than enough never to meet again.
const KEY_BYTES: usize = 16;

/// Which call: method, path below `/v1`, query.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    method: Method,
    segments: &'a [&'a str],
    query: Vec<(&'a str, String)>,
}

impl<'a> Call<'a> {
    /// A call without a query.
    pub(crate) fn new(method: Method, segments: &'a [&'a str]) -> Self {
        Self { method, segments, query: Vec::new() }
    }

    /// Adds a parameter if there is one.
    #[must_use]
    pub(crate) fn with(mut self, name: &'a str, value: Option<impl fmt::Display>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

/// An answer that is no error.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    /// Exactly as it came.
    pub(crate) text: String,
    /// The same, read; null if it is not JSON.
    pub(crate) value: Value,
}

/// How a server is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    /// Whether its database answers too.
    pub(crate) ready: bool,
    /// Its clock, where it tells it.
    pub(crate) date: Option<jiff::Timestamp>,
}

/// What is sent with a call; made anew for each attempt.
pub(crate) enum Send<'a> {
    /// Nothing.
    Nothing,
    /// A JSON body.
    Json(&'a Value),
    /// A file as the body.
    File(&'a Path, &'a ProgressBar),
    /// A release: manifest, component and signature.
    Release {
        /// The manifest as JSON.
        manifest: &'a [u8],
        /// The component.
        component: &'a Path,
        /// The signature as JSON.
        signature: &'a [u8],
        /// Counts the component's bytes.
        bar: &'a ProgressBar,
    },
}

/// An answer as it came.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

/// A server and the token for it.
pub(crate) struct Client {
    http: reqwest::blocking::Client,
    server: Url,
    token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Client {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is sent yet.
    pub(crate) fn new(server: &str, token: Option<Zeroizing<String>>) -> Result<Self, Failure> {
        let server = read_server(server)?;
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("venn/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(Policy::none());
        if server.scheme() == "http" {
            // Nothing will be verified, so a machine without certificates will do.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| {
            Failure::unexpected(format!("No HTTP client can be made: {}.", chain(&error)))
        })?;
        Ok(Self { http, server, token })
    }

    /// The address that calls go to.
    pub(crate) fn server(&self) -> &Url {
        &self.server
    }

    /// Makes the call; an answer that is an error is a [`Failure`].
    pub(crate) fn call(&self, call: &Call<'_>, send: &Send<'_>) -> Result<Reply, Failure> {
        self.exchange(call, send).map(|(reply, _)| reply)
    }

    /// The same, with the cookie of this name that the answer sets.
    pub(crate) fn call_for_cookie(
        &self,
        call: &Call<'_>,
        send: &Send<'_>,
        name: &str,
    ) -> Result<(Reply, Zeroizing<String>), Failure> {
        let (reply, headers) = self.exchange(call, send)?;
        let set = headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        let pairs = set.filter_map(|line| line.split(';').next()?.split_once('='));
        let value = pairs.filter(|(one, _)| *one == name).map(|(_, value)| value).next();
        let value = value.ok_or_else(|| Failure::unexpected("The server sets no session."))?;
        Ok((reply, Zeroizing::new(value.to_owned())))
    }

    fn exchange(&self, call: &Call<'_>, send: &Send<'_>) -> Result<(Reply, HeaderMap), Failure> {
        let url = self.url(call)?;
        let place = format!("{} {}", call.method, without_query(&url));
        let key = if call.method == Method::POST { Some(idempotency_key()?) } else { None };
        let request = || -> Result<RequestBuilder, Failure> {
            let mut request = self.http.request(call.method.clone(), url.clone());
            if let Some(token) = &self.token {
                request = match csrf_of(token) {
                    Some(csrf) => request
                        .header("cookie", format!("{COOKIE}={}", token.as_str()))
                        .header(CSRF, csrf.0),
                    None => request.bearer_auth(token.as_str()),
                };
            }
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            add_body(request, send)
        };
        let lost = |error: &reqwest::Error| {
            !error.is_connect() && !error.is_timeout() && !error.is_builder()
        };
        let mut answer = request()?.send().and_then(read);
        if answer.as_ref().is_err_and(lost) {
            answer = request()?.send().and_then(read);
        }
        let Answer { status, headers, text } =
            answer.map_err(|error| unreachable(&error, &self.server, &place))?;
        if !(200..300).contains(&status) {
            return Err(Failure::of_answer(place, status, &text));
        }
        let value = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok((Reply { text, value }, headers))
    }

    /// Asks whether the server is ready; no token goes out.
    pub(crate) fn health(&self) -> Result<Health, Failure> {
        let mut url = self.server.clone();
        url.set_path("readyz");
        let place = format!("GET {url}");
        let answer = self.http.get(url).send();
        let answer = answer.map_err(|error| unreachable(&error, &self.server, &place))?;
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let ready = answer.status().is_success();
        Ok(Health { ready, date: date.map(|date| date.timestamp()) })
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, Failure> {
        let mut url = self.server.clone();
        {
            let bad_server = || {
                Failure::usage(
                    "The server's address has no path.",
                    "Give --server http://HOST:PORT.",
                )
            };
            let mut path = url.path_segments_mut().map_err(|()| bad_server())?;
            path.clear().push("v1");
            for segment in call.segments {
                // The URL's rules drop these, and the call would mean something else.
                if segment.is_empty() || matches!(*segment, "." | "..") {
                    return Err(Failure::usage(
                        format!("`{segment}` is not an id or name."),
                        "Give the one you mean.",
                    ));
                }
                path.push(segment);
            }
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }
}

fn read_server(text: &str) -> Result<Url, Failure> {
    let bad = |why: &str| {
        Failure::usage(
            format!("`{text}` is not a server's address: {why}."),
            "Give --server http://HOST:PORT or https://HOST.",
        )
    };
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it starts with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::usage(
            "The server's address has a password in it.",
            "Give the token by `venn login`.",
        ));
    }
    Ok(url)
}

fn add_body(request: RequestBuilder, send: &Send<'_>) -> Result<RequestBuilder, Failure> {
    match *send {
        Send::Nothing => Ok(request),
        Send::Json(body) => Ok(request.json(body)),
        Send::File(path, bar) => {
            let (file, bytes) = open(path, bar)?;
            Ok(request
                .header("content-type", "application/octet-stream")
                .body(Body::sized(file, bytes)))
        }
        Send::Release { manifest, component, signature, bar } => {
            let (file, bytes) = open(component, bar)?;
            let json = multipart::Part::bytes(manifest.to_vec()).mime_str("application/json");
            let wasm =
                multipart::Part::reader_with_length(file, bytes).mime_str("application/wasm");
            let signed = multipart::Part::bytes(signature.to_vec()).mime_str("application/json");
            let (Ok(json), Ok(wasm), Ok(signed)) = (json, wasm, signed) else {
                return Err(Failure::unexpected("The upload cannot be put together."));
            };
            let form = multipart::Form::new()
                .part("manifest", json.file_name("manifest.json"))
                .part("signature", signed.file_name("signature.json"))
                .part("component", wasm.file_name("component.wasm"));
            Ok(request.multipart(form))
        }
    }
}

/// A file that tells a bar how far it was read.
struct Counted {
    file: File,
    bar: ProgressBar,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

fn open(path: &Path, bar: &ProgressBar) -> Result<(Counted, u64), Failure> {
    let failed = |error: io::Error| Failure::file(path, "read", &error);
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        let path: PathBuf = path.to_owned();
        return Err(Failure::usage("This is a folder, not a file.", "Give a file.")
            .at(path.display().to_string()));
    }
    bar.set_length(meta.len());
    bar.set_position(0);
    Ok((Counted { file, bar: bar.clone() }, meta.len()))
}

fn read(response: Response) -> Result<Answer, reqwest::Error> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    response.text().map(|text| Answer { status, headers, text })
}

fn unreachable(error: &reqwest::Error, server: &Url, place: &str) -> Failure {
    let what = if error.is_timeout() {
        "The server does not answer in time.".to_owned()
    } else {
        format!("The server cannot be reached: {}.", chain(error))
    };
    let address = server.origin().ascii_serialization();
    let next = format!("Check that it runs at {address} (`venn serve`), or give another --server.");
    Failure::new(Exit::Unreachable, what, next).at(place)
}

/// The innermost reason; the outer ones repeat the address, which is told apart.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn idempotency_key() -> Result<String, Failure> {
    let mut bytes = [0_u8; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::unexpected(format!("The system gives no random numbers: {error}."))
    })?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests;
