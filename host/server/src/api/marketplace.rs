//! The marketplace: what any customer may know before installing: what a
//! plugin may do in plain words, why, and where data goes.
//!
//! Only listed plugins and their newest approved release; what the platform
//! did not approve stands there as `approved: false`, because it is denied.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use venn_domain::{
    egress::EgressRule,
    grant::Approval,
    id::{ReleaseId, SigningKeyId},
    manifest::{CATEGORIES, ConnectionRequest, EgressRequest, Manifest},
    organization::Need,
    schedule::Schedule,
    time::Timestamp,
    webhook::Webhook,
};
use venn_store::{plugin::market::Listing, release::Release};

use crate::{
    api::{
        action::ActionView,
        release::signature::statement,
        verification::{PublisherView, publisher},
    },
    app::App,
    auth::Caller,
    body::one_of,
    error::ApiError,
    keys::Keys,
    page::{PageOf, PageView},
    signing,
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarketQuery {
    /// One of the categories.
    #[schemars(extend("enum" = CATEGORIES))]
    category: Option<String>,
    /// What name, title or summary contain, without regard to case.
    q: Option<String>,
}

/// A plugin as customers find it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListingView {
    /// The plugin's name: what an install names.
    name: String,
    /// The integration's name as people see it.
    title: String,
    /// One or two sentences.
    summary: String,
    /// One of the categories.
    category: String,
    /// The organization that publishes it.
    owner_name: String,
    /// `publisher`, or `first-party` for the platform itself.
    #[schemars(extend("enum" = ["publisher", "first-party"]))]
    owner_kind: &'static str,
    #[serde(flatten)]
    publisher: PublisherView,
    /// The newest approved release's version.
    version: String,
    /// That release.
    release: ReleaseId,
    /// Who signed that release, and whether the signature holds.
    signature: Option<SignerView>,
    /// What it may do, in plain words.
    permissions: Vec<PermissionView>,
    /// Which fields of overlaps it reads.
    fields: Vec<FieldView>,
    /// Where data goes.
    destinations: Vec<DestinationView>,
    /// Credentials that you connect.
    connections: Vec<ConnectionRequestView>,
    /// What third parties can tell it, once you open it to them.
    webhooks: Vec<WebhookView>,
    /// What people may ask of it.
    actions: Vec<ActionView>,
    /// When it runs by itself.
    schedules: Vec<ScheduleRequestView>,
    /// How many runs of one install may be at work at once.
    concurrency: u64,
    /// JSON Schema (2020-12) of the configuration.
    config_schema: Value,
    /// An e-mail address of those who help.
    support_contact: String,
    /// A page of theirs, if there is one.
    support_url: Option<String>,
    /// How many installs there are, of all customers.
    installs: u64,
}

/// Who signed a release.
#[derive(Debug, Serialize, JsonSchema)]
struct SignerView {
    /// The publisher's signing key.
    key: SigningKeyId,
    /// The key itself, Ed25519, hex: what the publisher can tell you elsewhere, too.
    public_key: String,
    /// Since when the publisher has this key here.
    key_since: Timestamp,
    /// When the release was signed.
    signed_at: Timestamp,
    /// The signature is the publisher's, of exactly this component, manifest, plugin
    /// and version, as just checked; what is not sound does not run.
    sound: bool,
}

/// Something that a plugin asks to be allowed.
#[derive(Debug, Serialize, JsonSchema)]
struct PermissionView {
    /// The capability's name.
    capability: &'static str,
    /// What it lets the plugin do.
    words: &'static str,
    /// Why the publisher asks for it.
    reason: String,
    /// Whether the platform approved it; what it did not approve is denied.
    approved: bool,
}

/// A field of overlaps that a plugin reads.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldView {
    /// The field's name, `our-…` or `their-…`.
    name: String,
    /// Whether the platform approved it.
    approved: bool,
}

/// Where a plugin sends data.
#[derive(Debug, Serialize, JsonSchema)]
struct DestinationView {
    /// The host.
    host: String,
    /// The port.
    port: u16,
    /// The methods that it may use there; empty for all.
    methods: Vec<String>,
    /// What its paths begin with; empty for all.
    paths: Vec<String>,
    /// Why, in one sentence.
    reason: String,
    /// What data goes there, in plain words.
    data: String,
    /// For how long it is kept there, in plain words.
    retention: String,
    /// Whether the platform approved anything of it.
    approved: bool,
}

/// A credential that a plugin asks for.
#[derive(Debug, Serialize, JsonSchema)]
struct ConnectionRequestView {
    /// The name by which the plugin asks for it.
    name: String,
    /// What people see.
    title: String,
    /// How it authenticates: `api-key`, `basic`, `oauth2` (a page of the service asks you),
    /// `client-credentials` or `backend-key` (the publisher's own; you connect nothing).
    kind: &'static str,
    /// The host at which it is added.
    host: String,
    /// The page at which you say yes; null where there is none.
    authorization_endpoint: Option<String>,
    /// Where its tokens come from; null where it has none.
    token_endpoint: Option<String>,
    /// What its tokens are to be good for, in the service's words.
    scopes: Vec<String>,
}

/// What a third party can tell a plugin.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhookView {
    /// Its name.
    name: String,
    /// What it is for.
    title: String,
    /// How the sender shows that it is the one.
    #[schemars(extend("enum" = ["standard-webhooks", "hmac-sha256", "slack", "hubspot-v3", "token"]))]
    signature: &'static str,
    /// Whose URL the sender calls: `install`, your own, or `plugin`, one for all customers,
    /// where you say which of the sender's customers you are.
    #[schemars(extend("enum" = ["install", "plugin"]))]
    url: &'static str,
    /// Its calls are answered with what the plugin answers; people see it.
    answers: bool,
}

