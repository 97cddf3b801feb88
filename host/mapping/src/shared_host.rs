//! Domains that say nothing about who the company is: free mail, and hosts
//! where many companies have a page.
//!
//! # The rule
//! - An account whose website is such a domain has *no registrable domain*: a
//!   shared `gmail.com` or `facebook.com` never pairs two accounts.
//! - The owner of the domain is a company too. An account whose *name* begins
//!   with one of the owner's names (`Facebook`, `GitHub Copilot`) keeps the
//!   domain, but there only an equal name pairs: neither the host alone nor a
//!   similar name does.
//! - [`Scope::Exact`] covers the one host, so that `ads.google.com` is Google's
//!   while `sites.google.com` is anybody's. [`Scope::Below`] covers all hosts
//!   under the domain too, for those that give every user a sub-domain.
//! - A host that the Public Suffix List knows (`github.io`, `wixsite.com`) isn't
//!   listed: each sub-domain is a registrable domain already, and the bare
//!   suffix has none.
//!
//! Not a list of throw-away mail domains, and not complete: these are the ones
//! that stand in company lists.
//!
//! # How to add one
//! A line in [`TABLE`], in alphabetical order (a test holds it): domain, kind,
//! scope, and the owner's names as `NameKey` writes them.

use crate::host::NoDomain;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This host only.
    Exact,
    /// This host and everything under it.
    Below,
}

#[derive(Debug)]
pub(crate) struct SharedHost {
    domain: &'static str,
    pub(crate) kind: NoDomain,
    scope: Scope,
    owners: &'static [&'static str],
}

