//! What waits for a decision, beside the failures of the inbox: each with the one
//! command that leads on. Computed (decision 52): nobody marks it done.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::Serialize;
use venn_domain::{
    connection::ConnectionState, count::counted, id::OrganizationId, manifest::ConnectionKind,
    organization::Need, time::Timestamp,
};
use venn_store::{
    install::Unfit,
    waiting::{Waiting, WaitingKind},
};

use crate::{
    api::{install::refit, organization::resolve},
    app::App,
    auth::Caller,
    error::ApiError,
    page::{PageOf, PageView},
};

/// Something that waits for the organization, or that it is told.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WaitingView {
    /// The same for the same thing, as long as it waits.
    id: String,
    /// What waits.
    #[schemars(extend("enum" = [
        "release-to-review", "release-refused", "release-approved", "release-stopped",
        "release-distrusted", "plugin-suspended", "integration-suspended", "plugin-narrowed",
        "integration-narrowed", "verification-ended", "install-stopped",
        "install-distrusted", "install-resting", "plugin-resting", "partnership-proposed", "partnership-ended",
        "removals-to-confirm", "import-to-confirm", "connection-expiring",
        "connection-to-reconnect", "connection-unfit", "token-recovered", "events-expired",
        "entries-untold",
    ]))]
    kind: &'static str,
    /// The id of the release, plugin, organization, install, partnership, import, connection or
    /// token that it is about.
    subject: String,
    /// The organization has to act; else it is told what somebody else does.
    is_owner: bool,
    /// One line.
    title: String,
    /// For people: why, and what there is to choose.
    text: String,
    /// The command to type next; empty if there is nothing to do.
    next_step: String,
    /// Since when.
    created_at: Timestamp,
}

/// `GET /v1/organizations/{org}/waiting`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<WaitingView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.waiting(&org.id, page.after()?.as_ref(), page.limit).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for item in found.items {
        items.push(view(&app, &org.id, item).await?);
    }
    Ok(Json(page.view(venn_store::Page { items, next: found.next }, |item| item)))
}

#[allow(clippy::too_many_lines, reason = "the words of each kind, and nothing else")]
async fn view(app: &App, org: &OrganizationId, item: Waiting) -> Result<WaitingView, ApiError> {
    let Waiting { subject, name, detail, reason, .. } = &item;
    let (title, text, next_step) = match item.kind {
        WaitingKind::ReleaseToReview => (
            format!("{name} {detail} waits for your review"),
            "Customers can install it, and upgrade to it, once an admin approves it.".to_owned(),
            format!("venn review show {name}@{detail}"),
        ),
        WaitingKind::ReleaseRefused => (
            format!("{name} {detail} was refused"),
            format!("{reason} Correct it, raise the version, and publish again."),
            "venn publish".to_owned(),
        ),
        WaitingKind::ReleaseApproved => (
            format!("{name} {detail} was approved"),
            format!("{reason} Customers can install it."),
            format!("venn marketplace show {name}"),
        ),
        WaitingKind::ReleaseStopped => (
            format!("The platform withdrew {name} {detail}"),
            format!(
                "{reason} Installs with it have stopped. Correct it, and publish a newer version."
            ),
            "venn publish".to_owned(),
        ),
        WaitingKind::ReleaseDistrusted => (
            format!("{name} {detail} has stopped: its signing key is compromised"),
            format!(
                "It was signed with {reason}, which is compromised, so it runs nowhere and nobody can install it. Publish the same version again with another key; once the platform has approved it again, it goes on."
            ),
            "venn publish".to_owned(),
        ),
        WaitingKind::PluginSuspended
        | WaitingKind::IntegrationSuspended
        | WaitingKind::PluginNarrowed
        | WaitingKind::IntegrationNarrowed
        | WaitingKind::VerificationEnded => taken_back(&item),
        WaitingKind::InstallStopped | WaitingKind::InstallDistrusted => {
            stopped_install(app, &item).await?
        }
        WaitingKind::InstallResting | WaitingKind::PluginResting => resting(&item)?,
        // Who was erased has no name of its own any more, and nothing is proposed to it.
        WaitingKind::PartnershipEnded if detail.is_empty() => (
            format!("{name} had a partnership with you"),
            "It has ended, and nothing of it is read any more, by people or by integrations.".to_owned(),
            String::new(),
        ),
        WaitingKind::PartnershipEnded => (
            format!("{name} ended your partnership"),
            "Nothing of it is read any more, by people or by integrations. If you agree on another one, grant it to the installs that are to read it.".to_owned(),
            format!("venn partner propose {detail}"),
        ),
        WaitingKind::PartnershipProposed => (
            format!("{name} proposes a partnership"),
            format!(
                "Accepting shows nothing yet: your sharing rules do. `venn partner end {detail}` declines."
            ),
            format!("venn partner accept {detail}"),
        ),
        WaitingKind::RemovalsToConfirm => (
            format!(
                "The source {name} wants to remove {}",
                counted(item.removes, "account", "accounts")
            ),
            format!(
                "It is more than a fifth of what came from it. `venn sources cancel {subject}` keeps them."
            ),
            format!("venn sources confirm {subject}"),
        ),
        WaitingKind::ConnectionExpiring | WaitingKind::ConnectionToReconnect => {
            connection(app, org, &item).await?
        }
        WaitingKind::TokenRecovered => (
            format!("The platform made a token for {name}"),
            format!(
                "It may do everything that {detail} may, and was made because: {reason} If none of you asked for it, revoke it, and ask the platform who did."
            ),
            format!("venn orgs tokens --revoke {subject}"),
        ),
        WaitingKind::ConnectionUnfit => unfit(&item)?,
        WaitingKind::EventsExpired => expired(&item),
        WaitingKind::EntriesUntold => untold(&item),
        WaitingKind::ImportToConfirm => (
            format!("The list {name} would remove many accounts"),
            format!(
                "It is more than a fifth of what is there. `venn imports cancel {subject}` keeps them."
            ),
            format!("venn imports confirm {subject}"),
        ),
    };
    Ok(WaitingView {
        id: item.id(),
        kind: item.kind.name(),
        is_owner: !is_news(item.kind),
        subject: item.subject,
        title,
        text,
        next_step,
        created_at: item.since,
    })
}

