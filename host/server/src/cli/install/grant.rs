//! The grant from the flags: what is approved, and of that what is named.
use serde_json::{Value, json};

use super::{InstallArgs, approved};
use crate::cli::{
    input,
    output::{failure::Failure, value::text},
    session::Session,
};

pub(super) fn from_flags(
    session: &Session,
    plugin: &Value,
    args: &InstallArgs,
) -> Result<Value, Failure> {
    let mut grant = without_partners(plugin, args)?;
    let partnerships: Result<Vec<String>, Failure> =
        args.partner.iter().map(|partner| input::partnership(session, partner)).collect();
    if let Some(grant) = grant.as_object_mut() {
        grant.insert("partnerships".to_owned(), partnerships?.into());
    }
    Ok(grant)
}

/// Everything but the partnerships, which have to be looked up.
pub(super) fn without_partners(plugin: &Value, args: &InstallArgs) -> Result<Value, Failure> {
    let capabilities = approved(plugin, "permissions", "capability");
    if let Some(unknown) = args.without.iter().find(|name| !capabilities.contains(&name.as_str())) {
        return Err(not_approved("capability", unknown, &capabilities));
    }
    let granted: Vec<&str> = capabilities
        .into_iter()
        .filter(|name| !args.without.iter().any(|other| other == name))
        .collect();
    if granted.contains(&"overlaps:read") && (args.partner.is_empty() || args.population.is_empty())
    {
        return Err(Failure::usage(
            format!(
                "{} reads overlaps, but not with whom, or of which accounts.",
                text(plugin, "title")
            ),
            "Add --partner SLUG and --population KEY; `venn partner list` and `venn accounts populations` show them. \
             Or add --without overlaps:read.",
        ));
    }
    if granted.contains(&"accounts:write") && args.population.is_empty() {
        return Err(Failure::usage(
            format!("{} writes accounts, but not into which populations.", text(plugin, "title")),
            "Add --population KEY for each; `venn accounts populations` shows them. \
             Or add --without accounts:write.",
        ));
    }
    let hosts = if granted.contains(&"http:egress") {
        chosen("host", plugin, "destinations", "host", &args.host)?
    } else {
        Vec::new()
    };
    Ok(json!({
        "capabilities": granted,
        "partnerships": [],
        "populations": args.population,
        "fields": chosen("field", plugin, "fields", "name", &args.field)?,
        "egress_hosts": hosts,
    }))
}

/// All that are approved, or those of them that are named.
fn chosen<'a>(
    noun: &str,
    plugin: &'a Value,
    what: &str,
    key: &str,
    named: &'a [String],
) -> Result<Vec<&'a str>, Failure> {
    let all = approved(plugin, what, key);
    if named.is_empty() {
        return Ok(all);
    }
    match named.iter().find(|name| !all.contains(&name.as_str())) {
        Some(unknown) => Err(not_approved(noun, unknown, &all)),
        None => Ok(named.iter().map(String::as_str).collect()),
    }
}

fn not_approved(noun: &str, name: &str, approved: &[&str]) -> Failure {
    let approved = if approved.is_empty() { "nothing".to_owned() } else { approved.join(", ") };
    Failure::usage(
        format!(
            "The {noun} `{name}` is not asked for by the plugin, or not approved by the platform."
        ),
        format!("Approved: {approved}."),
    )
}
