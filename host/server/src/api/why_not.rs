//! "Why not?": how the pairing of one account of ours came out, in plain words.
//!
//! The answer is made of what the asker can see and of nothing else: our own
//! accounts, the partner's accounts that are shared, and the overlaps that both
//! make visible. An account that the partner hides and none at all give the
//! same answer, to the letter: `nothing-visible` with the text of [`neutral`].
//! That text never says that there is no counterpart, and never that there is one.
//!
//! Where the partner does not share names, a comparison of names says that it
//! did not match, without the figure: a figure would let a name be guessed.
use std::collections::{BTreeSet, HashSet};

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{AccountId, PartnershipId},
    organization::Need,
};
use venn_mapping::{Entry, Reason, Side, explain};
use venn_store::overlap::WhyNot;

use crate::{
    accesses::Read,
    api::{organization::resolve, partnership::no_answer},
    app::App,
    auth::Caller,
    body::QueryOf,
    error::ApiError,
    workers::pairing::{entry, live_decisions},
};

/// Which partner it is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhyNotQuery {
    /// A partnership's id.
    partnership: PartnershipId,
}

/// The answer for one account and one partner.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyNotView {
    /// The account of ours.
    account: AccountId,
    /// The partnership.
    partnership: PartnershipId,
    /// `paired`, `unpaired`, `no-domain` or `nothing-visible`.
    #[schemars(extend("enum" = ["paired", "unpaired", "no-domain", "nothing-visible"]))]
    answer: &'static str,
    /// One reason a line.
    text: String,
    /// The reasons one by one.
    details: Vec<DetailView>,
}

/// One reason.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct DetailView {
    /// A stable name, for example `below-threshold`.
    reason: &'static str,
    /// The partner's account that it is about, if it is about one.
    their_account: Option<String>,
    /// In plain words.
    text: String,
}

/// `GET …/accounts/{account}/why-not?partnership=…`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, account)): Path<(String, String)>,
    QueryOf(query): QueryOf<WhyNotQuery>,
) -> Result<Json<WhyNotView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let account: AccountId = account.parse()?;
    app.store.account(&org.id, &account).await?.ok_or_else(ApiError::not_found)?;
    let Some(known) = app.store.why_not(&org.id, &query.partnership, &account).await? else {
        return Err(no_answer(&app, &org.id, &query.partnership).await);
    };
    let (answer, details) = answer(&known);
    let (rows, fields) = told(&known, &details);
    let (subject, partnership) = (account.as_str(), Some(&query.partnership));
    let read = Read { action: "why-not.read", subject, rows, fields, partnership };
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    let partnership = query.partnership;
    let text = details.iter().map(|detail| detail.text.as_str()).collect::<Vec<_>>().join("\n");
    Ok(Json(WhyNotView { account, partnership, answer, text, details }))
}

/// How many of the partner's accounts the answer names, and which fields of them
/// it tells: the reasons are made of names, where these are shared.
fn told(known: &WhyNot, details: &[DetailView]) -> (usize, BTreeSet<String>) {
    let named: BTreeSet<&str> =
        details.iter().filter_map(|detail| detail.their_account.as_deref()).collect();
    let paired = known.paired.iter().any(|paired| !paired.name.is_empty());
    let compared = known.theirs.iter().any(|shared| {
        shared.name_shared
            && !shared.account.name.is_empty()
            && named.contains(shared.account.id.as_str())
    });
    let fields = (!named.is_empty() && (paired || compared)).then(|| "name".to_owned());
    (named.len(), fields.into_iter().collect())
}

/// What is said where nothing that can be seen pairs with the account.
fn neutral(partner: &str) -> DetailView {
    DetailView {
        reason: "nothing-visible",
        their_account: None,
        text: format!(
            "Nothing that {partner} shares with you pairs with this account. \
             It may have no account of this company, or not share it with you."
        ),
    }
}

