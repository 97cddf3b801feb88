//! Publisher verification: before a release of theirs is approved, the platform
//! knows who a publisher is. They answer for a domain, by a line of ours in a file
//! there, or an admin of the platform vouches for them.
use axum::{
    Json,
    extract::{Path, State},
};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use venn_domain::{
    egress::Target,
    id::{OrganizationId, UserId},
    manifest::Problem,
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    plugin::{OwnerKind, Plugin, Reviewer},
    publisher::{Ended, How, Verification},
    release::Release,
};

use crate::{
    api::{
        organization::resolve,
        review::{checked_reason, outsider},
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    keys::Keys,
    turns,
};

/// Where the line stands on the domain.
const PLACE: &str = "/.well-known/venn-publisher.txt";
/// Bytes of the line's seal: nobody makes another organization's line.
const SEAL_BYTES: usize = 16;

/// Whether the platform knows who a publisher is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerificationView {
    /// The publisher.
    organization: OrganizationId,
    /// `domain`: it answers for a domain. `vouched`: the platform says so. `no`.
    #[schemars(extend("enum" = ["domain", "vouched", "no"]))]
    verified: &'static str,
    /// The domain that it answers for.
    domain: Option<String>,
    /// Why the platform vouches for it; empty where it does not.
    reason: String,
    /// Who asked for the check, or vouches.
    verified_by: Option<UserId>,
    /// When.
    verified_at: Option<Timestamp>,
    /// Why the platform took back that it knew; empty where it did not.
    ended_reason: String,
    /// When.
    ended_at: Option<Timestamp>,
    /// What a domain has at `/.well-known/venn-publisher.txt`, on a line of its own, to
    /// show that it is the publisher's.
    line: String,
}

/// How the platform knows who publishes a plugin, beside what is told of the plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "they stand among the members of a plugin")]
pub struct PublisherView {
    /// How the platform knows who publishes it: `domain`, `vouched` (on its own word),
    /// `platform` (it is itself), or `no` (not any more).
    #[schemars(extend("enum" = ["domain", "vouched", "platform", "no"]))]
    publisher_verified: &'static str,
    /// The domain that the publisher has shown to be its own.
    publisher_domain: Option<String>,
    /// When that was looked at, or said.
    publisher_verified_at: Option<Timestamp>,
}

/// The same of a plugin and what is known of its publisher.
pub fn publisher(owner: OwnerKind, found: Option<&Verification>) -> PublisherView {
    let of_domain = found.filter(|found| found.how == How::Domain);
    PublisherView {
        publisher_verified: match (owner, found) {
            (OwnerKind::FirstParty, _) => "platform",
            (_, Some(found)) => found.how.name(),
            (_, None) => "no",
        },
        publisher_domain: of_domain.map(|found| found.what.clone()),
        publisher_verified_at: found.map(|found| found.at),
    }
}

/// `POST /v1/organizations/{org}/verification`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainBody {
    /// A domain of the publisher's, in lower case: `taskworks.example`.
    domain: String,
}

/// `PUT /v1/review/publishers/{org}/verification`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VouchBody {
    /// How the platform knows who it is, in a sentence or two; the publisher reads it.
    /// At most 2000 characters.
    reason: String,
}

/// `POST /v1/review/publishers/{org}/verification/end`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationEndBody {
    /// Why, in a sentence or two; the publisher reads it. At most 2000 characters.
    reason: String,
}

/// `GET /v1/organizations/{org}/verification`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
) -> Result<Json<VerificationView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    Ok(Json(found(&app, org.id).await?))
}

/// `POST /v1/organizations/{org}/verification`: looks at the domain, now.
pub async fn prove(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<DomainBody>,
) -> Result<Json<VerificationView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let url = place(&body.domain)?;
    let line = line(&app.keys, &org.id);
    let turn = turns::asked(&app, &org.id)?;
    let answer = app.sandbox.get(&url).await;
    drop(turn);
    let why = match answer {
        Ok((200, text)) if has(&text, &line) => {
            let by = by(&caller);
            let made = app.store.verify_publisher(&org.id, How::Domain, &body.domain, &by).await?;
            return Ok(Json(view(&app.keys, org.id, Some(made), None)));
        }
        Ok((200, _)) => "it does not have the line".to_owned(),
        Ok((status, _)) => format!("it answers {status}"),
        Err(why) => why,
    };
    let next = format!("Put this on a line of its own there, then try again: {line}");
    Err(ApiError::new(
        Code::NotProved,
        format!("{url} does not show that the domain is yours: {why}."),
        next,
    ))
}

