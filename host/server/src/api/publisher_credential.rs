//! A publisher's own credentials for its plugins. A value goes in and is never shown again.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    account::check_key,
    egress::{Target, host},
    id::{CredentialId, PluginId},
    limits,
    manifest::{ConnectionKind, Manifest, Problem},
    organization::Need,
    time::Timestamp,
    webhook::{Signature, Webhook},
};
use venn_store::{
    plugin::Change,
    publisher_credential::{CredentialKind, NewCredential, PublisherCredential},
};
use zeroize::Zeroizing;

use crate::{
    answer::NoContent,
    api::{
        connection::{SecretText, check_secret, problem},
        organization::resolve,
        plugin, webhook,
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// `PUT …/plugins/{plugin}/credentials/{name}`. No `Debug`: it has the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialBody {
    /// What it is: `oauth-client`, `backend-key` or `webhook-secret`.
    #[schemars(extend("enum" = ["oauth-client", "backend-key", "webhook-secret"]))]
    kind: String,
    /// The one host to which it goes: the token endpoint's, or your backend's. Empty for a
    /// `webhook-secret`, which goes nowhere.
    #[serde(default)]
    host: String,
    /// The client id; of an `oauth-client` only.
    #[serde(default)]
    client_id: Option<String>,
    /// The value: 1 to 8192 visible ASCII characters. It is never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
}

/// `POST …/plugins/{plugin}/credentials/{name}/rotate`. No `Debug`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// The next value: 1 to 8192 visible ASCII characters. It is never shown again.
    #[schemars(with = "String")]
    secret: SecretText,
    /// For how many seconds the present one is good, too: 1 to 2592000; a day if not said.
    #[serde(default)]
    overlap_s: Option<u64>,
}

/// A publisher's credential, without its value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CredentialView {
    /// The credential's id.
    id: CredentialId,
    /// The manifest's name of the connection that it is for; a webhook secret's own name.
    name: String,
    /// What it is.
    #[schemars(extend("enum" = ["oauth-client", "backend-key", "webhook-secret"]))]
    kind: &'static str,
    /// The one host to which it goes; empty if it goes nowhere.
    host: String,
    /// The client id of an `oauth-client`; empty for others.
    client_id: String,
    /// Why nothing uses it as it is: the newest release asks for no such credential at this
    /// host. Empty if it does.
    unused: String,
    /// Until when the value before is good, too; null if there is none.
    previous_until: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When its value last changed.
    updated_at: Timestamp,
}

/// `GET …/plugins/{plugin}/credentials`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin)): Path<(String, String)>,
    page: PageOf,
) -> Result<Json<PageView<CredentialView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let found = app.store.credentials_page(&plugin.id, page.after()?.as_ref(), page.limit).await?;
    let (now, newest) = (app.store.now(), newest(&app, &plugin.id).await?);
    Ok(Json(page.view(found, |credential| view(credential, now, newest.as_ref()))))
}

/// `PUT …/plugins/{plugin}/credentials/{name}`: an admin of the publisher.
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<CredentialBody>,
) -> Result<Json<CredentialView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let newest = newest(&app, &plugin.id).await?;
    let is_webhooks = body.kind == CredentialKind::WebhookSecret.name();
    let signed = is_webhooks.then(|| signature(newest.as_ref(), &name));
    let mut problems: Vec<Problem> = checked_value(&body.secret, signed).into_iter().collect();
    if let Err(error) = check_key(&name) {
        problems.push(problem("name", error.to_string(), "Take the connection's name"));
    }
    let kind = CredentialKind::parse(&body.kind).unwrap_or_else(|| {
        let next = "Use `oauth-client`, `backend-key` or `webhook-secret`";
        problems.push(problem("kind", "there is no such kind".to_owned(), next));
        CredentialKind::WebhookSecret
    });
    let host = checked_host(kind, &body.host, &mut problems);
    let client_id = body.client_id.unwrap_or_default();
    let is_client = kind == CredentialKind::OauthClient;
    let is_sound = client_id.len() <= 512 && client_id.bytes().all(|b| b.is_ascii_graphic());
    if is_client == client_id.is_empty() || !is_sound {
        let reason = "an `oauth-client` has one of visible ASCII characters, nothing else has one";
        let next = "Write it as the service has it, or leave it out";
        problems.push(problem("client_id", reason.to_owned(), next));
    }
    invalid(problems)?;
    let new = NewCredential {
        organization: org.id,
        plugin: plugin.id,
        name,
        kind,
        host,
        client_id,
        actor: caller.user().clone(),
    };
    let (keys, value) = (app.keys.encryption.clone(), value(&body.secret));
    let made = app.store.set_credential(keys, new, value).await?;
    app.wake.deliveries.notify_one();
    Ok(Json(view(made, app.store.now(), newest.as_ref())))
}

