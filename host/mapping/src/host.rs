//! Website text, as people type it into a CRM, to a host and its registrable
//! domain.
//!
//! Takes a URL (scheme, user, port, path), a bare host, an e-mail address, or
//! several of them (the first counts). Gives a lower-case host in A-label form
//! with one leading `www.` left out, and the registrable domain by the Public
//! Suffix List with its private section. A bare suffix (`co.uk`, `github.io`),
//! an IP address and a private network name have no registrable domain.
//!
//! Doesn't resolve names, doesn't follow redirects, doesn't know which domains
//! belong to the same company. Free mail and hosting: see `shared_host.rs`.
//!
//! To understand one more way of writing a website: add a step to `bare_host`
//! and a line to the table in the tests.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use idna::AsciiDenyList;
use serde::{Deserialize, Serialize};

/// Why an account has no registrable domain, and so can't be paired by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoDomain {
    /// The account has no website.
    NoWebsite,
    /// The text isn't a web address.
    Unreadable,
    /// The website is an IP address.
    IpAddress,
    /// The website is a public suffix (`co.uk`, `github.io`).
    BareSuffix,
    /// The website is a name of a private network (`crm.local`).
    PrivateName,
    /// The website is a free-mail domain (`gmail.com`).
    FreeMail,
    /// The website is a page on somebody else's host (`facebook.com/acme`).
    SharedHost,
}

/// A host, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    text: Arc<str>,
    /// Where the registrable domain begins in `text`: it is always a tail of it.
    domain_at: Result<u8, NoDomain>,
}

/// Top-level names that never reach the public DNS (RFC 2606, 6761, 6762 and
/// ICANN's reserved `internal`): equal text doesn't mean the same machine.
const PRIVATE_TLDS: [&str; 10] = [
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "private",
];

/// The longest host that the DNS allows; it also makes `domain_at` fit in a byte.
const HOST_BYTES_MAX: usize = 253;
/// The longest label that the DNS allows.
const LABEL_BYTES_MAX: usize = 63;

impl Host {
    /// Reads a website cell.
    pub fn parse(website: &str) -> Result<Self, NoDomain> {
        let Some(bare) = bare_host(website) else {
            return Err(NoDomain::NoWebsite);
        };
        if bare.starts_with('[') || bare.parse::<Ipv6Addr>().is_ok() {
            return Err(NoDomain::IpAddress);
        }
        let bare = without_port(bare).trim_end_matches('.');
        let ascii = idna::domain_to_ascii_cow(bare.as_bytes(), AsciiDenyList::URL)
            .map_err(|_| NoDomain::Unreadable)?;
        let ascii = ascii.trim_end_matches('.');
        if ends_in_number(ascii) {
            return Err(NoDomain::IpAddress);
        }
        if !is_dns_name(ascii) {
            return Err(NoDomain::Unreadable);
        }
        Ok(Self::of_dns_name(ascii))
    }

    fn of_dns_name(ascii: &str) -> Self {
        // `www.com` is a name of its own, `www.acme.com` isn't.
        let stripped =
            ascii.strip_prefix("www.").filter(|rest| domain_at(rest).is_ok()).unwrap_or(ascii);
        Self { text: Arc::from(stripped), domain_at: domain_at(stripped) }
    }

    /// The host: lower case, A-labels, without a leading `www.`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The registrable domain (`acme.co.uk` of `shop.acme.co.uk`).
    pub fn registrable(&self) -> Result<&str, NoDomain> {
        let at = self.domain_at?;
        self.text.get(usize::from(at)..).ok_or(NoDomain::Unreadable)
    }
}

