//! `venn installs grant`: the present grant with something added or taken away, or
//! a whole new one.
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::Which;
use crate::cli::{
    input,
    output::{
        failure::Failure,
        value::{at, clean, list, raw},
    },
    session::Session,
};

/// What the help of `--set` shows, beside the first line.
const LONG: &str = r#"Changes the grant: what the flags add to the present one and take from it

With --set, the whole of it is replaced, for example by
{"capabilities":["overlaps:read","http:egress"],"partnerships":["globex"],
"populations":["customers"],"fields":["our-name"],
"egress_hosts":["api.hubapi.com"]}"#;

/// Changes the grant: what the flags add to the present one and take from it
#[derive(Debug, Args)]
#[command(long_about = LONG, group = ArgGroup::new("change").required(true).multiple(true).args([
    "partner", "without_partner", "population", "without_population", "capability",
    "without_capability", "field", "without_field", "host", "without_host", "set",
]))]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    pub(super) which: Which,
    /// Adds a partner whose overlaps it may read (repeatable)
    #[arg(long, value_name = "SLUG")]
    partner: Vec<String>,
    /// Takes a partner away (repeatable)
    #[arg(long, value_name = "SLUG")]
    without_partner: Vec<String>,
    /// Adds a population of ours (repeatable)
    #[arg(long, value_name = "KEY")]
    population: Vec<String>,
    /// Takes a population away (repeatable)
    #[arg(long, value_name = "KEY")]
    without_population: Vec<String>,
    /// Adds a capability (repeatable)
    #[arg(long, value_name = "CAPABILITY")]
    capability: Vec<String>,
    /// Takes a capability away (repeatable)
    #[arg(long, value_name = "CAPABILITY")]
    without_capability: Vec<String>,
    /// Adds a field of overlaps (repeatable)
    #[arg(long, value_name = "FIELD")]
    field: Vec<String>,
    /// Takes a field away (repeatable)
    #[arg(long, value_name = "FIELD")]
    without_field: Vec<String>,
    /// Adds a host that data may go to (repeatable)
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// Takes a host away (repeatable)
    #[arg(long, value_name = "HOST")]
    without_host: Vec<String>,
    /// The whole grant instead; partners by slug or partnership's id
    #[arg(long, value_name = "JSON|@FILE", conflicts_with_all = [
        "partner", "without_partner", "population", "without_population", "capability",
        "without_capability", "field", "without_field", "host", "without_host",
    ])]
    set: Option<String>,
}

/// The grant that the flags describe.
pub(super) fn wanted(
    session: &Session,
    org: &str,
    id: &str,
    args: &GrantArgs,
) -> Result<Value, Failure> {
    let partnership = |name: &String| input::partnership(session, name);
    if let Some(set) = &args.set {
        let mut grant = as_sent(input::json(set, "--set")?);
        let slugs = grant.get_mut("partnerships").and_then(Value::as_array_mut);
        for one in slugs.into_iter().flatten() {
            if let Some(name) = one.as_str() {
                *one = input::partnership(session, name)?.into();
            }
        }
        return Ok(grant);
    }
    let partners = args.partner.iter().map(partnership).collect::<Result<Vec<_>, _>>()?;
    let install = session.get(&["organizations", org, "installs", id])?.value;
    let grant = at(&install, "grant");
    let all = input::all_of(session, "partnerships")?;
    let mut without_partners = Vec::new();
    for name in &args.without_partner {
        match granted(&all, grant, name) {
            Some(id) => without_partners.push(id),
            None => without_partners.push(partnership(name)?),
        }
    }
    let mut partnerships = changed(grant, "partnerships", &[], &without_partners)?;
    for over in drop_ended(&all, &mut partnerships) {
        session.out.note(&format!("The partnership {over}: it is left out of the grant."));
    }
    let grant_now = json!({ "partnerships": partnerships });
    Ok(json!({
        "capabilities": changed(grant, "capabilities", &args.capability, &args.without_capability)?,
        "partnerships": changed(&grant_now, "partnerships", &partners, &[])?,
        "populations": changed(grant, "populations", &args.population, &args.without_population)?,
        "fields": changed(grant, "fields", &args.field, &args.without_field)?,
        "egress_hosts": changed(grant, "egress_hosts", &args.host, &args.without_host)?,
    }))
}

