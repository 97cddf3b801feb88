//! The audit: searched, exported as JSON lines, verified.
//!
//! Looking at it first writes what was read a moment ago, so that whoever looks
//! sees it. Reading the audit is no entry of its own; exporting it is.
use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
};
use futures::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    audit::{Broken, Head},
    id::OrganizationId,
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    StoreError,
    audit::{AuditEntry, AuditFilter, NewAudit},
};

use crate::{
    answer::JsonLines,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::QueryOf,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Who: an id.
    actor: Option<String>,
    /// What the action begins with.
    action: Option<String>,
    /// What it is about: an id.
    subject: Option<String>,
    /// Not earlier, RFC 3339.
    from: Option<Timestamp>,
    /// Earlier than this, RFC 3339.
    to: Option<Timestamp>,
}

/// `?head=SEQ:HASH`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyQuery {
    /// A head that is known from earlier, `SEQ:HASH`.
    #[schemars(regex(pattern = "^[0-9]{1,19}:[0-9a-f]{64}$"))]
    head: Option<String>,
}

/// Whether the audit is what was written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifiedView {
    /// It is.
    whole: bool,
    /// How far it is whole.
    head: Head,
    /// The first entry that does not fit, if there is one.
    broken: Option<Broken>,
}

/// `GET /v1/organizations/{org}/audit`, newest first.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf<AuditQuery>,
) -> Result<Json<PageView<AuditEntry>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    app.accesses.flush(&app.store).await?;
    let wanted = &page.filter;
    let filter = AuditFilter {
        actor: wanted.actor.clone(),
        action: wanted.action.clone(),
        subject: wanted.subject.clone(),
        from: wanted.from,
        to: wanted.to,
    };
    let found = app.store.audit_page(&org.id, &filter, page.after()?, page.limit).await?;
    Ok(Json(page.view(found, |entry| entry)))
}

/// `GET /v1/organizations/{org}/audit/export`: the whole chain as JSON lines,
/// oldest first; the export itself is its last entry.
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
) -> Result<JsonLines, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    app.accesses.flush(&app.store).await?;
    let entry = NewAudit {
        organization: org.id.clone(),
        actor: caller.user().to_string(),
        action: "audit.exported",
        subject: org.id.to_string(),
        detail: serde_json::json!({}),
    };
    app.store.audit(vec![entry]).await?;
    let to = app.store.audit_head(&org.id).await?.seq;
    let lines =
        stream::try_unfold((app, org.id, 0_u64), move |(app, organization, after)| async move {
            let chunk = chunk(&app, &organization, after, to).await?;
            Ok::<_, StoreError>(chunk.map(|(bytes, last)| (bytes, (app, organization, last))))
        });
    Ok(JsonLines(Body::from_stream(lines)))
}

/// Some lines after a place, and the place of the last; none at the end.
async fn chunk(
    app: &App,
    organization: &OrganizationId,
    after: u64,
    to: u64,
) -> Result<Option<(Bytes, u64)>, StoreError> {
    let links = app.store.audit_links(organization, after, to).await?;
    let Some(last) = links.last().map(|link| link.seq) else { return Ok(None) };
    let mut text = Vec::new();
    for link in &links {
        // A struct of texts and a number always has JSON.
        text.extend(serde_json::to_vec(link).unwrap_or_default());
        text.push(b'\n');
    }
    Ok(Some((text.into(), last)))
}

/// `GET /v1/organizations/{org}/audit/verify`: recomputes the whole chain.
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<VerifyQuery>,
) -> Result<Json<VerifiedView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let known = query.head.as_deref().map(str::parse::<Head>).transpose();
    let known = known.map_err(|why| {
        let next = "Give the head that `venn audit verify` printed, or leave it out.";
        ApiError::new(Code::BadQuery, format!("`head` is no head of an audit: {why}."), next)
    })?;
    app.accesses.flush(&app.store).await?;
    let verified = app.store.verify_audit(&org.id, known).await?;
    if let Some(broken) = &verified.broken {
        // A head that a caller brings proves nothing: whoever reads the log must not be
        // woken by it.
        let alone = match query.head {
            Some(_) => app.store.verify_audit(&org.id, None).await?.broken,
            None => Some(broken.clone()),
        };
        if let Some(broken) = alone {
            tracing::error!(organization = %org.id, seq = broken.seq, why = %broken.why, "audit.broken");
        }
    }
    let whole = verified.broken.is_none();
    Ok(Json(VerifiedView { whole, head: verified.head, broken: verified.broken }))
}
