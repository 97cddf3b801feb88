//! One allowed destination, as a manifest asks for it, an admin approves it
//! and a customer grants it.
//!
//! Rules are compared as sets of calls: [`EgressRule::is_within`] and
//! [`EgressRule::and`] must agree with [`EgressRule::allows`]; the property
//! tests beside this file hold that.
use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{customer_host::CustomerHost, host, path, url::Target};

/// The methods that can be allowed. `CONNECT` and `TRACE` never are: the one
/// opens a tunnel, the other echoes credentials.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A host and what may be called there. Empty lists mean "any" for methods
/// (of the standard ones) and paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressRule {
    /// Exact host in canonical form; `*.` and a registrable domain or longer for
    /// exactly one more label; or `{field}.` and the like, where the customer's
    /// configuration says the label, and `{field}`, where it says the whole host.
    pub host: String,
    /// The port.
    #[serde(default = "https_port")]
    pub port: u16,
    /// Methods, upper case; empty for all standard ones.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path prefixes, each starting with `/`; empty for all. `/crm` allows
    /// `/crm` and what is below it; `/crm/` only what is below it.
    #[serde(default)]
    pub paths: Vec<String>,
}

const fn https_port() -> u16 {
    443
}

/// Why a rule is not sound, and in which member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct BadRule {
    /// For example `host` or `paths[1]`.
    pub member: String,
    /// What is wrong.
    pub reason: String,
}

impl EgressRule {
    /// Whether a call with this method to this target is allowed by this rule.
    pub fn allows(&self, method: &str, target: &Target) -> bool {
        METHODS.contains(&method)
            && (self.methods.is_empty() || self.methods.iter().any(|allowed| allowed == method))
            && target.scheme == "https"
            && target.port == self.port
            && host_covers(&self.host, &target.host)
            && (self.paths.is_empty()
                || self.paths.iter().any(|prefix| path_covers(prefix, &target.path)))
    }

    /// Whether everything this rule allows, `other` allows too.
    pub fn is_within(&self, other: &Self) -> bool {
        let mut methods: Box<dyn Iterator<Item = &str>> = if self.methods.is_empty() {
            Box::new(METHODS.into_iter())
        } else {
            Box::new(self.methods.iter().map(String::as_str))
        };
        let in_other = |method: &str| {
            other.methods.is_empty() && METHODS.contains(&method)
                || other.methods.iter().any(|allowed| allowed == method)
        };
        let below = |prefix: &str| {
            other.paths.is_empty() || other.paths.iter().any(|outer| path_covers(outer, prefix))
        };
        self.port == other.port
            && host_covers(&other.host, &self.host)
            && methods.all(in_other)
            && if self.paths.is_empty() { below("/") } else { self.paths.iter().all(|p| below(p)) }
    }

    /// What both rules allow, none if nothing.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        if self.port != other.port {
            return None;
        }
        let host = narrower_host(&self.host, &other.host)?.to_owned();
        let methods = intersect(&self.methods, &other.methods, |a, b| (a == b).then_some(a))?;
        let paths = intersect(&self.paths, &other.paths, |a, b| {
            if path_covers(b, a) { Some(a) } else { path_covers(a, b).then_some(b) }
        })?;
        Some(Self { host, port: self.port, methods, paths })
    }

    /// What is wrong with the rule by itself, all of it.
    pub fn check(&self) -> Result<(), Vec<BadRule>> {
        let mut problems = Vec::new();
        let mut bad = |member: String, reason: Cow<'_, str>| {
            problems.push(BadRule { member, reason: reason.into_owned() });
        };
        if let Err(reason) = check_host(&self.host) {
            bad("host".to_owned(), reason);
        }
        if self.port == 0 {
            bad("port".to_owned(), Cow::Borrowed("the port is 0"));
        }
        for (index, method) in self.methods.iter().enumerate() {
            if !METHODS.contains(&method.as_str()) {
                let reason = format!("the method is not one of {}", METHODS.join(", "));
                bad(format!("methods[{index}]"), reason.into());
            }
        }
        for (index, prefix) in self.paths.iter().enumerate() {
            if let Err(error) = path::check(prefix) {
                let reason = error.0.replacen("its path", "the path", 1);
                bad(format!("paths[{index}]"), reason.into());
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// Whether a rule's host (exact or one-label wildcard) covers another host,
/// which may be a wildcard itself.
pub fn host_covers(rule: &str, other: &str) -> bool {
    if rule == other {
        // An unsound wildcard covers nothing, wherever it came from.
        return rule.strip_prefix("*.").is_none_or(is_below_suffix);
    }
    let Some(base) = rule.strip_prefix("*.").filter(|base| is_below_suffix(base)) else {
        return false;
    };
    let label = other.strip_suffix(base).and_then(|head| head.strip_suffix('.'));
    // Below `*.kobe.jp` every single label is a public suffix of its own.
    label.is_some_and(|label| !label.is_empty() && label != "*" && !label.contains('.'))
        && is_below_suffix(other)
}

/// The narrower of two hosts, if one covers the other.
pub fn narrower_host<'a>(a: &'a str, b: &'a str) -> Option<&'a str> {
    if host_covers(b, a) { Some(a) } else { host_covers(a, b).then_some(b) }
}

/// Whether a name is a registrable domain or longer, not a public suffix.
pub(super) fn is_below_suffix(name: &str) -> bool {
    psl::domain_str(name).is_some()
}

/// Whether a prefix covers a path, on segment borders.
fn path_covers(prefix: &str, path: &str) -> bool {
    let on_border = |rest: &str| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/');
    prefix.starts_with('/') && path.strip_prefix(prefix).is_some_and(on_border)
}

/// Intersects two lists in which "empty" means "all"; none if nothing is left,
/// because an empty result would mean "all" again.
fn intersect<'a>(
    a: &'a [String],
    b: &'a [String],
    both: impl Fn(&'a String, &'a String) -> Option<&'a String>,
) -> Option<Vec<String>> {
    if a.is_empty() || b.is_empty() {
        return Some(if a.is_empty() { b.to_vec() } else { a.to_vec() });
    }
    let mut left: Vec<String> = Vec::new();
    for item in a.iter().flat_map(|a| b.iter().filter_map(|b| both(a, b)).collect::<Vec<_>>()) {
        if !left.contains(item) {
            left.push(item.clone());
        }
    }
    (!left.is_empty()).then_some(left)
}

/// Checks a host as a rule writes it; the reason in words if it is unsound.
fn check_host(text: &str) -> Result<(), Cow<'static, str>> {
    if text.contains(['{', '}']) {
        let plain = "a host that the customer completes is `{field}.example.com` or `{field}`";
        let place = CustomerHost::parse(text).ok_or(Cow::Borrowed(plain))?;
        return place.check().map_err(Cow::Owned);
    }
    let base = text.strip_prefix("*.");
    let name = base.unwrap_or(text);
    if name.contains(['*', ':', '/', '@', '%', '[', ']', '\\']) {
        return Err(Cow::Borrowed(
            "the host is not a plain name such as `api.example.com` or `*.example.com`",
        ));
    }
    let canonical = host::canonical(name).map_err(|error| error.0.replacen("its", "the", 1))?;
    if canonical != name {
        return Err(Cow::Owned(format!(
            "the host is not in its canonical form, which is `{}{canonical}`",
            if base.is_some() { "*." } else { "" }
        )));
    }
    if base.is_some() && !(is_below_suffix(name) && is_below_suffix(&format!("x.{name}"))) {
        return Err(Cow::Borrowed(
            "the wildcard covers a public suffix, where anyone can register a name",
        ));
    }
    Ok(())
}
