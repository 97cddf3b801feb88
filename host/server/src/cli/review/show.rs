//! How a release and a ceiling look to the platform admin.
use serde_json::Value;
use venn_domain::{egress::customer_host::CustomerHost, grant::Approval};

use super::dependencies;
use crate::cli::{
    marketplace::{asked, by_itself, calls, publisher},
    output::{
        Paint, put,
        value::{at, is_true, list, moment, raw, text},
    },
};

/// What a release asks for, and what the gate found.
pub(super) fn render(release: &Value, built_from: &Value, paint: Paint) -> String {
    let title = format!("{} {}", text(release, "manifest.title"), text(release, "version"));
    let mut out = format!("{}\n{}\n\n", paint.bold(&title), text(release, "manifest.summary"));
    for (name, value) in [
        ("Release", text(release, "id")),
        ("Publisher", format!("{} ({})", text(release, "owner_name"), text(release, "owner_slug"))),
        ("State", text(release, "state")),
        ("SHA-256", text(release, "digest")),
        ("Signed", signed(release)),
        ("Size", format!("{} bytes", text(release, "component_bytes"))),
        (
            "Uploaded",
            format!("{} by {}", moment(release, "created_at"), text(release, "uploaded_by")),
        ),
    ] {
        put!(out, "{name:<9} {value}\n");
    }
    put!(out, "{}", publisher(release));
    if !raw(release, "publisher_vouched").is_empty() {
        put!(out, ": {}", text(release, "publisher_vouched"));
    }
    out.push('\n');
    section(&mut out, paint, "It asks for", list(release, "manifest.capabilities"), |item| {
        format!("{}: {}", text(item, "name"), text(item, "reason"))
    });
    put!(out, "  fields: {}\n", text(release, "manifest.fields"));
    section(&mut out, paint, "Data goes to", list(release, "manifest.egress"), |item| {
        let customers = match CustomerHost::parse(raw(item, "host")) {
            Some(place) => format!(" (the customer says `{}`)", place.field),
            None => String::new(),
        };
        format!(
            "{}{customers}: {}\n      Calls: {}\n      What: {}\n      Kept: {}",
            text(item, "host"),
            text(item, "reason"),
            calls(item),
            text(item, "data"),
            text(item, "retention")
        )
    });
    section(&mut out, paint, "It signs in with", list(release, "manifest.connections"), connection);
    out.push_str(&by_itself(list(release, "manifest.schedules"), paint));
    let raised = at(release, "manifest.limits").as_object().into_iter().flatten();
    let raised: Vec<Value> = raised
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}: {value}").into())
        .collect();
    section(&mut out, paint, "Limits of its own", &raised, |item| text(item, ""));
    section(&mut out, paint, "Others tell it", list(release, "manifest.webhooks"), |item| {
        let one = if raw(item, "routing").is_empty() { "a URL an install" } else { "one URL" };
        let answers = if is_true(item, "answers") { ", told what it answers" } else { "" };
        let (title, signature) = (text(item, "title"), text(item, "signature"));
        format!("{} [{signature}, {one}{answers}]: {title}", text(item, "name"))
    });
    out.push_str(&asked(list(release, "manifest.actions"), paint));
    section(&mut out, paint, "It imports", list(release, "gate.imports"), |item| {
        format!("{} ({})", text(item, "name"), text(item, "class"))
    });
    dependencies::render(&mut out, built_from, paint);
    let open: Vec<Value> = list(release, "gate.findings")
        .iter()
        .filter(|finding| !is_true(finding, "ok"))
        .cloned()
        .collect();
    section(&mut out, paint, "The gate notes", &open, |item| {
        format!("{}: {} {}", text(item, "check"), text(item, "message"), raw(item, "hint"))
    });
    section(
        &mut out,
        paint,
        "Beyond what the plugin may do at present",
        list(release, "beyond"),
        |item| text(item, ""),
    );
    if raw(release, "state") == "submitted" {
        put!(
            out,
            "\nNext: `venn approve {0}` or `venn review refuse {0} --reason …`\n",
            text(release, "id")
        );
    }
    out
}

/// Whether the platform knows who a publisher is.
pub(super) fn render_publisher(publisher: &str, found: &Value) -> String {
    let at = moment(found, "verified_at");
    match raw(found, "verified") {
        "domain" => format!("Verified: {publisher} answers for {}, {at}.", text(found, "domain")),
        "vouched" => {
            format!(
                "Verified: the platform vouches for {publisher}, {at}: {}",
                text(found, "reason")
            )
        }
        _ => format!(
            "Not verified: nothing more of {publisher} is approved, until it shows a domain or \
             `venn review vouch {publisher} --reason …`."
        ),
    }
}

