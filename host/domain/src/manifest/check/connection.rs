//! What must hold of the connections that a manifest asks for: which header a
//! credential may stand in, which origin it goes to, where its tokens come from.
use std::collections::HashSet;

use super::{List, SENTENCE_CHARS, TITLE_CHARS};
use crate::{
    account::check_key,
    egress::{EgressRule, Target, customer_host::CustomerHost, header, rule::host_covers},
    manifest::{ConnectionKind, ConnectionRequest, Manifest, OauthRequest},
};

/// Headers that mean something else than "who is calling".
const NOT_FOR_CREDENTIALS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-type",
    "cookie",
    "user-agent",
    header::CONNECTION,
];

/// What a request for leave says itself; a parameter of the manifest's must not.
const OWN_PARAMETERS: [&str; 12] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "registration",
];

impl Manifest {
    pub(super) fn check_connections(&self, list: &mut List) {
        list.count("connections", self.connections.len());
        let mut seen = HashSet::new();
        for (index, request) in self.connections.iter().enumerate() {
            let place = format!("connections[{index}]");
            if let Err(error) = check_key(&request.name) {
                list.add(format!("{place}.name"), error.to_string(), "Choose another name");
            }
            if !seen.insert(&request.name) {
                list.add(format!("{place}.name"), "the name stands twice", "Choose another name");
            }
            list.text(format!("{place}.title"), &request.title, TITLE_CHARS);
            self.check_credential_host(request, &place, list);
            self.check_customer_field(&place, &request.host, list);
            check_credential_header(request, &place, list);
            match &request.oauth {
                Some(oauth) if request.kind.is_oauth() => {
                    self.check_oauth(request, oauth, &format!("{place}.oauth"), list);
                }
                Some(_) => {
                    let reason =
                        format!("a connection of the kind `{}` has no tokens", request.kind.name());
                    list.add(format!("{place}.oauth"), reason, "Leave it out, or correct the kind");
                }
                None if request.kind.is_oauth() => {
                    let next = "Add it with `token_endpoint`; docs/manifest.md describes it";
                    list.add(format!("{place}.oauth"), "it is missing", next);
                }
                None => {}
            }
        }
    }

    fn check_credential_host(&self, request: &ConnectionRequest, place: &str, list: &mut List) {
        let place = format!("{place}.host");
        let reached =
            |rule: &EgressRule| rule.port == 443 && host_covers(&rule.host, &request.host);
        if request.host.starts_with("*.") {
            let reason = "a credential goes to one exact host, never to a wildcard";
            list.add(place, reason, "Name the host");
        } else if request.kind == ConnectionKind::BackendKey
            && CustomerHost::parse(&request.host).is_some()
        {
            let reason = "a key of yours never goes to a host that a customer chooses";
            list.add(place, reason, "Name the host of your backend");
        } else if !self.egress.iter().any(|egress| reached(&egress.rule)) {
            let reason = "it is not one of the egress hosts at port 443";
            list.add(place, reason, "Name it under `egress` too");
        }
    }

    fn check_oauth(
        &self,
        request: &ConnectionRequest,
        oauth: &OauthRequest,
        place: &str,
        list: &mut List,
    ) {
        let with_person = request.kind == ConnectionKind::Oauth2;
        self.check_endpoint(&oauth.token_endpoint, "POST", format!("{place}.token_endpoint"), list);
        let authorization = format!("{place}.authorization_endpoint");
        match &oauth.authorization_endpoint {
            Some(url) if with_person => self.check_endpoint(url, "GET", authorization, list),
            Some(_) => {
                let reason = "nobody is asked with `client-credentials`";
                list.add(authorization, reason, "Leave it out, or correct the kind");
            }
            None if with_person => {
                let next = "Add the page at which people say yes";
                list.add(authorization, "it is missing", next);
            }
            None => {}
        }
        if let Some(issuer) = &oauth.issuer
            && !Target::parse(issuer).is_ok_and(|issuer| issuer.scheme == "https")
        {
            let next = "Write it as the service's metadata has it";
            list.add(format!("{place}.issuer"), "it is not an `https` URL", next);
        }
        for (index, scope) in oauth.scopes.iter().enumerate() {
            let is_sound = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            if scope.is_empty() || scope.len() > SENTENCE_CHARS || !scope.bytes().all(is_sound) {
                let reason = "it is not one scope: visible ASCII without blanks, `\"` and `\\`";
                list.add(format!("{place}.scopes[{index}]"), reason, "Write one scope an entry");
            }
        }
        list.count(&format!("{place}.scopes"), oauth.scopes.len());
        list.count(&format!("{place}.parameters"), oauth.parameters.len());
        for (name, value) in &oauth.parameters {
            let at = format!("{place}.parameters.{name}");
            // Some services do not tell `STATE` from `state`.
            let is_own = OWN_PARAMETERS.iter().any(|own| own.eq_ignore_ascii_case(name));
            if !with_person || is_own {
                let reason = "the host says this itself, or asks nobody";
                list.add(at, reason, "Leave it out");
            } else {
                list.text(at, value, SENTENCE_CHARS);
            }
        }
    }

    /// An endpoint is under the same approval and grant as every destination.
    fn check_endpoint(&self, url: &str, method: &str, place: String, list: &mut List) {
        let target = match Target::parse(url) {
            Ok(target) if target.scheme == "https" && target.port == 443 => target,
            Ok(_) => return list.add(place, "it is not `https` at port 443", "Correct it"),
            Err(error) => return list.add(place, error.to_string(), "Correct it"),
        };
        if url.contains(['?', '#']) {
            let next = "Write fixed parameters of the first page under `parameters`";
            list.add(place, "it has a query", next);
        } else if !self.egress.iter().any(|egress| egress.rule.allows(method, &target)) {
            let reason = format!("no `egress` entry allows {method} there");
            list.add(
                place,
                reason,
                "Name it under `egress` too: a reviewer and each customer see it",
            );
        }
    }
}

