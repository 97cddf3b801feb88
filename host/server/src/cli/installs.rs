//! `venn installs`: what is installed, and taking it in hand.
//!
//! An install is named by its id or its name.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use venn_domain::count::counted;

use super::{
    ask,
    client::{Call, Reply, Send},
    exit::Exit,
    input,
    install::{self, consent::completed},
    output::{
        failure::Failure,
        put,
        table::{Column, Field},
        value::{at, clean, is_true, list, number, raw, text},
    },
    session::{Page, Session},
};

mod action;
mod connect;
mod grant;
mod resting;
mod webhook;

use grant::GrantArgs;
use resting::resting;

/// The organization's installs
#[derive(Debug, Subcommand)]
pub(crate) enum InstallsCommand {
    /// Lists installs
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one install: state, grant, configuration, check, what may be asked of it
    Show(Which),
    /// Runs the plugin's check
    Check(Which),
    /// Enables it, if its check passes
    Enable(Which),
    /// Pauses it; events wait
    Pause(Which),
    /// Goes on after a pause
    Resume(Which),
    /// Lets one that rests after failures try again now
    Try(Which),
    Grant(Box<GrantArgs>),
    /// Replaces the configuration
    Config {
        #[command(flatten)]
        which: Which,
        /// The whole configuration
        #[arg(long, value_name = "JSON|@FILE")]
        set: String,
    },
    /// Replaces the connections
    Connections {
        #[command(flatten)]
        which: Which,
        /// Which connection for which purpose (repeatable)
        #[arg(long, value_name = "NAME=CONNECTION", required = true, value_parser = input::pair)]
        set: Vec<(String, String)>,
    },
    /// Connects it at a service's page: gives the link, then takes the word of the page
    Connect(connect::ConnectArgs),
    /// Moves it to another approved release, the newest if none is named
    Upgrade {
        #[command(flatten)]
        which: Which,
        /// To this version
        #[arg(long, value_name = "VERSION", conflicts_with = "release")]
        to: Option<String>,
        /// To the release of this id
        #[arg(long, value_name = "RELEASE")]
        release: Option<String>,
        /// The configuration from then on, where it asks for another one
        #[arg(long, value_name = "JSON|@FILE")]
        config: Option<String>,
        /// A connection that it asks for, as NAME=CONNECTION; the others stay
        #[arg(long = "connection", value_name = "NAME=CONNECTION", value_parser = input::pair)]
        connections: Vec<(String, String)>,
        /// A connection that it asks for no more, or that is made anew afterwards
        #[arg(long, value_name = "NAME")]
        without: Vec<String>,
    },
    /// Removes it, with what it kept
    Uninstall(Which),
    /// Shows when it runs by itself
    Schedules(Which),
    /// Shows to whom it listens: URLs, the last call, what was refused
    Webhooks(Which),
    Webhook(webhook::WebhookArgs),
    /// Lets it run now, without waiting for its schedule
    Run(Which),
    Ask(action::AskArgs),
    /// Hands the overlaps that there are to the plugin, as if they were new
    Backfill {
        #[command(flatten)]
        which: Which,
        /// The partner's slug, or the partnership's id
        #[arg(long, value_name = "SLUG")]
        partner: String,
    },
}

/// Which install.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The install's id or name
    install: String,
}

const INSTALLS: &[Column] = &[
    Column::whole("INSTALL", "id"),
    Column::text("NAME", "name"),
    Column::text("PLUGIN", "plugin_name"),
    Column::text("VERSION", "version"),
    Column::state("STATE", "state"),
    Column::text("STOPPED", "stopped"),
    Column::text("RESTS UNTIL", "resting.next_try_at"),
    Column::moment("SINCE", "created_at"),
];

const INSTALL: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Name", "name"),
    Field::text("Plugin", "plugin_name"),
    Field::text("Version", "version"),
    Field::state("State", "state"),
    Field::text("Stopped", "stopped"),
    Field::text("Capabilities", "grant.capabilities"),
    Field::text("Partnerships", "grant.partnerships"),
    Field::text("Populations", "grant.populations"),
    Field::text("Fields", "grant.fields"),
    Field::text("Hosts", "grant.egress_hosts"),
    Field::text("Not approved", "not_approved"),
    Field::text("Configuration", "config"),
    Field::text("Connections", "connections"),
    Field::number("Authority", "authority_number"),
    Field::moment("Enabled", "enabled_at"),
];