const fn mail(domain: &'static str, owners: &'static [&'static str]) -> SharedHost {
    SharedHost { domain, kind: NoDomain::FreeMail, scope: Scope::Exact, owners }
}

const fn page(domain: &'static str, owners: &'static [&'static str]) -> SharedHost {
    SharedHost { domain, kind: NoDomain::SharedHost, scope: Scope::Exact, owners }
}

const fn pages(domain: &'static str, owners: &'static [&'static str]) -> SharedHost {
    SharedHost { domain, kind: NoDomain::SharedHost, scope: Scope::Below, owners }
}

const TABLE: &[SharedHost] = &[
    mail("126.com", &["126", "netease"]),
    mail("163.com", &["163", "netease"]),
    pages("about.me", &["about me"]),
    pages("angel.co", &["angel", "angellist"]),
    mail("aol.com", &["aol"]),
    page("apps.apple.com", &["apple", "app store"]),
    pages("behance.net", &["behance"]),
    pages("bit.ly", &["bitly"]),
    pages("bitbucket.org", &["bitbucket"]),
    pages("bsky.app", &["bluesky"]),
    mail("btinternet.com", &["bt"]),
    pages("business.site", &["google"]),
    pages("calendly.com", &["calendly"]),
    page("codeberg.org", &["codeberg"]),
    mail("comcast.net", &["comcast"]),
    pages("crunchbase.com", &["crunchbase"]),
    page("discord.com", &["discord"]),
    page("discord.gg", &["discord"]),
    page("docs.google.com", &["google"]),
    pages("dribbble.com", &["dribbble"]),
    page("drive.google.com", &["google"]),
    pages("etsy.com", &["etsy"]),
    pages("facebook.com", &["facebook", "meta"]),
    mail("fastmail.com", &["fastmail"]),
    pages("fb.com", &["facebook", "meta"]),
    page("forms.gle", &["google"]),
    mail("free.fr", &["free"]),
    page("gist.github.com", &["github"]),
    page("github.com", &["github"]),
    page("gitlab.com", &["gitlab"]),
    mail("gmail.com", &["gmail", "google"]),
    mail("googlemail.com", &["gmail", "google"]),
    pages("gumroad.com", &["gumroad"]),
    mail("hey.com", &["hey"]),
    mail("hushmail.com", &["hushmail"]),
    mail("icloud.com", &["apple", "icloud"]),
    pages("instagram.com", &["instagram"]),
    pages("ko-fi.com", &["ko fi"]),
    mail("laposte.net", &["la poste"]),
    mail("libero.it", &["libero"]),
    pages("linkedin.com", &["linkedin"]),
    pages("linktr.ee", &["linktree"]),
    mail("live.co.uk", &["microsoft"]),
    mail("live.com", &["live", "microsoft"]),
    mail("live.de", &["microsoft"]),
    mail("live.fr", &["microsoft"]),
    mail("live.nl", &["microsoft"]),
    mail("mac.com", &["apple"]),
    mail("mail.com", &["mail com"]),
    mail("mail.ru", &["mail ru"]),
    mail("me.com", &["apple"]),
    pages("medium.com", &["medium"]),
    mail("msn.com", &["microsoft", "msn"]),
    mail("naver.com", &["naver"]),
    page("npmjs.com", &["npm"]),
    mail("orange.fr", &["orange"]),
    mail("outlook.com", &["microsoft", "outlook"]),
    mail("outlook.de", &["microsoft", "outlook"]),
    mail("outlook.fr", &["microsoft", "outlook"]),
    pages("patreon.com", &["patreon"]),
    page("pinterest.com", &["pinterest"]),
    page("play.google.com", &["google"]),
    page("plus.google.com", &["google"]),
    mail("pm.me", &["proton"]),
    mail("proton.me", &["proton"]),
    mail("protonmail.com", &["proton", "protonmail"]),
    mail("qq.com", &["qq", "tencent"]),
    mail("rediffmail.com", &["rediff", "rediffmail"]),
    mail("sbcglobal.net", &["at and t"]),
    mail("sina.com", &["sina"]),
    page("sites.google.com", &["google"]),
    pages("soundcloud.com", &["soundcloud"]),
    pages("sourceforge.net", &["sourceforge"]),
    pages("squarespace.com", &["squarespace"]),
    pages("substack.com", &["substack"]),
    mail("t-online.de", &["t online", "telekom"]),
    pages("t.co", &["twitter", "x"]),
    pages("t.me", &["telegram"]),
    pages("tiktok.com", &["tiktok"]),
    pages("tumblr.com", &["tumblr"]),
    mail("tutanota.com", &["tuta", "tutanota"]),
    pages("twitch.tv", &["twitch"]),
    pages("twitter.com", &["twitter", "x"]),
    mail("verizon.net", &["verizon"]),
    pages("vimeo.com", &["vimeo"]),
    mail("wanadoo.fr", &["orange", "wanadoo"]),
    mail("web.de", &["web de"]),
    pages("weebly.com", &["weebly"]),
    pages("wikipedia.org", &["wikimedia", "wikipedia"]),
    pages("x.com", &["twitter", "x"]),
    mail("yandex.com", &["yandex"]),
    mail("yandex.ru", &["yandex"]),
    pages("yelp.com", &["yelp"]),
    mail("ymail.com", &["yahoo"]),
    pages("youtu.be", &["youtube"]),
    pages("youtube.com", &["youtube"]),
    mail("zoho.com", &["zoho"]),
];

/// Free mail under the suffix of every country: `yahoo.co.jp`, `gmx.at`.
const ANY_COUNTRY: &[SharedHost] =
    &[mail("gmx", &["gmx"]), mail("hotmail", &["hotmail", "microsoft"]), mail("yahoo", &["yahoo"])];

/// The line that covers this host, if there is one.
pub(crate) fn covering(host: &str, registrable: &str) -> Option<&'static SharedHost> {
    let mut name = host;
    loop {
        if let Ok(at) = TABLE.binary_search_by(|line| line.domain.cmp(name))
            && let Some(line) = TABLE.get(at)
            && (line.scope == Scope::Below || name == host)
        {
            return Some(line);
        }
        match name.split_once('.') {
            Some((_, parent)) if name.len() > registrable.len() => name = parent,
            _ => break,
        }
    }
    let label = registrable.split('.').next().unwrap_or_default();
    ANY_COUNTRY.iter().find(|line| host == registrable && line.domain == label)
}

impl SharedHost {
    /// Whether a company of this name is the owner of the domain.
    pub(crate) fn is_owned_by(&self, name_words: &str) -> bool {
        self.owners.iter().any(|owner| {
            name_words
                .strip_prefix(owner)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::{TABLE, covering};
    use crate::host::Host;
    use crate::name::NameKey;

    #[test]
    fn the_table_is_sorted_and_written_as_the_keys_are() {
        let sorted = TABLE.windows(2).all(|two| two[0].domain < two[1].domain);
        let out =
            TABLE.windows(2).find(|two| two[0].domain >= two[1].domain).map(|two| two[1].domain);
        assert!(sorted, "out of order: {out:?}");
        for line in TABLE {
            let host = Host::parse(line.domain).unwrap();
            assert_eq!(host.as_str(), line.domain);
            assert!(host.registrable().is_ok(), "{} is a suffix: it needs no line", line.domain);
            for owner in line.owners {
                assert_eq!(NameKey::of(owner).words(), *owner);
            }
        }
    }

    #[test]
    fn scopes_cover_what_they_say() {
        let found = |host: &str| {
            let host = Host::parse(host).unwrap();
            covering(host.as_str(), host.registrable().unwrap()).map(|line| line.domain)
        };
        assert_eq!(found("sites.google.com"), Some("sites.google.com"));
        assert_eq!(found("ads.google.com"), None);
        assert_eq!(found("de-de.facebook.com"), Some("facebook.com"));
        assert_eq!(found("copilot.github.com"), None);
        assert_eq!(found("www.github.com"), Some("github.com"));
        assert_eq!(found("yahoo.co.jp"), Some("yahoo"));
        assert_eq!(found("search.yahoo.com"), None);
        assert_eq!(found("notgmail.com"), None);
    }
}
