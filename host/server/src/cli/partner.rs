//! `venn partner`: partnerships, what each side shows the other, and what the
//! account mapping found.
//!
//! A partner is named by slug or by the partnership's id.
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ask,
    client::{Call, Reply},
    input,
    output::{failure::Failure, table::Column, value::text},
    session::{Page, Session},
};

mod mapping;
mod rules;

use mapping::OverlapsArgs;
use rules::RulesArgs;

/// Partnerships, sharing rules and the account mapping
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PartnerArgs {
    #[command(subcommand)]
    command: Option<PartnerCommand>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// Proposes a partnership to an organization
    Propose {
        /// The organization's slug
        slug: String,
    },
    /// Accepts what a partner proposed
    Accept {
        /// The partner's slug, or the partnership's id
        partner: String,
    },
    /// Ends a partnership; plugins lose its data at once
    End {
        /// The partner's slug, or the partnership's id
        partner: String,
    },
    /// Lists partnerships
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one partnership, with how much is still to be paired
    Show {
        /// The partner's slug, or the partnership's id
        partner: String,
    },
    /// Shows the sharing rules of both sides, or replaces ours
    Rules(RulesArgs),
    /// Counts overlaps by population
    ///
    /// `few`: where the partner shares counts only, a count below 5 is not told, so
    /// that nobody learns of a single account; none at all looks the same.
    Matrix {
        /// The partner's slug, or the partnership's id
        partner: String,
    },
    /// Lists overlaps
    Overlaps(OverlapsArgs),
    /// Shows one overlap
    Overlap {
        /// The partner's slug, or the partnership's id
        partner: String,
        /// The overlap's id
        overlap: String,
    },
    /// Lists accounts that share a domain with the partner but are not paired
    Unpaired {
        /// The partner's slug, or the partnership's id
        partner: String,
        #[command(flatten)]
        page: Page,
    },
    /// Says why an account is paired with nothing, or with what
    WhyNot {
        /// The partner's slug, or the partnership's id
        partner: String,
        /// The account's id
        account: String,
    },
    /// Confirms, rejects or links a pair by hand; this is remembered
    Pair {
        /// The partner's slug, or the partnership's id
        partner: String,
        /// Our account's id
        ours: String,
        /// The partner's account's id
        theirs: String,
        /// What is so
        #[arg(long, value_enum)]
        decision: Decision,
    },
}

/// What a person says about a pair.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Decision {
    /// These two are the same company
    Confirm,
    /// These two are never the same company
    Reject,
    /// These two belong together, whatever their domains
    Link,
}

const PARTNERSHIPS: &[Column] = &[
    Column::whole("PARTNERSHIP", "id"),
    Column::whole("PARTNER", "partner_slug"),
    Column::text("NAME", "partner_name"),
    Column::state("STATE", "state"),
    Column::text("PROPOSED BY", "proposed_by"),
    Column::moment("SINCE", "created_at"),
];

const PARTNERSHIP: &[Column] = &[
    Column::whole("Id", "id"),
    Column::whole("Partner", "partner_slug"),
    Column::text("Name", "partner_name"),
    Column::whole("Organization", "partner_id"),
    Column::state("State", "state"),
    Column::text("Proposed by", "proposed_by"),
    Column::moment("Proposed", "created_at"),
    Column::moment("Accepted", "accepted_at"),
    Column::moment("Ended", "ended_at"),
    Column::number("Pairing goes on", "pending_domains"),
];

/// `venn partner`
pub(crate) fn run(session: &Session, args: &PartnerArgs) -> Result<(), Failure> {
    let org = session.org()?;
    let Some(command) = &args.command else { return listed(session, org, &args.page) };
    match command {
        PartnerCommand::Propose { slug } => {
            let reply = session
                .post(&["organizations", org, "partnerships"], &json!({ "partner": slug }))?;
            session.show(&reply, |it| {
                format!(
                    "Proposed to {slug} ({}). They accept with `venn partner accept {org}`.",
                    text(it, "id")
                )
            })
        }
        PartnerCommand::Accept { partner } => {
            let reply = act(session, org, partner, "accept")?;
            session.show(&reply, |it| {
                let name = text(it, "partner_name");
                format!("You and {name} are partners. They see nothing of yours until you set rules: `venn partner rules {partner} --set …`")
            })
        }
        PartnerCommand::End { partner } => {
            let question =
                format!("End the partnership with {partner}? Plugins lose its data at once.");
            ask::confirm(session, &question, "The partnership goes on.")?;
            let reply = act(session, org, partner, "end")?;
            session.show(&reply, |_| format!("The partnership with {partner} has ended."))
        }
        PartnerCommand::List { page } => listed(session, org, page),
        PartnerCommand::Show { partner } => {
            let id = input::partnership(session, partner)?;
            let reply = session.get(&["organizations", org, "partnerships", &id])?;
            session.show(&reply, |it| session.out.fields(it, PARTNERSHIP))
        }
        PartnerCommand::Rules(args) => rules::run(session, org, args),
        PartnerCommand::Matrix { partner } => mapping::matrix(session, org, partner),
        PartnerCommand::Overlaps(args) => mapping::overlaps(session, org, args),
        PartnerCommand::Overlap { partner, overlap } => {
            mapping::overlap(session, org, partner, overlap)
        }
        PartnerCommand::Unpaired { partner, page } => {
            mapping::unpaired(session, org, partner, page)
        }
        PartnerCommand::WhyNot { partner, account } => {
            mapping::why_not(session, org, partner, account)
        }
        PartnerCommand::Pair { partner, ours, theirs, decision } => {
            let id = input::partnership(session, partner)?;
            let word = match decision {
                Decision::Confirm => "confirm",
                Decision::Reject => "reject",
                Decision::Link => "link",
            };
            let body = json!({ "our_account": ours, "their_account": theirs, "decision": word });
            let reply =
                session.post(&["organizations", org, "partnerships", &id, "pairings"], &body)?;
            session.show(&reply, |_: &Value| {
                "It is remembered; the accounts are paired anew.".to_owned()
            })
        }
    }
}

fn listed(session: &Session, org: &str, page: &Page) -> Result<(), Failure> {
    let segments = ["organizations", org, "partnerships"];
    let empty = "No partnerships. `venn partner propose SLUG` begins one.";
    session.listing(&Call::new(Method::GET, &segments), page, PARTNERSHIPS, empty)
}

fn act(session: &Session, org: &str, partner: &str, verb: &str) -> Result<Reply, Failure> {
    let id = input::partnership(session, partner)?;
    session.post(&["organizations", org, "partnerships", &id, verb], &json!({}))
}