const FINDINGS: &[Column] = &[
    Column::state("LEVEL", "level"),
    Column::text("FIELD", "field"),
    Column::text("MESSAGE", "message"),
];

const SCHEDULES: &[Column] = &[
    Column::text("NAME", "name"),
    Column::text("WHEN", "words"),
    Column::text("ZONE", "time_zone"),
    Column::text("NEXT", "next_at"),
    Column::text("FOR", "title"),
];

/// `venn installs`
pub(crate) fn run(session: &Session, command: &InstallsCommand) -> Result<(), Failure> {
    let org = session.org()?;
    let id = |which: &Which| input::install(session, &which.install);
    match command {
        InstallsCommand::List { page } => {
            let segments = ["organizations", org, "installs"];
            let empty =
                "Nothing is installed. `venn install PLUGIN --name NAME` installs a plugin.";
            session.listing(&Call::new(Method::GET, &segments), page, INSTALLS, empty)
        }
        InstallsCommand::Show(which) => {
            let id = id(which)?;
            let reply = session.get(&["organizations", org, "installs", &id])?;
            let actions = action::offered(session, org, &id)?;
            session.show(&reply, |install| shown(session, install) + &actions)
        }
        InstallsCommand::Check(which) => {
            check(session, &act(session, org, &id(which)?, "check", &json!({}))?)
        }
        InstallsCommand::Enable(which) => {
            show(session, &install::enable(session, org, &id(which)?)?)
        }
        InstallsCommand::Pause(which) => {
            show(session, &act(session, org, &id(which)?, "pause", &json!({}))?)
        }
        InstallsCommand::Resume(which) => {
            show(session, &act(session, org, &id(which)?, "resume", &json!({}))?)
        }
        InstallsCommand::Try(which) => try_now(session, org, &id(which)?),
        InstallsCommand::Grant(args) => {
            let id = id(&args.which)?;
            replace(session, org, &id, "grant", &grant::wanted(session, org, &id, args)?)
        }
        InstallsCommand::Config { which, set } => {
            replace(session, org, &id(which)?, "config", &input::json(set, "--set")?)
        }
        InstallsCommand::Connections { which, set } => {
            let connections = connected(session, Map::new(), set)?;
            replace(session, org, &id(which)?, "connections", &connections)
        }
        InstallsCommand::Connect(args) => connect::run(session, org, args),
        InstallsCommand::Upgrade { which, to, release, config, connections, without } => {
            let id = id(which)?;
            let mut body = Map::from_iter([
                ("release".to_owned(), json!(release)),
                ("version".to_owned(), json!(to)),
            ]);
            if let Some(config) = config {
                body.insert("config".to_owned(), input::json(config, "--config")?);
            }
            if !connections.is_empty() || !without.is_empty() {
                let install = session.get(&["organizations", org, "installs", &id])?;
                let kept = at(&install.value, "connections").as_object().cloned();
                let mut kept = kept.unwrap_or_default();
                kept.retain(|name, _| !without.contains(name));
                let connections = connected(session, kept, connections)?;
                body.insert("connections".to_owned(), connections);
            }
            show(session, &act(session, org, &id, "upgrade", &Value::Object(body))?)
        }
        InstallsCommand::Uninstall(which) => uninstall(session, org, &id(which)?, &which.install),
        InstallsCommand::Schedules(which) => schedules(session, org, &id(which)?),
        InstallsCommand::Webhooks(which) => webhook::list_all(session, org, &id(which)?),
        InstallsCommand::Webhook(args) => webhook::run(session, org, args),
        InstallsCommand::Run(which) => run_now(session, org, &id(which)?),
        InstallsCommand::Ask(args) => action::ask(session, org, args),
        InstallsCommand::Backfill { which, partner } => {
            backfill(session, org, &id(which)?, partner)
        }
    }
}

