//! Signing keys: registered, rotated and revoked by their organization.
//!
//! A first key is taken from whoever may publish: there is nothing to measure it
//! by. From then on a token is not enough: another key needs the word of one
//! that is active, or an admin with an admin token, so that a stolen publishing
//! token cannot bring a key of the thief's.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{OrganizationId, SigningKeyId, UserId},
    manifest::Problem,
    organization::Need,
    signing::{RevocationReason, endorsement_text, proof_text},
    time::Timestamp,
};
use venn_store::{
    organization::Organization,
    plugin::Change,
    signing_key::{NewSigningKey, Revocation, Right, SigningKey},
};

use crate::{
    answer::Created,
    api::{check, organization::resolve},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
    signing,
};

/// A signing key; the private half is nobody's but its owner's.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SigningKeyView {
    /// The key's id.
    id: SigningKeyId,
    /// What it is called.
    name: String,
    /// Ed25519, 64 hexadecimal digits.
    public_key: String,
    /// `active`, `retired` or `compromised`.
    #[schemars(extend("enum" = ["active", "retired", "compromised"]))]
    state: &'static str,
    /// Who registered it.
    registered_by: UserId,
    /// The key that spoke for it, if one did.
    endorsed_by: Option<SigningKeyId>,
    /// When it was registered.
    created_at: Timestamp,
    /// When it was revoked, if it was.
    revoked_at: Option<Timestamp>,
    /// Who revoked it.
    revoked_by: Option<String>,
    /// Releases that were signed then or later do not run.
    compromised_since: Option<Timestamp>,
}

/// `POST /v1/organizations/{org}/signing-keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyBody {
    /// What it is called.
    name: String,
    /// Ed25519, 64 lower-case hexadecimal digits.
    public_key: String,
    /// The new key's signature of its own registration.
    proof: String,
    /// The active key that speaks for it, and its signature.
    #[serde(default)]
    endorsed_by: Option<SigningKeyId>,
    /// That key's signature.
    #[serde(default)]
    endorsement: Option<String>,
}

/// `POST /v1/organizations/{org}/signing-keys/{key}/rotate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// What the new key is called.
    name: String,
    /// The new key: Ed25519, 64 lower-case hexadecimal digits.
    public_key: String,
    /// The new key's signature of its own registration.
    proof: String,
    /// The old key's signature.
    endorsement: String,
}

/// `POST /v1/organizations/{org}/signing-keys/{key}/revoke`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    /// Why.
    #[schemars(extend("enum" = ["retired", "compromised"]))]
    because: String,
    /// Since when others may have it; if not known, all that it ever signed stops.
    #[serde(default)]
    compromised_since: Option<Timestamp>,
}

/// `GET /v1/organizations/{org}/signing-keys`, oldest first.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<SigningKeyView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.signing_keys_page(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `POST /v1/organizations/{org}/signing-keys`: see the head for who may.
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<SigningKeyBody>,
) -> Result<Created<SigningKeyView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::developer).await?;
    let new = NewKey { name: body.name, public_key: body.public_key, proof: body.proof };
    new.check(&org.id)?;
    let right = match (body.endorsed_by, body.endorsement) {
        (Some(by), endorsement) => {
            let word = endorsement.unwrap_or_default();
            Right::Endorsed(endorsed(&app, &org, &by, &new.public_key, &word).await?)
        }
        (None, Some(_)) => return Err(bad_key("endorsed_by", "it is missing")),
        (None, None) if !app.store.has_signing_keys(&org.id).await? => Right::First,
        (None, None) if caller.need(Need::owner(&org.id)).is_ok() => Right::Admin,
        (None, None) => return Err(not_alone()),
    };
    let made = done(new.keep(&app, &caller, org.id, right).await?)?;
    Ok(Created(made))
}

/// `POST /v1/organizations/{org}/signing-keys/{key}/rotate`: the new key stands,
/// the old one is retired.
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path((org, key)): Path<(String, String)>,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<Created<SigningKeyView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::developer).await?;
    let old = find(&app, &org, &key).await?;
    let new = NewKey { name: body.name, public_key: body.public_key, proof: body.proof };
    new.check(&org.id)?;
    let old = endorsed(&app, &org, &old.id, &new.public_key, &body.endorsement).await?;
    let made = done(new.keep(&app, &caller, org.id, Right::Replaces(old)).await?)?;
    Ok(Created(made))
}

