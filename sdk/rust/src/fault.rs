//! Faults: what a run that did not work returns. Nothing is committed.
//!
//! A fault is the plugin's claim. The host draws its own conclusion from what
//! it saw; an honest claim makes that quicker, a wrong one changes nothing.
//! Declare every code in the manifest's `faults`, with an answer for people.
use crate::{Error, bindings::exports::venn::plugin::entry as raw, http::Response};

/// A run that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    code: String,
    cause: Cause,
    field: Option<String>,
    message: String,
    retry_after_s: Option<u32>,
}

/// Where the plugin sees the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// This plugin.
    Plugin,
    /// The service that it calls.
    ThirdParty,
    /// The customer's configuration or credential.
    CustomerConfig,
    /// Something was not allowed.
    GrantMissing,
    /// Venn.
    Platform,
    /// Cannot tell.
    Unknown,
}

impl Cause {
    /// The contract's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::ThirdParty => "third-party",
            Self::CustomerConfig => "customer-config",
            Self::GrantMissing => "grant-missing",
            Self::Platform => "platform",
            Self::Unknown => "unknown",
        }
    }
}

impl Fault {
    /// A fault with one of the manifest's codes and a sentence for people.
    /// No secrets in the sentence.
    pub fn new(code: impl Into<String>, cause: Cause, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, cause, field: None, message, retry_after_s: None }
    }

    /// The configuration field or connection to fix.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Seconds to wait before the next attempt.
    #[must_use]
    pub const fn retry_after_s(mut self, seconds: Option<u32>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// The fault of an HTTP answer that is no success, from a service that the
    /// manifest's fault codes call `service` and the connection `connection`:
    ///
    /// | status | code | cause |
    /// |---|---|---|
    /// | 401, 403 | `<service>-unauthorized` | customer-config, field = connection |
    /// | 429 | `<service>-rate-limited` | third-party, with its `Retry-After` |
    /// | 408, 5xx | `<service>-unavailable` | third-party, with its `Retry-After` |
    /// | others | `<service>-rejected` | plugin |
    pub fn of_status(service: &str, connection: &str, answer: &Response) -> Self {
        let status = answer.status;
        let (suffix, cause) = match status {
            401 | 403 => ("unauthorized", Cause::CustomerConfig),
            429 => ("rate-limited", Cause::ThirdParty),
            408 | 500..=599 => ("unavailable", Cause::ThirdParty),
            _ => ("rejected", Cause::Plugin),
        };
        // The answer's body may hold a customer's values: it stays out.
        let message = format!("{service} answered with status {status}");
        let fault = Self::new(format!("{service}-{suffix}"), cause, message)
            .retry_after_s(answer.retry_after_s());
        if cause == Cause::CustomerConfig { fault.field(connection) } else { fault }
    }

    /// The fault of an HTTP call that brought no answer: `<service>-unavailable`
    /// for a broken network, the code of [`Fault::from`] otherwise.
    pub fn of_call(service: &str, error: Error) -> Self {
        match error {
            Error::Network { kind, message } => Self::new(
                format!("{service}-unavailable"),
                Cause::ThirdParty,
                format!("{service} cannot be reached ({kind}): {message}"),
            ),
            other => other.into(),
        }
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The cause.
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What `?` makes of an error: `not-allowed`, `bad-call`, `limit-reached`,
/// `state-conflict`, `venn-unavailable`, `network`, `bad-data`.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, cause) = match &error {
            Error::Denied(_) => ("not-allowed", Cause::GrantMissing),
            Error::Invalid(_) => ("bad-call", Cause::Plugin),
            Error::Limit(_) => ("limit-reached", Cause::Plugin),
            Error::Conflict(_) => ("state-conflict", Cause::Platform),
            Error::Unavailable(_) => ("venn-unavailable", Cause::Platform),
            Error::Network { .. } => ("network", Cause::ThirdParty),
            Error::Data(_) => ("bad-data", Cause::Plugin),
        };
        Self::new(code, cause, error.to_string())
    }
}

impl From<Fault> for raw::Fault {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code,
            cause: fault.cause.name().into(),
            field: fault.field,
            message: fault.message,
            retry_after: fault.retry_after_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Denial;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(n, v)| (String::from(*n), String::from(*v))).collect();
        Response { status, headers, body: b"{\"secret\":1}".to_vec() }
    }

    #[test]
    fn a_status_names_who_can_fix_it() {
        let code = |status| {
            let fault = Fault::of_status("crm", "crm-key", &answer(status, &[]));
            (fault.code, fault.cause, fault.field)
        };
        let key = Some(String::from("crm-key"));
        assert_eq!(code(401), ("crm-unauthorized".into(), Cause::CustomerConfig, key.clone()));
        assert_eq!(code(403), ("crm-unauthorized".into(), Cause::CustomerConfig, key));
        assert_eq!(code(400), ("crm-rejected".into(), Cause::Plugin, None));
        assert_eq!(code(503), ("crm-unavailable".into(), Cause::ThirdParty, None));
    }

    #[test]
    fn a_rate_limit_says_how_long_and_nothing_of_the_body() {
        let fault = Fault::of_status("crm", "crm", &answer(429, &[("Retry-After", "7")]));
        assert_eq!((fault.code(), fault.retry_after_s), ("crm-rate-limited", Some(7)));
        assert_eq!(fault.message(), "crm answered with status 429");
        let dated = [("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")];
        assert_eq!(Fault::of_status("crm", "crm", &answer(429, &dated)).retry_after_s, None);
    }

    #[test]
    fn a_denial_is_told_whole() {
        let fault = Fault::from(Error::Denied(Denial {
            capability: "overlaps:read".into(),
            what: "field their-amount".into(),
            why: "the grant does not include it".into(),
            who_can_change_it: "customer-admin".into(),
        }));
        assert_eq!((fault.code(), fault.cause()), ("not-allowed", Cause::GrantMissing));
        assert_eq!(
            fault.message(),
            "overlaps:read: the grant does not include it (field their-amount)"
        );
    }
}
