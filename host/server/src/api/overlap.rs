//! Overlaps as people see them: the matrix of counts, the overlaps themselves,
//! and the accounts that are left over. Of the partner's accounts only what its
//! live sharing rules allow.
use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{AccountId, OrganizationId, PartnershipId},
    organization::Need,
    overlap::{Overlap, OverlapCount},
    time::Timestamp,
};
use venn_store::overlap::{OverlapFilter, SeenOverlap, UnpairedAccount};

use crate::{
    accesses::Read,
    api::{organization::resolve, partnership::no_answer},
    app::App,
    auth::Caller,
    body::one_of,
    error::ApiError,
    page::{PageOf, PageView},
};

/// `GET …/matrix`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MatrixView {
    /// One per pair of populations.
    cells: Vec<CellView>,
    /// The sum of the counts that are told.
    overlaps: u64,
}

/// The number of overlaps of two populations.
#[derive(Debug, Serialize, JsonSchema)]
struct CellView {
    /// Our population, by key.
    our_population: String,
    /// The partner's population, by key.
    their_population: String,
    /// 0 where `suppressed`.
    count: u64,
    /// The number is too small to be told.
    suppressed: bool,
}

/// An overlap, as people of our side see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OverlapView {
    #[serde(flatten)]
    overlap: Overlap,
    /// As of when our account is known to be so. How old the partner's side is,
    /// the partner does not share.
    our_synced_at: Option<Timestamp>,
}

/// What the listing of overlaps is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverlapFilterQuery {
    /// A population of ours, by key.
    our_population: Option<String>,
    /// A population of the partner's, by key.
    their_population: Option<String>,
    /// A registrable domain.
    domain: Option<String>,
    /// How sure the pairing is.
    #[schemars(extend("enum" = ["sure", "likely"]))]
    confidence: Option<String>,
}

/// An account without a counterpart, on a domain that both sides have.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UnpairedView {
    /// The account.
    account: AccountId,
    /// Its name; empty if the partner does not share it.
    name: String,
    /// The registrable domain that both sides have.
    domain: String,
    /// Whose it is: `ours` or `theirs`.
    #[schemars(extend("enum" = ["ours", "theirs"]))]
    side: &'static str,
}

/// `GET …/matrix`.
pub async fn matrix(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<MatrixView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let Some(matrix) = app.store.people_matrix(&org.id, &id).await? else {
        return Err(no_answer(&app, &org.id, &id).await);
    };
    let told = matrix.cells.iter().filter(|cell| !cell.suppressed).count();
    note(&app, &caller, &org.id, ("matrix.read", &id), told, BTreeSet::new()).await?;
    let cells = matrix.cells.into_iter().map(cell).collect();
    Ok(Json(MatrixView { cells, overlaps: matrix.overlaps }))
}

/// `GET …/overlaps`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
    page: PageOf<OverlapFilterQuery>,
) -> Result<Json<PageView<OverlapView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let (filter, after) = (filter(&page.filter)?, page.after()?);
    let found =
        app.store.people_overlaps(&org.id, &id, &filter, after.as_ref(), page.limit).await?;
    let Some(found) = found else { return Err(no_answer(&app, &org.id, &id).await) };
    note_overlaps(&app, &caller, &org.id, &id, &found.items).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET …/overlaps/{overlap}`: the same bytes as in the listing.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, id, overlap)): Path<(String, String, String)>,
) -> Result<Json<OverlapView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let filter = OverlapFilter { id: Some(overlap.parse()?), ..OverlapFilter::default() };
    let found = app.store.people_overlaps(&org.id, &id, &filter, None, 1).await?;
    let Some(found) = found else { return Err(no_answer(&app, &org.id, &id).await) };
    note_overlaps(&app, &caller, &org.id, &id, &found.items).await?;
    let overlap = found.items.into_iter().next().ok_or_else(ApiError::not_found)?;
    Ok(Json(view(overlap)))
}

fn view(seen: SeenOverlap) -> OverlapView {
    OverlapView { our_synced_at: Some(seen.our_synced_at), overlap: seen.overlap }
}

/// `GET …/unpaired`.
pub async fn unpaired(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
    page: PageOf,
) -> Result<Json<PageView<UnpairedView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let after = page.after()?;
    let found = app.store.people_unpaired(&org.id, &id, after.as_ref(), page.limit).await?;
    let Some(found) = found else { return Err(no_answer(&app, &org.id, &id).await) };
    let theirs = found.items.iter().filter(|item| !item.is_ours);
    let (theirs, named) =
        (theirs.clone().count(), theirs.clone().any(|item| !item.name.is_empty()));
    let fields = if named { BTreeSet::from(["name".to_owned()]) } else { BTreeSet::new() };
    note(&app, &caller, &org.id, ("unpaired.read", &id), theirs, fields).await?;
    Ok(Json(page.view(found, unpaired_view)))
}

/// Overlaps were seen, alone or in a listing.
async fn note_overlaps(
    app: &App,
    caller: &Caller,
    us: &OrganizationId,
    id: &PartnershipId,
    seen: &[SeenOverlap],
) -> Result<(), ApiError> {
    let fields = seen.iter().flat_map(|seen| seen.overlap.their_fields());
    let fields = fields.map(str::to_owned).collect();
    note(app, caller, us, ("overlaps.read", id), seen.len(), fields).await
}

/// Rows of the partner were seen: both sides' audits have it.
async fn note(
    app: &App,
    caller: &Caller,
    us: &OrganizationId,
    (action, id): (&'static str, &PartnershipId),
    rows: usize,
    fields: BTreeSet<String>,
) -> Result<(), ApiError> {
    let read = Read { action, subject: id.as_str(), rows, fields, partnership: Some(id) };
    Ok(app.accesses.note(&app.store, caller, us, read).await?)
}

fn filter(query: &OverlapFilterQuery) -> Result<OverlapFilter, ApiError> {
    one_of("confidence", query.confidence.as_deref(), &["sure", "likely"])?;
    Ok(OverlapFilter {
        id: None,
        our_population: query.our_population.clone(),
        their_population: query.their_population.clone(),
        domain: query.domain.clone(),
        confidence: query.confidence.clone(),
    })
}

fn cell(count: OverlapCount) -> CellView {
    CellView {
        our_population: count.our_population,
        their_population: count.their_population,
        count: count.count,
        suppressed: count.suppressed,
    }
}

fn unpaired_view(item: UnpairedAccount) -> UnpairedView {
    let side = if item.is_ours { "ours" } else { "theirs" };
    UnpairedView { account: item.account, name: item.name, domain: item.domain, side }
}
