//! Every route, with the action that it leaves in an audit, or why it leaves none.
//!
//! To add a route: a line in [`AUDITED`].
use serde_json::{Value, json};

use crate::{
    access::{
        people::Town,
        table::{ROWS, Row},
    },
    support::World,
};

/// What a route leaves.
enum Leaves {
    /// An entry of this action.
    Entry(&'static str),
    /// The same; the call of the table does not get that far, this test does.
    EntryIn(&'static str, &'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

use Leaves::{Entry, EntryIn, Nothing};

impl Leaves {
    /// What is claimed, for people.
    fn claim(&self) -> String {
        match self {
            Entry(action) => format!("leaves {action}"),
            EntryIn(action, place) => format!("leaves {action}, seen in {place}"),
            Nothing(why) => format!("leaves nothing: {why}"),
        }
    }
}

const NO_DATA: Leaves = Nothing("names and settings of one's own organization, no account's data");
const PUBLIC: Leaves = Nothing("what everybody on the platform may see");
const CODE: Leaves = Nothing("what publishers handed in, no account's data");
const FILE: Leaves = Nothing("the import is the caller's own; what it changes is import.applied");
const METADATA: Leaves = Nothing("codes, times and counts; the data is in log and transcript");
const SELF: Leaves = Nothing("it would be an entry about reading entries");

const AUDITED: &[(&str, &str, Leaves)] = &[
    ("GET", "/me", NO_DATA),
    ("POST", "/sessions", EntryIn("session.created", "access::sessions")),
    ("GET", "/me/sessions", NO_DATA),
    ("DELETE", "/me/sessions/{session}", EntryIn("session.ended", "access::sessions")),
    ("DELETE", "/me/session", EntryIn("session.ended", "access::sessions")),
    ("GET", "/me/second-factor", NO_DATA),
    ("POST", "/me/second-factor", Nothing("it asks for nothing until it is confirmed")),
    ("POST", "/me/second-factor/confirm", EntryIn("second-factor.set-up", "access::second_factor")),
    ("POST", "/me/second-factor/remove", EntryIn("second-factor.removed", "access::second_factor")),
    (
        "PUT",
        "/organizations/{org}/second-factor",
        EntryIn("second-factor.demanded", "access::second_factor"),
    ),
    (
        "DELETE",
        "/organizations/{org}/members/{user}/second-factor",
        EntryIn("second-factor.removed", "access::second_factor"),
    ),
    ("PUT", "/me/password", EntryIn("password.changed", "command_line")),
    ("POST", "/passwords", EntryIn("password.set", "access::sessions")),
    ("GET", "/directory", PUBLIC),
    ("GET", "/organizations", NO_DATA),
    ("POST", "/organizations", Entry("organization.created")),
    ("GET", "/organizations/{org}", NO_DATA),
    ("GET", "/organizations/{org}/members", NO_DATA),
    ("POST", "/organizations/{org}/members", Entry("member.added")),
    ("POST", "/organizations/{org}/services", Entry("service.added")),
    (
        "PUT",
        "/organizations/{org}/members/{user}/role",
        EntryIn("member.role-changed", "access::people"),
    ),
    ("POST", "/organizations/{org}/members/{user}/invitation", Entry("member.invited")),
    ("DELETE", "/organizations/{org}/members/{user}", EntryIn("member.removed", "access::people")),
    ("GET", "/organizations/{org}/tokens", NO_DATA),
    ("POST", "/organizations/{org}/tokens", Entry("token.created")),
    ("DELETE", "/organizations/{org}/tokens/{token}", Entry("token.revoked")),
    ("POST", "/organizations/{org}/recovery-token", Entry("token.recovered")),
    ("GET", "/organizations/{org}/api-usage", NO_DATA),
    ("GET", "/organizations/{org}/populations", NO_DATA),
    ("POST", "/organizations/{org}/populations", Entry("population.created")),
    ("GET", "/organizations/{org}/imports", FILE),
    ("POST", "/organizations/{org}/imports", FILE),
    ("GET", "/organizations/{org}/imports/{import}", FILE),
    ("PUT", "/organizations/{org}/imports/{import}/file", FILE),
    ("POST", "/organizations/{org}/imports/{import}/confirm", FILE),
    ("POST", "/organizations/{org}/imports/{import}/cancel", FILE),
    ("GET", "/organizations/{org}/accounts", Entry("accounts.read")),
    ("GET", "/organizations/{org}/accounts/{account}", Entry("accounts.read")),
    ("GET", "/organizations/{org}/sources", METADATA),
    ("GET", "/organizations/{org}/sources/{install}", METADATA),
    (
        "POST",
        "/organizations/{org}/sources/{install}/confirm",
        EntryIn("source.confirmed", "sources::writes"),
    ),
    (
        "POST",
        "/organizations/{org}/sources/{install}/cancel",
        EntryIn("source.cancelled", "sources::writes"),
    ),
    (
        "GET",
        "/organizations/{org}/accounts/{account}/why-not?partnership={partnership}",
        Entry("why-not.read"),
    ),
    ("GET", "/organizations/{org}/accounts/{account}/timeline", Entry("timeline.read")),
    ("GET", "/organizations/{org}/partnerships", NO_DATA),
    ("POST", "/organizations/{org}/partnerships", Entry("partnership.proposed")),
    ("GET", "/organizations/{org}/partnerships/{partnership}", NO_DATA),
    (
        "POST",
        "/organizations/{org}/partnerships/{partnership}/accept",
        EntryIn("partnership.accepted", "support::World::start"),
    ),
    ("POST", "/organizations/{org}/partnerships/{partnership}/end", Entry("partnership.ended")),
    ("GET", "/organizations/{org}/partnerships/{partnership}/sharing-rules", NO_DATA),
    (
        "PUT",
        "/organizations/{org}/partnerships/{partnership}/sharing-rules",
        Entry("sharing.changed"),
    ),
    ("GET", "/organizations/{org}/partnerships/{partnership}/matrix", Entry("matrix.read")),
    ("GET", "/organizations/{org}/partnerships/{partnership}/overlaps", Entry("overlaps.read")),
    (
        "GET",
        "/organizations/{org}/partnerships/{partnership}/overlaps/{overlap}",
        Entry("overlaps.read"),
    ),
    ("GET", "/organizations/{org}/partnerships/{partnership}/unpaired", Entry("unpaired.read")),
    (
        "POST",
        "/organizations/{org}/partnerships/{partnership}/pairings",
        EntryIn("pairing.decided", "partnerships::pairs"),
    ),
    ("GET", "/organizations/{org}/plugins", CODE),
    ("POST", "/organizations/{org}/plugins", Entry("plugin.created")),
    ("GET", "/organizations/{org}/plugins/{plugin}", CODE),
    ("GET", "/organizations/{org}/plugins/{plugin}/releases", CODE),
    (
        "POST",
        "/organizations/{org}/plugins/{plugin}/releases",
        EntryIn("release.uploaded", "publish::signatures"),
    ),
    ("GET", "/organizations/{org}/plugins/{plugin}/releases/{release}", CODE),
    (
        "POST",
        "/organizations/{org}/plugins/{plugin}/releases/{release}/withdraw",
        Entry("release.withdrawn"),
    ),
    ("GET", "/organizations/{org}/plugins/{plugin}/credentials", CODE),
    (
        "PUT",
        "/organizations/{org}/plugins/{plugin}/credentials/{credential}",
        Entry("credential.set"),
    ),
    (
        "POST",
        "/organizations/{org}/plugins/{plugin}/credentials/{credential}/rotate",
        Entry("credential.rotated"),
    ),
    (
        "DELETE",
        "/organizations/{org}/plugins/{plugin}/credentials/{credential}",
        Entry("credential.removed"),
    ),
    ("GET", "/organizations/{org}/signing-keys", CODE),
    (
        "POST",
        "/organizations/{org}/signing-keys",
        EntryIn("signing-key.registered", "publish::signatures"),
    ),
    (
        "POST",
        "/organizations/{org}/signing-keys/{key}/rotate",
        EntryIn("signing-key.registered", "publish::signatures"),
    ),
    ("POST", "/organizations/{org}/signing-keys/{key}/revoke", Entry("signing-key.revoked")),
    ("GET", "/review/releases", CODE),
    ("GET", "/review/releases/{release}", CODE),
    ("GET", "/review/releases/{release}/dependencies", CODE),
    ("GET", "/review/advisories", CODE),
    ("GET", "/review/publishers/{org}/verification", CODE),
    ("PUT", "/review/publishers/{org}/verification", Entry("publisher.verified")),
    ("POST", "/review/publishers/{org}/verification/end", Entry("publisher.unverified")),
    ("GET", "/organizations/{org}/verification", CODE),
    (
        "POST",
        "/organizations/{org}/verification",
        EntryIn("publisher.verified", "publish::verification"),
    ),
    (
        "POST",
        "/review/releases/{release}/decision",
        EntryIn("release.approved", "support::World::listed"),
    ),
    (
        "POST",
        "/review/releases/{release}/withdraw",
        EntryIn("release.withdrawn", "publish::withdrawals"),
    ),
    ("PUT", "/review/plugins/{plugin}/approval", Entry("approval.changed")),
    ("POST", "/review/plugins/{plugin}/suspend", Entry("plugin.suspended")),
    ("POST", "/review/plugins/{plugin}/resume", Entry("plugin.resumed")),
    ("GET", "/marketplace/plugins", PUBLIC),
    ("GET", "/marketplace/plugins/{name}", PUBLIC),
    ("GET", "/organizations/{org}/connections", NO_DATA),
    ("POST", "/organizations/{org}/connections", Entry("connection.created")),
    ("GET", "/organizations/{org}/connections/{connection}", NO_DATA),
    ("DELETE", "/organizations/{org}/connections/{connection}", Entry("connection.deleted")),
    (
        "PUT",
        "/organizations/{org}/connections/{connection}/secret",
        Entry("connection.secret-replaced"),
    ),
    ("GET", "/organizations/{org}/installs", NO_DATA),
    (
        "POST",
        "/organizations/{org}/installs",
        EntryIn("install.created", "support::World::enabled"),
    ),
    ("GET", "/organizations/{org}/installs/{install}", NO_DATA),
    ("DELETE", "/organizations/{org}/installs/{install}", Entry("install.uninstalled")),
    ("GET", "/organizations/{org}/installs/{install}/schedules", NO_DATA),
    ("GET", "/organizations/{org}/installs/{install}/webhooks", NO_DATA),
    (
        "POST",
        "/organizations/{org}/installs/{install}/webhooks/{webhook}/open",
        Entry("webhook.opened"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/webhooks/{webhook}/rotate",
        Entry("webhook.rotated"),
    ),
    (
        "DELETE",
        "/organizations/{org}/installs/{install}/webhooks/{webhook}",
        Entry("webhook.closed"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/check",
        Nothing("it changes nothing and is given no partner's data"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/enable",
        EntryIn("install.enabled", "support::World::enabled"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/connections/{request}/connect",
        EntryIn("connection.asked-for", "connections::oauth"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/connections/{request}/connect/finish",
        EntryIn("connection.connected", "connections::oauth"),
    ),
    ("PUT", "/organizations/{org}/installs/{install}/grant", Entry("grant.changed")),
    ("PUT", "/organizations/{org}/installs/{install}/config", Entry("install.configured")),
    (
        "PUT",
        "/organizations/{org}/installs/{install}/connections",
        EntryIn("install.connected", "publish::installs"),
    ),
    ("POST", "/organizations/{org}/installs/{install}/pause", Entry("install.paused")),
    ("POST", "/organizations/{org}/installs/{install}/resume", Entry("install.resumed")),
    ("POST", "/organizations/{org}/installs/{install}/run", Entry("install.run")),
    ("GET", "/organizations/{org}/installs/{install}/actions", NO_DATA),
    ("POST", "/organizations/{org}/installs/{install}/ask", Entry("install.ask")),
    ("POST", "/organizations/{org}/installs/{install}/try", Entry("install.tried")),
    (
        "POST",
        "/organizations/{org}/installs/{install}/upgrade",
        EntryIn("install.upgraded", "publish::installs"),
    ),
    (
        "GET",
        "/organizations/{org}/installs/{install}/backfill?partnership={partnership}",
        Nothing("a number that is the customer's own: how many deliveries a backfill makes"),
    ),
    (
        "POST",
        "/organizations/{org}/installs/{install}/backfill",
        EntryIn("install.backfilled", "support::World::backfilled"),
    ),
    ("GET", "/organizations/{org}/deliveries", METADATA),
    ("GET", "/organizations/{org}/deliveries/{delivery}", METADATA),
    (
        "POST",
        "/organizations/{org}/deliveries/{delivery}/redeliver",
        EntryIn("delivery.redelivered", "publish::signatures"),
    ),
    (
        "POST",
        "/organizations/{org}/deliveries/{delivery}/discard",
        EntryIn("delivery.discarded", "deliveries"),
    ),
    ("GET", "/organizations/{org}/runs", METADATA),
    ("GET", "/organizations/{org}/runs/{run}", METADATA),
    ("GET", "/organizations/{org}/runs/{run}/log", Entry("log.read")),
    ("GET", "/organizations/{org}/runs/{run}/transcript", Entry("transcript.read")),
    ("POST", "/organizations/{org}/runs/{run}/replay", Entry("run.replayed")),
    ("GET", "/support-grants", NO_DATA),
    ("GET", "/organizations/{org}/support-grants", NO_DATA),
    ("POST", "/organizations/{org}/support-grants", Entry("support.granted")),
    ("DELETE", "/organizations/{org}/support-grants/{grant}", Entry("support.revoked")),
    ("GET", "/organizations/{org}/inbox", METADATA),
    ("GET", "/organizations/{org}/inbox/{item}", METADATA),
    ("POST", "/organizations/{org}/inbox/{item}/done", Entry("incident.resolved")),
    ("GET", "/organizations/{org}/waiting", METADATA),
    ("GET", "/organizations/{org}/incidents", METADATA),
    ("GET", "/organizations/{org}/audit", SELF),
    ("GET", "/organizations/{org}/audit/export", Entry("audit.exported")),
    ("GET", "/organizations/{org}/audit/verify", SELF),
];

fn leaves(row: &Row) -> &'static Leaves {
    let found = AUDITED.iter().find(|(method, path, _)| (*method, *path) == (row.method, row.path));
    &found
        .unwrap_or_else(|| panic!("{} {}: say what it leaves in the audit", row.method, row.path))
        .2
}

/// Reads first, and what ends things last.
fn in_order() -> Vec<&'static Row> {
    let rank = |row: &&Row| match row.method {
        "GET" => 0,
        // Before the work that failed ends well.
        _ if row.path.ends_with("/done") => 0,
        // What an install uses is not deleted before it.
        "DELETE" if row.path.ends_with("{connection}") => 3,
        // What is open is not opened: it is closed before.
        "DELETE" if row.path.ends_with("{webhook}") => 1,
        "DELETE" => 2,
        _ if ["/end", "/revoke", "/withdraw"].iter().any(|end| row.path.ends_with(end)) => 2,
        _ => 1,
    };
    let mut rows: Vec<_> = ROWS.iter().collect();
    rows.sort_by_key(rank);
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_leaves_the_entry_that_stands_here_or_says_why_it_leaves_none() {
    let town = Town::start().await;
    let mut wrong = Vec::new();
    for row in in_order() {
        let owner = town.owner(row);
        let before = town.audits().await;
        let answer = town.call(owner, row, &town.fill(row.path, &owner.org)).await;
        let after = town.audits().await;
        let fresh = after.iter().filter(|entry| !before.contains(entry));
        // What runs do in the background is theirs, not this call's.
        let by_people = fresh.filter(|entry| !entry["actor"].as_str().unwrap().starts_with("ins_"));
        let actions: Vec<&str> = by_people.map(|entry| entry["action"].as_str().unwrap()).collect();
        let good = (200..300).contains(&answer.status);
        let fits = match leaves(row) {
            Entry(action) => good && actions.contains(action),
            // What is set to what it is, is no change.
            EntryIn(action, _) => {
                !good || actions.contains(action) || row.body.contains("demanded")
            }
            // An import is applied in the background.
            Nothing(_) => actions.iter().all(|action| *action == "import.applied"),
        };
        if !fits {
            wrong.push(format!(
                "{} {} {}: {} {actions:?} {}",
                row.method,
                row.path,
                leaves(row).claim(),
                answer.status,
                answer.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_that_was_refused_wanted_is_not_in_the_audit() {
    let town = Town::start().await;
    let before: Vec<Value> = town.audits().await;
    for row in ROWS.iter().filter(|row| row.path.contains("{org}")) {
        town.call(&town.stranger, row, &town.fill(row.path, &town.owner(row).org)).await;
    }
    assert_eq!(town.audits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_names_a_partners_account_is_in_the_partners_audit() {
    let town = Town::start().await;
    let World { acme, globex, .. } = &town.world;
    // One of them is left over on a domain that both sides have, and is shown too.
    let more = "Id,Name,Website,Type\nG9,Zeta Boats,https://boats.company-1.com/,Customer\n";
    globex.import("merge", more.to_owned()).await;
    town.world.share(globex, "all", &["name"], "egress").await;
    town.world.paired().await;
    let theirs: Vec<String> = globex
        .all("accounts")
        .await
        .iter()
        .map(|account| account["id"].as_str().unwrap().to_owned())
        .collect();
    let us = acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let told = async || {
        let mut entries = globex.all("audit?action=partner.read").await;
        entries.retain(|entry| entry["actor"] == us);
        entries
    };
    let mut telling = Vec::new();
    for row in in_order().into_iter().filter(|row| std::ptr::eq(town.owner(row), acme)) {
        let path = town.fill(row.path, "acme");
        let asked = path.clone() + &town.fill(row.body, "acme");
        let before = told().await.len();
        let answer = town.call(acme, row, &path).await;
        let names =
            |id: &&String| answer.text.contains(id.as_str()) && !asked.contains(id.as_str());
        if theirs.iter().any(|id| names(&id)) {
            telling.push(row.path);
            let after = told().await;
            let grown = after.len() > before;
            assert!(grown, "{} {}: {}", row.method, row.path, answer.text);
            let newest = &after[0];
            assert_eq!(newest["subject"], town.world.partnership.as_str(), "{}", row.path);
            assert!(newest["detail"]["rows"].as_u64().unwrap() > 0, "{newest}");
            assert_eq!(newest["detail"]["fields"], json!(["name"]), "{}", row.path);
        }
    }
    // All that are known to tell did, so the walk has seen them.
    let known =
        ["/overlaps", "/overlaps/{overlap}", "/unpaired", "why-not?partnership={partnership}"];
    for end in known {
        assert!(telling.iter().any(|path| path.ends_with(end)), "{end}: {telling:?}");
    }
}