fn act(session: &Session, org: &str, id: &str, verb: &str, body: &Value) -> Result<Reply, Failure> {
    session.post(&["organizations", org, "installs", id, verb], body)
}

fn try_now(session: &Session, org: &str, id: &str) -> Result<(), Failure> {
    let before = session.get(&["organizations", org, "installs", id])?.value;
    let reply = act(session, org, id, "try", &json!({}))?;
    if at(&before, "resting").is_null() {
        return session.show(&reply, |install| {
            let name = text(install, "name");
            format!(
                "{name} does not rest, so there is nothing to try: its events run as they come."
            )
        });
    }
    show(session, &reply)
}

fn replace(
    session: &Session,
    org: &str,
    id: &str,
    what: &str,
    value: &Value,
) -> Result<(), Failure> {
    show(session, &session.put(&["organizations", org, "installs", id, what], value)?)
}

fn show(session: &Session, reply: &Reply) -> Result<(), Failure> {
    session.show(reply, |install| shown(session, install))
}

fn shown(session: &Session, install: &Value) -> String {
    session.out.fields(&with_hosts(install), INSTALL)
        + &resting(install)
        + &moved(install)
        + &unfit(install)
        + &findings(session, install)
        + &newer(install)
}

/// With hosts as they are, and not as patterns for the configuration to complete.
fn with_hosts(install: &Value) -> Value {
    let mut shown = install.clone();
    let config = at(install, "config");
    if let Some(hosts) = shown.pointer_mut("/grant/egress_hosts").and_then(Value::as_array_mut) {
        for host in hosts {
            *host = completed(host.as_str().unwrap_or_default(), config).into();
        }
    }
    shown
}

/// Where data goes from now on, after another configuration.
fn moved(install: &Value) -> String {
    let mut out = String::new();
    for host in list(install, "moved_hosts") {
        let or_nowhere = |member: &str| match raw(host, member) {
            "" => "nowhere".to_owned(),
            host => clean(host),
        };
        put!(out, "\nData goes to {} now; until now to {}.", or_nowhere("to"), or_nowhere("from"));
    }
    if out.is_empty() { out } else { out + "\n" }
}

/// Which connections do not fit, and what is to be done.
fn unfit(install: &Value) -> String {
    let mut out = String::new();
    for one in list(install, "unfit_connections") {
        put!(
            out,
            "\nIts connection `{}` has no use any more: it has to be of the kind {}, for {}.\n  next: {}\n",
            text(one, "connection"),
            text(one, "kind"),
            text(one, "host"),
            text(one, "next_step")
        );
    }
    out
}

fn newer(install: &Value) -> String {
    match raw(install, "newer_version") {
        "" => String::new(),
        version => format!(
            "\nA newer release is approved, {}: `venn installs upgrade {}`\n",
            clean(version),
            text(install, "id")
        ),
    }
}

fn findings(session: &Session, install: &Value) -> String {
    let found = list(install, "check.findings");
    match (install.get("check"), found) {
        (None | Some(Value::Null), _) => String::new(),
        (_, []) => format!("Check          passed: {}\n", text(install, "check.ok")),
        _ => format!("\n{}", session.out.table(found, FINDINGS)),
    }
}

fn check(session: &Session, reply: &Reply) -> Result<(), Failure> {
    session.show(reply, |install| findings(session, install))?;
    if is_true(&reply.value, "check.ok") {
        return Ok(());
    }
    let next = "Correct what the findings name, then check again.";
    Err(Failure::new(Exit::Differs, "The plugin's check did not pass.", next)
        .at(text(&reply.value, "id")))
}

fn uninstall(session: &Session, org: &str, id: &str, name: &str) -> Result<(), Failure> {
    let question = format!("Remove {name} ({id}) with everything it kept? This cannot be undone.");
    ask::confirm(session, &question, "It was not removed.")?;
    let path = ["organizations", org, "installs", id];
    let reply = session.delete(&path)?;
    let seen = session.get(&path)?.value;
    session.show(&reply, |_| match raw(&seen, "state") {
        "uninstalling" => format!(
            "{name} is being removed: its plugin cleans up first, for some hours at most. Nothing else of it runs any more. `venn installs uninstall {id}` again removes it at once."
        ),
        _ => format!("{name} is removed."),
    })
}

