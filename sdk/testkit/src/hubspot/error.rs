//! HubSpot's error bodies: `{status, message, correlationId, category, errors?, context?, links?}`.
//! Correlation ids are made from the call's number, so transcripts are equal from run to run.

use serde_json::{Map, Value, json};

use super::PORTAL_ID;
use crate::party::{Answer, Call, Trouble};

/// A call that HubSpot declines.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: u16,
    message: String,
    /// Everything but `status`, `message` and `correlationId`.
    rest: Map<String, Value>,
}

/// A property value that was not accepted.
#[derive(Debug)]
pub(super) struct Invalid {
    pub(super) name: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Problem {
    fn new(status: u16, category: &str, message: impl Into<String>) -> Self {
        let rest = Map::from_iter([("category".to_owned(), category.into())]);
        Self { status, message: message.into(), rest }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.rest.insert(name.to_owned(), value);
        self
    }

    /// 400: something about the request.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    /// 400: property values, all of them at once. The message holds JSON text, as documented.
    pub(super) fn properties(invalid: &[Invalid]) -> Self {
        let listed: Value = invalid
            .iter()
            .map(|one| {
                json!({
                    "isValid": false,
                    "message": one.message,
                    "error": one.code,
                    "name": one.name,
                    "localizedErrorMessage": one.message,
                    "portalId": PORTAL_ID,
                })
            })
            .collect();
        let errors = invalid.iter().map(|one| {
            json!({ "message": one.message, "code": one.code, "context": { "propertyName": [one.name] } })
        });
        Self::validation(format!("Property values were not valid: {listed}"))
            .with("errors", errors.collect())
    }

    /// 400: properties without which an object cannot be created.
    pub(super) fn required(kind: super::Kind, missing: &[&str]) -> Self {
        let kind = kind.singular().to_uppercase();
        Self::validation(format!("Error creating {kind}. Some required properties were not set."))
            .with("context", json!({ "properties": missing }))
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(405, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed")
    }

    /// 409: a contact with that e-mail address.
    pub(super) fn contact_exists(id: u64) -> Self {
        Self::new(409, "CONFLICT", format!("Contact already exists. Existing ID: {id}"))
    }

    /// 409: HubSpot documents category and status; the words are ours.
    pub(super) fn already_exists(what: &str, name: &str) -> Self {
        Self::new(409, "OBJECT_ALREADY_EXISTS", format!("A {what} named '{name}' already exists."))
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you \
             can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        )
    }

    pub(super) fn missing_scopes(scopes: &[String]) -> Self {
        let page = "https://developers.hubspot.com/scopes";
        let message = format!(
            "This app hasn't been granted all required scopes to make this call. Read more about \
             required scopes here: {page}."
        );
        let error = json!({
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": scopes },
        });
        Self::new(403, "MISSING_SCOPES", message)
            .with("errors", json!([error]))
            .with("links", json!({ "scopes": page }))
    }

    /// 429 has a body of its own: `errorType` and `policyName`, no `category`.
    pub(super) fn rate_limited(daily: bool) -> Self {
        let (message, policy) = if daily {
            ("You have reached your daily limit.", "DAILY")
        } else {
            ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
        };
        let rest = [("errorType", "RATE_LIMIT"), ("policyName", policy)];
        let rest = rest.map(|(name, value)| (name.to_owned(), value.into()));
        Self { status: 429, message: message.to_owned(), rest: Map::from_iter(rest) }
    }

    /// A failure that a test scripted.
    pub(super) fn scripted(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Unauthorized => Self::unauthenticated(),
            Trouble::Forbidden => Self::missing_scopes(&["crm.objects.contacts.write".to_owned()]),
            Trouble::RateLimited { daily, .. } => Self::rate_limited(*daily),
            // Documented are the statuses; the words are ours.
            Trouble::Status { code, .. } => {
                let reason =
                    http::StatusCode::from_u16(*code).ok().and_then(|code| code.canonical_reason());
                let message = reason.unwrap_or("internal error").to_lowercase();
                Self { status: *code, message, rest: Map::new() }
            }
        }
    }

    pub(super) fn answer(&self, call: &Call) -> Answer {
        let correlation_id = format!("00000000-0000-4000-8000-{:012x}", call.order);
        let mut body = Map::new();
        body.insert("status".to_owned(), "error".into());
        body.insert("message".to_owned(), self.message.clone().into());
        body.insert("correlationId".to_owned(), correlation_id.clone().into());
        body.extend(self.rest.clone());
        Answer::json(self.status, &body.into()).header("x-hubspot-correlation-id", correlation_id)
    }

    /// This problem as one of several in a 207 answer.
    pub(super) fn within_batch(&self, context: &Value) -> Value {
        let category = self.rest.get("category").cloned().unwrap_or_default();
        json!({ "status": "error", "category": category, "message": self.message, "context": context })
    }
}