/// `POST …/plugins/{plugin}/credentials/{name}/rotate`: an admin of the publisher.
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin, name)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<Json<CredentialView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let present = app.store.credential(&plugin.id, &name).await?.ok_or_else(ApiError::not_found)?;
    let newest = newest(&app, &plugin.id).await?;
    let most_s = limits::CREDENTIAL_OVERLAP_MS_MAX / 1_000;
    let overlap_s = body.overlap_s.unwrap_or(limits::CREDENTIAL_OVERLAP_MS / 1_000);
    let is_webhooks = present.kind == CredentialKind::WebhookSecret;
    let signed = is_webhooks.then(|| signature(newest.as_ref(), &name));
    let mut problems: Vec<Problem> = checked_value(&body.secret, signed).into_iter().collect();
    if !(1..=most_s).contains(&overlap_s) {
        let reason = format!("it is not 1 to {most_s} seconds");
        let next = "Choose fewer; `set` ends the present value at once";
        problems.push(problem("overlap_s", reason, next));
    }
    invalid(problems)?;
    let until = app.store.now().plus_ms(overlap_s.cast_signed() * 1_000);
    let (keys, value) = (app.keys.encryption.clone(), value(&body.secret));
    let done =
        app.store.rotate_credential(keys, &plugin.id, &name, value, until, caller.user()).await?;
    match done {
        Change::Done(now) => {
            app.wake.deliveries.notify_one();
            Ok(Json(view(now, app.store.now(), newest.as_ref())))
        }
        Change::NotFound | Change::WrongState(_) => Err(ApiError::not_found()),
    }
}

/// `DELETE …/plugins/{plugin}/credentials/{name}`: an admin of the publisher.
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin, name)): Path<(String, String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    if app.store.remove_credential(&plugin.id, &name, caller.user()).await? {
        Ok(NoContent)
    } else {
        Err(ApiError::not_found())
    }
}

fn checked_host(kind: CredentialKind, text: &str, problems: &mut Vec<Problem>) -> String {
    if kind == CredentialKind::WebhookSecret {
        if !text.is_empty() {
            let reason = "a webhook's secret goes nowhere".to_owned();
            problems.push(problem("host", reason, "Leave it out"));
        }
        return String::new();
    }
    host::canonical(text).unwrap_or_else(|error| {
        let next = "Write the host itself, for example `login.example.com`";
        problems.push(problem("host", error.to_string(), next));
        String::new()
    })
}

/// How the sender signs whose secret this is; a plain one where no release asks for it yet.
fn signature(newest: Option<&Manifest>, name: &str) -> Signature {
    let found = newest.and_then(|manifest| shared(manifest).find(|webhook| webhook.name == name));
    found.map_or(Signature::Token, |webhook| webhook.signature)
}

/// The webhooks whose secret is the publisher's.
fn shared(manifest: &Manifest) -> impl Iterator<Item = &Webhook> {
    manifest.webhooks.iter().filter(|webhook| webhook.routing.is_some())
}

/// What is wrong with a value; of a webhook's secret, for a sender that signs so.
fn checked_value(secret: &SecretText, signed: Option<Signature>) -> Option<Problem> {
    let unsigned = || webhook::no_secret(signed?, &secret.0);
    check_secret(secret).or_else(unsigned)
}

fn value(secret: &SecretText) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(secret.0.as_bytes().to_vec())
}

fn invalid(problems: Vec<Problem>) -> Result<(), ApiError> {
    if problems.is_empty() {
        return Ok(());
    }
    let error =
        ApiError::new(Code::Invalid, "The credential has problems.", "Correct what is listed.");
    Err(error.with_problems(problems))
}

/// What the plugin's newest release asks for, if it has one.
async fn newest(app: &App, plugin: &PluginId) -> Result<Option<Manifest>, ApiError> {
    let page = app.store.releases_page(plugin, None, 1).await?;
    Ok(page.items.into_iter().next().map(|release| release.manifest))
}

/// Why nothing uses a credential; empty if something does.
fn unused(of: &PublisherCredential, newest: Option<&Manifest>) -> String {
    let Some(manifest) = newest else {
        return "the plugin has no release yet that asks for it".to_owned();
    };
    let release = format!("the newest release, {}, asks for", manifest.version);
    let wanted = match of.kind {
        CredentialKind::OauthClient => ConnectionKind::Oauth2,
        CredentialKind::BackendKey => ConnectionKind::BackendKey,
        CredentialKind::WebhookSecret => return unused_secret(of, manifest, &release),
    };
    let mut of_kind = manifest.connections.iter().filter(|one| one.kind == wanted);
    let Some(asked) = of_kind.find(|one| one.name == of.name) else {
        return format!("{release} no connection `{}` of the kind {}", of.name, wanted.name());
    };
    let host = match &asked.oauth {
        Some(oauth) => Target::parse(&oauth.token_endpoint).map(|one| one.host).unwrap_or_default(),
        None => asked.host.clone(),
    };
    if host == of.host {
        return String::new();
    }
    format!("{release} `{}` at {host}, and not at {}", of.name, of.host)
}

/// The same of a webhook's secret: which ones there are is told, for a name is mistyped easily.
fn unused_secret(of: &PublisherCredential, manifest: &Manifest, release: &str) -> String {
    let names: Vec<_> = shared(manifest).map(|webhook| format!("`{}`", webhook.name)).collect();
    if shared(manifest).any(|webhook| webhook.name == of.name) {
        return String::new();
    }
    let others = if names.is_empty() { "none at all".to_owned() } else { names.join(", ") };
    format!("{release} no secret of the publisher's for a webhook `{}`: for {others}", of.name)
}

fn view(
    credential: PublisherCredential,
    now: Timestamp,
    newest: Option<&Manifest>,
) -> CredentialView {
    CredentialView {
        unused: unused(&credential, newest),
        id: credential.id,
        name: credential.name,
        kind: credential.kind.name(),
        host: credential.host,
        client_id: credential.client_id,
        previous_until: credential.previous_until.filter(|until| *until > now),
        created_at: credential.created_at,
        updated_at: credential.updated_at,
    }
}
