//! What may go out, and as which message: method, headers, framing, body.
//! Pure; the destination itself is decided by the authority.
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use venn_domain::{
    authority::Denial,
    egress::{Target, header},
    limits,
    manifest::ConnectionRequest,
};

use crate::{
    capability::Declined,
    ports::Secret,
    run::{core::Mode, stop::Stop},
    tape::entry::HttpRequest,
};

/// Through `wasi:http`, what `operation` is in `http.send`. The host strips it.
const OPERATION: &str = "venn-operation";

/// Methods with a meaning that we know. CONNECT and TRACE make no sense
/// through a guard, and a made-up one may mean anything to an old server.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Reads the method.
pub(super) fn method(text: &str, mode: Mode) -> Result<Method, Declined> {
    if !METHODS.contains(&text) {
        let why = format!("the method must be one of {}, in upper case", METHODS.join(", "));
        return Err(Declined::invalid(why));
    }
    if mode == Mode::Check && !matches!(text, "GET" | "HEAD") {
        let what = format!("method {text} in check()");
        let why = "check() may look (GET, HEAD) and not change anything";
        return Err(super::denial(what, why, "publisher").into());
    }
    Method::from_bytes(text.as_bytes()).map_err(|error| Declined::invalid(error.to_string()))
}

/// What a request says to the host, and not to the third party.
pub(super) struct Selected {
    pub(super) connection: Option<String>,
    pub(super) operation: Option<String>,
}

/// Names that tasks, pages and messages have; the key is hashed anyway.
const OPERATION_BYTES: usize = 512;

impl Selected {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Declined> {
        let connection = selected(request, request.connection.as_ref(), header::CONNECTION)?;
        let operation = selected(request, request.operation.as_ref(), OPERATION)?;
        if operation.as_ref().is_some_and(|text| text.is_empty() || text.len() > OPERATION_BYTES) {
            let why = format!("`operation` must have 1 to {OPERATION_BYTES} bytes");
            return Err(Declined::invalid(why));
        }
        Ok(Self { connection, operation })
    }
}

/// The one value of a header that is for the host, or the argument's.
fn selected(
    request: &HttpRequest,
    argument: Option<&String>,
    name: &str,
) -> Result<Option<String>, Declined> {
    let mut values = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let header = match values.next() {
        Some((_, value)) => Some(
            String::from_utf8(value.0.to_vec())
                .map_err(|_| Declined::invalid(format!("the header `{name}` is not UTF-8")))?,
        ),
        None => None,
    };
    let twice = values.next().is_some() || (header.is_some() && argument.is_some());
    if twice {
        return Err(Declined::invalid(format!("the header `{name}` stands more than once")));
    }
    Ok(header.or_else(|| argument.cloned()))
}

/// Whether a guest may set this header at all (`wasi:http` asks by name).
pub(crate) fn may_be_set(name: &str) -> bool {
    (!header::is_reserved(name) || is_tolerated(name)) && !header::is_override(name)
}

/// Reserved, and yet not refused: it is checked, or meant for the host.
fn is_tolerated(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case(OPERATION)
}

/// The header fields that go out, without what the host adds later.
pub(super) fn headers(
    request: &HttpRequest,
    target: &Target,
    connection: Option<&ConnectionRequest>,
) -> Result<HeaderMap, Declined> {
    let invalid = |error: header::BadHeader| Declined::invalid(error.to_string());
    header::check_all(request.headers.iter().map(|(name, value)| (name.as_str(), &*value.0)))
        .map_err(invalid)?;
    let lengths: Vec<&[u8]> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| &*value.0)
        .collect();
    header::check_content_length(&lengths, request.body.0.len() as u64).map_err(invalid)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        if is_tolerated(name) || name.eq_ignore_ascii_case(header::CONNECTION) {
            continue;
        }
        let shown: String = name.chars().take(80).collect();
        if header::is_reserved(name) {
            return Err(Declined::invalid(format!("the header `{shown}` is set by the host")));
        }
        if header::is_override(name) {
            let why = format!(
                "the header `{shown}` may make another request of this one; send that request itself"
            );
            return Err(Declined::invalid(why));
        }
        if connection.is_some_and(|c| header::owned_by_connection(name, &c.header)) {
            let why = format!("the header `{shown}` is set by the host where it adds a credential");
            return Err(Declined::invalid(why));
        }
        let bad = || Declined::invalid(format!("the header `{shown}` is malformed"));
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(&value.0).map_err(|_| bad())?;
        headers.append(field, value);
    }
    add_own(&mut headers, target, connection.is_some())?;
    Ok(headers)
}

fn add_own(headers: &mut HeaderMap, target: &Target, credential: bool) -> Result<(), Declined> {
    let origin = target.origin();
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let host = HeaderValue::from_str(host)
        .map_err(|_| Declined::invalid("the URL's host cannot stand in a header"))?;
    headers.insert(http::header::HOST, host);
    headers
        .entry(http::header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("venn/", env!("CARGO_PKG_VERSION"))));
    if credential {
        // A compressed echo of the credential could not be recognised.
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(())
}

/// The body's limit.
pub(super) fn body(request: &HttpRequest) -> Result<(), Declined> {
    if request.body.0.len() as u64 > limits::HTTP_BODY_BYTES {
        let limit = limits::HTTP_BODY_BYTES;
        return Err(Declined::limit(format!("http.body: a body has at most {limit} bytes")));
    }
    Ok(())
}

/// Adds the credential, marked so that nothing prints it.
pub(super) fn inject(
    headers: &mut HeaderMap,
    connection: &ConnectionRequest,
    secret: &Secret,
) -> Result<(), Declined> {
    let ours = |what: &str| {
        Declined::Stop(Stop::HostFailed(format!("connection {}: {what}", connection.name)))
    };
    let name = HeaderName::from_bytes(connection.header.as_bytes())
        .map_err(|_| ours("its header has no valid name"))?;
    let text = zeroize::Zeroizing::new(format!("{}{}", connection.prefix(), secret.expose()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| ours("its credential cannot stand in a header"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// A name that leads to an address which is not public.
pub(super) fn address_denial(method: &Method, target: &Target, why: &str) -> Denial {
    let what = format!("{method} {}", target.without_query());
    super::denial(what, &format!("the host cannot be called: {why}"), "publisher")
}
