//! Webhooks of an install: to whom it listens, at which URL, and with which secret. A secret
//! that this host made is told once.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    limits,
    manifest::Problem,
    organization::Need,
    time::Timestamp,
    webhook::{self, Secret, Signature, Webhook},
};
use venn_store::{
    install::Install,
    plugin::Change,
    webhook::{By, OpenWebhook},
};
use zeroize::Zeroizing;

use crate::{
    answer::{CreatedOnce, NoContent},
    api::{
        connection::{SecretText, problem},
        install::{find, wrong_state},
        organization::resolve,
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    hooks,
};

/// `POST …/webhooks/{webhook}/open`. No `Debug`: it may have the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBody {
    /// The sender's secret, where the sender makes it; one is made and told this once if it is
    /// not there. Of a webhook with a URL of the install's own only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    secret: Option<SecretText>,
    /// What the sender calls you, for example the id of your workspace there. Of a webhook
    /// with one URL for all installs, and needed there.
    #[serde(default)]
    routing_key: Option<String>,
}

/// `POST …/webhooks/{webhook}/rotate`. No `Debug`: it may have the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// The sender's next secret; one is made and told this once if it is not there.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    secret: Option<SecretText>,
    /// For how many seconds the present one is good, too: 1 to 2592000; a day if not said.
    #[serde(default)]
    overlap_s: Option<u64>,
}

/// `GET …/installs/{install}/webhooks`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhooksView {
    /// Of the release that runs, in the manifest's order; empty if it listens to nobody.
    webhooks: Vec<InstallWebhookView>,
}

/// A webhook of an install.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InstallWebhookView {
    /// Its name in the manifest.
    name: String,
    /// What it is for.
    title: String,
    /// How the sender shows that it is the one.
    #[schemars(extend("enum" = ["standard-webhooks", "hmac-sha256", "slack", "hubspot-v3", "token"]))]
    signature: &'static str,
    /// Calls are taken for this install.
    is_open: bool,
    /// What the sender calls; null while it has none yet, or the server does not know where
    /// it is reached.
    url: Option<String>,
    /// What the sender calls you, where one URL serves all installs; else null.
    routing_key: Option<String>,
    /// Until when the secret before is good, too; null if there is none.
    previous_until: Option<Timestamp>,
    /// When a call was taken last; null if none was.
    received_at: Option<Timestamp>,
    /// Calls that were refused in the last day, by reason, as far as the server remembers.
    refused: Vec<RefusedView>,
}

/// Calls that were refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RefusedView {
    /// Why, for example `wrong-signature` or `stale`.
    reason: &'static str,
    /// How many.
    count: u64,
}

/// A webhook that was opened, or whose secret is another one now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OpenedView {
    /// Its name in the manifest.
    name: String,
    /// What the sender calls.
    url: String,
    /// The secret that was made, for the sender: told this once. Null if you gave it, it is the
    /// publisher's, or the webhook was open already.
    secret: Option<String>,
    /// What the sender calls you, where one URL serves all installs; else null.
    routing_key: Option<String>,
    /// Until when the secret before is good, too; null if there is none.
    previous_until: Option<Timestamp>,
}

/// `GET …/webhooks`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<WebhooksView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let install = find(&app, &org, &install).await?;
    let open = app.store.webhooks(&install.id).await?;
    let entries = entries(&app, &install).await?;
    let view = |entry: Webhook| {
        let opened = open.iter().find(|one| one.name == entry.name);
        view(&app, &install, &entry, opened)
    };
    Ok(Json(WebhooksView { webhooks: entries.into_iter().map(view).collect() }))
}

/// `POST …/webhooks/{webhook}/open`: an admin of the customer.
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    Path((org, install, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<OpenBody>,
) -> Result<CreatedOnce<OpenedView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let install = find(&app, &org, &install).await?;
    let entry = entry(&app, &install, &name).await?;
    public_url(&app)?;
    let (by, made) = if entry.routing.is_some() {
        (By::Key(routing_key(body)?), None)
    } else {
        if body.routing_key.is_some() {
            let reason = "this webhook has a URL of the install's own".to_owned();
            return Err(invalid("routing_key", reason, "Leave it out"));
        }
        let (secret, made) = secret(&entry, body.secret)?;
        (By::Secret(secret), made)
    };
    let keys = app.keys.encryption.clone();
    let is_given = matches!(by, By::Secret(_)) && made.is_none();
    let opened = app.store.open_webhook(keys, &install, &name, by, caller.user()).await?;
    let opened = done(opened)?;
    if is_given && !opened.is_new {
        let detail = "The webhook is open already, with another secret or this one.";
        let next = "Rotate it to put this secret; the present one is good for a while, too.";
        return Err(ApiError::new(Code::WrongState, detail, next));
    }
    told(&app, &install, &opened.webhook, made.filter(|_| opened.is_new))
}

