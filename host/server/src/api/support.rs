//! Support access. [`seen`] is how every handler begins that a supporter may call: the
//! customer's own people see all, a supporter what stands for one install at this very
//! moment, and each of their looks is in the customer's audit before it is answered.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{InstallId, OrganizationId, SupportGrantId, UserId},
    limits,
    organization::Need,
    support::{Supporter, Thing},
    time::Timestamp,
};
use venn_store::{
    audit::NewAudit,
    support::{NewSupportGrant, SupportGrant},
};

use crate::{
    answer::{Created, NoContent},
    api::{check, organization::resolve, review::checked_reason},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
    page::{PageOf, PageView},
};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Leave to look at an install.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SupportGrantView {
    /// The leave's id.
    id: SupportGrantId,
    /// Whose install it is.
    organization_id: OrganizationId,
    /// That organization's slug, as addresses take it.
    organization_slug: String,
    /// The install.
    install: InstallId,
    /// Who may look.
    supporter_id: OrganizationId,
    /// That organization's slug.
    supporter_slug: String,
    /// What they may look at.
    things: Vec<Thing>,
    /// Why.
    reason: String,
    /// When it ends.
    expires_at: Timestamp,
    /// When it was taken back, if it was.
    revoked_at: Option<Timestamp>,
    /// Who gave it.
    created_by: UserId,
    /// When.
    created_at: Timestamp,
}

/// `POST …/support-grants`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupportGrantBody {
    /// Who may look: `platform`, or `publisher` of the install's plugin.
    to: Supporter,
    /// The install.
    install: InstallId,
    /// What they may look at.
    things: Vec<Thing>,
    /// How long, in hours: 1 to 336.
    #[schemars(range(min = 1, max = limits::SUPPORT_HOURS))]
    hours: u32,
    /// Why, in a sentence or two; the supporter sees it. At most 2000 characters.
    reason: String,
}

/// `POST …/support-grants`.
pub async fn give(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<SupportGrantBody>,
) -> Result<Created<SupportGrantView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let mut problems = check::Problems::default();
    if body.things.is_empty() {
        problems.add(
            "things",
            "there is none",
            "Name what they may look at: runs, deliveries, logs",
        );
    }
    if !(1..=limits::SUPPORT_HOURS).contains(&body.hours) {
        let reason = format!("{} is not between 1 and {}", body.hours, limits::SUPPORT_HOURS);
        problems.add("hours", reason, "Give leave again when it has ended");
    }
    problems.into_result()?;
    let things = Thing::ALL.into_iter().filter(|thing| body.things.contains(thing)).collect();
    let new = NewSupportGrant {
        organization: org.id,
        install: body.install,
        to: body.to,
        things,
        reason: checked_reason(body.reason)?,
        expires_at: app.clock.now().plus_ms(HOUR_MS * i64::from(body.hours)),
        actor: caller.user().clone(),
    };
    let made = app.store.give_support(new).await?.ok_or_else(|| {
        let mut problems = check::Problems::default();
        problems.add(
            "install",
            "the organization has no such install",
            "`venn installs list` shows them",
        );
        problems.into_result().err().unwrap_or_else(ApiError::not_found)
    })?;
    Ok(Created(view(made)))
}

/// `GET …/support-grants`: all that were ever given.
pub async fn given(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<SupportGrantView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.support_given(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET /v1/support-grants`: what stands that others have given to the caller's own.
pub async fn received(
    State(app): State<App>,
    caller: Caller,
    page: PageOf,
) -> Result<Json<PageView<SupportGrantView>>, ApiError> {
    let own = &caller.principal.organization;
    caller.need(Need::member(own))?;
    let found = app.store.support_received(own, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `DELETE …/support-grants/{grant}`: takes it back, at once.
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((org, grant)): Path<(String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let taken = app.store.take_support_back(&org.id, &grant.parse()?, caller.user()).await?;
    if taken { Ok(NoContent) } else { Err(ApiError::not_found()) }
}

/// Whose things a caller looks at, and of which installs.
pub struct Seen {
    /// The organization.
    pub organization: OrganizationId,
    /// What leave there is; none for the organization's own people, who see all.
    leave: Option<Vec<SupportGrant>>,
}

/// Whose things an address names, for the organization's members, and for supporters
/// with leave to look at this.
pub async fn seen(app: &App, caller: &Caller, org: &str, thing: Thing) -> Result<Seen, ApiError> {
    let refused = match resolve(app, caller, org, Need::member).await {
        Ok(org) => return Ok(Seen { organization: org.id, leave: None }),
        Err(refused) => refused,
    };
    let own = &caller.principal.organization;
    // A member whose token is too small is no supporter of their own organization.
    let found = app.store.organization(org).await?.filter(|found| found.id != *own);
    let Some(found) = found else { return Err(refused) };
    if caller.need(Need::member(own)).is_err() {
        return Err(refused);
    }
    let mut leave = app.store.support_between(&found.id, own).await?;
    leave.retain(|grant| grant.things.contains(&thing));
    if leave.is_empty() {
        return Err(refused);
    }
    Ok(Seen { organization: found.id, leave: Some(leave) })
}

impl Seen {
    /// The install that a listing is narrowed to. A supporter's is, always.
    pub async fn narrow(
        &self,
        app: &App,
        caller: &Caller,
        asked: Option<&InstallId>,
        thing: Thing,
    ) -> Result<Option<InstallId>, ApiError> {
        let Some(leave) = &self.leave else { return Ok(asked.cloned()) };
        let of = leave.iter().find(|grant| asked.is_none_or(|install| *install == grant.install));
        let grant = of.ok_or_else(ApiError::not_found)?;
        self.look(app, caller, grant, thing, grant.install.as_str()).await?;
        Ok(Some(grant.install.clone()))
    }

    /// Lets a caller see one thing of an install, or behaves as if it were not there.
    pub async fn one(
        &self,
        app: &App,
        caller: &Caller,
        install: &InstallId,
        thing: Thing,
        id: &str,
    ) -> Result<(), ApiError> {
        let Some(leave) = &self.leave else { return Ok(()) };
        let of = leave.iter().find(|grant| *install == grant.install);
        self.look(app, caller, of.ok_or_else(ApiError::not_found)?, thing, id).await
    }

    /// Whether the caller is of the organization itself.
    pub const fn is_own(&self) -> bool {
        self.leave.is_none()
    }

    async fn look(
        &self,
        app: &App,
        caller: &Caller,
        grant: &SupportGrant,
        thing: Thing,
        id: &str,
    ) -> Result<(), ApiError> {
        let entry = NewAudit {
            organization: self.organization.clone(),
            actor: caller.user().to_string(),
            action: "support.read",
            subject: grant.id.to_string(),
            detail: serde_json::json!({
                "by": caller.principal.organization, "thing": thing.name(), "of": id,
            }),
        };
        Ok(app.store.audit(vec![entry]).await?)
    }
}

fn view(grant: SupportGrant) -> SupportGrantView {
    SupportGrantView {
        id: grant.id,
        organization_id: grant.organization,
        organization_slug: grant.slug,
        install: grant.install,
        supporter_id: grant.supporter,
        supporter_slug: grant.supporter_slug,
        things: grant.things,
        reason: grant.reason,
        expires_at: grant.expires_at,
        revoked_at: grant.revoked_at,
        created_by: grant.created_by,
        created_at: grant.created_at,
    }
}
