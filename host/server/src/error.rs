//! The one error of the API: RFC 9457 problem documents with stable codes.
//!
//! To add a code: a line in the `codes!` table; the documents and the test
//! that every code is documented derive from it. The source of an error is
//! logged and never sent.
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use venn_domain::{count::counted, id::BadId, manifest::Problem, organization::AccessDenied};
use venn_store::StoreError;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $owner:literal, $title:literal;)*) => {
        /// Every code that the API answers with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $name),* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// Who can do something about it: `caller`, `organization-admin` or `platform`.
            pub const fn owner(self) -> &'static str {
                match self { $(Self::$name => $owner),* }
            }

            /// What it means, in one sentence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

codes! {
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "caller", "There is no valid token with the request.";
    LoginFailed = "login-failed", UNAUTHORIZED, "caller", "The organization, address and password do not belong together.";
    CodeNeeded = "code-needed", UNAUTHORIZED, "caller", "The password is right; a code of the second factor is missing or wrong.";
    NotFound = "not-found", NOT_FOUND, "caller", "There is no such thing, or it is not yours to see.";
    RoleTooSmall = "role-too-small", FORBIDDEN, "organization-admin", "The member's role does not allow this.";
    ScopeTooSmall = "scope-too-small", FORBIDDEN, "caller", "The token's scopes do not allow this.";
    CrossSite = "cross-site", FORBIDDEN, "caller", "The call was not made by a page of this server.";
    OwnRelease = "own-release", FORBIDDEN, "platform", "Nobody approves a release of their own.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "caller", "The address exists, but not with this method.";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "caller", "The caller does not take what this call answers.";
    BadBody = "bad-body", BAD_REQUEST, "caller", "The request's body is not what this call takes.";
    BadQuery = "bad-query", BAD_REQUEST, "caller", "A query parameter is not what this call takes.";
    BadCursor = "bad-cursor", BAD_REQUEST, "caller", "The cursor is not one that this listing gave out.";
    BadUpload = "bad-upload", BAD_REQUEST, "caller", "The upload broke off or is not what this call takes.";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "caller", "The request is larger than the published limit.";
    ContentType = "content-type", UNSUPPORTED_MEDIA_TYPE, "caller", "The body's content type is not the one this call takes.";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "caller", "The request is well-formed, but something in it is not allowed.";
    BadList = "bad-list", UNPROCESSABLE_ENTITY, "caller", "The company list cannot be read.";
    BadManifest = "bad-manifest", UNPROCESSABLE_ENTITY, "caller", "The manifest has problems.";
    BadConfig = "bad-config", UNPROCESSABLE_ENTITY, "caller", "The configuration breaks the plugin's schema.";
    BadGrant = "bad-grant", UNPROCESSABLE_ENTITY, "caller", "The grant goes beyond what was approved, or names what is not there.";
    GateFailed = "gate-failed", UNPROCESSABLE_ENTITY, "caller", "The component did not pass the gate's checks.";
    Unsigned = "unsigned", UNPROCESSABLE_ENTITY, "caller", "The release is not signed.";
    BadSigningKey = "bad-signing-key", UNPROCESSABLE_ENTITY, "caller", "The key may not sign for this organization.";
    BadSignature = "bad-signature", UNPROCESSABLE_ENTITY, "caller", "The signature is not of what was sent.";
    EndorsementNeeded = "endorsement-needed", FORBIDDEN, "organization-admin", "Another signing key needs the word of an active one, or an admin.";
    WebhookUnsigned = "webhook-unsigned", UNAUTHORIZED, "caller", "The call of a webhook is not signed by its sender.";
    WebhookUnusable = "webhook-unusable", BAD_REQUEST, "caller", "The call of a webhook is signed, but not now, or about nobody.";
    NotProved = "not-proved", CONFLICT, "caller", "The domain does not show whose it is.";
    Taken = "taken", CONFLICT, "caller", "The name is already taken.";
    VersionTaken = "version-taken", CONFLICT, "caller", "This version was already published with other bytes.";
    WrongState = "wrong-state", CONFLICT, "caller", "It is not in a state in which this can be done.";
    CheckFailed = "check-failed", CONFLICT, "organization-admin", "The plugin's check found an error.";
    ConnectFailed = "connect-failed", CONFLICT, "organization-admin", "The service gave no token.";
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "caller", "The idempotency key was used for another request.";
    TooMany = "too-many", TOO_MANY_REQUESTS, "caller", "Too much was tried in a short time.";
    Busy = "busy", SERVICE_UNAVAILABLE, "platform", "Venn cannot take this now.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "platform", "Something of ours failed.";
}