/// `POST …/webhooks/{webhook}/rotate`: an admin of the customer.
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path((org, install, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<CreatedOnce<OpenedView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let install = find(&app, &org, &install).await?;
    let entry = entry(&app, &install, &name).await?;
    public_url(&app)?;
    let most_s = limits::CREDENTIAL_OVERLAP_MS_MAX / 1_000;
    let overlap_s = body.overlap_s.unwrap_or(limits::CREDENTIAL_OVERLAP_MS / 1_000);
    if !(1..=most_s).contains(&overlap_s) {
        let reason = format!("it is not 1 to {most_s} seconds");
        return Err(invalid("overlap_s", reason, "Choose fewer; 1 ends the present one at once"));
    }
    let (secret, made) = secret(&entry, body.secret)?;
    let until = app.store.now().plus_ms(overlap_s.cast_signed() * 1_000);
    let (keys, actor) = (app.keys.encryption.clone(), caller.user());
    let rotated = app.store.rotate_webhook(keys, &install.id, &name, secret, until, actor).await?;
    told(&app, &install, &done(rotated)?, made)
}

/// `DELETE …/webhooks/{webhook}`: an admin of the customer.
pub async fn close(
    State(app): State<App>,
    caller: Caller,
    Path((org, install, name)): Path<(String, String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let install = find(&app, &org, &install).await?;
    if app.store.close_webhook(&install.id, &name, caller.user()).await? {
        Ok(NoContent)
    } else {
        Err(ApiError::not_found())
    }
}

async fn entries(app: &App, install: &Install) -> Result<Vec<Webhook>, ApiError> {
    let release = app.store.release(&install.release).await?.ok_or_else(ApiError::not_found)?;
    Ok(release.manifest.webhooks)
}

async fn entry(app: &App, install: &Install, name: &str) -> Result<Webhook, ApiError> {
    let found = entries(app, install).await?.into_iter().find(|entry| entry.name == name);
    found.ok_or_else(ApiError::not_found)
}

fn public_url(app: &App) -> Result<&str, ApiError> {
    app.public_url.as_deref().ok_or_else(|| {
        let detail = "This server does not know the address at which services reach it.";
        let next = "Ask who operates it to start `venn serve` with --public-url.";
        ApiError::new(Code::WrongState, detail, next)
    })
}

fn routing_key(body: OpenBody) -> Result<String, ApiError> {
    if body.secret.is_some() {
        let reason = "the secret of this webhook is the publisher's".to_owned();
        return Err(invalid("secret", reason, "Leave it out"));
    }
    let next = "Write what the sender calls you, for example the id of your workspace there";
    match body.routing_key {
        None => Err(invalid("routing_key", "it is missing".to_owned(), next)),
        Some(key) if webhook::is_routing_key(&key) => Ok(key),
        Some(_) => {
            let reason = "it is not 1 to 100 characters of visible ASCII".to_owned();
            Err(invalid("routing_key", reason, next))
        }
    }
}

type Made = Option<Zeroizing<String>>;

/// The secret that was given, or one that is made now, which is told.
fn secret(
    entry: &Webhook,
    given: Option<SecretText>,
) -> Result<(Zeroizing<Vec<u8>>, Made), ApiError> {
    let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
    let Some(SecretText(given)) = given else {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(random.as_mut()).map_err(|error| ApiError::internal(error.to_string()))?;
        let made = Secret::write(entry.signature, &random);
        return Ok((bytes(&made), Some(made)));
    };
    match no_secret(entry.signature, &given) {
        Some(problem) => Err(refused(problem)),
        None => Ok((bytes(&given), None)),
    }
}

/// Why this is no secret of a sender that signs so; none if it is one.
pub fn no_secret(signature: Signature, given: &str) -> Option<Problem> {
    let bad = Secret::read(signature, given.as_bytes()).err()?;
    Some(problem("secret", bad.to_string(), "Copy it from the sender's settings"))
}

fn done<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(done) => Ok(done),
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(wrong_state(state)),
    }
}

fn told(
    app: &App,
    install: &Install,
    open: &OpenWebhook,
    made: Made,
) -> Result<CreatedOnce<OpenedView>, ApiError> {
    let view = |secret: Option<String>| OpenedView {
        name: open.name.clone(),
        url: url(app, install, &open.name, Some(open)).unwrap_or_default(),
        secret,
        routing_key: key(open),
        previous_until: open.previous_until,
    };
    CreatedOnce::new(&view(made.map(|made| made.to_string())), &view(None))
}

fn key(open: &OpenWebhook) -> Option<String> {
    Some(open.routing_key.clone()).filter(|key| !key.is_empty())
}

/// The URL: the plugin's where there is a routing key, or nothing is open yet.
fn url(app: &App, install: &Install, name: &str, own: Option<&OpenWebhook>) -> Option<String> {
    let path = match own {
        Some(open) if open.routing_key.is_empty() => hooks::path(&app.keys, &open.id),
        _ => hooks::plugin_path(&install.plugin_name, name),
    };
    app.public_url.as_ref().map(|base| format!("{base}{path}"))
}

fn view(
    app: &App,
    install: &Install,
    entry: &Webhook,
    open: Option<&OpenWebhook>,
) -> InstallWebhookView {
    let now = app.store.now();
    // One that was opened under another release may be of the other kind now.
    let open = open.filter(|open| open.routing_key.is_empty() == entry.routing.is_none());
    let refused = open.map(|open| app.heard.refusals(&open.id, now)).unwrap_or_default();
    let has_url = open.is_some() || entry.routing.is_some();
    InstallWebhookView {
        name: entry.name.clone(),
        title: entry.title.clone(),
        signature: entry.signature.name(),
        is_open: open.is_some(),
        url: has_url.then(|| url(app, install, &entry.name, open)).flatten(),
        routing_key: open.and_then(key),
        previous_until: open.and_then(|open| open.previous_until).filter(|until| *until > now),
        received_at: open.and_then(|open| open.received_at),
        refused: refused.into_iter().map(|(reason, count)| RefusedView { reason, count }).collect(),
    }
}

fn invalid(place: &str, reason: String, next_step: &str) -> ApiError {
    refused(problem(place, reason, next_step))
}

fn refused(problem: Problem) -> ApiError {
    let error =
        ApiError::new(Code::Invalid, "The webhook has problems.", "Correct what is listed.");
    error.with_problems(vec![problem])
}
