//! How a release and a ceiling look to the platform admin.
use serde_json::Value;
use venn_domain::{egress::customer_host::CustomerHost, grant::Approval};

use super::dependencies;
use crate::cli::output::{
    Paint, put,
    value::{is_true, list, moment, raw, text},
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
    section(&mut out, paint, "It asks for", list(release, "manifest.capabilities"), |item| {
        format!("{}: {}", text(item, "name"), text(item, "reason"))
    });
    put!(out, "  fields: {}\n", text(release, "manifest.fields"));
    section(&mut out, paint, "Data goes to", list(release, "manifest.egress"), |item| {
        let calls = format!("{} {}", text(item, "methods"), text(item, "paths"));
        let customers = match CustomerHost::parse(raw(item, "host")) {
            Some(place) => format!(" (the customer says `{}`)", place.field),
            None => String::new(),
        };
        format!(
            "{}{customers} [{calls}]: {} Kept: {}",
            text(item, "host"),
            text(item, "data"),
            text(item, "retention")
        )
    });
    section(&mut out, paint, "Others tell it", list(release, "manifest.webhooks"), |item| {
        let one = if raw(item, "routing").is_empty() { "a URL an install" } else { "one URL" };
        let (title, signature) = (text(item, "title"), text(item, "signature"));
        format!("{} [{signature}, {one}]: {title}", text(item, "name"))
    });
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
