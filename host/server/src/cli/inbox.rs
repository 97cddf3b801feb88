//! `venn inbox`: what waits for somebody here, one item whole, and the owner's
//! word that it is done.
//!
//! It is one list of two: failures, each an item that stays and can be said to be
//! done, and what waits for a decision, which ends when that is made.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Call, Reply},
    exit::Exit,
    output::{
        Paint,
        failure::Failure,
        put,
        table::Column,
        value::{at, clean, is_true, list, moment, raw, text},
    },
    session::{Page, Session},
};

/// Shows what waits for somebody in this organization
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct InboxArgs {
    #[command(subcommand)]
    command: Option<InboxCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum InboxCommand {
    /// Shows one item with all that came along
    Show {
        /// The item's id
        item: String,
    },
    /// Says that an item is done; the next equal failure is announced anew
    Done {
        /// The item's id
        item: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// What is resolved too, not only what is open
    #[arg(long, conflicts_with = "incidents")]
    resolved: bool,
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
    match &args.command {
        Some(InboxCommand::Show { item }) if waits(item) => {
            let found = find_waiting(session, org, item)?;
            let reply = Reply { text: found.to_string(), value: found };
            session.show(&reply, |item| entry(item, session.out.paint))
        }
        Some(InboxCommand::Done { item }) if waits(item) => {
            let found = find_waiting(session, org, item)?;
            Err(Failure::new(
                Exit::Refused,
                "This item ends by itself, when the thing that waits has been decided.",
                match raw(&found, "next_step") {
                    "" => "It goes by itself after a while.".to_owned(),
                    next => format!("`{}`", clean(next)),
                },
            ))
        }
        Some(InboxCommand::Show { item }) => {
            let reply = session.get(&["organizations", org, "inbox", item])?;
            session.show(&reply, |item| whole(item, session.out.paint))
        }
        Some(InboxCommand::Done { item }) => {
            let reply = session.post(&["organizations", org, "inbox", item, "done"], &json!({}))?;
            session.show(&reply, |item| {
                format!(
                    "“{}” is done. If it fails so again, it is announced anew.",
                    text(item, "title")
                )
            })
        }
        None if args.list.incidents => {
            let segments = ["organizations", org, "incidents"];
            let call = Call::new(Method::GET, &segments);
            session.listing(&call, &args.list.page, INCIDENTS, "No incidents.")
        }
        None => {
            let segments = ["organizations", org, "inbox"];
            let call = Call::new(Method::GET, &segments)
                .with("state", (!args.list.resolved).then_some("open"));
            let mut reply = session.page(&call, &args.list.page)?;
            // What waits stands on the first page, all of it.
            if args.list.page.cursor.is_none() {
                reply = joined(&reply.value, all_waiting(session, org)?);
            }
            session.show(&reply, |inbox| render(inbox, session.out.paint))
        }
    }
}

/// Whether the id is of something that waits for a decision: `KIND:SUBJECT`.
fn waits(item: &str) -> bool {
    item.contains(':')
}

fn all_waiting(session: &Session, org: &str) -> Result<Vec<Value>, Failure> {
    let segments = ["organizations", org, "waiting"];
    let all = Page { all: true, ..Page::default() };
    let reply = session.page(&Call::new(Method::GET, &segments), &all)?;
    Ok(list(&reply.value, "items").to_vec())
}

fn find_waiting(session: &Session, org: &str, id: &str) -> Result<Value, Failure> {
    let found = all_waiting(session, org)?.into_iter().find(|item| raw(item, "id") == id);
    found.ok_or_else(|| {
        let what = format!("Nothing waits as `{id}`: it has been decided, or never was.");
        Failure::new(Exit::NotFound, what, "`venn inbox` shows what waits now.")
    })
}

/// Both lists as one, newest first.
fn joined(failures: &Value, waiting: Vec<Value>) -> Reply {
    let mut items = list(failures, "items").to_vec();
    items.extend(waiting);
    items.sort_by(|one, other| raw(other, "created_at").cmp(raw(one, "created_at")));
    let value = json!({ "items": items, "next": failures.get("next") });
    Reply { text: value.to_string(), value }
}

fn render(inbox: &Value, paint: Paint) -> String {
    let items = list(inbox, "items");
    if items.is_empty() {
        return "Nothing waits for you.".to_owned();
    }
    let mut out = items.iter().map(|item| entry(item, paint)).collect::<Vec<_>>().join("\n");
    if !raw(inbox, "next").is_empty() {
        put!(out, "\nThere is more: add --all, or --cursor {}\n", text(inbox, "next"));
    }
    out
}

/// What it is, what to do, and what to type for more.
fn entry(item: &Value, paint: Paint) -> String {
    let stands = match (raw(item, "state"), is_true(item, "is_owner")) {
        ("resolved", _) => paint.green(&format!("resolved {}", moment(item, "resolved_at"))),
        (_, true) => paint.yellow("for you to do"),
        (_, false) => "for you to know".to_owned(),
    };
    let title = paint.bold(&text(item, "title"));
    let sent = moment(item, "created_at");
    let mut out =
        format!("{title}\n  {sent}  {}  {stands}\n  {}\n", text(item, "kind"), text(item, "text"));
    for (name, path) in [("what to do", "detail.faq.answer"), ("to fix", "detail.faq.field")] {
        if !raw(item, path).is_empty() {
            put!(out, "  {name}: {}\n", text(item, path));
        }
    }
    if !raw(item, "next_step").is_empty() {
        put!(out, "  next: `{}`\n", text(item, "next_step"));
        return out;
    }
    // Another organization's run is not to be looked at: its bundle is.
    if is_true(item, "is_own_run") {
        put!(out, "  run: `venn runs show {}`\n", text(item, "run"));
    }
    put!(out, "  item: `venn inbox show {}`\n", text(item, "id"));
    out
}

/// The entry with the answer and the bundle in full.
fn whole(item: &Value, paint: Paint) -> String {
    let mut out = entry(item, paint);
    put!(out, "  incident: {}\n", text(item, "incident"));
    if is_true(item, "is_owner") && raw(item, "state") == "open" {
        put!(out, "  when it is mended: `venn inbox done {}`\n", text(item, "id"));
    }
    let detail = at(item, "detail");
    if !detail.is_null() {
        let all = serde_json::to_string_pretty(detail).unwrap_or_default();
        put!(out, "\n{}\n{}\n", paint.bold("What came along"), clean(&all));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faq() -> Value {
        json!({
            "id": "rte_1", "kind": "faq", "incident": "inc_1", "run": "run_1", "is_owner": true,
            "is_own_run": true, "state": "open", "resolved_at": null,
            "title": "HubSpot does not accept the token", "text": "It answered 401.",
            "detail": { "faq": { "answer": "Make a new token.", "field": "crm" } },
            "created_at": "2025-11-24T16:00:00.000000Z",
        })
    }

    #[test]
    fn an_entry_says_what_it_is_and_what_to_do() {
        let inbox = json!({"next": null, "items": [faq()]});
        assert_eq!(
            render(&inbox, Paint(false)),
            "HubSpot does not accept the token\n  2025-11-24 16:00:00  faq  for you to do\n  It answered 401.\n  \
             what to do: Make a new token.\n  to fix: crm\n  run: `venn runs show run_1`\n  \
             item: `venn inbox show rte_1`\n"
        );
    }

    #[test]
    fn what_waits_stands_among_the_failures_with_what_to_type() {
        let waiting = json!({
            "id": "partnership-proposed:pty_1", "kind": "partnership-proposed", "is_owner": true,
            "title": "Globex proposes a partnership", "text": "It shows nothing yet.",
            "next_step": "venn partner accept globex", "created_at": "2025-11-24T17:00:00.000000Z",
        });
        let inbox = joined(&json!({ "next": null, "items": [faq()] }), vec![waiting]).value;
        let text = render(&inbox, Paint(false));
        assert!(
            text.starts_with(
                "Globex proposes a partnership\n  2025-11-24 17:00:00  partnership-proposed  for you \
                 to do\n  It shows nothing yet.\n  next: `venn partner accept globex`\n\nHubSpot does"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_item_whole_has_its_bundle_and_no_link_to_a_run_of_others() {
        let item = json!({
            "id": "rte_2", "kind": "publisher-inbox", "incident": "inc_1", "run": "run_1",
            "is_owner": true, "is_own_run": false, "state": "resolved",
            "resolved_at": "2025-11-24T17:00:00.000000Z", "title": "Tasks failed",
            "text": "It trapped.", "detail": { "frames": "a\nb\u{1b}" },
            "created_at": "2025-11-24T16:00:00.000000Z",
        });
        assert_eq!(
            whole(&item, Paint(false)),
            "Tasks failed\n  2025-11-24 16:00:00  publisher-inbox  resolved 2025-11-24 17:00:00\n  \
             It trapped.\n  item: `venn inbox show rte_2`\n  incident: inc_1\n\nWhat came along\n\
             {\n  \"frames\": \"a\\nb\\u001b\"\n}\n"
        );
        let open = whole(&faq(), Paint(false));
        assert!(open.contains("  when it is mended: `venn inbox done rte_1`\n"), "{open}");
    }
}
