//! `venn installs webhooks` and `venn installs webhook`: to whom an install listens.
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::{
    ask, input,
    output::{
        failure::Failure,
        put,
        table::Column,
        value::{list, number, raw, text},
    },
    session::Session,
};

/// Opens a webhook for a third party, changes its secret, or closes it
///
/// Opened, it has a URL of its own and a secret, which is made and shown this once, or comes
/// from a file where the sender makes it. Where one URL serves all customers of the plugin,
/// it is opened by what the sender calls you. One that is open keeps its secret until it is
/// rotated.
#[derive(Debug, Args)]
pub(crate) struct WebhookArgs {
    /// The install's id or name
    install: String,
    /// The webhook's name in the manifest
    webhook: String,
    /// What the sender calls you, where one URL serves all customers
    #[arg(long, value_name = "KEY", conflicts_with_all = ["secret_file", "rotate", "close"])]
    routing_key: Option<String>,
    /// File that holds the sender's secret; `-` asks for it
    #[arg(long, value_name = "FILE", conflicts_with = "close")]
    secret_file: Option<PathBuf>,
    /// Puts another secret; the present one is good for a day, too
    #[arg(long)]
    rotate: bool,
    /// For how many seconds the present secret is good, instead of a day
    #[arg(long, value_name = "SECONDS", requires = "rotate")]
    overlap: Option<u64>,
    /// Closes it: its address does not exist any more
    #[arg(long, conflicts_with = "rotate")]
    close: bool,
}

const WEBHOOKS: &[Column] = &[
    Column::text("NAME", "name"),
    Column::text("OPEN", "is_open"),
    Column::text("KEY", "routing_key"),
    Column::moment("LAST CALL", "received_at"),
    Column::text("FOR", "title"),
];

/// `venn installs webhooks`
pub(super) fn list_all(session: &Session, org: &str, id: &str) -> Result<(), Failure> {
    let reply = session.get(&["organizations", org, "installs", id, "webhooks"])?;
    session.show(&reply, |value| match list(value, "webhooks") {
        [] => "It listens to nobody.".to_owned(),
        webhooks => {
            let mut out = session.out.table(webhooks, WEBHOOKS);
            for one in webhooks {
                more(&mut out, one);
            }
            out
        }
    })
}

/// Its URL, and what was refused there.
fn more(out: &mut String, webhook: &Value) {
    if !raw(webhook, "url").is_empty() {
        put!(out, "\n{}: {}\n", text(webhook, "name"), text(webhook, "url"));
    }
    for refused in list(webhook, "refused") {
        let (count, reason) = (number(refused, "count"), text(refused, "reason"));
        put!(out, "  refused in the last day: {count} ({reason})\n");
    }
}

/// `venn installs webhook`
pub(super) fn run(session: &Session, org: &str, args: &WebhookArgs) -> Result<(), Failure> {
    let WebhookArgs { install, webhook, .. } = args;
    let id = input::install(session, install)?;
    let all = ["organizations", org, "installs", &id, "webhooks"];
    let one = ["organizations", org, "installs", &id, "webhooks", webhook];
    if args.close {
        let question =
            format!("Close {webhook} of {install}? Its senders are told that it is gone.");
        ask::confirm(session, &question, "It was not closed.")?;
        let reply = session.delete(&one)?;
        return session.show(&reply, |_| format!("{webhook} of {install} is closed."));
    }
    if let Some(key) = &args.routing_key {
        let listed = session.get(&all)?;
        let open =
            list(&listed.value, "webhooks").iter().find(|open| raw(open, "name") == *webhook);
        let before = open.map(|open| raw(open, "routing_key")).unwrap_or_default();
        if !before.is_empty() && before != *key {
            let question = format!(
                "Calls of {webhook} that are about {before} come to {install}. Give them up for {key}?"
            );
            ask::confirm(session, &question, "It was not changed.")?;
        }
    }
    let secret = match &args.secret_file {
        Some(file) => {
            let file = Some(file.as_path()).filter(|file| file.as_os_str() != "-");
            Some(ask::secret(file, "The sender's secret")?)
        }
        None => None,
    };
    let secret = secret.as_ref().map(|secret| secret.as_str());
    let (act, body) = if args.rotate {
        ("rotate", json!({ "secret": secret, "overlap_s": args.overlap }))
    } else {
        ("open", json!({ "secret": secret, "routing_key": args.routing_key }))
    };
    let segments: Vec<&str> = one.into_iter().chain([act]).collect();
    let reply = session.post(&segments, &body)?;
    // Without one of its own it has the publisher's, or the one that it had before.
    let keeps = !args.rotate && secret.is_none() && args.routing_key.is_none();
    session.show(&reply, |opened| {
        let mut out = told(opened, webhook, install);
        if keeps && raw(opened, "secret").is_empty() {
            put!(out, "  it was open before, and keeps its secret: --rotate puts another\n");
        }
        out
    })
}

fn told(opened: &Value, webhook: &str, install: &str) -> String {
    let mut out = format!("{webhook} of {install} is open.\n  URL     {}\n", text(opened, "url"));
    if !raw(opened, "secret").is_empty() {
        put!(out, "  secret  {}   (shown this once)\n", text(opened, "secret"));
    }
    if !raw(opened, "routing_key").is_empty() {
        put!(out, "  calls that are about {} come here\n", text(opened, "routing_key"));
    }
    if !raw(opened, "previous_until").is_empty() {
        put!(out, "  the secret before is good until {}\n", text(opened, "previous_until"));
    }
    out
}