fn schedules(session: &Session, org: &str, id: &str) -> Result<(), Failure> {
    let reply = session.get(&["organizations", org, "installs", id, "schedules"])?;
    session.show(&reply, |value| match list(value, "schedules") {
        [] => "It runs when something happens, and never by itself.".to_owned(),
        schedules => session.out.table(schedules, SCHEDULES),
    })
}

/// These connections, and those that the customer named.
fn connected(
    session: &Session,
    mut connections: Map<String, Value>,
    named: &[(String, String)],
) -> Result<Value, Failure> {
    for (name, connection) in named {
        connections.insert(name.clone(), input::connection(session, connection)?.into());
    }
    Ok(Value::Object(connections))
}

fn run_now(session: &Session, org: &str, id: &str) -> Result<(), Failure> {
    let reply = act(session, org, id, "run", &json!({}))?;
    let stopped = stopped(session, org, id)?;
    session.show(&reply, |value| {
        let begun = if is_true(value, "waited_already") { "It waits already" } else { BEGUN };
        begun_or_waits(begun, &text(value, "delivery"), stopped.as_deref())
    })
}

/// What is said of a delivery that was just made.
const BEGUN: &str = "It has begun";

/// Why nothing of the install runs now, if somebody else stopped it.
fn stopped(session: &Session, org: &str, id: &str) -> Result<Option<String>, Failure> {
    let install = session.get(&["organizations", org, "installs", id])?.value;
    let why = raw(&install, "stopped");
    Ok((!why.is_empty()).then(|| why.to_owned()))
}

fn begun_or_waits(begun: &str, delivery: &str, stopped: Option<&str>) -> String {
    match stopped {
        Some(why) => format!("It waits, because {why}: `venn deliveries show {delivery}`."),
        None => format!("{begun}: `venn deliveries show {delivery}` shows how far it is."),
    }
}

fn backfill(session: &Session, org: &str, id: &str, partner: &str) -> Result<(), Failure> {
    let partnership = input::partnership(session, partner)?;
    let segments = ["organizations", org, "installs", id, "backfill"];
    let call = Call::new(Method::GET, &segments).with("partnership", Some(&partnership));
    let asked = session.call(&call, &Send::Nothing)?;
    let overlaps = counted(number(&asked.value, "overlaps"), "overlap", "overlaps");
    let question = format!("Hand {overlaps} with {partner} to the plugin?");
    ask::confirm(session, &question, "Nothing was handed over.")?;
    let reply = act(session, org, id, "backfill", &json!({ "partnership": partnership }))?;
    let stopped = stopped(session, org, id)?;
    session.show(&reply, |value| {
        let delivery = [text(value, "delivery"), text(value, "delivery.id")];
        let delivery = delivery.into_iter().rfind(|id| id != "-").unwrap_or_default();
        begun_or_waits(BEGUN, &delivery, stopped.as_deref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_configuration_says_where_data_goes_now_and_what_does_not_fit() {
        let install = json!({
            "config": { "instance": "acme2" }, "grant": { "egress_hosts": ["{instance}.crm.example"] },
            "moved_hosts": [{ "place": "{instance}.crm.example", "from": "acme.crm.example", "to": "acme2.crm.example" },
                            { "place": "{site}", "from": null, "to": "acme.example" }],
            "unfit_connections": [{ "connection": "crm", "kind": "api-key", "host": "acme2.crm.example",
                "next_step": "venn connections add NAME" }],
        });
        let shown = with_hosts(&install);
        assert_eq!(text(&shown, "grant.egress_hosts"), "acme2.crm.example (by your `instance`)");
        assert_eq!(
            moved(&install),
            "\nData goes to acme2.crm.example now; until now to acme.crm.example.\n\
             Data goes to acme.example now; until now to nowhere.\n"
        );
        assert_eq!(
            unfit(&install),
            "\nIts connection `crm` has no use any more: it has to be of the kind api-key, for \
             acme2.crm.example.\n  next: venn connections add NAME\n"
        );
        assert_eq!((moved(&json!({})), unfit(&json!({}))), (String::new(), String::new()));
    }
}