/// A credential that it uses, where that goes, and where tokens come from.
fn connection(item: &Value) -> String {
    let whose = match raw(item, "kind") {
        "backend-key" => "backend-key, the publisher's own",
        kind => kind,
    };
    let mut out = format!(
        "{} ({whose}) at {}, in `{}`",
        text(item, "name"),
        text(item, "host"),
        text(item, "header")
    );
    for (words, member) in [
        ("A person says yes at", "authorization_endpoint"),
        ("Tokens come from", "token_endpoint"),
        ("Scopes", "scopes"),
        ("Parameters", "parameters"),
    ] {
        let value = text(item, &format!("oauth.{member}"));
        if value != "-" {
            put!(out, "\n      {words}: {value}");
        }
    }
    out
}

/// By whose key, and whether that is still believed.
fn signed(release: &Value) -> String {
    let (key, at) = (text(release, "signature.key"), moment(release, "signature.signed_at"));
    match raw(release, "signature.trust") {
        "" => "no: it is older than signing, and does not run".to_owned(),
        "key-compromised" => format!("{at} with {key}, which is COMPROMISED: it does not run"),
        _ => format!("{at} with {key}"),
    }
}

fn section(
    out: &mut String,
    paint: Paint,
    title: &str,
    items: &[Value],
    line: impl Fn(&Value) -> String,
) {
    if items.is_empty() {
        return;
    }
    put!(out, "\n{}\n", paint.bold(title));
    for item in items {
        put!(out, "  - {}\n", line(item));
    }
}

/// The most that the plugin may be granted from now on.
pub(super) fn render_ceiling(ceiling: &Approval) -> String {
    let or_nothing =
        |names: Vec<String>| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let capabilities =
        ceiling.capabilities.iter().map(|capability| capability.name().to_owned()).collect();
    let hosts = ceiling.egress.iter().map(|rule| rule.host.clone()).collect();
    format!(
        "Capabilities  {}\nFields        {}\nHosts         {}\n",
        or_nothing(capabilities),
        or_nothing(ceiling.fields.names().collect()),
        or_nothing(hosts)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_decides_reads_where_data_and_credentials_go_when_it_runs_and_who_publishes_it() {
        let release = json!({
            "version": "0.1.0", "owner_name": "Deal Co", "owner_slug": "deal", "state": "approved",
            "publisher_verified": "vouched", "publisher_vouched": "We met.",
            "publisher_verified_at": "2025-11-02T08:00:00.000000Z",
            "manifest": {
                "title": "CRM", "summary": "Makes tasks.",
                "egress": [{ "host": "api.example", "port": 443, "methods": [], "paths": [],
                    "reason": "To make them.", "data": "Names.", "retention": "30 days." }],
                "connections": [
                    { "name": "crm", "kind": "oauth2", "host": "api.example", "header": "authorization",
                      "oauth": { "authorization_endpoint": "https://login.example/page",
                        "token_endpoint": "https://login.example/token", "scopes": ["crm.read", "crm.write"] } },
                    { "name": "own", "kind": "backend-key", "host": "api.example", "header": "x-key" },
                ],
                "schedules": [{ "title": "Tidy up", "cron": "0 2 * * *", "time_zone": "UTC" }],
                "limits": { "cpu_ms": 20000, "wall_ms": null },
                "actions": [{ "name": "find", "title": "Who knows a company", "text": "A domain." }],
            },
        });
        let text = render(&release, &json!({ "detail": "No list." }), Paint(false));
        let about = text.split_once("Verified").unwrap_or_default().1;
        let about = about.split_once("\nIt was built from").unwrap_or_default().0;
        assert_eq!(
            about,
            ": the platform vouches for the publisher, 2025-11-02 08:00:00: We met.\n  fields: -\n\n\
             Data goes to\n  - api.example: To make them.\n      Calls: any method on any path\n      \
             What: Names.\n      Kept: 30 days.\n\n\
             It signs in with\n  - crm (oauth2) at api.example, in `authorization`\n      \
             A person says yes at: https://login.example/page\n      \
             Tokens come from: https://login.example/token\n      Scopes: crm.read, crm.write\n  \
             - own (backend-key, the publisher's own) at api.example, in `x-key`\n\n\
             It runs by itself:\n  @ Tidy up: 0 2 * * * (UTC)\n\n\
             Limits of its own\n  - cpu_ms: 20000\n\n\
             People may ask it:\n  ? Who knows a company (`find`)\n      A domain.\n"
        );
    }
}
