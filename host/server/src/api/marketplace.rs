//! The marketplace: what any customer may know before installing: what a
//! plugin may do in plain words, why, and where data goes.
//!
//! Only listed plugins and their newest approved release; what the platform
//! did not approve stands there as `approved: false`, because it is denied.
use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use venn_domain::{
    egress::EgressRule,
    grant::Approval,
    id::ReleaseId,
    manifest::{ConnectionRequest, EgressRequest, Manifest, Support},
    organization::Need,
};
use venn_store::{connection::kind_name, plugin::market::Listing};

use crate::{
    app::App,
    auth::Caller,
    body::{PageView, QueryOf, limit},
    error::ApiError,
};

/// `?category&q&limit&cursor`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketQuery {
    category: Option<String>,
    q: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A plugin as customers find it.
#[derive(Debug, Serialize)]
pub struct ListingView {
    name: String,
    title: String,
    summary: String,
    category: String,
    owner: OwnerView,
    version: String,
    release: ReleaseId,
    permissions: Vec<PermissionView>,
    fields: Vec<FieldView>,
    destinations: Vec<DestinationView>,
    connections: Vec<ConnectionRequestView>,
    config_schema: Value,
    support: Support,
    installs: u64,
}

#[derive(Debug, Serialize)]
struct OwnerView {
    name: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct PermissionView {
    capability: &'static str,
    words: &'static str,
    reason: String,
    approved: bool,
}

#[derive(Debug, Serialize)]
struct FieldView {
    name: String,
    approved: bool,
}

#[derive(Debug, Serialize)]
struct DestinationView {
    host: String,
    reason: String,
    data: String,
    retention: String,
    approved: bool,
}

#[derive(Debug, Serialize)]
struct ConnectionRequestView {
    name: String,
    title: String,
    kind: &'static str,
    host: String,
}

/// `GET /v1/marketplace/plugins`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    QueryOf(query): QueryOf<MarketQuery>,
) -> Result<Json<PageView<ListingView>>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    let text = query.q.unwrap_or_default().to_lowercase();
    let wanted = |manifest: &Manifest| {
        let of_category =
            query.category.as_ref().is_none_or(|category| *category == manifest.category);
        let texts = [&manifest.name, &manifest.title, &manifest.summary];
        of_category && texts.iter().any(|hay| hay.to_lowercase().contains(&text))
    };
    let limit = limit(query.limit)?;
    let page = app.store.market_page(query.cursor.as_deref(), limit, wanted).await?;
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `GET /v1/marketplace/plugins/{name}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ListingView>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    Ok(Json(view(app.store.market(&name).await?.ok_or_else(ApiError::not_found)?)))
}

fn view(listing: Listing) -> ListingView {
    let Listing { plugin, owner_name, release, installs } = listing;
    let ceiling = plugin.approval.unwrap_or_default();
    let manifest = release.manifest;
    ListingView {
        permissions: permissions(&manifest, &ceiling),
        fields: fields(&manifest, &ceiling),
        destinations: manifest.egress.iter().map(|e| destination(e, &ceiling.egress)).collect(),
        connections: manifest.connections.into_iter().map(connection).collect(),
        owner: OwnerView { name: owner_name, kind: plugin.owner_kind.name() },
        version: release.version,
        release: release.id,
        name: plugin.name,
        title: manifest.title,
        summary: manifest.summary,
        category: manifest.category,
        config_schema: manifest.config_schema,
        support: manifest.support,
        installs,
    }
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
        reason: request.reason.clone(),
        data: request.data.clone(),
        retention: request.retention.clone(),
        approved: ceiling.iter().any(|rule| rule.and(&request.rule).is_some()),
    }
}

fn connection(request: ConnectionRequest) -> ConnectionRequestView {
    ConnectionRequestView {
        name: request.name,
        title: request.title,
        kind: kind_name(request.kind),
        host: request.host,
    }
}
