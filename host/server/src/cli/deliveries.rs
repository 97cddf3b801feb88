//! `venn deliveries`: events on their way to installs, sending one again that was
//! given up, and giving one up.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::count::counted;

use super::{
    ask,
    client::Call,
    input,
    output::{
        failure::Failure,
        put,
        table::{Column, Field},
        value::{clean, list, text},
    },
    session::{Page, Session},
};

/// Events on their way to installs
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeliveriesArgs {
    #[command(subcommand)]
    command: Option<DeliveriesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// Lists deliveries
    List(ListArgs),
    /// Shows one delivery, with its progress and its runs
    Show {
        /// The delivery's id
        delivery: String,
    },
    /// Sends a parked or dead one again
    Redeliver {
        /// The delivery's id
        delivery: String,
    },
    /// Gives one up that waits, is parked or expired: what waits behind it goes on
    Discard {
        /// The delivery's id
        delivery: String,
        /// Why; it is shown with the delivery
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only to this install, by id or name
    #[arg(long, value_name = "INSTALL")]
    install: Option<String>,
    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
}

const DELIVERIES: &[Column] = &[
    Column::whole("DELIVERY", "id"),
    Column::state("STATE", "state"),
    Column::text("EVENT", "event_kind"),
    Column::whole("INSTALL", "install"),
    Column::number("ATTEMPT", "attempt"),
    Column::text("REASON", "state_reason"),
];

const DELIVERY: &[Field] = &[
    Field::whole("Id", "id"),
    Field::state("State", "state"),
    Field::text("Reason", "state_reason"),
    Field::text("Event", "event_kind"),
    Field::text("Subject", "event_subject"),
    Field::moment("Occurred", "event_occurred_at"),
    Field::whole("Install", "install"),
    Field::number("Step", "step"),
    Field::number("Attempt", "attempt"),
    Field::number("Done", "progress_done"),
    Field::number("Of", "progress_total"),
    Field::moment("Not before", "not_before"),
    Field::moment("Finished", "finished_at"),
    Field::moment("Expires", "expires_at"),
];

/// So many runs are shown.
const RUNS: usize = 5;

/// `venn deliveries`
pub(crate) fn run(session: &Session, args: &DeliveriesArgs) -> Result<(), Failure> {
    let org = session.org()?;
    match &args.command {
        None => listed(session, org, &args.list),
        Some(DeliveriesCommand::List(list)) => listed(session, org, list),
        Some(DeliveriesCommand::Show { delivery }) => {
            let reply = session.get(&["organizations", org, "deliveries", delivery])?;
            session.show(&reply, |it| session.out.fields(it, DELIVERY) + &runs(it))
        }
        Some(DeliveriesCommand::Redeliver { delivery }) => {
            let reply = session
                .post(&["organizations", org, "deliveries", delivery, "redeliver"], &json!({}))?;
            session.show(&reply, |it| format!("{delivery} is {}.", text(it, "state")))
        }
        Some(DeliveriesCommand::Discard { delivery, reason }) => {
            let question = format!("Give up {delivery}? Nothing comes of its event.");
            ask::confirm(session, &question, "It was not given up.")?;
            let segments = ["organizations", org, "deliveries", delivery, "discard"];
            let reply = session.post(&segments, &json!({ "reason": reason }))?;
            session.show(&reply, |_| format!("{delivery} is given up."))
        }
    }
}

/// Its newest runs: work in many steps has thousands.
fn runs(delivery: &Value) -> String {
    let all = list(delivery, "runs");
    let newest = all.get(all.len().saturating_sub(RUNS)..).unwrap_or_default();
    let mut out = format!("\n{}", counted(all.len() as u64, "run", "runs"));
    if all.len() > RUNS {
        put!(
            out,
            "; the last {RUNS} (all of them: `venn deliveries show {} --json`)",
            text(delivery, "id")
        );
    }
    for run in newest {
        put!(out, "\n  venn runs show {}", run.as_str().map(clean).unwrap_or_default());
    }
    out + "\n"
}

fn listed(session: &Session, org: &str, args: &ListArgs) -> Result<(), Failure> {
    let install = args.install.as_ref().map(|name| input::install(session, name)).transpose()?;
    let segments = ["organizations", org, "deliveries"];
    let call = Call::new(Method::GET, &segments)
        .with("install", install)
        .with("state", args.state.as_ref());
    session.listing(&call, &args.page, DELIVERIES, "No deliveries.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_runs_the_newest_are_shown() {
        let with = |count: usize| {
            let all: Vec<_> = (1..=count).map(|number| format!("run_{number}")).collect();
            runs(&json!({ "id": "dlv_1", "runs": all }))
        };
        assert_eq!(with(0), "\n0 runs\n");
        assert_eq!(with(1), "\n1 run\n  venn runs show run_1\n");
        assert_eq!(
            with(7),
            "\n7 runs; the last 5 (all of them: `venn deliveries show dlv_1 --json`)\n  \
             venn runs show run_3\n  venn runs show run_4\n  venn runs show run_5\n  \
             venn runs show run_6\n  venn runs show run_7\n"
        );
    }
}