/// Cuts scheme, user, path, query and fragment away; keeps a port.
fn bare_host(website: &str) -> Option<&str> {
    let first = website
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '|'))
        .find(|part| !part.is_empty())?;
    let rest = match first.split_once("://") {
        Some((_, rest)) => rest,
        None => first.trim_start_matches("mailto:").trim_start_matches('/'),
    };
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (!host.is_empty()).then_some(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// As browsers see it: a name whose last label is a number is an IPv4 address.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    host.parse::<Ipv4Addr>().is_ok()
        || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

fn is_dns_name(host: &str) -> bool {
    host.len() <= HOST_BYTES_MAX
        && host.contains('.')
        && host.split('.').all(|label| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

fn domain_at(host: &str) -> Result<u8, NoDomain> {
    let tld = host.rsplit('.').next().unwrap_or(host);
    if PRIVATE_TLDS.contains(&tld) {
        return Err(NoDomain::PrivateName);
    }
    // The list holds U-labels: so an A-label host is looked up as U-labels, and
    // the labels are counted back.
    let unicode: Cow<'_, str> = if host.contains("xn--") {
        Cow::Owned(idna::domain_to_unicode(host).0)
    } else {
        Cow::Borrowed(host)
    };
    let domain = psl::domain_str(&unicode).ok_or(NoDomain::BareSuffix)?;
    let labels = domain.split('.').count();
    let dots_before = unicode.split('.').count().saturating_sub(labels);
    let at = match dots_before {
        0 => 0,
        n => host.match_indices('.').nth(n - 1).map_or(0, |(at, _)| at + 1),
    };
    u8::try_from(at).map_err(|_| NoDomain::Unreadable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{Host, NoDomain};

    fn check(website: &str, host: &str, domain: Result<&str, NoDomain>) {
        let parsed = Host::parse(website).unwrap();
        assert_eq!((parsed.as_str(), parsed.registrable()), (host, domain), "{website}");
    }

    #[test]
    fn every_way_of_writing_a_website_gives_the_same_host() {
        for website in [
            "acme.com",
            "ACME.com.",
            "www.acme.com",
            "http://acme.com",
            "HTTPS://Acme.Com:443/a?b#c",
            "//acme.com/x",
            "https://user:secret@www.acme.com/",
            "info@acme.com",
            "mailto:info@acme.com",
            "acme.com/path",
            "acme.com; acme.de",
            " acme.com, acme.de ",
            "acme.com:8080",
            "https://acme.com\\x",
        ] {
            check(website, "acme.com", Ok("acme.com"));
        }
    }

    #[test]
    fn the_public_suffix_list_decides_with_its_private_section() {
        check("https://shop.acme.co.uk", "shop.acme.co.uk", Ok("acme.co.uk"));
        check("https://argoproj.github.io/", "argoproj.github.io", Ok("argoproj.github.io"));
        check("a.b.acme.github.io", "a.b.acme.github.io", Ok("acme.github.io"));
        check("github.io", "github.io", Err(NoDomain::BareSuffix));
        check("www.co.uk", "www.co.uk", Ok("www.co.uk"));
        check("co.uk", "co.uk", Err(NoDomain::BareSuffix));
        check("www.com", "www.com", Ok("www.com"));
        check("www.www.acme.com", "www.acme.com", Ok("acme.com"));
        check("crm.local", "crm.local", Err(NoDomain::PrivateName));
        check("acme.example", "acme.example", Ok("acme.example"));
    }

    #[test]
    fn international_names_compare_in_one_form() {
        check("https://www.Müller.de", "xn--mller-kva.de", Ok("xn--mller-kva.de"));
        check("shop.xn--mller-kva.de", "shop.xn--mller-kva.de", Ok("xn--mller-kva.de"));
        // An international suffix: `公司.cn` is one.
        check("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn", Ok("xn--85x722f.xn--55qx5d.cn"));
        check("公司.cn", "xn--55qx5d.cn", Err(NoDomain::BareSuffix));
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        for (website, why) in [
            ("", NoDomain::NoWebsite),
            ("  ", NoDomain::NoWebsite),
            ("https://", NoDomain::NoWebsite),
            ("n/a", NoDomain::Unreadable),
            ("localhost", NoDomain::Unreadable),
            ("a..b.com", NoDomain::Unreadable),
            ("acme%.com", NoDomain::Unreadable),
            ("10.0.0.1", NoDomain::IpAddress),
            ("http://10.1:80/", NoDomain::IpAddress),
            ("[::1]:80", NoDomain::IpAddress),
            ("2001:db8::1", NoDomain::IpAddress),
        ] {
            assert_eq!(Host::parse(website), Err(why), "{website}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_reading_the_host_again_changes_nothing(text in "\\PC{0,60}|[a-z.w:/@-]{0,30}") {
            if let Ok(host) = Host::parse(&text) {
                let again = Host::parse(host.as_str()).unwrap();
                let stripped = host.as_str().strip_prefix("www.").unwrap_or(host.as_str());
                proptest::prop_assert!(again == host || again.as_str() == stripped);
                if let Ok(domain) = host.registrable() {
                    proptest::prop_assert!(host.as_str().ends_with(domain));
                }
            }
        }
    }
}
