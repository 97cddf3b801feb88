//! "Why not?": for one account, how its pairing came out, in plain language.
//!
//! Doesn't decide anything: it runs the same rules again on the account's domain
//! and reads the result. Reasons name accounts by id, so the caller decides
//! whose ids a reader may see before showing them.
//!
//! To add a reason: a variant of [`Reason`], its sentence in `Display`, and the
//! place in `compared_with` or `explain` where it arises.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::decision::LiveDecisions;
use crate::entry::{Entry, Side};
use crate::evidence::{DomainPairing, Pair, Rule};
use crate::host::NoDomain;
use crate::pair::pair_domain;
use crate::similar::{SIMILAR_ACCOUNTS_MAX, SIMILAR_MIN_PERMILLE, similarity_permille};

/// How many accounts of the other side are gone through one by one: a reader
/// looks at the first few; the rest is a number.
const COMPARED_MAX: usize = 20;

/// One reason; the most telling ones come first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// It is paired.
    Paired {
        /// The pair.
        pair: Box<Pair>,
        /// The account on the other side.
        with: Arc<str>,
    },
    /// A person tied it to an account of another domain.
    TiedByPerson {
        /// The account on the other side.
        with: Arc<str>,
    },
    /// It has no registrable domain.
    NoDomain {
        /// Why not.
        why: NoDomain,
        /// The host, if the website has one.
        host: Option<String>,
    },
    /// The other side has no account on its domain.
    NoCounterpart {
        /// The registrable domain.
        domain: String,
    },
    /// A person said that these two are never one company.
    RejectedByPerson {
        /// The account on the other side.
        with: Arc<str>,
    },
    /// The other one was paired before this one's turn.
    PairedFirst {
        /// The account on the other side.
        with: Arc<str>,
        /// The account on this side that got it.
        instead: Arc<str>,
        /// The rule that paired those.
        rule: Rule,
    },
    /// Free, but the names aren't similar enough.
    BelowThreshold {
        /// The account on the other side.
        with: Arc<str>,
        /// How similar, in thousandths.
        similarity_permille: u16,
        /// What it takes.
        threshold_permille: u16,
    },
    /// Free, but on a hosting domain only an equal name pairs.
    NameMustMatch {
        /// The account on the other side.
        with: Arc<str>,
        /// The registrable domain.
        domain: String,
    },
    /// Too many leftovers on the domain to compare all names.
    NotCompared {
        /// The account on the other side.
        with: Arc<str>,
        /// How many of a side are compared.
        accounts_max: usize,
    },
    /// There are more accounts on this domain than were gone through.
    MoreAccounts {
        /// How many more.
        more: usize,
    },
}

/// The answer for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The account.
    pub account: Arc<str>,
    /// Never empty.
    pub reasons: Vec<Reason>,
}

/// Explains one account. `left` and `right` are all accounts of its registrable
/// domain (both empty if it has none); `account` is one of them, on `side`.
pub fn explain(
    account: &Entry,
    side: Side,
    left: &[Entry],
    right: &[Entry],
    decisions: &LiveDecisions,
) -> Explanation {
    let answer = |reasons| Explanation { account: Arc::clone(account.id()), reasons };
    let others = match side {
        Side::Left => right,
        Side::Right => left,
    };
    let pairing = pair_domain(left, right, decisions);
    if let Some(pair) = pairing.pairs.iter().find(|pair| id_of(pair, side) == account.id()) {
        let with = Arc::clone(id_of(pair, side.other()));
        return answer(vec![Reason::Paired { pair: Box::new(pair.clone()), with }]);
    }
    if let Some(with) = decisions.tied(side, account.id()) {
        return answer(vec![Reason::TiedByPerson { with: Arc::clone(with) }]);
    }
    let domain = match account.registrable() {
        Ok(domain) => domain.to_owned(),
        Err(why) => {
            let host = account.host().map(str::to_owned);
            return answer(vec![Reason::NoDomain { why, host }]);
        }
    };
    if others.is_empty() {
        return answer(vec![Reason::NoCounterpart { domain }]);
    }
    answer(compared_with_all(account, side, others, &pairing, decisions))
}