/// What the platform takes from a plugin, from those who have it, or from its publisher.
fn taken_back(item: &Waiting) -> (String, String, String) {
    let Waiting { name, detail, reason, .. } = item;
    match item.kind {
        WaitingKind::PluginSuspended => (
            format!("The platform suspended {name}"),
            format!(
                "{reason} It runs nowhere until the platform resumes it: ask them what is missing."
            ),
            format!("venn plugins show {name}"),
        ),
        WaitingKind::IntegrationSuspended => (
            format!("The platform suspended {name}"),
            format!("{reason} Your installs of it are stopped; events wait until it is resumed."),
            "venn installs list".to_owned(),
        ),
        WaitingKind::PluginNarrowed => (
            format!("The platform allows less of {name}"),
            format!(
                "No more: {detail}. What needs it is denied for every customer. It is given back with a later release, if the platform agrees."
            ),
            format!("venn plugins show {name}"),
        ),
        WaitingKind::IntegrationNarrowed => (
            format!("The platform allows less of {name}"),
            format!("No more: {detail}. What needs it is denied, whatever your grant says."),
            "venn installs list".to_owned(),
        ),
        _ => (
            "The platform does not know any more who you are".to_owned(),
            format!(
                "{reason} What was approved goes on; nothing more of yours is approved until you show a domain, or the platform vouches for you."
            ),
            "venn orgs verification".to_owned(),
        ),
    }
}

/// What was given up unheard.
fn expired(item: &Waiting) -> (String, String, String) {
    let Waiting { subject, name, detail, .. } = item;
    let events = counted(detail.parse().unwrap_or_default(), "event", "events");
    (
        format!("{name} missed {events}"),
        "What waits longer than it is of use is given up. `venn deliveries redeliver` brings one all the same, `venn deliveries discard` takes it off this list.".to_owned(),
        format!("venn deliveries list --install {subject} --state dead"),
    )
}

/// What others added while too much waited.
fn untold(item: &Waiting) -> (String, String, String) {
    let Waiting { subject, name, detail, .. } = item;
    let entries = counted(detail.parse().unwrap_or_default(), "timeline entry", "timeline entries");
    (
        format!("{name} was not told of {entries}"),
        "As much waited for it as may: it is paused, or slower than what other integrations add. It stands on the timeline, and does not come later; the install hears of what is added once it has worked some off.".to_owned(),
        format!("venn deliveries list --install {subject}"),
    )
}