/// `GET /v1/review/publishers/{org}/verification`.
pub async fn known(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
) -> Result<Json<VerificationView>, ApiError> {
    caller.need(Need::platform())?;
    let org = app.store.organization(&org).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(found(&app, org.id).await?))
}

/// `PUT /v1/review/publishers/{org}/verification`.
pub async fn vouch(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<VouchBody>,
) -> Result<Json<VerificationView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let org = app.store.organization(&org).await?.ok_or_else(ApiError::not_found)?;
    outsider(&app, &caller, &org.id).await?;
    let reason = checked_reason(body.reason)?;
    let made = app.store.verify_publisher(&org.id, How::Vouched, &reason, &by(&caller)).await?;
    Ok(Json(view(&app.keys, org.id, Some(made), None)))
}

/// `POST /v1/review/publishers/{org}/verification/end`.
pub async fn unverify(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<VerificationEndBody>,
) -> Result<Json<VerificationView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let org = app.store.organization(&org).await?.ok_or_else(ApiError::not_found)?;
    let reason = checked_reason(body.reason)?;
    if app.store.unverify_publisher(&org.id, &reason, &by(&caller)).await? {
        return Ok(Json(found(&app, org.id).await?));
    }
    Err(ApiError::not_found())
}

async fn found(app: &App, organization: OrganizationId) -> Result<VerificationView, ApiError> {
    let stands = app.store.verification(&organization).await?;
    let ended = app.store.verification_ended(&organization).await?;
    Ok(view(&app.keys, organization, stands, ended))
}

/// Whether a release of this plugin may be approved: the platform itself needs no proof.
pub async fn needed(app: &App, plugin: &Plugin, release: &Release) -> Result<(), ApiError> {
    let known = plugin.owner_kind == OwnerKind::FirstParty
        || app.store.verification(&plugin.organization).await?.is_some();
    if known {
        return Ok(());
    }
    let slug = &release.owner_slug;
    Err(ApiError::new(
        Code::WrongState,
        format!("Its publisher, {slug}, is not verified, so nothing of theirs is approved."),
        format!(
            "They show a domain of theirs (`venn orgs verification --domain DOMAIN`), or you \
             vouch for them: `venn review vouch {slug} --reason …`."
        ),
    ))
}

fn by(caller: &Caller) -> Reviewer {
    Reviewer { user: caller.user().clone(), organization: caller.principal.organization.clone() }
}

/// The file's URL, if the domain is one in its one form.
fn place(domain: &str) -> Result<String, ApiError> {
    let url = format!("https://{domain}{PLACE}");
    let is_one = Target::parse(&url).is_ok_and(|target| {
        target.host == domain
            && target.port == 443
            && target.path == PLACE
            && target.query.is_none()
    });
    if is_one {
        return Ok(url);
    }
    let problem = Problem {
        place: "domain".to_owned(),
        reason: "it is not a domain in lower case, without scheme, port and path".to_owned(),
        next_step: "Write it like `taskworks.example`".to_owned(),
    };
    Err(ApiError::new(Code::Invalid, "The domain is none.", "Correct it.")
        .with_problems(vec![problem]))
}

/// What only this host can have told this organization.
fn line(keys: &Keys, organization: &OrganizationId) -> String {
    // A key of any length is taken.
    let Ok(mut seal) = Hmac::<Sha256>::new_from_slice(&keys.signing) else { return String::new() };
    seal.update(b"venn publisher domain v1\0");
    seal.update(organization.as_str().as_bytes());
    let seal = seal.finalize().into_bytes();
    let short = seal.get(..SEAL_BYTES).unwrap_or_default();
    format!("venn-publisher={organization}:{}", HEXLOWER.encode(short))
}

fn has(text: &[u8], line: &str) -> bool {
    !line.is_empty()
        && text.split(|byte| *byte == b'\n').any(|one| one.trim_ascii() == line.as_bytes())
}

fn view(
    keys: &Keys,
    organization: OrganizationId,
    found: Option<Verification>,
    ended: Option<Ended>,
) -> VerificationView {
    let line = line(keys, &organization);
    let mut view = VerificationView {
        organization,
        verified: "no",
        domain: None,
        reason: String::new(),
        verified_by: None,
        verified_at: None,
        ended_at: ended.as_ref().map(|ended| ended.at),
        ended_reason: ended.map(|ended| ended.reason).unwrap_or_default(),
        line,
    };
    if let Some(found) = found {
        view.verified = found.how.name();
        match found.how {
            How::Domain => view.domain = Some(found.what),
            How::Vouched => view.reason = found.what,
        }
        view.verified_by = Some(found.by);
        view.verified_at = Some(found.at);
    }
    view
}
