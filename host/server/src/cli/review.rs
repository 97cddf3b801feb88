//! `venn review` and `venn approve`: the platform admin decides what a plugin
//! may do at most (the ceiling), and whether a release may run under it.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::{
    capability::{Capability, OverlapFields},
    grant::Approval,
    manifest::Manifest,
};

use super::{
    ask,
    client::{Call, Reply},
    exit::Exit,
    output::{
        failure::Failure,
        put,
        table::Column,
        value::{at, list, raw, text},
    },
    session::{Page, Session},
};

mod dependencies;
mod show;

/// The platform's review of releases
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// Lists releases
    List {
        /// Only those in this state; empty for all
        #[arg(long, value_name = "STATE", default_value = "submitted")]
        state: String,
        #[command(flatten)]
        page: Page,
    },
    /// Shows what a release asks for
    Show {
        /// The release's id, or PLUGIN@VERSION
        release: String,
    },
    /// Prints what a release was built from, as a `CycloneDX` document
    Sbom {
        /// The release's id, or PLUGIN@VERSION
        release: String,
    },
    /// Looks for advisories that concern releases, also those that were approved before
    Scan {
        /// Only releases in this state; empty for all
        #[arg(long, value_name = "STATE", default_value = "approved")]
        state: String,
    },
    /// Approves a release, as `venn approve` does
    Approve(ApproveArgs),
    /// Refuses a release
    Refuse {
        /// The release's id, or PLUGIN@VERSION
        release: String,
        /// Why; the publisher reads it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Takes something out of a plugin's ceiling, for all its customers at once
    ///
    /// Counts at a running plugin's next host call. It is given back with a later
    /// release, by `venn approve --widen`.
    Narrow {
        /// The plugin's name
        plugin: String,
        /// This capability, field or host (repeatable)
        #[arg(long, value_name = "CAPABILITY|FIELD|HOST", required = true)]
        deny: Vec<String>,
    },
    /// Withdraws one approved release, for good: installs with it stop at once
    Withdraw {
        /// The release's id, or PLUGIN@VERSION
        release: String,
        /// Why; the publisher and its customers read it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Shows whether the platform knows who a publisher is, and how
    Publisher {
        /// The publisher's slug or id
        publisher: String,
    },
    /// Vouches for a publisher: its releases can be approved from now on
    Vouch {
        /// The publisher's slug or id
        publisher: String,
        /// How you know who it is; the publisher reads it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Takes back that a publisher is verified: nothing more of theirs is approved
    Unvouch {
        /// The publisher's slug or id
        publisher: String,
        /// Why; the publisher reads it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Stops a plugin everywhere, at once
    Suspend {
        /// The plugin's id or name
        plugin: String,
        /// Why; the publisher and its customers read it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lets a suspended plugin run again
    Resume {
        /// The plugin's id or name
        plugin: String,
    },
}

/// Sets what a plugin may do at most, and approves the release
///
/// For a plugin's first release the ceiling is what its manifest asks for,
/// without what is denied. Later releases leave the ceiling as it is: it can
/// be narrowed by --deny, and grows only with --widen. A customer can grant
/// less, never more.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The release's id, or PLUGIN@VERSION
    release: String,
    /// Leave this capability, field or host out of the ceiling (repeatable)
    #[arg(long, value_name = "CAPABILITY|FIELD|HOST")]
    deny: Vec<String>,
    /// Set the ceiling anew, to what this release asks for
    #[arg(long)]
    widen: bool,
    /// Why; kept with the decision
    #[arg(long, value_name = "TEXT", default_value = "Reviewed.")]
    reason: String,
}

const RELEASES: &[Column] = &[
    Column::whole("RELEASE", "id"),
    Column::text("PLUGIN", "plugin_name"),
    Column::text("PUBLISHER", "owner_slug"),
    Column::text("VERSION", "version"),
    Column::state("STATE", "state"),
    Column::moment("UPLOADED", "created_at"),
];

/// `venn review`
pub(crate) fn run(session: &Session, command: &ReviewCommand) -> Result<(), Failure> {
    match command {
        ReviewCommand::List { state, page } => {
            let state = Some(state).filter(|state| !state.is_empty());
            let call = Call::new(Method::GET, &["review", "releases"]).with("state", state);
            session.listing(&call, page, RELEASES, "No release waits for a review.")
        }
        ReviewCommand::Show { release } => {
            let reply = find(session, release)?;
            let built_from = dependencies::of(session, &reply.value)?;
            session.show(&reply, |release| {
                let paint = session.out.paint;
                show::render(release, &built_from.value, paint)
            })
        }
        ReviewCommand::Sbom { release } => {
            dependencies::sbom(session, &find(session, release)?.value)
        }
        ReviewCommand::Scan { state } => dependencies::scan(session, state),
        ReviewCommand::Approve(args) => approve(session, args),
        ReviewCommand::Refuse { release, reason } => {
            let found = find(session, release)?;
            let reply = decide(session, raw(&found.value, "id"), false, reason)?;
            session.show(&reply, |_| format!("Refused {}.", name_of(&found.value)))
        }
        ReviewCommand::Narrow { plugin, deny } => narrow(session, plugin, deny),
        ReviewCommand::Withdraw { release, reason } => {
            let found = find(session, release)?.value;
            ask::withdrawal(session, &name_of(&found))?;
            let segments = ["review", "releases", raw(&found, "id"), "withdraw"];
            let reply = session.post(&segments, &json!({ "reason": reason }))?;
            session.show(&reply, |_| format!("{} is withdrawn.", name_of(&found)))
        }
        ReviewCommand::Publisher { publisher } => {
            let reply = session.get(&["review", "publishers", publisher, "verification"])?;
            session.show(&reply, |found| show::render_publisher(publisher, found))
        }
        ReviewCommand::Vouch { publisher, reason } => {
            let segments = ["review", "publishers", publisher, "verification"];
            let reply = session.put(&segments, &json!({ "reason": reason }))?;
            session.show(&reply, |_| format!("{publisher} is verified on your word."))
        }
        ReviewCommand::Unvouch { publisher, reason } => {
            let question = format!("Approve nothing more of {publisher}? They are told why.");
            ask::confirm(session, &question, "It was not taken back.")?;
            let segments = ["review", "publishers", publisher, "verification", "end"];
            let reply = session.post(&segments, &json!({ "reason": reason }))?;
            session.show(&reply, |_| {
                format!("{publisher} is not verified any more; what was approved goes on.")
            })
        }
        ReviewCommand::Suspend { plugin, reason } => {
            ask::confirm(
                session,
                &format!("Stop {plugin} for all its customers at once?"),
                "It was not stopped.",
            )?;
            let reply = session
                .post(&["review", "plugins", plugin, "suspend"], &json!({ "reason": reason }))?;
            session.show(&reply, |_| format!("{plugin} is stopped for all its customers."))
        }
        ReviewCommand::Resume { plugin } => {
            let reply = session.post(&["review", "plugins", plugin, "resume"], &json!({}))?;
            session.show(&reply, |_| format!("{plugin} may run again."))
        }
    }
}

/// `venn approve`
pub(crate) fn approve(session: &Session, args: &ApproveArgs) -> Result<(), Failure> {
    let found = find(session, &args.release)?;
    let manifest: Manifest =
        serde_json::from_value(at(&found.value, "manifest").clone()).map_err(|error| {
            Failure::unexpected(format!("The release's manifest cannot be understood: {error}."))
        })?;
    let state = raw(&found.value, "state");
    if state != "submitted" {
        let next = "`venn review list` shows the releases that wait for a decision.";
        return Err(Failure::new(
            Exit::Refused,
            format!("{} is {state}: it was decided on before.", name_of(&found.value)),
            next,
        ));
    }
    let standing = standing(&found.value)?;
    let asked = Approval::of(&manifest);
    let base = standing.clone().filter(|_| !args.widen).unwrap_or_else(|| asked.clone());
    let ceiling = ceiling(&asked, base, &args.deny)?;
    if standing.as_ref() != Some(&ceiling) {
        let plugin = raw(&found.value, "plugin");
        session.put(&["review", "plugins", plugin, "approval"], &json!(ceiling))?;
    }
    let reply = decide(session, raw(&found.value, "id"), true, &args.reason)?;
    session.show(&reply, |_| {
        let mut out = format!("Approved {}.\n", name_of(&found.value));
        out.push_str(&show::render_ceiling(&ceiling));
        if !args.deny.is_empty() {
            put!(out, "Denied        {}\n", args.deny.join(", "));
        }
        out
    })
}

/// `venn review narrow`
fn narrow(session: &Session, plugin: &str, deny: &[String]) -> Result<(), Failure> {
    let is_it = |item: &Value| raw(item, "plugin_name") == plugin;
    let next = "`venn review list --state ''` shows the releases of all plugins.";
    let release = first(session, is_it, format!("There is no plugin {plugin}."), next)?.value;
    let Some(standing) = standing(&release)? else {
        let next = format!("`venn approve {plugin}@VERSION` sets it with the first release.");
        return Err(Failure::new(Exit::Refused, format!("{plugin} has no ceiling yet."), next));
    };
    let left = narrowed(&standing, deny)?;
    let question = format!("Take {} from {plugin} for all its customers at once?", deny.join(", "));
    ask::confirm(session, &question, "Nothing was changed.")?;
    let plugin_id = raw(&release, "plugin");
    let reply = session.put(&["review", "plugins", plugin_id, "approval"], &json!(left))?;
    session.show(&reply, |_| {
        format!("What {plugin} may do at most, from now on:\n{}", show::render_ceiling(&left))
    })
}

/// The ceiling as it stands, told with a release; none before the first approval.
fn standing(release: &Value) -> Result<Option<Approval>, Failure> {
    serde_json::from_value(at(release, "approval").clone())
        .map_err(|error| Failure::unexpected(format!("The ceiling cannot be understood: {error}.")))
}

fn decide(session: &Session, release: &str, go: bool, reason: &str) -> Result<Reply, Failure> {
    session
        .post(&["review", "releases", release, "decision"], &json!({ "go": go, "reason": reason }))
}

fn name_of(release: &Value) -> String {
    format!(
        "{} {} ({})",
        text(release, "manifest.name"),
        text(release, "version"),
        text(release, "id")
    )
}

/// A release by id, or by `PLUGIN@VERSION`.
fn find(session: &Session, release: &str) -> Result<Reply, Failure> {
    let Some((name, version)) = release.split_once('@') else {
        return session.get(&["review", "releases", release]);
    };
    let is_it = |item: &Value| raw(item, "version") == version && raw(item, "plugin_name") == name;
    let next = "`venn review list --state ''` shows all of them.";
    first(session, is_it, format!("There is no release {version} of a plugin {name}."), next)
}

/// The first release in the listing that is meant, or what there is not.
fn first(
    session: &Session,
    is_it: impl Fn(&Value) -> bool,
    what: String,
    next: &str,
) -> Result<Reply, Failure> {
    let call = Call::new(Method::GET, &["review", "releases"]);
    let all = session.page(&call, &Page { all: true, ..Page::default() })?;
    let found = list(&all.value, "items").iter().find(|item| is_it(item));
    let id = found.map(|item| raw(item, "id").to_owned());
    let id = id.ok_or_else(|| Failure::new(Exit::NotFound, what, next))?;
    session.get(&["review", "releases", &id])
}

/// The standing ceiling without what is denied, all of which it must have.
fn narrowed(standing: &Approval, deny: &[String]) -> Result<Approval, Failure> {
    let names = names(standing);
    if let Some(unknown) = deny.iter().find(|name| !names.contains(name)) {
        return Err(Failure::usage(
            format!("The ceiling does not have `{unknown}`, so it cannot be taken out."),
            format!("It has: {}.", names.join(", ")),
        ));
    }
    ceiling(standing, standing.clone(), deny)
}

/// The base without what is denied. A denial that hits nothing of what is
/// asked for is a mistake, and a dangerous one: it is refused.
fn ceiling(asked: &Approval, base: Approval, deny: &[String]) -> Result<Approval, Failure> {
    let mut ceiling = base;
    for name in deny {
        let capability =
            Capability::parse(name).filter(|capability| asked.capabilities.has(*capability));
        if let Some(capability) = capability {
            ceiling.capabilities =
                ceiling.capabilities.iter().filter(|other| *other != capability).collect();
            if capability == Capability::HttpEgress {
                ceiling.egress.clear();
            }
        } else if asked.fields.has_name(name) {
            ceiling.fields = without(&ceiling.fields, name);
        } else if asked.egress.iter().any(|rule| rule.host == *name) {
            ceiling.egress.retain(|rule| rule.host != *name);
        } else {
            return Err(not_asked(asked, name));
        }
    }
    Ok(ceiling)
}

fn without(fields: &OverlapFields, denied: &str) -> OverlapFields {
    let mut left = OverlapFields::default();
    for name in fields.names().filter(|name| name != denied) {
        left.insert(&name);
    }
    left
}

fn not_asked(asked: &Approval, name: &str) -> Failure {
    Failure::usage(
        format!("The manifest does not ask for `{name}`, so it cannot be denied."),
        format!("It asks for: {}.", names(asked).join(", ")),
    )
}

/// Everything that a ceiling has, by name.
fn names(ceiling: &Approval) -> Vec<String> {
    let capabilities = ceiling.capabilities.iter().map(|capability| capability.name().to_owned());
    let hosts = ceiling.egress.iter().map(|rule| rule.host.clone());
    capabilities.chain(ceiling.fields.names()).chain(hosts).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        serde_json::from_value(json!({
            "name": "crm-tasks", "version": "0.1.0", "title": "T", "summary": "S", "category": "crm",
            "capabilities": [
                {"name": "overlaps:read", "reason": "r"}, {"name": "http:egress", "reason": "r"}
            ],
            "fields": ["our-name", "their-owner"],
            "egress": [{"host": "api.hubapi.com", "reason": "r", "data": "d", "retention": "t"}],
            "support": {"contact": "a@b.example"},
        }))
        .unwrap()
    }

    fn denied(deny: &[&str]) -> Result<String, String> {
        let deny: Vec<_> = deny.iter().map(|name| (*name).to_owned()).collect();
        let asked = Approval::of(&manifest());
        ceiling(&asked, asked.clone(), &deny)
            .map(|it| json!(it).to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn without_a_denial_the_ceiling_is_what_is_asked_for() {
        assert_eq!(
            denied(&[]).unwrap(),
            r#"{"capabilities":["overlaps:read","http:egress"],"fields":["our-name","their-owner"],"egress":[{"host":"api.hubapi.com","port":443,"methods":[],"paths":[]}]}"#
        );
    }

    #[test]
    fn a_denied_capability_field_or_host_is_not_in_the_ceiling() {
        assert_eq!(
            denied(&["their-owner", "api.hubapi.com"]).unwrap(),
            r#"{"capabilities":["overlaps:read","http:egress"],"fields":["our-name"],"egress":[]}"#
        );
        assert_eq!(
            denied(&["http:egress"]).unwrap(),
            r#"{"capabilities":["overlaps:read"],"fields":["our-name","their-owner"],"egress":[]}"#
        );
    }

    #[test]
    fn a_denial_that_hits_nothing_stops_the_approval() {
        assert_eq!(
            denied(&["their-owners"]).unwrap_err(),
            "error: The manifest does not ask for `their-owners`, so it cannot be denied.\n  \
             next: It asks for: overlaps:read, http:egress, our-name, their-owner, api.hubapi.com."
        );
    }

    #[test]
    fn a_ceiling_is_narrowed_by_what_it_has() {
        let standing = Approval::of(&manifest());
        let narrow = |deny: &[&str]| {
            let deny: Vec<_> = deny.iter().map(|name| (*name).to_owned()).collect();
            narrowed(&standing, &deny).map(|it| json!(it).to_string()).map_err(|e| e.to_string())
        };
        assert_eq!(
            narrow(&["http:egress", "their-owner"]).unwrap(),
            r#"{"capabilities":["overlaps:read"],"fields":["our-name"],"egress":[]}"#
        );
        assert_eq!(
            narrow(&["their-owner", "timeline:write"]).unwrap_err(),
            "error: The ceiling does not have `timeline:write`, so it cannot be taken out.\n  \
             next: It has: overlaps:read, http:egress, our-name, their-owner, api.hubapi.com."
        );
    }
}