/// When a plugin asks to run by itself.
#[derive(Debug, Serialize, JsonSchema)]
struct ScheduleRequestView {
    /// Its name in the manifest.
    name: String,
    /// What it is for.
    title: String,
    /// When, in words.
    words: String,
    /// Whose clock it goes by, a name of the IANA database.
    time_zone: String,
}

/// `GET /v1/marketplace/plugins`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    page: PageOf<MarketQuery>,
) -> Result<Json<PageView<ListingView>>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    let MarketQuery { category, q } = &page.filter;
    one_of("category", category.as_deref(), &CATEGORIES)?;
    let text = q.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |manifest: &Manifest| {
        let of_category = category.as_ref().is_none_or(|category| *category == manifest.category);
        let texts = [&manifest.name, &manifest.title, &manifest.summary];
        of_category && texts.iter().any(|hay| hay.to_lowercase().contains(&text))
    };
    let after: Option<String> = page.after()?;
    let found = app.store.market_page(after.as_deref(), page.limit, wanted).await?;
    Ok(Json(page.view(found, |listing| view(&app.keys, listing))))
}

/// `GET /v1/marketplace/plugins/{name}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ListingView>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    let found = app.store.market(&name).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(view(&app.keys, found)))
}

fn view(keys: &Keys, listing: Listing) -> ListingView {
    let Listing { plugin, owner_name, verification, release, installs } = listing;
    let publisher = publisher(plugin.owner_kind, verification.as_ref());
    let ceiling = plugin.approval.unwrap_or_default();
    let signature = signer(keys, &release);
    let manifest = release.manifest;
    ListingView {
        permissions: permissions(&manifest, &ceiling),
        fields: fields(&manifest, &ceiling),
        destinations: manifest.egress.iter().map(|e| destination(e, &ceiling.egress)).collect(),
        connections: manifest.connections.into_iter().map(connection).collect(),
        webhooks: manifest.webhooks.into_iter().map(webhook).collect(),
        actions: manifest.actions.into_iter().map(ActionView::from).collect(),
        schedules: manifest.schedules.into_iter().map(schedule).collect(),
        concurrency: manifest.limits.runs_at_once(),
        owner_name,
        owner_kind: plugin.owner_kind.name(),
        publisher,
        version: release.version,
        release: release.id,
        signature,
        name: plugin.name,
        title: manifest.title,
        summary: manifest.summary,
        category: manifest.category,
        config_schema: manifest.config_schema,
        support_contact: manifest.support.contact,
        support_url: manifest.support.url,
        installs,
    }
}

/// Checked as it is before the release runs; that the key is believed, the store asks.
fn signer(keys: &Keys, release: &Release) -> Option<SignerView> {
    let signature = release.signature.as_ref()?;
    let checked = signing::verify_signed(keys, &statement(release), Some(signature));
    Some(SignerView {
        key: signature.key.clone(),
        public_key: signature.public_key.clone(),
        key_since: signature.key_since,
        signed_at: signature.signed_at,
        sound: checked.is_ok(),
    })
}

fn permissions(manifest: &Manifest, ceiling: &Approval) -> Vec<PermissionView> {
    let view = |request: &venn_domain::manifest::CapabilityRequest| PermissionView {
        capability: request.name.name(),
        words: request.name.plain_words(),
        reason: request.reason.clone(),
        approved: ceiling.capabilities.has(request.name),
    };
    manifest.capabilities.iter().map(view).collect()
}

fn fields(manifest: &Manifest, ceiling: &Approval) -> Vec<FieldView> {
    let view = |name: String| FieldView { approved: ceiling.fields.has_name(&name), name };
    manifest.fields.names().map(view).collect()
}

/// A destination counts as approved if anything of it is.
fn destination(request: &EgressRequest, ceiling: &[EgressRule]) -> DestinationView {
    DestinationView {
        host: request.rule.host.clone(),
        port: request.rule.port,
        methods: request.rule.methods.clone(),
        paths: request.rule.paths.clone(),
        reason: request.reason.clone(),
        data: request.data.clone(),
        retention: request.retention.clone(),
        approved: ceiling.iter().any(|rule| rule.and(&request.rule).is_some()),
    }
}

fn schedule(schedule: Schedule) -> ScheduleRequestView {
    let words = schedule.cadence().map(|cadence| cadence.words()).unwrap_or_default();
    let Schedule { name, title, time_zone, .. } = schedule;
    ScheduleRequestView { name, title, words, time_zone }
}

fn connection(request: ConnectionRequest) -> ConnectionRequestView {
    let oauth = request.oauth.as_ref();
    ConnectionRequestView {
        name: request.name,
        title: request.title,
        kind: request.kind.name(),
        host: request.host,
        authorization_endpoint: oauth.and_then(|oauth| oauth.authorization_endpoint.clone()),
        token_endpoint: oauth.map(|oauth| oauth.token_endpoint.clone()),
        scopes: request.oauth.map(|oauth| oauth.scopes).unwrap_or_default(),
    }
}

fn webhook(webhook: Webhook) -> WebhookView {
    WebhookView {
        url: if webhook.routing.is_some() { "plugin" } else { "install" },
        signature: webhook.signature.name(),
        answers: webhook.answers,
        name: webhook.name,
        title: webhook.title,
    }
}
