//! `venn inbox`: what waits for somebody here.
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{
    client::Call,
    output::{
        Paint,
        failure::Failure,
        put,
        table::Column,
        value::{is_true, list, moment, raw, text},
    },
    session::{Page, Session},
};

/// Shows what waits for somebody in this organization
#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Equal failures, grouped, instead of the single steps
    #[arg(long)]
    incidents: bool,
    #[command(flatten)]
    page: Page,
}

const INCIDENTS: &[Column] = &[
    Column::whole("INCIDENT", "id"),
    Column::state("STATE", "state"),
    Column::text("PLUGIN", "plugin"),
    Column::text("CLASS", "class"),
    Column::text("KIND", "kind"),
    Column::number("RUNS", "runs"),
    Column::whole("NEWEST RUN", "last_run"),
    Column::moment("LAST", "last_at"),
];

/// `venn inbox`
pub(crate) fn run(session: &Session, args: &InboxArgs) -> Result<(), Failure> {
    let org = session.org()?;
    if args.incidents {
        let segments = ["organizations", org, "incidents"];
        return session.listing(
            &Call::new(Method::GET, &segments),
            &args.page,
            INCIDENTS,
            "No incidents.",
        );
    }
    let segments = ["organizations", org, "inbox"];
    let reply = session.page(&Call::new(Method::GET, &segments), &args.page)?;
    session.show(&reply, |inbox| render(inbox, session.out.paint))
}

fn render(inbox: &Value, paint: Paint) -> String {
    let items = list(inbox, "items");
    if items.is_empty() {
        return "Nothing waits for you.".to_owned();
    }
    let entry = |item: &Value| {
        let owner = if is_true(item, "is_owner") {
            paint.yellow("for you to do")
        } else {
            "for you to know".to_owned()
        };
        let title = paint.bold(&text(item, "title"));
        let at = moment(item, "created_at");
        let mut out =
            format!("{title}\n  {at}  {}  {owner}\n  {}\n", text(item, "kind"), text(item, "text"));
        for (name, path) in [("what to do", "detail.answer"), ("to fix", "detail.field")] {
            if !text(item, path).starts_with('-') {
                put!(out, "  {name}: {}\n", text(item, path));
            }
        }
        if !raw(item, "run").is_empty() {
            put!(out, "  run: {}\n", text(item, "run"));
        }
        out
    };
    let mut out = items.iter().map(entry).collect::<Vec<_>>().join("\n");
    if !raw(inbox, "next").is_empty() {
        put!(out, "\nThere is more: add --all, or --cursor {}\n", text(inbox, "next"));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_says_what_it_is_and_what_to_do() {
        let inbox = json!({"next": null, "items": [{
            "id": "rte_1", "kind": "faq", "incident": "inc_1", "run": "run_1", "is_owner": true,
            "title": "HubSpot does not accept the token", "text": "It answered 401.",
            "detail": {"answer": "Make a new token.", "field": "crm"}, "created_at": "2025-11-24T16:00:00.000000Z",
        }]});
        assert_eq!(
            render(&inbox, Paint(false)),
            "HubSpot does not accept the token\n  2025-11-24 16:00:00  faq  for you to do\n  It answered 401.\n  \
             what to do: Make a new token.\n  to fix: crm\n  run: run_1\n"
        );
    }
}
