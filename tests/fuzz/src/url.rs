//! The URL and the allow-list against other parsers.
//!
//! Four lines: a rule's host, port and path, and a URL, which may have line feeds. What
//! we take, the URL standard and the HTTP client take for the same place; and what the
//! rule lets through is what a second reading of the rule, on the standard's parts, lets
//! through. So what is decided on is what is dialled. `url` has the standard with the
//! IDNA that we use too; in long runs ada, in C++, shares no line with us.
use ::url::Url;
use venn_domain::egress::{EgressRule, Target};

/// A URL as somebody else read it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    scheme: String,
    host: String,
    port: u16,
    path: String,
    query: String,
}

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(4, '\n');
    let (Some(host), Some(port), Some(path), Some(url)) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(bad) => return assert!(!bad.0.is_empty()),
    };
    let ours = Seen {
        scheme: target.scheme.to_owned(),
        host: target.host.clone(),
        port: target.port,
        path: target.path.clone(),
        query: query(target.query.as_deref().unwrap_or_default()),
    };
    // As it was written, and as it goes into the request, the log and the audit.
    let canonical = target.to_string();
    for text in [url, &canonical] {
        #[cfg(feature = "libfuzzer")]
        assert_eq!(ada(text).as_ref(), Some(&ours), "ada reads another place in {text:?}");
        assert_eq!(whatwg(text).as_ref(), Some(&ours), "`url` reads another place in {text:?}");
    }
    assert_eq!(client(&canonical), Some(ours), "the client dials another place: {canonical:?}");
    assert_eq!(Target::parse(&canonical), Ok(target.clone()), "not canonical: {canonical:?}");

    let rule = EgressRule {
        host: host.to_owned(),
        port: port.parse().unwrap_or(443),
        methods: Vec::new(),
        paths: if path.is_empty() { Vec::new() } else { vec![path.to_owned()] },
    };
    if rule.check().is_err() {
        return;
    }
    let expected = whatwg(url).is_some_and(|seen| allowed(host, rule.port, path, &seen));
    for (method, known) in [("GET", true), ("CONNECT", false), ("get", false)] {
        assert_eq!(rule.allows(method, &target), known && expected, "{method} {url:?} by {rule:?}");
    }
}

/// The rule read a second time: label by label and segment by segment.
fn allowed(host: &str, port: u16, path: &str, seen: &Seen) -> bool {
    let host = match host.strip_prefix("*.") {
        None => seen.host == host,
        Some(base) => {
            let rest = seen.host.split_once('.').map(|(_, rest)| rest);
            rest == Some(base) && psl::domain_str(&seen.host).is_some()
        }
    };
    let there: Vec<_> = seen.path.split('/').collect();
    let below = path.ends_with('/');
    let prefix: Vec<_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let long_enough = there.len() >= prefix.len() + usize::from(below);
    let path = path.is_empty() || long_enough && there.starts_with(&prefix);
    host && path && seen.scheme == "https" && seen.port == port
}

#[cfg(feature = "libfuzzer")]
fn ada(text: &str) -> Option<Seen> {
    let url = ada_url::Url::parse(text, None).ok()?;
    let scheme = url.protocol().trim_end_matches(':').to_owned();
    let port = url.port().parse().ok().or_else(|| usual(&scheme))?;
    let query = query(url.search().strip_prefix('?').unwrap_or_default());
    let bare = url.username().is_empty() && url.password().is_empty() && url.hash().is_empty();
    let (host, path) = (name(url.hostname()), url.pathname().to_owned());
    bare.then_some(Seen { scheme, host, port, path, query })
}

fn whatwg(text: &str) -> Option<Seen> {
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    bare.then_some(Seen {
        scheme: url.scheme().to_owned(),
        host: name(url.domain()?),
        port: url.port_or_known_default()?,
        path: url.path().to_owned(),
        query: query(url.query().unwrap_or_default()),
    })
}

/// What hyper is given, and dials.
fn client(text: &str) -> Option<Seen> {
    let uri: http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?.to_owned();
    Some(Seen {
        host: uri.host()?.to_owned(),
        port: uri.port_u16().or_else(|| usual(&scheme))?,
        path: uri.path().to_owned(),
        query: query(uri.query().unwrap_or_default()),
        scheme,
    })
}

fn usual(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// The root's dot makes no other host.
fn name(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_owned()
}

/// The one character of a query that the standard writes as `%27`, and we as it came.
fn query(text: &str) -> String {
    text.replace("%27", "'")
}
