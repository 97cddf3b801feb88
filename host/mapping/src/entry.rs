//! One account, ready to be paired: all that is costly is computed here, once.
//!
//! Holds no stage, owner or amount: pairing must not depend on them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::host::{Host, NoDomain};
use crate::name::NameKey;
use crate::shared_host;

/// Which of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The first list.
    Left,
    /// The second list.
    Right,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// One account of one side. The id is unique within its side.
///
/// The id is `Arc<str>`: it returns in pairs, leftovers and explanations, which
/// outlive the entries, and none of them should copy the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: Arc<str>,
    host: Option<Host>,
    domain: Result<(), NoDomain>,
    name: NameKey,
    name_must_match: bool,
}

impl Entry {
    /// Normalises name and website.
    pub fn new(id: &str, name: &str, website: Option<&str>) -> Self {
        let name = NameKey::of(name);
        let host = website.map_or(Err(NoDomain::NoWebsite), Host::parse);
        let mut name_must_match = false;
        let mut domain =
            host.as_ref().map_err(|why| *why).and_then(|host| host.registrable().map(|_| ()));
        if let Ok(host) = &host
            && let Ok(registrable) = host.registrable()
            && let Some(shared) = shared_host::covering(host.as_str(), registrable)
        {
            if shared.is_owned_by(name.words()) {
                name_must_match = true;
            } else {
                domain = Err(shared.kind);
            }
        }
        Self { id: Arc::from(id), host: host.ok(), domain, name, name_must_match }
    }

    /// The id that the caller gave.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The host, if the website has one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_ref().map(Host::as_str)
    }

    pub(crate) fn host_shared(&self) -> Option<Arc<str>> {
        self.host.as_ref().map(Host::shared)
    }

    /// The registrable domain under which this account is paired.
    pub fn registrable(&self) -> Result<&str, NoDomain> {
        self.domain?;
        self.host.as_ref().map_or(Err(NoDomain::NoWebsite), Host::registrable)
    }

    /// The name's key.
    pub fn name(&self) -> &NameKey {
        &self.name
    }

    /// Whether the account is the owner of a hosting or free-mail domain, where
    /// only an equal name pairs.
    pub fn name_must_match(&self) -> bool {
        self.name_must_match
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;
    use crate::host::NoDomain;

    #[test]
    fn a_page_on_somebody_elses_host_is_nobodys_domain_but_the_owners() {
        let domain = |name: &str, website: &str| {
            let entry = Entry::new("1", name, Some(website));
            (entry.registrable().map(str::to_owned), entry.name_must_match())
        };
        let own = |domain: &str| (Ok(domain.to_owned()), true);
        assert_eq!(
            domain("Acme", "https://www.facebook.com/acme"),
            (Err(NoDomain::SharedHost), false)
        );
        assert_eq!(domain("Facebook", "https://www.facebook.com/"), own("facebook.com"));
        assert_eq!(domain("GitHub, Inc.", "github.com"), own("github.com"));
        assert_eq!(domain("Githubber", "github.com/x"), (Err(NoDomain::SharedHost), false));
        assert_eq!(domain("Acme", "acme@gmail.com"), (Err(NoDomain::FreeMail), false));
        assert_eq!(domain("Acme", "yahoo.de"), (Err(NoDomain::FreeMail), false));
        assert_eq!(domain("Acme", "sites.google.com/acme"), (Err(NoDomain::SharedHost), false));
        assert_eq!(domain("Google Ads", "ads.google.com"), (Ok("google.com".to_owned()), false));
    }
}
