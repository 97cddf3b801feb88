//! What the person reads before saying yes: what the plugin may do, with what,
//! and where data goes. It is made from the grant that will be sent, so that
//! what is read is what is agreed to.
use serde_json::Value;
use venn_domain::egress::customer_host::CustomerHost;

use super::InstallArgs;
use crate::cli::{
    marketplace::{asked, by_itself, calls, signs_in, told_by},
    output::{
        Paint, put,
        value::{list, raw, text},
    },
};

pub(super) fn render(
    plugin: &Value,
    grant: &Value,
    config: &Value,
    args: &InstallArgs,
    paint: Paint,
) -> String {
    let title = format!("{} {}", text(plugin, "title"), text(plugin, "version"));
    let mut out = format!(
        "{}, by {}\n{}\n",
        paint.bold(&title),
        text(plugin, "owner_name"),
        text(plugin, "summary")
    );
    let granted =
        |list_path: &str, name: &str| list(grant, list_path).iter().any(|item| item == name);

    put!(out, "\n{}\n", paint.bold("It may:"));
    let (may, may_not): (Vec<&Value>, Vec<&Value>) = list(plugin, "permissions")
        .iter()
        .partition(|item| granted("capabilities", raw(item, "capability")));
    for item in &may {
        put!(out, "  + {}\n      {}\n", text(item, "words"), text(item, "reason"));
    }
    if may.is_empty() {
        out.push_str("  nothing\n");
    }
    if granted("capabilities", "overlaps:read") {
        let partners = if args.partner.is_empty() {
            text(grant, "partnerships")
        } else {
            args.partner.join(", ")
        };
        put!(out, "\n{}\n  with partners  {partners}\n", paint.bold("It reads overlaps:"));
        put!(out, "  accounts in    {}\n", text(grant, "populations"));
        put!(out, "  fields         {}\n", text(grant, "fields"));
    }
    put!(out, "\n{}\n", paint.bold("Data goes to:"));
    let hosts = list(grant, "egress_hosts");
    for host in hosts {
        let destination =
            list(plugin, "destinations").iter().find(|item| item.get("host") == Some(host));
        let Some(item) = destination else {
            put!(out, "  > {}: not known to the marketplace\n", text(host, ""));
            continue;
        };
        put!(out, "  > {}: {}\n", completed(raw(item, "host"), config), text(item, "reason"));
        put!(out, "      Calls: {}\n", calls(item));
        put!(out, "      What: {}\n      Kept: {}\n", text(item, "data"), text(item, "retention"));
    }
    if hosts.is_empty() {
        out.push_str("  nobody outside Venn\n");
    }
    for item in list(plugin, "connections") {
        let (name, host) = (text(item, "name"), completed(raw(item, "host"), config));
        out.push_str(&signs_in(item, &name, &host));
    }
    out.push_str(&by_itself(list(plugin, "schedules"), paint));
    told_by(&mut out, plugin, paint);
    out.push_str(&asked(list(plugin, "actions"), paint));
    if !may_not.is_empty() {
        put!(out, "\n{}\n", paint.bold("It asks for this too, but may not:"));
        for item in may_not {
            put!(out, "  - {}\n", text(item, "words"));
        }
    }
    out
}

/// The host with the customer's word in its place: what is agreed to is a host,
/// not a pattern.
pub(in crate::cli) fn completed(host: &str, config: &Value) -> String {
    let Some(place) = CustomerHost::parse(host) else { return host.to_owned() };
    let word = config.get(place.field).and_then(Value::as_str);
    match word.map(|word| place.complete(word)) {
        Some(Ok(completed)) => format!("{completed} (by your `{}`)", place.field),
        _ => format!("{host} (nowhere yet: the configuration does not say `{}`)", place.field),
    }
}