/// Marks the answer to a request of which nobody knows whether it took effect.
#[derive(Debug, Clone, Copy)]
pub struct Unconfirmed;

/// An error on its way to the caller.
#[derive(Debug)]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    detail: String,
    next_step: String,
    problems: Vec<Problem>,
    unconfirmed: bool,
    retry_after_s: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why a request was refused (RFC 9457): all keys always there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemView<'a> {
    /// `urn:venn:error:` and the code.
    r#type: String,
    /// What the code means, in one sentence; it may be reworded.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A stable name: scripts may depend on it.
    code: &'a str,
    /// What happened here, with the place.
    detail: &'a str,
    /// Who can do something about it: `caller`, `organization-admin` or `platform`.
    owner: &'a str,
    /// What to do.
    next_step: &'a str,
    /// Every problem with its place; empty where there is one only.
    problems: &'a [Problem],
}

/// Seconds after which a call that could not be taken is worth another try.
pub const RETRY_AFTER_S: &str = "5";

impl ApiError {
    /// An error with what happened and what to do next.
    pub fn new(code: Code, detail: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            next_step: next_step.into(),
            problems: Vec::new(),
            unconfirmed: false,
            retry_after_s: None,
            source: None,
        }
    }

    /// Too much in a short time: what it was, and how long to wait.
    pub fn wait(detail: &str, wait_ms: u64) -> Self {
        let seconds = wait_ms.div_ceil(1_000).max(1);
        let next = format!("Wait {}, then try again.", counted(seconds, "second", "seconds"));
        Self { retry_after_s: Some(seconds), ..Self::new(Code::TooMany, detail, next) }
    }

    /// The answer for what does not exist, and for what must look so.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is no such thing, or it is not yours to see.",
            "Check the address and the organization that your token is for (`GET /v1/me`).",
        )
    }

    /// Something of ours failed; the source is logged, never sent.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            Code::Internal,
            "Something of ours failed; nothing was changed.",
            "Try again; if it stays, tell the platform's support the time of the request.",
        );
        error.source = Some(source.into());
        error
    }

    /// What happened and what to do, for a page.
    pub fn told(&self) -> String {
        format!("{} {}", self.detail, self.next_step)
    }

    /// Adds problems with their places.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            tracing::error!(
                error = source.as_ref() as &dyn std::error::Error,
                "api.request failed"
            );
        }
        let view = ProblemView {
            r#type: format!("urn:venn:error:{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.name(),
            detail: &self.detail,
            owner: self.code.owner(),
            next_step: &self.next_step,
            problems: &self.problems,
        };
        let mut response = (self.code.status(), Json(view)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        let status = self.code.status();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            let wait =
                self.retry_after_s.map_or(HeaderValue::from_static(RETRY_AFTER_S), Into::into);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.unconfirmed {
            response.extensions_mut().insert(Unconfirmed);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::new(
                Code::Taken,
                format!("{what} is already taken."),
                "Choose another name, or use what is there.",
            ),
            StoreError::Unconfirmed => {
                let mut error = Self::new(
                    Code::Busy,
                    "The database went away while it committed; it is not known whether the request took effect.",
                    "Look whether it did before you send it again.",
                );
                error.unconfirmed = true;
                error.source = Some(StoreError::Unconfirmed.into());
                error
            }
            away if away.is_away() => {
                let mut error = Self::new(
                    Code::Busy,
                    "The database is away for the moment.",
                    "Try again in a few seconds.",
                );
                error.source = Some(away.into());
                error
            }
            other => Self::internal(other),
        }
    }
}

impl From<AccessDenied> for ApiError {
    fn from(denied: AccessDenied) -> Self {
        let detail = denied.to_string();
        match denied {
            AccessDenied::NotVisible => Self::not_found(),
            AccessDenied::Role { .. } => Self::new(
                Code::RoleTooSmall,
                detail,
                "Ask an admin of your organization to do it or to change your role.",
            ),
            AccessDenied::Scope { needed } => Self::new(
                Code::ScopeTooSmall,
                detail,
                format!("Make a token with the scope `{needed}` and use that."),
            ),
            AccessDenied::Nouns { .. } => Self::new(
                Code::ScopeTooSmall,
                detail,
                "Use a token for all calls, or log in: who adds people or lets them in could be any of them.",
            ),
        }
    }
}

impl From<BadId> for ApiError {
    /// An id that cannot exist is answered like one that does not.
    fn from(_: BadId) -> Self {
        Self::not_found()
    }
}
