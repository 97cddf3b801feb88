//! `venn accounts`: the organization's accounts, one account and its timeline,
//! and the populations.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    client::Call,
    output::{
        failure::Failure,
        table::{Column, Field},
    },
    session::{Page, Session},
};

/// The organization's accounts
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AccountsArgs {
    #[command(subcommand)]
    command: Option<AccountsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Lists accounts
    List(ListArgs),
    /// Shows one account
    Show {
        /// The account's id
        account: String,
    },
    /// What happened on one account
    Timeline {
        /// The account's id
        account: String,
    },
    /// Lists populations, or adds one
    Populations {
        /// Adds a population of this key
        #[arg(long, value_name = "KEY", requires = "title")]
        add: Option<String>,
        /// Its title
        #[arg(long, value_name = "TEXT", requires = "add")]
        title: Option<String>,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only this population
    #[arg(long, value_name = "KEY")]
    population: Option<String>,
    /// Only this registrable domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only names that begin with this
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    #[command(flatten)]
    page: Page,
}

const ACCOUNTS: &[Column] = &[
    Column::whole("ACCOUNT", "id"),
    Column::text("NAME", "name"),
    Column::text("DOMAIN", "domain"),
    Column::text("POPULATION", "population"),
    Column::text("OWNER", "owner"),
];

const ACCOUNT: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("In the CRM", "external_id"),
    Field::text("Name", "name"),
    Field::text("Website", "website"),
    Field::text("Domain", "domain"),
    Field::text("Population", "population"),
    Field::text("Stage", "stage"),
    Field::text("Owner", "owner"),
    Field::text("Amount", "amount"),
    Field::text("Created on", "created_on"),
    Field::text("Further fields", "extra"),
    Field::text("Source", "source"),
    Field::moment("Known to be so", "synced_at"),
    Field::moment("Updated", "updated_at"),
];

const TIMELINE: &[Column] = &[
    Column::moment("AT", "at"),
    Column::text("PLUGIN", "plugin"),
    Column::text("KIND", "kind"),
    Column::text("TEXT", "text"),
];

const POPULATIONS: &[Column] = &[
    Column::whole("KEY", "key"),
    Column::text("TITLE", "title"),
    Column::number("ACCOUNTS", "accounts"),
];

/// `venn accounts`
pub(crate) fn run(session: &Session, args: &AccountsArgs) -> Result<(), Failure> {
    let org = session.org()?;
    match &args.command {
        None => list(session, org, &args.list),
        Some(AccountsCommand::List(args)) => list(session, org, args),
        Some(AccountsCommand::Show { account }) => {
            let reply = session.get(&["organizations", org, "accounts", account])?;
            session.show(&reply, |account| session.out.fields(account, ACCOUNT))
        }
        Some(AccountsCommand::Timeline { account }) => {
            let segments = ["organizations", org, "accounts", account, "timeline"];
            let call = Call::new(Method::GET, &segments);
            session.listing(
                &call,
                &Page::default(),
                TIMELINE,
                "Nothing happened on this account yet.",
            )
        }
        Some(AccountsCommand::Populations { add: Some(key), title }) => {
            let body = json!({ "key": key, "title": title });
            let reply = session.post(&["organizations", org, "populations"], &body)?;
            session.show(&reply, |_| format!("The population {key} is there."))
        }
        Some(AccountsCommand::Populations { .. }) => {
            let segments = ["organizations", org, "populations"];
            let call = Call::new(Method::GET, &segments);
            session.listing(&call, &Page::default(), POPULATIONS, "There are no populations.")
        }
    }
}

fn list(session: &Session, org: &str, args: &ListArgs) -> Result<(), Failure> {
    let segments = ["organizations", org, "accounts"];
    let call = Call::new(Method::GET, &segments)
        .with("population", args.population.as_ref())
        .with("domain", args.domain.as_ref())
        .with("q", args.q.as_ref());
    let narrowed = args.population.is_some() || args.domain.is_some() || args.q.is_some();
    let empty = if narrowed {
        "No such accounts."
    } else {
        "No accounts. `venn import FILE --mode replace` brings a list in."
    };
    session.listing(&call, &args.page, ACCOUNTS, empty)
}