fn compared_with_all(
    account: &Entry,
    side: Side,
    others: &[Entry],
    pairing: &DomainPairing,
    decisions: &LiveDecisions,
) -> Vec<Reason> {
    let mut sorted: Vec<(u16, &Entry)> =
        others.iter().map(|other| (similarity_permille(account, other), other)).collect();
    // The closest first: that is the one that people ask about.
    sorted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id().cmp(b.1.id())));
    let mut reasons: Vec<Reason> = sorted
        .iter()
        .take(COMPARED_MAX)
        .map(|(similarity, other)| {
            compared_with(account, side, other, *similarity, pairing, decisions)
        })
        .collect();
    let more = sorted.len().saturating_sub(COMPARED_MAX);
    if more > 0 {
        reasons.push(Reason::MoreAccounts { more });
    }
    reasons
}

fn compared_with(
    account: &Entry,
    side: Side,
    other: &Entry,
    similarity_permille: u16,
    pairing: &DomainPairing,
    decisions: &LiveDecisions,
) -> Reason {
    let with = Arc::clone(other.id());
    let (left, right) = match side {
        Side::Left => (account, other),
        Side::Right => (other, account),
    };
    if decisions.is_rejected(left.id(), right.id()) {
        return Reason::RejectedByPerson { with };
    }
    if let Some(pair) = pairing.pairs.iter().find(|pair| id_of(pair, side.other()) == other.id()) {
        let instead = Arc::clone(id_of(pair, side));
        return Reason::PairedFirst { with, instead, rule: pair.evidence.rule };
    }
    if let Some(instead) = decisions.tied(side.other(), other.id()) {
        return Reason::PairedFirst { with, instead: Arc::clone(instead), rule: Rule::Linked };
    }
    if account.name_must_match() || other.name_must_match() {
        let domain = account.registrable().unwrap_or_default().to_owned();
        return Reason::NameMustMatch { with, domain };
    }
    if similarity_permille >= SIMILAR_MIN_PERMILLE {
        return Reason::NotCompared { with, accounts_max: SIMILAR_ACCOUNTS_MAX };
    }
    Reason::BelowThreshold { with, similarity_permille, threshold_permille: SIMILAR_MIN_PERMILLE }
}

fn id_of(pair: &Pair, side: Side) -> &Arc<str> {
    match side {
        Side::Left => &pair.left,
        Side::Right => &pair.right,
    }
}

impl fmt::Display for NoDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWebsite => "The account has no website.",
            Self::Unreadable => "The website isn't a web address.",
            Self::IpAddress => {
                "The website is an IP address, which says nothing about the company."
            }
            Self::BareSuffix => {
                "The website is a public suffix, under which anybody may have a domain."
            }
            Self::PrivateName => {
                "The website is a name that is only known inside a private network."
            }
            Self::FreeMail => "The website is a free-mail domain, which many companies use.",
            Self::SharedHost => "The website is a page on a host where many companies have one.",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linked => "a person linked them",
            Self::Confirmed => "a person confirmed them",
            Self::HostAndName => "equal host and equal name",
            Self::Host => "equal host",
            Self::Name => "equal name on the same domain",
            Self::Similar => "similar names on the same domain",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paired { pair, with } => write!(f, "Paired with {with}: {}.", pair.evidence.rule),
            Self::TiedByPerson { with } => {
                write!(f, "Paired with {with}: a person tied them, across domains.")
            }
            Self::NoDomain { why, host: Some(host) } => write!(f, "{why} ({host})"),
            Self::NoDomain { why, host: None } => write!(f, "{why}"),
            Self::NoCounterpart { domain } => {
                write!(f, "The other side has no account on {domain}.")
            }
            Self::RejectedByPerson { with } => {
                write!(
                    f,
                    "Not paired with {with}: a person said that they are different companies."
                )
            }
            Self::PairedFirst { with, instead, rule } => {
                write!(f, "{with} is paired with {instead} already: {rule}.")
            }
            Self::BelowThreshold { with, similarity_permille, threshold_permille } => write!(
                f,
                "The name of {with} is too different: {} % similar, {} % needed.",
                percent(*similarity_permille),
                percent(*threshold_permille)
            ),
            Self::NameMustMatch { with, domain } => write!(
                f,
                "Many companies have a page on {domain}; there only an equal name counts, and the name of {with} differs."
            ),
            Self::NotCompared { with, accounts_max } => write!(
                f,
                "{with} has a similar name, but more than {accounts_max} accounts of a side are left over on this domain, and only the first {accounts_max} are compared."
            ),
            Self::MoreAccounts { more } => {
                write!(f, "{more} more accounts of the other side on this domain are less similar.")
            }
        }
    }
}

/// Thousandths as a percentage with one digit, without rounding up to equality.
fn percent(permille: u16) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, reason) in self.reasons.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}
