//! `venn support`: leave to look at an install, given for a while. Who has it looks with
//! the usual commands: `venn runs --org CUSTOMER`, `venn logs RUN --org CUSTOMER`.
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::{
    client::Call,
    input,
    output::{
        failure::Failure,
        table::Column,
        value::{moment, text},
    },
    session::{Page, Session},
};

/// Leave for the platform or a plugin's publisher to look at an install
#[derive(Debug, Subcommand)]
pub(crate) enum SupportCommand {
    /// Gives leave for some hours; each look is in your audit
    Grant(GrantArgs),
    /// Lists what you have given, or what others have given to you
    List {
        /// What others have given to your organization, and stands
        #[arg(long)]
        received: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Takes it back, at once
    Revoke {
        /// The leave's id
        grant: String,
    },
}

/// Leave to look
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The install, by id or name
    install: String,
    /// Who may look
    #[arg(long, value_enum)]
    to: To,
    /// What they may look at (repeatable); of logs only those of runs that cannot tell of a
    /// partner's accounts
    #[arg(long = "thing", value_name = "THING", required = true, value_parser = ["runs", "deliveries", "logs"])]
    things: Vec<String>,
    /// For how many hours, 1 to 336
    #[arg(long, value_name = "HOURS", default_value = "24")]
    hours: u32,
    /// Why; they see it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Who may look.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum To {
    /// Those who run Venn
    Platform,
    /// The publisher of the install's plugin
    Publisher,
}

const GRANTS: &[Column] = &[
    Column::whole("LEAVE", "id"),
    Column::text("OF", "organization_slug"),
    Column::whole("INSTALL", "install"),
    Column::text("FOR", "supporter_slug"),
    Column::text("THINGS", "things"),
    Column::moment("ENDS", "expires_at"),
    Column::moment("REVOKED", "revoked_at"),
    Column::text("REASON", "reason"),
];

/// `venn support`
pub(crate) fn run(session: &Session, command: &SupportCommand) -> Result<(), Failure> {
    match command {
        SupportCommand::Grant(args) => {
            let install = input::install(session, &args.install)?;
            let to = match args.to {
                To::Platform => "platform",
                To::Publisher => "publisher",
            };
            let body = json!({
                "to": to, "install": install, "things": args.things, "hours": args.hours,
                "reason": args.reason,
            });
            let reply =
                session.post(&["organizations", session.org()?, "support-grants"], &body)?;
            session.show(&reply, |it| {
                let (id, who) = (text(it, "id"), text(it, "supporter_slug"));
                let until = moment(it, "expires_at");
                format!(
                    "{who} may look at {} until {until}: {id}. `venn support revoke {id}` ends it.",
                    args.install
                )
            })
        }
        SupportCommand::List { received: true, page } => {
            let call = Call::new(Method::GET, &["support-grants"]);
            session.listing(&call, page, GRANTS, "Nobody lets you look.")
        }
        SupportCommand::List { received: false, page } => {
            let segments = ["organizations", session.org()?, "support-grants"];
            let call = Call::new(Method::GET, &segments);
            session.listing(&call, page, GRANTS, "You have let nobody look.")
        }
        SupportCommand::Revoke { grant } => {
            let segments = ["organizations", session.org()?, "support-grants", grant];
            let reply = session.delete(&segments)?;
            session.show(&reply, |_| format!("{grant} has ended."))
        }
    }
}
