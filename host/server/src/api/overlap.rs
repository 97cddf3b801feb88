//! Overlaps as people see them: the matrix of counts, the overlaps themselves,
//! and the accounts that are left over. Of the partner's accounts only what its
//! live sharing rules allow.
use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{AccountId, OrganizationId, PartnershipId},
    organization::Need,
    overlap::{Overlap, OverlapCount},
    time::Timestamp,
};
use venn_store::overlap::{OverlapFilter, UnpairedAccount};

use crate::{
    accesses::Read,
    api::{organization::resolve, partnership::no_answer},
    app::App,
    auth::Caller,
    body::{PageQuery, PageView, QueryOf, cursor, limit},
    error::{ApiError, Code},
};

/// `GET …/matrix`.
#[derive(Debug, Serialize)]
pub struct MatrixView {
    cells: Vec<CellView>,
    /// The sum of the counts that are told.
    overlaps: u64,
}

/// The number of overlaps of two populations.
#[derive(Debug, Serialize)]
struct CellView {
    our_population: String,
    their_population: String,
    /// 0 where `suppressed`.
    count: u64,
    /// The number is too small to be told.
    suppressed: bool,
}

/// An overlap, as people of our side see it.
#[derive(Debug, Serialize)]
pub struct OverlapView {
    #[serde(flatten)]
    overlap: Overlap,
    /// As of when our account is known to be so. How old the partner's side is,
    /// the partner does not share.
    our_synced_at: Option<Timestamp>,
}

/// What the listing of overlaps is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlapFilterQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    /// A population of ours, by key.
    our_population: Option<String>,
    /// A population of the partner's, by key.
    their_population: Option<String>,
    /// A registrable domain.
    domain: Option<String>,
    /// `sure` or `likely`.
    confidence: Option<String>,
}

/// An account without a counterpart, on a domain that both sides have.
#[derive(Debug, Serialize)]
pub struct UnpairedView {
    account: AccountId,
    /// Empty if the partner does not share it.
    name: String,
    domain: String,
    /// `ours` or `theirs`.
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
    QueryOf(query): QueryOf<OverlapFilterQuery>,
) -> Result<Json<PageView<OverlapView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let after = cursor(query.cursor.as_deref())?;
    let limit = limit(query.limit)?;
    let filter = filter(query)?;
    let page = app.store.people_overlaps(&org.id, &id, &filter, after.as_ref(), limit).await?;
    let Some(page) = page else { return Err(no_answer(&app, &org.id, &id).await) };
    let fields = page.items.iter().flat_map(Overlap::their_fields).map(str::to_owned).collect();
    note(&app, &caller, &org.id, ("overlaps.read", &id), page.items.len(), fields).await?;
    let ours: Vec<_> = page.items.iter().map(|overlap| overlap.our_account.clone()).collect();
    let as_of = app.store.accounts_as_of(&org.id, &ours).await?;
    let view = |overlap: Overlap| OverlapView {
        our_synced_at: as_of.get(&overlap.our_account).copied(),
        overlap,
    };
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `GET …/unpaired`.
pub async fn unpaired(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<PageView<UnpairedView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let after = cursor(page.cursor.as_deref())?;
    let limit = limit(page.limit)?;
    let page = app.store.people_unpaired(&org.id, &id, after.as_ref(), limit).await?;
    let Some(page) = page else { return Err(no_answer(&app, &org.id, &id).await) };
    let theirs = page.items.iter().filter(|item| !item.is_ours);
    let (theirs, named) =
        (theirs.clone().count(), theirs.clone().any(|item| !item.name.is_empty()));
    let fields = if named { BTreeSet::from(["name".to_owned()]) } else { BTreeSet::new() };
    note(&app, &caller, &org.id, ("unpaired.read", &id), theirs, fields).await?;
    let items = page.items.into_iter().map(unpaired_view).collect();
    Ok(Json(PageView { items, next: page.next }))
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
    let found = app.store.partnership(us, id).await?;
    let partner = found.as_ref().map(|found| &found.partner).filter(|_| rows > 0);
    let read = Read { action, subject: id.as_str(), rows, fields, partner };
    Ok(app.accesses.note(&app.store, caller, us, read).await?)
}

fn filter(query: OverlapFilterQuery) -> Result<OverlapFilter, ApiError> {
    if let Some(confidence) = &query.confidence
        && !["sure", "likely"].contains(&confidence.as_str())
    {
        return Err(ApiError::new(
            Code::BadQuery,
            "confidence is neither `sure` nor `likely`.",
            "Use one of the two, or leave it out.",
        ));
    }
    Ok(OverlapFilter {
        our_population: query.our_population,
        their_population: query.their_population,
        domain: query.domain,
        confidence: query.confidence,
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