/// What rests after failures in a row: nobody has to act.
fn resting(item: &Waiting) -> Result<(String, String, String), ApiError> {
    let Waiting { name, detail, reason, .. } = item;
    let number: i64 = detail.parse().map_err(ApiError::internal)?;
    if item.kind == WaitingKind::InstallResting {
        let next = Timestamp(number);
        return Ok((
            format!("{name} rests after failures in a row"),
            format!(
                "Because {reason}. It is tried again by itself, next at {next}; until it works, its events wait, and none is lost."
            ),
            format!("venn installs try {name}"),
        ));
    }
    let installs = counted(number.unsigned_abs(), "install", "installs");
    let verb = if number == 1 { "rests" } else { "rest" };
    Ok((
        format!("{installs} of {name} {verb} after failures in a row"),
        "Their events wait, and none is lost; they are tried again by themselves. The incidents say what failed.".to_owned(),
        format!("venn marketplace show {name}"),
    ))
}

/// What an install needs in the place of its connections.
fn unfit(item: &Waiting) -> Result<(String, String, String), ApiError> {
    let all: Vec<Unfit> = serde_json::from_str(&item.detail).map_err(ApiError::internal)?;
    let needs = all.iter().map(|one| {
        format!(
            "`{}` has to be one of the kind {} for {}",
            one.connection,
            one.kind.name(),
            one.host
        )
    });
    let needs = needs.collect::<Vec<_>>().join("; ");
    let text = format!(
        "Its configuration says another host: {needs}. Calls with it are denied until it is."
    );
    let next = all.first().map(|one| refit(&item.name, one)).unwrap_or_default();
    Ok((format!("A connection of {} has no use any more", item.name), text, next))
}

/// Somebody else acted: there is nothing that must be done.
const fn is_news(kind: WaitingKind) -> bool {
    matches!(
        kind,
        WaitingKind::ReleaseApproved
            | WaitingKind::IntegrationSuspended
            | WaitingKind::PluginNarrowed
            | WaitingKind::IntegrationNarrowed
            | WaitingKind::InstallResting
            | WaitingKind::PluginResting
            | WaitingKind::PartnershipEnded
            | WaitingKind::TokenRecovered
    )
}

/// Who made it mends it: at the service's page, or with another secret.
async fn connection(
    app: &App,
    org: &OrganizationId,
    item: &Waiting,
) -> Result<(String, String, String), ApiError> {
    let Waiting { subject, name, detail: host, .. } = item;
    let found = app.store.connection(org, &subject.parse()?).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let (state, reason) = found.standing(app.store.now());
    let uses = app.store.connection_uses(org, &found.id).await?;
    let next = match (found.kind, uses.first()) {
        (ConnectionKind::Oauth2, Some((install, request))) => {
            format!("venn installs connect {install} {request}")
        }
        (ConnectionKind::ClientCredentials, _) => {
            format!("venn connections rotate {name} --client-id ID")
        }
        (ConnectionKind::Basic, _) => format!("venn connections rotate {name} --user NAME"),
        _ => format!("venn connections rotate {name}"),
    };
    let title = if state == ConnectionState::ReconnectRequired {
        format!("The connection {name} to {host} does not work any more")
    } else {
        format!("The connection {name} to {host} will not work for long")
    };
    let text = match uses.len() {
        0 => format!("{reason}."),
        many => format!("{reason}. {} it.", uses_text(many)),
    };
    Ok((title, text, next))
}

fn uses_text(many: usize) -> String {
    let installs = counted(many as u64, "install", "installs");
    if many == 1 { format!("{installs} uses") } else { format!("{installs} use") }
}

/// Its newest approved release is what it can go on with, if there is one.
async fn stopped_install(app: &App, item: &Waiting) -> Result<(String, String, String), ApiError> {
    let Waiting { subject, name, detail: plugin, reason, .. } = item;
    let (title, reason) = if item.kind == WaitingKind::InstallDistrusted {
        let why = format!("{reason}, with which its publisher signed it, is compromised.");
        (format!("The release of {name} is not trusted any more"), why)
    } else {
        (format!("The release of {name} was withdrawn"), reason.clone())
    };
    let other = app.store.market(plugin).await?.map(|listing| listing.release);
    Ok(match other {
        Some(other) => (
            title,
            format!(
                "{reason} The install is stopped and its events wait; {plugin} {} is approved.",
                other.version
            ),
            format!("venn installs upgrade {subject} --to {}", other.version),
        ),
        None => (
            title,
            format!(
                "{reason} The install is stopped and its events wait until {plugin} has another approved release."
            ),
            format!("venn installs show {subject}"),
        ),
    })
}
