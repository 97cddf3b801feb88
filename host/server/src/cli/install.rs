//! `venn install`: a customer enables a plugin under a name of its own.
//!
//! Before anything is sent the person reads in plain words what the plugin may
//! do and where data goes, and says yes. What the platform did not approve is
//! never granted; partners and populations are never guessed.
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    ask,
    client::Reply,
    input,
    output::{
        failure::Failure,
        put,
        value::{is_true, list, raw, text},
    },
    session::Session,
};

pub(super) mod consent;
mod grant;

/// Installs a plugin
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The plugin's name in the marketplace
    plugin: String,
    /// The install's name: two portals, two installs
    #[arg(long)]
    name: String,
    /// The grant as JSON, instead of the flags below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["partner", "population", "field", "host", "without"])]
    grant: Option<PathBuf>,
    /// Partner whose overlaps it may read (repeatable)
    #[arg(long, value_name = "SLUG")]
    partner: Vec<String>,
    /// Population of ours that it may read (repeatable)
    #[arg(long, value_name = "KEY")]
    population: Vec<String>,
    /// Field of an overlap that it may read (repeatable; else all that are approved)
    #[arg(long, value_name = "FIELD")]
    field: Vec<String>,
    /// Host that it may send data to (repeatable; else all that are approved)
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// Capability that it is not granted, though it asks (repeatable)
    #[arg(long, value_name = "CAPABILITY")]
    without: Vec<String>,
    /// The configuration
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    config: String,
    /// Which connection it uses for which purpose (repeatable)
    #[arg(long, value_name = "NAME=CONNECTION", value_parser = input::pair)]
    connection: Vec<(String, String)>,
    /// Enables it at once, if its check passes
    #[arg(long)]
    enable: bool,
}

/// `venn install`
pub(crate) fn run(session: &Session, args: &InstallArgs) -> Result<(), Failure> {
    let org = session.org()?;
    let plugin = session.get(&["marketplace", "plugins", &args.plugin])?.value;
    let config = input::json(&args.config, "--config")?;
    let grant = match &args.grant {
        Some(path) => input::json_file(path, "The grant")?,
        None => grant::from_flags(session, &plugin, args)?,
    };
    let connections = connections(session, &plugin, args)?;
    session.out.note(&consent::render(&plugin, &grant, &config, args, session.out.paint_err));
    let question = format!("Install it as `{}`?", args.name);
    ask::confirm(session, &question, "Nothing was installed.")?;
    let body = json!({
        "plugin": args.plugin, "name": args.name, "grant": grant, "config": config, "connections": connections,
    });
    let mut reply = session.post(&["organizations", org, "installs"], &body)?;
    let id = raw(&reply.value, "id").to_owned();
    if args.enable {
        reply = enable(session, org, &id).inspect_err(|_| {
            // The install is there; who types the command again would make a second one.
            session.out.note(&format!("It is installed as {id}, but not enabled."));
        })?;
    }
    session.show(&reply, |install| {
        let (name, state) = (text(install, "name"), text(install, "state"));
        let mut out = format!("{name} ({id}) is {state}.\n");
        for item in list(&plugin, "connections") {
            let request = raw(item, "name");
            let chosen = install.get("connections").and_then(|chosen| chosen.get(request));
            let is_open = chosen.is_none();
            if raw(item, "kind") == "oauth2" && is_open {
                put!(out, "Next: `venn installs connect {name} {request}`.\n");
            }
        }
        if !args.enable {
            put!(out, "Next: `venn installs check {id}`, then `venn installs enable {id}`.\n");
        }
        out
    })
}

/// Runs the plugin's check and enables the install.
pub(crate) fn enable(session: &Session, org: &str, id: &str) -> Result<Reply, Failure> {
    session.post(&["organizations", org, "installs", id, "enable"], &json!({}))
}

fn connections(
    session: &Session,
    plugin: &Value,
    args: &InstallArgs,
) -> Result<Map<String, Value>, Failure> {
    let asked: Vec<&str> =
        list(plugin, "connections").iter().map(|item| raw(item, "name")).collect();
    let mut connections = Map::new();
    for (name, connection) in &args.connection {
        if !asked.contains(&name.as_str()) {
            let next = if asked.is_empty() {
                "Leave --connection out.".to_owned()
            } else {
                format!("It asks for: {}.", asked.join(", "))
            };
            return Err(Failure::usage(
                format!("The plugin does not ask for a connection `{name}`."),
                next,
            ));
        }
        connections.insert(name.clone(), input::connection(session, connection)?.into());
    }
    // What is connected at a service's page is connected once the draft is there, and a
    // publisher's own key by nobody here.
    let mut needed = list(plugin, "connections")
        .iter()
        .filter(|item| !matches!(raw(item, "kind"), "oauth2" | "backend-key"))
        .map(|item| raw(item, "name"));
    if let Some(missing) = needed.find(|name| !connections.contains_key(*name)) {
        return Err(Failure::usage(
            format!("The plugin needs the connection `{missing}`."),
            format!(
                "Add --connection {missing}=NAME; `venn connections list` shows those that there are."
            ),
        ));
    }
    Ok(connections)
}

/// What of a list in the marketplace's answer is approved, by one of its keys.
fn approved<'a>(plugin: &'a Value, what: &str, key: &str) -> Vec<&'a str> {
    list(plugin, what)
        .iter()
        .filter(|item| is_true(item, "approved"))
        .map(|item| raw(item, key))
        .collect()
}

#[cfg(test)]
mod tests;