/// A function of what can be seen; it has no other input.
fn answer(known: &WhyNot) -> (&'static str, Vec<DetailView>) {
    let nothing = || ("nothing-visible", vec![neutral(&known.partner_name)]);
    if let Some(paired) = &known.paired {
        let whom =
            if paired.name.is_empty() { paired.account.to_string() } else { quoted(&paired.name) };
        let text =
            format!("Paired with {whom}: {} ({}).", evidence(&paired.evidence), paired.confidence);
        let their_account = Some(paired.account.to_string());
        return ("paired", vec![DetailView { reason: "paired", their_account, text }]);
    }
    let reasons = explained(known);
    let details: Vec<_> = reasons.iter().filter_map(|reason| detail(known, reason)).collect();
    match reasons.first() {
        Some(Reason::NoDomain { .. }) => ("no-domain", details),
        // By the rules it would be paired with one that is shared, and is not:
        // what stands in the way cannot be seen.
        Some(
            Reason::Paired { .. } | Reason::TiedByPerson { .. } | Reason::NoCounterpart { .. },
        )
        | None => nothing(),
        Some(_) if details.is_empty() => nothing(),
        Some(_) => ("unpaired", details),
    }
}

/// Runs the rules on what can be seen.
fn explained(known: &WhyNot) -> Vec<Reason> {
    let ours: Vec<Entry> = known.ours.iter().map(entry).collect();
    let theirs: Vec<Entry> = known.theirs.iter().map(|shared| entry(&shared.account)).collect();
    let our_ids: HashSet<&str> = known.ours.iter().map(|account| account.id.as_str()).collect();
    let their_ids: HashSet<&str> =
        known.theirs.iter().map(|shared| shared.account.id.as_str()).collect();
    let our_side = if known.ours_is_left { Side::Left } else { Side::Right };
    let live = live_decisions(&known.decisions, &|side, id| {
        if side == our_side { our_ids.contains(id) } else { their_ids.contains(id) }
    });
    let account = entry(&known.account);
    let (left, right) = if known.ours_is_left { (&ours, &theirs) } else { (&theirs, &ours) };
    explain(&account, our_side, left, right, &live).reasons
}

fn detail(known: &WhyNot, reason: &Reason) -> Option<DetailView> {
    let (name, with) = match reason {
        Reason::NoDomain { .. } => ("no-domain", None),
        Reason::RejectedByPerson { with } => ("rejected-by-person", Some(with)),
        Reason::PairedFirst { with, .. } => ("paired-first", Some(with)),
        Reason::BelowThreshold { with, .. } => ("below-threshold", Some(with)),
        Reason::NameMustMatch { with, .. } => ("name-must-match", Some(with)),
        Reason::NotCompared { with, .. } => ("not-compared", Some(with)),
        Reason::MoreAccounts { .. } => ("more-accounts", None),
        Reason::Paired { .. } | Reason::TiedByPerson { .. } | Reason::NoCounterpart { .. } => {
            return None;
        }
    };
    let name_shared = with.is_none_or(|with| {
        known.theirs.iter().any(|shared| shared.account.id == **with && shared.name_shared)
    });
    let by_name = matches!(
        reason,
        Reason::BelowThreshold { .. } | Reason::NameMustMatch { .. } | Reason::NotCompared { .. }
    );
    let (name, text) = match with {
        Some(with) if by_name && !name_shared => (
            "name-not-shared",
            format!("{with} does not match by the rules; its name is not shared with you."),
        ),
        _ => (name, reason.to_string()),
    };
    let their_account = with.map(ToString::to_string);
    Some(DetailView { reason: name, their_account, text: with_names(known, text) })
}

/// Names instead of ids, where they may be shown.
fn with_names(known: &WhyNot, text: String) -> String {
    let shared = known.theirs.iter().filter(|shared| shared.name_shared);
    let named = known.ours.iter().chain(shared.map(|shared| &shared.account));
    named
        .filter(|account| !account.name.is_empty())
        .fold(text, |text, account| text.replace(&account.id, &quoted(&account.name)))
}

fn quoted(name: &str) -> String {
    format!("\u{201c}{name}\u{201d}")
}