/// The partnership of the grant that a name stands for, also where it has ended.
fn granted(all: &[Value], grant: &Value, name: &str) -> Option<String> {
    let named = all.iter().filter(|one| raw(one, "partner_slug") == name);
    let mut ids = named.map(|one| raw(one, "id")).chain([name]);
    let found = ids.find(|id| list(grant, "partnerships").iter().any(|one| one == id));
    found.map(ToOwned::to_owned)
}

/// Takes those away that are not active any more, which nobody can grant; what they were.
fn drop_ended(all: &[Value], ids: &mut Vec<String>) -> Vec<String> {
    let mut ended = Vec::new();
    ids.retain(|id| {
        let found = all.iter().find(|one| raw(one, "id") == id);
        let state = found.map_or("gone", |one| raw(one, "state"));
        if state != "active" {
            let partner = found.map(|one| clean(raw(one, "partner_slug"))).unwrap_or_default();
            ended.push(format!("{id} with {partner} is {state}"));
        }
        state == "active"
    });
    ended
}

/// With `egress_hosts` also where it is `hosts`, as `venn installs show` has it.
fn as_sent(mut grant: Value) -> Value {
    if let Some(members) = grant.as_object_mut()
        && !members.contains_key("egress_hosts")
        && let Some(hosts) = members.remove("hosts")
    {
        members.insert("egress_hosts".to_owned(), hosts);
    }
    grant
}

/// One member of the grant, after what was added and taken away. To take away what
/// is not there is a mistake, and a dangerous one: it is refused.
fn changed(
    grant: &Value,
    member: &str,
    add: &[String],
    remove: &[String],
) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> =
        list(grant, member).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(absent) = remove.iter().find(|name| !names.contains(name)) {
        let has = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        return Err(Failure::usage(
            format!("`{absent}` is not among the grant's {member}, so it cannot be taken away."),
            format!("There: {has}."),
        ));
    }
    names.retain(|name| !remove.contains(name));
    for name in add {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_change_what_they_name_and_leave_the_rest() {
        let grant = json!({ "populations": ["customers", "prospects"], "fields": [] });
        let change = |add: &[&str], remove: &[&str]| {
            changed(&grant, "populations", &names(add), &names(remove)).unwrap()
        };
        assert_eq!(change(&[], &[]), ["customers", "prospects"]);
        assert_eq!(change(&["vip", "customers"], &[]), ["customers", "prospects", "vip"]);
        assert_eq!(change(&["vip"], &["customers"]), ["prospects", "vip"]);
    }

    #[test]
    fn hosts_are_taken_by_either_name() {
        let sent = json!({ "fields": [], "egress_hosts": ["api.hubapi.com"] });
        assert_eq!(as_sent(json!({ "fields": [], "hosts": ["api.hubapi.com"] })), sent);
        assert_eq!(as_sent(sent.clone()), sent);
    }

    #[test]
    fn what_is_not_granted_cannot_be_taken_away() {
        let grant = json!({ "egress_hosts": ["api.hubapi.com"], "fields": [] });
        let taken = |member: &str, name: &str| {
            changed(&grant, member, &[], &names(&[name])).unwrap_err().to_string()
        };
        assert_eq!(
            taken("egress_hosts", "api.hubapi.con"),
            "error: `api.hubapi.con` is not among the grant's egress_hosts, so it cannot be taken away.\n  \
             next: There: api.hubapi.com."
        );
        assert!(taken("fields", "our-name").ends_with("next: There: nothing."));
    }
}
