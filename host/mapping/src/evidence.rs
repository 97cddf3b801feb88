//! What pairing gives: pairs with their evidence, and the leftovers of a domain.
//!
//! Plain values without behaviour; the rules are in `pair.rs`.

use std::sync::Arc;

use serde::Serialize;

/// Why two accounts are one company. In the order in which rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A person linked them by hand; the domains may differ.
    Linked,
    /// A person confirmed the pair.
    Confirmed,
    /// Equal host and equal name.
    HostAndName,
    /// Equal host.
    Host,
    /// Equal name on the same registrable domain.
    Name,
    /// Names similar enough on the same registrable domain.
    Similar,
}

/// How far a pair is to be trusted; shown as *sure* or *likely*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A person said so, or the names are equal on one registrable domain.
    Sure,
    /// The host or a similar name speaks for it; the names differ.
    Likely,
}

impl Rule {
    /// The confidence that a rule gives. A host alone isn't sure: a group's
    /// brands and a vendor's products live on one host under different names.
    pub fn confidence(self) -> Confidence {
        match self {
            Self::Linked | Self::Confirmed | Self::HostAndName | Self::Name => Confidence::Sure,
            Self::Host | Self::Similar => Confidence::Likely,
        }
    }
}

/// What speaks for a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The rule that paired them.
    pub rule: Rule,
    /// The host of the left account.
    pub host_left: Option<Arc<str>>,
    /// The host of the right account.
    pub host_right: Option<Arc<str>>,
    /// How similar the names are, in thousandths; 1000 is equal. Always given,
    /// whatever the rule.
    pub similarity_permille: u16,
}

/// One account of the left side that is one account of the right side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Id on the left side.
    pub left: Arc<str>,
    /// Id on the right side.
    pub right: Arc<str>,
    /// The registrable domain; none for a pair that people made across domains.
    pub domain: Option<Arc<str>>,
    /// What speaks for it.
    pub evidence: Evidence,
    /// How far to trust it.
    pub confidence: Confidence,
}

/// The pairing of one registrable domain. All three lists are sorted by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DomainPairing {
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Left accounts without a counterpart, on a domain that both sides have.
    pub unpaired_left: Vec<Arc<str>>,
    /// Right accounts without a counterpart, on a domain that both sides have.
    pub unpaired_right: Vec<Arc<str>>,
}

impl DomainPairing {
    /// Whether there is nothing to say about the domain.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.unpaired_left.is_empty() && self.unpaired_right.is_empty()
    }
}
