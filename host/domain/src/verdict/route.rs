//! From a verdict to the one step to its owner. Total: whatever the verdict
//! says, there is exactly one party that it goes to.
//!
//! To add a kind of route: a variant of [`RouteKind`], its arm in [`route`].
use serde::{Deserialize, Serialize};

use super::{Class, Kind, Owner, Verdict, names};
use crate::{manifest::Manifest, run::Claim};

/// What the one step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// The FAQ entry with the field to fix, shown to the customer.
    Faq,
    /// A link to the page where what is missing can be allowed.
    ApproveLink,
    /// A note on the third party's state; the publisher is told.
    StatusNote,
    /// The publisher's inbox, with a redacted bundle.
    PublisherInbox,
    /// The platform's inbox.
    PlatformInbox,
    /// The platform's triage queue, with a clock on it.
    Triage,
}

names!(RouteKind {
    Faq = "faq",
    ApproveLink = "approve-link",
    StatusNote = "status-note",
    PublisherInbox = "publisher-inbox",
    PlatformInbox = "platform-inbox",
    Triage = "triage"
});

/// What a customer reads first, and the field to fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaqEntry {
    /// The manifest's fault code, or one of the host's own.
    pub code: String,
    /// The heading.
    pub title: String,
    /// What to do.
    pub answer: String,
    /// The configuration field or connection to fix.
    pub field: Option<String>,
}

/// The one step to the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePlan {
    /// What it is.
    pub kind: RouteKind,
    /// Who is to act.
    pub to: Owner,
    /// Who is told, and need not act.
    pub also_tell: Vec<Owner>,
    /// For [`RouteKind::Faq`].
    pub faq: Option<FaqEntry>,
    /// One sentence for whom it goes to.
    pub text: String,
}

/// The one step that a verdict leads to.
pub fn route(verdict: &Verdict, manifest: &Manifest, claim: Option<&Claim>) -> RoutePlan {
    let (kind, to) = step(verdict.class, verdict.owner);
    let faq = (kind == RouteKind::Faq).then(|| faq(verdict, manifest, claim));
    let title = &manifest.title;
    let seen = verdict.evidence.first().map_or("nothing was seen", String::as_str);
    let text = match (kind, &faq) {
        (RouteKind::Faq, Some(entry)) => format!("{title} needs you: {}", entry.title),
        (RouteKind::ApproveLink, _) => {
            format!("{title} was kept from something: {seen}. {}", how_to_allow(to))
        }
        (RouteKind::StatusNote, _) => {
            format!("A service that {title} uses has a problem: {seen}")
        }
        (RouteKind::PlatformInbox, _) => format!("{title} met a fault of the platform: {seen}"),
        (RouteKind::Triage, _) => format!("{title} failed and the cause is not known: {seen}"),
        (RouteKind::PublisherInbox | RouteKind::Faq, _) => format!("{title} failed: {seen}"),
    };
    RoutePlan { kind, to, also_tell: also_tell(kind, to, verdict.kind), faq, text }
}

/// Who can allow what is missing, and by what command.
const fn how_to_allow(who: Owner) -> &'static str {
    match who {
        Owner::CustomerAdmin => {
            "You can allow it: `venn installs grant` widens what the install may do."
        }
        Owner::DataOwner => {
            "Your partner can allow it, in its sharing rules (`venn partner rules` there); ask it, or take the partnership out of the install's grant."
        }
        Owner::PlatformAdmin | Owner::Publisher => {
            "The platform can allow it, by approving more for the plugin; ask it."
        }
    }
}

fn step(class: Class, owner: Owner) -> (RouteKind, Owner) {
    match (class, owner) {
        (Class::CustomerConfig, _) => (RouteKind::Faq, Owner::CustomerAdmin),
        (Class::GrantMissing, Owner::CustomerAdmin | Owner::PlatformAdmin | Owner::DataOwner) => {
            (RouteKind::ApproveLink, owner)
        }
        (Class::ThirdParty, Owner::PlatformAdmin) => (RouteKind::StatusNote, owner),
        (Class::ThirdParty, _) => (RouteKind::StatusNote, Owner::Publisher),
        (Class::Plugin, Owner::Publisher) => (RouteKind::PublisherInbox, owner),
        (Class::Platform, Owner::PlatformAdmin) => (RouteKind::PlatformInbox, owner),
        // Unknown, or a pair that no rule makes: a person decides.
        (Class::Unknown | Class::GrantMissing | Class::Plugin | Class::Platform, _) => {
            (RouteKind::Triage, Owner::PlatformAdmin)
        }
    }
}

fn also_tell(kind: RouteKind, to: Owner, fault: Kind) -> Vec<Owner> {
    let mut told = Vec::new();
    if kind != RouteKind::Faq {
        // The customer sees one thread, whoever acts.
        told.push(Owner::CustomerAdmin);
    }
    if kind == RouteKind::StatusNote {
        told.push(Owner::Publisher);
    }
    if kind == RouteKind::PublisherInbox && fault == Kind::Security {
        told.push(Owner::PlatformAdmin);
    }
    told.retain(|owner| *owner != to);
    told
}

/// The manifest's entry for the claimed code, unless it is about another field
/// than the evidence; else the host's own for what it saw.
fn faq(verdict: &Verdict, manifest: &Manifest, claim: Option<&Claim>) -> FaqEntry {
    let written = claim.and_then(|claim| manifest.fault(&claim.code));
    let fits = written.filter(|entry| {
        entry.field.is_none() || verdict.field.is_none() || entry.field == verdict.field
    });
    if let Some(entry) = fits {
        return FaqEntry {
            code: entry.code.clone(),
            title: entry.title.clone(),
            answer: entry.answer.clone(),
            field: entry.field.clone().or_else(|| verdict.field.clone()),
        };
    }
    let field = verdict.field.clone();
    let name = field.as_deref().unwrap_or_default();
    let (code, title, answer) = if let Some(connection) =
        manifest.connections.iter().find(|connection| connection.name == name)
    {
        let title = &connection.title;
        let answer = format!(
            "The service did not accept the credential of {title}. Connect it again with one that \
             is valid and may do what the integration needs; what waits then runs by itself."
        );
        ("credential-refused", format!("Reconnect {title}"), answer)
    } else if field.is_some() {
        let answer = "The service refused a call that was made with this value. Correct it; what \
                      waits then runs by itself.";
        ("config-invalid", format!("Check the setting `{name}`"), answer.to_owned())
    } else {
        let answer = "The service refused a call that was made with the settings of this \
                      installation. Check them; what waits then runs by itself.";
        ("config-invalid", "Check the settings".to_owned(), answer.to_owned())
    };
    FaqEntry { code: code.to_owned(), title, answer, field }
}