/// `POST /v1/organizations/{org}/signing-keys/{key}/revoke`: an admin with an
/// admin token, because it can stop every customer's installs.
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((org, key)): Path<(String, String)>,
    JsonBody(body): JsonBody<RevokeBody>,
) -> Result<Json<SigningKeyView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let key = find(&app, &org, &key).await?;
    let Some(reason) = RevocationReason::parse(&body.because) else {
        return Err(bad_key("because", "it is neither `retired` nor `compromised`"));
    };
    let now = app.store.now();
    let since = body.compromised_since;
    let distrusted_from = match reason {
        RevocationReason::Retired if since.is_some() => {
            return Err(bad_key("compromised_since", "a retired key is not compromised"));
        }
        RevocationReason::Retired => None,
        RevocationReason::Compromised if since.is_some_and(|at| at > now) => {
            return Err(bad_key("compromised_since", "it lies in the future"));
        }
        // Not known since when: nothing that it signed is believed.
        RevocationReason::Compromised => Some(since.unwrap_or(key.created_at)),
    };
    let seal = signing::seal_key(&app.keys, &key.id, &org.id, &key.public_key, distrusted_from);
    let actor = caller.user().clone();
    let revocation = Revocation { reason, distrusted_from, seal, actor };
    Ok(Json(done(app.store.revoke_signing_key(&key.id, revocation).await?)?))
}

struct NewKey {
    name: String,
    public_key: String,
    proof: String,
}

impl NewKey {
    fn check(&self, org: &OrganizationId) -> Result<(), ApiError> {
        let mut problems = check::Problems::default();
        problems.note("name", check::title(&self.name));
        problems.into_result()?;
        if !signing::is_public_key(&self.public_key) {
            return Err(bad_key(
                "public_key",
                "it is not an Ed25519 public key: 64 lower-case hexadecimal digits",
            ));
        }
        if signing::verify(&self.public_key, &proof_text(org, &self.public_key), &self.proof) {
            return Ok(());
        }
        Err(ApiError::new(
            Code::BadSignature,
            "The proof is not the new key's signature of its registration for this organization.",
            "Sign the text that `docs/signing.md` gives with the new key; `venn signing-keys` does.",
        ))
    }

    async fn keep(
        self,
        app: &App,
        caller: &Caller,
        organization: OrganizationId,
        right: Right,
    ) -> Result<Change<SigningKey>, ApiError> {
        let id = SigningKeyId::make(app.store.ids());
        let seal = signing::seal_key(&app.keys, &id, &organization, &self.public_key, None);
        let new = NewSigningKey {
            id,
            organization,
            name: self.name,
            public_key: self.public_key,
            seal,
            right,
            actor: caller.user().clone(),
        };
        Ok(app.store.register_signing_key(new).await?)
    }
}

/// The endorsing key, if it is active and this is its word.
async fn endorsed(
    app: &App,
    org: &Organization,
    by: &SigningKeyId,
    public_key: &str,
    word: &str,
) -> Result<SigningKeyId, ApiError> {
    let key = app.store.signing_key(by).await?.filter(|key| key.organization == org.id);
    let Some(key) = key.filter(|key| key.revoked.is_none()) else {
        return Err(ApiError::new(
            Code::BadSigningKey,
            format!("The key {by} is not an active signing key of your organization."),
            "Let an active key speak for the new one; `venn signing-keys list` shows them.",
        ));
    };
    if signing::verify(&key.public_key, &endorsement_text(&org.id, public_key, by), word) {
        return Ok(key.id);
    }
    Err(ApiError::new(
        Code::BadSignature,
        format!("The endorsement is not the signature of the key {by} for this new key."),
        "Sign the text that `docs/signing.md` gives with the old key; `venn signing-keys` does.",
    ))
}

fn not_alone() -> ApiError {
    ApiError::new(
        Code::EndorsementNeeded,
        "Your organization has signing keys: another one needs the word of an active key, or an admin.",
        "Add it where an active key is kept (`venn signing-keys add --endorse-with FILE`), or ask an admin of your organization.",
    )
}

fn bad_key(place: &str, reason: &str) -> ApiError {
    let next = "Correct it and send the request again.";
    let problem =
        Problem { place: place.to_owned(), reason: reason.to_owned(), next_step: next.to_owned() };
    ApiError::new(Code::Invalid, format!("`{place}` is not right: {reason}."), next)
        .with_problems(vec![problem])
}

async fn find(app: &App, org: &Organization, id: &str) -> Result<SigningKey, ApiError> {
    let found = app.store.signing_key(&id.parse()?).await?;
    found.filter(|key| key.organization == org.id).ok_or_else(ApiError::not_found)
}

fn done(change: Change<SigningKey>) -> Result<SigningKeyView, ApiError> {
    match change {
        Change::Done(now) => Ok(view(now)),
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(ApiError::new(
            Code::WrongState,
            format!("The signing key is {state}."),
            "Look at the keys: `venn signing-keys list`.",
        )),
    }
}

fn view(key: SigningKey) -> SigningKeyView {
    let (reason, revoked_at, revoked_by) = match key.revoked {
        Some((reason, at, by)) => (Some(reason), Some(at), Some(by)),
        None => (None, None, None),
    };
    SigningKeyView {
        id: key.id,
        name: key.name,
        public_key: key.public_key,
        state: reason.map_or("active", RevocationReason::name),
        registered_by: key.registered_by,
        endorsed_by: key.endorsed_by,
        created_at: key.created_at,
        revoked_at,
        revoked_by,
        compromised_since: key.distrusted_from,
    }
}