fn check_credential_header(request: &ConnectionRequest, place: &str, list: &mut List) {
    let name = request.header.as_str();
    if header::check(name, request.prefix.as_bytes()).is_err() || name.len() > TITLE_CHARS {
        let reason = "header and prefix do not make a sound HTTP header";
        list.add(format!("{place}.header"), reason, "Correct them");
    } else if name.bytes().any(|b| b.is_ascii_uppercase()) {
        list.add(format!("{place}.header"), "it has upper-case letters", "Write it in lower case");
    } else if header::is_reserved(name) || NOT_FOR_CREDENTIALS.contains(&name) {
        let reason = format!("the header `{name}` cannot carry a credential");
        let next = "Use `authorization` or the header that the service documents";
        list.add(format!("{place}.header"), reason, next);
    }
    if request.prefix.len() > TITLE_CHARS || !request.prefix.is_ascii() {
        let next = "Correct it, for example `Bearer `";
        list.add(format!("{place}.prefix"), "it is not short plain ASCII", next);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::manifest::tests::GOOD;

    const EGRESS: &str = r#"
[[egress]]
host = "login.example.com"
methods = ["GET", "POST"]
paths = ["/oauth"]
reason = "Where people say yes."
data = "None."
retention = "None."

[[faults]]
code = "crm-unauthorized""#;

    const OAUTH: &str = r#"kind = "oauth2"
oauth = { authorization_endpoint = "https://login.example.com/oauth/authorize", token_endpoint = "https://login.example.com/oauth/token", scopes = ["crm.read"], parameters = { access_type = "offline" } }"#;

    /// [`GOOD`] with a connection by OAuth, one text in another's place.
    fn told(from: &str, to: &str) -> Vec<String> {
        let text = GOOD.replacen("kind = \"api-key\"", OAUTH, 1).replacen(
            "[[faults]]\ncode = \"crm-unauthorized\"",
            EGRESS,
            1,
        );
        assert!(text.contains(from), "{from}");
        let read = Manifest::parse_toml(&text.replacen(from, to, 1));
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_wrong_with_where_tokens_come_from_is_told_whole() {
        assert_eq!(told("oauth", "oauth"), Vec::<String>::new());
        let next = "Name it under `egress` too: a reviewer and each customer see it";
        let at = "connections[0].oauth";
        let cases = [
            (
                "https://login.example.com/oauth/token",
                "https://evil.example.com/token",
                format!("{at}.token_endpoint: no `egress` entry allows POST there. {next}"),
            ),
            (
                "https://login.example.com/oauth/token",
                "http://login.example.com/oauth/token",
                format!("{at}.token_endpoint: it is not `https` at port 443. Correct it"),
            ),
            (
                "https://login.example.com/oauth/token",
                "https://login.example.com/oauth/token?x=1",
                format!(
                    "{at}.token_endpoint: it has a query. Write fixed parameters of the first page under `parameters`"
                ),
            ),
            (
                "https://login.example.com/oauth/authorize",
                "https://other.example.com/",
                format!("{at}.authorization_endpoint: no `egress` entry allows GET there. {next}"),
            ),
            (
                "authorization_endpoint = \"https://login.example.com/oauth/authorize\", ",
                "",
                format!(
                    "{at}.authorization_endpoint: it is missing. Add the page at which people say yes"
                ),
            ),
            (
                "methods = [\"GET\", \"POST\"]\npaths = [\"/oauth\"]",
                "methods = [\"GET\"]\npaths = [\"/oauth\"]",
                format!("{at}.token_endpoint: no `egress` entry allows POST there. {next}"),
            ),
            (
                "access_type",
                "redirect_uri",
                format!(
                    "{at}.parameters.redirect_uri: the host says this itself, or asks nobody. Leave it out"
                ),
            ),
            (
                "crm.read",
                "crm.read crm.write",
                format!(
                    "{at}.scopes[0]: it is not one scope: visible ASCII without blanks, `\"` and `\\`. Write one scope an entry"
                ),
            ),
            (
                "kind = \"oauth2\"",
                "kind = \"basic\"",
                format!(
                    "{at}: a connection of the kind `basic` has no tokens. Leave it out, or correct the kind"
                ),
            ),
            (
                "kind = \"oauth2\"",
                "kind = \"client-credentials\"",
                format!(
                    "{at}.authorization_endpoint: nobody is asked with `client-credentials`. Leave it out, or correct the kind"
                ),
            ),
        ];
        for (from, to, whole) in cases {
            assert_eq!(told(from, to).first(), Some(&whole), "{from} -> {to}");
        }
    }

    #[test]
    fn a_publishers_key_never_goes_to_a_host_that_a_customer_chooses() {
        let text = GOOD
            .replacen(
                "kind = \"api-key\"\nhost = \"api.hubapi.com\"",
                "kind = \"backend-key\"\nhost = \"{portal}.hubapi.com\"",
                1,
            )
            .replacen(
                "host = \"api.hubapi.com\"\nmethods",
                "host = \"{portal}.hubapi.com\"\nmethods",
                1,
            );
        let told: Vec<_> =
            Manifest::parse_toml(&text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "connections[0].host: a key of yours never goes to a host that a customer chooses. Name the host of your backend"
            ]
        );
    }

    #[test]
    fn a_manifest_without_tokens_has_the_bytes_that_it_always_had() {
        let bytes = Manifest::parse_toml(GOOD).unwrap().to_json();
        assert!(
            !String::from_utf8(bytes).unwrap().contains("oauth"),
            "a signature is over these bytes"
        );
    }
}