fn evidence(name: &str) -> &'static str {
    match name {
        "linked" => "a person linked them",
        "confirmed" => "a person confirmed them",
        "host-and-name" => "equal host and equal name",
        "host" => "equal host",
        "name" => "equal name on the same domain",
        _ => "similar names on the same domain",
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]
    use venn_store::{
        overlap::{PairedWith, SharedAccount},
        pairing::{DecisionKind, PairDecision, PairingAccount},
    };

    use super::*;

    const OURS: &str = "acc_00000000000000000000000001";
    const THEIRS: &str = "acc_00000000000000000000000002";
    const NEUTRAL: &str = "Nothing that Beta Ltd shares with you pairs with this account. \
                           It may have no account of this company, or not share it with you.";

    fn account(id: &str, name: &str, website: &str) -> PairingAccount {
        PairingAccount {
            id: id.to_owned(),
            name: name.to_owned(),
            website: website.to_owned(),
            domain: "acme.com".to_owned(),
            population: "customers".to_owned(),
            rev: Vec::new(),
        }
    }

    fn known(theirs: Option<(&str, bool)>) -> WhyNot {
        let ours = account(OURS, "Acme Toys", "toys.acme.com");
        let shared = |(name, name_shared)| SharedAccount {
            account: account(THEIRS, name, "boats.acme.com"),
            name_shared,
        };
        WhyNot {
            account: ours.clone(),
            partner_name: "Beta Ltd".to_owned(),
            ours_is_left: true,
            paired: None,
            ours: vec![ours],
            theirs: theirs.map(shared).into_iter().collect(),
            decisions: Vec::new(),
        }
    }

    fn said(known: &WhyNot) -> (&'static str, String) {
        let (answer, details) = answer(known);
        let lines: Vec<_> = details.into_iter().map(|detail| detail.text).collect();
        (answer, lines.join("\n"))
    }

    #[test]
    fn hidden_and_not_there_are_the_same_to_the_letter() {
        // Nothing shared on the domain: none there, or all of it hidden.
        assert_eq!(said(&known(None)), ("nothing-visible", NEUTRAL.to_owned()));
        // The rules would pair it with one that is shared; that they do not can
        // only be because of one that is hidden.
        assert_eq!(
            said(&known(Some(("Acme Toys", true)))),
            ("nothing-visible", NEUTRAL.to_owned())
        );
        // A person tied it to one that is hidden.
        let mut tied = known(None);
        tied.decisions = vec![PairDecision {
            left: OURS.to_owned(),
            right: THEIRS.to_owned(),
            kind: DecisionKind::Link,
        }];
        assert_eq!(said(&tied), ("nothing-visible", NEUTRAL.to_owned()));
    }

    #[test]
    fn a_name_that_is_not_shared_cannot_be_guessed_by_its_likeness() {
        let (answer, text) = said(&known(Some(("Acme Boats", true))));
        assert_eq!(answer, "unpaired");
        assert!(
            text.starts_with("The name of \u{201c}Acme Boats\u{201d} is too different: "),
            "{text}"
        );
        let (answer, text) = said(&known(Some(("Acme Boats", false))));
        assert_eq!(answer, "unpaired");
        let expected =
            format!("{THEIRS} does not match by the rules; its name is not shared with you.");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_rejection_and_a_pair_are_told() {
        let mut rejected = known(Some(("Acme Toys", true)));
        rejected.decisions = vec![PairDecision {
            left: OURS.to_owned(),
            right: THEIRS.to_owned(),
            kind: DecisionKind::Reject,
        }];
        let expected = "Not paired with \u{201c}Acme Toys\u{201d}: a person said that they are different companies.";
        assert_eq!(said(&rejected), ("unpaired", expected.to_owned()));
        let mut paired = known(Some(("Acme Toys", true)));
        paired.paired = Some(PairedWith {
            overlap: "ovl_00000000000000000000000001".parse().unwrap(),
            account: THEIRS.parse().unwrap(),
            name: "Acme Toys".to_owned(),
            evidence: "name".to_owned(),
            confidence: "sure".to_owned(),
        });
        let expected =
            "Paired with \u{201c}Acme Toys\u{201d}: equal name on the same domain (sure).";
        assert_eq!(said(&paired), ("paired", expected.to_owned()));
    }

    #[test]
    fn an_account_without_a_domain_is_told_its_own_reason() {
        let mut none = known(None);
        none.account = account(OURS, "Acme", "");
        none.ours.clear();
        assert_eq!(said(&none), ("no-domain", "The account has no website.".to_owned()));
    }
}
