//! `venn plugins`: what this organization publishes, and what became of it.
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    ask,
    client::Call,
    exit::Exit,
    input,
    output::{
        failure::Failure,
        table::{Column, Field},
        value::{list, raw},
    },
    publish,
    session::{Page, Session},
};

mod credentials;

/// What this organization publishes
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// Lists the organization's plugins
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one plugin: its state and what it may do at most
    Show {
        /// Its name
        plugin: String,
    },
    /// Lists a plugin's releases
    Releases {
        /// The plugin's name
        plugin: String,
        #[command(flatten)]
        page: Page,
    },
    /// Shows one release: what the gate found, and what the platform decided
    Release {
        /// PLUGIN@VERSION
        #[arg(value_name = "PLUGIN@VERSION", value_parser = input::release)]
        release: (String, String),
    },
    /// The publisher's own credentials for a plugin: OAuth clients, backend keys, webhook secrets
    #[command(subcommand)]
    Credentials(credentials::CredentialsCommand),
    /// Withdraws an approved release, for good: installs with it stop at once
    Withdraw {
        /// PLUGIN@VERSION
        #[arg(value_name = "PLUGIN@VERSION", value_parser = input::release)]
        release: (String, String),
        /// Why; the platform and your customers read it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

const PLUGINS: &[Column] = &[
    Column::whole("PLUGIN", "name"),
    Column::state("STATE", "state"),
    Column::text("KIND", "owner_kind"),
    Column::moment("SINCE", "created_at"),
];

const PLUGIN: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Name", "name"),
    Field::text("Kind", "owner_kind"),
    Field::state("State", "state"),
    Field::text("Suspended because", "suspended_reason"),
    Field::text("It may", "approval.capabilities"),
    Field::text("Fields", "approval.fields"),
    Field::text("Approved by", "approved_by"),
    Field::moment("Approved", "approved_at"),
];

const RELEASES: &[Column] = &[
    Column::text("VERSION", "version"),
    Column::state("STATE", "state"),
    Column::whole("RELEASE", "id"),
    Column::moment("UPLOADED", "created_at"),
    Column::text("REASON", "decision_reason"),
];

const RELEASE: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Plugin", "plugin_name"),
    Field::text("Version", "version"),
    Field::state("State", "state"),
    Field::whole("SHA-256", "digest"),
    Field::number("Bytes", "component_bytes"),
    Field::moment("Uploaded", "created_at"),
    Field::moment("Decided", "decided_at"),
    Field::text("Reason", "decision_reason"),
];

/// `venn plugins`
pub(crate) fn run(session: &Session, command: &PluginsCommand) -> Result<(), Failure> {
    let org = session.org()?;
    match command {
        PluginsCommand::List { page } => {
            let segments = ["organizations", org, "plugins"];
            let empty = "No plugins. `venn new NAME` begins one, `venn publish` uploads it.";
            session.listing(&Call::new(Method::GET, &segments), page, PLUGINS, empty)
        }
        PluginsCommand::Show { plugin } => {
            let reply = session.get(&["organizations", org, "plugins", plugin])?;
            session.show(&reply, |plugin| session.out.fields(plugin, PLUGIN))
        }
        PluginsCommand::Releases { plugin, page } => {
            let segments = ["organizations", org, "plugins", plugin, "releases"];
            let empty = "No releases. `venn publish` uploads one.";
            session.listing(&Call::new(Method::GET, &segments), page, RELEASES, empty)
        }
        PluginsCommand::Credentials(command) => credentials::run(session, org, command),
        PluginsCommand::Release { release: (plugin, version) } => {
            let id = release_id(session, org, plugin, version)?;
            let reply = session.get(&["organizations", org, "plugins", plugin, "releases", &id])?;
            session.show(&reply, |release| {
                session.out.fields(release, RELEASE)
                    + "\n"
                    + &publish::render(release, session.out.paint)
            })
        }
        PluginsCommand::Withdraw { release: (plugin, version), reason } => {
            let id = release_id(session, org, plugin, version)?;
            ask::withdrawal(session, &format!("{plugin} {version}"))?;
            let segments = ["organizations", org, "plugins", plugin, "releases", &id, "withdraw"];
            let reply = session.post(&segments, &json!({ "reason": reason }))?;
            session.show(&reply, |_| format!("{plugin} {version} is withdrawn."))
        }
    }
}

fn release_id(
    session: &Session,
    org: &str,
    plugin: &str,
    version: &str,
) -> Result<String, Failure> {
    let segments = ["organizations", org, "plugins", plugin, "releases"];
    let all = Page { all: true, ..Page::default() };
    let releases = session.page(&Call::new(Method::GET, &segments), &all)?.value;
    let found = list(&releases, "items").iter().find(|item| raw(item, "version") == version);
    found.map(|item| raw(item, "id").to_owned()).ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            format!("{plugin} has no release {version}."),
            format!("`venn plugins releases {plugin}` shows them."),
        )
    })
}
