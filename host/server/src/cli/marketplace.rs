//! `venn marketplace`: what can be enabled, and what it would do.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{
    client::Call,
    output::{
        Paint,
        failure::Failure,
        put,
        table::Column,
        value::{at, is_true, list, moment, raw, text},
    },
    session::{Page, Session},
};

/// What can be enabled
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MarketplaceArgs {
    #[command(subcommand)]
    command: Option<MarketplaceCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum MarketplaceCommand {
    /// Lists plugins
    List(ListArgs),
    /// Shows what a plugin may do, in plain words, and where data goes
    Show {
        /// The plugin's name
        plugin: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only this category
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
    /// Only with this in name, title or summary
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    #[command(flatten)]
    page: Page,
}

const LISTINGS: &[Column] = &[
    Column::whole("PLUGIN", "name"),
    Column::text("TITLE", "title"),
    Column::text("CATEGORY", "category"),
    Column::text("BY", "owner_name"),
    Column::text("VERSION", "version"),
    Column::number("INSTALLS", "installs"),
];

/// `venn marketplace`
pub(crate) fn run(session: &Session, args: &MarketplaceArgs) -> Result<(), Failure> {
    match &args.command {
        None => listed(session, &args.list),
        Some(MarketplaceCommand::List(list)) => listed(session, list),
        Some(MarketplaceCommand::Show { plugin }) => {
            let reply = session.get(&["marketplace", "plugins", plugin])?;
            session.show(&reply, |listing| render(listing, session.out.paint))
        }
    }
}

fn listed(session: &Session, args: &ListArgs) -> Result<(), Failure> {
    let call = Call::new(Method::GET, &["marketplace", "plugins"])
        .with("category", args.category.as_ref())
        .with("q", args.q.as_ref());
    session.listing(&call, &args.page, LISTINGS, "The marketplace has no such plugin.")
}

/// A listing for people. What the platform did not approve is said to be denied.
fn render(listing: &Value, paint: Paint) -> String {
    let title = format!("{} {}", text(listing, "title"), text(listing, "version"));
    let mut out = format!(
        "{}, by {} ({})\n{}\n",
        paint.bold(&title),
        text(listing, "owner_name"),
        text(listing, "owner_kind"),
        text(listing, "summary")
    );
    put!(out, "{}\n", publisher(listing));
    let page = Some(raw(listing, "support_url")).filter(|url| !url.is_empty());
    let page = page.map_or_else(String::new, |url| format!(", {url}"));
    put!(out, "Help: {}{page}\n", raw(listing, "support_contact"));
    signer(&mut out, listing);
    let denied = |item: &Value| if is_true(item, "approved") { "" } else { " (denied)" };
    put!(out, "\n{}\n", paint.bold("It may:"));
    for item in list(listing, "permissions") {
        let (words, reason) = (text(item, "words"), text(item, "reason"));
        put!(out, "  + {words}{}\n      {reason}\n", denied(item));
    }
    let fields: Vec<String> =
        list(listing, "fields").iter().map(|field| text(field, "name") + denied(field)).collect();
    if !fields.is_empty() {
        put!(out, "\n{}\n  {}\n", paint.bold("Fields of accounts:"), fields.join(", "));
    }
    put!(out, "\n{}\n", paint.bold("Data goes to:"));
    for item in list(listing, "destinations") {
        put!(out, "  > {}: {}{}\n", text(item, "host"), text(item, "reason"), denied(item));
        put!(out, "      Calls: {}\n", calls(item));
        put!(out, "      What: {}\n      Kept: {}\n", text(item, "data"), text(item, "retention"));
    }
    if list(listing, "destinations").is_empty() {
        out.push_str("  nobody outside Venn\n");
    }
    for item in list(listing, "connections") {
        let (name, host) = (text(item, "name"), text(item, "host"));
        out.push_str(&signs_in(item, &name, &host));
    }
    out.push_str(&by_itself(list(listing, "schedules"), paint));
    if at(listing, "concurrency").as_u64().is_some_and(|runs| runs > 1) {
        let runs = text(listing, "concurrency");
        put!(out, "\nUp to {runs} of its runs are at work at once for one install.\n");
    }
    told_by(&mut out, listing, paint);
    out.push_str(&asked(list(listing, "actions"), paint));
    configuration(&mut out, listing, paint);
    put!(out, "\nNext: `venn install {} --name NAME …`\n", text(listing, "name"));
    out
}

/// What may be called at a destination, in words.
pub(super) fn calls(item: &Value) -> String {
    let or_any = |member: &str, any: &str| match list(item, member) {
        [] => any.to_owned(),
        _ => text(item, member),
    };
    let port = match at(item, "port").as_u64() {
        None | Some(443) => String::new(),
        Some(port) => format!(", at port {port}"),
    };
    format!("{} on {}{port}", or_any("methods", "any method"), or_any("paths", "any path"))
}

/// When it runs by itself; nothing if it does not.
pub(super) fn by_itself(schedules: &[Value], paint: Paint) -> String {
    let mut out = String::new();
    if !schedules.is_empty() {
        put!(out, "\n{}\n", paint.bold("It runs by itself:"));
    }
    for item in schedules {
        let when = if raw(item, "words").is_empty() { "cron" } else { "words" };
        put!(
            out,
            "  @ {}: {} ({})\n",
            text(item, "title"),
            text(item, when),
            text(item, "time_zone")
        );
    }
    out
}

/// How a connection's credential comes in, and where it goes.
pub(super) fn signs_in(item: &Value, name: &str, host: &str) -> String {
    match raw(item, "kind") {
        "backend-key" => format!("  It signs in at {host} with a key of the publisher's own.\n"),
        "oauth2" => format!(
            "  It signs in at {host} with your connection `{name}`: you say yes at a page of the service, to \
             {}; it cannot read the token.\n      The page: {}\n      Tokens come from: {}\n",
            text(item, "scopes"),
            text(item, "authorization_endpoint"),
            text(item, "token_endpoint")
        ),
        "client-credentials" => format!(
            "  It signs in at {host} with your connection `{name}`; it cannot read the secret.\n      The \
             client's secret goes to: {}, for tokens that are good for {}\n",
            text(item, "token_endpoint"),
            text(item, "scopes")
        ),
        _ => format!(
            "  It signs in at {host} with your connection `{name}`; it cannot read the secret.\n"
        ),
    }
}

/// Who can tell it something, once the customer opens it to them.
pub(super) fn told_by(out: &mut String, listing: &Value, paint: Paint) {
    let webhooks = list(listing, "webhooks");
    if webhooks.is_empty() {
        return;
    }
    put!(out, "\n{}\n", paint.bold("Others tell it, once you open it to them:"));
    for item in webhooks {
        let url = match raw(item, "url") {
            "plugin" => "the publisher's URL; you say which customer of the sender you are",
            _ => "a URL of your own, which you give to the sender",
        };
        put!(out, "  < {} (`{}`): {url}\n", text(item, "title"), text(item, "name"));
    }
}

/// What people may ask of it; nothing if it offers nothing.
pub(super) fn asked(actions: &[Value], paint: Paint) -> String {
    let mut out = String::new();
    if !actions.is_empty() {
        put!(out, "\n{}\n", paint.bold("People may ask it:"));
    }
    for item in actions {
        put!(out, "  ? {} (`{}`)\n", text(item, "title"), text(item, "name"));
        if !raw(item, "text").is_empty() {
            put!(out, "      {}\n", text(item, "text"));
        }
    }
    out
}

/// How the platform knows who publishes it.
pub(super) fn publisher(listing: &Value) -> String {
    let at = moment(listing, "publisher_verified_at");
    match raw(listing, "publisher_verified") {
        "domain" => {
            format!(
                "Verified: the publisher answers for {}, {at}",
                text(listing, "publisher_domain")
            )
        }
        "vouched" => format!("Verified: the platform vouches for the publisher, {at}"),
        "platform" => "Published by the platform itself".to_owned(),
        _ => "NOT VERIFIED: the platform does not know who the publisher is".to_owned(),
    }
}

/// By whose key the release is signed, and whether that holds.
fn signer(out: &mut String, listing: &Value) {
    if raw(listing, "signature.key").is_empty() {
        return;
    }
    let (key, since) = (text(listing, "signature.key"), moment(listing, "signature.key_since"));
    let signed = moment(listing, "signature.signed_at");
    let sound = if is_true(listing, "signature.sound") {
        "the signature is sound"
    } else {
        "the signature is NOT SOUND: it does not run"
    };
    put!(out, "\nSigned {signed}; {sound}\n  key {key}, here since {since}\n");
    put!(out, "  Ed25519 {}\n", text(listing, "signature.public_key"));
}

fn configuration(out: &mut String, listing: &Value, paint: Paint) {
    let Some(fields) = at(listing, "config_schema.properties").as_object() else { return };
    put!(out, "\n{}\n", paint.bold("You set:"));
    for (name, schema) in fields {
        let words = ["description", "title", "type"].map(|key| text(schema, key));
        let words = words.iter().find(|words| *words != "-").cloned().unwrap_or_default();
        put!(out, "  {}: {words}\n", text(&name.as_str().into(), ""));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_says_what_it_may_and_what_is_denied() {
        let listing = json!({
            "name": "crm-tasks", "title": "CRM tasks", "version": "0.1.0", "summary": "Makes tasks.",
            "owner_name": "Deal Co", "owner_kind": "publisher",
            "publisher_verified": "domain", "publisher_domain": "deal.example",
            "publisher_verified_at": "2025-11-02T08:00:00.000000Z",
            "support_contact": "help@deal.example", "support_url": "https://deal.example/help",
            "signature": {"key": "sgk_1", "public_key": "d75a", "sound": true,
                "key_since": "2025-11-01T08:00:00.000000Z", "signed_at": "2025-11-24T16:00:00.000000Z"},
            "permissions": [{"words": "Read overlaps", "reason": "To find them.", "approved": true}],
            "fields": [{"name": "our-name", "approved": true}, {"name": "their-owner", "approved": false}],
            "destinations": [{"host": "api.example.com", "reason": "Tasks.", "data": "names",
                "port": 8443, "methods": ["GET", "POST"], "paths": ["/v1"],
                "retention": "30 days", "approved": true}],
            "connections": [{"name": "crm", "host": "api.example.com"}, {"name": "bot", "host": "api.example.com",
                "kind": "client-credentials", "token_endpoint": "https://login.example.com/token", "scopes": ["read"]}],
            "schedules": [{"title": "Tidy up", "words": "At 02:00.", "time_zone": "Europe/Berlin"}],
            "webhooks": [{"name": "crm", "title": "Changes", "url": "install"},
                {"name": "chat", "title": "Commands", "url": "plugin"}],
            "actions": [{"name": "find", "title": "Who knows a company", "text": "A domain."},
                {"name": "note", "title": "Writes a note", "text": null}],
            "config_schema": {"properties": {"min": {"type": "string"}}},
        });
        assert_eq!(
            render(&listing, Paint(false)),
            "CRM tasks 0.1.0, by Deal Co (publisher)\nMakes tasks.\n\
             Verified: the publisher answers for deal.example, 2025-11-02 08:00:00\n\
             Help: help@deal.example, https://deal.example/help\n\n\
             Signed 2025-11-24 16:00:00; the signature is sound\n  key sgk_1, here since 2025-11-01 08:00:00\n  \
             Ed25519 d75a\n\n\
             It may:\n  + Read overlaps\n      To find them.\n\n\
             Fields of accounts:\n  our-name, their-owner (denied)\n\n\
             Data goes to:\n  > api.example.com: Tasks.\n      Calls: GET, POST on /v1, at port 8443\n      What: names\n      Kept: 30 days\n  \
             It signs in at api.example.com with your connection `crm`; it cannot read the secret.\n  \
             It signs in at api.example.com with your connection `bot`; it cannot read the secret.\n      \
             The client's secret goes to: https://login.example.com/token, for tokens that are good for read\n\n\
             It runs by itself:\n  @ Tidy up: At 02:00. (Europe/Berlin)\n\n\
             Others tell it, once you open it to them:\n  \
             < Changes (`crm`): a URL of your own, which you give to the sender\n  \
             < Commands (`chat`): the publisher's URL; you say which customer of the sender you are\n\n\
             People may ask it:\n  ? Who knows a company (`find`)\n      A domain.\n  \
             ? Writes a note (`note`)\n\n\
             You set:\n  min: string\n\n\
             Next: `venn install crm-tasks --name NAME …`\n"
        );
    }
}
